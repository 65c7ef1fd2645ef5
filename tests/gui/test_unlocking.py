"""A read-only connection is unlocked for one act: asked for by name, over with the act, and told by the journal."""

from __future__ import annotations

from pathlib import Path

from jobdesk.acting.preflight import PreflightDialog
from jobdesk.connection.unlock import UnlockDialog
from jobdesk.window.desk_view import DeskView
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.journal import Search
from jobdesk_core.operations import Action
from jobdesk_core.operations.change.rules import READ_ONLY
from opened import Others, desk_of, dialog_of, ended, live
from waiting import until

_CANCEL_ALL = Statement("UPDATE procrastinate_jobs SET status = 'cancelled'", nothing)


def why_not(window: DeskView) -> str | None:
    return window.commands.reasons().get("job.cancel")


async def test_one_act_is_done_and_no_other(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        first, second = others.defer(), others.defer()
        async with live(tmp_path, dsn, is_read_only=True) as window:
            desk = desk_of(window)
            await until(lambda: second in window.jobs.model.ids(), what="the jobs")
            window.jobs.table.select([first])
            await until(lambda: why_not(window) == READ_ONLY, what="the refusal")

            window.all_actions["connection.unlock"].trigger()
            dialog = await dialog_of(window, UnlockDialog)
            assert not dialog.verb.isEnabled()
            dialog.name.setText("tes")
            assert not dialog.verb.isEnabled()
            dialog.name.setText("test")
            dialog.verb.click()
            await until(lambda: desk.access.is_unlocked and why_not(window) is None, what="the permission")
            window.footer.show_desk(desk)
            assert "unlocked for one act" in window.footer.about_database

            window.all_actions["job.cancel"].trigger()
            preflight = await dialog_of(window, PreflightDialog)
            await until(preflight.verb.isEnabled, what="the plan")
            preflight.verb.click()
            await ended(window)
            assert others.run("SELECT status FROM procrastinate_jobs WHERE id = %s", first) == "cancelled"
            await until(lambda: why_not(window) in (READ_ONLY, None) and not desk.access.is_unlocked, what="the lock")
            assert desk.impossible(Action.CANCEL) == READ_ONLY
            (entry,) = await window.session.journal.entries(Search())
            assert entry.header.sentence.endswith(" (read-only, unlocked for this act)") and entry.done == 1

            # The desk's own connections have never been able to write.
            try:
                await desk.connector.run_async(_CANCEL_ALL)
            except ConnectorException as refused:
                assert "read-only" in str(refused)
            else:
                raise AssertionError("the server let it through")
            assert others.run("SELECT status FROM procrastinate_jobs WHERE id = %s", second) == "todo"
