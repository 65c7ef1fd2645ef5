"""The journal's file: what it holds, and that what has been committed outlives a machine that loses its power."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from jobdesk_core.journal import ahead
from jobdesk_core.sqlite_file import PAGE_BYTES, SqliteFile, write_ahead

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, ended_at TEXT, os_user TEXT NOT NULL,
    action TEXT NOT NULL, sentence TEXT NOT NULL, profile TEXT NOT NULL, place TEXT NOT NULL, role TEXT NOT NULL,
    sql TEXT NOT NULL, set_to TEXT NOT NULL, undoes INTEGER, error TEXT NOT NULL DEFAULT '',
    done INTEGER NOT NULL DEFAULT 0, left INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS records (
    entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE, job_id INTEGER NOT NULL,
    outcome TEXT NOT NULL, sentence TEXT NOT NULL, before TEXT NOT NULL, new_id INTEGER, undone_by INTEGER
);
CREATE INDEX IF NOT EXISTS records_entry ON records (entry_id, job_id);
CREATE INDEX IF NOT EXISTS records_job ON records (job_id);
CREATE INDEX IF NOT EXISTS records_new ON records (new_id) WHERE new_id IS NOT NULL;
"""


class JournalFile(SqliteFile):
    """The journal, which never outgrows so many bytes."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        super().__init__(path)
        self._most_bytes = most_bytes

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        write_ahead(connection, "FULL")
        connection.execute(f"PRAGMA max_page_count = {self._most_bytes // PAGE_BYTES}")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (ahead.PLANS,)).fetchone():
            connection.execute("BEGIN IMMEDIATE")
            for text in f"{_SCHEMA}{ahead.SCHEMA}".split(";"):
                connection.execute(text)
            for table, columns in ahead.COLUMNS.items():
                held = {row["name"] for row in connection.execute(f"PRAGMA table_info ({table})")}
                for name in columns.keys() - held:
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}")
            connection.execute("COMMIT")
