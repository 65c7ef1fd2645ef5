"""One contract for ours and the real Procrastinate: middleware, its kinds, and what a worker logs."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Any

import pytest
from database import run_sql
from interop.twins import MODULES, Twin, twin_of


@pytest.fixture(params=list(MODULES))
def module(request: pytest.FixtureRequest) -> Any:
    """The implementation under test."""
    return MODULES[request.param]


async def run_out(twin: Twin, **options: Any) -> None:
    defaults = {"wait": False, "install_signal_handlers": False, "listen_notify": False}
    await asyncio.wait_for(twin.app.run_worker_async(**{**defaults, **options}), 60)


def around(heard: list[Any], tag: str) -> Callable[..., Any]:
    """A synchronous middleware that notes and wraps."""

    def middleware(call_next: Any, context: Any, worker: Any) -> Any:
        heard.append((tag, context.job.id, context.task.name, worker.worker_name))
        return f"{tag}({call_next()})"

    return middleware


def async_around(heard: list[Any], tag: str) -> Callable[..., Any]:
    """An asynchronous one."""

    async def middleware(call_next: Any, context: Any, worker: Any) -> Any:
        heard.append((tag, context.job.id, context.task.name, worker.worker_name))
        return f"{tag}({await call_next()})"

    return middleware


class Records(logging.Handler):
    """Keeps every record of a logger."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[Any] = []
        self._logger = logging.getLogger(name)

    def emit(self, record: Any) -> None:
        self.records.append(record)

    def __enter__(self) -> Records:
        self._logger.addHandler(self)
        self._before = self._logger.level
        self._logger.setLevel(logging.DEBUG)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._before)

    def of(self, action: str) -> list[Any]:
        return [record for record in self.records if getattr(record, "action", None) == action]


@pytest.mark.parametrize("is_async", [True, False])
async def test_middleware_stands_around_a_task_in_this_order(dsn: str, module: Any, is_async: bool) -> None:
    heard: list[Any] = []
    async with twin_of(module, dsn) as twin:
        kind, other = (async_around, around) if is_async else (around, async_around)

        def add(n: int) -> int:
            return n + 1

        async def add_on_the_loop(n: int) -> int:
            return n + 1

        own = [kind(heard, "t1"), functools.partial(kind(heard, "t2"))]
        twin.app.task(name="t", task_middleware=own)(add_on_the_loop if is_async else add)
        job_id = await twin.defer(arguments={"n": 1})
        with Records(module.__name__) as records:
            await run_out(
                twin,
                name="Rosa",
                task_middleware=[kind(heard, "w1"), other(heard, "of the other kind"), kind(heard, "w2")],
                worker_middleware=[async_around(heard, "W1"), async_around(heard, "W2")],
            )
        assert heard == [(tag, job_id, "t", "Rosa") for tag in ("W1", "W2", "w1", "w2", "t1", "t2")]
        (success,) = records.of("job_success")
        assert success.result == "W1(W2(w1(w2(t1(t2(2))))))"
        assert twin.rows() == ["succeeded"]


@pytest.mark.parametrize("where", ["task_middleware", "worker_middleware"])
@pytest.mark.parametrize(
    ("how", "retry", "end"),
    [
        ("raises", False, ("failed", 1)),
        ("raises", 1, ("failed", 2)),
        ("raises after", False, ("failed", 1)),
        ("aborts", False, ("aborted", 1)),
        ("calls nothing", False, ("succeeded", 1)),
        ("takes too little", False, ("failed", 1)),
    ],
)
async def test_what_middleware_does_decides_how_the_job_ends(
    dsn: str, module: Any, where: str, how: str, retry: Any, end: Any
) -> None:
    ran: list[int] = []
    async with twin_of(module, dsn) as twin:

        async def middleware(call_next: Any, context: Any, worker: Any) -> Any:
            if how == "raises":
                raise ValueError("on purpose")
            if how == "aborts":
                raise twin.exceptions.JobAborted()
            if how == "raises after":
                await call_next()
                raise ValueError("on purpose")

        async def small(call_next: Any) -> None:
            pass

        @twin.app.task(name="t", retry=retry)
        async def note() -> None:
            ran.append(1)

        await twin.defer()
        await run_out(twin, **{where: [small if how == "takes too little" else middleware]})
        assert twin.rows("status::text, attempts") == [end]
        assert ran == ([1] if how == "raises after" else [])


async def test_middleware_of_a_wrong_kind_is_refused(dsn: str, module: Any) -> None:
    heard: list[Any] = []
    sync, on_the_loop, mismatch = around(heard, "s"), async_around(heard, "a"), module.exceptions.MiddlewareKindMismatch
    async with twin_of(module, dsn) as twin:

        def task() -> None:
            pass

        async def async_task() -> None:
            pass

        for function, wrong, error in [
            (task, [on_the_loop], mismatch),
            (async_task, [sync], mismatch),
            (task, [5], TypeError),
            (task, sync, TypeError),
        ]:
            with pytest.raises(error):
                twin.app.task(name="refused", task_middleware=wrong)(function)
        await twin.defer("nobody.knows")
        for options, error in [
            ({"worker_middleware": [sync]}, mismatch),
            ({"worker_middleware": [5]}, TypeError),
            ({"task_middleware": [5]}, TypeError),
            ({"task_middleware": sync}, TypeError),
        ]:
            with pytest.raises(error):
                await run_out(twin, **options)
        assert (twin.rows(), run_sql(dsn, "SELECT id FROM procrastinate_workers")) == (["todo"], [])


@pytest.mark.parametrize(
    ("name", "status", "action", "level", "raised"),
    [
        ("well", "succeeded", "job_success", "INFO", None),
        ("badly", "failed", "job_error", "ERROR", ValueError),
        ("later", "todo", "job_error_retry", "INFO", ValueError),
        ("aborted", "aborted", "job_aborted", "INFO", "JobAborted"),
        ("interrupted", "failed", "job_error", "ERROR", KeyboardInterrupt),
        ("nobody.knows", "failed", "job_error", "ERROR", "TaskNotFound"),
    ],
)
@pytest.mark.parametrize("is_async", [True, False])
async def test_a_worker_logs_with_the_extras_that_people_read(
    dsn: str, module: Any, is_async: bool, name: str, status: str, action: str, level: str, raised: Any
) -> None:
    async with twin_of(module, dsn) as twin:
        errors = {"badly": ValueError("on purpose"), "later": ValueError("on purpose")}
        errors |= {"aborted": twin.exceptions.JobAborted(), "interrupted": KeyboardInterrupt()}

        def end(n: int) -> int:
            if name in errors:
                raise errors[name]
            return n + 1

        async def end_on_the_loop(n: int) -> int:
            return end(n)

        if name != "nobody.knows":
            retry = module.RetryStrategy(max_attempts=1, wait=1000) if name == "later" else False
            twin.app.task(name=name, retry=retry)(end_on_the_loop if is_async else end)
        job_id = await twin.defer(name, {"n": 1})
        with Records(module.__name__) as records:
            await run_out(twin, name="Rosa", queues=["default"])
        assert twin.rows() == [status]
        worker = {"name": "Rosa", "worker_id": 1, "job_id": job_id, "queues": ["default"]}
        actions = ["loaded_job_info", "start_job", action, "finish_task"]
        if name == "nobody.knows":
            actions[:2] = ["task_not_found"]
        for each in actions:
            (record,) = records.of(each)
            assert record.worker == worker, each
            job = {key: record.job[key] for key in ("id", "task_name", "task_kwargs", "call_string", "attempts")}
            assert job == {"id": job_id, "task_name": name, "task_kwargs": {"n": 1}, "attempts": 0} | {
                "call_string": f"{name}[{job_id}](n=1)"
            }
            assert record.start_timestamp > 0 <= record.duration
        (ended,), (recorded,) = records.of(action), records.of("finish_task")
        assert (ended.levelname, ended.name) == (level, f"{module.__name__}.worker")
        assert ended.result == recorded.result == (2 if name == "well" else None)
        assert ended.end_timestamp >= ended.start_timestamp
        kind = type(ended.exc_info[1]) if ended.exc_info else None
        assert raised in (kind, getattr(kind, "__name__", None))
        assert ("Result: 2" in ended.getMessage()) is (name == "well")
        assert {record.levelname for record in records.of("start_job")} <= {"INFO"}
        assert [len(records.of(each)) for each in ("start_worker", "stop_worker")] == [1, 2]
        started = records.of("start_worker")[0]
        assert (started.queues, started.name) == (["default"], f"{module.__name__}.worker.Rosa")
        assert started.worker == worker | {"job_id": None}
