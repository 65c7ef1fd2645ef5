"""`jobdesk health`: what to do first, then tables for people, or one JSON object for programs."""

from __future__ import annotations

import json

import pytest
from aged import fill
from database import run_sql
from jobdesk_core.cli import exit_codes, main


def called(capsys: pytest.CaptureFixture[str], dsn: str, *words: str) -> tuple[int, str]:
    code = main(["health", *words, "--dsn", dsn])
    printed = capsys.readouterr()
    assert not printed.err
    return code, printed.out


def test_for_people_and_for_programs(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(dsn, ("succeeded", "40 days", 12), ("failed", "1 hour", 3), ("todo", "1 hour", 2))
    code, out = called(capsys, dsn)
    assert code == exit_codes.DONE and "\nNothing to do.\n" in out
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert lines["succeeded"][:5] == ["0", "0", "0", "12", "12"] and lines["todo"][:5] == ["2", "0", "0", "0", "2"]
    assert lines["all"][:5] == ["5", "0", "0", "12", "17"]
    assert "\nRelease 3.4–3.10: 18 of 18 functions and 7 of 7 triggers are as released.\n" in out
    assert "older than 30 days frees about" in out and "jobdesk purge --all --older-than 30d --dry-run" in out
    run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id > 1 AND status = 'succeeded'")
    assert " kB: 1 job, about" in called(capsys, dsn)[1]
    fill(dsn, ("succeeded", "40 days", 11))
    run_sql(dsn, "DROP INDEX procrastinate_jobs_priority_idx_v1")
    code, out = called(capsys, dsn)
    assert code == exit_codes.NOT_ALL
    assert "! An index is missing. procrastinate_jobs_priority_idx_v1: without it" in out
    assert "\n    CREATE INDEX CONCURRENTLY procrastinate_jobs_priority_idx_v1 ON public.procrastinate_jobs" in out
    code, out = called(capsys, dsn, "--json")
    (told,) = [json.loads(line) for line in out.splitlines()]
    assert code == exit_codes.NOT_ALL and told["advice"][0]["tone"] == "bad"
    assert told["ages"]["statuses"]["succeeded"]["up_to_90_days"] == {
        "rows": 12,
        "bytes": pytest.approx(told["ages"]["statuses"]["succeeded"]["up_to_90_days"]["bytes"]),
        "is_exact": True,
    }
    assert [each["jobs"] for each in told["purge"]] == [12, 12, 0] and told["troubles"] == {}
    assert told["drift"]["indexes"][0]["state"] == "missing"


def test_what_it_promises_is_what_a_purge_takes(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(
        dsn, ("succeeded", "40 days", 9), ("failed", "9 days", 4), ("cancelled", "100 days", 5), ("todo", "40 days", 2)
    )
    run_sql(dsn, "DELETE FROM procrastinate_events WHERE job_id IN (1, 2, 10, 14)")
    run_sql(dsn, "UPDATE procrastinate_events SET at = 'infinity' WHERE job_id = 3")
    run_sql(dsn, "UPDATE procrastinate_events SET at = '-infinity' WHERE job_id = 15")
    out = called(capsys, dsn)[1]
    assert "5 finished jobs have no age: " in out
    (told,) = [json.loads(line) for line in called(capsys, dsn, "--json")[1].splitlines()]
    taken = 0
    for promise in reversed(told["purge"]):  # the one that keeps longest first: each takes what the next promises, too
        before = run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs")[0]
        main(["purge", "--dsn", dsn, "--all", "--older-than", f"{promise['keep_days']}d", "--yes"])
        capsys.readouterr()
        taken += before - run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs")[0]
        assert (taken, promise["undated_jobs"]) == (promise["jobs"], 5), promise
    assert run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs WHERE status <> 'todo'") == [5]
