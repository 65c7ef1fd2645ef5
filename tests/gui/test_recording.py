"""A window records the history of what it is connected to, the command shows it, and what cannot be written is told."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import commands
import pytest
from database import defer, finish, run_sql, start
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.overview.page import OverviewPage
from jobdesk_core.history import recording
from jobdesk_core.history.history import History
from jobdesk_core.profiles import Profile, ProfileStore
from opened import desk_of, dialog_of, live, opened
from waiting import until


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "SAVE_S", 0.1)
    monkeypatch.setattr(recording, "FILL_AFTER_S", 0.1)


def lived(dsn: str) -> None:
    """Three jobs have run, two hours ago."""
    for _ in range(3):
        defer(dsn, queue_name="mail", task_name="send")
        finish(dsn, start(dsn)[0], "succeeded")
    run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '2 hours'")


def history(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment = kept | {f"XDG_{name}_HOME": str(folder) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
    return commands.run(("history", *arguments), env=environment)


async def test_what_a_window_records_is_shown_by_the_command_and_forgotten(dsn: str, tmp_path: Path) -> None:
    lived(dsn)
    assert "Nothing has been recorded" in history(tmp_path).stderr
    async with live(tmp_path / "jobdesk", dsn) as window:
        monitor = desk_of(window).monitor
        await until(lambda: monitor.history.recorded_since is not None, what="something to be recorded")
        path = monitor.history.path
    assert path is not None
    assert path.parent == tmp_path / "jobdesk" / "history"
    assert path.is_file()
    assert path.name in history(tmp_path).stdout
    shown = history(tmp_path, "--dsn", dsn, "--hours", "99999999999", "--queue", "mail")
    assert shown.returncode == 0, shown.stderr
    assert "at least that many" in shown.stderr
    hours = [json.loads(line) for line in history(tmp_path, "--dsn", dsn, "--hours", "4", "--json").stdout.splitlines()]
    known = [hour for hour in hours if hour["minutes_recorded"]]
    assert len(hours) == 4
    assert sum(hour["succeeded"] for hour in known) == 3
    assert all(hour["minutes_filled"] == hour["minutes_recorded"] for hour in known)
    assert next(hour["succeeded"] for hour in hours if not hour["minutes_recorded"]) is None
    assert history(tmp_path, "--forget").returncode == 2
    assert "is forgotten" in history(tmp_path, "--dsn", dsn, "--forget").stdout
    assert history(tmp_path, "--dsn", dsn).returncode == 1


async def test_a_connection_that_is_not_recorded_leaves_no_file(dsn: str, tmp_path: Path) -> None:
    lived(dsn)
    async with live(tmp_path, dsn, records_history=False) as window:
        assert desk_of(window).monitor.history.path is None
    assert not (tmp_path / "history").exists()


async def test_a_history_that_cannot_be_written_is_told_once_and_goes_on(dsn: str, tmp_path: Path) -> None:
    lived(dsn)
    (tmp_path / "history").write_text("no folder")
    told: list[str] = []
    async with live(tmp_path, dsn) as window:
        desk = desk_of(window)
        desk.trouble.connect(lambda error: told.append(str(error)))
        await until(lambda: told, what="the trouble to be told")
        window.show_page("overview")
        page = window.pages.get_as("overview", OverviewPage)
        await until(lambda: told[0] in page.attention.text, what="the line that says so")
        await until(lambda: desk.monitor.history.known(0, 2**40), what="the minutes in memory")
        run_sql(dsn, "SELECT pg_sleep(0.5)")
        assert desk.state.mode == "live"
    assert len(told) == 1
    assert told[0].startswith("The history")


async def test_a_history_that_cannot_be_read_is_put_aside_and_that_is_told(dsn: str, tmp_path: Path) -> None:
    lived(dsn)
    async with live(tmp_path, dsn) as window:
        path = desk_of(window).monitor.history.path
        await until(lambda: path is not None and path.exists())
    assert path is not None
    # Another file: what the first window may still have open is not its own any more.
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    path.write_bytes(b"damaged" * 10_000)
    async with live(tmp_path, dsn) as window:
        # It may have been told before the feed went live.
        await until(lambda: "put aside as" in window.message.text, what="the trouble to be told")
        await until(lambda: desk_of(window).monitor.history.is_written)
    assert len(list(path.parent.glob("*-unreadable-*.sqlite"))) == 1
    assert History(path).recorded_since is not None


async def test_a_connection_is_unticked_and_keeps_that(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        window.all_actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        dialog.part.choose(3)
        assert dialog.more.records.isChecked()
        dialog.more.records.click()
        changed = dialog.profile()
        assert not changed.records_history
        store = ProfileStore(tmp_path / "profiles.toml")
        store.save(replace(changed, name="quiet"))
        kept = store.get("quiet")
        assert kept is not None
        assert not kept.records_history
        dialog.show_profile(Profile(name=""))
        assert dialog.more.records.isChecked()
