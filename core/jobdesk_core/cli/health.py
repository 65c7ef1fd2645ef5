"""The command `health`: rows and bytes by status and age, tables, indexes and schema, and what to do, with its SQL."""

from __future__ import annotations

import argparse
from typing import Any

from jobdesk_core.cli import exit_codes, output
from jobdesk_core.cli.connection import Opened
from jobdesk_core.database.limited import ask_limited
from jobdesk_core.durations import in_words, roughly
from jobdesk_core.health import (
    FINISHED,
    KEEP_DAYS,
    LIMIT_S,
    Advice,
    Health,
    advice,
    bytes_text,
    freed,
    read,
    short_name,
)
from jobdesk_core.health.ages import AGE_DAYS, Cell
from jobdesk_core.jobs import Status
from jobdesk_core.number import estimated, exact, text

#: The ages of the table: from which place of AGE_DAYS to before which.
_COLUMNS = (("last 24 h", 0, 1), ("1-7 days", 1, 2), ("7-30 days", 2, 3), ("older", 3, 5))


def add_health(parser: argparse.ArgumentParser) -> None:
    """The options of `health`."""
    parser.set_defaults(run=health)


def health(desk: Opened, options: argparse.Namespace) -> int:
    """Read how the tables fare, and tell it. Ends with 1 where something is to be done about a fault."""
    found = ask_limited(read(desk.capabilities), desk.connector, LIMIT_S)
    told = advice(found)
    if options.json:
        output.json_line(_as_json(desk, found, told))
    else:
        _tell(desk, found, told)
    return exit_codes.NOT_ALL if any(each.tone != "info" for each in told) else exit_codes.DONE


def _tell(desk: Opened, found: Health, told: list[Advice]) -> None:
    capabilities = desk.capabilities
    output.line(output.plain(desk.place))
    output.line(output.plain(f"Procrastinate {capabilities.release}, schema {capabilities.schema}"))
    output.line()
    for each in told:
        output.line(output.plain(f"{'-' if each.tone == 'info' else '!'} {each.title}. {each.sentence}"))
        for line in each.sql.splitlines():
            output.line(output.plain(f"    {line}"))
    if not told:
        output.line("Nothing to do." if not found.troubles else "Nothing to do, as far as it could be read.")
    for sentence in found.troubles.values():
        output.line(output.plain(sentence))
    _tell_ages(found)
    _tell_tables(found)
    _tell_indexes(found)


def _tell_ages(found: Health) -> None:
    ages = found.ages
    if ages is None:
        return
    output.line()
    table = output.Table("status", *(name for name, _, _ in _COLUMNS), "rows", "bytes")
    shown = [status for status in Status if status in ages.cells or status in FINISHED]
    rows = [
        (status.value, *(_number(ages.between(status, first, end)) for _, first, end in _COLUMNS), *_sum(found, status))
        for status in shown
    ]
    table.rows(
        [*rows, ("all", *(_number(ages.between(None, a, b)) for _, a, b in _COLUMNS), *_sum(found, None))],
    )
    if not ages.is_exact:
        output.line(f"Numbers with ≈ are estimated, from {ages.sampled_rows:,} jobs.")
    undated = ages.undated(FINISHED)
    if round(undated.rows):
        one = round(undated.rows) == 1
        output.line(
            f"{_number(undated)} finished {'job has' if one else 'jobs have'} no age: no event tells when "
            f"{'it ended, and a purge leaves it' if one else 'they ended, and a purge leaves them'}."
        )
    for days in KEEP_DAYS:
        gain = freed(found, days)
        if gain is not None and gain.jobs >= 1:
            jobs = "job" if round(gain.jobs) == 1 else "jobs"
            output.line(
                f"Purging finished jobs older than {days} days frees about {bytes_text(gain.cell.bytes)}: "
                f"{_number(gain.cell)} {jobs}, about {in_words(max(1, round(gain.seconds)))}. "
                f"Look first: jobdesk purge --all --older-than {days}d --dry-run"
            )


def _sum(found: Health, status: Status | None) -> tuple[str, str]:
    assert found.ages is not None
    cell = found.ages.whole(status)
    return _number(cell), bytes_text(cell.bytes)


def _number(cell: Cell) -> str:
    return text(exact(round(cell.rows)) if cell.is_exact else estimated(round(cell.rows)))


def _tell_tables(found: Health) -> None:
    if found.catalog is None:
        return
    output.line()
    table = output.Table("table", "rows", "table", "indexes", "dead rows", "", "vacuumed", "analyzed")
    rows = []
    for size in found.catalog.tables:
        counted = found.statistics.tables.get(size.name) if found.statistics is not None else None
        rows.append(
            (
                short_name(size.name),
                text(found.number(size.name)),
                bytes_text(size.table_bytes),
                bytes_text(size.index_bytes),
                f"{counted.dead:,}" if counted is not None else "-",
                f"{100 * counted.dead_share:.1f} %" if counted is not None else "-",
                _when(found, counted.vacuumed_at, counted.vacuumed_by_hand) if counted is not None else "-",
                _when(found, counted.analyzed_at, counted.analyzed_by_hand) if counted is not None else "-",
            )
        )
    table.rows(rows)


def _when(found: Health, at: Any, is_by_hand: bool) -> str:
    if at is None or found.read_at is None:
        return "never"
    return f"{'by hand' if is_by_hand else 'auto'}, {roughly(found.read_at - at)} ago"


def _tell_indexes(found: Health) -> None:
    if found.drift is None:
        return
    output.line()
    table = output.Table("index", "state", "bytes", "scans", "note")
    table.rows(
        [
            (
                line.name,
                line.state,
                bytes_text(line.bytes) if line.bytes is not None else "-",
                f"{line.scans:,}" if line.scans is not None else "-",
                line.note or " ",
            )
            for line in found.drift.indexes
        ]
    )
    _tell_transactions(found)
    (functions, of_functions), (triggers, of_triggers) = found.drift.functions, found.drift.triggers
    if of_functions or of_triggers:
        output.line(
            f"Release {found.drift.release}: {functions} of {of_functions} functions and {triggers} of {of_triggers} "
            "triggers are as released."
        )


def _tell_transactions(found: Health) -> None:
    held = found.transactions
    if held is None:
        return
    oldest = held.oldest
    if oldest is not None and oldest.age_s is not None:
        output.line(output.plain(f"Oldest view: {oldest.kind} {oldest.name}, for {roughly(oldest.age_s)}."))
    elif oldest is not None:
        output.line(output.plain(f"Oldest view: {oldest.kind} {oldest.name}, {oldest.xid_age:,} transactions ago."))
    if not held.is_whole:
        output.line(output.plain(f"Only sessions of {found.capabilities.role} are seen: it lacks pg_read_all_stats."))


def _as_json(desk: Opened, found: Health, told: list[Advice]) -> dict[str, object]:
    shown = output.as_json(found)
    shown.pop("capabilities")
    ages = found.ages
    shown["ages"] = None if ages is None else _ages_json(found)
    frees = [gain for days in KEEP_DAYS if (gain := freed(found, days)) is not None]
    return {
        "profile": desk.profile.name,
        "database": desk.capabilities.database,
        "schema": desk.capabilities.schema,
        "release": desk.capabilities.release,
        "advice": told,
        "purge": [
            {
                "keep_days": gain.days,
                "filter": gain.filter_text,
                "jobs": round(gain.jobs),
                "bytes": round(gain.cell.bytes),
                "seconds": round(gain.seconds),
                "is_exact": gain.cell.is_exact,
                "undated_jobs": round(gain.undated.rows),
            }
            for gain in frees
        ],
        **shown,
    }


def _ages_json(found: Health) -> dict[str, object]:
    ages = found.ages
    assert ages is not None
    names = [*(f"up_to_{days}_days" for days in AGE_DAYS), f"over_{AGE_DAYS[-1]}_days", "undated"]
    return {
        "as_of": output.as_json(ages.as_of),
        "sampled_rows": ages.sampled_rows,
        "total_bytes": ages.total_bytes,
        "statuses": {
            status.value: {
                name: {"rows": round(cell.rows), "bytes": round(cell.bytes), "is_exact": cell.is_exact}
                for name, cell in zip(names, row, strict=True)
            }
            for status, row in ages.cells.items()
        },
    }
