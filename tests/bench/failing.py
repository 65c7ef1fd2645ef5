"""What fails, and what the failed have in common: the first answer and the slowest one, beside bare SQL."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

from jobdesk_core.failures.contrast import ContrastReader
from jobdesk_core.failures.groups import FailuresReader
from jobdesk_core.failures.records import Contrast, Failures, Range
from jobdesk_core.operations.steps import Steps, run_async
from reading import Readers, readers
from table import Line, below, take_rounds

Found = TypeVar("Found", Failures, Contrast)

#: Seconds after which a reading of very much is left; what it would take on is no matter of its answers.
MOST_S = 20.0
_BARE = """
SELECT job.task_name, count(*) FILTER (WHERE event.type IN ('failed', 'deferred_for_retry')), count(*)
FROM procrastinate_events AS event JOIN procrastinate_jobs AS job ON job.id = event.job_id
WHERE event.type IN ('failed', 'deferred_for_retry', 'succeeded', 'aborted') AND event.at >= now() - interval '7 days'
GROUP BY 1
"""


async def failures_lines(dsn: str, rounds: int) -> AsyncIterator[Line]:
    """The first answer of each range, the slowest of all, and the same of a comparison."""
    async with readers(dsn) as held:
        started = time.perf_counter()
        held.ask(_BARE)
        bare = [1000 * (time.perf_counter() - started)]
        for wanted in (Range.HOUR, Range.WEEK, Range.ALL):
            first = await take_rounds({"ours": partial(_first, held, wanted)}, rounds)
            yield Line(f"failures of {wanted.value}, first answer", "ms", first["ours"], "bare SQL", bare, below(1_000))
        took, _ = await _taken(_reader(held, Range.ALL).more, held)
        yield Line("failures of all, slowest statement", "ms", [max(took)], "bare SQL", bare, below(500))
        _, known = await _taken(_reader(held, Range.WEEK).more, held, until=lambda found: found.failed > 1_000)
        contrast = ContrastReader(held.capabilities, known, known.groups[0])
        took, _ = await _taken(contrast.more, held)
        yield Line("in common, first answer", "ms", took[:1], "bare SQL", bare, below(1_000))
        yield Line("in common, slowest statement", "ms", [max(took)], "bare SQL", bare, below(500))


def _reader(held: Readers, wanted: Range) -> FailuresReader:
    return FailuresReader(held.capabilities, wanted)


async def _first(held: Readers, wanted: Range) -> float:
    started = time.perf_counter()
    await run_async(_reader(held, wanted).more(), held.connector)
    return 1000 * (time.perf_counter() - started)


async def _taken(
    more: Callable[[], Steps[Found]], held: Readers, until: Callable[[Found], bool] = lambda found: False
) -> tuple[list[float], Found]:
    """The milliseconds of each answer, and the last one: the whole one, or that after MOST_S."""
    taken: list[float] = []
    while True:
        started = time.perf_counter()
        found = await run_async(more(), held.connector)
        taken.append(1000 * (time.perf_counter() - started))
        if found.is_whole or sum(taken) > 1000 * MOST_S or until(found):
            return taken, found
