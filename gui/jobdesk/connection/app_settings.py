"""Where a profile's application lies, whose code tells its tasks, and a try of it."""

from __future__ import annotations

from typing import Any

from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.introspect import AppNotUnderstood, AppTask, app_tasks, problem
from PySide6.QtWidgets import QCheckBox, QLineEdit, QPushButton, QWidget

from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import field, note
from jobdesk.kit.dress import dress
from jobdesk.kit.layouts import in_column, in_row
from jobdesk.kit.theme.tokens import Look
from jobdesk.kit.work import Work


class AppSettings(QWidget):
    """Whether its code may be run, an interpreter, an app, a folder and variables; all may be left empty."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.python, self.path, self.folder, self.variables = QLineEdit(), QLineEdit(), QLineEdit(), QLineEdit()
        self.allowed = QCheckBox(self.tr("Run this code to ask it for its tasks"))
        self.try_button = QPushButton(self.tr("Try it"))
        self.try_button.setAutoDefault(False)
        self.says = note()
        self._work = Work(self)
        says = note("secondary")
        says.setText(
            self.tr(
                "Opening the defer form imports this application, which runs its code as you on this machine: allow "
                "only code that you trust. It runs in a separate process without access to any database, and of your "
                "environment gets only what is harmless and the variables named here."
            )
        )
        below = in_row((self.allowed, 1), self.try_button)
        layout = in_column(says, within=self, margins=0, spacing=12)
        for edit, label, example in (
            (self.python, self.tr("Python interpreter of the application"), "/srv/billing/.venv/bin/python"),
            (self.path, self.tr("App, such as package.module.app"), "billing.tasks.app"),
            (self.folder, self.tr("Folder of the code, if it is not installed"), "/srv/billing"),
            (self.variables, self.tr("Variables of your environment that it needs, by name"), "DJANGO_SETTINGS_MODULE"),
        ):
            edit.setProperty("mono", "true")
            edit.setPlaceholderText(example)
            edit.textChanged.connect(lambda: self._say("", "small"))
            layout.addLayout(field(label, edit))
        layout.addLayout(below)
        layout.addWidget(self.says)
        layout.addStretch()
        self.try_button.clicked.connect(self.try_it)
        self.allowed.toggled.connect(self._allowed_changed)

    def show_profile(self, profile: Profile) -> None:
        """Fill in what a profile says."""
        self.python.setText(profile.app_python)
        self.path.setText(profile.app_path)
        self.folder.setText(profile.app_folder)
        self.variables.setText(profile.app_variables)
        self.allowed.setChecked(profile.app_is_allowed)
        self._allowed_changed()

    def typed(self) -> dict[str, Any]:
        """The profile's settings as typed."""
        texts = (edit.text().strip() for edit in (self.python, self.path, self.folder, self.variables))
        names = ("app_python", "app_path", "app_folder", "app_variables")
        return {**dict(zip(names, texts, strict=True)), "app_is_allowed": self.allowed.isChecked()}

    def try_it(self) -> None:
        """Ask the application, and say how it went."""
        profile = Profile(name="", **self.typed())
        wrong = problem(profile)
        if wrong is not None:
            self._say(wrong, "bad")
            return
        self._say(self.tr("Asking…"), "small")
        self._work.start(app_tasks(profile), name="try", then=self._tell, failed=self._fail, replaces=True)

    def _allowed_changed(self) -> None:
        self.try_button.setEnabled(self.allowed.isChecked())
        self._say("", "small")

    def _tell(self, found: dict[str, AppTask]) -> None:
        names = formats.cut(", ".join(sorted(found)), 200)
        said = self.tr("{count} tasks: {names}").format(count=formats.number(len(found)), names=names)
        self._say(said if found else self.tr("The app has no tasks."), "good")

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, AppNotUnderstood):
            raise error
        self._say(formats.visible(str(error)), "bad")

    def _say(self, text: str, tone: Look) -> None:
        self.says.setText(text)
        dress(self.says, tone=tone)
