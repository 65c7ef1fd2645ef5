"""Tries a connection step by step, for the dialog that tells an operator what works and what does not."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.clock import TOLD_S, ServerClock
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.settings import Route
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.database.schema import found_elsewhere
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.profiles.places import Secret
from jobdesk_core.profiles.profile import Profile, connection_parameters
from jobdesk_core.troubles import Trouble, explain

ROUND_TRIP_S = 2.0
UNHEARD = "Notifications do not arrive; changes will be polled for."


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried: how it went, in a sentence, and how long it took in milliseconds."""

    name: str
    result: Literal["good", "warning", "bad"]
    sentence: str
    milliseconds: float
    trouble: Trouble | None = None


async def probe(profile: Profile, secret: Secret | None = None) -> AsyncIterator[Step]:
    """Yield each step as it has been tried; the first bad one is the last."""
    started = time.monotonic()

    def took() -> float:
        return (time.monotonic() - started) * 1000

    try:
        connector = PsycopgConnector(**connection_parameters(profile, secret))
        await connector.open_async()
    except JobdeskException as error:
        trouble = explain(error)
        yield Step("Connect and sign in", "bad", trouble.sentence, took(), trouble)
        return
    try:
        yield Step("Connect and sign in", "good", "The server answers.", took())
        started = time.monotonic()
        able = await connector.run_async(DETECT)
        yield _server(able, connector.clock, took())
        yield _schema(able, took())
        if not able.has_schema:
            return
        rights = _rights(able, took())
        yield rights
        if rights.result == "bad":
            return
        started = time.monotonic()
        is_pooled = connector.route is Route.POOLED
        is_heard = not is_pooled and await _round_trip(connector, able)
        unheard = "Behind a pooler, transaction mode: polling." if is_pooled else UNHEARD
        sentence = "Notifications work." if is_heard else unheard
        yield Step("LISTEN and NOTIFY", "good" if is_heard else "warning", sentence, took())
    except JobdeskException as error:
        trouble = explain(error)
        yield Step("Ask the database", "bad", trouble.sentence, took(), trouble)
    finally:
        await connector.close_async()


def _server(able: Capabilities, clock: ServerClock, milliseconds: float) -> Step:
    version = f"PostgreSQL {able.server_version // 10000}.{able.server_version % 10000}"
    where = f"{version}, database {able.database}, role {able.role}."
    if able.is_standby:
        return Step("Server", "warning", f"{where} A read-only standby.", milliseconds)
    if clock.differs_by(TOLD_S):
        return Step("Server", "warning", f"{where} {clock.difference()}", milliseconds)
    return Step("Server", "good", where, milliseconds)


def _schema(able: Capabilities, milliseconds: float) -> Step:
    if able.has_schema:
        place = f"Procrastinate {able.release}, in schema {able.schema}."
        if able.strangeness is not None:
            return Step("Schema", "warning", f"{place} {able.strangeness}", milliseconds)
        return Step("Schema", "good", place, milliseconds)
    found = found_elsewhere(able)
    if found is not None:
        return Step("Schema", "bad", found, milliseconds)
    if able.rights.install is None and not able.has_remains:
        sentence = "This database has no Procrastinate schema. It can be installed."
        return Step("Schema", "warning", sentence, milliseconds)
    sentence = f"This database has no Procrastinate schema. {able.rights.install or ''}".strip()
    return Step("Schema", "bad", sentence, milliseconds)


def _rights(able: Capabilities, milliseconds: float) -> Step:
    rights = able.rights
    if rights.read is not None:
        return Step("Rights", "bad", rights.read, milliseconds)
    actions = {"defer": rights.defer, "cancel": rights.cancel, "retry": rights.retry, "delete": rights.delete}
    allowed = ", ".join(["Read", *(action for action, reason in actions.items() if reason is None)])
    missing = next((reason for reason in actions.values() if reason is not None), None)
    if missing is not None:
        return Step("Rights", "warning", f"{allowed} only. {missing}", milliseconds)
    return Step("Rights", "good", f"{allowed}.", milliseconds)


async def _round_trip(connector: PsycopgConnector, able: Capabilities) -> bool:
    if able.is_standby:
        return False
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
