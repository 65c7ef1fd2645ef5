"""The command `failures`: what fails, since when, how often, and what the failed jobs of a task have in common."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from jobdesk_core.cli import exit_codes, forms, output, words
from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.durations import roughly
from jobdesk_core.failures.contrast import ContrastReader
from jobdesk_core.failures.groups import FailuresReader
from jobdesk_core.failures.records import By, Common, Contrast, FailureGroup, Failures, Range
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.moments import zone_told
from jobdesk_core.operations.steps import run

RANGES = {each.value: each for each in Range}
BY = {each.value: each for each in By}
_TOLD = {
    Range.QUARTER_HOUR: "in the last 15 minutes",
    Range.HOUR: "in the last hour",
    Range.SIX_HOURS: "in the last 6 hours",
    Range.DAY: "in the last 24 hours",
    Range.WEEK: "in the last 7 days",
    Range.ALL: "in all that this database holds",
}
#: Seconds after which a terminal is told how far it has come, and between two such lines.
PATIENCE_S = 2.0
#: Bars of a group's course, and the signs that they are drawn with.
BARS, SIGNS = 16, "▁▂▃▄▅▆▇█"


def add_failures(parser: argparse.ArgumentParser) -> None:
    """The options of `failures`."""
    parser.add_argument(
        "filter",
        nargs="*",
        metavar="FILTER",
        help="count only jobs that match it now: queue:mail args.template:eu-2026",
    )
    parser.add_argument("--range", choices=RANGES, default="1h", help="how far back (default: 1h)")
    parser.add_argument("--by", choices=BY, default="task", help="what failures are grouped by (default: task)")
    parser.add_argument(
        "--common", metavar="TASK", help="what the failed jobs of this task have in common that succeeded ones have not"
    )
    forms.add_forms(parser)
    parser.set_defaults(run=failures)


def failures(desk: Opened, options: argparse.Namespace) -> int:
    """List the groups, or tell what the failed of one task have in common. Ctrl+C ends with what is counted by then."""
    job_filter, wanted = words.read_filter(options.filter), RANGES[options.range]
    by = By.TASK if options.common is not None else BY[options.by]
    reader = FailuresReader(desk.capabilities, wanted, job_filter=job_filter, by=by)
    counting = _Counting()
    try:
        # What the comparison needs is the numbers alone.
        while not (found := counting.next(desk, reader)).is_whole:
            if options.common is not None and found.is_counted:
                break
    except KeyboardInterrupt:
        if counting.found is None or options.output is not None:
            raise  # a file is whole or not there
        _tell(counting.found, wanted, options)
        older = (
            "what is new and usual was not looked up" if counting.found.is_counted else "older runs were not counted"
        )
        output.note(f"Interrupted: {older}.")
        return exit_codes.INTERRUPTED
    if options.common is not None:
        return _common(desk, options, found, job_filter)
    _tell(found, wanted, options)
    return exit_codes.DONE if found.failed else exit_codes.NOT_ALL


class _Counting:
    """Reads on, and tells a terminal from time to time how far it has come."""

    def __init__(self) -> None:
        self.found: Failures | None = None
        self._told_at = time.monotonic()

    def next(self, desk: Opened, reader: FailuresReader) -> Failures:
        """The next answer."""
        found = self.found = run(reader.more(), desk.connector, limit_s=LIMIT_S)
        is_due = not found.is_whole and time.monotonic() - self._told_at > PATIENCE_S
        if is_due and sys.stderr.isatty() and found.read_back_to is not None:
            self._told_at = time.monotonic()
            output.note(f"{_number(found.failed, 'failed run')} so far, back to {output.moment(found.read_back_to)} …")
        return found


# Groups


def _tell(found: Failures, wanted: Range, options: argparse.Namespace) -> None:
    form = forms.form_of(options)
    if form is not None:
        _write(found, form, options)
        return
    if not found.failed:
        output.line(f"No failures {_when(found, wanted)}. {_number(found.runs, 'run')}.")
        return
    heads = {By.TASK: ("task", "error"), By.ERROR: ("error", "task"), By.WORKER: ("worker", "task")}[found.by]
    table = output.Table(*heads, "failed", "of runs", "usual", "course", "first", "last", "still failed", "")
    table.rows([_cells(group, found.by, level) for group, level in _levels(found.groups)])
    output.line(
        f"{_number(found.failed, 'failed run')} {_when(found, wanted)}, of {_number(found.runs, 'run')}; "
        f"{words.count(found.still_failed)} still failed."
    )
    for burst in found.bursts:
        spans = f"{output.moment(burst.start)} to {output.moment(burst.end)}"
        output.line(f"Burst: {_number(burst.failed, 'failed run')} from {spans}.")
    for mark in found.marks:
        names = ", ".join(output.plain(name) for name in mark.names)
        output.line(f"First run of {mark.kind} {names}: {output.moment(mark.at)}.")
    if found.unreported:
        output.note(found.unreported)


def _when(found: Failures, wanted: Range) -> str:
    """The range, or what of it has been counted."""
    if found.is_counted or found.read_back_to is None:
        return _TOLD[wanted]
    return f"since {output.moment(found.read_back_to)}"


def _levels(groups: Iterable[FailureGroup]) -> Iterable[tuple[FailureGroup, int]]:
    for group in groups:
        yield group, 0
        # One error of a task is told beside it.
        if len(group.children) > 1 or (group.children and group.children[0].error != group.error):
            yield from ((child, 1) for child in group.children)


def _cells(group: FailureGroup, by: By, level: int) -> tuple[Any, ...]:
    task = group.task or ("" if not level else "-")
    error = f"{group.error.type.rpartition('.')[2]} {group.error.message}".strip() if group.error else ""
    if not error and (level or by is By.ERROR):
        error = "not reported" if by is not By.WORKER else ""
    first, second = {
        By.TASK: (task if not level else "", error if level or not group.children or group.error else _kinds(group)),
        By.ERROR: (error if not level else "", task if task or level else f"{len(group.children)} tasks"),
        By.WORKER: (
            "" if level else f"#{group.worker}" if group.worker is not None else "not known",
            task if level else "",
        ),
    }[by]
    return (
        first or " ",
        second or " ",
        group.failed,
        _share(group.share),
        _share(group.usual),
        bars(group.trend),
        group.first,
        group.last,
        group.still_failed,
        ", ".join(_remarks(group)) or " ",
    )


def _kinds(group: FailureGroup) -> str:
    return f"{len(group.children)} kinds"


def _remarks(group: FailureGroup) -> Iterable[str]:
    if group.is_rising:
        yield "rising"
    if group.new_since is not None:
        yield "new"
    if group.back_after is not None:
        yield f"back after {roughly(group.back_after)}"


def bars(trend: Sequence[int]) -> str:
    """The course of a group as at most BARS signs; in plain letters' encodings, none."""
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        return "-"
    size = max(1, math.ceil(len(trend) / BARS))
    # From the end on: the newest is whole.
    sums = [sum(trend[max(0, end - size) : end]) for end in range(len(trend), 0, -size)][::-1]
    most = max(sums, default=0)
    return "".join(SIGNS[min(7, number * 8 // (most + 1))] if number else "·" for number in sums)


def _share(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{100 * share:.1f} %" if share == 0 or share >= 0.001 else "< 0.1 %"


def _number(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def _write(found: Failures, form: str, options: argparse.Namespace) -> None:
    shown = output.as_json(found)
    lines = [_group_json(*each) for each in zip(shown.pop("groups"), found.groups, strict=True)]
    if form == "csv":
        # The rows of a table are of one kind, those within a group behind it.
        rows = [{"within": ""} | each for line in lines for each in _with_children(line)]
        forms.write(options, rows, "group", found.read_at)
    else:
        groups = [{"kind": "group"} | line for line in lines]
        forms.write(options, [{"kind": "range"} | shown, *groups], "group", found.read_at, count=len(groups))


def _with_children(line: dict[str, Any]) -> Iterable[dict[str, Any]]:
    own = {name: value for name, value in line.items() if name != "children"}
    yield own
    for child in line["children"]:
        yield from ({"within": own["task"] or own["worker"] or "error"} | each for each in _with_children(child))


def _group_json(line: dict[str, Any], group: FailureGroup) -> dict[str, Any]:
    back_s = None if group.back_after is None else group.back_after.total_seconds()
    children = [_group_json(*each) for each in zip(line["children"], group.children, strict=True)]
    rest = {name: value for name, value in line.items() if name not in ("back_after", "children")}
    return rest | {"share": group.share, "back_after_s": back_s, "children": children}


# What they have in common


def _common(desk: Opened, options: argparse.Namespace, found: Failures, job_filter: JobFilter) -> int:
    group = next((each for each in found.groups if each.task == options.common), None)
    if group is None:
        known = ", ".join(each.task or "" for each in found.groups[:5])
        hint = f"Tasks that failed: {known}." if known else ""
        raise Ended(exit_codes.NOT_ALL, f"No run of {options.common} failed {_TOLD[RANGES[options.range]]}.", hint)
    zone = zone_told()
    reader = ContrastReader(
        desk.capabilities, found, group, job_filter=job_filter, zone=zone, secret_pattern=desk.profile.hidden_keys
    )
    while not (contrast := run(reader.more(), desk.connector, limit_s=LIMIT_S)).is_whole:
        pass
    if forms.form_of(options) is not None:
        _write_common(contrast, options)
    else:
        _tell_common(contrast)
    return exit_codes.DONE if contrast.values else exit_codes.NOT_ALL


def _tell_common(contrast: Contrast) -> None:
    sample = " (a sample of them)" if contrast.is_sample else ""
    failed, succeeded = words.count(contrast.failed), f"{contrast.succeeded:,}"
    output.line(f"{output.plain(contrast.task)}: {failed} that failed beside {succeeded} that succeeded{sample}.")
    if contrast.note:
        output.line(contrast.note)
    if contrast.values:
        table = output.Table("what", "value", "failed", "", "succeeded", "", "ratio")
        table.rows([_row(each) for each in contrast.values])
    for each in contrast.values:
        if each.trivial:
            output.line(each.trivial)
    if contrast.slight:
        told = ", ".join(f"{output.plain(each.what)} {output.plain(each.value)}" for each in contrast.slight)
        output.line(f"Differs by less than twice: {told}.")


def _row(common: Common) -> tuple[Any, ...]:
    ratio = f"{common.ratio:.1f}×" if math.isfinite(common.ratio) else "only failed"
    return (
        common.what,
        common.value,
        common.failed,
        _share(common.failed_share),
        common.succeeded,
        _share(common.succeeded_share),
        ratio,
    )


def _write_common(contrast: Contrast, options: argparse.Namespace) -> None:
    shown = output.as_json(contrast)
    values, slight = shown.pop("values"), shown.pop("slight")
    rows = [
        {"kind": name} | line | {"ratio": each.ratio if math.isfinite(each.ratio) else None}
        for name, lines, held in (("common", values, contrast.values), ("slight", slight, contrast.slight))
        for line, each in zip(lines, held, strict=True)
    ]
    head = [] if forms.form_of(options) == "csv" else [{"kind": "contrast"} | shown]
    forms.write(options, [*head, *rows], "value", count=len(rows))
