"""Which database a command speaks with, and how it gets in."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from jobdesk_core.cli import codes, output
from jobdesk_core.cli.codes import Ended
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.database.schema import found_elsewhere
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.profiles import (
    NAMES_A_DATABASE,
    Profile,
    ProfileStore,
    UnreadableProfiles,
    connection_parameters,
    database_of,
    split_password,
)
from jobdesk_core.profiles.secrets import get_password
from jobdesk_core.troubles import explain

#: No statement that only reads takes longer, in seconds.
LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Opened:
    """An open connection: the profile, the connector, and what the database can do."""

    profile: Profile
    connector: SyncPsycopgConnector
    capabilities: Capabilities

    @property
    def place(self) -> str:
        """The profile, the database and the role, for people."""
        able = self.capabilities
        named = "" if self.profile.name in (able.database, "environment") else f"{self.profile.name}: "
        return f"{named}database {able.database} as {able.role}"


@contextlib.contextmanager
def opened(options: argparse.Namespace) -> Iterator[Opened]:
    """Connect as the options say. Raises Ended, or ConnectorException when the server cannot be reached."""
    profile, password = _profile(options)
    connector = _connected(profile, password)
    try:
        able = connector.run(DETECT)
        if not able.has_schema:
            nothing = f"Database {able.database} has no Procrastinate schema."
            raise Ended(codes.REFUSED, found_elsewhere(able) or nothing)
        if able.rights.read is not None:
            raise Ended(codes.REFUSED, "This role may not read the jobs.", able.rights.read)
        yield Opened(profile, connector, able)
    finally:
        with contextlib.suppress(ConnectorException):
            connector.close()


def _profile(options: argparse.Namespace) -> tuple[Profile, str | None]:
    """The profile, and the password that came with the connection string.

    Never the one that the window had open last: a script has no header that says where it is.
    """
    if options.dsn is not None and options.profile is not None:
        raise Ended(codes.USAGE, "Give either --dsn or --profile.")
    if options.dsn is not None:
        dsn, password = split_password(options.dsn)
        return Profile(name=database_of(dsn) or "environment", method="dsn", dsn=dsn), password
    store = ProfileStore()
    try:
        names = [each.name for each in store.all()]
        profile = store.get(options.profile) if options.profile is not None else None
    except UnreadableProfiles as error:
        raise Ended(codes.USAGE, str(error)) from error
    if profile is not None:
        return profile, None
    known = f"Saved connections: {', '.join(names) or 'none'}."
    if options.profile is not None:
        raise Ended(codes.USAGE, f"There is no saved connection {options.profile}.", known)
    if any(variable in os.environ for variable in NAMES_A_DATABASE):
        return Profile(name=os.environ.get("PGDATABASE", "environment"), method="environment"), None
    raise Ended(codes.USAGE, "Which database? Give --dsn or --profile, or set PGHOST, PGDATABASE or PGSERVICE.", known)


def _connected(profile: Profile, password: str | None) -> SyncPsycopgConnector:
    if password is None and profile.name != "environment" and profile.method != "environment":
        password = _kept_password(profile)
    while True:
        # One connection for the command, and none to spare.
        parameters = connection_parameters(profile, password) | {"min_size": 1, "max_size": 1}
        connector = SyncPsycopgConnector(**parameters)
        try:
            connector.open()
            return connector
        except ConnectorException as error:
            trouble = explain(error)
            if trouble.kind != "password" or not _can_ask():
                raise
            output.note(trouble.sentence)
            password = _asked(profile)


def _kept_password(profile: Profile) -> str | None:
    store = ProfileStore()
    with contextlib.suppress(UnreadableProfiles):
        if store.get(profile.name) == profile:
            return asyncio.run(get_password(profile.name))
    return None


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(profile: Profile) -> str:
    """Ask on the terminal, without showing what is typed."""
    try:
        return getpass.getpass(f"Password for {output.plain(profile.display_dsn)}: ", sys.stderr)
    except EOFError as error:
        raise Ended(codes.CONNECTION, "No password was given.") from error
