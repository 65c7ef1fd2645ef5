"""The schemas of Procrastinate's releases, from the released packages: fetched once, read, never imported.

The packages lie in the user's cache, outside the repository, and must have the hashes of releases.txt.
"""

from __future__ import annotations

import functools
import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import platformdirs
import psycopg
import pytest
from psycopg import sql

#: Per release the hash of its wheel, the oldest first.
HASHES: dict[str, str] = dict(
    re.findall(r"^procrastinate==(\S+) --hash=sha256:(\S+)$", Path(__file__).with_suffix(".txt").read_text(), re.M)
)
RELEASES = tuple(HASHES)
NEWEST = RELEASES[-1]
#: A release's schema and the first half, safe for running services, of the migration to the next one.
HALFWAY = {
    "2.15.1 with 3.0 pre": ("2.15.1", "03.00.00_*_pre_*.sql"),
    "3.0.2 with 3.1 pre": ("3.0.2", "03.01.00_*_pre_*.sql"),
    "3.1.0 with 3.2 pre": ("3.1.0", "03.02.00_*_pre_*.sql"),
    "3.2.2 with 3.3 pre": ("3.2.2", "03.03.00_*_pre_*.sql"),
    "3.3.0 with 3.4 pre": ("3.3.0", "03.04.00_*_pre_*.sql"),
}
#: The oldest schema brought to the newest by every migration since: the columns stand in another order.
MIGRATED = "1.1.2 migrated"
STATES = (*RELEASES, *HALFWAY, MIGRATED)
_MIGRATED_FROM = "01.01.01_01_job_id_bigint.sql"


def level(state: str) -> tuple[int, int]:
    """The release, as two numbers, whose functions the state has; halfway it is the release ahead."""
    text = "3.10" if state == MIGRATED else state.removesuffix(" pre").rpartition(" ")[2]
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def _package(release: str) -> Path:
    wheel, problem = _fetched(release)
    if problem:
        pytest.skip(f"procrastinate {release} cannot be fetched: {problem}")
    return wheel


@functools.cache
def _fetched(release: str) -> tuple[Path, str]:
    """The release's wheel in the cache, and why it is not there, if so."""
    folder = Path(platformdirs.user_cache_dir("jobdesk")) / "tested-releases"
    wheel = folder / f"procrastinate-{release}-py3-none-any.whl"
    if not wheel.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as own:
            fetched = subprocess.run(
                [*command, "--dest", own, f"procrastinate=={release}"], capture_output=True, text=True, timeout=100
            )
            if not (Path(own) / wheel.name).exists():
                return wheel, fetched.stderr.strip() or fetched.stdout.strip()
            # At once and whole: others may be fetching it too.
            (Path(own) / wheel.name).replace(wheel)
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert found == HASHES[release], f"{wheel} is not the released package: its hash is {found}"
    return wheel, ""


def schema_of(release: str) -> str:
    """The SQL that creates the release's schema."""
    with zipfile.ZipFile(_package(release)) as package:
        return package.read("procrastinate/sql/schema.sql").decode()


def migrations(pattern: str = "*.sql") -> dict[str, str]:
    """The newest release's migrations that match, by file name in their order."""
    with zipfile.ZipFile(_package(NEWEST)) as package:
        paths = [Path(name) for name in package.namelist() if "/sql/migrations/" in name]
        names = sorted(path.name for path in paths if path.match(pattern))
        return {name: package.read(f"procrastinate/sql/migrations/{name}").decode() for name in names}


def scripts_of(state: str) -> list[str]:
    """The SQL that brings an empty database into a state of STATES, one text per file."""
    if state == MIGRATED:
        since = [text for name, text in migrations().items() if name > _MIGRATED_FROM]
        return [schema_of("1.1.2"), *since]
    if state in HALFWAY:
        release, pattern = HALFWAY[state]
        return [schema_of(release), *migrations(pattern).values()]
    return [schema_of(state)]


def apply(dsn: str, scripts: list[str]) -> None:
    """Run each text as one command, as psql would run a file."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for text in scripts:
            connection.execute(text.encode())


def empty(dsn: str) -> None:
    """Delete every row, and have ids start at 1 again."""
    tables = (
        "SELECT relname FROM pg_class WHERE relname LIKE 'procrastinate%' AND relkind = 'r' "
        "AND relnamespace = 'public'::regnamespace"
    )
    with psycopg.connect(dsn) as connection:
        for (table,) in connection.execute(tables).fetchall():
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            connection.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), 1, false)", [table])
