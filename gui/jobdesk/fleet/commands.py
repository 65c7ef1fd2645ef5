"""What is done from the board: opening a database, its connection, its password, and the wall."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from jobdesk_core.profiles import Profile
from PySide6.QtCore import Signal

from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.fleet.board import FleetBoard
from jobdesk.kit.action_spec import Spec
from jobdesk.kit.window import Window

if TYPE_CHECKING:
    from jobdesk_core.profiles.pasted import Pasted

    from jobdesk.fleet.page import FleetPage

#: Opens a connection, or brings it to the front, at a page and with a filter, each empty for none.
Open = Callable[[Profile, str, str], object]


class FleetCommands(CommandGroup):
    """Of the database that is chosen on the board."""

    wall_asked_for = Signal()

    def __init__(self, window: Window, session: Session) -> None:
        super().__init__(window, session)
        self._board: FleetBoard | None = None
        self.page: FleetPage | None = None
        #: How a connection is opened: in this window, unless whoever holds the tabs knows better.
        self.opening: Open = self._open_here

    @property
    def board(self) -> FleetBoard:
        """What is followed: one of its own, unless it is shared with other windows."""
        if self._board is None:
            self._board = FleetBoard(self._session.store, self)
            self._board.open_desks = self._own_desk
        return self._board

    def share(self, board: FleetBoard) -> None:
        """Show what the whole program follows. To be told before the page is made."""
        self._board = board

    def follow_page(self, page: FleetPage) -> None:
        """Do what a new page asks for."""
        self.page = page
        page.open_asked_for.connect(self.open_one)
        page.test_asked_for.connect(partial(self._edit, is_tested=True))
        page.edit_asked_for.connect(self._edit)
        page.password_asked_for.connect(self._ask_password)
        page.add_asked_for.connect(lambda: self._edit(""))
        page.pasted.connect(self._take_pasted)

    def _reasons(self) -> Reasons:
        none = None if self._chosen() is not None else self.tr("Choose a database on the Fleet page first.")
        return {"open": none, "try_now": none, "edit": none}

    def open(self) -> None:
        """Open the database that is chosen."""
        name = self._chosen()
        if name:
            self.open_one(name, "", "")

    def open_one(self, name: str, page: str, filter_text: str) -> None:
        """Open one, or bring its tab to the front."""
        member = self.board.member(name)
        if member is not None:
            self.opening(member.profile, page, filter_text)

    def try_now(self) -> None:
        """Ask the database that is chosen at once."""
        name = self._chosen()
        if name:
            self.board.try_now(name)

    def edit(self) -> None:
        """Show the connection of the database that is chosen."""
        name = self._chosen()
        if name:
            self._edit(name)

    def wall(self) -> None:
        """Show the board and the overview over the whole screen, in turn."""
        self.wall_asked_for.emit()

    specs = (
        Spec(
            "fleet.open",
            "Open the chosen data&base",
            "desk",
            open,
            tip="Show it in its tab",
            starts_group=True,
            after="tab.close",
        ),
        Spec("fleet.try_now", "Ask the chosen database no&w", "desk", try_now, tip="Without waiting for the next try"),
        Spec("fleet.edit", "&Edit the chosen connection…", "desk", edit, tip="Where it leads, and a test"),
        Spec("fleet.wall", "Wa&ll, full screen", "desk", wall, tip="The fleet in large type, for a screen on the wall"),
    )

    def _chosen(self) -> str | None:
        is_shown = self.page is not None and self._window.page_key == "fleet"
        member = self.page.table.member if is_shown and self.page is not None else None
        return member.name if member is not None else None

    def _open_here(self, profile: Profile, page: str, filter_text: str) -> None:
        opened = self._session.profile
        if self._session.desk is None or opened is None or opened.name != profile.name:
            self._session.open(profile)
        self.lead(page, filter_text)

    def lead(self, page: str, filter_text: str) -> None:
        """Leave the board for a page, or for the jobs of a filter."""
        if filter_text:
            self._window.ask_for(filter_text)
        else:
            self._window.show_page(page or "overview")

    def _own_desk(self) -> list[tuple[str, Desk]]:
        desk, profile = self._session.desk, self._session.profile
        return [(profile.name, desk)] if desk is not None and profile is not None else []

    def _edit(self, name: str, *, is_tested: bool = False) -> None:
        from jobdesk.connection.dialog import ConnectionDialog

        member = self.board.member(name)
        profile = member.profile if member is not None else None
        dialog = ConnectionDialog(self._window.frame, store=self._session.store, profile=profile)
        dialog.chosen.connect(lambda chosen, password: self._chosen_in_dialog(chosen, password))
        dialog.chosen_apart.connect(lambda chosen, password: self._chosen_in_dialog(chosen, password))
        dialog.renamed.connect(self._session.rename)
        dialog.finished.connect(lambda _: self.board.read_profiles())
        dialog.open()
        if is_tested:
            dialog.test()

    def _chosen_in_dialog(self, profile: Profile, password: str | None) -> None:
        self.board.read_profiles()
        if password is not None:
            self.board.hold(profile.name, password)
            self._session.open(profile, password)
            self.lead("", "")
        else:
            self.opening(profile, "", "")

    def _take_pasted(self, found: Pasted) -> None:
        from jobdesk.connection.dialog import ConnectionDialog

        dialog = ConnectionDialog(self._window.frame, store=self._session.store)
        dialog.form.take_pasted(found)
        dialog.chosen.connect(self._chosen_in_dialog)
        dialog.chosen_apart.connect(self._chosen_in_dialog)
        dialog.finished.connect(lambda _: self.board.read_profiles())
        dialog.open()

    def _ask_password(self, name: str) -> None:
        member = self.board.member(name)
        if member is not None:
            self._work.start(self._password_of(member.profile), name="password", replaces=True)

    async def _password_of(self, profile: Profile) -> None:
        ask = self._session.ask_password
        member = self.board.member(profile.name)
        why = member.trouble.sentence if member is not None and member.trouble is not None else ""
        password = await ask(profile, why) if ask is not None else None
        if password is not None:
            self.board.hold(profile.name, password)
