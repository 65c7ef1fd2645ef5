"""Notifications on a real session bus, to a service of the test's own."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from database import defer, run_sql
from jobdesk.alerts.desktop import Desktop, keeps_in_tray
from jobdesk.alerts.watcher import Watcher
from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.rule import AlertRule
from jobdesk_core.alerts.telling import Telling
from jobdesk_core.profiles import Profile, ProfileStore
from jobdesk_core.watching.attention import Remedy, RuleKey
from notifications import Service, session_bus
from programs import started
from waiting import until, until_true

NOW = dt.datetime(2026, 5, 4, 12, 30, 20, tzinfo=dt.UTC)


def telling(
    subject: str, event: str = "began", *, has_sound: bool = False, key: RuleKey = "idle_queue", remedy: Remedy = ""
) -> Telling:
    alert = Alert("billing", key, subject, key, f"{subject} stands still", "44 <b>due</b> & more.", "bad", NOW)
    filter_text = "" if key == "slow_database" else f"queue:{subject}"
    alert = replace(alert, filter_text=filter_text, remedy=remedy)
    return Telling(event, alert, AlertRule("idle_queue", has_sound=has_sound))  # type: ignore[arg-type]


async def test_a_notification_with_a_button_on_a_real_bus(tmp_path: Path) -> None:
    with session_bus(tmp_path):
        service = Service()
        watcher = Watcher(path=tmp_path / "alerts.toml", state=tmp_path / "alerts.sqlite")
        desktop = Desktop(watcher)
        asked: list[str] = []
        desktop.alerts_asked_for.connect(asked.append)
        desktop.place_asked_for.connect(lambda way, alert: asked.append(f"{way} of {alert.subject}"))
        desktop.start()
        watcher.told.emit([telling("mail")])
        await until(lambda: service.shown, what="the notification")
        name, replaces, icon, title, text, actions, hints, _ = service.shown[0]
        assert (name, replaces, icon, title) == ("Jobdesk", 0, "jobdesk", "mail stands still")
        # A service that reads markup gets none.
        assert text == "billing: 44 &lt;b&gt;due&lt;/b&gt; &amp; more."
        assert actions == ["default", "Show alerts", "show", "Show jobs"]
        assert (hints["urgency"], hints["suppress-sound"]) == (("y", 2), ("b", True))
        service.press(service.numbers[0] + 100)
        service.press(service.numbers[0])
        service.press(service.numbers[0], "default")
        await until(lambda: len(asked) == 2, what="the wishes")
        assert asked == ["jobs of mail", "billing"]
        # The end takes the place of the beginning, and several are one.
        watcher.told.emit([telling("mail", "over", has_sound=True)])
        watcher.told.emit([telling("mail"), telling("etl")])
        await until(lambda: len(service.shown) == 3, what="the others")
        assert service.numbers == [1, 1, 2]
        assert service.shown[1][3] == "Over: mail stands still"
        assert service.shown[1][6]["sound-name"] == ("s", "dialog-warning")
        assert service.shown[2][3] == "2 alerts"
        # Nothing is done from a notification: its button is the first that only shows something.
        for number, (key, remedy, button) in enumerate(
            [
                ("schedule", "defer", "Show schedule"),
                ("failures", "retry", "Show group"),
                ("stalled_jobs", "rescue", "Show jobs"),
                ("slow_database", "", "Show alerts"),
            ]
        ):
            watcher.told.emit([telling(key, key=key, remedy=remedy)])
            await until(lambda number=number: len(service.shown) == 4 + number, what="the next one")
            assert service.shown[-1][5] == ["default", "Show alerts", "show", button]
        service.press(service.numbers[3])
        service.press(service.numbers[6])
        service.press(service.numbers[2])
        await until(lambda: len(asked) == 5, what="where they lead to")
        assert asked[2:] == ["schedules of schedule", "billing", "billing"]
        assert watcher.desktop_trouble == ""
        await desktop.stop()
        service.stop()


async def test_without_a_service_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher(path=tmp_path / "alerts.toml", state=tmp_path / "alerts.sqlite")
    said = "Desktop notifications are not available here (no org.freedesktop.Notifications)."

    async def told() -> str:
        desktop = Desktop(watcher)
        watcher.desktop_trouble = ""
        desktop.start()
        watcher.told.emit([telling("mail")])
        await until(lambda: watcher.desktop_trouble, what="the trouble")
        await desktop.stop()
        watcher.told.disconnect()
        return watcher.desktop_trouble

    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    assert await told() == said
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nobody")
    assert await told() == said
    with session_bus(tmp_path):
        assert await told() == said
    assert not keeps_in_tray()  # the offscreen platform has no tray


def test_the_program_tells_once_though_it_is_killed_and_started_again(tmp_path: Path, dsn: str) -> None:
    """The real program on a real database and a real bus; another alert proves that the second one looks."""
    old = '[[rules]]\nrule = "oldest_due"\noldest_due_s = 60\n'
    folders = {f"XDG_{name}_HOME": str(tmp_path) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
    (tmp_path / "jobdesk").mkdir()
    file = tmp_path / "jobdesk" / "alerts.sqlite"
    (tmp_path / "jobdesk" / "alerts.toml").write_text(old)
    with session_bus(tmp_path) as address:
        service = Service()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        mine = {"HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": address, "QT_QPA_PLATFORM": "offscreen"}
        command = [sys.executable, "-m", "jobdesk", "--dsn", dsn]

        def make_old(queue: str) -> None:
            defer(dsn, queue_name=queue)
            run_sql(dsn, "UPDATE procrastinate_events SET at = now() - interval '1 hour'")

        make_old("mail")
        with started(command, env=kept | folders | mine, stdout=subprocess.DEVNULL) as program:
            until_true(lambda: service.shown, what="the first notification")
            program.send_signal(signal.SIGKILL)
            program.wait(30)
        (first,) = _on_file(file, "SELECT owner FROM leases")
        _on_file(file, "UPDATE leases SET until = until - 60")  # as a minute later
        with started(command, env=kept | folders | mine, stdout=subprocess.DEVNULL) as program:
            until_true(lambda: _on_file(file, "SELECT owner FROM leases") != [first], what="the second program")
            make_old("etl")
            until_true(lambda: len(service.shown) == 2, what="the second notification")
            program.send_signal(signal.SIGTERM)
            assert program.wait(60) == 0
        service.stop()
    assert [each[3] for each in service.shown] == ["mail has fallen behind", "etl has fallen behind"]


def _on_file(path: Path, sql: str) -> list[str]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [row[0] for row in connection.execute(sql)]


def test_what_no_tab_has_open_is_watched_from_the_start(tmp_path: Path, dsn: str, module_dsn: str) -> None:
    """The real program, which opens nothing: one saved connection has a rule, all rules of the other are off."""
    folders = {f"XDG_{name}_HOME": str(tmp_path) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
    store = ProfileStore(tmp_path / "jobdesk" / "profiles.toml")
    for name, its in (("eu", dsn), ("us", module_dsn)):
        store.save(Profile(name=name, method="dsn", dsn=its))
    off = '[[profile.us.rules]]\nrule = "oldest_due"\non = false\n'
    (tmp_path / "jobdesk" / "alerts.toml").write_text('[[rules]]\nrule = "oldest_due"\noldest_due_s = 60\n' + off)
    for its in (dsn, module_dsn):
        defer(its, queue_name="mail")
        run_sql(its, "UPDATE procrastinate_events SET at = now() - interval '1 hour'")
    sessions = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
    with session_bus(tmp_path) as address:
        service = Service()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        mine = {"HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": address, "QT_QPA_PLATFORM": "offscreen"}
        command = [sys.executable, "-m", "jobdesk"]
        with started(command, env=kept | folders | mine, stdout=subprocess.DEVNULL) as program:
            until_true(lambda: service.shown, what="the notification")
            assert service.shown[0][3:5] == (
                "mail has fallen behind",
                "eu: Its one due job has waited 1 h.",
            )
            assert run_sql(dsn, sessions + "pg_backend_pid()") == ["jobdesk fleet"]
            assert run_sql(module_dsn, sessions + "pg_backend_pid()") == []
            # Its button opens the database, which nobody had open.
            service.press(service.numbers[0])
            until_true(lambda: "jobdesk" in run_sql(dsn, sessions + "pg_backend_pid()"), what="the tab")
            program.send_signal(signal.SIGTERM)
            assert program.wait(60) == 0
        service.stop()
