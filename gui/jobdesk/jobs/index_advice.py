"""Shows which index would make a filter fast, and creates it when its verb is pressed; never before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from jobdesk_core.indexes.advice import IndexAdvice, Leftover
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton, QWidget

from jobdesk.kit.dialog_frame import WORK, DialogFrame
from jobdesk.kit.fields import FieldList
from jobdesk.kit.theme import theme

_LEFT = "look for what is left"
_MEGABYTE = 1_000_000


class IndexAdviceDialog(DialogFrame):
    """`create` creates the index; `leftovers` tells what an unfinished creation has left."""

    help_place = ("jobs", "when-a-filter-is-slow")

    def __init__(
        self,
        parent: QWidget | None,
        *,
        advice: IndexAdvice,
        filter_text: str,
        create: Callable[[], Awaitable[None]],
        leftovers: Callable[[], Awaitable[list[Leftover]]],
    ) -> None:
        super().__init__(
            parent,
            title=self.tr("An index would make this filter fast"),
            sentence=advice.reason,
            verb=self.tr("Create the index"),
            width=640,
        )
        self._advice = advice
        self._create = create
        self._leftovers = leftovers
        self.fields = FieldList()
        self.fields.set_fields(
            [
                (self.tr("filter"), filter_text, "mono"),
                (self.tr("size"), self._size(), ""),
                (self.tr("cost to writers"), advice.writers, ""),
                (self.tr("while it is built"), self._build_text(), ""),
            ]
        )
        self.sql = QPlainTextEdit(advice.sql)
        self.sql.setObjectName("code")
        self.sql.setReadOnly(True)
        self.sql.setTabChangesFocus(True)
        self.sql.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.sql.setAccessibleName(self.tr("SQL that creates the index"))
        self.sql.setFixedHeight(theme().grown(84))
        self.copy_button = QPushButton(self.tr("Copy the SQL"))
        self.copy_button.setObjectName("link")
        self.copy_button.setAutoDefault(False)
        self.copy_button.clicked.connect(lambda: QApplication.clipboard().setText(advice.sql))
        self.content.addWidget(self.fields)
        self.content.addWidget(self.sql)
        self.links.addWidget(self.copy_button)
        if advice.refusal is not None:
            self.verb.setEnabled(False)
            self.message.show_message("info", advice.refusal)

    def submit(self) -> None:
        """Create it."""
        if self._advice.refusal is not None:
            return

        async def create() -> None:
            await self._create()

        self.run(create(), lambda _: self.accept())

    def reject(self) -> None:
        """Close; a creation that is under way is stopped first, and what it leaves is told."""
        is_creating = self.work.is_running(WORK)
        super().reject()
        if is_creating:
            self.work.start(self._look(), name=_LEFT, then=self._tell, failed=self._failed, replaces=True)

    async def _look(self) -> list[Leftover]:
        return [left for left in await self._leftovers() if left.name == self._advice.name]

    def _tell(self, found: list[Leftover]) -> None:
        for left in found:
            self.message.show_message(
                "warning",
                self.tr("Stopped. The unfinished index is of no use and slows down every write."),
                self.tr("Drop it: {sql}").format(sql=left.drop_sql),
                [(self.tr("Copy the SQL"), partial(QApplication.clipboard().setText, left.drop_sql))],
            )

    def _size(self) -> str:
        size, table = (self._megabytes(each) for each in (self._advice.size_bytes, self._advice.table_bytes))
        return self.tr("about {size}, beside {table} of the table").format(size=size, table=table)

    def _megabytes(self, size: int) -> str:
        return f"{size / _MEGABYTE:,.0f} MB" if size >= 10 * _MEGABYTE else f"{size / _MEGABYTE:.1f} MB"

    def _build_text(self) -> str:
        return self.tr(
            "Nobody is blocked (CONCURRENTLY). The table is read twice, and open transactions are waited for."
        )
