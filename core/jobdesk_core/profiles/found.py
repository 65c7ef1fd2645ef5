"""Connections that lie about on this machine, for someone who has saved none yet.

Looked at are libpq's variables, its service files, its password file, and a `.env` in the working folder. Nothing is
asked of a server, and nothing is kept: each is a proposal. A file that cannot be read proposes nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobdesk_core.files import text_of
from jobdesk_core.profiles.pasted import PasteNotUnderstood, read_pasted
from jobdesk_core.profiles.pasted_settings import PASSWORD_LINE, password_line
from jobdesk_core.profiles.places import services
from jobdesk_core.profiles.profile import NAMES_A_DATABASE, Profile, database_of, dsn_of, profile_of_environment

#: So many are proposed; more of them help nobody to choose.
MOST_PROPOSED = 12
#: A `.env` that is larger than so many bytes is none.
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Proposal:
    """An unsaved profile and where it was found, such as "pg_service.conf" or ".env". `password`: the one beside it."""

    profile: Profile
    source: str
    password: str | None = field(default=None, repr=False)


def found_here(folder: Path | None = None) -> list[Proposal]:
    """What lies about, each place once, at most `MOST_PROPOSED`. Reads files; call it in a thread."""
    proposals: list[Proposal] = []
    taken: set[str] = set()
    for proposal in _all(folder or Path.cwd()):
        words = proposal.profile.display_dsn
        if words not in taken and len(proposals) < MOST_PROPOSED:
            taken.add(words)
            proposals.append(proposal)
    return proposals


def _all(folder: Path) -> Iterator[Proposal]:
    if any(os.environ.get(variable) for variable in NAMES_A_DATABASE):
        yield Proposal(profile_of_environment(), "the environment's PG variables")
    yield from _of_file(folder / ".env")
    for service in sorted(services()):
        yield Proposal(_profile({"service": service}, service), "pg_service.conf")
    yield from _of_password_file()


def _of_file(path: Path) -> Iterator[Proposal]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return
        pasted = read_pasted(text_of(path))
    except (OSError, ValueError, PasteNotUnderstood):
        return
    # A file of variables about other things names no database.
    if pasted.kind in ("variables", "settings") and {"host", "dbname", "service"} & set(pasted.parameters):
        yield Proposal(
            _profile(pasted.parameters, pasted.parameters.get("dbname", ""), pasted.schema), path.name, pasted.password
        )


def _of_password_file() -> Iterator[Proposal]:
    default = (
        Path(os.environ.get("APPDATA", "")) / "postgresql" / "pgpass.conf"
        if sys.platform == "win32"
        else Path("~/.pgpass").expanduser()
    )
    try:
        lines = text_of(Path(os.environ.get("PGPASSFILE") or default)).splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        if line.startswith("#") or not PASSWORD_LINE.fullmatch(line):
            continue
        host, port, database, user, _ = password_line(line)
        named = {"host": host, "port": port, "dbname": database, "user": user}
        parameters = {name: value for name, value in named.items() if value != "*"}
        if {"host", "dbname"} <= set(parameters):
            yield Proposal(_profile(parameters, database), "the password file")


def _profile(parameters: Mapping[str, str], name: str, schema: str = "") -> Profile:
    dsn = dsn_of(parameters)
    return Profile(name=name or database_of(dsn), method="dsn", dsn=dsn, schema=schema)
