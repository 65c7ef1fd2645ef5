"""The first tab of the panel: what is active, and what was, today or in the last 30 days."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobdesk_core.alerts.alert import Alert
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from jobdesk.alerts.cards import AlertCard, EarlierLine, caption_line, minute
from jobdesk.alerts.watcher import Watcher
from jobdesk.kit import formats
from jobdesk.kit.labels import plain_label
from jobdesk.kit.layouts import empty_layout
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.work import Work

MONTH = 30
#: Cards shown at most; more are counted.
MOST_CARDS = 50
#: Lines of what is over shown at first, and more by each wish.
MOST_LINES = 50


class ListTab(QWidget):
    """Follows the watcher while it is in sight. `database` is the one that is open, empty for none."""

    remedy_asked_for = Signal(str, object)  # a Way, and the Alert

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.watcher: Watcher | None = None
        self.database = ""
        #: Whether a button can lead to another database than the one on show.
        self.can_open: Callable[[str], bool] = lambda name: False
        #: Whether what is known of the one on show is of the past.
        self.is_stale: Callable[[], bool] = lambda: False
        self.cards: dict[tuple[str, str, str], AlertCard] = {}
        self.earlier: list[EarlierLine] = []
        self._shown_earlier: tuple[list[Alert], bool] = [], False
        self._last: Alert | None = None
        self._days, self._most = 0, MOST_LINES
        self._work = Work(self)
        self.whose = Segmented([self.tr("This database"), self.tr("All")])
        self.whose.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.whose.changed.connect(lambda _: self.show_all())
        head, self._count = caption_line(self.tr("ACTIVE"))
        self.quiet = plain_label("secondary")
        self.quiet.setContentsMargins(16, 8, 16, 12)
        self.more = plain_label("secondary")
        self.more.setContentsMargins(16, 4, 16, 8)
        self._earlier_head, self._earlier_count = caption_line("")
        self.longer = QPushButton(self.tr("Show the last 30 days"))
        self.longer.setObjectName("link")
        self.longer.clicked.connect(self._show_longer)
        self.further = QPushButton()
        self.further.setObjectName("link")
        self.further.hide()
        self.further.clicked.connect(self._show_further)
        self._cards, self._lines = QVBoxLayout(), QVBoxLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 12)
        column.setSpacing(0)
        column.addLayout(_row(head, self._count, self.whose))
        for layout in (self._cards, self._lines):
            layout.setSpacing(0)
        column.addLayout(self._cards)
        column.addWidget(self.more)
        column.addWidget(self.quiet)
        column.addSpacing(8)
        column.addLayout(_row(self._earlier_head, self._earlier_count))
        column.addLayout(self._lines)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 8, 12, 0)
        foot.addWidget(self.further)
        foot.addWidget(self.longer)
        foot.addStretch()
        column.addLayout(foot)
        column.addStretch()

    def show_all(self) -> None:
        """Show what the watcher knows now, and read what is over."""
        if self.watcher is None:
            return
        shown = self.database if self.whose.current() == 0 and self.database else None
        self._show_choice()
        every = self.watcher.all_active(shown)
        muted = [alert for alert in every if alert.muted]
        self._show_cards([alert for alert in every if not alert.muted], names_database=shown is None)
        self._show_quiet(bool(self.cards))
        self._work.start(
            self.watcher.earlier(shown, self._days, self._most),
            name="earlier alerts",
            then=lambda found: self._show_earlier(muted, *found, names_database=shown is None),
            failed=lambda error: self._show_earlier(muted, [], 0, None, names_database=False),
            replaces=True,
        )

    def _show_choice(self) -> None:
        assert self.watcher is not None
        count = len(self.watcher.active())
        self.whose.set_texts(
            [formats.cut(self.database, 20), self.tr("All {count}").format(count=formats.number(count))]
        )
        self.whose.setVisible(bool(self.database))

    def _show_cards(self, alerts: Sequence[Alert], *, names_database: bool) -> None:
        self._count.setText(formats.number(len(alerts)) if alerts else "")
        wanted = {(alert.database, *alert.place): alert for alert in alerts[:MOST_CARDS]}
        for key in [key for key in self.cards if key not in wanted]:
            card = self.cards.pop(key)
            self._cards.removeWidget(card)
            card.hide()
            card.deleteLater()
        for place, (key, alert) in enumerate(wanted.items()):
            known = self.cards.get(key)
            if known is None:
                known = self.cards[key] = self._new_card()
            if self._cards.indexOf(known) != place:
                self._cards.removeWidget(known)
                self._cards.insertWidget(place, known)
                known.show()
            is_here = alert.database == self.database
            is_reached = is_here or self.can_open(alert.database)
            barred = "" if is_reached else self.tr("Choose the tab of its database first.")
            known.show_alert(
                alert, names_database=names_database, is_here=is_here, barred=barred, is_stale=self.is_stale()
            )
        beyond = len(alerts) - len(wanted)
        self.more.setText(self.tr("{count} more are active.").format(count=formats.number(beyond)))
        self.more.setVisible(beyond > 0)

    def _new_card(self) -> AlertCard:
        card = AlertCard()
        card.remedy_asked_for.connect(self.remedy_asked_for)
        card.mute_asked_for.connect(self._mute)
        return card

    def _show_quiet(self, is_active: bool) -> None:
        assert self.watcher is not None
        told = [self.watcher.trouble, self.watcher.alerting.trouble, self.watcher.desktop_trouble]
        if not is_active:
            last = self._last
            words = self.tr("Nothing active.")
            if last is not None and last.over_at is not None:
                words = self.tr("Nothing active. Last: {title}, {began} – {over}.").format(
                    title=last.title, began=minute(last.since), over=minute(last.over_at)
                )
            told.insert(0, words)
        text = "\n".join(filter(None, told))
        self.quiet.setText(formats.breakable(formats.visible_lines(text)))
        self.quiet.setVisible(bool(text))

    def _show_earlier(
        self, muted: Sequence[Alert], found: Sequence[Alert], count: int, last: Alert | None, *, names_database: bool
    ) -> None:
        self._last = last
        self._show_quiet(bool(self.cards))
        shown, more = [*muted, *found], count - len(found)
        self.further.setText(self.tr("Show {count} more").format(count=formats.number(min(more, MOST_LINES))))
        self.further.setVisible(more > 0)
        self._earlier_head.setText(self.tr("THE LAST 30 DAYS") if self._days else self.tr("EARLIER TODAY"))
        self._earlier_head.setVisible(bool(shown) or bool(self._days))
        self._earlier_count.setText(formats.number(len(shown) + more) if shown else "")
        self.longer.setText(self.tr("Show only today") if self._days else self.tr("Show the last 30 days"))
        if (shown, names_database) == self._shown_earlier:
            return
        before, named = self._shown_earlier
        # What goes on below what is there is all that is made anew.
        is_longer = named is names_database and shown[: len(before)] == before
        kept, self._shown_earlier = len(before) if is_longer else 0, (shown, names_database)
        if not kept:
            empty_layout(self._lines)
            self.earlier = []
        for alert in shown[kept:]:
            line = EarlierLine(alert, names_database=names_database)
            line.unmute_asked_for.connect(self._unmute)
            self._lines.addWidget(line)
            self.earlier.append(line)

    def _show_longer(self) -> None:
        self._days, self._most = 0 if self._days else MONTH, MOST_LINES
        self.show_all()

    def _show_further(self) -> None:
        self._most += MOST_LINES
        self.show_all()

    def _mute(self, alert: Alert, hours: float, until_over: bool) -> None:
        if self.watcher is not None:
            self.watcher.mute(alert, hours=hours, until_over=until_over)

    def _unmute(self, alert: Alert) -> None:
        if self.watcher is not None:
            self.watcher.unmute(mute for mute in self.watcher.mutes() if mute.covers(alert))


def _row(head: QLabel, count: QLabel, right: QWidget | None = None) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(16, 4, 16, 4)
    row.setSpacing(6)
    row.addWidget(head)
    row.addWidget(count)
    row.addStretch()
    if right is not None:
        row.addWidget(right)
    return row
