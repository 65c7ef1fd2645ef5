"""The fields that say where a connection leads. What is typed in one of the forms is carried into the other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from jobdesk_core.masking import without_secrets
from jobdesk_core.profiles import (
    ENVIRONMENTS,
    Profile,
    database_of,
    dsn_of,
    parameters_of,
    profile_of_environment,
    split_password,
)
from jobdesk_core.profiles.pasted import Pasted
from jobdesk_core.profiles.places import is_misplaced
from jobdesk_core.profiles.profile import SECRETS, is_readable, public_dsn
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from jobdesk.connection.access_settings import AccessSettings
from jobdesk.connection.paste_field import PasteField
from jobdesk.kit.dialog_frame import field, note
from jobdesk.kit.fields import FieldList
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.layouts import in_row
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.theme.icons import icon

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
ARGUMENTS = ("host", "port", "dbname", "user")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def _shown(name: str, value: str) -> str:
    """A variable's value without what may be secret in it."""
    return "••••••" if name in ("PGPASSWORD", "PGOPTIONS") else without_secrets(value)


class ConnectionForm(QWidget):
    """Name, tag, one of three ways to connect, password, and whether jobs may be changed."""

    grew = Signal()  # it may need more room than before

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = QLineEdit()
        self.name.setPlaceholderText(self.tr("such as billing-eu"))
        self.environment = QComboBox()
        self.environment.setEditable(True)
        self.environment.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.environment.addItems([name for name in ENVIRONMENTS if name not in ("", "demo")])
        self.folder = QComboBox()
        self.folder.setEditable(True)
        self.folder.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.tags = QLineEdit()
        self.tags.setPlaceholderText(self.tr("such as prod pooler"))
        self.paste = PasteField()
        self.paste.understood.connect(self.take_pasted)
        self.paste.told.connect(self.grew)
        self.method = Segmented([self.tr("Environment"), self.tr("DSN"), self.tr("Arguments")])
        self.method.setAccessibleName(self.tr("Connect by"))
        self.dsn = QLineEdit()
        self.dsn.setProperty("mono", "true")
        self.dsn.setPlaceholderText("postgresql://user@host:5432/database")
        self.arguments = {key: QLineEdit() for key in ARGUMENTS}
        self.ssl_mode = QComboBox()
        self.more = QPlainTextEdit()
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.remember = QCheckBox(self.tr("Remember the password in this machine's keyring"))
        self.remember.setEnabled(False)
        self._keyring = note()
        self._keyring.hide()
        self.access = AccessSettings()
        self.access.grew.connect(self.grew)
        self.schema = QLineEdit()
        self.schema.setPlaceholderText(self.tr("by search_path"))
        #: Unfolds the list of those that a test has found.
        self.schemas = self.schema.addAction(icon("chevron-down"), QLineEdit.ActionPosition.TrailingPosition)
        self.schemas.setToolTip(self.tr("The schemas that a test has found"))
        self.schemas.triggered.connect(lambda: self.schema.completer().complete())
        self.schemas.setVisible(False)
        self.read_only = QCheckBox(self.tr("Read only: no action on jobs from this connection"))
        #: Of the two forms with fields the one that was filled in last.
        self._filled = 1
        self._build()

    def show_profile(self, profile: Profile) -> None:
        """Fill the fields."""
        self.paste.clear()
        self.name.setText(profile.name)
        self.environment.setEditText(profile.environment)
        self.folder.setEditText(profile.folder)
        self.tags.setText(" ".join(profile.tags))
        self.dsn.clear()
        self._show_arguments({})
        self.method.choose(METHODS.index(profile.method))
        self._show_method(self.method.current())
        # Written into the file by hand, or opened by the command line: what is secret is not shown.
        self.dsn.setText(public_dsn(profile.dsn) if is_readable(profile.dsn) else "")
        self._show_arguments({name: value for name, value in profile.arguments.items() if name not in SECRETS})
        self.schema.setText(profile.schema)
        self.offer_schemas([])
        self.access.show_profile(profile)
        self.read_only.setChecked(profile.is_read_only)
        self.password.clear()

    def take_pasted(self, found: Pasted) -> None:
        """Fill the fields with what was pasted; what it does not say of them goes."""
        self.dsn.clear()
        self._show_arguments(found.parameters)
        self.method.choose(METHODS.index("arguments"))
        self._show_method(self.method.current())
        self.password.setText(found.password or "")
        if found.schema:
            self.schema.setText(found.schema)

    def offer_folders(self, folders: Iterable[str]) -> None:
        """Offer the folders that there are; what is typed stays."""
        typed = self.folder.currentText()
        self.folder.clear()
        self.folder.addItems(sorted({folder for folder in folders if folder}, key=str.casefold))
        self.folder.setEditText(typed)

    def typed_tags(self) -> tuple[str, ...]:
        """The tags, apart by blanks or commas, with or without a #; each once."""
        words = self.tags.text().replace(",", " ").split()
        return tuple(dict.fromkeys(word.lstrip("#") for word in words if word.lstrip("#")))

    def offer_schemas(self, found: Sequence[str]) -> None:
        """Offer the schemas that hold Procrastinate's tables as a list below the field."""
        list_of_them = QCompleter(list(found), self.schema)
        list_of_them.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self.schema.setCompleter(list_of_them)
        self.schemas.setVisible(bool(found))

    def method_name(self) -> str:
        """The way to connect that is chosen, one of METHODS."""
        return METHODS[self.method.current()]

    def typed_dsn(self) -> str:
        """The connection string as typed, without its password."""
        return split_password(self.dsn.text().strip())[0]

    def typed_arguments(self) -> dict[str, str]:
        """The arguments as typed, without a password."""
        found: dict[str, str] = {}
        for key, edit in self.arguments.items():
            if (text := edit.text().strip()) != "":
                # A connection string in a field of one name is taken apart: it may hold a password.
                found |= parameters_of(split_password(text)[0]) or {key: text}
        if self.ssl_mode.currentData():
            found["sslmode"] = self.ssl_mode.currentData()
        for line in self.more.toPlainText().splitlines():
            key, equals, value = line.partition("=")
            if equals and key.strip() != "password":
                found[key.strip()] = value.strip()
        return found

    def typed_password(self) -> str | None:
        """The password that was typed, in its field or inside the DSN."""
        if self.password.text():
            return self.password.text()
        edits = {"environment": (), "dsn": (self.dsn,), "arguments": tuple(self.arguments.values())}
        passwords = (split_password(edit.text().strip())[1] for edit in edits[self.method_name()])
        return next((each for each in passwords if each is not None), None)

    def default_name(self) -> str:
        """What a connection without a name is called."""
        if self.method_name() == "environment":
            return os.environ.get("PGSERVICE") or profile_of_environment().name
        if self.method_name() == "dsn":
            return database_of(self.dsn.text().strip()) or "database"
        found = self.typed_arguments()
        return (found.get("dbname") if not is_misplaced(found) else "") or "database"

    def show_keyring(self, reason: str | None) -> None:
        """Say why passwords cannot be remembered, or let them be."""
        self.remember.setEnabled(reason is None)
        said = self.tr("{reason} The password is kept in memory until Jobdesk quits.")
        self._keyring.setText(said.format(reason=reason))
        self._keyring.setVisible(reason is not None)
        self.grew.emit()

    def _method_changed(self, position: int) -> None:
        if position and position != self._filled:
            if position == 1:
                self._carry_to_dsn()
            else:
                self._carry_to_arguments()
        self._show_method(position)

    def _carry_to_arguments(self) -> None:
        found = parameters_of(self.typed_dsn())
        if not found:
            return
        self._take_password_out()
        if found != self.typed_arguments():
            self._show_arguments(found)

    def _take_password_out(self) -> None:
        """A password in the connection string goes to its own field: of two the one that is not seen would win."""
        dsn, password = split_password(self.dsn.text().strip())
        if password is not None:
            self.password.setText(password)
            self.dsn.setText(dsn)

    def _take_apart(self) -> None:
        """A connection string was put into a field of one name: each part goes to its own field."""
        found, password = self.typed_arguments(), self.typed_password()
        if all(edit.text().strip() == found.get(key, "") for key, edit in self.arguments.items()):
            return
        if password is not None:
            self.password.setText(password)
        self._show_arguments(found)

    def _carry_to_dsn(self) -> None:
        found = self.typed_arguments()
        if found and found != parameters_of(self.dsn.text().strip()):
            self.dsn.setText(dsn_of(found))

    def _show_arguments(self, arguments: Mapping[str, str]) -> None:
        for key, edit in self.arguments.items():
            edit.setText(arguments.get(key, ""))
        mode = arguments.get("sslmode", "")
        self.ssl_mode.clear()
        self.ssl_mode.addItem(self.tr("libpq's default"), "")
        # A saved one that is none of them stays as it is until another is chosen.
        for each in (*SSL_MODES, *([mode] if mode and mode not in SSL_MODES else [])):
            self.ssl_mode.addItem(each, each)
        self.ssl_mode.setCurrentIndex(self.ssl_mode.findData(mode))
        known = (*ARGUMENTS, "sslmode")
        rest = [f"{key}={value}" for key, value in arguments.items() if key not in known]
        self.more.setPlainText("\n".join(rest))

    def _show_method(self, position: int) -> None:
        self._filled = position or self._filled
        for number, page in enumerate(self._pages):
            page.setVisible(number == position)
        self.grew.emit()

    # Building

    def _build(self) -> None:
        form = QVBoxLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(12)
        names = in_row(
            (field(self.tr("Name"), self.name), 3), (field(self.tr("Environment tag"), self.environment), 2), spacing=12
        )
        form.addLayout(names)
        places = in_row((field(self.tr("Folder"), self.folder), 3), (field(self.tr("Tags"), self.tags), 2), spacing=12)
        form.addWidget(self.paste)
        form.addLayout(field(self.tr("Connect by"), self.method))
        self._pages = (self._environment_page(), self._dsn_page(), self._arguments_page())
        for page in self._pages:
            form.addWidget(page)
        self.method.changed.connect(self._method_changed)
        secret = QHBoxLayout()
        secret.setSpacing(12)
        secret.addLayout(field(self.tr("Password, if the server asks and pgpass has none"), self.password), 3)
        secret.addLayout(field(self.tr("Schema of Procrastinate"), self.schema), 2)
        form.addLayout(secret)
        form.addWidget(self.remember)
        form.addWidget(self._keyring)
        form.addWidget(self.access)
        form.addWidget(self.read_only)
        form.addLayout(places)
        form.addStretch(1)

    def _environment_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        found = [(name, os.environ[name]) for name in LIBPQ_VARIABLES if name in os.environ]
        fields = FieldList()
        fields.set_fields([(name, _shown(name, value), "mono") for name, value in found])
        says = note("secondary")
        says.setText(
            self.tr("libpq's variables in Jobdesk's environment:")
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
        says.setText(self.tr("A password in it is used, but never saved to the file of profiles."))
        self.dsn.editingFinished.connect(self._take_password_out)
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
        }
        for edit in self.arguments.values():
            edit.editingFinished.connect(self._take_apart)
        for keys in (("host", "port"), ("dbname", "user")):
            row = QHBoxLayout()
            row.setSpacing(12)
            for key in keys:
                row.addLayout(field(labels[key], self.arguments[key]), 1 if key == "port" else 2)
            layout.addLayout(row)
        layout.addLayout(field(self.tr("SSL mode"), self.ssl_mode))
        keep_sizes(self.more, most_height=56)
        self.more.setTabChangesFocus(True)
        layout.addLayout(field(self.tr("More parameters, one key=value per line"), self.more))
        return page
