"""What stands beside the facts: what to do, the most useful first; what a purge frees; the schema and its release."""

from __future__ import annotations

from jobdesk_core.health import Advice, Health, advice
from jobdesk_core.health.advice import IDLE_S, LONG_S
from jobdesk_core.health.statistics import Transaction
from jobdesk_core.number import rounded
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from jobdesk.health.advice_row import AdviceRow
from jobdesk.health.retention import RetentionPanel
from jobdesk.kit import formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.fields import Field, FieldList
from jobdesk.kit.following import follow
from jobdesk.kit.labels import caption
from jobdesk.kit.shape_label import ShapeLabel
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme.tokens import Tone


class HealthSide(QWidget):
    """Nothing here reads: whoever owns it says what has been read."""

    filter_asked_for = Signal(str)
    told = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.title = QLabel(self.tr("What to do"))
        self.title.setObjectName("title")
        self.number = TextBlock(size_px=12)
        self.well = ShapeLabel()
        self.retention = RetentionPanel()
        self.schema = FieldList()
        self._transactions_title = caption(self.tr("TRANSACTIONS"))
        self.transactions = FieldList()
        self.differences = QPushButton(self.tr("Show the differences"))
        self.differences.setAutoDefault(False)
        self.rows: list[AdviceRow] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        self._place()

    def set_actions(self, actions: Actions) -> None:
        """Let the buttons do what the actions do."""
        follow(self.retention.preview, actions["health.purge"])
        action = actions["health.differences"]
        follow(self.differences, action)
        self._show_differences = action.trigger
        self._preview = actions["health.purge"].trigger

    def show_health(self, health: Health | None) -> None:
        """Show what is known."""
        self._show_advice(health)
        self.retention.show_health(health)
        self._show_schema(health)
        self._show_transactions(health)

    def _show_advice(self, health: Health | None) -> None:
        told = advice(health) if health is not None else []
        if [row.advice for row in self.rows] != told:
            self._fill(told)
        is_read = health is not None and health.is_whole
        is_well = is_read and not told and health is not None
        # What could not be read may well be something to do.
        is_known = is_well and not (health and health.troubles)
        self.well.setVisible(bool(is_known))
        if is_known and health is not None and health.drift is not None:
            if health.drift.differences:
                sentence = self.tr("Nothing to do.")
            else:
                release = health.drift.release
                sentence = self.tr("Schema as released in {release}. Nothing to do.").format(release=release)
            self.well.set_content("check", sentence, "good")
        runs = [Run(self._number(len(told), is_read), "secondary")]
        if health is not None:
            runs += [Run(f"\n{sentence}", "warning") for sentence in health.troubles.values()]
        self.number.set_runs(runs)
        self.number.setVisible(not is_known)

    def _number(self, count: int, is_read: bool) -> str:
        if not is_read and not count:
            return self.tr("reading …")
        if not count:
            return self.tr("Nothing, as far as it could be read.")
        text = self.tr("1 thing") if count == 1 else self.tr("{count} things, most useful first").format(count=count)
        return text if is_read else self.tr("{text} so far").format(text=text)

    def _fill(self, told: list[Advice]) -> None:
        while self._list.count():
            item = self._list.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        opened = {row.advice.title for row in self.rows if row.is_open}
        self.rows = []
        for each in told:
            row = AdviceRow(each)
            row.set_open(each.title in opened)
            row.filter_asked_for.connect(self.filter_asked_for)
            row.told.connect(self.told)
            row.purge_asked_for.connect(lambda: self._preview())
            row.differences_asked_for.connect(lambda: self._show_differences())
            self.rows.append(row)
            self._list.addWidget(row)
            line = QFrame()
            line.setObjectName("line")
            line.setFixedHeight(1)
            self._list.addWidget(line)

    def _show_schema(self, health: Health | None) -> None:
        drift = health.drift if health is not None else None
        self.differences.setVisible(drift is not None and bool(drift.differences))
        if drift is None:
            self.schema.set_fields([])
            return
        count = len(drift.differences)
        differences = self.tr("1 difference") if count == 1 else self.tr("{count} differences").format(count=count)
        pending = len(drift.pending)
        functions, triggers = drift.functions, drift.triggers
        of_released = self.tr("{done} of {all} as released")
        fields: list[Field] = [
            (self.tr("release"), drift.release, ""),
            (self.tr("drift"), differences if count else self.tr("none"), "warning" if count else ""),
            (
                self.tr("migrations"),
                self.tr("{count} pending").format(count=pending) if pending else self.tr("none pending"),
                "warning" if pending else "",
            ),
            (self.tr("functions"), of_released.format(done=functions[0], all=functions[1]), _tone(functions)),
            (self.tr("triggers"), of_released.format(done=triggers[0], all=triggers[1]), _tone(triggers)),
        ]
        # In the middle of a migration none can be compared.
        kept = len(fields) - (not functions[1]) - (not triggers[1])
        self.schema.set_fields(fields[:kept])

    def _show_transactions(self, health: Health | None) -> None:
        found = health.transactions if health is not None else None
        self._transactions_title.setVisible(found is not None)
        if health is None or found is None:
            self.transactions.set_fields([])
            return
        fields: list[Field] = [
            (self.tr("oldest view"), self._held(found.oldest), _late(found.oldest, LONG_S)),
            (self.tr("left open"), self._held(found.idle), _late(found.idle, IDLE_S)),
        ]
        if health.catalog is not None and health.catalog.tables:
            age = max(table.xid_age for table in health.catalog.tables)
            text = self.tr("{age} transactions · frozen at {most}")
            told = text.format(age=formats.number(age), most=rounded(health.catalog.freeze_max_age))
            fields.append((self.tr("oldest row"), told, "warning" if age > health.catalog.freeze_max_age else ""))
        if not found.is_whole:
            text = self.tr("only those of {role}: it may not see others")
            fields.append((self.tr("seen"), text.format(role=health.capabilities.role), ""))
        self.transactions.set_fields(fields)

    def _held(self, each: Transaction | None) -> str:
        if each is None:
            return self.tr("none")
        who = f"{each.name} (pid {each.pid})" if each.pid is not None else each.name
        since = formats.duration(float(round(each.age_s))) if each.age_s is not None else each.kind
        return f"{since} · {who}"

    def _place(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 16)
        layout.setSpacing(6)
        layout.addWidget(self.title)
        layout.addWidget(self.number)
        layout.addWidget(self.well)
        layout.addLayout(self._list)
        layout.addWidget(self.retention)
        layout.addWidget(caption(self.tr("SCHEMA")))
        layout.addWidget(self.schema)
        buttons = QVBoxLayout()
        buttons.addWidget(self.differences)
        layout.addLayout(buttons)
        layout.addWidget(self._transactions_title)
        layout.addWidget(self.transactions)
        layout.addStretch()
        self.show_health(None)


def _late(each: Transaction | None, limit_s: float) -> Tone:
    return "warning" if each is not None and (each.age_s is None or each.age_s > limit_s) else ""


def _tone(counted: tuple[int, int]) -> Tone:
    return "warning" if counted[0] < counted[1] else ""
