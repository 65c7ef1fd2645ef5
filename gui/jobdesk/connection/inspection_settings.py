"""What a profile says about looking at jobs: the links that lead from them, and which keys look secret."""

from __future__ import annotations

from jobdesk_core.profiles import Profile, editors, links, secret_keys
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLabel, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from jobdesk.kit.dialog_frame import field, note
from jobdesk.kit.dress import dress


class InspectionSettings(QWidget):
    """A line per link, and one pattern."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.links = QPlainTextEdit()
        self.links.setProperty("mono", "true")
        self.links.setTabChangesFocus(True)
        self.links.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.links.setPlaceholderText("Logs = https://logs.example/search?job={job_id}&from={started_at}")
        self.secret_keys = QLineEdit()
        self.secret_keys.setProperty("mono", "true")
        self.secret_keys.setPlaceholderText(secret_keys.DEFAULT_PATTERN)
        self.editor = QLineEdit()
        self.editor.setProperty("mono", "true")
        self.editor.setPlaceholderText("vscode://file{path}:{line}")
        self._links_note, self._keys_note, self._editor_note = note(), note(), note()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        label = self.tr("Links from a job, one Name = address per line")
        layout.addLayout(field(label, self.links, self._links_note, grows=True), 1)
        hidden = self.tr("Arguments hidden until clicked: keys that match this regular expression")
        layout.addLayout(field(hidden, self.secret_keys, self._keys_note))
        self.hides_all = QCheckBox(self.tr("Hide the values of all arguments, everywhere and always"))
        self.hides_all.toggled.connect(self.secret_keys.setDisabled)
        layout.addWidget(self.hides_all)
        layout.addLayout(field(self.tr("Editor: the address of a line of a traceback"), self.editor, self._editor_note))
        self.editor.textChanged.connect(self._changed)
        self.links.textChanged.connect(self._changed)
        self.secret_keys.textChanged.connect(self._changed)
        self._changed()

    def show_profile(self, profile: Profile) -> None:
        """Fill in what a profile says."""
        self.links.setPlainText("\n".join(f"{name} = {address}" for name, address in profile.links.items()))
        self.secret_keys.setText(profile.secret_keys)
        self.editor.setText(profile.editor)
        self.hides_all.setChecked(profile.hides_arguments)

    def typed_links(self) -> dict[str, str]:
        """The links as typed, by their names."""
        found = {}
        for line in self.links.toPlainText().splitlines():
            name, equals, address = line.partition("=")
            if equals and name.strip() and address.strip():
                found[name.strip()] = address.strip()
        return found

    def typed_secret_keys(self) -> str:
        """The pattern as typed; empty for the default one."""
        return self.secret_keys.text().strip()

    def typed_editor(self) -> str:
        """The editor's address as typed."""
        return self.editor.text().strip()

    def problem(self) -> str | None:
        """What is wrong with what is typed, or None."""
        return (
            self._links_problem()
            or secret_keys.problem(self.typed_secret_keys())
            or editors.problem(self.typed_editor())
        )

    def _links_problem(self) -> str | None:
        names: set[str] = set()
        for number, line in enumerate(self.links.toPlainText().splitlines(), 1):
            name, equals, address = (part.strip() for part in line.partition("="))
            if not line.strip():
                continue
            if not (equals and name and address):
                said = self.tr("Write a name, an equals sign and an address.")
            elif name in names:
                said = self.tr("There is a link of this name already.")
            else:
                said = links.problem(address) or ""
            if said:
                return self.tr("Line {number}: {problem}").format(number=number, problem=said)
            names.add(name)
        return None

    def _changed(self) -> None:
        fields = ", ".join(f"{{{name}}}" for name in links.FIELDS)
        wrong = self._links_problem()
        _say(self._links_note, wrong, self.tr("An address may contain {fields}.").format(fields=fields))
        default = self.tr("If left empty, the one shown applies. Upper and lower case count as the same.")
        _say(self._keys_note, secret_keys.problem(self.typed_secret_keys()), default)
        hint = self.tr("{path} is where the worker has the code; {path:/srv/shop/} is that without its beginning.")
        _say(self._editor_note, editors.problem(self.typed_editor()), hint)
        self.changed.emit()


def _say(label: QLabel, wrong: str | None, hint: str) -> None:
    label.setText(wrong or hint)
    dress(label, tone="bad" if wrong else "small")
