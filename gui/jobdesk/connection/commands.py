"""Connecting, the demo, and the end of the program."""

from __future__ import annotations

from jobdesk_core.connectors.ssh.askpass import Question
from jobdesk_core.profiles import Profile
from PySide6.QtCore import Signal

from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.kit.action_spec import Spec
from jobdesk.kit.answer import answer_of


class ConnectionCommands(CommandGroup):
    """Connections to databases."""

    #: Another connection is wanted beside this one: its Profile, and the password that was typed or None.
    apart_asked_for = Signal(object, object)

    def _reasons(self) -> Reasons:
        none = self.tr("There is no open connection.")
        return {
            "close": none if self._session.desk is None else None,
            "unlock": self._locked_for(),
            "reopen": none if self._session.profile is None else None,
        }

    def choose(self) -> None:
        """Open the dialog of connections."""
        from jobdesk.connection.dialog import ConnectionDialog

        dialog = ConnectionDialog(self._window.frame, store=self._session.store, profile=self._session.profile)
        dialog.chosen.connect(self._session.open)
        dialog.chosen_apart.connect(self.apart_asked_for)
        dialog.renamed.connect(self._session.rename)
        dialog.open()

    def reopen(self) -> None:
        """Close the connection and open it again."""
        self._session.reopen()

    def close(self) -> None:
        """Disconnect."""
        self._session.close()

    def unlock(self) -> None:
        """Ask whether a read-only connection may do one act."""
        from jobdesk.connection.unlock import UnlockDialog

        desk = self._session.desk
        if desk is not None:
            UnlockDialog(self._window.frame, profile=desk.profile, access=desk.access).open()

    def _locked_for(self) -> str | None:
        desk = self._session.desk
        if desk is None:
            return self.tr("There is no open connection.")
        if not desk.profile.is_read_only:
            return self.tr("This connection is not read-only.")
        return self.tr("It is unlocked already.") if desk.access.is_unlocked else None

    def install(self) -> None:
        """Ask whether to install the schema in a database that has none."""
        from jobdesk.connection.install import InstallDialog

        desk = self._session.desk
        if desk is not None:
            InstallDialog(
                self._window.frame,
                database=desk.capabilities.database,
                role=desk.capabilities.role,
                install=self._session.install_schema,
            ).open()

    specs = (
        Spec("connection.choose", "&Connections…", "desk", choose, "plug", "Ctrl+O", "Connect to another database"),
        Spec(
            "connection.reopen",
            "&Reconnect",
            "desk",
            reopen,
            "refresh",
            tip="Close the connection and open it again",
        ),
        Spec("connection.close", "&Disconnect", "desk", close, tip="Close the connection"),
        Spec("connection.unlock", "&Unlock for one act…", "desk", unlock, tip="A read-only connection may do one act"),
    )

    async def ask_password(self, profile: Profile, why: str) -> str | None:
        """Ask for a connection's password; None when the operator gives up."""
        from jobdesk.connection.password import PasswordDialog

        return await answer_of(PasswordDialog(self._window.frame, profile=profile, why=why))

    async def ask_command(self, profile: Profile) -> bool:
        """Ask whether a profile's password command may be run on this machine."""
        from jobdesk.connection.password_command import PasswordCommandDialog

        return await answer_of(PasswordCommandDialog(self._window.frame, profile=profile))

    async def ask_ssh(self, profile: Profile, question: Question) -> str | None:
        """Ask what ssh asks; None when the operator does not say."""
        from jobdesk.connection.ssh_question import answered

        return await answered(self._window.frame, profile, question)


class DemoCommands(CommandGroup):
    """The demo."""

    asked_for = Signal()

    def open(self) -> None:
        """Start the demo and connect to it."""
        self.asked_for.emit()

    specs = (Spec("demo.open", "Open the de&mo", "desk", open, tip="An embedded PostgreSQL with sample jobs"),)


class AppCommands(CommandGroup):
    """The program."""

    quit_asked_for = Signal()

    def quit(self) -> None:
        """End the program, if nothing is lost by that."""
        self.quit_asked_for.emit()

    specs = (Spec("app.quit", "&Quit", "desk", quit, shortcut="Ctrl+Q", starts_group=True),)
