"""How the schema differs from the release that it is of: indexes, functions, triggers, and migrations to come."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.health.catalog import Catalog, Index, Trigger
from jobdesk_core.health.released import (
    FUNCTIONS,
    INDEXES,
    MIGRATIONS,
    TRIGGERS,
    KnownIndex,
    Level,
    level,
    trigger_shape,
)
from jobdesk_core.health.statistics import Statistics

#: How the names of the indexes begin that Jobdesk has advised.
PREFIX = "jobdesk_"
IndexState = Literal["missing", "altered", "extra", "known"]
ORDER: tuple[IndexState, ...] = ("missing", "altered", "extra", "known")


@dataclass(frozen=True, slots=True)
class IndexLine:
    """One index beside the release. `note` says what it means; `bytes` and `scans` are None where not known.

    `sql` mends it, or takes an extra one away; empty where neither makes sense. `is_unused`: extra, and never scanned
    since statistics are counted.
    """

    name: str
    table: str
    state: IndexState
    note: str
    bytes: int | None
    scans: int | None
    sql: str = ""
    found: str = ""
    expected: str = ""
    is_unused: bool = False
    has_lost_uniqueness: bool = False
    is_unfinished: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as released: an index, a function or a trigger, what it is, and what it should be."""

    kind: Literal["index", "function", "trigger"]
    name: str
    state: Literal["missing", "altered", "extra", "disabled"]
    note: str
    found: str = ""
    expected: str = ""
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Drift:
    """All of it. `release` is the one compared with, whatever has been altered since; `pending`: migrations that are
    still to be run; functions and triggers: as released, of how many.
    """

    release: str
    indexes: tuple[IndexLine, ...]
    differences: tuple[Difference, ...]
    pending: tuple[str, ...]
    functions: tuple[int, int]
    triggers: tuple[int, int]

    @property
    def commands(self) -> str:
        """How the pending migrations are run, with the library's own files."""
        if not self.pending:
            return ""
        lines = ['migrations="$(procrastinate schema --migrations-path)"']
        lines += [f'psql "$DSN" -v ON_ERROR_STOP=1 -1 -f "$migrations/{name}"' for name in self.pending]
        return "\n".join(lines)


def drift(capabilities: Capabilities, catalog: Catalog, statistics: Statistics | None) -> Drift:
    """Compare what is there with the release. Nothing is asked."""
    at = level(capabilities)
    has_priority_index = any(index.shape.startswith("priority desc,id where") for index in catalog.indexes)
    pending = _pending(capabilities, at, has_priority_index)
    # What the unfinished migration to this release still has to bring is not missing.
    is_halfway = any(release == at for release, name in MIGRATIONS if name in pending)
    lines = _lines(catalog, statistics, at, is_halfway)
    functions = list(_functions(capabilities, catalog, at, is_halfway))
    # A view, or a table elsewhere, has the triggers where its rows are.
    has_jobs = catalog.table("procrastinate_jobs") is not None
    triggers = list(_triggers(catalog, at, is_halfway)) if has_jobs else []
    wanted_functions = sum(1 for since, until in FUNCTIONS.values() if _is_wanted(since, until, at, is_halfway))
    wanted = [name for name, (_, since, until) in TRIGGERS.items() if _is_wanted(since, until, at, is_halfway)]
    wanted_triggers = len(wanted) if has_jobs else 0
    bad_functions = sum(1 for each in functions if each.name in FUNCTIONS)
    return Drift(
        capabilities.nearest_release,
        tuple(lines),
        (*(_of_index(line) for line in lines if line.state != "known"), *functions, *triggers),
        pending,
        (max(0, wanted_functions - bad_functions), wanted_functions),
        (wanted_triggers - sum(1 for each in triggers if each.state != "extra"), wanted_triggers),
    )


def _pending(capabilities: Capabilities, at: Level, has_priority_index: bool) -> tuple[str, ...]:
    names = {signature.partition("(")[0] for signature in capabilities.functions}
    # What the second half of the migration to this release takes away.
    has_remains = any(until == at and name in names for name, (_, until) in FUNCTIONS.items())
    return tuple(
        name
        for release, name in MIGRATIONS
        if (release > at or (release == at and has_remains and "_50_post_" in name))
        and not ("add_indexes_for_fetch_job" in name and has_priority_index)
    )


def _is_wanted(since: Level, until: Level, at: Level, is_halfway: bool) -> bool:
    return since <= at < until and not (is_halfway and since == at)


# Indexes


def _lines(catalog: Catalog, statistics: Statistics | None, at: Level, is_halfway: bool) -> list[IndexLine]:
    tables = {table.name for table in catalog.tables}
    left = {index.name: index for index in catalog.indexes}
    found: list[IndexLine] = []
    for known in INDEXES:
        if known.table not in tables:
            continue
        same = [each for each in left.values() if each.table == known.table and each.shape in known.shapes]
        valid = [each for each in same if each.is_valid]
        for index in valid:
            del left[index.name]
            found.append(_line(index, "known", "", statistics))
        named = next((left[name] for name in known.names if name in left), None)
        if named is not None and not valid:
            del left[named.name]
            found.append(_altered(known, named, catalog, statistics))
        elif not valid and _is_wanted(known.since, (99, 0), at, is_halfway):
            found.append(_missing(known, catalog, at))
    found += [_extra(index, statistics) for index in left.values()]
    return sorted(found, key=lambda line: (ORDER.index(line.state), line.table != "procrastinate_jobs", line.name))


def _line(index: Index, state: IndexState, note: str, statistics: Statistics | None) -> IndexLine:
    scans = statistics.scans.get(index.name) if statistics is not None else None
    return IndexLine(index.name, index.table, state, note, index.bytes, scans, found=index.sql)


def _create(known: KnownIndex, name: str, place: str) -> str:
    if not known.sql:
        return ""
    unique = "UNIQUE " if known.is_unique else ""
    return f"CREATE {unique}INDEX CONCURRENTLY {name} ON {place} {known.sql};"


def _place(catalog: Catalog, table: str) -> str:
    found = catalog.table(table)
    return found.place if found is not None else table


def _missing(known: KnownIndex, catalog: Catalog, at: Level) -> IndexLine:
    name = known.names[0] if at >= (3, 0) else known.names[-1]
    sql = _create(known, name, _place(catalog, known.table))
    expected = sql or f"{known.table}: {known.shapes[0]}"
    return IndexLine(name, known.table, "missing", known.why, None, None, sql, expected=expected)


def _altered(known: KnownIndex, index: Index, catalog: Catalog, statistics: Statistics | None) -> IndexLine:
    place = _place(catalog, known.table)
    lost = known.is_unique and not index.is_unique
    if index.is_building:
        note = "is being built"
    elif not index.is_valid:
        note = "was begun and never finished: it serves no query"
    elif lost:
        note = f"not unique here, unique in the release: {known.why}"
    else:
        note = f"is another one than the release's: {known.why}"
    drop = f"DROP INDEX CONCURRENTLY {index.place};"
    if not known.sql or index.is_constraint or index.is_building:
        sql = ""
    elif not index.is_valid:
        sql = f"{drop}\n{_create(known, index.name, place)}"
    else:
        # The one there serves until the new one does.
        fresh = f"{index.name[:56]}_new"
        schema = index.place.rpartition(".")[0]
        sql = f"{_create(known, fresh, place)}\n{drop}\nALTER INDEX {schema}.{fresh} RENAME TO {index.name};"
    line = _line(index, "altered", note, statistics)
    return IndexLine(
        line.name,
        line.table,
        line.state,
        note,
        line.bytes,
        line.scans,
        sql,
        index.sql,
        _create(known, index.name, place) or known.shapes[0],
        has_lost_uniqueness=lost,
    )


def _extra(index: Index, statistics: Statistics | None) -> IndexLine:
    line = _line(index, "extra", "", statistics)
    is_unused = line.scans == 0 and not index.is_unique
    whose = "made by Jobdesk" if index.name.startswith(PREFIX) else "yours"
    if index.is_building:
        note, is_unused = f"{whose}; is being built", False
    elif not index.is_valid:
        note, is_unused = "was begun and never finished: it serves no query", True
    elif is_unused:
        note = f"{whose}; no scan{_since(statistics)}"
    else:
        note = whose
    drop = f"DROP INDEX CONCURRENTLY {index.place};" if is_unused and not index.is_constraint else ""
    is_unfinished = not index.is_valid and not index.is_building
    return replace(line, note=note, sql=drop, is_unused=is_unused, is_unfinished=is_unfinished)


def _since(statistics: Statistics | None) -> str:
    if statistics is None or statistics.since is None:
        return " since statistics are counted"
    return f" since {day(statistics.since)}"


def day(at: dt.datetime) -> str:
    """A day as it stands in a sentence: 2 Nov, with the year when it is not this one."""
    text = f"{at.day} {at:%b}"
    return text if at.year == dt.datetime.now(dt.UTC).year else f"{text} {at.year}"


def _of_index(line: IndexLine) -> Difference:
    state: Literal["missing", "altered", "extra"] = line.state if line.state != "known" else "extra"
    return Difference("index", line.name, state, line.note, line.found, line.expected, line.sql)


# Functions and triggers


def _functions(capabilities: Capabilities, catalog: Catalog, at: Level, is_halfway: bool) -> Iterator[Difference]:
    names = {signature.partition("(")[0] for signature in capabilities.functions}
    for name, (since, until) in FUNCTIONS.items():
        if name not in names and _is_wanted(since, until, at, is_halfway):
            sql = _in_schema(released_function(name, at), catalog)
            yield Difference("function", name, "missing", "is not there", sql=sql)
    for name in capabilities.unknown_functions:
        note = "its text is not that of a release that this Jobdesk knows"
        expected = released_function(name, at)
        yield Difference("function", name, "altered", note, expected=expected, sql=_in_schema(expected, catalog))


def _in_schema(sql: str, catalog: Catalog) -> str:
    """The library's SQL, which names no schema, for the schema that the tables are in."""
    schema = catalog.tables[0].place.rpartition(".")[0] if catalog.tables else ""
    return f"SET search_path TO {schema};\n{sql}" if sql and schema not in ("", "public") else sql


def released_function(name: str, at: Level) -> str:
    """The SQL that puts a function back, for releases with the schema that Jobdesk installs; empty for others."""
    if not (3, 4) <= at <= (3, 10):
        return ""
    found = re.search(rf"^CREATE FUNCTION {re.escape(name)}\(.*?^\$\$;$", schema_sql(), re.M | re.S)
    return found[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1) if found is not None else ""


def _triggers(catalog: Catalog, at: Level, is_halfway: bool) -> Iterator[Difference]:
    there: dict[str, Trigger] = {trigger.name: trigger for trigger in catalog.triggers}
    for name, (expected, since, until) in TRIGGERS.items():
        trigger = there.get(name)
        if trigger is None:
            if _is_wanted(since, until, at, is_halfway):
                sql = _in_schema(_released_trigger(name, at), catalog)
                yield Difference("trigger", name, "missing", "is not there", "", expected, sql)
        elif not trigger.is_enabled:
            mend = f"ALTER TABLE {_place(catalog, trigger.table)} ENABLE TRIGGER {name};"
            yield Difference("trigger", name, "disabled", "is switched off", trigger.definition, expected, mend)
        elif trigger_shape(trigger.definition) != expected:
            note = "is another one than the release's"
            yield Difference("trigger", name, "altered", note, trigger.definition, expected)
    for name, trigger in there.items():
        # Those of an unfinished migration are told by the migration.
        if name not in TRIGGERS and not name.startswith("procrastinate_"):
            yield Difference("trigger", name, "extra", "yours", trigger.definition)


def _released_trigger(name: str, at: Level) -> str:
    if not (3, 0) <= at <= (3, 10):
        return ""
    found = re.search(rf"^CREATE TRIGGER {re.escape(name)}\b.*?;$", schema_sql(), re.M | re.S)
    return found[0] if found is not None else ""
