"""Asks before a connection, or the program, is left while an export runs: without its end there is no file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtWidgets import QWidget

from jobdesk.connection.desk import Desk
from jobdesk.kit.dialog_frame import DialogFrame


@dataclass(frozen=True, slots=True)
class Running:
    """An export under way: whose, and how far it is, in words."""

    desk: Desk
    task: asyncio.Task[Any]
    says: Callable[[], str]

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.task.done()


class ExportLeaveDialog(DialogFrame):
    """`go_on` is called when the exports have been stopped and have ended."""

    help_place = ("exporting", "")

    def __init__(
        self, parent: QWidget | None, *, concerned: list[Running], is_end: bool, go_on: Callable[[], object]
    ) -> None:
        super().__init__(parent, title=" ", sentence=" ", verb=" ")
        self._concerned, self._is_end, self._go_on = concerned, is_end, go_on
        self.setWindowTitle(self.tr("An export is running"))
        self.cancel_button.setText(self.tr("Stay"))
        self.cancel_button.setFocus()
        self._show()
        for each in concerned:
            self.work.start(_end_of(each), name="watch", then=lambda _: self._show())

    def submit(self) -> None:
        """Stop them, wait for their end, then go on."""
        self.run(self._stop(), self._leave)

    async def _stop(self) -> None:
        tasks = [each.task for each in self._concerned if not each.is_over]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _leave(self, _: object) -> None:
        self.accept()
        self._go_on()

    def _show(self) -> None:
        running = [each for each in self._concerned if not each.is_over]
        if not running:
            self.title.setText(self.tr("Nothing is running any more."))
            self.sentence.setText(self.tr("The banner says what was written."))
            self.verb.setText(self.tr("Close") if self._is_end else self.tr("Disconnect"))
            return
        if len(running) == 1:
            self.title.setText(self.tr("An export is running."))
            verb = self.tr("Stop it and close") if self._is_end else self.tr("Stop it and disconnect")
        else:
            self.title.setText(self.tr("{count} exports are running.").format(count=len(running)))
            verb = self.tr("Stop them and close") if self._is_end else self.tr("Stop them and disconnect")
        told = "\n".join(f"{each.says()}." for each in running)
        lost = self.tr("When it is stopped, no file is written; what was there before stays.")
        self.sentence.setText(f"{told}\n{lost}")
        self.verb.setText(verb)


async def _end_of(running: Running) -> None:
    await asyncio.wait([running.task])
