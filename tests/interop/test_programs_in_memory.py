"""Test-suites of programs, as people write them for the library: the same lines run on both, but for the imports."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from interop.twins import MODULES as ROOTS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(params=ROOTS.values(), ids=ROOTS)
def lib(request: pytest.FixtureRequest) -> ModuleType:
    """Either of the two, with its modules imported."""
    root: ModuleType = request.param
    for name in ("testing", "exceptions", "jobs", "utils", "builtin_tasks", "retry"):
        importlib.import_module(f"{root.__name__}.{name}")
    return root


@pytest.fixture
def app(lib: ModuleType) -> Iterator[Any]:
    """The app of a program, in whose tests another connector stands for its database."""
    production = lib.App(connector=lib.PsycopgConnector(conninfo="host=nowhere.invalid"))
    with production.replace_connector(lib.testing.InMemoryConnector()) as app:
        assert app is production
        yield app
    assert isinstance(production.connector, lib.PsycopgConnector)


def statuses(app: Any) -> list[str]:
    return [job["status"] for job in app.connector.jobs.values()]


def kinds(app: Any, job_id: int) -> list[str]:
    return [event["type"] for event in app.connector.events[job_id]]


def run(app: Any, **options: Any) -> None:
    app.run_worker(**{"wait": False, "install_signal_handlers": False, "listen_notify": False, **options})


def test_a_task_is_deferred_and_run(app: Any) -> None:
    sums: list[int] = []

    @app.task(queue="sums", name="add")
    def add(a: int, b: int) -> None:
        sums.append(a + b)

    assert add.defer(a=1, b=2) == 1
    assert add.configure(lock="l", priority=3, task_kwargs={"a": 5}).defer(b=6) == 2
    row = {"attempts": 0, "abort_requested": False, "worker_id": None, "scheduled_at": None, "status": "todo"}
    row |= {"id": 1, "queue_name": "sums", "task_name": "add", "priority": 0, "lock": None, "queueing_lock": None}
    assert app.connector.jobs[1] == {**row, "args": {"a": 1, "b": 2}}
    assert app.connector.jobs[2] == {**row, "id": 2, "args": {"a": 5, "b": 6}, "lock": "l", "priority": 3}
    assert [name for name, _ in app.connector.queries] == ["defer_jobs", "defer_jobs"]
    run(app)
    assert sums == [11, 3]
    assert statuses(app) == ["succeeded", "succeeded"]
    assert kinds(app, 1) == ["deferred", "started", "succeeded"]
    assert [job["id"] for job in app.connector.finished_jobs] == [1, 2]
    assert app.connector.states == ["open_async", "closed_async"]
    assert app.connector.workers == {}
    app.connector.reset()
    assert (app.connector.jobs, app.connector.events, app.connector.queries) == ({}, {}, [])
    assert add.defer(a=1, b=1) == 1


def test_a_queueing_lock_is_taken_once(lib: ModuleType, app: Any) -> None:
    task = app.task(queueing_lock="once", name="t")(lambda: None)
    task.defer()
    with pytest.raises(lib.exceptions.AlreadyEnqueued) as caught:
        task.defer()
    assert caught.value.__cause__.queueing_lock == "once"
    assert caught.value.__cause__.constraint_name == "procrastinate_jobs_queueing_lock_idx_v1"
    with pytest.raises(lib.exceptions.AlreadyEnqueued):
        app.configure_task("u").batch_defer()
        task.configure(queueing_lock="twice").batch_defer({}, {})
    assert statuses(app) == ["todo"]
    run(app)
    assert task.defer() > 1


def test_a_job_that_raises_is_retried_and_then_fails(lib: ModuleType, app: Any) -> None:
    attempts: list[int] = []

    @app.task(name="flaky", retry=lib.RetryStrategy(max_attempts=2, retry_exceptions=[OSError]), pass_context=True)
    def flaky(context: Any) -> None:
        attempts.append(context.job.attempts)
        raise OSError

    @app.task(name="broken", retry=lib.RetryStrategy(max_attempts=2, retry_exceptions=[OSError]))
    def broken() -> None:
        raise ValueError

    @app.task(name="gone", retry=True)
    def gone() -> None:
        raise lib.exceptions.JobAborted

    for task in (flaky, broken, gone):
        task.defer()
    app.configure_task("unknown").defer()
    run(app)
    assert attempts == [0, 1, 2]
    assert [(job["status"], job["attempts"]) for job in app.connector.jobs.values()] == [
        ("failed", 3),
        ("failed", 1),
        ("aborted", 1),
        ("failed", 1),
    ]
    again = ["started", "scheduled", "deferred_for_retry"]
    assert kinds(app, 1) == ["deferred", *again, *again, "started", "failed"]


async def test_jobs_are_looked_at_and_acted_on(lib: ModuleType, app: Any) -> None:
    manager = app.job_manager
    await app.configure_task("t", queue="q", lock="l").defer_async(a=1)
    await app.configure_task("t", queue="q", lock="l").defer_async(a=2)
    await app.configure_task("u", schedule_in={"hours": 1}).defer_async()
    worker_id = await manager.register_worker()
    job = await manager.fetch_job(["q"], worker_id)
    assert (job.id, job.status, job.worker_id, job.task_kwargs) == (1, "doing", worker_id, {"a": 1})
    assert await manager.fetch_job(None, worker_id) is None
    assert app.connector.current_locks == {"l"}
    assert await manager.cancel_job_by_id_async(1) is False
    assert await manager.cancel_job_by_id_async(1, True) is True
    assert list(await manager.list_jobs_to_abort_async("q")) == [1]
    await manager.finish_job(job, lib.jobs.Status.ABORTED, False)
    assert await manager.get_job_status_async(1) is lib.jobs.Status.ABORTED
    assert await manager.cancel_job_by_id_async(2) is True
    assert [each["name"] for each in await manager.list_queues_async()] == ["default", "q"]
    (counted,) = await manager.list_tasks_async(task="t")
    assert (counted["jobs_count"], counted["aborted"], counted["cancelled"], counted["todo"]) == (2, 1, 1, 0)
    assert [each.id for each in await manager.list_jobs_async(status="todo")] == [3]
    assert kinds(app, 3) == ["scheduled", "deferred"]
    at = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    await manager.retry_job_by_id_async(1, at, 5, "r", "m")
    (job,) = await manager.list_jobs_async(1)
    assert (job.queue, job.priority, job.lock, job.scheduled_at, job.attempts) == ("r", 5, "m", at, 2)
    assert await manager.cancel_job_by_id_async(1, delete_job=True) is True
    assert set(app.connector.jobs) == {2, 3}
    assert await app.check_connection_async() is True


async def test_notifications_are_heard(app: Any) -> None:
    heard: list[tuple[str, str, int]] = []

    async def hear(*, channel: str, notification: dict[str, Any]) -> None:
        heard.append((channel, notification["type"], notification["job_id"]))

    await app.open_async()
    await asyncio.wait_for(app.job_manager.listen_for_jobs(on_notification=hear, queues=["q"]), 60)
    await app.configure_task("t", queue="q").defer_async()
    await app.configure_task("t", queue="other").defer_async()
    worker_id = await app.job_manager.register_worker()
    await app.job_manager.fetch_job(["q"], worker_id)
    await app.job_manager.cancel_job_by_id_async(1, abort=True)
    await asyncio.sleep(0.05)
    channel = "procrastinate_queue_v1#q"
    assert heard == [(channel, "job_inserted", 1), (channel, "abort_job_requested", 1)]


async def test_a_worker_that_waits_runs_what_comes_and_aborts_what_is_to_stop(lib: ModuleType, app: Any) -> None:
    started = asyncio.Event()

    @app.task(name="long")
    async def long() -> None:
        started.set()
        await asyncio.sleep(60)

    async with app.open_async():
        options = {"install_signal_handlers": False, "concurrency": 2, "fetch_job_polling_interval": 0.1}
        worker = asyncio.create_task(app.run_worker_async(abort_job_polling_interval=0.1, **options))
        await asyncio.sleep(0.05)
        job_id = await long.defer_async()
        await asyncio.wait_for(started.wait(), 60)
        await app.job_manager.cancel_job_by_id_async(job_id, abort=True)
        async with asyncio.timeout(60):
            while await app.job_manager.get_job_status_async(job_id) is not lib.jobs.Status.ABORTED:
                await asyncio.sleep(0.02)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


def test_a_synchronous_task_defers_from_its_thread(app: Any) -> None:
    @app.task(name="child")
    def child(n: int) -> None: ...

    @app.task(name="parent")
    def parent() -> None:
        child.batch_defer({"n": 1}, {"n": 2})

    parent.defer()
    run(app, concurrency=2, listen_notify=True)
    assert statuses(app) == ["succeeded"] * 3


def test_ended_jobs_are_deleted_as_the_worker_is_told(app: Any) -> None:
    app.task(name="good")(lambda: None)
    app.task(name="bad")(lambda: 1 / 0)
    for delete_jobs, left in (("never", ["good", "bad"]), ("successful", ["bad"]), ("always", [])):
        app.connector.reset()
        app.configure_task("good").defer()
        app.configure_task("bad").defer()
        run(app, delete_jobs=delete_jobs)
        assert [job["task_name"] for job in app.connector.jobs.values()] == left


async def test_the_builtin_task_removes_old_jobs(lib: ModuleType, app: Any) -> None:
    """Deferred by hand, as jobs of its names, and called within a periodic task as the how-to says."""
    builtin = "procrastinate.builtin_tasks.remove_old_jobs"
    assert app.tasks[builtin].queue == "builtin"

    @app.task(queueing_lock="remove_old_jobs", pass_context=True, name="nightly")
    async def nightly(context: Any, timestamp: int) -> None:
        await lib.builtin_tasks.remove_old_jobs(context, max_hours=-1, remove_failed=True)

    app.task(name="bad")(lambda: 1 / 0)
    options = {"wait": False, "install_signal_handlers": False, "listen_notify": False}
    for task, arguments in ((nightly.configure(), {"timestamp": 5}), (app.configure_task(builtin), {"max_hours": -1})):
        app.connector.reset()
        await app.configure_task("bad").defer_async()
        await task.defer_async(**arguments)
        await app.run_worker_async(**options)
        left = [job["task_name"] for job in app.connector.jobs.values()]
        assert left == (["nightly"] if "timestamp" in arguments else ["bad", app.tasks[builtin].name])


def test_a_periodic_task_is_deferred_once_for_each_time(app: Any) -> None:
    @app.periodic(cron="* * * * *", periodic_id="each minute", queue="periodic")
    @app.task(name="tick")
    def tick(timestamp: int) -> None: ...

    assert list(app.periodic_registry.periodic_tasks) == [("tick", "each minute")]
    for _ in range(2):
        run(app)
    ticks = [job["args"]["timestamp"] for job in app.connector.jobs.values()]
    assert len(ticks) == len(set(ticks)) >= 1
    assert app.connector.periodic_defers == {("tick", "each minute"): ticks[-1]}


def test_a_subclass_replaces_an_operation(lib: ModuleType) -> None:
    class Broken(lib.testing.InMemoryConnector):  # type: ignore[name-defined, misc]
        async def defer_jobs_all(self, jobs: Any) -> Any:
            raise lib.exceptions.ConnectorException(f"no room for {jobs[0].task_name}")

    app = lib.App(connector=Broken())
    with pytest.raises(lib.exceptions.ConnectorException, match="no room for t"):
        app.configure_task("t").defer()


def test_blueprints_are_put_together(lib: ModuleType, app: Any) -> None:
    ran: list[str] = []
    inner, outer = lib.Blueprint(), lib.Blueprint()

    @inner.task(name="clean", aliases=["tidy"], queue="q")
    def clean() -> None:
        ran.append("clean")

    @outer.periodic(cron="0 0 1 1 *", periodic_id="p")
    @outer.task(name="yearly")
    def yearly(timestamp: int) -> None: ...

    with pytest.raises(lib.exceptions.UnboundTaskError):
        clean.defer()
    outer.add_tasks_from(inner, namespace="inner")
    app.add_tasks_from(outer, namespace="outer")
    assert (clean.name, clean.aliases, yearly.name) == ("outer:inner:clean", ["outer:inner:tidy"], "outer:yearly")
    assert clean.blueprint is app
    assert list(app.periodic_registry.periodic_tasks) == [("outer:yearly", "p")]
    app.add_task_alias(clean, "sweep")
    for name in ("outer:inner:clean", "outer:inner:tidy", "sweep"):
        app.configure_task(name, allow_unknown=False).defer()
    clean.defer()
    assert {job["task_name"] for job in app.connector.jobs.values()} == {"outer:inner:clean"}
    app.connector.jobs[1]["task_name"] = "sweep"  # deferred by a program that calls it so
    run(app, queues=["q"])
    assert ran == ["clean"] * 4
    taken = lib.Blueprint()
    taken.task(name="inner:clean")(print)
    with pytest.raises(lib.exceptions.TaskAlreadyRegistered):
        app.add_tasks_from(taken, namespace="outer")
    with pytest.raises(lib.exceptions.TaskAlreadyRegistered):
        app.add_task_alias(yearly, "sweep")
    with pytest.raises(lib.exceptions.TaskNotFound):
        app.configure_task("nobody", allow_unknown=False)


class Mailer:
    """A class of a program, whose methods are tasks."""

    def send(self) -> None: ...

    def __call__(self) -> None: ...


def test_a_task_is_named_by_its_module_and_its_function(lib: ModuleType, app: Any) -> None:
    def nested() -> None:
        """What it does."""

    task = app.task(nested)
    assert (task.name, task.full_path) == (f"{__name__}.nested",) * 2
    assert (task.__name__, task.__doc__, task.__wrapped__, task.func) == ("nested", "What it does.", nested, nested)
    assert app.task(Mailer().send).name == f"{__name__}.send"
    with pytest.raises(lib.exceptions.FunctionPathError):
        app.task(Mailer())
    assert app.task(Mailer(), name="call").name == "call"
    with pytest.raises(lib.exceptions.TaskAlreadyRegistered):
        app.task(nested)
    periodic = app.periodic(cron="* * * * *")
    periodic(task)
    with pytest.raises(lib.exceptions.TaskAlreadyRegistered):
        periodic(task)
