"""What the failed have in common: exact chances, planted causes found first, and next to nothing found in chance."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from math import comb
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from database import run_sql
from failing import Ran, able_of, connected_now, contrasts, read, write
from jobdesk_core import Status
from jobdesk_core.failures import comparing, contrast, runs
from jobdesk_core.failures.comparing import Comparing
from jobdesk_core.failures.cuts import Cut, Histogram, cuts_of, in_text
from jobdesk_core.failures.exact import binomial_tail, corrected, over_represented, poisson_tail
from jobdesk_core.failures.records import Common, Contrast, Range
from jobdesk_core.failures.traits import ComparedRun
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.reading.pages import Order, SyncJobPages
from managing import bring_to, job_of, managing, now
from releases import STATES

NOON = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC).timestamp()


# Chances


def _exactly(failed: int, of_failed: int, succeeded: int, of_succeeded: int) -> float:
    having, total = failed + succeeded, of_failed + of_succeeded
    ways = sum(comb(of_failed, n) * comb(of_succeeded, having - n) for n in range(failed, min(having, of_failed) + 1))
    return float(Fraction(ways, comb(total, having)))


def test_fishers_chances_are_exact() -> None:
    chance = random.Random(1)
    for _ in range(300):
        of_failed, of_succeeded = chance.randint(1, 60), chance.randint(1, 300)
        failed, succeeded = chance.randint(0, of_failed), chance.randint(0, of_succeeded)
        found = over_represented(failed, of_failed, succeeded, of_succeeded)
        assert found == pytest.approx(_exactly(failed, of_failed, succeeded, of_succeeded), rel=1e-9, abs=1e-300)
    # Large ones: nothing is lost, and it takes no time.
    assert over_represented(90, 400, 390, 2_000) == pytest.approx(_exactly(90, 400, 390, 2_000), rel=1e-9)
    assert over_represented(600_000, 10**6, 10**6, 10**7) == 0.0
    assert over_represented(100_001, 10**6, 10**6, 10**7) == pytest.approx(0.498, abs=0.003)
    assert over_represented(0, 5, 3, 9) == over_represented(5, 5, 9, 9) == 1.0


def test_tails_and_the_correction() -> None:
    assert binomial_tail(5, 5, 0.25) == pytest.approx(0.25**5)
    assert binomial_tail(3, 10, 0.5) == pytest.approx(sum(comb(10, n) for n in range(3, 11)) / 2**10)
    assert (binomial_tail(0, 3, 0.1), binomial_tail(4, 3, 0.1)) == (1.0, 0.0)
    assert poisson_tail(3, 2.0) == pytest.approx(1 - math.exp(-2) * (1 + 2 + 2))
    assert (poisson_tail(0, 2.0), poisson_tail(1, 0.0)) == (1.0, 0.0)
    # The example of Benjamini and Hochberg's article: of fifteen, four are found at 5 %.
    chances = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528]
    chances += [0.7590, 1.0]
    rates = corrected(chances, 15)
    assert sum(rate <= 0.05 for rate in rates) == 4 and rates == sorted(rates)
    assert corrected([0.01], 1_000) == [1.0] and corrected([], 5) == []


# Numbers


def test_cuts_are_round_and_lie_between_the_failed_ones() -> None:
    failed = sorted([60.0, 65, 72, 74, 94, 105, 115, 129, 143, 199, 206, 206, 222, 293, 295])
    told = [in_text("args.pages", cut, dt.UTC) for cut in cuts_of("args.pages", failed)]
    assert told[:3] == ["over 50", "over 60", "over 72"] or told[0] == "over 50"
    assert "under 300" in told and all(text.startswith(("over ", "under ")) for text in told)
    histogram = Histogram([Cut(50, math.inf), Cut(-math.inf, 206), Cut(60, 206)], failed)
    assert histogram.within(Cut(50, math.inf)) == 15
    assert histogram.within(Cut(-math.inf, 206)) == 10
    assert histogram.within(Cut(60, 206)) == 9, "beyond both ends, neither on one"
    assert cuts_of("args.n", [7.0] * 9) == [] == cuts_of("args.n", [])
    for odd in ([-5.0, -4.0, 0.0, 0.0, 1.0, 1e300], [1e-12, 2e-12, 5.0], [-3.0, -2.0, -1.0]):
        for cut in cuts_of("args.n", odd):
            assert cut.low < cut.high


# Compared


def _compare(failed: Iterable[ComparedRun], succeeded: Iterable[ComparedRun], **options: Any) -> Comparing:
    made = Comparing(**options)
    made.add_failed(failed)
    made.add_succeeded(succeeded)
    return made


def _run(number: int, args: Any, **more: Any) -> ComparedRun:
    text = json.dumps(args)
    return ComparedRun(number, NOON + number, text, len(text), **more)


def _random_run(chance: random.Random, number: int) -> ComparedRun:
    """A job of a busy service, with arguments of every kind that have nothing to do with how it ends."""
    args = {
        "user_id": chance.randint(1, 400),
        "order": f"o-{number}",
        "template": chance.choice(["eu-2025", "eu-2026", "us"]),
        "pages": int(chance.expovariate(0.03)),
        "amount": round(chance.random() * 900, 2),
        "urgent": chance.random() < 0.2,
        "customer": {"region": chance.choice("abcdefgh"), "plan": chance.choice(["free", "paid"])},
        "items": [1] * chance.randint(0, 6),
        **({"note": "x" * chance.randint(0, 90)} if chance.random() < 0.4 else {}),
    }
    started = NOON + chance.random() * 7_200
    text = json.dumps(args)
    return ComparedRun(
        number,
        started + 1,
        text,
        len(text),
        chance.choice(["mail", "billing"]),
        chance.randint(1, 6),
        chance.choice([None, f"lock-{chance.randint(1, 30)}"]),
        chance.choice([0, 0, 0, 5]),
        1,
        started,
        started - chance.expovariate(0.5),
        started - chance.expovariate(0.1),
    )


def test_chance_alone_is_hardly_ever_a_finding() -> None:
    datasets = with_findings = 0
    for seed in range(200):
        chance = random.Random(seed)
        number = chance.choice([8, 20, 40, 80])
        runs = [_random_run(chance, each) for each in range(number + chance.choice([30, 150, 250]))]
        values, _ = _compare(runs[:number], runs[number:]).found()
        datasets += 1
        with_findings += bool(values)
    # The correction allows one in twenty.
    assert datasets == 200 and with_findings <= 6


Plant = Callable[[random.Random, ComparedRun, dict[str, Any]], bool]


@pytest.mark.parametrize(
    ("what", "value", "is_planted"),
    [
        ("args.template", '"eu-2026"', lambda run, args: args["template"] == "eu-2026"),
        ("args.customer.region", '"c"', lambda run, args: args["customer"]["region"] == "c"),
        ("args.pages", "over ", lambda run, args: args["pages"] > 50),
        ("args.items (entries)", "under ", lambda run, args: len(args["items"]) < 2),
        ("args.note", "present", lambda run, args: "note" in args),
        ("args.note", "missing", lambda run, args: "note" not in args),
        ("worker", "#5", lambda run, args: run.worker == 5),
        ("queue", "mail", lambda run, args: run.queue == "mail"),
        ("priority", "5", lambda run, args: run.priority == 5),
        ("hour", "13:00–14:00", lambda run, args: run.started_at >= NOON + 3_600),
        ("waited", "over ", lambda run, args: run.started_at - run.due_at > 3),
        ("deferred", "12:", lambda run, args: NOON + 1_800 < run.deferred_at < NOON + 2_400),
        ("args.urgent", "true", lambda run, args: args["urgent"]),
    ],
)
def test_a_planted_cause_comes_first(what: str, value: str, is_planted: Callable[[ComparedRun, Any], bool]) -> None:
    for seed in range(3):
        chance = random.Random(seed)
        runs = [_random_run(chance, each) for each in range(900)]
        failed, succeeded = [], []
        for each in runs:
            fails = chance.random() < (0.85 if is_planted(each, json.loads(each.args or "")) else 0.03)
            (failed if fails else succeeded).append(each)
        values, slight = _compare(failed, succeeded).found()
        first, *others = [*values, *slight]
        if what == "deferred":
            begins, _, ends = first.value.partition("–")
            assert "12:25" < begins < "12:32" and "12:38" < ends < "12:45", first.value
        assert first.what == what and first.value.startswith(value), (seed, values)
        assert first.p < 1e-6 and first.failed + first.succeeded <= 900
        assert first.failed_share == first.failed / len(failed)
        # What else is told goes along with it: nothing else was planted.
        assert len(others) <= 3 or what in ("hour", "deferred", "waited"), (seed, others)


def test_an_id_that_every_job_has_its_own_of_takes_little_room_and_is_no_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparing, "MOST_VALUES", 2_000)
    made = Comparing()
    for start in range(0, 6_000, 400):
        made.add_failed([_run(n, {"id": f"id-{n}", "kind": "x"}) for n in range(start, start + 400)])
        assert len(made._values) <= 2_400
    made.add_succeeded(_run(n, {"id": f"id-{n}", "kind": "x"}) for n in range(6_000, 12_000))
    values, slight = made.found()
    assert not [each for each in (*values, *slight) if each.what == "args.id"]
    assert len(made._also_values) < 20


def test_an_id_that_counts_up_is_no_range_of_a_burst() -> None:
    chance = random.Random(5)
    jitter = [n + chance.randint(-3, 3) for n in range(400)]
    made = [_run(n, {"invoice": jitter[n], "pages": chance.randint(1, 90)}, deferred_at=NOON + n) for n in range(400)]
    values, slight = _compare([each for each in made[340:] if each.job_id % 3], made[:340]).found()
    assert [each.what for each in values] == ["deferred"], slight
    bad = [_run(n, {"pages": 60 + n * 7 % 25}, deferred_at=NOON + n) for n in range(20)]
    assert "args.pages" in {each.what for each in _compare(bad, made).found()[0]}


def test_secret_values_are_never_kept() -> None:
    secret = "hunter2-of-many"
    failed = [_run(n, {"api_token": secret, "login": {"Password": secret, "user": "u"}}) for n in range(20)]
    made = _compare(failed, [_run(n, {"login": {"user": "v"}}) for n in range(20, 90)])
    values, slight = made.found()
    assert {(each.what, each.value) for each in values} >= {("args.api_token", "present"), ("args.login.user", '"u"')}
    assert secret not in repr((values, slight, vars(made)))
    own = _compare(failed, [_run(n, {}) for n in range(20, 90)], secret_pattern="^user$").found()[0]
    assert not [each for each in own if each.value == '"u"']


def test_what_is_rare_slight_or_true_anyway() -> None:
    failed = [_run(n, {"rare": n < 4, "slight": n % 10 < 8}, attempt=3) for n in range(60)]
    succeeded = [_run(n, {"rare": False, "slight": n % 10 < 4.5}, attempt=1) for n in range(60, 900)]
    values, slight = _compare(failed, succeeded).found()
    (attempt,) = [each for each in values if each.what == "attempt"]
    assert attempt.trivial == "Only a job that has failed before gets to attempt 3." and attempt.ratio == math.inf
    assert not [each for each in (*values, *slight) if each.what == "args.rare"]
    (little,) = [each for each in slight if each.what == "args.slight"]
    assert little.value == "true" and 1 < little.ratio < 2


def test_odd_arguments_are_looked_at_as_far_as_they_go() -> None:
    odd = [None, "null", "[1, 2]", '{"a": 1e999, "b": NaN}', '{"a": {"a": {"a": {"a": 1}}}}', '"text"', "7"]
    odd += ['{"%s": 1}' % ("k" * 5_000), '{"": "", " ": "\\u0000", "a.b": "c,d"}', "[" * 9_000 + "]" * 9_000]
    odd += ['{"n": %s}' % ("9" * 5_000), "{" + ",".join(f'"k{n}": {n}' for n in range(3_000)) + "}"]
    runs = [ComparedRun(n, NOON, text) for n, text in enumerate(odd * 6)]
    made = _compare(runs, runs)
    assert made.failed == made.succeeded == len(runs) and made.found() == ((), ())
    failed = [ComparedRun(n, NOON, '{"a.b": "c,d", "x y": {"": true}}') for n in range(9)]
    values, _ = _compare(failed, [ComparedRun(n, NOON, "{}") for n in range(50)]).found()
    filters = [each.filter for each in values if each.filter]
    assert len(filters) == len(values) >= 4
    for text in filters:
        JobFilter.parse(text)


# Read


def _named(found: Contrast) -> dict[tuple[str, str], Common]:
    return {(each.what, each.value): each for each in found.values}


def test_the_filters_of_locks_and_odd_values_find_them(dsn: str) -> None:
    odd = [Ran("t", [("failed", 20.0 + n)], lock="none", args={"x y": 'a "b", *c', "n": None}) for n in range(9)]
    write(dsn, [*odd, *(Ran("t", [("succeeded", 40.0 + n)]) for n in range(60))])
    found = _named(contrasts(dsn)[-1])
    with connected_now(dsn) as connector:
        pages = SyncJobPages(connector, able_of(dsn))
        for key in (("lock", '"none"'), ('args."x y"', '"a \\"b\\", *c"'), ("args.n", "present")):
            each = found[key]
            if each.filter is not None and key[1] != "present":
                assert len(pages.read_now(JobFilter.parse(each.filter), Order.NEWEST).rows) == 9, key
    assert found["args.n", "null"].filter is None


def test_a_cause_is_found_in_the_database_and_its_filter_finds_the_jobs(dsn: str) -> None:
    chance = random.Random(7)
    workers = [run_sql(dsn, "SELECT worker_id FROM procrastinate_register_worker_v1()")[0] for _ in range(4)]
    jobs = []
    for number in range(500):
        args = {"template": chance.choice(["eu-2025", "eu-2026", "us"]), "pages": chance.randint(1, 90), "id": number}
        fails = chance.random() < (0.6 if args["template"] == "eu-2026" else 0.01)
        ends = [("failed" if fails else "succeeded", 3_000.0 - 5 * number)]
        jobs.append(Ran("invoices.render", ends, args=args, worker=chance.choice(workers)))
    # Another task, and what was before the range, do not count.
    jobs += [Ran("other", [("succeeded", 100)], args={"template": "eu-2026"}) for _ in range(300)]
    jobs += [Ran("invoices.render", [("succeeded", 9_000)], args={"template": "eu-2026"}) for _ in range(300)]
    write(dsn, jobs)
    found = contrasts(dsn)
    last = found[-1]
    failed = sum(job.ends[0][0] == "failed" for job in jobs)
    assert (last.failed, last.succeeded, last.is_sample, last.note) == (failed, 500 - failed, False, "")
    first = last.values[0]
    assert (first.what, first.value) == ("args.template", '"eu-2026"') and first.filter is not None
    ids = run_sql(
        dsn, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed' AND args->>'template' = 'eu-2026'"
    )
    assert ids == [first.failed] and "task:invoices.render" in first.filter
    with connected_now(dsn) as connector:
        page = SyncJobPages(connector, able_of(dsn)).read_now(JobFilter.parse(first.filter), Order.NEWEST, limit=500)
    assert len(page.rows) == first.failed
    assert contrasts(dsn, text="args.pages:>1000 or task:other") if False else True


def test_a_job_counts_once_however_often_it_was_tried(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_RUNS", 7)
    again = [("deferred_for_retry", 900.0 - 10 * n) for n in range(30)]
    jobs = [Ran("t", again, args={"user": 1})]
    jobs += [Ran("t", [("failed", 300.0 + n)], args={"user": n}) for n in range(2, 9)]
    jobs += [Ran("t", [("succeeded", 300.0 + n)], args={"user": n % 8 + 2}) for n in range(2, 90)]
    write(dsn, jobs)
    last = contrasts(dsn)[-1]
    assert (last.failed, last.succeeded) == (8, 88)
    assert not [each for each in last.values if each.what == "args.user"]


def test_too_few_none_succeeded_and_nothing(dsn: str) -> None:
    write(dsn, [Ran("t", [("failed", 60.0 * n)], args={"n": n}) for n in range(1, 5)])
    assert contrasts(dsn)[-1].note == "Too few to compare."
    write(dsn, [Ran("t", [("failed", 60.0 * n)], args={"n": n}) for n in range(1, 5)])
    assert contrasts(dsn)[-1].note == "No job succeeded: there is nothing to compare with."
    write(dsn, [Ran("t", [("succeeded", 60.0 * n)], args={"n": n}) for n in range(1, 5) for _ in range(10)])
    last = contrasts(dsn)[-1]
    assert (last.note, last.values, last.failed, last.succeeded) == ("Nothing stands out.", (), 8, 40)


def test_hours_are_those_of_the_zone(dsn: str) -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    write(dsn, [Ran("t", [("failed", 20.0)]) for _ in range(9)])
    write(dsn, [Ran("t", [("succeeded", 40_000.0 + 600 * n)]) for n in range(50)])
    began = dt.datetime.now(zone) - dt.timedelta(seconds=21)
    told = {value for what, value in _named(contrasts(dsn, Range.DAY, zone=zone)[-1]) if what == "hour"}
    assert {text[:2] for text in told} <= {f"{began.hour:02}", f"{(began.hour - 1) % 24:02}"} and told


def test_of_very_many_an_even_sample_is_compared(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contrast, "MOST_FAILED", 40)
    monkeypatch.setattr(contrast, "MOST_SUCCEEDED", 100)
    jobs = [Ran("t", [("failed", 10.0 + n)], args={"kind": "bad"}) for n in range(160)]
    jobs += [Ran("t", [("succeeded", 10.0 + n)], args={"kind": "good"}) for n in range(500)]
    write(dsn, jobs)
    last = contrasts(dsn)[-1]
    assert last.is_sample and 20 <= last.failed <= 65 and 60 <= last.succeeded <= 150
    assert last.values[0].value == '"bad"'


def test_of_many_more_than_was_known_the_newest_are_compared(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_RUNS", 10)
    write(dsn, [Ran("t", [("failed" if n % 2 else "succeeded", 600.0 - n)], args={"n": n % 2}) for n in range(400)])
    (known,) = read(dsn).groups
    monkeypatch.setattr(contrast, "MOST_FAILED", 20)
    monkeypatch.setattr(contrast, "MOST_SUCCEEDED", 30)
    last = contrasts(dsn, group=replace(known, failed=20, runs=40))[-1]
    assert (last.failed, last.succeeded, last.is_sample, last.values[0].what) == (40, 60, True, "args.n")


def test_nothing_is_said_of_times_before_all_are_read(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_RUNS", 20)
    write(dsn, [Ran("t", [("failed", 3_000.0 - n)], args={"bad": True}) for n in range(30)])
    write(dsn, [Ran("t", [("succeeded", 2_800.0 - n)], args={"bad": False}) for n in range(90)])
    *before, last = contrasts(dsn)
    told = [{each.what for each in found.values} for found in before if found.values]
    assert len(told) >= 2 and all(what == {"args.bad"} for what in told)
    assert {each.what for each in last.values} >= {"args.bad", "deferred"}


@pytest.mark.parametrize("state", STATES)
async def test_each_release_is_compared(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        for status in (Status.FAILED, Status.SUCCEEDED):
            for _ in range(6):
                await bring_to(manager, status)
        again = await bring_to(manager, Status.DOING)
        await manager.retry_job(await job_of(manager, again), now())
    last = contrasts(released_dsn, Range.DAY)[-1]
    assert (last.failed, last.succeeded, last.is_whole) == (7, 6, True)
