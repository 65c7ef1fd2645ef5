"""Every act goes one way from its look to its errand: no kind of dialog has a way of its own."""

from __future__ import annotations

from jobdesk.acting.plan_dialog import PlanDialog
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.acting.undo import UndoDialog
from jobdesk.deferring.many_dialog import DeferManyDialog
from jobdesk.deferring.replay import ReplayDialog
from jobdesk.staging.dialog import StagedDialog

#: What is decided in one place for all of them.
ONE_WAY = {"submit", "stage", "reject", "problem", "stop_look", "offer_staging"}
#: What each kind says of itself.
OWN = {"look", "show_plan", "missing", "errand"}


def test_every_kind_of_plan_goes_the_one_way() -> None:
    for kind in (PreflightDialog, DeferManyDialog, ReplayDialog, StagedDialog, UndoDialog):
        kinds = kind.__mro__[: kind.__mro__.index(PlanDialog)]
        own = {name for each in kinds for name in vars(each)}
        assert own >= OWN, f"{kind} does not say {OWN - own}"
        assert not own & ONE_WAY, f"{kind} has a way of its own: {own & ONE_WAY}"
