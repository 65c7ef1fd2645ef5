"""Words of the command line as values: which jobs are meant, times and durations."""

from __future__ import annotations

import argparse
import datetime as dt
import re
import sys
from collections.abc import Sequence

from jobdesk_core.cli import exit_codes, output
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.filters.language import FilterError, JobFilter
from jobdesk_core.filters.ranges import duration
from jobdesk_core.moments import of_wall_clock
from jobdesk_core.operations import MOST_A_SECOND, Brake, Chosen, IdsNotUnderstood, Matching, Rate, Target, parse_ids
from jobdesk_core.operations.change.targets import ids_beyond, no_such_id
from jobdesk_core.operations.confirmation import Confirmation, Wants
from jobdesk_core.profiles import Profile

#: What --rate says of itself.
RATE = "at most N jobs a second (default: 0, as fast as the server allows)"
_NUMBER = re.compile(r"#?\d+")


def count(number: int) -> str:
    """So many jobs."""
    return "1 job" if number == 1 else f"{number:,} jobs"


def read_filter(words: Sequence[str]) -> JobFilter:
    """The words as a filter. Raises Ended with the place of the first mistake."""
    text = " ".join(words)
    try:
        return JobFilter.parse(text)
    except FilterError as error:
        mark = " " * error.position + "^" * max(1, min(error.length, len(text) - error.position))
        lines = [f"The filter is not understood: {error.message}", f"  {text}", f"  {mark}"]
        if error.suggestions:
            start, end = error.replaced
            lines += ["Did you mean:", *(f"  {text[:start]}{each}{text[end:]}".rstrip() for each in error.suggestions)]
        raise Ended(exit_codes.USAGE, *lines) from error


def read_target(options: argparse.Namespace) -> Target:
    """The jobs meant: ids, `-` for ids from standard input, or a filter. All jobs only by --all."""
    words: list[str] = options.filter
    if options.all and words:
        raise Ended(exit_codes.USAGE, "Give only one of: --all, a filter, ids.")
    if options.all:
        return Matching(JobFilter.parse(""))
    if words == ["-"]:
        return Chosen(_ids(sys.stdin.read()))
    try:
        ids = parse_ids(" ".join(words))
    except IdsNotUnderstood as error:
        if all(_NUMBER.fullmatch(word) for word in words):
            raise Ended(exit_codes.USAGE, str(error)) from error
        ids = ()
    if ids:
        return Chosen(ids)
    job_filter = read_filter(words)
    if not job_filter.tokens:
        raise Ended(exit_codes.USAGE, "Which jobs? Give ids, a filter, or --all.")
    return Matching(job_filter)


def tell_nothing(job_filter: JobFilter) -> None:
    """Say that no job matches, and what may be the reason."""
    output.note("No job matches." if job_filter.tokens else "There are no jobs yet.")
    for digits in ids_beyond(job_filter):
        output.note(no_such_id(digits))
    for text in job_filter.texts:
        output.note(f"“{text}” was searched for in the names of tasks, queues and locks.")


def _ids(text: str) -> tuple[int, ...]:
    try:
        return parse_ids(text)
    except IdsNotUnderstood as error:
        raise Ended(exit_codes.USAGE, str(error)) from error


def confirm(what: str, asked: Confirmation, profile: Profile) -> None:
    """Ask on the terminal for what the one rule wants. Raises Ended when there is none, or when the answer is no."""
    if asked.wants is Wants.NOTHING:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Ended(exit_codes.USAGE, "Nothing was changed: without a terminal to ask on, this needs --yes.")
    wanted = profile.name if asked.wants is Wants.NAME else "yes"
    sys.stderr.write(f"Type {output.plain(wanted)} to {what}: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != wanted:
        raise Ended(exit_codes.NOT_ALL, "Nothing was changed.")


def job_id(text: str) -> int:
    """The one id of `show` and `why`."""
    try:
        ids = parse_ids(text)
    except IdsNotUnderstood as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if len(ids) != 1:
        raise argparse.ArgumentTypeError("give one job's id, such as 4711")
    return ids[0]


def moment(text: str) -> dt.datetime:
    """A time, local unless it names its offset."""
    try:
        meant = dt.datetime.fromisoformat(text)
        found = meant if meant.tzinfo is not None else of_wall_clock(meant)
        if found is None:
            raise argparse.ArgumentTypeError(
                f"{text!r} does not exist here: the clocks skip it. Give it with an offset"
            )
        return found.astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-11-21T12:30 or 2026-11-21T12:30Z"
        ) from error


def span(text: str) -> dt.timedelta:
    """A duration."""
    found = duration(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90s, 15min, 2h or 30d")
    return found


def rate(text: str) -> Rate | None:
    """A rate in jobs a second; none for 0."""
    try:
        found = Rate(int(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is not a number of jobs a second from 0 to {MOST_A_SECOND:,}"
        ) from error
    return found if found.per_second else None


def brake(text: str) -> Brake:
    """A brake by its share: 10% or 10."""
    try:
        return Brake(float(text.removesuffix("%")) / 100)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a share between 0 and 100 %, such as 10%") from error


def due(options: argparse.Namespace, now: dt.datetime) -> dt.datetime | None:
    """The time of --at or --in. It is `now` by the server's clock."""
    at: dt.datetime | None = options.at
    if options.delay is None:
        return at
    try:
        at = now + options.delay
        return at
    except OverflowError as error:
        raise Ended(exit_codes.USAGE, "--in goes beyond the year 9999.") from error


def add_due(parser: argparse.ArgumentParser) -> None:
    """Add --at and --in."""
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--at", type=moment, metavar="TIME", help="when it is due: 2026-11-21T12:30, local or with an offset"
    )
    when.add_argument(
        "--in", dest="delay", type=span, metavar="SPAN", help="how long until it is due: 90s, 15min, 2h, 1d"
    )
