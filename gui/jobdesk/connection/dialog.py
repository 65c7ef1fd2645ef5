"""Where to connect: saved profiles, which can be renamed, copied and deleted, and a test that tells how it went."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from jobdesk_core.connectors.ssh.askpass import Question
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.profiles import ENVIRONMENTS, Profile, ProfileStore, UnreadableProfiles, UnsavableProfile, place_of
from jobdesk_core.profiles.probe import probe
from jobdesk_core.profiles.secrets import (
    Passwords,
    forget_password,
    keep_password,
    move_password,
    typed,
    unavailable,
)
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from jobdesk.connection.app_settings import AppSettings
from jobdesk.connection.files import ProfileFiles
from jobdesk.connection.form import ConnectionForm
from jobdesk.connection.inspection_settings import InspectionSettings
from jobdesk.connection.more_settings import MoreSettings
from jobdesk.connection.password_command import PasswordCommandDialog
from jobdesk.connection.profile_list import ProfileList
from jobdesk.connection.profile_loss import ProfileLossDialog
from jobdesk.connection.ssh_question import answered, asking
from jobdesk.connection.test_card import ConnectionTest
from jobdesk.kit import formats
from jobdesk.kit.answer import answer_of
from jobdesk.kit.dialog_frame import DialogFrame, ForgetDialog
from jobdesk.kit.layouts import in_row
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.theme import theme

UNSAVED = (OSError, UnreadableProfiles, UnsavableProfile)


class ConnectionDialog(DialogFrame):
    """Emits `chosen` with a profile and the password that was typed, if any, and `renamed` with two names."""

    help_place = ("connections", "")
    submits_on_return = True

    chosen = Signal(Profile, object)  # with the password, str | None
    chosen_apart = Signal(Profile, object)  # the same, to be opened in a tab of its own
    renamed = Signal(str, str)

    def __init__(self, parent: QWidget | None, *, store: ProfileStore, profile: Profile | None = None) -> None:
        super().__init__(parent, title=self.tr("Connections"), sentence="", verb=self.tr("Connect"), width=1000)
        self._store = store
        self.list = ProfileList()
        self.form = ConnectionForm()
        self.inspection = InspectionSettings()
        self.application = AppSettings()
        self.more = MoreSettings(self.profile, lambda: self.form.typed_password() is not None)
        self.test_card = ConnectionTest()
        self.test_button = QPushButton(self.tr("Test"))
        self.save_button = QPushButton(self.tr("Save"))
        #: The names of what is saved, and which of them is on show; empty for a new one.
        self._names: list[str] = []
        self._own_names: set[str] = set()
        self._shown = ""
        self._kept = Profile(name="")
        self.files = ProfileFiles(self, store, self.message, lambda: self._fill_saved(self._shown))
        self._build_form()
        self.form.grew.connect(self.make_room_on_screen)
        self.show_profile(profile or Profile(name=""))
        self.form.name.setFocus()
        self.resize(theme().grown(1120), theme().grown(600))
        self.work.start(unavailable(), name="keyring", then=self.form.show_keyring)

    # The profile on show

    def show_profile(self, profile: Profile) -> None:
        """Fill the form; a saved one's name is chosen in the list."""
        self._fill_saved(profile.name)
        self.form.show_profile(profile)
        self.inspection.show_profile(profile)
        self.application.show_profile(profile)
        self.more.show_profile(profile)
        self._keep()

    def profile(self) -> Profile:
        """The profile as typed, without its password."""
        environment = self.form.environment.currentText().strip()
        name = self.form.name.text().strip() or self._shown or self.form.default_name()
        known = self._stored(self._shown or name)
        profile = Profile(
            name=name,
            method=self.form.method_name(),  # type: ignore[arg-type]
            dsn=self.form.typed_dsn(),
            arguments=self.form.typed_arguments(),
            environment=environment,
            colour=ENVIRONMENTS.get(environment.lower(), known.colour if known else ""),
            is_read_only=self.form.read_only.isChecked(),
            schema=self.form.schema.text().strip(),
            folder=self.form.folder.currentText().strip(),
            tags=self.form.typed_tags(),
            links=self.inspection.typed_links(),
            secret_keys=self.inspection.typed_secret_keys(),
            editor=self.inspection.typed_editor(),
            **self.form.access.typed(),
            hides_arguments=self.inspection.hides_all.isChecked(),
            **self.application.typed(),
            **self.more.typed(),
        )
        # What is kept for the saved one is not for one that leads elsewhere.
        is_saved_one = bool(self._shown) and known is not None and place_of(known) == place_of(profile)
        return replace(profile, saved_as=self._shown if is_saved_one else "")

    def would_lose(self) -> bool:
        return self.typed.is_any() or self.profile() != self._kept

    # The buttons

    def submit(self) -> None:
        """Connect with what is on show; the window tells how it went."""
        self.run(self._keep_password(self.profile()), lambda _: self._choose())

    def submit_apart(self) -> None:
        """Connect in a tab of its own."""
        self.run(self._keep_password(self.profile()), lambda _: self._choose_apart())

    def test(self) -> None:
        """Try it, and show each step as it has been tried; pressed while it is tried, it stops."""
        if self.work.is_running("test"):
            self._end_test(is_stopped=True)
            return
        self.message.clear()
        self.test_card.begin()
        # The same button, so that the focus stays on it.
        self.test_button.setText(self.tr("Stop the test"))
        self.work.start(
            self._test(), name="test", then=lambda _: self._end_test(), failed=self._test_failed, replaces=True
        )

    def save(self) -> None:
        """Save the profile without its password; a saved one whose name was changed is renamed."""
        profile = self.profile()
        problem = self.form.access.problem() or self.inspection.problem()
        if problem is not None:
            self.part.choose(0 if self.form.access.problem() else 1)
            self.message.show_message("bad", self.tr("The profile was not saved."), problem)
            return
        saved = self._stored(profile.name)
        if profile.name == self._shown or saved is None or saved.is_shared:
            self._save(profile, is_replacing=False)
            return
        name = formats.cut(profile.name, 60)
        asking = ProfileLossDialog(
            self,
            title=self.tr("Replace {name}?").format(name=name),
            sentence=self.tr("A connection of this name is saved already. It will be overwritten."),
            verb=self.tr("Replace {name}").format(name=name),
        )
        asking.accepted.connect(lambda: self._save(profile, is_replacing=True))
        asking.open()

    def copy(self) -> None:
        """Begin a new connection with the fields of the one on show."""
        taken, number = self.tr("{name} copy").format(name=self.profile().name), 2
        name = taken
        while name in self._names:
            name, number = f"{taken} {number}", number + 1
        # What was typed goes into the copy; it is not saved, so that leaving asks.
        self._kept = Profile(name="")
        self._fill_saved("")
        self.form.name.setText(name)
        self._show_verbs()
        self.part.choose(0)
        self.form.name.setFocus()
        self.form.name.selectAll()
        self.message.show_message("info", self.tr("This copy is not saved yet."))

    def delete(self) -> None:
        """Ask whether to forget the saved profile on show."""
        name = self._shown
        asking = ProfileLossDialog(
            self,
            title=self.tr("Delete {name}?").format(name=formats.cut(name, 60)),
            sentence=self.tr(
                "The saved connection and its password in the keyring are deleted. Nothing changes in the database."
            ),
            verb=self.tr("Delete connection"),
        )
        asking.accepted.connect(lambda: self._delete(name))
        asking.open()

    # What they do

    def _choose_apart(self) -> None:
        self.chosen_apart.emit(self.profile(), self.form.typed_password())
        self.accept()

    def _choose(self) -> None:
        self.chosen.emit(self.profile(), self.form.typed_password())
        self.accept()

    def _save(self, profile: Profile, *, is_replacing: bool) -> None:
        before, name = self._shown, profile.name
        is_renamed = bool(before) and before != name
        former = self._stored(before) if before else None
        replaced = self._stored(name) if is_replacing else None
        try:
            self._store.save(profile, instead_of=before)
        except UNSAVED as error:
            self.message.show_message("bad", self.tr("The profile could not be saved."), str(error))
            return
        self.form.name.setText(name)
        self._fill_saved(name)
        self._keep()
        said = self.tr("Saved {name}.").format(name=formats.visible(name))
        if is_renamed:
            said = self.tr("Renamed {before} to {name}, and saved it.").format(
                before=formats.visible(before), name=formats.visible(name)
            )
            self.renamed.emit(before, name)
        self.run(
            self._follow_passwords(former, replaced, replace(profile, saved_as=name)),
            lambda _: self.message.show_message("good", said),
        )

    def _delete(self, name: str) -> None:
        deleted = self._stored(name)
        try:
            self._store.delete(name)
        except UNSAVED as error:
            self.message.show_message("bad", self.tr("The profile could not be deleted."), str(error))
            return
        if deleted is not None:
            self.work.start(forget_password(deleted), name="forget password")
        self.show_profile(Profile(name=""))
        self.message.show_message("good", self.tr("Deleted {name}.").format(name=name))

    async def _test(self) -> None:
        profile = self.profile()
        secret = typed(profile, self.form.typed_password()) or await Passwords(self.allows_command).of(profile)
        async with contextlib.aclosing(probe(profile, secret, asking(profile, self._ask_ssh))) as steps:
            async for step in steps:
                self.test_card.add(step)
                if step.schemas:
                    self.form.offer_schemas(step.schemas)

    def _end_test(self, *, is_stopped: bool = False) -> None:
        self.work.cancel("test")
        self.test_card.end(is_stopped=is_stopped)
        self.test_button.setText(self.tr("Test"))

    def _use_schema(self, schema: str) -> None:
        self.form.schema.setText(schema)
        self.test()

    async def _ask_ssh(self, profile: Profile, question: Question) -> str | None:
        return await answered(self, profile, question)

    async def allows_command(self, profile: Profile) -> bool:
        """Ask whether a password command that has not run on this machine yet may be run."""
        return await answer_of(PasswordCommandDialog(self, profile=profile))

    def _test_failed(self, error: Exception) -> None:
        self._end_test()
        if not isinstance(error, JobdeskException):
            raise error
        self._failed(error)

    async def _keep_password(self, profile: Profile) -> None:
        password = self.form.typed_password()
        if password is not None and self.form.remember.isChecked():
            await keep_password(profile, password)

    async def _follow_passwords(self, former: Profile | None, replaced: Profile | None, now: Profile) -> None:
        if replaced is not None:
            await forget_password(replaced)
        if former is not None:
            await move_password(former, now)
        await self._keep_password(now)

    # The list of saved ones

    def _shown_ones(self) -> list[Profile]:
        profile = self._stored(self._shown) if self._shown else None
        return [] if profile is None else [profile]

    def _all(self) -> list[Profile]:
        try:
            return self._store.all()
        except UnreadableProfiles as error:
            self.message.show_message("warning", str(error))
            return []

    def _stored(self, name: str) -> Profile | None:
        return next((profile for profile in self._all() if profile.name == name), None)

    def _fill_saved(self, chosen: str) -> None:
        profiles = self._all()
        self._names = [profile.name for profile in profiles]
        self._own_names = {profile.name for profile in profiles if not profile.is_shared}
        self._shown = chosen if chosen in self._names else ""
        self.form.offer_folders([profile.folder for profile in profiles])
        self.list.show_profiles(profiles)
        self.list.mark(self._shown)
        trouble = self._store.team_trouble
        if trouble:
            self.message.show_message("warning", trouble)
        self._show_verbs()

    def _choose_saved(self, wanted: str) -> None:
        if wanted == self._shown and (wanted or not self.would_lose()):
            return
        if not self.would_lose():
            self._show_saved(wanted)
            return
        self.list.mark(self._shown)
        asking = ForgetDialog(self)
        asking.accepted.connect(lambda: self._show_saved(wanted))
        asking.open()

    def _show_saved(self, name: str) -> None:
        self.message.clear()
        self._end_test()
        self.test_card.clear()
        self.show_profile((self._stored(name) if name else None) or Profile(name=""))
        if not name:
            self.form.name.setFocus()

    def _arrange(self, names: list[str]) -> None:
        try:
            self._store.arrange(names)
        except UNSAVED as error:
            self.message.show_message("bad", self.tr("The order could not be saved."), str(error))
            return
        self._fill_saved(self._shown)

    def _keep(self) -> None:
        self.typed.keep()
        self._kept = self.profile()
        self._show_verbs()

    def _show_verbs(self) -> None:
        name = self.form.name.text().strip()
        is_renaming = self._shown in self._own_names and name not in ("", self._shown)
        self.save_button.setText(self.tr("Rename and save") if is_renaming else self.tr("Save"))

    def _show_part(self, position: int) -> None:
        for number, part in enumerate((self.form, self.inspection, self.application, self.more)):
            part.setVisible(number == position)

    # Building

    def _build_form(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(12)
        parts = (self.tr("Connection"), self.tr("Links and secrets"), self.tr("Application"), self.tr("More"))
        self.part = Segmented(list(parts))
        self.part.setAccessibleName(self.tr("Part of the profile"))
        self.part.changed.connect(self._show_part)
        left.addWidget(self.part)
        for part in (self.form, self.inspection, self.application, self.more):
            left.addWidget(part, 1)
        both = in_row(self.list, (left, 5), (self.test_card, 4), spacing=20)
        self.content.addLayout(both, 1)
        self._show_part(0)
        verbs: tuple[tuple[QPushButton, Callable[[], None]], ...] = (
            (self.test_button, self.test),
            (self.save_button, self.save),
        )
        for button, run in verbs:
            button.setAutoDefault(False)
            button.clicked.connect(run)
        self.links.addWidget(self.test_button)
        self.links.addWidget(self.save_button)
        self.second.setText(self.tr("Connect in a new tab"))
        self.second.clicked.connect(self.submit_apart)
        self.second.show()
        self.test_card.schema_chosen.connect(self._use_schema)
        self.form.name.textChanged.connect(self._show_verbs)
        self.list.chosen.connect(self._choose_saved)
        self.list.moved.connect(self._arrange)
        self.list.import_button.clicked.connect(self.files.ask_for_import)
        self.list.copy.triggered.connect(self.copy)
        self.list.delete.triggered.connect(self.delete)
        self.list.export.triggered.connect(lambda: self.files.ask_for_export(self._shown_ones()))
        self.list.export_all.triggered.connect(lambda: self.files.ask_for_export(self._all()))
