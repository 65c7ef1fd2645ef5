"""What in the schema is not as released: each difference as it is, as it should be, and the SQL that mends it."""

from __future__ import annotations

from jobdesk_core.health.schema_drift import Difference, Drift
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton, QWidget

from jobdesk.health.tables import STATES
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.splitter import Splitter
from jobdesk.kit.table import Table
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.values_model import Cell, Title, ValuesModel

_DISABLED: tuple[str, Tone] = ("triangle", "warning")


class DifferencesDialog(DialogFrame):
    """Shows them; nothing is run."""

    help_place = ("health", "indexes")

    def __init__(self, parent: QWidget | None, drift: Drift) -> None:
        count = len(drift.differences)
        one, many = self.tr("1 difference from the release"), self.tr("{count} differences from the release")
        super().__init__(
            parent,
            title=one if count == 1 else many.format(count=count),
            sentence=self.tr("Beside the schema of release {release}. Jobdesk changes none of it.").format(
                release=drift.release
            ),
            verb="",
            width=720,
        )
        self._differences = drift.differences
        titles = [
            Title(self.tr("what"), 84, is_right=False),
            Title(self.tr("name"), 300, is_right=False),
            Title(self.tr("state"), 96, is_right=False, sample="missing xx"),
            Title(self.tr("note"), 200, is_right=False),
        ]
        self.table = Table(self.tr("Differences"))
        self.model = ValuesModel(titles, self)
        self.table.setModel(self.model)
        self.table.set_ground("panel")
        self.table.lay_columns(titles)
        self.table.setSelectionMode(Table.SelectionMode.SingleSelection)
        self.model.set_rows([(str(place), _cells(each)) for place, each in enumerate(self._differences)])
        keep_sizes(self.table, least_height=120)
        self.text = QPlainTextEdit()
        self.text.setObjectName("code")
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(self.tr("As it is, and as it should be"))
        keep_sizes(self.text, least_height=140)
        self.copy_button = QPushButton(self.tr("Copy the SQL"))
        self.copy_button.setObjectName("link")
        self.copy_button.setAutoDefault(False)
        self.copy_button.clicked.connect(self._copy)
        self.cancel_button.setText(self.tr("Close"))
        across = Splitter(Qt.Orientation.Vertical, "health-differences")
        across.addWidget(self.table)
        across.addWidget(self.text)
        across.setChildrenCollapsible(False)
        self.content.addWidget(across)
        self.links.addWidget(self.copy_button)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._show())
        self.table.selectRow(0)
        self._show()

    def _chosen(self) -> Difference | None:
        row = self.table.currentIndex().row()
        return self._differences[row] if 0 <= row < len(self._differences) else None

    def _show(self) -> None:
        chosen = self._chosen()
        parts = []
        if chosen is not None:
            found = chosen.found or self.tr("(not there)")
            unknown = self.tr("(not in the release)") if chosen.state == "extra" else self.tr("(not known here)")
            expected = chosen.expected or unknown
            is_both = chosen.sql == expected
            head = self.tr("-- As released, and what would mend it") if is_both else self.tr("-- As released")
            mend = "" if is_both else chosen.sql
            parts = [(self.tr("-- As it is"), found), (head, expected), (self.tr("-- What would mend it"), mend)]
        self.text.setPlainText("\n\n".join(f"{head}\n{body}" for head, body in parts if body))
        self.copy_button.setEnabled(chosen is not None and bool(chosen.sql))

    def _copy(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            QApplication.clipboard().setText(chosen.sql)


def _cells(each: Difference) -> list[Cell]:
    shape, tone = STATES.get(each.state, _DISABLED)
    return [
        Cell(each.kind, "secondary"),
        Cell(each.name, is_mono=True, tip=each.name),
        Cell(each.state, tone, shape=shape),
        Cell(each.note, "secondary", tip=each.note),
    ]
