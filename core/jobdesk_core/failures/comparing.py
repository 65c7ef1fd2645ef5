"""Compares failed with succeeded runs: which values, keys and ranges of numbers are over-represented, and how surely.

First all failed runs are added, then the succeeded ones, of which only what may be a finding is counted: however many
values an argument has, what is kept is bounded by the failed runs, which are few.
"""

from __future__ import annotations

import datetime as dt
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from jobdesk_core.failures.cuts import DEFERRED, Cut, Histogram, counts_up, cuts_of, in_filter, in_text
from jobdesk_core.failures.exact import corrected, over_represented
from jobdesk_core.failures.records import Common
from jobdesk_core.failures.traits import ABSENT, PRESENT, ComparedRun, Trait, Traits, name_of, traits_of
from jobdesk_core.profiles.secret_keys import compiled

#: A value is a finding with so many failed jobs, and when it is so many times as frequent among them.
FEWEST, LEAST_RATIO = 5, 2.0
#: Of the findings at most this part is wrong, as Benjamini and Hochberg have it.
MOST_WRONG = 0.05
#: Findings told, at most.
MOST_TOLD = 12
#: Values and keys that are kept of the failed; beyond, those that were seen once are forgotten.
MOST_VALUES, MOST_KEYS = 200_000, 400
_DAY_S = 86_400
_OF_TIME = ("hour", "weekday", DEFERRED)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Something that is compared: how many failed jobs have it, and how many of them count for its chance."""

    what: str
    value: str
    failed: int
    counting: int
    succeeded: int
    filter: str
    is_range: bool = False


class Comparing:
    """`add_failed` all, then `add_succeeded`, then ask for `found`. Each job is to be added once on each side."""

    def __init__(self, *, zone: dt.tzinfo = dt.UTC, secret_pattern: str = "") -> None:
        self._zone = zone
        self._secret = compiled(secret_pattern)
        self.failed = self.succeeded = 0
        self._values: Counter[Trait] = Counter()
        self._keys: Counter[tuple[str, ...]] = Counter()
        self._numbers: dict[str, array[float]] = defaultdict(lambda: array("d"))
        self._times: dict[str, array[float]] = defaultdict(lambda: array("d"))
        #: How many values were compared, those too that are too rare to be a finding.
        self._looked_at = 0
        self._cuts: dict[str, list[Cut]] | None = None
        self._candidates: frozenset[Trait] = frozenset()
        self._also_values: Counter[Trait] = Counter()
        self._also_keys: Counter[tuple[str, ...]] = Counter()
        self._also_numbers: dict[str, Histogram] = {}

    def add_failed(self, runs: Iterable[ComparedRun]) -> None:
        """Add failed runs."""
        for run in runs:
            traits = self._traits(run)
            self.failed += 1
            self._values.update(traits.values)
            for path in traits.keys:
                if path in self._keys or len(self._keys) < MOST_KEYS:
                    self._keys[path] += 1
            for what, number in traits.numbers.items():
                if what in self._numbers or len(self._numbers) < MOST_KEYS:
                    self._numbers[what].append(number)
                    self._times[what].append(run.deferred_at or run.ended_at)
        if len(self._values) > MOST_VALUES:
            self._looked_at += len(self._values)
            self._values = Counter({trait: count for trait, count in self._values.items() if count > 1})
            self._looked_at -= len(self._values)

    def add_succeeded(self, runs: Iterable[ComparedRun]) -> None:
        """Add succeeded runs, after all failed ones."""
        self._close()
        for run in runs:
            traits = self._traits(run)
            self.succeeded += 1
            self._also_values.update(trait for trait in traits.values if trait in self._candidates)
            self._also_keys.update(path for path in traits.keys if path in self._keys)
            for what, number in traits.numbers.items():
                if what in self._also_numbers:
                    self._also_numbers[what].add(number)

    def found(self, *, is_whole: bool = True) -> tuple[tuple[Common, ...], tuple[Common, ...]]:
        """The findings, the surest first; and what surely differs, too, but by less than LEAST_RATIO.

        While succeeded runs are still to come, the newest first, nothing is said of times: these are still one-sided.
        """
        self._close()
        asked = [each for each in self._asked() if each.failed >= FEWEST and (is_whole or each.what not in _OF_TIME)]
        chances = [over_represented(each.counting, self.failed, each.succeeded, self.succeeded) for each in asked]
        rates = corrected(chances, self._looked_at)
        order = sorted(zip(chances, rates, asked, strict=True), key=lambda found: found[0])
        surest = _surest_of_numbers([(each, rate) for _, rate, each in order if rate <= MOST_WRONG])
        sure = [self._common(each, rate) for each, rate in surest]
        told = [each for each in sure if each.ratio >= LEAST_RATIO]
        return tuple(told[:MOST_TOLD]), tuple(each for each in sure if 1 < each.ratio < LEAST_RATIO)[:MOST_TOLD]

    def _traits(self, run: ComparedRun) -> Traits:
        return traits_of(run, self._zone, self._secret)

    def _close(self) -> None:
        """No failed run comes any more: choose what may be a finding."""
        if self._cuts is not None:
            return
        self._candidates = frozenset(trait for trait, count in self._values.items() if count >= FEWEST)
        ordered = {
            what: array("d", sorted(held))
            for what, held in self._numbers.items()
            if len(held) >= FEWEST and (not what.startswith("args.") or not counts_up(held, self._times[what]))
        }
        self._numbers, self._times = ordered, {}
        self._cuts = {what: cuts for what, held in ordered.items() if (cuts := cuts_of(what, held))}
        self._also_numbers = {what: Histogram(cuts) for what, cuts in self._cuts.items()}
        self._looked_at += len(self._values) + 2 * len(self._keys) + sum(map(len, self._cuts.values()))

    def _asked(self) -> Iterable[_Asked]:
        for trait in self._candidates:
            count = self._values[trait]
            yield _Asked(trait.what, trait.value, count, count, self._also_values[trait], trait.filter)
        for path, count in self._keys.items():
            also, none = self._also_keys[path], f"{name_of(path)}:none"
            yield _Asked(name_of(path), PRESENT, count, count, also, f"-{none}")
            absent = self.failed - count
            yield _Asked(name_of(path), ABSENT, absent, absent, self.succeeded - also, none)
        for what, cuts in (self._cuts or {}).items():
            numbers, succeeded = self._numbers[what], self._also_numbers[what]
            failed, has_days = Histogram(cuts, numbers), numbers[-1] - numbers[0] > _DAY_S
            for cut in cuts:
                count = failed.within(cut)
                told = in_text(what, cut, self._zone, has_days=has_days)
                also = succeeded.within(cut)
                yield _Asked(what, told, count, max(0, count - cut.ends), also, _filter_of(what, cut), is_range=True)

    def _common(self, asked: _Asked, rate: float) -> Common:
        is_again = asked.what == "attempt" and asked.value != "1"
        return Common(
            asked.what,
            asked.value,
            asked.failed,
            asked.failed / self.failed,
            asked.succeeded,
            asked.succeeded / self.succeeded if self.succeeded else 0.0,
            rate,
            f"Only a job that has failed before gets to attempt {asked.value}." if is_again else "",
            asked.filter or None,
        )


def _filter_of(what: str, cut: Cut) -> str:
    condition = in_filter(what, cut)
    if not what.startswith("args.") or not condition:
        return condition
    return "" if what.endswith(" (entries)") else f"{what}:{condition}"


def _surest_of_numbers(found: list[tuple[_Asked, float]]) -> list[tuple[_Asked, float]]:
    """Of a number only its surest range, which comes first, or else its values: both would tell the same."""
    kept: list[tuple[_Asked, float]] = []
    is_told_by_range: dict[str, bool] = {}
    for each, rate in found:
        if each.what not in is_told_by_range:
            is_told_by_range[each.what] = each.is_range
        elif each.is_range or is_told_by_range[each.what]:
            continue
        kept.append((each, rate))
    return kept
