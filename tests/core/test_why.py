"""Why a waiting job waits, on releases whose fetch rule differs: their own fetch function is the judge."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
from collections.abc import Iterator

import psycopg
import pytest
from database import connected, defer, run_sql
from jobdesk_core import Status
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.job.details import JobDetail, read_detail
from jobdesk_core.job.queue_context import Situation, situation
from jobdesk_core.job.why import named
from releases import MIGRATED, NEWEST

STATES = ("1.1.2", "2.5.0", "2.8.0", "2.15.1", "3.0.2", "3.2.2", "3.3.0", NEWEST, MIGRATED)
each_state = pytest.mark.parametrize("state", STATES)
HOUR = dt.timedelta(hours=1, seconds=30)


async def details_of(dsn: str, job_ids: list[int]) -> tuple[Capabilities, dict[int, JobDetail]]:
    async with connected(dsn) as (connector, able):
        found = {job_id: await read_detail(connector, able, job_id) for job_id in job_ids}
    return able, {job_id: detail for job_id, detail in found.items() if detail is not None}


async def explained(dsn: str, job_id: int) -> JobDetail:
    return (await details_of(dsn, [job_id]))[1][job_id]


class Worker:
    """What a worker of this release would do; nothing of it stays."""

    def __init__(self, dsn: str, able: Capabilities) -> None:
        self._dsn = dsn
        self._name = (able.function("fetch") or "").partition("(")[0]
        self._has_workers = able.has_workers

    @contextlib.contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self._dsn) as connection:
            yield connection
            connection.rollback()

    def _fetch(self, connection: psycopg.Connection, queues: list[str] | None) -> int | None:
        arguments, values = "%s::varchar[]", [queues]
        if self._has_workers:
            worker_id = connection.execute("SELECT worker_id FROM procrastinate_register_worker_v1()").fetchone()
            arguments, values = "%s::varchar[], %s", [queues, worker_id[0] if worker_id else None]  # type: ignore[list-item]
        row = connection.execute(f"SELECT id FROM {self._name}({arguments})".encode(), values).fetchone()
        return row[0] if row else None

    def can_start(self, job_id: int) -> bool:
        """Whether a worker that looks for this job alone is given it."""
        with self._connected() as connection:
            connection.execute("UPDATE procrastinate_jobs SET queue_name = 'alone' WHERE id = %s", [job_id])
            return self._fetch(connection, ["alone"]) == job_id

    def starts_before(self, job_id: int, queues: list[str] | None) -> int:
        """How many jobs a worker of these queues starts, none of them ending, before this one."""
        with self._connected() as connection:
            started = 0
            while (fetched := self._fetch(connection, queues)) not in (job_id, None):
                started += 1
            assert fetched == job_id
            return started

    def start(self, queues: list[str] | None = None) -> int | None:
        """Have a new worker start its next job, to stay."""
        with psycopg.connect(self._dsn) as connection:
            return self._fetch(connection, queues)


@each_state
@pytest.mark.parametrize("seed", range(3))
async def test_whether_it_can_start_and_what_starts_before_it_is_what_workers_do(
    released_dsn: str, state: str, seed: int
) -> None:
    dice = random.Random(f"{state} {seed}")
    async with connected(released_dsn) as (_, able):
        worker = Worker(released_dsn, able)
    for number in range(24):
        columns: dict[str, object] = {"lock": dice.choice([None, None, "a", "b", "c"])}
        columns["queue_name"] = dice.choice(["q", "q", "r"])
        if able.has_priority:
            columns["priority"] = dice.choice([0, 0, 5, -5])
        if dice.random() < 0.2:
            columns["scheduled_at"] = dt.datetime.now(dt.UTC) + HOUR * dice.choice([1, -1])
        defer(released_dsn, **columns)
        if number in (6, 12):
            worker.start()
    waiting = run_sql(released_dsn, "SELECT id FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
    able, details = await details_of(released_dsn, waiting)
    starting = 0
    for job_id, detail in details.items():
        headline = detail.reason.headline
        holds = ("Waiting for its lock.", "Scheduled to start in")
        assert worker.can_start(job_id) is not headline.startswith(holds), (headline, detail.reason.sentences)
        if headline.startswith(holds):
            continue
        starting += 1
        async with connected(released_dsn) as (connector, _):
            asked = situation(able, detail.row, [detail.row.queue_name])
            ahead = (await connector.run_async(asked)).ahead
        # Before 3.3 the head of a lock may have a lower priority, and so does not show among those ahead.
        before = worker.starts_before(job_id, [detail.row.queue_name])
        if able.has_priority_locks or not able.has_priority:
            assert before == ahead.count - ahead.blocked
        assert before <= ahead.count - ahead.blocked
        assert worker.starts_before(job_id, None) <= ahead.count + ahead.elsewhere
    assert starting


@each_state
@pytest.mark.parametrize("case", ["it runs", "earlier", "higher priority", "scheduled", "another queue"])
async def test_the_lock_is_told_with_the_job_that_has_it(released_dsn: str, state: str, case: str) -> None:
    async with connected(released_dsn) as (_, able):
        worker = Worker(released_dsn, able)
    if case == "higher priority" and not able.has_priority_locks:
        pytest.skip("before 3.3 a lock goes by id alone")
    sentence = {
        "it runs": "is held by job #{id}, which has been running for",
        "earlier": "belongs to job #{id}, which was deferred earlier and still waits.",
        "higher priority": "belongs to job #{id}, which has a higher priority and still waits.",
        "scheduled": "belongs to job #{id}, which is scheduled to start in 1 h and blocks it until then.",
        "another queue": "No job in queue unserved has ever started.",
    }[case]
    if case == "higher priority":
        job_id = defer(released_dsn, lock="l", queue_name="q")
        holder = defer(released_dsn, lock="l", queue_name="q", priority=1)
    else:
        options: dict[str, object] = {"queue_name": "unserved" if case == "another queue" else "q"}
        if case == "scheduled":
            options["scheduled_at"] = dt.datetime.now(dt.UTC) + HOUR
        holder = defer(released_dsn, lock="l", **options)
        if case == "it runs":
            assert worker.start() == holder
        job_id = defer(released_dsn, lock="l", queue_name="q")
    reason = (await explained(released_dsn, job_id)).reason
    assert (reason.headline, reason.tone, reason.job_ids) == ("Waiting for its lock.", "warning", [holder])
    expected = sentence.format(id=holder)
    if case == "another queue" and run_sql(released_dsn, "SELECT count(*) FROM procrastinate_events")[0]:
        expected = "No job in queue unserved has started for at least"
    assert expected in " ".join(reason.sentences)
    assert not worker.can_start(job_id)
    # Whatever is named is what stands in the way: without its lock the job starts.
    run_sql(released_dsn, "UPDATE procrastinate_jobs SET lock = NULL WHERE id = %s", holder)
    assert worker.can_start(job_id)
    assert (await explained(released_dsn, job_id)).reason.headline != "Waiting for its lock."


@each_state
async def test_a_scheduled_job_waits_for_its_time_and_then_for_its_lock(released_dsn: str, state: str) -> None:
    async with connected(released_dsn) as (_, able):
        worker = Worker(released_dsn, able)
    head = defer(released_dsn, lock="l")
    job_id = defer(released_dsn, lock="l", scheduled_at=dt.datetime.now(dt.UTC) + HOUR)
    reason = (await explained(released_dsn, job_id)).reason
    assert (reason.headline, reason.job_ids) == ("Scheduled to start in 1 h.", [head])
    assert "Its lock may hold it back even then." in reason.sentences
    assert not worker.can_start(job_id)
    run_sql(released_dsn, "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE id = %s", job_id)
    assert not worker.can_start(job_id)
    assert (await explained(released_dsn, job_id)).reason.headline == "Waiting for its lock."


@each_state
async def test_whether_anyone_serves_the_queue_is_told(released_dsn: str, state: str) -> None:
    async with connected(released_dsn) as (_, able):
        worker = Worker(released_dsn, able)
    first, job_id = defer(released_dsn), defer(released_dsn)
    if able.has_workers:
        reason = (await explained(released_dsn, job_id)).reason
        assert (reason.headline, reason.tone) == ("No worker is alive.", "bad")
    assert worker.start() == first
    reason = (await explained(released_dsn, job_id)).reason
    assert reason.headline == "Waiting for a free worker."
    assert reason.sentences == ["It is next in its queue.", "1 job in queue q is running."]
    run_sql(released_dsn, "UPDATE procrastinate_events SET at = now() - interval '10 minutes'")
    reason = (await explained(released_dsn, job_id)).reason
    assert "No job in queue q has started for 10 min" in reason.sentences[1]
    assert reason.headline == "Waiting for a free worker.", "one of its queue runs: whoever serves it is busy"
    run_sql(released_dsn, "UPDATE procrastinate_jobs SET queue_name = 'other' WHERE id = %s", first)
    reason = (await explained(released_dsn, job_id)).reason
    assert (reason.headline, reason.tone) == ("Waiting for a worker.", "warning")
    assert reason.sentences[0].startswith("No job in queue q has started for at least 10 min")
    assert reason.sentences[1] == "Does a worker serve it?"


async def test_what_is_ahead_is_counted_up_to_a_limit_and_said_so(dsn: str) -> None:
    run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, priority) "
        "SELECT CASE n % 10 WHEN 0 THEN 'other' ELSE 'q' END, 't', 1 FROM generate_series(1, 1500) AS n",
    )
    job_id = defer(dsn)
    run_sql(dsn, "SELECT procrastinate_register_worker_v1()")
    assert (await explained(dsn, job_id)).reason.sentences[0] == "At least 1,000 jobs are ahead of it in queue q."
    run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE queue_name = 'q' AND id > 3 AND id < %s", job_id)
    assert (await explained(dsn, job_id)).reason.sentences[:2] == [
        "3 jobs are ahead of it in queue q.",
        "150 jobs of other queues come first where a worker serves all queues.",
    ]


async def test_a_count_that_takes_too_long_is_left_out_and_said_so(dsn: str) -> None:
    job_id = defer(dsn)
    # A view in the place of the table's name would be another table; a slow column is as good.
    run_sql(
        dsn,
        "CREATE FUNCTION slow(bigint) RETURNS boolean LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_sleep(3); RETURN true; END'",
    )
    run_sql(dsn, "ALTER TABLE procrastinate_workers ENABLE ROW LEVEL SECURITY")
    run_sql(dsn, "CREATE POLICY slowly ON procrastinate_workers USING (slow(id))")
    run_sql(dsn, "ALTER TABLE procrastinate_workers FORCE ROW LEVEL SECURITY")
    run_sql(dsn, "SELECT procrastinate_register_worker_v1()")
    run_sql(dsn, "CREATE ROLE watcher LOGIN")
    try:
        run_sql(dsn, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO watcher")
        async with connected(f"{dsn} user=watcher") as (connector, able):
            detail = await read_detail(connector, able, job_id, limit_s=0.5)
        assert detail is not None
        assert detail.reason.sentences == ["The jobs ahead of it could not be counted in time."]
    finally:
        run_sql(dsn, "DROP OWNED BY watcher")
        run_sql(dsn, "DROP ROLE watcher")


@pytest.mark.parametrize(
    "name", ["<b>bold</b>", "x" * 100_000, "\u202eturned\u2066", "a\x1b[31m\x07\nb", "😀 #12", "%s {0}"]
)
async def test_a_hostile_lock_makes_no_hostile_sentence(dsn: str, name: str) -> None:
    holder, job_id = defer(dsn, lock=name), defer(dsn, lock=name)
    reason = (await explained(dsn, job_id)).reason
    text = " ".join(reason.sentences)
    assert reason.job_ids == [holder]
    assert text.isprintable() and len(text) < 400
    assert named(name) in text


@each_state
async def test_a_failed_job_says_what_a_retry_would_meet(released_dsn: str, state: str) -> None:
    job_id = defer(released_dsn, queueing_lock="once")
    run_sql(released_dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", job_id)
    run_sql(released_dsn, "UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", job_id)
    able, details = await details_of(released_dsn, [job_id])
    assert details[job_id].row.status is Status.FAILED
    assert details[job_id].reason.mend == (None if able.can_retry_failed else "again")
    holder = defer(released_dsn, queueing_lock="once")
    reason = (await explained(released_dsn, job_id)).reason
    assert (reason.headline, reason.job_ids) == ("A retry would be refused.", [holder])
    if able.can_retry_failed:
        with pytest.raises(psycopg.errors.UniqueViolation):
            run_sql(released_dsn, "SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", job_id)


def test_a_situation_knows_nothing_by_itself() -> None:
    assert (Situation().live_workers, Situation().ahead.count, Situation().last_starts) == (0, 0, {})
