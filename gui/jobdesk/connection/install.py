"""Offers to create the schema in a database that has none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from jobdesk_core.database.schema import RELEASES
from PySide6.QtWidgets import QWidget

from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.fields import FieldList


class InstallDialog(DialogFrame):
    """Says what will be created, where and as whom; one transaction, all or nothing."""

    help_place = ("connections", "installing-the-schema")

    def __init__(
        self, parent: QWidget | None, *, database: str, role: str, install: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(
            parent,
            title=self.tr("Install the schema"),
            sentence=self.tr("Everything is created in one transaction: all of it or nothing."),
            verb=self.tr("Install the schema"),
        )
        self._install = install
        fields = FieldList()
        fields.set_fields(
            [
                (self.tr("database"), database, ""),
                (self.tr("as role"), role, ""),
                (self.tr("works with"), f"Procrastinate {RELEASES}", ""),
                (self.tr("creates"), self.tr("4 tables, 3 types, 18 functions, 7 triggers, all procrastinate_…"), ""),
            ]
        )
        self.content.addWidget(fields)

    def submit(self) -> None:
        """Create it."""

        async def install() -> None:
            await self._install()

        self.run(install(), lambda _: self.accept())
