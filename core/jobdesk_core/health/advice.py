"""What to do about what was read, the most useful first. Each has the SQL that does it; nothing here runs any."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.durations import in_words, roughly
from jobdesk_core.health.catalog import TABLES, TableSize
from jobdesk_core.health.health import FINISHED, Health
from jobdesk_core.health.retention import freed
from jobdesk_core.health.schema_drift import IndexLine
from jobdesk_core.health.statistics import TableStatistics

Tone = Literal["bad", "warning", "info"]
Remedy = Literal["sql", "commands", "jobs", "purge", "differences", ""]
#: Dead rows that are worth a vacuum, their share of all, and how old the last analyze may be in changed rows' share.
MANY_DEAD, DEAD_SHARE, STALE_SHARE = 10_000, 0.2, 0.5
#: Seconds since a vacuum after which dead rows are worth a warning.
RECENT_S = 3_600.0
#: Bytes of the jobs from which on reading all of them is felt; bytes that a server reads in a second, roughly.
LARGE_BYTES, READ_BYTES_PER_S = 100_000_000, 500_000_000
#: Rows that go into an index in a second, roughly.
INDEXED_PER_S = 1_000_000
#: Seconds from which on an open transaction is told, and one that does nothing in it.
LONG_S, IDLE_S = 3_600.0, 300.0
#: Transactions since the oldest row was frozen that are an emergency: the server stops at two thousand million.
WRAPAROUND = 1_000_000_000
#: What an unused index must take before it is worth a word, and what a purge must free.
UNUSED_BYTES, FREED_SHARE, FREED_BYTES = 8_000_000, 0.25, 50_000_000


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do. `title` in a few words, `sentence` why; `sql` does it, or is a command where `remedy` says so.

    `filter_text` shows the jobs that it is about.
    """

    tone: Literal["bad", "warning", "info"]
    title: str
    sentence: str
    sql: str = ""
    remedy: Remedy = "sql"
    filter_text: str = ""


def advice(health: Health) -> list[Advice]:
    """What to do, the most useful first; empty when all is well, as far as it could be read."""
    found = [
        *_schema(health),
        *_wraparound(health),
        *_transactions(health),
        *_tables(health),
        *_foreign_key(health),
        *_unused(health),
        *_retention(health),
    ]
    tones = ("bad", "warning", "info")
    return sorted(found, key=lambda each: tones.index(each.tone))


def short_name(table: str) -> str:
    """A table without its prefix."""
    return table.removeprefix("procrastinate_")


def _schema(health: Health) -> Iterator[Advice]:
    if health.drift is None:
        return
    for line in health.drift.indexes:
        if line.state == "missing":
            yield _missing(line, health)
        elif line.state == "altered":
            yield _altered(line, health)
    for each in health.drift.differences:
        if each.kind == "index" or each.state == "extra":
            continue
        word = {"missing": "is missing", "altered": "is altered", "disabled": "is switched off"}[each.state]
        tone: Literal["bad", "warning"] = "warning" if each.state == "altered" and each.kind == "function" else "bad"
        sentence = f"{each.name} {each.note}." if each.note.startswith("is ") else f"{each.name}: {each.note}."
        yield Advice(tone, f"A {each.kind} {word}", sentence, each.sql, "sql" if each.sql else "differences")
    if health.drift.pending:
        count = len(health.drift.pending)
        number = "1 migration" if count == 1 else f"{count} migrations"
        title = f"Release {health.drift.release}: {number} pending"
        sentence = f"In this order: {', '.join(health.drift.pending)}."
        yield Advice("info", title, sentence, health.drift.commands, "commands")


def _missing(line: IndexLine, health: Health) -> Advice:
    rows = health.rows(line.table)
    takes = f" About {in_words(max(1.0, rows // INDEXED_PER_S))} to create." if rows and line.sql else ""
    remedy: Remedy = "sql" if line.sql else "differences"
    return Advice("bad", "An index is missing", f"{line.name}: {line.note}.{takes}", line.sql, remedy)


def _altered(line: IndexLine, health: Health) -> Advice:
    jobs = health.doubly_locked if line.has_lost_uniqueness else ()
    sentence = f"{line.name} {'is ' if line.note.startswith('not ') else ''}{line.note}."
    if jobs:
        sentence += f" {len(jobs)} jobs run beside another one with their lock now."
    remedy: Remedy = "jobs" if jobs else "sql" if line.sql else "differences"
    filter_text = f"id:{','.join(map(str, jobs))}" if jobs else ""
    tone: Literal["bad", "warning"] = "bad" if jobs else "warning"
    return Advice(tone, "An index is altered", sentence, line.sql, remedy, filter_text)


def _wraparound(health: Health) -> Iterator[Advice]:
    if health.catalog is None:
        return
    for table in health.catalog.tables:
        if table.xid_age <= health.catalog.freeze_max_age + health.catalog.freeze_max_age // 10:
            continue
        tone: Literal["bad", "warning"] = "bad" if table.xid_age > WRAPAROUND else "warning"
        sentence = (
            f"Its oldest row is {table.xid_age:,} transactions old, and autovacuum should have frozen it at "
            f"{health.catalog.freeze_max_age:,}. At 2,000 million the server takes no more writes."
        )
        yield Advice(tone, f"{short_name(table.name)} must be frozen", sentence, f"VACUUM (FREEZE) {table.place};")


def _transactions(health: Health) -> Iterator[Advice]:
    if health.transactions is None:
        return
    oldest, idle = health.transactions.oldest, health.transactions.idle
    if oldest is not None and (oldest.age_s is None or oldest.age_s > LONG_S):
        since = f"for {roughly(oldest.age_s)}" if oldest.age_s is not None else f"for {oldest.xid_age:,} transactions"
        who = f"{oldest.name} (pid {oldest.pid})" if oldest.pid is not None else oldest.name
        sentence = f"The {oldest.kind} {who} has held its view {since}: vacuum removes nothing that died since."
        title = (
            "A transaction holds vacuum back" if oldest.age_s is not None else "A replication slot holds vacuum back"
        )
        yield Advice("warning", title, sentence, oldest.sql, "sql" if oldest.sql else "")
    if idle is not None and idle != oldest and (idle.age_s or 0) > IDLE_S:
        who = f"{idle.name} (pid {idle.pid})" if idle.pid is not None else idle.name
        sentence = f"The {idle.kind} {who} has been idle in a transaction for {roughly(idle.age_s or 0)}."
        yield Advice("warning", "A transaction is left open", sentence, idle.sql)


def _tables(health: Health) -> Iterator[Advice]:
    if health.catalog is None:
        return
    for table in health.catalog.tables:
        counted = health.statistics.tables.get(table.name) if health.statistics is not None else None
        if not table.has_autovacuum:
            sentence = "autovacuum_enabled is off for this table: dead rows stay until someone vacuums by hand."
            sql = f"ALTER TABLE {table.place} RESET (autovacuum_enabled);"
            yield Advice("warning", f"Autovacuum is off for {short_name(table.name)}", sentence, sql)
        if counted is not None:
            yield from _vacuum(table, counted, health)


def _vacuum(table: TableSize, counted: TableStatistics, health: Health) -> Iterator[Advice]:
    name, place = short_name(table.name), table.place
    if counted.dead >= MANY_DEAD and counted.dead_share >= DEAD_SHARE:
        sentence = f"{_many(counted.dead)} dead rows, {100 * counted.dead_share:.1f} %."
        if counted.is_vacuumed_now:
            yield Advice("info", f"{name} is being vacuumed", sentence, remedy="")
            return
        if counted.vacuumed_at is None:
            sentence += " Never vacuumed, as far as the statistics go back."
        elif health.read_at is not None:
            by = "by hand" if counted.vacuumed_by_hand else "by autovacuum"
            sentence += f" Last vacuumed {by} {roughly(health.read_at - counted.vacuumed_at)} ago."
        tone: Tone = "info" if _is_recent(counted.vacuumed_at, health, RECENT_S) else "warning"
        yield Advice(tone, f"{name} needs a vacuum", sentence, f"VACUUM (ANALYZE) {place};")
    elif counted.live >= MANY_DEAD and counted.changed_since_analyze >= STALE_SHARE * counted.live:
        sentence = f"{_many(counted.changed_since_analyze)} of its rows have changed since it was last analyzed"
        sentence = f"{sentence}: the planner, and the estimates here, go by old numbers."
        # Autovacuum comes round by itself; that it has not for a day is what is wrong.
        is_late = counted.analyzed_at is not None and not _is_recent(counted.analyzed_at, health, 24 * RECENT_S)
        yield Advice("warning" if is_late else "info", f"{name} needs an analyze", sentence, f"ANALYZE {place};")


def _is_recent(at: dt.datetime | None, health: Health, seconds: float) -> bool:
    return at is not None and health.read_at is not None and (health.read_at - at).total_seconds() < seconds


def _foreign_key(health: Health) -> Iterator[Advice]:
    """What deleting a worker costs, by the size of what the server has to read for it."""
    if health.catalog is None or not health.catalog.worker_key or health.catalog.has_worker_index:
        return
    jobs = health.catalog.table(TABLES[0])
    if jobs is None:
        return
    size = jobs.pages * health.catalog.block_bytes
    if size < LARGE_BYTES:
        return
    sentence = (
        f"Each worker that stops, or is removed once it has died, has the server read all jobs ({bytes_text(size)}, "
        f"about {in_words(max(1, round(size / READ_BYTES_PER_S)))} or more): the foreign key from worker_id has no "
        "index that helps."
    )
    sql = f"CREATE INDEX CONCURRENTLY jobdesk_worker_id ON {jobs.place} (worker_id) WHERE worker_id IS NOT NULL;"
    yield Advice("warning", "Deleting a worker reads all jobs", sentence, sql)


def _unused(health: Health) -> Iterator[Advice]:
    if health.drift is None:
        return
    for line in health.drift.indexes:
        if line.is_unfinished:
            sentence = f"{line.name} serves no query, and every write pays for it."
            yield Advice("warning", "An index was never finished", sentence, line.sql, "sql" if line.sql else "")
        elif line.state == "extra" and line.is_unused and (line.bytes or 0) >= UNUSED_BYTES:
            sentence = f"{line.name}, {bytes_text(line.bytes or 0)}: {line.note}. Every write pays for it."
            yield Advice("info", "An index is not used", sentence, line.sql, "sql" if line.sql else "")


def _retention(health: Health) -> Iterator[Advice]:
    if health.retention is not None and health.retention.is_scheduled:
        return
    found = freed(health, 30, FINISHED)
    if found is not None and found.share >= FREED_SHARE and found.cell.bytes >= FREED_BYTES:
        sentence = (
            f"{_many(found.jobs)} finished jobs are older than 30 days: {bytes_text(found.cell.bytes)}, "
            f"{100 * found.share:.0f} % of all. No retention task is known."
        )
        yield Advice("info", "Old jobs take room", sentence, remedy="purge")


def _many(number: float) -> str:
    """About how many, in words that are not more precise than the number: 9.2 M, 76 k, 4,210."""
    if number >= 999_500:
        return f"{number / 1_000_000:,.1f} M"
    return f"{number:,.0f}" if number < 100_000 else f"{number / 1_000:,.0f} k"


def bytes_text(size: float) -> str:
    """Bytes in the largest unit that leaves a number: 66 kB, 6.1 MB, 6.4 GB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= 0.95 * factor:
            number = size / factor
            return f"{number:,.1f} {unit}" if number < 10 else f"{number:,.0f} {unit}"
    return f"{size:.0f} B"
