"""What the journal says of an act before it begins, and of the jobs of a staged one. Never a job's arguments."""

from __future__ import annotations

import contextlib
from typing import Any

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.jobs import Job
from jobdesk_core.journal.record import PRUNE, STAGED, Header, Planned
from jobdesk_core.operations import (
    Action,
    DeferPlan,
    Matching,
    Plan,
    SetPlan,
    StagedChange,
    first_defer,
    first_statement,
    first_statements,
)
from jobdesk_core.operations.change.changes import set_to
from jobdesk_core.profiles import Profile, where

#: Workers named one by one.
NAMED = 100


def noted(sentence: str, profile: Profile) -> str:
    """What an act does, and that a read-only connection was unlocked for it."""
    return f"{sentence} (read-only, unlocked for this act)" if profile.is_unlocked else sentence


def of_plan(plan: Plan, profile: Profile) -> Header:
    """What is known of a plan before it is carried out."""
    first = first_statement(plan)
    return Header(
        action=plan.change.action.value,
        sentence=noted(_sentence(plan), profile),
        profile=profile.name,
        place=where(profile),
        role=plan.capabilities.role,
        sql=first.sql if first is not None else "",
        set_to=set_to(plan.change),
    )


def of_job(
    job: Job, capabilities: Capabilities, profile: Profile, *, again_of: int | None = None, many: bool = False
) -> Header:
    """What is known before a job is deferred, or many like it."""
    of_job = f", again after job #{again_of:,}" if again_of is not None else ""
    return Header(
        action=Action.DEFER.value,
        sentence=noted(f"Defer {'many jobs of ' if many else ''}{job.task_name} in queue {job.queue}{of_job}", profile),
        profile=profile.name,
        place=where(profile),
        role=capabilities.role,
        sql=_defer_sql(job, capabilities),
    )


def of_defers(plan: DeferPlan, profile: Profile, source: str) -> Header:
    """What is known before many jobs are deferred, or replayed from the connection `source`."""
    first = first_defer(plan)
    names = {plan.jobs[position].job.task_name for position in plan.positions()[:1_000]}
    task = f" of {names.pop()}" if len(names) == 1 else ""
    count = "1 job" if plan.ready == 1 else f"{plan.ready:,} jobs"
    return Header(
        action=Action.DEFER.value,
        sentence=noted(f"Replay {count}{task} from {source}" if source else f"Defer {count}{task}", profile),
        profile=profile.name,
        place=where(profile),
        role=plan.capabilities.role,
        sql=first.sql if first is not None else "",
    )


def of_set(plan: SetPlan, profile: Profile) -> Header:
    """What is known before staged changes are applied."""
    acts: dict[str, int] = {}
    for entry in plan.staged.entries:
        words = "cancel and delete" if entry.action is Action.DELETE else entry.action.value
        acts[words] = acts.get(words, 0) + entry.count
    told = ", ".join(f"{words} {count:,}" for words, count in acts.items())
    changes = len(plan.staged.entries)
    return Header(
        action=STAGED,
        sentence=noted(f"Apply {changes:,} staged {'change' if changes == 1 else 'changes'}: {told}", profile),
        profile=profile.name,
        place=where(profile),
        role=plan.capabilities.role,
        sql="\n;\n".join(statement.sql for statement in first_statements(plan)),
    )


def planned_of_set(plan: SetPlan) -> Planned:
    """The jobs that staged changes are about to change, and how many with the new ones."""
    changes = [part.entry for part in plan.parts if isinstance(part.entry, StagedChange)]
    return Planned([job_id for change in changes for job_id in change.versions], plan.ready)


def of_pruning(statement: Statement[Any], capabilities: Capabilities, profile: Profile) -> Header:
    """What is known before workers are removed."""
    return Header(
        action=PRUNE,
        sentence=noted("Prune the unresponsive workers", profile),
        profile=profile.name,
        place=where(profile),
        role=capabilities.role,
        sql=statement.sql,
    )


def removed_words(worker_ids: list[int]) -> str:
    """Which workers were removed."""
    names = ", ".join(f"#{worker_id:,}" for worker_id in worker_ids[:NAMED])
    more = f" and {len(worker_ids) - NAMED:,} more" if len(worker_ids) > NAMED else ""
    return f"Removed worker {names}." if len(worker_ids) == 1 else f"Removed workers {names}{more}."


def _sentence(plan: Plan) -> str:
    action = plan.change.action
    words = "Cancel and delete" if action is Action.DELETE else action.value.capitalize()
    ids = [job_id for _, batch in plan.acted() for job_id in batch.ids[:1]]
    text = f"{words} job #{ids[0]:,}" if plan.ready == 1 else f"{words} {plan.ready:,} jobs"
    asked = plan.target.job_filter.text if isinstance(plan.target, Matching) else ""
    # A filter by arguments would hold some of them.
    return f"{text} of those that match {asked}" if asked and "args" not in asked else text


def _defer_sql(job: Job, capabilities: Capabilities) -> str:
    """The SQL with its placeholders: the values, and with them the arguments, are left out."""
    with contextlib.suppress(JobdeskException, ValueError):
        return statements.defer(capabilities, [job]).sql
    return ""
