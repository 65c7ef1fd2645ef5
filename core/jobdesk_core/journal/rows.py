"""How the journal's entries and records are searched, and made of the file's rows."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.journal import ahead
from jobdesk_core.journal.record import UNKNOWN, Entry, Header, Record, Search


def condition(search: Search) -> tuple[str, list[Any]]:
    parts: list[str] = ["1"]
    values: list[Any] = []
    if search.text:
        pattern = "%" + search.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        columns = ("sentence", "sql", "place", "role", "os_user", "error", "action", "profile")
        found = [f"entries.{column} LIKE ? ESCAPE '\\'" for column in columns]
        values += [pattern] * len(columns)
        digits = search.text.replace(",", "").removeprefix("#")
        if digits.isdecimal() and len(digits) < 19:
            found.append(_OF_JOB)
            values += [int(digits)] * 2
        parts.append(f"({' OR '.join(found)})")
    for column, value in (("action", search.action), ("profile", search.profile)):
        if value:
            parts.append(f"entries.{column} = ?")
            values.append(value)
    if search.outcome:
        parts.append("entries.id IN (SELECT entry_id FROM records WHERE outcome = ?)")
        values.append(search.outcome)
    if search.job_id is not None:
        parts.append(_OF_JOB)
        values += [search.job_id] * 2
    for sign, moment in ((">=", search.since), ("<", search.until)):
        if moment is not None:
            parts.append(f"entries.at {sign} ?")
            values.append(moment.astimezone(dt.UTC).isoformat())
    return " AND ".join(parts), values


_OF_JOB = (
    "entries.id IN (SELECT entry_id FROM records WHERE job_id = ? UNION SELECT entry_id FROM records WHERE new_id = ?)"
)


def header_of(row: sqlite3.Row) -> Header:
    return Header(
        action=row["action"],
        sentence=row["sentence"],
        profile=row["profile"],
        place=row["place"],
        role=row["role"],
        sql=row["sql"],
        set_to=exact_json.loads(row["set_to"]),
        undoes=row["undoes"],
    )


def entry_of(row: sqlite3.Row) -> Entry:
    return Entry(
        id=row["id"],
        at=dt.datetime.fromisoformat(row["at"]),
        ended_at=dt.datetime.fromisoformat(row["ended_at"]) if row["ended_at"] else None,
        os_user=row["os_user"],
        header=header_of(row),
        error=row["error"],
        done=row["done"],
        left=row["left"],
        kept=row["kept"],
        undone=row["undone"],
        in_doubt=row["in_doubt"],
        ahead_s=row["ahead_s"],
    )


def record_of(row: sqlite3.Row) -> Record:
    before = exact_json.loads(row["before"])
    sentence = ahead.IN_DOUBT if row["chunk"] is not None and row["outcome"] == UNKNOWN else row["sentence"]
    return Record(row["job_id"], row["outcome"], sentence, before, row["new_id"], row["undone_by"])
