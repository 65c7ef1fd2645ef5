"""What an operator does to jobs: `plan` looks at all that are meant, `apply` carries the plan out, `run` runs both.

made = await run_async(plan(Chosen((1, 2)), Cancel(), capabilities), connector)
ledger = await run_async(apply(made), connector)
"""

from jobdesk_core.operations.change.apply import RolledBack, apply, first_statement
from jobdesk_core.operations.change.brake import Brake
from jobdesk_core.operations.change.changes import (
    ENDED,
    Action,
    Cancel,
    Change,
    Fail,
    Purge,
    Reprioritise,
    Reschedule,
    Retry,
)
from jobdesk_core.operations.change.plan import Group, Plan, plan
from jobdesk_core.operations.change.retried import Retried, what_became
from jobdesk_core.operations.change.risk import Risk, look_at_risk
from jobdesk_core.operations.change.rules import Reason, impossible, refusal
from jobdesk_core.operations.change.sample_rows import SampleRow, sample_rows
from jobdesk_core.operations.change.served import not_served
from jobdesk_core.operations.change.targets import Chosen, IdsNotUnderstood, Matching, Target, parse_ids
from jobdesk_core.operations.deferring.ledger import DeferLedger, Deferred
from jobdesk_core.operations.deferring.many import (
    DeferPlan,
    DefersRolledBack,
    apply_defers,
    deferring_refusal,
    first_defer,
    plan_defers,
)
from jobdesk_core.operations.deferring.new_jobs import NewJob, from_rows
from jobdesk_core.operations.deferring.one import Outcome, defer
from jobdesk_core.operations.deferring.replay import MOST_EDITED_BYTES, read_jobs, where_it_leads
from jobdesk_core.operations.deferring.rows import Row, Rows, RowsNotUnderstood, decoded, open_rows, parse_rows
from jobdesk_core.operations.ledger import JobOutcome, Ledger, Result
from jobdesk_core.operations.rate import MOST_A_SECOND, Rate
from jobdesk_core.operations.staged.apply import NotApplied, SetLedger, apply_staged, first_statements
from jobdesk_core.operations.staged.changes import (
    ChangeSet,
    NothingToStage,
    Staged,
    StagedChange,
    StagedDefer,
    TooManyNewJobs,
    TooManyStaged,
)
from jobdesk_core.operations.staged.plan import Part, SetPlan, look
from jobdesk_core.operations.steps import Progress, Steps, run, run_async

__all__ = [
    "ENDED",
    "MOST_A_SECOND",
    "MOST_EDITED_BYTES",
    "Action",
    "Brake",
    "Cancel",
    "Change",
    "ChangeSet",
    "Chosen",
    "DeferLedger",
    "DeferPlan",
    "Deferred",
    "DefersRolledBack",
    "Fail",
    "Group",
    "IdsNotUnderstood",
    "JobOutcome",
    "Ledger",
    "Matching",
    "NewJob",
    "NotApplied",
    "NothingToStage",
    "Outcome",
    "Part",
    "Plan",
    "Progress",
    "Purge",
    "Rate",
    "Reason",
    "Reprioritise",
    "Reschedule",
    "Result",
    "Retried",
    "Retry",
    "Risk",
    "RolledBack",
    "Row",
    "Rows",
    "RowsNotUnderstood",
    "SampleRow",
    "SetLedger",
    "SetPlan",
    "Staged",
    "StagedChange",
    "StagedDefer",
    "Steps",
    "Target",
    "TooManyNewJobs",
    "TooManyStaged",
    "apply",
    "apply_defers",
    "apply_staged",
    "decoded",
    "defer",
    "deferring_refusal",
    "first_defer",
    "first_statement",
    "first_statements",
    "from_rows",
    "impossible",
    "look",
    "look_at_risk",
    "not_served",
    "open_rows",
    "parse_ids",
    "parse_rows",
    "plan",
    "plan_defers",
    "read_jobs",
    "refusal",
    "run",
    "run_async",
    "sample_rows",
    "what_became",
    "where_it_leads",
]
