"""Which database a command speaks with, and how it gets in."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from jobdesk_core.cli import exit_codes, output
from jobdesk_core.cli.asking import ask_for_ssh
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.clock import follow
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
    profile_of_dsn,
    profile_of_environment,
)
from jobdesk_core.profiles.password_command import line_of
from jobdesk_core.profiles.places import Secret
from jobdesk_core.profiles.secrets import Passwords, about_refusal, typed
from jobdesk_core.reported.detection import detect
from jobdesk_core.troubles import explain

#: No statement that only reads takes longer, in seconds.
LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Opened:
    """An open connection: the profile, the connector, what the database can do, and what it was signed in with."""

    profile: Profile
    connector: SyncPsycopgConnector
    capabilities: Capabilities
    secret: Secret | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """The profile, the database and the role, for people."""
        capabilities = self.capabilities
        named = "" if self.profile.name in (capabilities.database, "environment") else f"{self.profile.name}: "
        return f"{named}database {capabilities.database} as {capabilities.role}"


def _no_schema(capabilities: Capabilities, schema: str) -> list[str]:
    """That the tables are not where they were looked for, and how to name where they are."""
    found = found_elsewhere(capabilities)
    hints = " or ".join(f"--schema {shlex.quote(name)}" for name in capabilities.elsewhere)
    if found is not None:
        return [found, f"Give {hints}."] if hints else [found]
    where = f" in schema {schema}" if schema else ""
    return [f"Database {capabilities.database} has no Procrastinate schema{where}."]


@contextlib.contextmanager
def opened(options: argparse.Namespace) -> Iterator[Opened]:
    """Connect as the options say. Raises Ended, or ConnectorException when the server cannot be reached."""
    if options.schema == "":
        raise Ended(exit_codes.USAGE, "--schema is the name of a schema.")
    profile, password = profile_of(options)
    if options.schema is not None:
        profile = replace(profile, schema=options.schema)
    connector, secret = _signed_in(profile, password)
    try:
        yield Opened(profile, connector, _able(connector, profile), secret)
    finally:
        with contextlib.suppress(ConnectorException):
            connector.close()


@contextlib.contextmanager
def unchecked(options: argparse.Namespace) -> Iterator[tuple[Profile, SyncPsycopgConnector]]:
    """Connect as the options say, whatever is or is not there. Raises as `opened`."""
    profile, password = profile_of(options)
    if options.schema:
        profile = replace(profile, schema=options.schema)
    connector, _ = _signed_in(profile, password)
    try:
        yield profile, connector
    finally:
        with contextlib.suppress(ConnectorException):
            connector.close()


def connected_again(desk: Opened) -> Opened:
    """The same database anew, with what it can do by now; whoever asks closes its connector. Raises as `opened`."""
    connector = connected(desk.profile, desk.secret)
    try:
        return replace(desk, connector=connector, capabilities=_able(connector, desk.profile))
    except BaseException:
        connector.close()
        raise


def _able(connector: SyncPsycopgConnector, profile: Profile) -> Capabilities:
    follow(connector.clock)
    capabilities = replace(connector.run(DETECT), clock=connector.clock, reported=connector.run(detect()))
    if not capabilities.has_schema:
        raise Ended(exit_codes.REFUSED, *_no_schema(capabilities, profile.schema))
    if capabilities.rights.read is not None:
        raise Ended(exit_codes.REFUSED, "This role may not read the jobs.", capabilities.rights.read)
    return capabilities


def profile_of(options: argparse.Namespace) -> tuple[Profile, str | None]:
    """The profile, through the host of SSH that is given, and the password that came with the connection string."""
    profile, password = _named(options)
    return (profile if options.ssh is None else replace(profile, ssh=options.ssh)), password


def _named(options: argparse.Namespace) -> tuple[Profile, str | None]:
    """The profile as it is named.

    Never the one that the window had open last: a script has no header that says where it is.
    """
    if options.dsn is not None and options.profile is not None:
        raise Ended(exit_codes.USAGE, "Give either --dsn or --profile.")
    if options.dsn is not None:
        return profile_of_dsn(options.dsn)
    store = ProfileStore()
    try:
        names = [each.name for each in store.all()]
        profile = store.get(options.profile) if options.profile is not None else None
    except UnreadableProfiles as error:
        raise Ended(exit_codes.USAGE, str(error)) from error
    if profile is not None:
        return profile, None
    known = " ".join(filter(None, [f"Saved connections: {', '.join(names) or 'none'}.", store.team_trouble]))
    if options.profile is not None:
        raise Ended(exit_codes.USAGE, f"There is no saved connection {options.profile}.", known)
    if any(variable in os.environ for variable in NAMES_A_DATABASE):
        return profile_of_environment(), None
    raise Ended(
        exit_codes.USAGE, "Which database? Give --dsn or --profile, or set PGHOST, PGDATABASE or PGSERVICE.", known
    )


def connected(profile: Profile, secret: Secret | None) -> SyncPsycopgConnector:
    """An open connector. Raises ConnectorException."""
    # One connection for the command, and none to spare.
    ask = ask_for_ssh if can_ask() else None
    parameters = connection_parameters(profile, secret, ask) | {"min_size": 1, "max_size": 1}
    connector = SyncPsycopgConnector(**parameters)
    connector.open()
    return connector


def _signed_in(profile: Profile, password: str | None) -> tuple[SyncPsycopgConnector, Secret | None]:
    """Connect with the password that was typed, or kept for a saved connection, or else asked for."""
    secret = kept(profile, password)
    while True:
        try:
            return connected(profile, secret), secret
        except ConnectorException as error:
            trouble = about_refusal(explain(error), secret, profile)
            if trouble.kind != "password":
                raise
            if secret is not None and secret.source is not None:
                raise Ended(exit_codes.CONNECTION, trouble.sentence, trouble.remedy) from error
            if not can_ask():
                raise
            output.note(trouble.sentence)
            secret = asked(profile)


def kept(profile: Profile, password: str | None) -> Secret | None:
    """The password that was typed, or is kept for a saved connection, or that its command prints."""
    secret = typed(profile, password)
    if secret is None and (profile.saved_as or profile.password_command):
        return asyncio.run(Passwords(_allows if can_ask() else None).of(profile))
    return secret


def can_ask() -> bool:
    """Whether somebody sits at a terminal who could be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def _allows(profile: Profile) -> bool:
    """Ask once whether a password command that has not run on this machine yet may be run."""
    output.note(f"{profile.name} gets its password from a command that has not run on this machine yet:")
    output.note(f"    {line_of(profile.password_command)}")
    output.note(f"What it prints is sent to {profile.display_dsn}.")
    sys.stderr.write("Run it, now and from now on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def asked(profile: Profile) -> Secret | None:
    """Ask on the terminal, without showing what is typed."""
    try:
        return typed(profile, getpass.getpass(f"Password for {output.plain(profile.display_dsn)}: ", sys.stderr))
    except EOFError as error:
        raise Ended(exit_codes.CONNECTION, "No password was given.") from error
