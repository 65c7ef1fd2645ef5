"""Exact chances for counts: Fisher's test, tails of the binomial and the Poisson distribution, and a correction.

Each tail is summed term by term from where it begins, until what follows is lost in the digits: exact for two jobs as
for millions of them, and quick for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

#: A term so much smaller than the sum changes none of its digits.
_LOST = 1e-17


def over_represented(failed: int, of_failed: int, succeeded: int, of_succeeded: int) -> float:
    """Fisher's exact test, one-sided: the chance that at least `failed` of those that have something failed.

    `failed` of `of_failed` and `succeeded` of `of_succeeded` have it, and who failed is left to chance.
    """
    having, total = failed + succeeded, of_failed + of_succeeded
    lowest, highest = max(0, having - of_succeeded), min(having, of_failed)
    if failed <= lowest:
        return 1.0

    def log_chance(number: int) -> float:
        return _log_choose(of_failed, number) + _log_choose(of_succeeded, having - number) - _log_choose(total, having)

    def up(number: int) -> float:
        """What the chance of `number` is multiplied by for one more."""
        rest = having - number
        return (of_failed - number) * rest / ((number + 1) * (of_succeeded - rest + 1))

    return _tail(failed, lowest, highest, having * of_failed / total, log_chance, up)


def binomial_tail(number: int, of: int, chance: float) -> float:
    """The chance of at least `number` hits in `of` tries, each with the same `chance` between 0 and 1."""
    if number <= 0:
        return 1.0
    if number > of:
        return 0.0
    odds = chance / (1 - chance)

    def log_chance(hits: int) -> float:
        return _log_choose(of, hits) + hits * math.log(chance) + (of - hits) * math.log1p(-chance)

    return _tail(number, 0, of, of * chance, log_chance, lambda hits: (of - hits) / (hits + 1) * odds)


def poisson_tail(number: int, mean: float) -> float:
    """The chance of at least `number` of what happens `mean` times on average."""
    if number <= 0:
        return 1.0
    if mean <= 0:
        return 0.0

    def log_chance(count: int) -> float:
        return count * math.log(mean) - mean - math.lgamma(count + 1)

    most = number + int(mean) + 1_000_000
    return _tail(number, 0, most, mean, log_chance, lambda count: mean / (count + 1))


def corrected(chances: Sequence[float], looked_at: int) -> list[float]:
    """Benjamini and Hochberg's correction: each chance as a rate of false findings, in the given order.

    `looked_at` is how many comparisons were possible; those that are not among `chances` count as without a difference.
    """
    order = sorted(range(len(chances)), key=lambda place: chances[place], reverse=True)
    found = [1.0] * len(chances)
    least, most = 1.0, max(looked_at, len(chances))
    for above, place in enumerate(order):
        rank = len(chances) - above
        least = min(least, chances[place] * most / rank)
        found[place] = least
    return found


def _log_choose(of: int, number: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(number + 1) - math.lgamma(of - number + 1)


def _tail(
    start: int,
    lowest: int,
    highest: int,
    mean: float,
    log_chance: Callable[[int], float],
    up: Callable[[int], float],
) -> float:
    """The sum of the chances from `start` to `highest`: of the shorter side, which only falls from there."""
    if start > mean:
        return min(1.0, _falling(start, highest, log_chance, up))
    if start <= lowest:
        return 1.0
    return max(0.0, 1.0 - _falling(start - 1, lowest, log_chance, lambda number: 1 / up(number - 1)))


def _falling(first: int, last: int, log_chance: Callable[[int], float], next_factor: Callable[[int], float]) -> float:
    """The sum of chances from `first` towards `last`, each the one before times its factor."""
    term = total = math.exp(log_chance(first))
    step = 1 if last >= first else -1
    for number in range(first, last, step):
        term *= next_factor(number)
        total += term
        if term <= total * _LOST:
            break
    return total
