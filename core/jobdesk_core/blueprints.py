"""Tasks without an app: what a library or a part of a program defines, for an app to take over under a namespace."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from jobdesk_core import utils
from jobdesk_core.exceptions import TaskAlreadyRegistered, UnboundTaskError
from jobdesk_core.jobs import DEFAULT_PRIORITY, DEFAULT_QUEUE
from jobdesk_core.periodic import PeriodicRegistry
from jobdesk_core.retry import RetryValue
from jobdesk_core.tasks import Task

if TYPE_CHECKING:
    from jobdesk_core.manager import JobManager


class Blueprint:
    """Tasks by their names and aliases, and which of them are periodic."""

    #: What defers the tasks' jobs: only an app has it.
    job_manager: JobManager | None = None

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.periodic_registry = PeriodicRegistry()

    @overload
    def task(self, _func: Callable[..., Any]) -> Task: ...

    @overload
    def task(
        self,
        _func: None = None,
        *,
        name: str | None = None,
        aliases: Sequence[str] | None = None,
        retry: RetryValue = False,
        pass_context: bool = False,
        queue: str = DEFAULT_QUEUE,
        priority: int = DEFAULT_PRIORITY,
        lock: str | None = None,
        queueing_lock: str | None = None,
        task_middleware: Sequence[Callable[..., Any]] | None = None,
    ) -> Callable[[Callable[..., Any]], Task]: ...

    def task(
        self,
        _func: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        aliases: Sequence[str] | None = None,
        retry: RetryValue = False,
        pass_context: bool = False,
        queue: str = DEFAULT_QUEUE,
        priority: int = DEFAULT_PRIORITY,
        lock: str | None = None,
        queueing_lock: str | None = None,
        task_middleware: Sequence[Callable[..., Any]] | None = None,
    ) -> Task | Callable[[Callable[..., Any]], Task]:
        """Make a task of a function; a decorator with or without options.

        Raises TaskAlreadyRegistered for a name that is taken, FunctionPathError for a function without one.
        """

        def register(func: Callable[..., Any]) -> Task:
            task = Task(
                func,
                blueprint=self,
                name=name,
                aliases=aliases,
                retry=retry,
                pass_context=pass_context,
                queue=queue,
                priority=priority,
                lock=lock,
                queueing_lock=queueing_lock,
                task_middleware=task_middleware,
            )
            functools.update_wrapper(task, func, updated=())
            for known_as in (task.name, *task.aliases):
                self._check_free(known_as)
            self._add({task.name: task, **dict.fromkeys(task.aliases, task)})
            return task

        return register if _func is None else register(_func)

    def periodic(self, *, cron: str, periodic_id: str = "", **configure_kwargs: Any) -> Callable[[Task], Task]:
        """Let a task defer itself at the times of a cron expression (UTC), with these options of `configure`.

        A task with several schedules needs another `periodic_id` for each, or TaskAlreadyRegistered is raised.
        """

        def register(task: Task) -> Task:
            self._add_periodic(task, cron, periodic_id, configure_kwargs)
            return task

        return register

    def add_task_alias(self, task: Task, alias: str) -> None:
        """Let jobs of another name run this task. Raises TaskAlreadyRegistered."""
        self._check_free(alias)
        self._add({alias: task})

    def add_tasks_from(self, blueprint: Blueprint, *, namespace: str) -> None:
        """Take over a blueprint's tasks, their names, aliases and schedules under `namespace:`.

        Raises TaskAlreadyRegistered, and takes none, when one of the names is taken.
        """
        renamed = {utils.add_namespace(name, namespace): task for name, task in blueprint.tasks.items()}
        for name in renamed:
            if name in self.tasks:
                raise TaskAlreadyRegistered(f"The namespace {namespace} has a task {name} already.")
        for task in set(renamed.values()):
            task.add_namespace(namespace)
            task.blueprint = self
        blueprint.tasks = renamed
        self._add(renamed)
        for each in blueprint.periodic_registry.periodic_tasks.values():
            self._add_periodic(each.task, each.cron, each.periodic_id, each.configure_kwargs)

    def will_configure_task(self) -> None:
        """Raises UnboundTaskError: a blueprint has no connector to defer through."""
        raise UnboundTaskError()

    def _check_free(self, name: str) -> None:
        if name in self.tasks:
            raise TaskAlreadyRegistered(f"There is a task named {name} already.")

    def _add(self, tasks: dict[str, Task]) -> None:
        self.tasks.update(tasks)

    def _add_periodic(self, task: Task, cron: str, periodic_id: str, configure_kwargs: Mapping[str, Any]) -> None:
        self.periodic_registry.register_task(task, cron, periodic_id, configure_kwargs)
