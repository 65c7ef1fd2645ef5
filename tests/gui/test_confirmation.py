"""One rule says what an act wants before it begins; the window and the command line ask for the same."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jobdesk
import jobdesk_core
import pytest
from acting import ABLE
from jobdesk.acting.safety import Safety
from jobdesk.acting.words import words_of
from jobdesk_core.cli import acting
from jobdesk_core.jobs import Job, Status
from jobdesk_core.operations import (
    Action,
    Cancel,
    Change,
    ChangeSet,
    Chosen,
    Fail,
    Plan,
    Purge,
    Reprioritise,
    Reschedule,
    Retry,
    StagedChange,
    StagedDefer,
)
from jobdesk_core.operations.change.plan import Batch
from jobdesk_core.operations.change.rules import Facts
from jobdesk_core.operations.confirmation import (
    MANY,
    Act,
    Other,
    Wants,
    confirmation,
    confirmation_of,
    confirmation_of_set,
)
from jobdesk_core.profiles import Profile
from pytestqt.qtbot import QtBot

#: What each act wants of one job and of more than MANY: elsewhere, then on production.
CASES: dict[Act, tuple[str, str, str, str]] = {
    Action.DEFER: ("nothing", "nothing", "nothing", "name"),
    Action.CANCEL: ("yes", "yes", "yes", "name"),
    Action.ABORT: ("yes", "yes", "name", "name"),
    Action.DELETE: ("yes", "yes", "name", "name"),
    Action.RETRY: ("yes", "yes", "yes", "name"),
    Action.RESCUE: ("yes", "yes", "yes", "name"),
    Action.FAIL: ("yes", "yes", "yes", "name"),
    Action.RUN_NOW: ("yes", "yes", "yes", "name"),
    Action.RESCHEDULE: ("yes", "yes", "yes", "name"),
    Action.REPRIORITISE: ("yes", "yes", "yes", "name"),
    Action.PURGE: ("yes", "yes", "name", "name"),
    Other.REPLAY: ("yes", "yes", "name", "name"),
    Other.UNDO: ("yes", "yes", "yes", "name"),
    Other.PRUNE: ("yes", "yes", "yes", "name"),
    Other.REMOVE_REPORTS: ("yes", "yes", "name", "name"),
}
#: A change of each action, the status in which it acts, and whether the job is at risk.
PLANS: list[tuple[Change, Facts]] = [
    (Cancel(), Facts(Status.TODO)),
    (Cancel(abort=True), Facts(Status.DOING)),
    (Cancel(delete=True), Facts(Status.TODO)),
    (Retry(), Facts(Status.FAILED)),
    (Retry(), Facts(Status.DOING)),
    (Retry(is_forced=True), Facts(Status.DOING, is_worker_alive=True)),
    (Retry(is_forced=True), Facts(Status.DOING, is_worker_unresponsive=True)),
    (Retry(only_stalled=True), Facts(Status.DOING)),
    (Retry(only_stalled=True, is_forced=True), Facts(Status.DOING, is_worker_unresponsive=True)),
    (Fail(), Facts(Status.DOING)),
    (Fail(is_forced=True), Facts(Status.DOING, is_worker_unresponsive=True)),
    (Purge(), Facts(Status.SUCCEEDED)),
    (Reschedule(), Facts(Status.TODO)),
    (Reprioritise(3), Facts(Status.TODO)),
]


def test_every_act_has_its_case() -> None:
    assert set(CASES) == {*Action, *Other}


@pytest.mark.parametrize("act", CASES, ids=str)
def test_what_an_act_wants(act: Act) -> None:
    found = [
        confirmation(act, jobs, is_production=is_production).wants.name.lower()
        for is_production in (False, True)
        for jobs in (1, MANY + 1)
    ]
    assert tuple(found) == CASES[act]
    assert confirmation(act, 0, is_production=True).wants is Wants.NOTHING, "nothing is done"
    at_most = confirmation(act, MANY, is_production=True).wants
    assert at_most is confirmation(act, 1, is_production=True).wants, "so many are not yet many"
    risky = confirmation(act, 1, is_production=True, at_risk=1)
    assert risky.wants is Wants.NAME and risky.needs_force


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _asked_by_command_line(plan: Plan, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> str:
    shown: Any = _Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(sys, "stdin", _Terminal(f"{profile.name}\n"))
    with contextlib.suppress(acting.Ended):  # "yes" was wanted
        acting._ask(SimpleNamespace(profile=profile), plan)  # type: ignore[arg-type]
    return "name" if f"Type {profile.name} to" in shown.getvalue() else "yes"


@pytest.mark.parametrize("environment", ["production", "staging"])
@pytest.mark.parametrize("jobs", [1, MANY + 1])
def test_the_window_and_the_command_line_want_the_same(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, environment: str, jobs: int
) -> None:
    profile = Profile(name="billing", environment=environment)
    for change, facts in PLANS:
        ids = range(1, jobs + 1)
        plan = Plan(Chosen(tuple(ids)), change, ABLE)
        plan.batches[facts] = Batch()
        plan.batches[facts].add(ids, ids)
        assert plan.ready == jobs, change
        safety = Safety(profile, words_of(change.action))
        qtbot.addWidget(safety)
        safety.show_plan(plan, plan.ready)
        by_window = "yes" if safety.name.parentWidget().isHidden() else "name"
        asked = confirmation_of(plan, is_production=profile.is_production)
        if change.action in acting._VERBS:
            assert by_window == _asked_by_command_line(plan, profile, monkeypatch), change
        assert by_window == asked.wants.name.lower(), change
        assert asked.needs_force == bool(getattr(change, "is_forced", False)), change
        staged = ChangeSet((StagedChange(change, dict.fromkeys(ids, 1)),))
        together = confirmation_of_set(staged, is_production=profile.is_production, at_risk=plan.at_risk)
        assert together == asked, "staged, it wants the same"


@pytest.mark.parametrize("environment", ["production", "staging"])
@pytest.mark.parametrize("jobs", [0, 1, MANY, MANY + 1])
def test_new_jobs_want_in_the_window_what_the_rule_says(qtbot: QtBot, environment: str, jobs: int) -> None:
    profile = Profile(name="billing", environment=environment)
    for act in (Action.DEFER, Other.REPLAY):
        safety = Safety(profile)
        qtbot.addWidget(safety)
        safety.show_new(jobs, act)
        wants = confirmation(act, jobs, is_production=profile.is_production).wants
        assert safety.name.parentWidget().isHidden() is (wants is not Wants.NAME), act
        assert (safety.problem() is None) is (wants is not Wants.NAME), act


def test_nothing_else_decides_by_whether_it_is_production() -> None:
    """Who asks hands it on to the one rule; so the window, the command line, staged changes and replays agree."""
    asked: list[str] = []
    for package in (jobdesk, jobdesk_core):
        for path in sorted(Path(package.__path__[0]).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            read = {id(node): node for node in ast.walk(tree) if getattr(node, "attr", "") == "is_production"}
            for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
                if getattr(call.func, "id", "").startswith("confirmation"):
                    asked += [path.name for given in call.keywords if given.arg == "is_production"]
                    for given in call.keywords:
                        read.pop(id(given.value), None)
            assert not read, f"{path} has a rule of its own"
    assert {"acting.py", "defer.py", "safety.py", "dialog.py", "undo.py", "prune.py"} <= set(asked)


def test_staged_changes_want_what_the_strictest_of_them_does_and_what_all_together_do() -> None:
    few = {job_id: 1 for job_id in range(MANY // 2 + 1)}
    cancel, retry = StagedChange(Cancel(), few), StagedChange(Retry(), few)
    delete, new = StagedChange(Cancel(delete=True), {1: 1}), StagedDefer(Job(task_name="t"))

    def wants(*entries: Any) -> Wants:
        return confirmation_of_set(ChangeSet(entries), is_production=True).wants

    assert wants(cancel) is Wants.YES and wants(cancel, retry) is Wants.NAME, "together they are many"
    assert wants(new) is Wants.YES and wants(new, delete) is Wants.NAME


def test_a_plan_counts_the_jobs_that_may_still_run() -> None:
    plan = Plan(Chosen((1,)), Retry(is_forced=True), ABLE)
    for number, facts in enumerate(
        (
            Facts(Status.FAILED),
            Facts(Status.DOING),
            Facts(Status.DOING, is_worker_alive=True),
            Facts(Status.DOING, is_worker_unresponsive=True),
        ),
        start=1,
    ):
        plan.batches[facts] = Batch()
        plan.batches[facts].add(range(number), range(number))
    assert (plan.at_risk, plan.endangered) == (3 + 4, 0)
    careful = plan.with_change(Retry())
    assert careful is not None and (careful.at_risk, careful.endangered) == (0, 3 + 4)
    old = dataclasses.replace(careful, capabilities=dataclasses.replace(ABLE, has_workers=False))
    assert (old.at_risk, old.endangered) == (0, 2 + 3 + 4), "no worker is recorded"
