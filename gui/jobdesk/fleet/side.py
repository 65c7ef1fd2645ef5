"""One database at the right of the board: what it needs, its last hour, its queues, and how it is connected to."""

from __future__ import annotations

from jobdesk_core.watching.attention import Attention
from jobdesk_core.watching.member import Member
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from jobdesk.fleet import words
from jobdesk.fleet.hour import HourChart
from jobdesk.fleet.queue_list import QueueList
from jobdesk.fleet.rows import colour_of
from jobdesk.kit import formats
from jobdesk.kit.fields import Field, FieldList
from jobdesk.kit.labels import caption, plain_label
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.shape_label import ShapeLabel
from jobdesk.kit.tag import Tag
from jobdesk.kit.text_block import Run, TextBlock

#: Sentences of what needs attention; how many more there are is told.
MOST_LINES = 6


class FleetSide(QWidget):
    """Says what is wanted of the database that it shows."""

    #: A page by its key and the text of a filter, each empty for none.
    open_asked_for = Signal(str, str)
    try_asked_for = Signal()
    edit_asked_for = Signal()
    password_asked_for = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.member: Member | None = None
        self.tag, self.name, self.state = Tag("", ""), OneLine(), ShapeLabel()
        self.name.setProperty("strong", "true")
        self.open_button = QPushButton(self.tr("Open"))
        self.open_button.setObjectName("primary")
        self.open_button.clicked.connect(lambda: self.open_asked_for.emit("", ""))
        self.place = OneLine("secondary")
        self.reason = plain_label("")
        self.try_button, self.edit_button = QPushButton(self.tr("Try now")), QPushButton(self.tr("Edit…"))
        self.password_button = QPushButton(self.tr("Type it…"))
        self.try_button.clicked.connect(self.try_asked_for)
        self.edit_button.clicked.connect(self.edit_asked_for)
        self.password_button.clicked.connect(self.password_asked_for)
        self.lines = [SideLine(self) for _ in range(MOST_LINES)]
        self.quiet = ShapeLabel()
        self.more = plain_label("secondary")
        self.hour = HourChart()
        self.queues = QueueList()
        self.fields = FieldList(label_width=78)
        self._place()
        self.show_member(None)

    def _place(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(4)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.name, 1)
        head.addWidget(self.open_button)
        layout.addLayout(head)
        layout.addWidget(self.state)
        place = QHBoxLayout()
        place.setSpacing(8)
        place.addWidget(self.tag)
        place.addWidget(self.place, 1)
        layout.addLayout(place)
        layout.addWidget(self.reason)
        self._ways = QWidget()
        ways = QHBoxLayout(self._ways)
        ways.setContentsMargins(0, 4, 0, 0)
        for button in (self.password_button, self.try_button, self.edit_button):
            ways.addWidget(button)
        ways.addStretch()
        layout.addWidget(self._ways)
        self._attention_head = caption(self.tr("NEEDS ATTENTION"))
        layout.addWidget(self._attention_head)
        for part in (self.quiet, *self.lines, self.more):
            layout.addWidget(part)
        self._parts: list[QWidget] = []
        for title, part in (
            (self.tr("LAST HOUR"), self.hour),
            (self.tr("QUEUES"), self.queues),
            (self.tr("CONNECTION"), self.fields),
        ):
            head_of = caption(title)
            layout.addWidget(head_of)
            layout.addWidget(part)
            self._parts += [head_of, part]
        layout.addStretch()

    def show_member(self, member: Member | None) -> None:
        """Show this database, or none."""
        self.member = member
        is_there = member is not None
        for part in (self.tag, self.state, self.open_button, self._attention_head, *self._parts):
            part.setVisible(is_there)
        if member is None:
            self.name.set_whole(self.tr("Choose a database."))
            for part in (self.place, self.reason, self._ways, self.quiet, self.more, *self.lines):
                part.hide()
            return
        profile = member.profile
        self.tag.set_content(formats.visible(profile.environment).upper(), colour_of(profile))
        self.tag.setVisible(bool(profile.environment))
        self.name.set_whole(profile.name)
        state = words.state_cell(member)
        self.state.set_content(state.shape, state.text, state.tone)
        rights = self.tr("read only") if profile.is_read_only else self.tr("read and act")
        self.place.set_whole(" · ".join(part for part in (profile.folder, profile.display_dsn, rights) if part))
        self.place.show()
        self._show_reason(member)
        self._show_lines(member)
        self.hour.show_look(member.look)
        self.queues.show_queues(member.look.situation if member.look is not None else None)
        self.fields.set_fields(self._fields(member))

    def _show_reason(self, member: Member) -> None:
        reason = words.reason(member)
        self.reason.setText(formats.visible(reason))
        self.reason.setVisible(bool(reason))
        self._ways.setVisible(bool(reason))
        self.password_button.setVisible(member.state == "password")
        self.try_button.setVisible(member.state != "password")
        self.edit_button.setEnabled(not member.profile.is_shared)

    def _show_lines(self, member: Member) -> None:
        # Nothing is concluded from numbers of the past.
        lines = member.lines if member.is_answering else ()
        self._attention_head.setVisible(member.is_answering)
        for place, widget in enumerate(self.lines):
            widget.setVisible(place < len(lines))
            if place < len(lines):
                widget.show_line(lines[place])
        more = len(lines) - MOST_LINES
        self.more.setText(self.tr("{count} more").format(count=more))
        self.more.setVisible(more > 0)
        self.quiet.set_content("check", self.tr("Nothing needs attention."), "good")
        self.quiet.setVisible(member.is_answering and not lines)

    def _fields(self, member: Member) -> list[Field]:
        look = member.look
        if look is None:
            return [(self.tr("release"), formats.DASH, "secondary")]
        release = look.release
        if look.capabilities.strangeness is None and not look.release.startswith("none"):
            server = look.capabilities.server_version // 10_000
            release = self.tr("{release} · PostgreSQL {version}").format(release=look.release, version=server)
        if look.capabilities.is_standby:
            feed = self.tr("polling, a standby")
        elif look.is_pooled:
            feed = self.tr("polling, behind a pooler")
        else:
            feed = "LISTEN" if member.is_open else self.tr("polled")
        rights = look.capabilities.rights
        return [
            (self.tr("release"), release, "warning" if look.capabilities.strangeness else ""),
            (self.tr("feed"), feed, ""),
            (self.tr("rights"), self.tr("all") if rights.is_complete else self.tr("limited"), ""),
            (self.tr("state since"), self._since(member), ""),
            (self.tr("open"), self.tr("in a tab") if member.is_open else self.tr("watched only"), ""),
        ]

    def _since(self, member: Member) -> str:
        return formats.local(member.since)


class SideLine(QWidget):
    """One sentence of what needs attention, and the way to where it is mended: that opens the database."""

    def __init__(self, side: FleetSide) -> None:
        super().__init__(side)
        self._side = side
        self._line: Attention | None = None
        self._shape, self._title, self._text = ShapeLabel(), TextBlock(), TextBlock(size_px=12)
        self.button = QPushButton()
        self.button.clicked.connect(self._go)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(self._title)
        column.addWidget(self._text)
        row_of = QHBoxLayout()
        row_of.addWidget(self.button)
        row_of.addStretch()
        column.addLayout(row_of)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 6)
        row.setSpacing(8)
        row.addWidget(self._shape, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)

    @property
    def text(self) -> str:
        """Its sentence."""
        return f"{self._title.plain_text}: {self._text.plain_text}"

    def show_line(self, line: Attention) -> None:
        """Show this one."""
        self._line = line
        self._shape.set_content("triangle", "", line.tone)
        self._title.set_runs([Run(line.title, is_strong=True)])
        # It stands by itself here, below the title.
        self._text.set_runs([Run(line.sentence[:1].upper() + line.sentence[1:], "secondary")])
        names = {
            "workers": self.tr("Show workers"),
            "failures": self.tr("Show failures"),
            "schedules": self.tr("Show schedules"),
            "defer": self.tr("Show schedules"),
            "locks": self.tr("Show locks"),
            "queues": self.tr("Show queues"),
        }
        self.button.setText(names.get(line.remedy, self.tr("Show jobs")))
        self.button.setVisible(bool(line.remedy or line.filter_text))

    def _go(self) -> None:
        if self._line is None:
            return
        pages = {"workers": "workers", "failures": "failures", "locks": "locks", "queues": "queues"}
        pages |= {"schedules": "schedules", "defer": "schedules"}
        page = pages.get(self._line.remedy, "")
        self._side.open_asked_for.emit(page, "" if page else self._line.filter_text)
