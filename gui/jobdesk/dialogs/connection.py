"""Where to connect: saved profiles, the three ways to say it, and a test that tells step by step how it went."""

from __future__ import annotations

import os

from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.profiles import (
    ENVIRONMENTS,
    Profile,
    ProfileStore,
    UnreadableProfiles,
    UnsavableProfile,
    database_of,
    split_password,
)
from jobdesk_core.profiles.probe import Step, probe
from jobdesk_core.profiles.secrets import delete_password, get_password, set_password, unavailable
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from jobdesk.dialogs.app_settings import AppSettings
from jobdesk.dialogs.frame import DialogFrame, field, note
from jobdesk.dialogs.inspection_settings import InspectionSettings
from jobdesk.dialogs.outcome_list import Sign, empty_layout
from jobdesk.widgets.fields import FieldList
from jobdesk.widgets.segmented import Segmented

METHODS = ("environment", "dsn", "arguments")
LIBPQ_VARIABLES = (
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGSERVICE",
    "PGSSLMODE",
    "PGOPTIONS",
)
ARGUMENTS = ("host", "port", "dbname", "user", "sslmode")


class ConnectionDialog(DialogFrame):
    """Emits `chosen` with a profile and the password that was typed, if any."""

    help_place = ("connections", "")
    submits_on_return = True

    chosen = Signal(object, object)  # Profile, str | None

    def __init__(self, parent: QWidget | None, *, store: ProfileStore, profile: Profile | None = None) -> None:
        super().__init__(parent, title=self.tr("Connections"), sentence="", verb=self.tr("Connect"), width=860)
        self._store = store
        self._saved = QComboBox()
        self._saved.setAccessibleName(self.tr("Saved connections"))
        self.name = QLineEdit()
        self.name.setPlaceholderText(self.tr("such as billing-eu"))
        self.environment = QComboBox()
        self.environment.setEditable(True)
        self.environment.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.environment.addItems([name for name in ENVIRONMENTS if name != "demo"])
        self.method = Segmented([self.tr("Environment"), self.tr("DSN"), self.tr("Arguments")])
        self.method.setAccessibleName(self.tr("Connect by"))
        self.dsn = QLineEdit()
        self.dsn.setProperty("mono", "true")
        self.dsn.setPlaceholderText("postgresql://user@host:5432/database")
        self.arguments = {key: QLineEdit() for key in ARGUMENTS}
        self.more = QPlainTextEdit()
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.remember = QCheckBox(self.tr("Remember the password in this machine's keyring"))
        self.remember.setEnabled(False)
        self._keyring = note()
        self._keyring.hide()
        self.read_only = QCheckBox(self.tr("Read only: no action on jobs from this connection"))
        self.inspection = InspectionSettings()
        self.application = AppSettings()
        self.steps = QVBoxLayout()
        self.steps.setSpacing(10)
        self._delete = QPushButton(self.tr("Delete"))
        self.test_button = QPushButton(self.tr("Test"))
        self.save_button = QPushButton(self.tr("Save"))
        self._build_form()
        self._fill_saved()
        self.show_profile(profile or Profile(name=""))
        self.name.setFocus()
        self.resize(860, 580)
        self.work.start(unavailable(), name="keyring", then=self._show_keyring)

    # The profile on show

    def show_profile(self, profile: Profile) -> None:
        """Fill the form."""
        self.name.setText(profile.name)
        self.environment.setEditText(profile.environment)
        self.method.choose(METHODS.index(profile.method))
        self._show_method(self.method.current())
        self.dsn.setText(profile.dsn)
        for key, edit in self.arguments.items():
            edit.setText(profile.arguments.get(key, ""))
        rest = [f"{key}={value}" for key, value in profile.arguments.items() if key not in ARGUMENTS]
        self.more.setPlainText("\n".join(rest))
        self.read_only.setChecked(profile.is_read_only)
        self.inspection.show_profile(profile)
        self.application.show_profile(profile)
        self.password.clear()
        self.typed.keep()

    def profile(self) -> Profile:
        """The profile as typed, without its password."""
        environment = self.environment.currentText().strip()
        arguments = {key: edit.text().strip() for key, edit in self.arguments.items() if edit.text().strip()}
        for line in self.more.toPlainText().splitlines():
            key, equals, value = line.partition("=")
            if equals and key.strip() != "password":
                arguments[key.strip()] = value.strip()
        dsn, _ = split_password(self.dsn.text().strip())
        known = self._stored(self.name.text().strip())
        return Profile(
            name=self.name.text().strip() or self._default_name(),
            method=METHODS[self.method.current()],  # type: ignore[arg-type]
            dsn=dsn,
            arguments=arguments,
            environment=environment,
            colour=ENVIRONMENTS.get(environment.lower(), known.colour if known else ""),
            is_read_only=self.read_only.isChecked(),
            links=self.inspection.typed_links(),
            secret_keys=self.inspection.typed_secret_keys(),
            **self.application.typed(),
        )

    def typed_password(self) -> str | None:
        """The password that was typed, in its field or inside the DSN."""
        if self.password.text():
            return self.password.text()
        return split_password(self.dsn.text().strip())[1] if self.method.current() == 1 else None

    # The buttons

    def submit(self) -> None:
        """Connect with what is on show; the window tells how it went."""
        self.run(self._keep_password(), lambda _: self._choose())

    def _choose(self) -> None:
        self.chosen.emit(self.profile(), self.typed_password())
        self.accept()

    def test(self) -> None:
        """Try it, and show each step as it has been tried."""
        empty_layout(self.steps)
        self.message.clear()
        # The button stays as it is, and the focus on it: pressed again, it begins anew.
        self.work.start(self._test(), name="test", then=lambda _: None, failed=self._test_failed, replaces=True)

    def save(self) -> None:
        """Save the profile under its name, without the password."""
        profile = self.profile()
        problem = self.inspection.problem()
        if problem is not None:
            self.part.choose(1)
            self.message.show_message("bad", self.tr("The profile was not saved."), problem)
            return
        try:
            self._store.save(profile)
        except (OSError, UnreadableProfiles, UnsavableProfile) as error:
            self.message.show_message("bad", self.tr("The profile could not be saved."), str(error))
            return
        self.name.setText(profile.name)
        self._fill_saved(profile.name)
        self.typed.keep()
        said = self.tr("Saved {name}.").format(name=profile.name)
        self.run(self._keep_password(), lambda _: self.message.show_message("good", said))

    def delete(self) -> None:
        """Forget the saved profile on show."""
        name = self._saved.currentText()
        if self._saved.currentIndex() > 0:
            self._store.delete(name)
            self.work.start(delete_password(name), name="forget password")
            self._fill_saved()
            self.message.show_message("good", self.tr("Deleted {name}.").format(name=name))

    async def _test(self) -> None:
        profile = self.profile()
        password = self.typed_password()
        if password is None:
            password = await get_password(profile.name)
        async for step in probe(profile, password):
            self._add_step(step)

    def _test_failed(self, error: Exception) -> None:
        if not isinstance(error, JobdeskException):
            raise error
        self._failed(error)

    def _add_step(self, step: Step) -> None:
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(Sign({"good": "good", "warning": "warning", "bad": "bad"}[step.result]), 0, _TOP)
        texts = QVBoxLayout()
        texts.setSpacing(1)
        name = QLabel(step.name)
        name.setProperty("strong", "true")
        texts.addWidget(name)
        sentence = note("secondary")
        way_out = f" {step.trouble.way_out}" if step.trouble and step.trouble.way_out else ""
        sentence.setText(step.sentence + way_out)
        texts.addWidget(sentence)
        line.addLayout(texts, 1)
        took = QLabel(f"{step.milliseconds:,.0f} ms")
        took.setProperty("tone", "small")
        line.addWidget(took, 0, _TOP)
        self.steps.addLayout(line)

    async def _keep_password(self) -> None:
        password = self.typed_password()
        if password is not None and self.remember.isChecked():
            await set_password(self.profile().name, password)

    def _show_keyring(self, reason: str | None) -> None:
        self.remember.setEnabled(reason is None)
        self._keyring.setText(
            self.tr("{reason} The password is kept in memory until Jobdesk ends.").format(reason=reason)
        )
        self._keyring.setVisible(reason is not None)

    def _stored(self, name: str) -> Profile | None:
        try:
            return self._store.get(name)
        except UnreadableProfiles as error:
            self.message.show_message("warning", str(error))
            return None

    def _fill_saved(self, chosen: str = "") -> None:
        self._saved.blockSignals(True)
        self._saved.clear()
        self._saved.addItem(self.tr("New connection"))
        try:
            self._saved.addItems([profile.name for profile in self._store.all()])
        except UnreadableProfiles as error:
            self.message.show_message("warning", str(error))
        self._saved.setCurrentIndex(max(0, self._saved.findText(chosen)) if chosen else 0)
        self._saved.blockSignals(False)
        self._delete.setEnabled(self._saved.currentIndex() > 0)

    def _choose_saved(self, position: int) -> None:
        self._delete.setEnabled(position > 0)
        stored = self._stored(self._saved.currentText()) if position > 0 else None
        self.show_profile(stored or Profile(name=""))

    def _show_method(self, position: int) -> None:
        for number, page in enumerate(self._pages):
            page.setVisible(number == position)

    def _show_part(self, position: int) -> None:
        self._connection_part.setVisible(position == 0)
        self.inspection.setVisible(position == 1)
        self.application.setVisible(position == 2)

    def _default_name(self) -> str:
        if self.method.current() == 0:
            return os.environ.get("PGSERVICE") or os.environ.get("PGDATABASE") or "environment"
        if self.method.current() == 1:
            return database_of(self.dsn.text().strip()) or "database"
        return self.arguments["dbname"].text().strip() or "database"

    # Building

    def _build_form(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(12)
        top = QHBoxLayout()
        top.addLayout(field(self.tr("Saved connections"), self._saved), 1)
        top.addWidget(self._delete, 0, Qt.AlignmentFlag.AlignBottom)
        left.addLayout(top)
        self.part = Segmented([self.tr("Connection"), self.tr("Links and secrets"), self.tr("Application")])
        self.part.setAccessibleName(self.tr("Part of the profile"))
        self.part.changed.connect(self._show_part)
        left.addWidget(self.part)
        self._connection_part = QWidget()
        form = QVBoxLayout(self._connection_part)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(12)
        left.addWidget(self._connection_part, 1)
        left.addWidget(self.inspection, 1)
        left.addWidget(self.application, 1)
        names = QHBoxLayout()
        names.setSpacing(12)
        names.addLayout(field(self.tr("Name"), self.name), 3)
        names.addLayout(field(self.tr("Environment tag"), self.environment), 2)
        form.addLayout(names)
        form.addLayout(field(self.tr("Connect by"), self.method))
        self._pages = (self._environment_page(), self._dsn_page(), self._arguments_page())
        for page in self._pages:
            form.addWidget(page)
        self.method.changed.connect(self._show_method)
        form.addLayout(field(self.tr("Password, if the server asks and pgpass has none"), self.password))
        form.addWidget(self.remember)
        form.addWidget(self._keyring)
        form.addWidget(self.read_only)
        form.addStretch(1)
        test = QFrame()
        test.setObjectName("card")
        column = QVBoxLayout(test)
        column.setContentsMargins(16, 14, 16, 14)
        caption = QLabel(self.tr("TEST"))
        caption.setObjectName("caption")
        column.addWidget(caption)
        hint = note("secondary")
        hint.setText(self.tr("Test tells what works: the server, the schema, your rights, and notifications."))
        column.addWidget(hint)
        column.addSpacing(6)
        column.addLayout(self.steps)
        column.addStretch()
        both = QHBoxLayout()
        both.setSpacing(20)
        both.addLayout(left, 5)
        both.addWidget(test, 4)
        self.content.addLayout(both, 1)
        self._show_part(0)
        for button, run in ((self.test_button, self.test), (self.save_button, self.save), (self._delete, self.delete)):
            button.setAutoDefault(False)
            button.clicked.connect(run)
        self.links.addWidget(self.test_button)
        self.links.addWidget(self.save_button)
        self._saved.currentIndexChanged.connect(self._choose_saved)

    def _environment_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        found = [(name, os.environ[name]) for name in LIBPQ_VARIABLES if name in os.environ]
        fields = FieldList()
        fields.set_fields([(name, "••••••" if name == "PGPASSWORD" else value, "mono") for name, value in found])
        says = note("secondary")
        says.setText(
            self.tr("libpq's variables, as Jobdesk was started with them:")
            if found
            else self.tr("No PG… variable is set: libpq's defaults apply (the local server, your own name).")
        )
        layout.addWidget(says)
        layout.addWidget(fields)
        layout.addStretch()
        return page

    def _dsn_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        says = note()
        says.setText(self.tr("A password in it is used, and never saved in the file of profiles."))
        layout.addLayout(field(self.tr("Connection string"), self.dsn, says))
        layout.addStretch()
        return page

    def _arguments_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        labels = {
            "host": self.tr("Host"),
            "port": self.tr("Port"),
            "dbname": self.tr("Database"),
            "user": self.tr("User"),
            "sslmode": self.tr("SSL mode"),
        }
        for keys in (("host", "port"), ("dbname", "user"), ("sslmode",)):
            row = QHBoxLayout()
            row.setSpacing(12)
            for key in keys:
                row.addLayout(field(labels[key], self.arguments[key]), 1 if key == "port" else 2)
            layout.addLayout(row)
        self.more.setMaximumHeight(56)
        self.more.setTabChangesFocus(True)
        layout.addLayout(field(self.tr("More, one key=value per line"), self.more))
        return page


_TOP = Qt.AlignmentFlag.AlignTop
