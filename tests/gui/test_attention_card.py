"""The lines that need attention: their buttons, where these lead, more of them, stale ones, and what was over last."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.alerts.cards import AlertCard
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.failures.page import FailuresPage
from jobdesk.locks.page import LocksPage
from jobdesk.overview.attention_card import AttentionCard
from jobdesk.overview.page import OverviewPage
from jobdesk.queues.page import NamesPage
from jobdesk.schedules.page import SchedulesPage
from jobdesk_core.alerts.alert import Alert
from jobdesk_core.watching.attention import Attention, Remedy, RuleKey
from jobdesk_core.watching.watch import Past
from opened import Others, closed, desk_of, dialog_of, live
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from waiting import until

NOW = dt.datetime.now(dt.UTC).replace(hour=12, minute=30)


def line(rule: RuleKey, subject: str, remedy: Remedy = "", count: int = 0, shown: str = "task:t") -> Attention:
    since = NOW - dt.timedelta(minutes=4)
    return Attention(rule, subject, f"{subject} stands still", "all is lost.", since, "bad", 5, shown, remedy, count)


def alert_of(told: Attention) -> Alert:
    since = told.since or NOW
    made = Alert("test", told.rule, told.subject, told.rule, told.title, told.sentence, told.tone, since)
    return replace(made, filter_text=told.filter_text, remedy=told.remedy, count=told.count, active_at=since)


@pytest.mark.parametrize(
    ("told", "buttons"),
    [
        (line("idle_queue", "mail", "rescue", 2), ["Rescue 2 jobs…", "Show jobs"]),
        (line("stalled_jobs", "mail", "rescue", 1), ["Rescue 1 job…", "Show jobs"]),
        (line("failures", "t", "retry", 1_038), ["Show group", "Retry 1,038…"]),
        (line("failures", "t", "failures"), ["Show group", "Show jobs"]),
        (line("schedule", "t", "defer", 1), ["Defer now…", "Show schedule"]),
        (line("schedule", "t", "schedules"), ["Show schedule", "Show jobs"]),
        (line("lock", "lock smtp", "locks"), ["Show lock", "Show jobs"]),
        (line("backlog", "mail", "queues"), ["Show queue", "Show jobs"]),
        (line("no_worker", "", "workers", shown=""), ["Show workers"]),
        (line("slow_database", "", shown=""), []),
        (line("paused", "mail"), ["Show jobs"]),
    ],
)
def test_each_line_offers_what_mends_it(qtbot: QtBot, told: Attention, buttons: list[str]) -> None:
    card = AttentionCard()
    qtbot.addWidget(card)
    for note, is_acting in (("", True), ("as of 12:00:00", False)):
        card.show_lines([told], NOW, note)
        shown = [button for button in card.lines[0].buttons if button.isVisibleTo(card)]
        assert [button.text() for button in shown] == buttons
        assert [each.isEnabled() for each in shown] == [is_acting or "…" not in each.text() for each in shown]
        assert card.lines[0].shape.text_tone() == ("bad" if is_acting else "secondary")
        # An alert of it offers the same.
        alert = AlertCard()
        qtbot.addWidget(alert)
        alert.show_alert(alert_of(told), names_database=False, is_here=True, is_stale=not is_acting)
        offered = [button for button in alert.buttons if button.isVisibleTo(alert)]
        assert [(each.text(), each.isEnabled()) for each in offered] == [
            (each.text(), each.isEnabled()) for each in shown
        ]


def test_three_lines_are_shown_and_the_others_are_a_click_away(qtbot: QtBot) -> None:
    card = AttentionCard()
    qtbot.addWidget(card)
    many = [line("idle_queue", f"q{number}") for number in range(25)]
    card.show_lines(many, NOW)
    assert (len(card.text.splitlines()), card.note.plain_text) == (3, "25, worst first · 22 more")
    card.note.linked.emit("more")
    assert (len(card.text.splitlines()), card.note.plain_text) == (20, "25, worst first · show fewer")
    card.show_lines(many[:1], NOW)
    assert (card.text, card.note.plain_text) == ("q0: all is lost.", "")
    past = Past("mail stood still", NOW - dt.timedelta(minutes=21), NOW)
    card.show_lines([], NOW, last=past)
    began, ended = (f"{at.astimezone():%H:%M}" for at in (past.since, past.until))
    assert card.text == f"Nothing needs attention. Last: mail stood still, {began} – {ended}."


@pytest.mark.parametrize("is_alert", [False, True])
async def test_each_button_leads_to_what_it_says(is_alert: bool, dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        for _ in range(3):
            job = others.defer("t", "mail")
            others.start(job, worker)
            others.finish(job, "failed")
        others.defer("t", "mail", lock="smtp")
        others.run(
            "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp) VALUES ('p','',60)"
        )
        async with live(tmp_path, dsn) as window:
            window.show_page("overview")
            page = window.pages.get_as("overview", OverviewPage)
            await until(lambda: page.attention.text != "reading …", what="the first read")

            def ask(way: str, told: Attention) -> None:
                if is_alert:
                    window.alerts.remedy_asked_for.emit(way, alert_of(told))
                else:
                    page.attention.asked.emit(way, told)

            page.attention.rules.click()
            assert window.alerts.isVisible() and window.alerts.tabs.current() == 1
            window.alerts.put_away()
            ask("jobs", line("paused", "mail", shown="queue:mail status:failed"))
            assert (window.page_key, window.job_filter().text) == ("jobs", "queue:mail status:failed")
            ask("failures", line("failures", "t", "retry", 3))
            failures = window.pages.get_as("failures", FailuresPage)
            await until(lambda: (row := failures.selected_row()) and row.group.task == "t", what="the group")
            ask("locks", line("lock", "lock smtp", "locks"))
            assert (window.page_key, window.pages.get_as("locks", LocksPage).search.text()) == ("locks", "smtp")
            ask("queues", line("backlog", "mail", "queues"))
            queues = window.pages.get_as("queues", NamesPage)
            await until(lambda: queues.selected_names() == ["mail"], what="the queue")
            await until(lambda: desk_of(window).monitor.schedules.last, what="the schedules")
            ask("schedules", line("schedule", "p", "schedules"))
            selected = window.pages.get_as("schedules", SchedulesPage).selected()
            assert selected is not None and selected.task == "p"
            ask("defer", line("schedule", "p", "defer", 1))
            deferring = await dialog_of(window, DeferDialog)
            QTest.keyClick(deferring, Qt.Key.Key_Escape)
            await closed(window)
            ask("retry", line("failures", "t", "retry", 3, "task:t status:failed ended:>-4m"))
            dialog = await dialog_of(window, PreflightDialog)
            QTest.keyClick(dialog, Qt.Key.Key_Escape)
            await closed(window)
