"""The tasks that every app has: Procrastinate's, under both of their names: our workers run what it deferred."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobdesk_core.blueprints import Blueprint
from jobdesk_core.tasks import Task

if TYPE_CHECKING:
    from jobdesk_core.job_context import JobContext

builtin = Blueprint()

_ALIAS = "procrastinate.builtin_tasks.remove_old_jobs"


@builtin.task(name=f"builtin:{_ALIAS}", aliases=[_ALIAS], pass_context=True, queue="builtin")
async def remove_old_jobs(
    context: JobContext,
    *,
    max_hours: int,
    queue: str | None = None,
    remove_failed: bool | None = False,
    remove_cancelled: bool | None = False,
    remove_aborted: bool | None = False,
) -> None:
    """Delete the jobs that ended more than `max_hours` ago: succeeded ones, and what else is to be removed."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=max_hours,
        queue=queue,
        include_failed=remove_failed,
        include_cancelled=remove_cancelled,
        include_aborted=remove_aborted,
    )


def tasks_of(app: Blueprint) -> dict[str, Task]:
    """The tasks by their names and aliases, as the app's own."""
    own: dict[int, Task] = {}
    for task in builtin.tasks.values():
        own[id(task)] = Task.__new__(Task)
        own[id(task)].__dict__.update(task.__dict__, blueprint=app)
    return {name: own[id(task)] for name, task in builtin.tasks.items()}


def bind(app: Blueprint) -> None:
    """Let the tasks of this module be deferred through an app."""
    for task in builtin.tasks.values():
        task.blueprint = app
