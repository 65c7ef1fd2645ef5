"""What workers have reported of a job, as sentences within its explanation."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.durations import in_words, so_far
from jobdesk_core.reported.around import MOST_QUEUES, Around, Failure, Serving
from jobdesk_core.reported.reading import ALIKE_S
from jobdesk_core.reported.records import ALIVE_S, Progress

#: The most characters of a message within a sentence, and of a name.
MESSAGE_LIMIT, NAME_LIMIT = 160, 60
#: A report may be so many seconds older than the start of its run: clocks differ.
CLOCKS_S = 120


NO_TRACEBACK = "The database keeps no traceback: look in the worker's log."
#: The same where workers could report, and where they do.
CAN_REPORT = f"{NO_TRACEBACK} Workers can report it: see “Why did it fail?” in the help."
NOT_REPORTED = "No error of it has been reported: look in the worker's log."


def unreported(around: Around) -> str:
    """What is said in the place of an error: where to look, and why it is not known here."""
    if around.refusal is None:
        return NOT_REPORTED
    if not around.refusal:
        return NO_TRACEBACK
    return around.refusal if around.is_installed else CAN_REPORT


def cut(text: str, limit: int = NAME_LIMIT) -> str:
    """A text from the database within a sentence: in one line, cut, with no sign that cannot be seen."""
    line = " ".join(text.split())
    line = line if len(line) <= limit else f"{line[:limit]}…"
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in line)


def fault(failure: Failure) -> str:
    """The error in a line: `ConnectTimeout: timed out`."""
    message = cut(failure.message, MESSAGE_LIMIT)
    return f"{cut(failure.name)}: {message}" if message else cut(failure.name)


def failed(around: Around, started: dt.datetime | None) -> tuple[str, list[str]] | None:
    """The headline and the sentences for a job that failed, whose last run began then; None without a report of it."""
    failure = around.failure
    if failure is None:
        return None
    if started is not None and (started - failure.at).total_seconds() > CLOCKS_S:
        return "It failed.", [f"Its last error was not reported. An earlier attempt failed: {fault(failure)}."]
    is_lost = failure.outcome == "lost"
    headline = "It was lost with its worker." if is_lost else f"It failed: {_ended(fault(failure))}"
    attempt = f"It was attempt {failure.attempt}"
    attempt += f" of {failure.most_attempts}" if (failure.most_attempts or 0) >= failure.attempt else ""
    where = f", on {_place(failure.host, failure.pid)}" if failure.host else ""
    return headline, [f"{attempt}{where}.", _alike(failure)]


def retried(around: Around) -> list[str]:
    """What the last run of a job failed with that waits to be run again."""
    failure = around.failure
    if failure is None:
        return []
    if failure.outcome == "lost":
        return ["Its last run was lost with its worker."]
    return [f"Attempt {failure.attempt} failed: {_ended(fault(failure))}"]


def running(around: Around, now: dt.datetime) -> list[str]:
    """Who runs a job, and how far it says it has come."""
    found = []
    runner = around.runner
    if runner is not None:
        place = _place(runner.host, runner.pid)
        silent_s = (now - runner.beat_at).total_seconds()
        if runner.has_ended:
            found.append(f"The worker that had it, on {place}, has ended.")
        elif silent_s > ALIVE_S:
            found.append(f"It runs on {place}, whose worker last reported {so_far(silent_s)} ago.")
        else:
            found.append(f"It runs on {place}.")
    if around.failure is not None and around.failure.outcome == "lost":
        found.append("It has been reported as lost with its worker.")
    else:
        found += retried(around)
    if around.progress is not None:
        found.append(progress(around.progress, now))
    return found


def progress(told: Progress, now: dt.datetime) -> str:
    """How far a run has come, as a sentence."""
    of = f" of {told.total:,g}" if told.total is not None else ""
    share = f" ({told.share:.0%})" if told.share is not None else ""
    note = f": {cut(told.note)}" if told.note.strip() else ""
    return f"{so_far(now - told.at)} ago it had done {told.done:,g}{of}{share}{note}."


def unserved(around: Around, queue: str) -> tuple[str, list[str]] | None:
    """That no live worker takes jobs of a queue, where that is known for sure; the headline and its sentences."""
    serving = around.serving
    if serving is None or serving.serving or serving.unreported != 0 or not serving.live:
        return None
    workers = "The one live worker serves" if serving.live == 1 else f"The {serving.live:,} live workers serve"
    return f"No live worker serves queue {cut(queue)}.", [f"{workers} {_queues(serving)}."]


def served(around: Around, queue: str) -> list[str]:
    """How a queue is served, as far as workers report."""
    serving = around.serving
    if serving is None or not serving.live:
        return []
    if not serving.serving:
        if serving.live == 1:
            sentence = f"The one worker that reports does not serve queue {cut(queue)}"
        else:
            sentence = f"None of the {serving.live:,} workers that report serves queue {cut(queue)}"
        if serving.unreported == 1:
            sentence += "; another live worker does not report"
        elif serving.unreported:
            sentence += f"; {serving.unreported:,} other live workers do not report"
        return [f"{sentence}."]
    workers = "1 live worker serves" if serving.serving == 1 else f"{serving.serving:,} live workers serve"
    taken = min(serving.taken, serving.slots)
    return [f"{workers} its queue: {taken:,} of {serving.slots:,} slots are taken."]


def _alike(failure: Failure) -> str:
    span = in_words(ALIKE_S)
    if not failure.alike.jobs:
        return f"No other job failed the same way within {span} of it."
    least = "At least " if failure.alike.is_more else ""
    jobs = "1 other job" if failure.alike.jobs == 1 else f"{failure.alike.jobs:,} other jobs"
    return f"{least}{jobs} failed the same way within {span} of it."


def _queues(serving: Serving) -> str:
    names = [cut(name) for name in serving.queues]
    if not names:
        return "none"
    more = f" and {len(names) - MOST_QUEUES:,} more" if len(names) > MOST_QUEUES else ""
    return f"{', '.join(names[:MOST_QUEUES])}{more}"


def _place(host: str | None, pid: int | None) -> str:
    return f"{cut(host or 'an unknown host')}, process {pid}" if pid is not None else cut(host or "an unknown host")


def _ended(text: str) -> str:
    """A text as the end of a sentence."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
