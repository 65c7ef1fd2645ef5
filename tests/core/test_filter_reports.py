"""Filters on what workers report: which jobs they find, what they say where nothing is reported, and how fast."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from database import defer, finish, role, run_sql, start
from jobdesk_core import SyncPsycopgConnector
from jobdesk_core.cli import main
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.exceptions import NothingReported
from jobdesk_core.filters import reported as filter_reports
from jobdesk_core.filters.language import FilterError, JobFilter
from jobdesk_core.job.details import read_detail_now
from jobdesk_core.reading.pages import Order, PageKey, SyncJobPages
from jobdesk_core.reported.detection import detect
from jobdesk_core.troubles import explain
from releases import STATES
from reports import add_error, add_worker, ago, insert, install


class Jobs:
    """What filters find in a database."""

    def __init__(self, dsn: str, connector: SyncPsycopgConnector) -> None:
        self.dsn, self.connector = dsn, connector

    @property
    def able(self) -> Capabilities:
        return replace(self.connector.run(DETECT), reported=self.connector.run(detect()))

    def found(self, text: str) -> list[int]:
        """The ids of the jobs, by reading pages as the window does."""
        pages = SyncJobPages(self.connector, self.able)
        found: list[int] = []
        after: PageKey | None = None
        while True:
            page = pages.read_now(JobFilter.parse(text), Order.OLDEST, after=after, limit=50)
            found += [row.id for row in page.rows]
            after = page.next_key
            if page.is_last:
                return found


@pytest.fixture
def jobs(dsn: str) -> Iterator[Jobs]:
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    try:
        yield Jobs(dsn, connector)
    finally:
        connector.close()


@pytest.mark.parametrize("few", [5_000, 2], ids=["looked up", "looked through"])
def test_which_jobs_have_failed_so(dsn: str, jobs: Jobs, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_reports, "MOST_CANDIDATES", few)
    ids = [defer(dsn) for _ in range(7)]
    add_error(dsn, ids[0], "httpx.ConnectTimeout", "timed out after 5 s", fingerprint="f-1")
    add_error(dsn, ids[1], "ConnectTimeout", "Timed Out", fingerprint="f-1")
    add_error(dsn, ids[2], "mail.ReadTimeout", "100% of_it", fingerprint="f-2")
    add_error(dsn, ids[3], "builtins.KeyError", "'ConnectTimeout'", outcome="retried")
    add_error(dsn, ids[3], "httpx.ConnectTimeout", "", attempt=2, fingerprint="f-1")
    add_error(dsn, ids[4], 'Odd "Error", *', "a,b")
    add_error(dsn, 10**12, "httpx.ConnectTimeout")  # its job has been deleted
    cases = {
        "error:ConnectTimeout": [0, 1, 3],
        "error:connecttimeout": [0, 1, 3],
        "error:httpx.ConnectTimeout": [0, 3],
        "error:*Timeout": [0, 1, 2, 3],
        "error:httpx.*": [0, 3],
        "error:Timeout": [],
        "error:KeyError": [3],
        "error:KeyError,ReadTimeout": [2, 3],
        'error:"timed out"': [0, 1],
        'error:"out after"': [0],
        'error:"100%"': [2],
        'error:"% of"': [2],
        'error:"_it"': [2],
        'error:"ConnectTimeout"': [1, 3],
        "error:f-1": [0, 1, 3],
        'error:"f-2"': [2],
        'error:"Odd ""Error"", *"': [4],
        'error:"a,b"': [4],
        "error:*": [0, 1, 2, 3, 4],
        "error:none": [5, 6],
        "error:none,ReadTimeout": [2, 5, 6],
        "-error:*": [5, 6],
        "-error:ConnectTimeout": [2, 4, 5, 6],
        'error:ConnectTimeout error:"timed out"': [0, 1],
        "error:KeyError or error:ReadTimeout": [2, 3],
        "not (error:KeyError or error:none)": [0, 1, 2, 4],
        "error:ConnectTimeout status:failed": [],
        "error!=ConnectTimeout error=*": [2, 4],
    }
    found = {text: [ids.index(job) for job in jobs.found(text)] for text in cases}
    assert found == cases


@pytest.mark.parametrize("few", [5_000, 0], ids=["looked up", "looked through"])
def test_which_jobs_have_to_do_with_a_host(dsn: str, jobs: Jobs, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_reports, "MOST_CANDIDATES", few)
    ids = [defer(dsn) for _ in range(5)]
    started, number = start(dsn)
    assert started == ids[0]
    first = add_worker(dsn, "worker-3", worker_id=number)
    add_worker(dsn, "Worker-4.example.org", running=[ids[1], ids[4]])
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", ids[1])
    add_error(dsn, ids[2], worker=first)
    add_error(dsn, ids[3])
    cases = {
        "host:worker-3": [0, 2],
        "host:worker-4*": [1],
        "host:WORKER-3": [0, 2],
        "host:worker": [],
        "host:*": [0, 1, 2],
        "host:none": [3, 4],
        "-host:worker-3": [1, 3, 4],
        "host:worker-3 error:*": [2],
    }
    found = {text: [ids.index(job) for job in jobs.found(text)] for text in cases}
    assert found == cases


@pytest.mark.parametrize("state", [STATES[0], STATES[-1]])
def test_on_every_release(own_released_dsn: str, state: str) -> None:
    dsn = own_released_dsn
    insert_job = "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('mail', 't') RETURNING id"
    first, second = (run_sql(dsn, insert_job)[0] for _ in range(2))
    add_worker(dsn, "worker-3", queues=["push"], running=[first])
    add_error(dsn, second, "ConnectTimeout", "timed out")
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", first)
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    try:
        jobs = Jobs(dsn, connector)
        assert (jobs.found("host:worker-3"), jobs.found("error:ConnectTimeout")) == ([first], [second])
        assert jobs.found("host:none -error:*") == []
        running, waiting = (read_detail_now(connector, jobs.able, job) for job in (first, second))
    finally:
        connector.close()
    assert running is not None and "It runs on worker-3, process 7." in running.reason.sentences
    assert waiting is not None and waiting.around.reports.failure is not None
    if not jobs_have_workers(dsn):
        # Who else is alive is not recorded there: it is never said for sure that nobody serves a queue.
        assert "The one worker that reports does not serve queue mail." in waiting.reason.sentences


def jobs_have_workers(dsn: str) -> bool:
    """Whether the release keeps a record of its workers."""
    return run_sql(dsn, "SELECT to_regclass('procrastinate_workers') IS NOT NULL") == [True]


def test_only_the_database_can_say_of_a_row(dsn: str, jobs: Jobs) -> None:
    job = defer(dsn)
    add_error(dsn, job)
    (row,) = SyncJobPages(jobs.connector, jobs.able).read_now(JobFilter.parse(""), Order.OLDEST).rows
    now = jobs.connector.clock.now()
    for text, verdict in {"error:x": None, "-error:x": None, "host:x": None, "error:x status:failed": False}.items():
        assert JobFilter.parse(text).matches(row, now) is verdict, text


def test_what_is_meant_by_other_words(dsn: str) -> None:
    for typed, meant in {
        "exception:ConnectTimeout": "error:ConnectTimeout",
        'message:"timed out"': 'error:"timed out"',
        "hostname:worker-3": "host:worker-3",
    }.items():
        with pytest.raises(FilterError) as raised:
            JobFilter.parse(typed)
        assert raised.value.suggestions[0] == meant
    for typed in ("error:null", "error:>1", "host:any", "error:", "log:x"):
        with pytest.raises(FilterError):
            JobFilter.parse(typed)


def test_where_nothing_is_reported_that_is_a_sentence(dsn: str, jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    defer(dsn)
    told = "No errors are reported in this database: the schema jobdesk is not installed."
    for text in ("error:x", "-error:x", "error:none", "status:todo (error:x or queue:q)"):
        with pytest.raises(NothingReported) as raised:
            jobs.found(text)
        assert (str(raised.value), "Why did it fail?" in explain(raised.value).remedy) == (told, True)
    with pytest.raises(NothingReported, match="No workers are reported"):
        jobs.found("host:x")
    assert main(["--dsn", dsn, "jobs", "error:x"]) == 4
    assert told in capsys.readouterr().err
    install(dsn)
    assert main(["--dsn", dsn, "jobs", "error:x"]) == 1
    tables = ("jobs", "events", "workers", "periodic_defers")
    with role(dsn, *(f"SELECT ON procrastinate_{name}" for name in tables)) as few:
        capsys.readouterr()
        assert main(["--dsn", few, "jobs", "error:x"]) == 4
        assert "may not read the schema jobdesk" in capsys.readouterr().err


def test_few_are_found_at_once_among_many(dsn: str, jobs: Jobs) -> None:
    install(dsn)
    run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) "
        "SELECT 'q', 't', 'succeeded' FROM generate_series(1, 200000)",
    )
    run_sql(
        dsn,
        "INSERT INTO jobdesk.errors (job_id, attempt, at, task_name, queue_name, type, message, fingerprint, outcome) "
        "SELECT n * 4, 1, now(), 't', 'q', CASE WHEN n = 7 THEN 'Rare' ELSE 'Usual' END, repeat('x', 500) || n, "
        "'f', 'failed' FROM generate_series(1, 20000) AS n",
    )
    run_sql(dsn, "ANALYZE jobdesk.errors, procrastinate_jobs")
    for text, expected in {"error:Rare": 1, 'error:"x17999"': 1, "error:Usual -error:Usual": 0}.items():
        began = time.monotonic()
        assert len(jobs.found(text)) == expected
        assert time.monotonic() - began < 10, text
    # Of a rare error the jobs are looked up: one question, however many jobs there are.
    pages = SyncJobPages(jobs.connector, jobs.able)
    page = pages.read_now(JobFilter.parse("error:Rare"), Order.NEWEST)
    assert ([row.id for row in page.rows], page.is_last) == ([28], True)


def test_what_is_reported_while_pages_are_read_is_found_by_the_next_search(dsn: str, jobs: Jobs) -> None:
    ids = [defer(dsn) for _ in range(3)]
    add_error(dsn, ids[0])
    pages = SyncJobPages(jobs.connector, jobs.able)
    wanted = JobFilter.parse("error:ValueError")
    assert [row.id for row in pages.read_now(wanted, Order.NEWEST).rows] == [ids[0]]
    add_error(dsn, ids[2])
    assert [row.id for row in pages.read_now(wanted, Order.NEWEST).rows] == [ids[2], ids[0]]


def test_a_finished_job_of_a_worker_that_is_gone(dsn: str, jobs: Jobs) -> None:
    job = defer(dsn)
    _, number = start(dsn)
    insert(dsn, "workers", id="00000000-0000-0000-0000-000000000007", host="w", worker_id=number, beat_at=ago(900))
    finish(dsn, job, "succeeded")
    run_sql(dsn, "DELETE FROM procrastinate_workers")
    assert jobs.found("host:w") == []
