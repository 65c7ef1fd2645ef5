"""The app: a connector, the tasks, and what can be done with both."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, overload

from jobdesk_core.connectors.contract import AsyncConnector, SyncConnector
from jobdesk_core.exceptions import TaskAlreadyRegistered, TaskNotFound
from jobdesk_core.jobs import Job
from jobdesk_core.manager import JobManager
from jobdesk_core.periodic import PeriodicTask
from jobdesk_core.retry import BaseRetryStrategy
from jobdesk_core.tasks import DEFAULT_QUEUE, JobDeferrer, Task, configure


class _Opening:
    """What `open_async` returns: awaitable, and an asynchronous context manager that closes the app."""

    def __init__(self, app: App, pool: Any) -> None:
        self._app, self._pool = app, pool

    def __await__(self) -> Generator[Any, None, App]:
        return self._open().__await__()

    async def __aenter__(self) -> App:
        return await self._open()

    async def __aexit__(self, *_: object) -> None:
        await self._app.close_async()

    async def _open(self) -> App:
        await self._app.connector.open_async(self._pool)
        return self._app


class App:
    """Holds a connector and the tasks that its workers can run.

    `import_paths` name modules with tasks, imported before a worker starts; `worker_defaults` are
    options of `run_worker_async`; of `periodic_defaults` there is one, `max_delay`: a due time that was missed by
    more than so many seconds (usual: 600) is left out. An unknown one raises TypeError when a worker starts.
    """

    def __init__(
        self,
        *,
        connector: AsyncConnector | SyncConnector,
        import_paths: Iterable[str] = (),
        worker_defaults: dict[str, Any] | None = None,
        periodic_defaults: dict[str, Any] | None = None,
    ) -> None:
        self.job_manager = JobManager(connector)
        self.import_paths = tuple(import_paths)
        self.worker_defaults = dict(worker_defaults or {})
        self.periodic_defaults = dict(periodic_defaults or {})
        self.tasks: dict[str, Task] = {}
        self.periodic_tasks: list[PeriodicTask] = []
        # The apps that share their tasks; each has its own copies, which defer through its own connector.
        self._family: weakref.WeakSet[App] = weakref.WeakSet([self])

    @property
    def connector(self) -> AsyncConnector | SyncConnector:
        """The connector that the app's tasks defer through."""
        return self.job_manager.connector

    # Tasks

    @overload
    def task(self, function: Callable[..., Any], /) -> Task: ...

    @overload
    def task(
        self,
        /,
        *,
        name: str | None = None,
        aliases: Iterable[str] = (),
        retry: bool | int | BaseRetryStrategy = False,
        pass_context: bool = False,
        queue: str = DEFAULT_QUEUE,
        priority: int = 0,
        lock: str | None = None,
        queueing_lock: str | None = None,
    ) -> Callable[[Callable[..., Any]], Task]: ...

    def task(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        aliases: Iterable[str] = (),
        retry: bool | int | BaseRetryStrategy = False,
        pass_context: bool = False,
        queue: str = DEFAULT_QUEUE,
        priority: int = 0,
        lock: str | None = None,
        queueing_lock: str | None = None,
    ) -> Task | Callable[[Callable[..., Any]], Task]:
        """Make a task of a function; a decorator with or without options."""

        def register(function: Callable[..., Any]) -> Task:
            task = Task(
                function,
                app=self,
                name=name,
                aliases=aliases,
                retry=retry,
                pass_context=pass_context,
                queue=queue,
                priority=priority,
                lock=lock,
                queueing_lock=queueing_lock,
            )
            names = (task.name, *task.aliases)
            for known_as in names:
                if known_as in self.tasks:
                    raise TaskAlreadyRegistered(f"The app has a task named {known_as} already.")
            for app in self._family:
                app.tasks.update(dict.fromkeys(names, task if app is self else _copy(task, app)))
            return task

        return register if function is None else register(function)

    def periodic(self, *, cron: str, periodic_id: str = "", **options: Any) -> Callable[[Task], Task]:
        """Let a task defer itself at the times of a cron expression (UTC), with these options."""

        def register(task: Task) -> Task:
            for app in self._family:
                own = task if app is self else app.tasks.get(task.name, task)
                app.periodic_tasks.append(PeriodicTask(own, cron, periodic_id, options))
            return task

        return register

    def configure_task(self, name: str, *, allow_unknown: bool = True, **options: Any) -> JobDeferrer:
        """A deferrer for a task by its name, also for one that only other programs know.

        With `allow_unknown=False` an unknown name raises TaskNotFound.
        """
        task = self.tasks.get(name)
        if task is not None:
            return task.configure(**options)
        if not allow_unknown:
            raise TaskNotFound(f"The app has no task named {name}.")
        return configure(self.job_manager, Job(task_name=name), **options)

    # Connectors

    def with_connector(self, connector: AsyncConnector | SyncConnector) -> App:
        """A new app with the same tasks, which defer through the new connector.

        The two stay together: a task that either registers later is the other's too. A task belongs to
        the app that made it; the other's is `app.tasks[name]`, or `app.configure_task(name)`.
        """
        app = App(
            connector=connector,
            import_paths=self.import_paths,
            worker_defaults=self.worker_defaults,
            periodic_defaults=self.periodic_defaults,
        )
        copies: dict[int, Task] = {}
        for name, task in self.tasks.items():
            if id(task) not in copies:
                copies[id(task)] = _copy(task, app)
            app.tasks[name] = copies[id(task)]
        app.periodic_tasks = [
            PeriodicTask(copies.get(id(each.task), each.task), each.cron, each.periodic_id, each.options)
            for each in self.periodic_tasks
        ]
        app._family = self._family
        self._family.add(app)
        return app

    @contextlib.contextmanager
    def replace_connector(self, connector: AsyncConnector | SyncConnector) -> Iterator[App]:
        """Use another connector for a while, for example in tests: also what was configured before does."""
        before = self.connector
        self.job_manager.use(connector)
        try:
            yield self
        finally:
            self.job_manager.use(before)

    def open(self, pool: Any = None) -> Self:
        """Open the connector for synchronous use; `with app.open():` closes it at the end.

        `pool` is a pool or engine of the connector's kind that is already there, and stays open at the end.
        """
        self.connector.get_sync_connector().open(pool)
        return self

    def close(self) -> None:
        """Close what `open` opened."""
        self.connector.get_sync_connector().close()

    def open_async(self, pool: Any = None) -> _Opening:
        """Open the connector: `await app.open_async()` or `async with app.open_async():`."""
        return _Opening(self, pool)

    async def close_async(self) -> None:
        """Close what `open_async` opened."""
        await self.connector.close_async()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Workers

    async def run_worker_async(self, **options: Any) -> None:
        """Run jobs until stopped; see Worker for the options."""
        from jobdesk_core.worker import Worker

        for path in self.import_paths:
            importlib.import_module(path)
        await Worker(self, **(self.worker_defaults | options)).run()

    def run_worker(self, **options: Any) -> None:
        """Open the app and run jobs until stopped."""

        async def run() -> None:
            async with self.open_async():
                await self.run_worker_async(**options)

        asyncio.run(run())


def _copy(task: Task, app: App) -> Task:
    copy = Task.__new__(Task)
    copy.__dict__.update(task.__dict__, app=app)
    return copy
