"""Slips of an operator on the command line: what is said is true, the same everywhere, and leads on."""

from __future__ import annotations

import time

import pytest
from database import run_sql
from jobdesk_core.cli import main
from jobdesk_core.filters.language import FilterError, JobFilter

pytestmark = pytest.mark.usefixtures("alone")


def test_an_id_that_is_too_large_is_told_alike_by_every_command(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    digits = "99999999999999999999"
    for words in (["jobs", f"id:{digits}"], ["retry", digits], ["cancel", f"id:{digits}"], ["show", digits]):
        assert main([*words, "--dsn", dsn]) in (1, 2)
        told = capsys.readouterr().err
        assert f"here is no job {digits}: ids end at 9223372036854775807." in told, (words, told)


@pytest.mark.parametrize(
    "words", [['{"v": 1}'], ["--args", "{"], ["--priority", "99999999999"], ["--lock", "x" * 3000]]
)
def test_what_is_wrong_with_a_new_job_is_told_without_a_queue(
    dsn: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["defer", "x", *words, "--dsn", dsn]) == 2
    assert "queue default" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *[("failing", "status:failed"), ("errors", "status:failed"), ("crashed", "status:failed")],
        *[("pending", "status:todo"), ("queued", "status:todo"), ("executing", "status:doing")],
        *[("done", "status:succeeded"), ("stuck", "stalled"), ("hung", "stalled"), ("delayed", "scheduled")],
        *[("killed", "status:aborted"), ("cancel", "status:cancelled"), ("unfinished", "status:todo,doing")],
    ],
)
def test_a_guess_at_a_status_is_never_a_search_for_a_text(word: str, meant: str) -> None:
    with pytest.raises(FilterError) as told:
        JobFilter.parse(word)
    assert meant in told.value.suggestions
    assert JobFilter.parse(meant) and JobFilter.parse(f'"{word}"').texts == (word,)


@pytest.mark.parametrize(
    ("shown", "zone", "is_skipped"),
    [
        ("2031-03-30T02:30", "Europe/Berlin", True),
        ("2031-03-30T02:00", "Europe/Berlin", True),
        ("2031-03-30T03:00", "Europe/Berlin", False),
        ("2031-03-30T02:30+01:00", "Europe/Berlin", False),
        ("2031-10-26T02:30", "Europe/Berlin", False),
        ("2027-03-14T02:15", "America/New_York", True),
        ("2027-10-03T02:10", "Australia/Lord_Howe", True),
        ("2011-12-30T12:00", "Pacific/Apia", True),
    ],
)
def test_a_time_that_the_clocks_skip_is_told(
    dsn: str,
    shown: str,
    zone: str,
    is_skipped: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for words in (["defer", "t", "--at", shown, "--dry-run"], ["retry", "--all", "--at", shown, "--dry-run"]):
            code = main([*words, "--dsn", dsn])
            told = capsys.readouterr().err
            assert ("the clocks skip it" in told) == is_skipped and (code == 2) == is_skipped, told
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_function_that_is_missing_is_no_matter_of_the_release(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_sql(dsn, "SELECT oid::regprocedure::text FROM pg_proc WHERE proname LIKE 'procrastinate_cancel_job%%'")
    for signature in found:
        run_sql(dsn, f"DROP FUNCTION {signature} CASCADE")
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 't')")
    for words in (["cancel", "1"], ["cancel", "1", "--delete"], ["cancel", "1", "--abort"]):
        assert main([*words, "--yes", "--dsn", dsn]) == 4
        told = capsys.readouterr().err
        assert "cannot cancel jobs here: its function is missing." in told and "releases from" not in told
