"""Tries a connection step by step, in the order of the wire: what works, what does not, and the remedy."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import secrets
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from psycopg.errors import ConnectionTimeout

from jobdesk_core.clock import TOLD_S, ServerClock
from jobdesk_core.connectors.access import Access
from jobdesk_core.connectors.poolers import pool_mode
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.settings import Route
from jobdesk_core.connectors.ssh.askpass import Ask
from jobdesk_core.connectors.stages import Stage, stages
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.database.schema import found_elsewhere
from jobdesk_core.exceptions import ConnectorException, JobdeskException, TunnelFailed
from jobdesk_core.profiles.origins import settings_of
from jobdesk_core.profiles.places import Secret
from jobdesk_core.profiles.profile import Profile, connection_parameters
from jobdesk_core.profiles.secrets import about_refusal
from jobdesk_core.troubles import Trouble, explain

ROUND_TRIP_S = 2.0
#: Days that a certificate should be good for at least.
SOON = dt.timedelta(days=14)
UNHEARD = "Notifications do not arrive; changes will be polled for."

PAST_THE_POOLER = "To be told of changes at once, connect to the server itself, past the pooler."
SILENT = "It takes connections, and then says nothing."

SETTINGS, SSH, NAME, TCP, SOCKET, TLS, LOGIN = "Settings", "SSH", "Name", "TCP", "Socket", "TLS", "Sign-in"
SERVER, POOLER, SCHEMA, RIGHTS, LISTEN, CLOCK = "Server", "Pooler", "Schema", "Rights", "LISTEN", "Clock"
#: The steps in their order. Not every connection has each: a socket of this machine's is all there is of its wire.
STEPS = (SETTINGS, NAME, TCP, TLS, LOGIN, SERVER, POOLER, SCHEMA, RIGHTS, LISTEN, CLOCK)
Result = Literal["good", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried: how it went, in a sentence, and how long it took in milliseconds.

    `lines` are what there is to add, such as a GRANT for each missing right; `schemas` those that could be chosen.
    """

    name: str
    result: Result
    sentence: str
    milliseconds: float
    trouble: Trouble | None = None
    lines: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()

    @property
    def in_full(self) -> str:
        """The sentence with the remedy."""
        remedy = self.trouble.remedy if self.trouble is not None else ""
        if not remedy:
            return self.sentence
        # The words of a server may end without a full stop.
        stop = "" if self.sentence.endswith((".", "!", "?", ":", "…")) else "."
        return f"{self.sentence}{stop} {remedy}"


class _Watch:
    """How long a step has taken."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def took(self) -> float:
        """The milliseconds since the step before."""
        now = time.monotonic()
        milliseconds, self._since = (now - self._since) * 1000, now
        return milliseconds


async def probe(profile: Profile, secret: Secret | None = None, ask: Ask | None = None) -> AsyncGenerator[Step, None]:
    """Yield each step as it has been tried; the first bad one is the last. Closing the iterator ends the test."""
    watch, passed = _Watch(), ""
    passage: Access | None = None
    try:
        parameters = connection_parameters(profile, secret, ask)
        told = settings_of(profile, is_password_known=secret is not None)
        if told:
            yield _settings({setting.name: setting.origin for setting in told}, watch.took())
        passage = parameters["access"] if profile.ssh else None
        if passage is not None:
            passage.open()
            ends = await asyncio.to_thread(passage.parameters)
            parameters["kwargs"] |= ends
            yield Step(SSH, "good", f"Through {profile.ssh}.", watch.took())
        step: Step | None = None
        # Closed as soon as the test is: nothing stays half connected until the interpreter cleans up.
        async with contextlib.aclosing(stages(parameters["conninfo"], parameters["kwargs"])) as passing:
            async for stage in passing:
                step = _of_stage(stage, secret, profile)
                yield step
        if step is None or (step.name, step.result) != (LOGIN, "good"):
            return
        passed = LOGIN
        watch.took()
        connector = PsycopgConnector(**parameters)
        await connector.open_async()
        try:
            async with contextlib.aclosing(_asked(connector, watch)) as asked:
                async for step in asked:
                    passed = step.name
                    yield step
        finally:
            await connector.close_async()
    except JobdeskException as error:
        trouble = about_refusal(explain(error), secret, profile)
        name = SSH if isinstance(error, TunnelFailed) else following(passed)[0]
        yield Step(name, "bad", trouble.sentence, watch.took(), trouble)
    finally:
        if passage is not None:
            await asyncio.to_thread(passage.close)


def following(name: str) -> tuple[str, ...]:
    """The steps that come after one, or all of them; the last has none."""
    name = {SOCKET: TLS, SSH: SETTINGS}.get(name, name)
    return STEPS[STEPS.index(name) + 1 :] if name else STEPS


def _settings(origins: Mapping[str, str], milliseconds: float) -> Step:
    """Where the place comes from, and the password, in one line; `origins.settings_of` tells the whole."""
    password = origins["password"]
    result: Result = "warning" if password.startswith("The password file") else "good"
    named = dict.fromkeys(origins[name] for name in ("host", "port", "dbname", "user"))
    kept = f"Password: {password}" if result == "good" else password
    return Step(SETTINGS, result, f"From {', '.join(named)}.", milliseconds, lines=(f"{kept.removesuffix('.')}.",))


# On the wire


def _of_stage(stage: Stage, secret: Secret | None, profile: Profile) -> Step:
    if stage.error is not None:
        return _failed(stage, secret, profile)
    if stage.kind == "name":
        return Step(NAME, "good", f"{stage.host} is {' and '.join(stage.addresses)}.", stage.milliseconds)
    if stage.kind == "link":
        return Step(SOCKET if stage.is_socket else TCP, "good", f"{_place(stage)}.", stage.milliseconds)
    if stage.kind == "encryption":
        return _of_encryption(stage)
    how = "with a password" if stage.used_password else "without a password"
    return Step(LOGIN, "good", f"As {stage.user}, {how}.", stage.milliseconds)


def _failed(stage: Stage, secret: Secret | None, profile: Profile) -> Step:
    error = ConnectorException(str(stage.error))
    error.__cause__ = stage.error
    trouble = about_refusal(explain(error), secret, profile)
    if isinstance(stage.error, ConnectionTimeout) and stage.kind in ("encryption", "login"):
        trouble = replace(trouble, sentence=SILENT, remedy="Is it a PostgreSQL server, and not frozen or overloaded?")
    link = SOCKET if stage.is_socket else TCP
    name = {"settings": SETTINGS, "name": NAME, "link": link, "encryption": TLS, "login": LOGIN}[stage.kind]
    if trouble.kind in ("no_database", "busy"):
        name = SERVER
    if stage.will_go_on:
        # Another server, or another address of this one, comes next.
        where = stage.host if stage.kind == "name" else _place(stage)
        return Step(name, "warning", f"{where}: {trouble.sentence} The next one is tried.", stage.milliseconds)
    return Step(name, "bad", trouble.sentence, stage.milliseconds, trouble)


def _place(stage: Stage) -> str:
    if stage.is_socket:
        return stage.host
    return f"{', '.join(stage.addresses)}, port {stage.port or '5432'}"


def _of_encryption(stage: Stage) -> Step:
    if not stage.is_encrypted:
        is_fine = stage.is_local
        sentence = "Not encrypted." if not is_fine else "Not encrypted, and nothing leaves this machine."
        remedy = "" if is_fine else " Whoever is on the way can read along: sslmode=verify-full prevents that."
        return Step(TLS, "good" if is_fine else "warning", sentence + remedy, stage.milliseconds)
    words = [stage.shown.protocol.replace("TLSv", "TLS ")] if stage.shown is not None else ["Encrypted"]
    checks = {"verify-full": "name and authority checked", "verify-ca": "authority checked, not the name"}
    words.append(f"{stage.sslmode}: {checks.get(stage.sslmode, 'the certificate is not checked')}")
    lines: tuple[str, ...] = ()
    result: Result = "good"
    if stage.shown is not None:
        held = stage.shown.certificate
        lines = (f"Certificate for {', '.join(held.names[:4]) or 'nobody'}, valid to {held.ends_at:%Y-%m-%d}.",)
        left = held.ends_at - dt.datetime.now(dt.UTC)
        if left < SOON:
            result = "warning"
            told = "It has expired." if left.days < 0 else f"It ends in {left.days} days: it is time to renew it."
            lines = (f"{lines[0]} {told}",)
    return Step(TLS, result, f"{', '.join(words)}.", stage.milliseconds, lines=lines)


# What the server says


async def _asked(connector: PsycopgConnector, watch: _Watch) -> AsyncGenerator[Step, None]:
    able = await connector.run_async(DETECT)
    yield _server(able, watch.took())
    yield await _pooler(connector, watch)
    yield _schema(able, watch.took())
    if not able.has_schema:
        return
    rights = _rights(able, watch.took())
    yield rights
    if rights.result == "bad":
        return
    yield await _heard(connector, able, watch)
    yield _clock(connector.clock, watch.took())


def _server(able: Capabilities, milliseconds: float) -> Step:
    version = f"PostgreSQL {able.server_version // 10000}.{able.server_version % 10000}"
    where = f"{version}, database {able.database}, role {able.role}."
    if able.is_standby:
        return Step(SERVER, "warning", f"{where} A read-only standby.", milliseconds)
    return Step(SERVER, "good", where, milliseconds)


async def _pooler(connector: PsycopgConnector, watch: _Watch) -> Step:
    if connector.route is not Route.POOLED:
        is_direct = connector.route is Route.DIRECT
        sentence = "None: the server itself answers." if is_direct else "None; a tunnel, a proxy or NAT is in between."
        return Step(POOLER, "good", sentence, watch.took())
    mode = await pool_mode(connector)
    named = f"A pooler in {mode} mode" if mode is not None else "A pooler, whose mode cannot be told"
    sentence = f"{named}: nothing is listened to, changes are polled for."
    return Step(POOLER, "warning", sentence, watch.took(), lines=(PAST_THE_POOLER,))


def _schema(able: Capabilities, milliseconds: float) -> Step:
    if able.has_schema:
        place = f"Procrastinate {able.release}, in schema {able.schema}."
        others = (f"Others in this database: {', '.join(able.elsewhere)}.",) if able.elsewhere else ()
        if able.strangeness is not None:
            place = f"{place} {able.strangeness}"
        result: Result = "good" if able.strangeness is None else "warning"
        return Step(SCHEMA, result, place, milliseconds, lines=others, schemas=able.elsewhere)
    found = found_elsewhere(able)
    if found is not None:
        return Step(SCHEMA, "bad", found, milliseconds, schemas=able.elsewhere)
    if able.rights.install is None and not able.has_remains:
        sentence = "This database has no Procrastinate schema. It can be installed."
        return Step(SCHEMA, "warning", sentence, milliseconds)
    sentence = f"This database has no Procrastinate schema. {able.rights.install or ''}".strip()
    return Step(SCHEMA, "bad", sentence, milliseconds)


def _rights(able: Capabilities, milliseconds: float) -> Step:
    rights = able.rights
    if rights.read is not None:
        return Step(RIGHTS, "bad", rights.read, milliseconds)
    actions = {"defer": rights.defer, "cancel": rights.cancel, "retry": rights.retry, "delete": rights.delete}
    allowed = ", ".join(["Read", *(action for action, reason in actions.items() if reason is None)])
    by_reason: dict[str, list[str]] = {}
    for action, reason in actions.items():
        if reason is not None:
            by_reason.setdefault(reason, []).append(action)
    lines = tuple(f"To {' or '.join(named)}: {reason}" for reason, named in by_reason.items())
    if lines:
        return Step(RIGHTS, "warning", f"{allowed} only.", milliseconds, lines=lines)
    return Step(RIGHTS, "good", f"{allowed}.", milliseconds)


async def _heard(connector: PsycopgConnector, able: Capabilities, watch: _Watch) -> Step:
    if connector.route is Route.POOLED:
        return Step(LISTEN, "warning", "Behind a pooler: polling.", watch.took())
    if able.is_standby:
        return Step(LISTEN, "warning", "A standby sends no notifications: polling.", watch.took())
    if await _round_trip(connector):
        return Step(LISTEN, "good", "Notifications arrive.", watch.took())
    return Step(LISTEN, "warning", UNHEARD, watch.took())


async def _round_trip(connector: PsycopgConnector) -> bool:
    channel = f"jobdesk_probe_{secrets.token_hex(8)}"
    heard, listening = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(connector.listen_notify(lambda *_: heard.set(), [channel], on_listening=listening.set))
    try:
        async with asyncio.timeout(ROUND_TRIP_S):
            await listening.wait()
            await connector.run_async(Statement("SELECT pg_notify(%(channel)s, '')", nothing, {"channel": channel}))
            await heard.wait()
    except TimeoutError:
        return False
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return True


def _clock(clock: ServerClock, milliseconds: float) -> Step:
    if clock.differs_by(TOLD_S):
        return Step(CLOCK, "warning", clock.difference(), milliseconds)
    return Step(CLOCK, "good", "This machine's clock and the server's agree.", milliseconds)
