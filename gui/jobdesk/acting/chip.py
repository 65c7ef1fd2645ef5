"""The chip in the footer: what is being done, how far it is, Pause and Stop. A click on its words opens the panel."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from jobdesk.acting.act import Act
from jobdesk.acting.acts import Acts
from jobdesk.kit import formats
from jobdesk.kit.dress import dress
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.layouts import in_row
from jobdesk.kit.theme import theme

HEIGHT, SIDE = 22, 12
_TURN_MS = 80


class ActChip(QFrame):
    """Hidden while nothing runs."""

    panel_asked_for = Signal()

    def __init__(self, acts: Acts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._acts = acts
        self.setObjectName("chip")
        keep_sizes(self, height=HEIGHT)
        self.spinner = Spinner()
        self.words = self._link(self.panel_asked_for.emit)
        self.words.setToolTip(self.tr("Show what has become of the jobs"))
        self.pause = self._link(self._pause)
        self.stop = self._link(self._stop)
        self.stop.setText(self.tr("Stop"))
        in_row(self.spinner, self.words, self.pause, self.stop, within=self, margins=(10, 2, 6, 2), spacing=4)
        acts.changed.connect(self.show_acts)
        self.show_acts()

    def show_acts(self) -> None:
        """Show what runs now."""
        running = self._acts.running
        self.setVisible(bool(running))
        if not running:
            self.spinner.turn(False)
            return
        is_one = len(running) == 1
        act = running[0]
        state = act.state
        self.words.setText(words_of(act) if is_one else self._of_several(running))
        dress(self.words, tone="warning" if is_one and state == "held" else "")
        self.words.setAccessibleName(self.words.text())
        self.pause.setVisible(is_one and act.errand.can_pause and state != "stopping")
        self.pause.setText(self.tr("Go on") if act.is_paused else self.tr("Pause"))
        self.stop.setVisible(is_one)
        self.stop.setEnabled(state != "stopping")
        self.spinner.turn(any(each.state in ("running", "waiting", "pausing", "stopping") for each in running))
        self.spinner.set_share(sum(each.done for each in running) / _all(running))

    def _of_several(self, running: list[Act]) -> str:
        percent = 100 * sum(each.done for each in running) // _all(running)
        return self.tr("{count} acts · {percent} %").format(count=len(running), percent=percent)

    def _pause(self) -> None:
        for act in self._acts.running[:1]:
            act.go_on() if act.is_paused else act.pause()

    def _stop(self) -> None:
        for act in self._acts.running[:1]:
            act.stop()

    def _link(self, clicked: object) -> QPushButton:
        button = QPushButton()
        button.setObjectName("link")
        button.setAutoDefault(False)
        button.clicked.connect(clicked)
        return button


class Spinner(QWidget):
    """A ring that is filled as far as the act is, and turns while something goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(SIDE, SIDE)
        self._share, self._angle = 0.0, 90
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._turn)
        theme().changed.connect(self.update)

    def turn(self, is_turning: bool) -> None:
        """Turn, or stand still."""
        if is_turning and not self._clock.isActive():
            self._clock.start(_TURN_MS)
        elif not is_turning:
            self._clock.stop()

    def set_share(self, share: float) -> None:
        """How far it is, from 0 to 1."""
        self._share = share
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(1.5, 1.5, SIDE - 3, SIDE - 3)
        painter.setPen(QPen(tokens.colour("line"), 1.8))
        painter.drawEllipse(box)
        pen = QPen(tokens.colour("accent"), 1.8)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawArc(box, self._angle * 16, -int(360 * 16 * max(0.2, self._share)))
        painter.end()

    def _turn(self) -> None:
        self._angle = (self._angle - 24) % 360
        self.update()


def words_of(act: Act) -> str:
    """What one act says of itself in a line."""
    done, of = formats.number(act.done), formats.number(act.progress.of)
    state = act.state
    if state == "stopping":
        return act.tr("Stopping at {done} of {of}…").format(done=done, of=of)
    if state == "pausing":
        return act.tr("Pausing at {done} of {of}…").format(done=done, of=of)
    if state == "paused":
        return act.tr("Paused at {done} of {of}").format(done=done, of=of)
    if state == "held":
        return act.tr("Paused: {reason}").format(reason=act.held[:1].lower() + act.held[1:])
    if state == "waiting":
        name = formats.cut(act.errand.desk.profile.name, 40)
        return act.tr("Waiting for {name}, {done} of {of} done…").format(name=name, done=done, of=of)
    parts = [act.errand.doing, act.tr("{percent} %").format(percent=act.percent)]
    if act.per_second >= 1:
        parts.append(act.tr("{rate}/s").format(rate=formats.number(round(act.per_second))))
    return " · ".join(parts)


def _all(acts: list[Act]) -> int:
    return max(1, sum(act.progress.of for act in acts))
