"""The banners of acts that are over: what was done, its jobs as a link, ledger and undo. They stay until closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from jobdesk.acting.act import Act
from jobdesk.kit.message_bar import MessageBar
from jobdesk.kit.theme.tokens import Kind

#: So many are on show; the oldest goes when one more comes.
MOST = 3
Button = tuple[str, Callable[[], object]]


class Banners(QWidget):
    """One below the other, newest first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._bars: list[tuple[MessageBar, Act | None]] = []
        self._settle()

    def add(
        self,
        kind: Kind,
        sentence: str,
        remedy: str = "",
        *,
        actions: Sequence[Button] = (),
        named: str = "",
        show: Callable[[], object] | None = None,
        act: Act | None = None,
        closed: Callable[[], object] = lambda: None,
    ) -> MessageBar:
        """Tell what was done; `named` within the sentence is a link that calls `show`."""
        bar = MessageBar()
        bar.show_message(kind, sentence, remedy, actions, link=(named, show) if named and show is not None else None)
        bar.closed.connect(lambda: self._drop(bar))
        bar.closed.connect(closed)
        self._column.insertWidget(0, bar)
        self._bars.insert(0, (bar, act))
        while len(self._bars) > MOST:
            self._drop(self._bars[-1][0])
        self._settle()
        return bar

    def set_actions(self, act: Act, actions: Sequence[Button]) -> None:
        """Offer these buttons in the banner of this act, if it is still on show."""
        for bar, of in self._bars:
            if of is act:
                bar.set_actions(actions)

    def drop(self, act: Act) -> None:
        """Tell of this act no longer."""
        for bar, of in list(self._bars):
            if of is act:
                self._drop(bar)

    def clear(self) -> None:
        """Close them all."""
        for bar, _ in list(self._bars):
            self._drop(bar)

    @property
    def bars(self) -> list[MessageBar]:
        """The banners on show, newest first."""
        return [bar for bar, _ in self._bars]

    @property
    def sentence(self) -> str:
        """What the newest says; empty when there is none."""
        return self._bars[0][0].sentence if self._bars else ""

    def _drop(self, bar: MessageBar) -> None:
        self._bars = [each for each in self._bars if each[0] is not bar]
        self._column.removeWidget(bar)
        bar.hide()
        bar.deleteLater()
        self._settle()

    def _settle(self) -> None:
        self.setVisible(bool(self._bars))
