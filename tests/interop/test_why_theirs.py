"""Why a job is where it is, held against what the real library's worker then does with it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import threading
from collections.abc import AsyncIterator
from typing import Any

import procrastinate
import psycopg
import pytest
from acting import Actor
from database import connected, run_sql
from jobdesk_core.job.details import read_detail
from jobdesk_core.job.why import Explanation
from jobdesk_core.operations import Result, Retry
from waiting import until

POLLING = {"fetch_job_polling_interval": 0.1, "abort_job_polling_interval": 0.1, "install_signal_handlers": False}


class Theirs:
    """The library's app: its tasks write down that they ran, and the held ones run until they are let go."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.ran: list[str] = []
        self.let_go = threading.Event()
        self.app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))

        @self.app.task(name="write")
        def write(text: str) -> None:
            self.ran.append(text)

        @self.app.task(name="hold")
        def hold(text: str) -> None:
            self.ran.append(text)
            self.let_go.wait(30)

        @self.app.task(name="retried", retry=True)
        async def retried(text: str) -> None:
            self.ran.append(text)
            if self.ran.count(text) == 1:
                await asyncio.Event().wait()

    async def defer(self, text: str, task: str = "write", **options: Any) -> int:
        return await self.app.configure_task(task, **options).defer_async(text=text)

    async def status(self, job_id: int) -> str:
        return (await self.app.job_manager.get_job_status_async(job_id)).value

    async def why(self, job_id: int) -> Explanation:
        async with connected(self.dsn) as (connector, able):
            detail = await read_detail(connector, able, job_id)
        assert detail is not None
        return detail.reason

    async def comes_to(self, job_id: int, *wanted: str) -> None:
        async def is_there() -> bool:
            return await self.status(job_id) in wanted

        await until(is_there, what=f"job {job_id} being {' or '.join(wanted)}")

    @contextlib.asynccontextmanager
    async def working(self, **options: Any) -> AsyncIterator[None]:
        """A worker of theirs that has begun to look for jobs."""
        running = asyncio.create_task(self.app.run_worker_async(**{**POLLING, **options}))  # type: ignore[arg-type]
        try:
            await until(lambda: run_sql(self.dsn, "SELECT id FROM procrastinate_workers"), what="their worker")
            yield
        finally:
            self.let_go.set()
            running.cancel()
            await asyncio.wait({running}, timeout=60)

    async def looks_round(self, **options: Any) -> None:
        """Until the worker has taken a job deferred now: whatever it could take before has been taken."""
        marker = await self.defer("marker", priority=-100, **options)
        await self.comes_to(marker, "succeeded")


@contextlib.asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Theirs]:
    theirs = Theirs(dsn)
    async with theirs.app.open_async():
        yield theirs


async def test_a_job_starts_when_it_is_due_and_not_before(dsn: str) -> None:
    async with opened(dsn) as theirs, theirs.working():
        job_id = await theirs.defer("later", schedule_in={"seconds": 4})
        assert (await theirs.why(job_id)).headline.startswith("Scheduled to start in ")
        await theirs.looks_round()
        assert "later" not in theirs.ran
        await theirs.comes_to(job_id, "succeeded")


@pytest.mark.parametrize("case", ["it runs", "it is scheduled", "its queue is not served"])
async def test_a_job_waits_for_whoever_has_its_lock_and_starts_then(dsn: str, case: str) -> None:
    async with opened(dsn) as theirs, theirs.working(concurrency=2, queues=["default"]):
        options: dict[str, Any] = {"lock": "l"}
        if case == "it is scheduled":
            options["schedule_in"] = {"hours": 1}
        if case == "its queue is not served":
            options["queue"] = "unserved"
        head = await theirs.defer("head", "hold", **options)
        if case == "it runs":
            await theirs.comes_to(head, "doing")
        job_id = await theirs.defer("behind", lock="l")
        reason = await theirs.why(job_id)
        assert (reason.headline, reason.job_ids) == ("Waiting for its lock.", [head])
        await theirs.looks_round()
        assert await theirs.status(job_id) == "todo"
        theirs.let_go.set()
        if case != "it runs":
            assert await theirs.app.job_manager.cancel_job_by_id_async(head)
        await theirs.comes_to(job_id, "succeeded")


async def test_so_many_jobs_start_first_as_are_said_to_be_ahead(dsn: str) -> None:
    async with opened(dsn) as theirs:
        for text, priority in (("a", 0), ("b", 5), ("c", 0)):
            await theirs.defer(text, priority=priority)
        job_id = await theirs.defer("mine", priority=0)
        await theirs.defer("behind", priority=0)
        await theirs.defer("late", priority=9, schedule_in={"hours": 1})
        reason = await theirs.why(job_id)
        assert reason.headline == "No worker is alive."
        assert reason.sentences[1] == "3 jobs are ahead of it in queue default."
        async with theirs.working(concurrency=1):
            await theirs.comes_to(job_id, "succeeded")
        assert theirs.ran[:4] == ["b", "a", "c", "mine"]


async def test_a_job_in_a_queue_that_no_worker_serves_does_not_start(dsn: str) -> None:
    async with opened(dsn) as theirs:
        job_id = await theirs.defer("mine", queue="unserved")
        async with theirs.working(queues=["default"]):
            await theirs.looks_round()
            run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '10 minutes'")
            reason = await theirs.why(job_id)
            assert (reason.headline, reason.tone) == ("Waiting for a worker.", "warning")
            assert reason.sentences[0].startswith("No job in queue unserved has started for at least 10 min")
            assert await theirs.status(job_id) == "todo"
        async with theirs.working():
            await theirs.comes_to(job_id, "succeeded")


async def test_a_busy_worker_takes_the_next_job_when_it_is_free(dsn: str) -> None:
    async with opened(dsn) as theirs, theirs.working(concurrency=1):
        running = await theirs.defer("first", "hold")
        await theirs.comes_to(running, "doing")
        assert (await theirs.why(running)).headline.startswith("Running for")
        job_id = await theirs.defer("next")
        reason = await theirs.why(job_id)
        assert reason.headline == "Waiting for a free worker."
        assert reason.sentences == ["It is next in its queue.", "1 job in queue default is running."]
        theirs.let_go.set()
        await theirs.comes_to(job_id, "succeeded")
        assert (await theirs.why(job_id)).headline == "It ran and succeeded."


async def test_a_synchronous_task_that_does_not_look_does_not_honour_an_abort(dsn: str) -> None:
    async with opened(dsn) as theirs, theirs.working(concurrency=2):
        job_id = await theirs.defer("mine", "hold")
        await theirs.comes_to(job_id, "doing")
        assert await theirs.app.job_manager.cancel_job_by_id_async(job_id, abort=True)
        reason = await theirs.why(job_id)
        assert reason.headline.startswith("Abort requested ") and reason.headline.endswith(" ago; still running.")
        await theirs.looks_round()
        assert await theirs.status(job_id) == "doing"
        theirs.let_go.set()
        await theirs.comes_to(job_id, "succeeded")


async def test_a_stuck_abort_flag_blocks_their_retry_and_the_mend_has_it_run(dsn: str) -> None:
    async with opened(dsn) as theirs, theirs.working():
        job_id = await theirs.defer("mine", "retried")
        await until(lambda: theirs.ran == ["mine"], what="the task to run")
        assert await theirs.app.job_manager.cancel_job_by_id_async(job_id, abort=True)
        await theirs.comes_to(job_id, "failed")
        reason = await theirs.why(job_id)
        assert reason.mend == "retry"
        assert reason.sentences[0].startswith("An abort request is stuck on it")
        with pytest.raises(procrastinate.exceptions.ConnectorException) as refused:
            await theirs.app.job_manager.retry_job_by_id_async(job_id, dt.datetime.now(dt.UTC))
        assert isinstance(refused.value.__cause__, psycopg.errors.CheckViolation)
        async with connected(dsn) as (connector, able):
            (entry,) = await Actor(connector, able).act(Retry(), job_id)
        assert entry.result is Result.DONE
        await theirs.comes_to(job_id, "succeeded")


async def test_a_taken_queueing_lock_refuses_their_retry_until_the_other_is_gone(dsn: str) -> None:
    async with opened(dsn) as theirs:
        job_id = await theirs.defer("mine", queueing_lock="once")
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing'")
        run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'failed'")
        holder = await theirs.defer("other", queueing_lock="once")
        reason = await theirs.why(job_id)
        assert (reason.headline, reason.job_ids) == ("A retry would be refused.", [holder])
        with pytest.raises(procrastinate.exceptions.UniqueViolation):
            await theirs.app.job_manager.retry_job_by_id_async(job_id, dt.datetime.now(dt.UTC))
        assert await theirs.app.job_manager.cancel_job_by_id_async(holder)
        assert (await theirs.why(job_id)).headline == "It failed."
        await theirs.app.job_manager.retry_job_by_id_async(job_id, dt.datetime.now(dt.UTC))
        async with theirs.working():
            await theirs.comes_to(job_id, "succeeded")


@pytest.mark.parametrize("is_asked", [False, True], ids=["by itself", "after an abort request"])
async def test_a_job_whose_worker_is_silent_stays_and_counts_as_stalled_with_them_too(dsn: str, is_asked: bool) -> None:
    async with opened(dsn) as theirs:
        job_id = await theirs.defer("mine")
        worker_id = await theirs.app.job_manager.register_worker()
        await theirs.app.job_manager.fetch_job(None, worker_id)
        if is_asked:
            await theirs.app.job_manager.cancel_job_by_id_async(job_id, abort=True)
        run_sql(dsn, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 minutes'")
        assert (await theirs.why(job_id)).headline.startswith("Stalled: started ")
        stalled = await theirs.app.job_manager.get_stalled_jobs()
        assert [job.id for job in stalled] == [job_id]
        async with theirs.working():
            await theirs.looks_round()
            reason = await theirs.why(job_id)
            assert reason.headline.startswith("Orphaned: started ")
            assert reason.mend == (None if is_asked else "retry")
            assert await theirs.status(job_id) == "doing"
            await theirs.app.job_manager.retry_job_by_id_async(job_id, dt.datetime.now(dt.UTC))
            await theirs.comes_to(job_id, "failed" if is_asked else "succeeded")
