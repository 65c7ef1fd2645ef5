"""The bell and the panel of alerts in a real window on a real database, with the keys as well as with the mouse."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from database import defer, run_sql
from jobdesk.alerts.list_tab import MOST_LINES
from jobdesk.alerts.seeing import Seeing, source_of
from jobdesk.alerts.watcher import Watcher
from jobdesk.kit.theme import theme
from jobdesk.window.desk_view import DeskView
from jobdesk_core.alerts import book as books
from jobdesk_core.alerts import history
from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.lines import Unreachable, lines
from jobdesk_core.alerts.rule import AlertRule
from jobdesk_core.alerts.sending import allow
from jobdesk_core.alerts.ways import Command
from jobdesk_core.profiles import Profile
from jobdesk_core.troubles import Kind, Trouble
from jobdesk_core.watching.member import Member, State
from opened import Others, live
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from waiting import until

pytestmark = pytest.mark.usefixtures("alone")


@contextlib.asynccontextmanager
async def watched(folder: Path, dsn: str, *rules: AlertRule) -> AsyncIterator[tuple[DeskView, Watcher]]:
    """A window whose alerts go by these rules, or by the default ones."""
    watcher = Watcher(path=folder / "alerts.toml", state=folder / "alerts.sqlite")
    if rules:
        books.write(books.RuleBook(rules=rules), watcher.path)
    async with live(folder, dsn) as window:
        seeing = Seeing(window.session)
        watcher.sources = lambda: [source for source in [seeing.source()] if source is not None]
        window.alerts.follow(watcher)
        watcher.start()
        try:
            yield window, watcher
        finally:
            await watcher.stop()


def unbroken(text: str) -> str:
    """Without the places at which a line may end."""
    return text.replace("\u200b", "")


def make_old(dsn: str, queue: str = "mail") -> None:
    defer(dsn, queue_name=queue)
    run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '1 hour'")


OLD = AlertRule("oldest_due", values={"oldest_due_s": 60.0})


async def test_from_the_beginning_to_the_end(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobdesk_core.alerts.telling.GROUPED_S", 0.5)
    make_old(dsn)
    async with watched(tmp_path, dsn, OLD) as (window, watcher):
        told: list[str] = []
        watcher.told.connect(lambda tellings: told.extend(each.event for each in tellings))
        bell, panel = window.header.bell, window.alerts
        await until(lambda: bell.text() == "1", what="the bell")
        assert not panel.isVisible() and told == ["began"]
        bell.click()
        assert panel.isVisible() and bell.isChecked()
        # It lies over the page, which has kept its width.
        assert window.pages.width() + window.pages.mapTo(window, QPoint(0, 0)).x() == window.width()
        await until(lambda: panel.list.cards, what="the card")
        (card,) = panel.list.cards.values()
        assert card.title.whole == "mail has fallen behind"
        assert "Told you at" in card.sentence.text() and card.began.whole.startswith("began ")
        card.button("jobs").click()
        assert "queue:mail" in window.finding.bar.text()
        # Muted, it is not counted, and stands below; unmuted, it is back.
        watcher.mute(card.alert, until_over=True)
        await until(lambda: bell.text() == "" and panel.list.earlier, what="the mute")
        assert "until it is over" in panel.list.earlier[0].text
        panel.list.earlier[0].unmute_asked_for.emit(card.alert)
        await until(lambda: bell.text() == "1", what="the bell again")
        run_sql(dsn, "DELETE FROM procrastinate_jobs")
        window.session.desk.monitor.wake()  # type: ignore[union-attr]
        await until(lambda: watcher.looked["test"].alerts[0].gone_at, what="the end to be seen")
        # A minute later: what is on disk is as old as that.
        watcher.alerting.history.run(
            lambda connection: connection.execute("UPDATE alerts SET gone_at = gone_at - 600, since = since - 600")
        )
        await until(lambda: "over" in told, what="the end to be told")
        await until(
            lambda: "Nothing active. Last: mail has fallen behind" in unbroken(panel.list.quiet.text()),
            what="the words",
        )
        assert told == ["began", "over"]
        QTest.keyClick(panel.close_button, Qt.Key.Key_Escape)
        assert not panel.isVisible() and not bell.isChecked()


async def test_a_rule_is_changed_in_place_by_the_keys_alone(tmp_path: Path, dsn: str) -> None:
    async with watched(tmp_path, dsn) as (window, watcher):
        window.window().activateWindow()
        window.commands.alert.rules()
        panel = window.alerts
        await until(lambda: panel.rules.rows and panel.rules.rows[-1].isVisible(), what="the rules")
        row = panel.rules.rows[1]
        assert row.rule.key == "idle_queue"
        row.values["idle_s"].setFocus()
        QTest.keyClick(row.values["idle_s"], Qt.Key.Key_Space)
        assert row.edit.isVisible() and row.edit.text() == "30 s"
        row.edit.setText("soon")
        row.edit.textEdited.emit("soon")
        QTest.keyClick(row.edit, Qt.Key.Key_Return)
        assert row.note.text() == "A duration is written as 30 s, 5 min or 1 h 30 min." and row.edit.isVisible()
        row.edit.setText("2 min")
        row.edit.textEdited.emit("2 min")
        QTest.keyClick(row.edit, Qt.Key.Key_Return)
        await until(lambda: books.read(watcher.path).of("test")[1].value("idle_s") == 120, what="the file")
        assert row.values["idle_s"].text() == "2 min"
        row.start("subject")
        QTest.keyClick(row.edit, Qt.Key.Key_Escape)
        assert panel.isVisible() and not row.edit.isVisible()  # one Esc leaves the value alone
        row.switch.click()
        await until(lambda: not books.read(watcher.path).of("test")[1].is_on, what="the switch")
        # The rules of others are as before.
        assert books.read(watcher.path).of("another")[1].value("idle_s") == 30
        panel.rules.quiet.days["mo"].click()
        await until(lambda: books.read(watcher.path).quiet.days == {"mo"}, what="the quiet hours")
        # Everything that can be pressed has a name.
        for button in panel.findChildren(type(panel.mute)):
            assert button.accessibleName() or button.text() or not button.isVisible()
        window.commands.alert.show()
        window.commands.alert.show()
        assert not panel.isVisible()


async def test_a_command_is_added_used_and_what_went_wrong_is_said(tmp_path: Path, dsn: str) -> None:
    script = tmp_path / "page"
    script.write_text("#!/bin/sh\necho 'no route to host' >&2\nexit 1\n")
    script.chmod(0o755)
    async with watched(tmp_path, dsn, OLD) as (window, watcher):
        window.alerts.come(1)
        tab = window.alerts.rules
        await until(lambda: tab.rows and watcher.looked, what="the rules")
        tab.ways.name.setText("page-oncall")
        tab.ways.line.setText(f"{script} --team ops")
        tab.ways.add.click()
        assert watcher.book.ways == {"page-oncall": Command("page-oncall", (str(script), "--team", "ops"))}
        tab.rows[0].changed.emit(AlertRule("oldest_due", ways=("desktop", "page-oncall")))
        assert tab.rows[0].how == "desktop, sound off, command page-oncall"
        tab.test.click()
        await until(
            lambda: "page-oncall ended with 1: no route to host." in unbroken(tab.rows[0].trouble.text()),
            what="the trouble",
        )
        assert tab.rows[0].mend.text() == "Send a test"
        # One from somebody's file has to be allowed first.
        other = Command("other", (str(script), "--other"))
        watcher.keep(watcher.book.with_way(other))
        tab.rows[0].changed.emit(AlertRule("oldest_due", ways=("other",)))
        assert "has not been allowed to run on this machine" in tab.rows[0].trouble.text()
        tab.rows[0].mend.click()
        assert not tab.rows[0].trouble.isVisible()
        tab.ways.line.setText("http://chat.example/T0K3N")
        tab.ways.name.setText("chat")
        tab.ways.add.click()
        assert tab.ways.problem.text() == "A webhook goes by https."


async def test_jobs_with_their_arguments_are_sent_once_that_is_chosen(tmp_path: Path, dsn: str) -> None:
    script, got = tmp_path / "page", tmp_path / "got"
    script.write_text(f'#!/bin/sh\ncat >> "{got}"\necho >> "{got}"\n')
    script.chmod(0o755)
    page = Command("page", (str(script),))
    allow(page)
    rule = AlertRule("oldest_due", values={"oldest_due_s": 60.0}, ways=("page",))
    books.write(books.RuleBook(rules=(rule,), ways={"page": page}), tmp_path / "alerts.toml")

    def sent() -> list[dict[str, Any]]:
        return [json.loads(line) for line in got.read_text().splitlines()] if got.exists() else []

    def come(queue: str) -> None:
        defer(dsn, queue_name=queue, args='{"customer": "marker"}')
        run_sql(dsn, "UPDATE procrastinate_events SET at = now() - interval '1 hour'")
        window.session.desk.monitor.wake()  # type: ignore[union-attr]

    async with watched(tmp_path, dsn) as (window, watcher):
        come("mail")
        await until(lambda: len(sent()) == 1, what="the first alert")
        assert "marker" not in got.read_text() and "jobs" not in sent()[0]
        window.alerts.come(1)
        rows = window.alerts.rules.rows
        await until(lambda: rows and rows[-1].isVisible(), what="the rules")
        row = window.alerts.rules.rows[0]

        def choose() -> None:
            row._menu.aboutToShow.emit()
            action = next(each for each in row._menu.actions() if each.text() == "Send jobs with their arguments…")
            assert action.isEnabled()
            action.trigger()

        # It warns, and nothing is so until somebody has said that they want it.
        choose()
        assert row.jobs.isVisible() and "personal data and secrets" in row.jobs.warning.text()
        row.jobs.leave.click()
        assert not row.jobs.isVisible() and not row.rule.sends_jobs
        choose()
        row.jobs.send.click()
        await until(lambda: books.read(watcher.path).of("test")[0].sends_jobs, what="the file")
        assert row.sends.isVisible()
        come("etl")
        await until(lambda: len(sent()) == 2, what="the second alert")
        assert [job["args"] for job in sent()[1]["jobs"]] == [{"customer": "marker"}]
        # Off at once, and off where the rules are copied to.
        window.alerts.rules._copy(["other"], [])
        assert not watcher.book.of("other")[0].sends_jobs
        choose()
        assert not row.rule.sends_jobs


async def test_a_queue_that_stands_still_when_it_is_opened_is_told_once(tmp_path: Path, dsn: str) -> None:
    """Not as one that has fallen behind, too, before the last hour is read."""
    rules = AlertRule("idle_queue", ways=()), AlertRule("oldest_due", ways=())
    with Others(dsn) as others:
        others.start(others.defer("t", "mail"), others.register_worker())
        others.defer("t", "mail")
        run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '20 minutes'")
        async with watched(tmp_path, dsn, *rules) as (_, watcher):
            await until(lambda: [each.key for each in watcher.active()].count("idle_queue"), what="the alert")
            assert [each.key for each in watcher.active()] == ["idle_queue"]


async def test_a_lost_link_ends_nothing_and_is_told_itself(tmp_path: Path, dsn: str) -> None:
    make_old(dsn)
    gone = AlertRule("unreachable", values={"for_s": 0.0})
    async with watched(tmp_path, dsn, OLD, gone) as (_, watcher):
        await until(lambda: [alert.subject for alert in watcher.active()] == ["mail"], what="the alert")
        name = dsn.split("dbname=")[1].split()[0]
        with contextlib.closing(run_sql_elsewhere(dsn)) as other:
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            try:
                await until(lambda: len(watcher.active()) == 2, what="the loss to be told")
                assert {alert.key for alert in watcher.active()} == {"oldest_due", "unreachable"}
                assert all(alert.gone_at is None for alert in watcher.active())
            finally:
                other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def run_sql_elsewhere(dsn: str):  # type: ignore[no-untyped-def]
    import psycopg
    from psycopg.conninfo import make_conninfo

    return psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True)


@pytest.mark.parametrize(
    ("state", "kind", "told"),
    [
        ("unreachable", "unreachable", ("The database is unreachable", "bad", "No answer for 1 min.")),
        # A server that is frozen, or a pooler that is paused: it takes the connection and keeps silent.
        ("unreachable", "unanswered", ("The database does not answer", "bad", "No answer for 1 min.")),
        ("slow", "busy", ("The database cannot be watched", "warning", "Not watched for 1 min.")),
        ("slow", "timeout", ("The database does not answer in time", "bad", "No answer in time for 1 min.")),
        ("refused", "rights", ("The database cannot be watched", "warning", "Not watched for 1 min.")),
        ("refused", "no_schema", None),  # there are no jobs to watch
        ("password", "password", None),  # nobody has typed it yet
        ("connecting", None, None),
    ],
)
def test_what_the_fleet_knows_is_told_as_what_it_is(
    state: State, kind: Kind | None, told: tuple[str, str, str] | None
) -> None:
    now = dt.datetime.now(dt.UTC)
    trouble = Trouble(kind, "This is why.") if kind is not None else None
    member = Member(Profile(name="eu"), state, now - dt.timedelta(seconds=60), trouble=trouble)
    seen = source_of(member, None).seen  # type: ignore[arg-type] # nothing is asked
    if told is None:
        assert seen is None
        return
    assert isinstance(seen, Unreachable)
    (line,) = lines([("gone", AlertRule("unreachable"))], seen, now)["gone"].values()  # type: ignore[union-attr]
    assert line is not None and (line.title, line.tone, line.sentence) == (*told[:2], f"{told[2]} This is why.")


async def test_unreadable_rules_are_said_and_the_last_month_is_shown(tmp_path: Path, dsn: str) -> None:
    watcher = Watcher(path=tmp_path / "alerts.toml", state=tmp_path / "alerts.sqlite")
    watcher.path.write_text("[[rules]]\nrule = 'x'\n")
    now = dt.datetime.now(dt.UTC)
    week = now - dt.timedelta(days=7)
    past = Alert("test", "lock", "a", "lock", "lock a holds up 9", "9 wait.", "bad", week, active_at=week, over_at=week)
    more = [
        replace(past, subject=str(number), over_at=week - dt.timedelta(minutes=number), title=f"lock {number}")
        for number in range(1, 2 * MOST_LINES)
    ]
    watcher.alerting.history.run(lambda connection: history.write(connection, [past, *more]))
    async with live(tmp_path, dsn) as window:
        watcher.sources = lambda: [each for each in [Seeing(window.session).source()] if each is not None]
        window.alerts.follow(watcher)
        watcher.start()
        window.alerts.come(0)
        tab = window.alerts.list
        await until(lambda: "line 2: There is no rule x." in tab.quiet.text(), what="the trouble")
        assert not tab.earlier
        tab.longer.click()
        await until(lambda: tab.earlier, what="the month")
        assert "lock a holds up 9" in tab.earlier[0].text
        # Many at a time, and how many there are.
        first = tab.earlier[0]
        assert (len(tab.earlier), tab._earlier_count.text()) == (MOST_LINES, str(2 * MOST_LINES))
        assert tab.further.text() == f"Show {MOST_LINES} more"
        tab.further.click()
        await until(lambda: len(tab.earlier) == 2 * MOST_LINES, what="the rest")
        assert tab.earlier[0] is first and not tab.further.isVisible()
        theme().set_text_percent(150)
        QApplication.processEvents()
        assert window.alerts.geometry().right() <= window.width()
        theme().set_text_percent(100)
        await watcher.stop()
    allow(Command("x", ("x",)))  # what is allowed is kept in the test's own home


async def test_a_renamed_connection_keeps_its_rules_its_alerts_and_its_mutes(tmp_path: Path, dsn: str) -> None:
    make_old(dsn)
    book = books.RuleBook(rules=(), profiles={"test": (OLD,)})
    books.write(book, tmp_path / "alerts.toml")
    async with watched(tmp_path, dsn) as (window, watcher):
        told: list[str] = []
        watcher.told.connect(lambda tellings: told.extend(each.event for each in tellings))
        await until(lambda: watcher.active("test"), what="the alert")
        since = watcher.active("test")[0].since
        watcher.mute(watcher.active("test")[0])
        await until(lambda: not watcher.active("test"), what="the mute")
        window.session.rename("test", "eu")
        window.session.desk.monitor.wake()  # type: ignore[union-attr]
        await until(lambda: watcher.all_active("eu"), what="the alert under its other name")
        (alert,) = watcher.all_active("eu")
        assert (alert.since, bool(alert.muted), told) == (since, True, ["began"])
        assert books.read(watcher.path).profiles == {"eu": (OLD,)}
