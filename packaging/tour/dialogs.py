"""The tour's look at the dialogs that change no job, and at the help."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.connection.install import InstallDialog
from jobdesk.connection.password import PasswordDialog
from jobdesk.help.window import HelpWindow
from jobdesk.window.error_dialog import ErrorDialog
from jobdesk_core.jobs import Status
from jobdesk_core.profiles import Profile, ProfileStore
from PySide6.QtWidgets import QDialog

from tour import deferring
from tour.walker import Walker


async def walk(walker: Walker) -> None:
    """The connections, the shortcuts, About, and those that are shown in both themes."""
    await _connection(walker)
    for key in ("help.shortcuts", "help.about"):
        walker.trigger(key)
        await walker.picture(key.partition(".")[2])
        walker.close_dialog()
    await walk_again(walker)


async def walk_again(walker: Walker) -> None:
    """What is shown in both themes."""
    window = walker.window
    profile = Profile(name="billing-eu", method="dsn", dsn="postgresql://operator@db.example.org/billing")

    async def install() -> None:
        return

    dialogs: dict[str, Callable[[], QDialog]] = {
        "password": lambda: PasswordDialog(window, profile=profile, why="The server asks for a password."),
        "install": lambda: InstallDialog(window, database="billing", role="operator", install=install),
        "error": lambda: ErrorDialog(window, error=RuntimeError("an example of an unexpected error")),
        "connection-production": lambda: _production(walker, profile),
    }
    for name, make in dialogs.items():
        make().open()
        await asyncio.sleep(0.2)
        await walker.picture(name)
        walker.close_dialog()
    await walker.select(walker.first_job(Status.FAILED) or window.jobs.model.row_at(0).id)
    if window.all_actions["job.retry"].isEnabled():
        walker.trigger("job.retry")
        await walker.picture("retry-dialog")
        walker.close_dialog()
    walker.trigger("job.defer")
    await walker.picture("defer-dialog")
    walker.close_dialog()
    await deferring.walk(walker)


async def help_window(walker: Walker) -> None:
    """The help is a window of its own, so that its picture is of it alone."""
    walker.trigger("help.topic")
    shown = walker.window.findChild(HelpWindow)
    assert shown is not None
    shown.show_topic("first-steps")
    await walker.picture("help", shown)
    shown.field.setText("queueing lock taken")
    await walker.picture("help-found", shown)
    shown.field.clear()
    shown.close()


async def _connection(walker: Walker) -> None:
    desk = walker.window.session.desk
    assert desk is not None
    walker.trigger("connection.choose")
    dialog = await walker.dialog(ConnectionDialog)
    await walker.picture("connection")
    dialog.show_profile(desk.profile)
    walker.click(dialog.test_button)
    steps = dialog.test_card.steps
    await walker.until(lambda: dialog.test_button.text() == "Test" and steps.count() >= 5, "the test to end")
    await walker.picture("connection-tested")
    dialog.form.dsn.setText("postgresql://operator:wrong@127.0.0.1:1/nowhere")
    dialog.test_button.click()
    await walker.until(lambda: dialog.test_button.text() == "Test" and steps.count() == 2, "the test to fail")
    await walker.picture("connection-refused")
    dialog.form.method.choose(2)
    await walker.picture("connection-arguments")
    dialog.part.choose(1)
    await walker.picture("connection-links")
    dialog.part.choose(2)
    await walker.picture("connection-application")
    dialog.reject()


def _production(walker: Walker, profile: Profile) -> QDialog:
    store = ProfileStore(walker.folder / "no-profiles.toml")
    dialog = ConnectionDialog(walker.window, store=store, profile=profile)
    dialog.form.environment.setEditText("production")
    return dialog
