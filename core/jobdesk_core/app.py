"""The app: a connector, the tasks, and what can be done with both."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict

from jobdesk_core import builtin_tasks, utils
from jobdesk_core.blueprints import Blueprint
from jobdesk_core.connector import BaseConnector
from jobdesk_core.exceptions import TaskNotFound
from jobdesk_core.jobs import DeleteJobCondition, JobDeferrer
from jobdesk_core.manager import JobManager
from jobdesk_core.periodic import PeriodicTask
from jobdesk_core.schema import SchemaManager
from jobdesk_core.tasks import Task, configure_task
from jobdesk_core.utils import AwaitableContext

if TYPE_CHECKING:
    from jobdesk_core.worker import Worker


class WorkerOptions(TypedDict, total=False):
    """The options of a worker, see Worker."""

    queues: Iterable[str]
    name: str
    concurrency: int
    wait: bool
    fetch_job_polling_interval: float
    abort_job_polling_interval: float
    shutdown_graceful_timeout: float
    listen_notify: bool
    delete_jobs: str | DeleteJobCondition
    additional_context: dict[str, Any]
    install_signal_handlers: bool
    update_heartbeat_interval: float
    stalled_worker_timeout: float
    task_middleware: list[Callable[..., Any]]
    worker_middleware: list[Callable[..., Any]]


class App(Blueprint):
    """Holds a connector and the tasks that its workers can run.

    `import_paths` name modules with tasks, imported before a worker starts; `worker_defaults` are
    options of `run_worker_async`; of `periodic_defaults` there is one, `max_delay`: a due time that was missed by
    more than so many seconds (usual: 600) is left out. An unknown one raises TypeError when a worker starts.
    """

    def __init__(
        self,
        *,
        connector: BaseConnector,
        import_paths: Iterable[str] | None = None,
        worker_defaults: Mapping[str, Any] | WorkerOptions | None = None,
        periodic_defaults: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.job_manager: JobManager = JobManager(connector)
        self.import_paths = list(import_paths or ())
        self._has_imported = False
        #: The worker that was run last; the command line asks how it ended.
        self._last_worker: Worker | None = None
        self.worker_defaults: dict[str, Any] = dict(worker_defaults or {})
        self.periodic_defaults = dict(periodic_defaults or {})
        # The apps that share their tasks; each has its own copies, which defer through its own connector.
        self._family: weakref.WeakSet[App] = weakref.WeakSet([self])
        self._add(builtin_tasks.tasks_of(self))
        builtin_tasks.bind(self)

    @classmethod
    def from_path(cls, dotted_path: str) -> App:
        """The app at `package.module.name`. Raises LoadFromPathError when there is none."""
        app: App = utils.load_from_path(dotted_path, cls)
        return app

    @property
    def connector(self) -> BaseConnector:
        """The connector that the app's tasks defer through."""
        return self.job_manager.connector

    @connector.setter
    def connector(self, connector: BaseConnector) -> None:
        self.job_manager.use(connector)

    @property
    def schema_manager(self) -> SchemaManager:
        """Creates the schema through the app's connector."""
        return SchemaManager(self.connector)

    def check_connection(self) -> bool:
        """Whether the database answers and has the schema."""
        return self.job_manager.check_connection()

    async def check_connection_async(self) -> bool:
        """Whether the database answers and has the schema."""
        return await self.job_manager.check_connection_async()

    # Tasks

    @property
    def periodic_tasks(self) -> list[PeriodicTask]:
        """The schedules of the app's tasks."""
        return list(self.periodic_registry.periodic_tasks.values())

    def perform_import_paths(self) -> None:
        """Import the modules of `import_paths`, once. What one of them raises passes, and is tried again next time."""
        if not self._has_imported:
            utils.import_all(self.import_paths)
            self._has_imported = True

    def configure_task(self, name: str, *, allow_unknown: bool = True, **options: Any) -> JobDeferrer:
        """A deferrer for a task by its name, also for one that only other programs know.

        With `allow_unknown=False` an unknown name raises TaskNotFound.
        """
        self.perform_import_paths()
        task = self.tasks.get(name)
        if task is not None:
            return task.configure(**options)
        if not allow_unknown:
            raise TaskNotFound(f"The app has no task named {name}.")
        return configure_task(name=name, job_manager=self.job_manager, **options)

    def will_configure_task(self) -> None:
        """Nothing is missing: an app has a connector to defer through."""

    def _add(self, tasks: dict[str, Task]) -> None:
        for app in self._family:
            copies = {id(task): task if app is self else _copy(task, app) for task in tasks.values()}
            app.tasks.update({name: copies[id(task)] for name, task in tasks.items()})

    def _add_periodic(self, task: Task, cron: str, periodic_id: str, configure_kwargs: Mapping[str, Any]) -> None:
        for app in self._family:
            own = task if app is self else app.tasks.get(task.name, task)
            app.periodic_registry.register_task(own, cron, periodic_id, configure_kwargs)

    # Connectors

    def with_connector(self, connector: BaseConnector) -> App:
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
        copies = {id(task): _copy(task, app) for task in self.tasks.values()}
        app.tasks = {name: copies[id(task)] for name, task in self.tasks.items()}
        for each in self.periodic_tasks:
            own = copies.get(id(each.task), each.task)
            app.periodic_registry.register_task(own, each.cron, each.periodic_id, each.configure_kwargs)
        app._family = self._family
        self._family.add(app)
        builtin_tasks.bind(self)
        return app

    @contextlib.contextmanager
    def replace_connector(self, connector: BaseConnector) -> Iterator[App]:
        """Use another connector for a while, for example in tests: also what was configured before does."""
        before = self.connector
        self.job_manager.use(connector)
        try:
            yield self
        finally:
            self.job_manager.use(before)

    def open(self, pool_or_engine: Any = None) -> Self:
        """Open the connector for synchronous use; `with app.open():` closes it at the end.

        `pool_or_engine` is one of the connector's kind that is already there, and stays open at the end.
        """
        self.connector.get_sync_connector().open(pool_or_engine)
        return self

    def close(self) -> None:
        """Close what `open` opened."""
        self.connector.get_sync_connector().close()

    def open_async(self, pool: Any = None) -> AwaitableContext[Self]:
        """Open the connector: `await app.open_async()` or `async with app.open_async():`."""
        return AwaitableContext(lambda: self.connector.open_async(pool), self.close_async, self)

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

        self.perform_import_paths()
        self._last_worker = Worker(self, **(self.worker_defaults | options))
        await self._last_worker.run()

    def run_worker(self, **options: Any) -> None:
        """Open the app and run jobs until stopped."""

        async def run() -> None:
            async with self.open_async():
                await self.run_worker_async(**options)

        asyncio.run(run())


def _copy(task: Task, app: App) -> Task:
    copy = Task.__new__(Task)
    copy.__dict__.update(task.__dict__, blueprint=app)
    return copy
