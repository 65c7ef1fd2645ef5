"""Groups divided by what workers report: errors by fingerprint, the rest "not reported", and why there are none."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from database import role, run_sql
from failing import Ran, able_of, answers, connected_now, contrasts, read, write
from jobdesk_core.failures import groups
from jobdesk_core.failures.records import By, FailureGroup, Range
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.reading.pages import Order, SyncJobPages
from reports import add_error, add_worker, ago, install

READS = [f"SELECT ON procrastinate_{table}" for table in ("jobs", "events", "workers", "periodic_defers")]


def told(found: tuple[FailureGroup, ...]) -> list[Any]:
    return [(group.task, group.error and group.error.type, group.failed, group.still_failed) for group in found]


def some_failures(dsn: str) -> None:
    """Six failures of a: three and one with an error, two without; two of b with the error of the three."""
    a = write(dsn, [Ran("a", [("failed", 100.0 - n)]) for n in range(6)])
    b = write(dsn, [Ran("b", [("deferred_for_retry", 90.0), ("failed", 30.0)])])
    write(dsn, [Ran("c", [("failed", 20.0)], queue="other")])
    for n in range(3):
        add_error(dsn, a[n], "Timeout", task_name="a", at=ago(100 - n))
    add_error(dsn, a[3], "KeyError", task_name="a", at=ago(97))
    # Neither is an error of a failed run: one is of a job that was deleted, the others ended otherwise.
    add_error(dsn, 10**9, "Timeout", task_name="a")
    add_error(dsn, a[0], "Abort", task_name="a", outcome="aborted")
    add_error(dsn, a[0], "Lost", task_name="a", outcome="lost")
    add_error(dsn, a[0], "Old", task_name="a", at=ago(9_000))
    add_error(dsn, b[0], "Timeout", task_name="b", outcome="retried", at=ago(90))
    add_error(dsn, b[0], "Timeout", task_name="b", attempt=2, at=ago(30))


@pytest.mark.parametrize("page", [2, 2_000])
def test_groups_open_into_their_errors(dsn: str, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    some_failures(dsn)
    monkeypatch.setattr(groups, "PAGE", page)
    found = read(dsn)
    assert told(found.groups) == [("a", None, 6, 6), ("b", "Timeout", 2, 1), ("c", None, 1, 1)]
    a, b, c = found.groups
    assert told(a.children) == [("a", "Timeout", 3, 3), ("a", None, 2, 2), ("a", "KeyError", 1, 1)]
    assert told(b.children) == [("b", "Timeout", 2, 1)] and c.children == ()
    assert sum(map(sum, (child.trend for child in a.children))) == 6 and a.children[0].runs == 6
    assert found.unreported == "" and found.is_whole
    with connected_now(dsn) as connector:
        pages = SyncJobPages(connector, able_of(dsn))
        for group in (*found.groups, *a.children):
            assert group.filter is not None
            rows = pages.read_now(JobFilter.parse(group.filter), Order.NEWEST).rows
            assert len(rows) == group.still_failed or group.error is None, group.filter
    by_error = read(dsn, by=By.ERROR)
    assert told(by_error.groups) == [(None, "Timeout", 5, 4), (None, None, 3, 3), ("a", "KeyError", 1, 1)]
    assert told(by_error.groups[0].children) == [("a", "Timeout", 3, 3), ("b", "Timeout", 2, 1)]
    assert told(by_error.groups[1].children) == [("a", None, 2, 2), ("c", None, 1, 1)]
    assert told(read(dsn, text="queue:other").groups) == [("c", None, 1, 1)]
    assert told(read(dsn, text="error:KeyError").groups) == [("a", "KeyError", 1, 1)]


def test_errors_are_new_or_back(dsn: str) -> None:
    ids = write(dsn, [Ran("t", [("failed", 60.0 + n)]) for n in range(3)])
    old = write(dsn, [Ran("t", [("failed", 6 * 86_400.0)])])
    add_error(dsn, old[0], "Back", at=ago(6 * 86_400))
    for job, kind in zip(ids, ("Back", "New", "New"), strict=True):
        add_error(dsn, job, kind, at=ago(60))
    (group,) = read(dsn).groups
    back = next(child for child in group.children if child.error and child.error.type == "Back")
    new = next(child for child in group.children if child.error and child.error.type == "New")
    assert back.back_after is not None and back.back_after.days == 5 and back.new_since is None
    assert new.new_since == new.first and new.back_after is None


def test_what_is_not_reported_has_the_times_of_its_own_columns(dsn: str) -> None:
    ids = write(dsn, [Ran("t", [("failed", 3_000.0 - 300 * n)]) for n in range(9)])
    for number in (0, 1, 2, 4, 5, 6, 7, 8):
        add_error(dsn, ids[number], "X", task_name="t", at=ago(3_000 - 300 * number))
    (rest,) = [child for child in read(dsn).groups[0].children if child.is_unreported]
    assert rest.failed == sum(rest.trend) == 1
    assert 0 <= (rest.last - rest.first).total_seconds() <= 60
    assert 2_030 < (dt.datetime.now(dt.UTC) - rest.last).total_seconds() < 2_400


def test_where_errors_cannot_be_read_the_groups_say_why(dsn: str) -> None:
    write(dsn, [Ran("t", [("failed", 60.0)])])
    assert read(dsn).unreported.startswith("No errors are reported in this database: ")
    install(dsn)
    assert read(dsn).unreported == "No worker has reported an error of these runs."
    add_error(dsn, 1, "X", at=ago(60))
    assert read(dsn).unreported == ""
    with role(dsn, *READS) as other:
        found = read(other)
        assert found.is_whole and found.groups[0].failed == 1 and "may not read" in found.unreported
    run_sql(dsn, "ALTER TABLE jobdesk.errors DROP COLUMN fingerprint CASCADE")
    found = read(dsn)
    assert found.is_whole and found.groups[0].failed == 1
    assert found.unreported.startswith("The table jobdesk.errors could not be read: ")
    assert read(dsn, Range.ALL, by=By.WORKER).unreported == ""


def test_the_first_answer_does_not_wait_for_errors(dsn: str) -> None:
    some_failures(dsn)
    first, *_ = answers(dsn)
    assert first.failed == 9 and not first.groups[0].children and not first.is_whole


def test_an_errors_failures_are_compared_by_themselves_and_hosts_are_known(dsn: str) -> None:
    workers = [run_sql(dsn, "SELECT worker_id FROM procrastinate_register_worker_v1()")[0] for _ in range(3)]
    for number, worker in enumerate(workers):
        add_worker(dsn, f"host-{min(number, 1)}", worker_id=worker)
    jobs = [Ran("t", [("failed", 100.0 + n)], args={"kind": "ab"[n % 2]}, worker=workers[1 + n % 2]) for n in range(24)]
    ids = write(dsn, [*jobs, *(Ran("t", [("succeeded", 90.0 + n)], worker=workers[0]) for n in range(60))])
    for number in range(0, 24, 2):
        add_error(dsn, ids[number], "Even", task_name="t", at=ago(100))
    whole = contrasts(dsn)[-1]
    assert {(each.what, each.value) for each in whole.values} >= {("args.kind", "present"), ("host", '"host-1"')}
    assert whole.failed == 24 and whole.error is None
    group = read(dsn).groups[0]
    for child, kind in zip(sorted(group.children, key=lambda each: each.is_unreported), "ab", strict=True):
        found = contrasts(dsn, group=child)[-1]
        named = {(each.what, each.value): each for each in found.values}
        assert (found.failed, found.succeeded) == (12, 60)
        assert named["args.kind", f'"{kind}"'].failed == 12 and found.error == child.error
