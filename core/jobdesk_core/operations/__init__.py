"""What an operator does to jobs: `plan` looks at all that are meant, `apply` carries the plan out, `run` runs both.

made = await run_async(plan(Chosen((1, 2)), Cancel(), capabilities), connector)
ledger = await run_async(apply(made), connector)
"""

from jobdesk_core.operations.apply import RolledBack, apply, first_statement
from jobdesk_core.operations.changes import (
    ENDED,
    Action,
    Cancel,
    Change,
    Purge,
    Reprioritise,
    Reschedule,
    Retry,
)
from jobdesk_core.operations.defer import Outcome, defer
from jobdesk_core.operations.examples import Example, examples
from jobdesk_core.operations.ledger import Entry, Ledger, Result
from jobdesk_core.operations.plan import Group, Plan, plan
from jobdesk_core.operations.rules import Reason, impossible, refusal
from jobdesk_core.operations.staged import (
    ChangeSet,
    NotApplied,
    Outlook,
    Part,
    Staged,
    StagedResult,
    apply_staged,
    preview,
)
from jobdesk_core.operations.steps import Progress, Steps, run, run_async
from jobdesk_core.operations.targets import Chosen, IdsNotUnderstood, Matching, Target, parse_ids

__all__ = [
    "ENDED",
    "Action",
    "Cancel",
    "Change",
    "ChangeSet",
    "Chosen",
    "Entry",
    "Example",
    "Group",
    "IdsNotUnderstood",
    "Ledger",
    "Matching",
    "NotApplied",
    "Outcome",
    "Outlook",
    "Part",
    "Plan",
    "Progress",
    "Purge",
    "Reason",
    "Reprioritise",
    "Reschedule",
    "Result",
    "Retry",
    "RolledBack",
    "Staged",
    "StagedResult",
    "Steps",
    "Target",
    "apply",
    "apply_staged",
    "defer",
    "examples",
    "first_statement",
    "impossible",
    "parse_ids",
    "plan",
    "preview",
    "refusal",
    "run",
    "run_async",
]
