"""The columns that a deployment has added to the table of jobs: read from the catalog, never assumed."""

from __future__ import annotations

from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import JOB_COLUMNS

#: The most columns that are read, and the most characters of each.
MOST_COLUMNS = 100
MOST_CHARACTERS = 2_000


def added_columns() -> Statement[list[str]]:
    """The names of the columns that no release has and that this role may read, in their order."""
    return Statement(
        "SELECT attname::text AS name FROM pg_attribute WHERE attrelid = to_regclass('procrastinate_jobs') "
        "AND attnum > 0 AND NOT attisdropped AND attname <> ALL (%(own)s::name[]) "
        "AND has_column_privilege(attrelid, attnum, 'SELECT') ORDER BY attnum LIMIT %(limit)s",
        lambda rows: [row["name"] for row in rows],
        {"own": sorted(JOB_COLUMNS), "limit": MOST_COLUMNS},
    )


def added_values(job_id: int, names: list[str]) -> Statement[dict[str, str | None]]:
    """The values of these columns of a job as text, those that are long cut; none when the job is gone."""
    columns = ", ".join(f"left({_identifier(name)}::text, %(most)s) AS c{n}" for n, name in enumerate(names))

    def decode(rows: Rows) -> dict[str, Any]:
        return {name: rows[0][f"c{n}"] for n, name in enumerate(names)} if rows else {}

    return Statement(
        f"SELECT {columns} FROM procrastinate_jobs WHERE id = %(id)s",
        decode,
        {"id": job_id, "most": MOST_CHARACTERS},
    )


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
