"""Follows many databases at once, each by a task, a connection and a pulse of its own: a dead one delays nobody.

Nobody is asked anything: a database whose password is not at hand waits until it is given. What a tab of the window
follows already is not asked twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from jobdesk_core.connectors import limits
from jobdesk_core.connectors.psycopg import Connection, PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.asking import Asking, ask_async
from jobdesk_core.database.limited import StatementTooLong, limited
from jobdesk_core.exceptions import PasswordCommandNotAllowed
from jobdesk_core.profiles.places import Secret
from jobdesk_core.profiles.profile import Profile, connection_parameters
from jobdesk_core.profiles.secrets import Passwords, about_refusal
from jobdesk_core.schedules.following import aside
from jobdesk_core.troubles import Trouble, explain
from jobdesk_core.watching import beside
from jobdesk_core.watching.attention import attention, keys
from jobdesk_core.watching.beside import Beside
from jobdesk_core.watching.member import ANSWERING, Member, State, state_of
from jobdesk_core.watching.pulse import LIMIT_S, Look, Pulse

T = TypeVar("T")
#: Named in every session, so that the server's own lists say what it is for.
APPLICATION_NAME = "jobdesk fleet"
#: Seconds between two questions, and while nobody looks.
INTERVAL_S, OUT_OF_SIGHT_S = 5.0, 30.0
#: Seconds that connecting may take, and between two attempts: the first time and at most.
CONNECT_LIMIT_S, FIRST_PAUSE_S, LONGEST_PAUSE_S = 15.0, 5.0, 60.0
#: Seconds between two looks at what a tab knows.
ELSEWHERE_S = 1.0
#: Seconds between the first questions of two databases: not all at once; and between what is first asked beside them.
APART_S, BESIDE_APART_S = 0.03, 1.0
#: Databases are asked at whole multiples of so many seconds: this program wakes once for several of them.
TOGETHER_S = 0.5
#: Passwords that are looked for at once: a keyring that hangs holds up a thread.
_AT_ONCE = 3
#: Changes that are kept.
MOST_CHANGES = 200


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What a tab of the window knows of a database that it follows. `tries_in_s`: when a lost link is tried anew."""

    state: State
    look: Look | None
    trouble: Trouble | None = None
    tries_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that has become of a database, in a sentence. `at` is UTC."""

    at: dt.datetime
    profile: Profile
    tone: Literal["", "warning", "bad"]
    text: str


class Fleet:
    """The databases by name. `on_change` is called with the name of one that has changed.

    `elsewhere` tells what a tab knows of a database, and None where none follows it. A question may take `limit_s`
    seconds, connecting `connect_limit_s`.
    """

    def __init__(
        self,
        on_change: Callable[[str], object] = lambda name: None,
        *,
        elsewhere: Callable[[str], Elsewhere | None] = lambda name: None,
        passwords: Passwords | None = None,
        interval_s: float = INTERVAL_S,
        limit_s: float = LIMIT_S,
        connect_limit_s: float = CONNECT_LIMIT_S,
    ) -> None:
        self.members: dict[str, Member] = {}
        self.interval_s = interval_s
        self.limit_s, self.connect_limit_s = limit_s, connect_limit_s
        self.elsewhere = elsewhere
        self.passwords = passwords or Passwords()
        self.turns = asyncio.Semaphore(_AT_ONCE)
        self._on_change = on_change
        self._changes: deque[Change] = deque(maxlen=MOST_CHANGES)
        self._followers: dict[str, tuple[_Follower, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._is_in_sight = True

    def follow(self, profiles: Iterable[Profile]) -> None:
        """Follow these databases from now on, and no others. One that has changed is begun anew."""
        wanted = {profile.name: profile for profile in profiles}
        for name, member in list(self.members.items()):
            if wanted.get(name) != member.profile:
                self._leave(name)
        new = [profile for name, profile in wanted.items() if name not in self.members]
        for place, profile in enumerate(new):
            follower = _Follower(self, profile, Beside(beside.EVERY_S, BESIDE_APART_S * (place % beside.EVERY_S)))
            self.members[profile.name] = Member(profile)
            running = asyncio.get_running_loop().create_task(follower.run(place * APART_S), name=f"fleet {place}")
            self._followers[profile.name] = (follower, running)
        self.members = {name: self.members[name] for name in wanted}
        self._on_change("")

    async def stop(self) -> None:
        """Leave them all, and close every connection."""
        for name in list(self.members):
            self._leave(name)
        while self._ending:
            await asyncio.wait(self._ending)

    def set_in_sight(self, is_in_sight: bool) -> None:
        """Whether anybody looks. If not, each is asked rarely."""
        was, self._is_in_sight = self._is_in_sight, is_in_sight
        if is_in_sight and not was:
            for place, (follower, _) in enumerate(self._followers.values()):
                asyncio.get_running_loop().call_later(place * APART_S, follower.look_again)

    def try_now(self, name: str) -> None:
        """Ask one at once, or try its lost link."""
        if name in self._followers:
            self._followers[name][0].hurry()

    async def ask(self, name: str, steps: Asking[T], limit_s: float) -> T:
        """Ask one something else, on a connection of its own, each statement for so many seconds at most.

        Raises KeyError for one that is not followed, and whatever keeps us out.
        """
        return await self._followers[name][0].ask_apart(steps, limit_s)

    def look_elsewhere(self) -> None:
        """Other tabs are open than before: what they follow is not asked here."""
        for name, (follower, _) in self._followers.items():
            if (self.elsewhere(name) is not None) is not self.members[name].is_open:
                follower.look_again()

    def hold(self, name: str, password: str) -> None:
        """Take the password that was typed for a database, for as long as this program runs."""
        if name in self.members:
            self.passwords.hold(self.members[name].profile, password)
            self.try_now(name)

    def changes(self, most: int) -> list[Change]:
        """What has changed, the newest first."""
        return sorted(self._changes, key=lambda change: change.at, reverse=True)[:most]

    @property
    def wait_s(self) -> float:
        """Seconds between two questions to one database."""
        return self.interval_s if self._is_in_sight else max(self.interval_s, OUT_OF_SIGHT_S)

    def put(self, member: Member) -> None:
        """Take what a follower has seen."""
        before = self.members.get(member.name)
        if before is None:
            return
        since = before.since if member.state == before.state else dt.datetime.now(dt.UTC)
        if member.since is not since:
            member = replace(member, since=since)
        self._changes.extend(_changes(before, member))
        self.members[member.name] = member
        self._on_change(member.name)

    def _leave(self, name: str) -> None:
        del self.members[name]
        _, running = self._followers.pop(name)
        running.cancel()
        self._ending.add(running)
        running.add_done_callback(self._ending.discard)


class _Follower:
    """Follows one database until its task is cancelled."""

    def __init__(self, fleet: Fleet, profile: Profile, beside: Beside) -> None:
        self._fleet, self._profile, self._beside = fleet, profile, beside
        self._pulse = Pulse()
        self._wake = asyncio.Event()
        self._pause_s = FIRST_PAUSE_S

    def hurry(self) -> None:
        """Ask, or try, at once."""
        self._pause_s = FIRST_PAUSE_S
        self._wake.set()

    def look_again(self) -> None:
        """Somebody looks, or a tab has opened the database: do not wait as long as was meant."""
        member = self._fleet.members.get(self._profile.name)
        if member is not None and (member.is_answering or self._fleet.elsewhere(member.name) is not None):
            self._wake.set()

    async def run(self, first_wait_s: float) -> None:
        """Ask again and again, on one connection for as long as it holds."""
        await asyncio.sleep(first_wait_s)
        while True:
            secret: Secret | None = None
            try:
                while (known := self._fleet.elsewhere(self._profile.name)) is not None:
                    self._show_elsewhere(known)
                    await self._rest(ELSEWHERE_S)
                secret = await self._password()
                async with self._connected(secret) as (connector, connection):
                    await self._ask_on(connector, connection)
                continue
            except PasswordCommandNotAllowed as error:
                trouble = replace(explain(error), kind="password")
            except Exception as error:  # noqa: BLE001 - whatever keeps us out is told in one sentence
                trouble = about_refusal(explain(error), secret, self._profile)
            if trouble.kind == "password" and (secret is None or secret.source is None):
                self._fleet.passwords.drop(self._profile)
            await self._tell_and_rest(trouble)

    async def _password(self) -> Secret | None:
        async with self._fleet.turns:
            return await self._fleet.passwords.of(self._profile)

    @contextlib.asynccontextmanager
    async def _connected(self, secret: Secret | None) -> AsyncIterator[tuple[PsycopgConnector, Connection]]:
        """One connection, which the server lets write nothing. `ssh` asks nothing."""
        found = connection_parameters(replace(self._profile, is_read_only=True), secret)
        found["kwargs"] = {**found["kwargs"], "fallback_application_name": APPLICATION_NAME}
        connector = PsycopgConnector(**found)
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._fleet.connect_limit_s):
                    connection = await stack.enter_async_context(connector.lone_connection())
            except TimeoutError as error:
                raise limits.Unanswered(self._fleet.connect_limit_s) from error
            yield connector, connection

    async def ask_apart(self, steps: Asking[T], limit_s: float) -> T:
        """See `Fleet.ask`."""
        async with self._connected(await self._password()) as (connector, connection):
            return await ask_async(steps, lambda statement: limited(connector, statement, limit_s, connection))

    async def _ask_on(self, connector: PsycopgConnector, connection: Connection) -> None:
        """Ask until a tab follows the database, or the link is lost. What takes too long is asked more rarely."""

        def ask(statement: Statement[Any]) -> Awaitable[Any]:
            return limited(connector, statement, beside.LIMIT_S, connection)

        while self._fleet.elsewhere(self._profile.name) is None:
            try:
                look = await self._pulse.ask(connector, connection, limit_s=self._fleet.limit_s)
            except StatementTooLong as error:
                if connection.closed:
                    raise
                sentence = str(limits.Unanswered(self._fleet.limit_s))
                await self._tell_and_rest(replace(explain(error), sentence=sentence))
                continue
            self._pause_s = FIRST_PAUSE_S
            looked_at = time.monotonic()
            self._show(look, looked_at)
            if self._beside.is_due:
                # Shown before and after: a reading that takes long delays no number.
                await ask_async(self._beside.facts(look), ask)
                await aside(self._beside.schedules(), ask)
                self._show(look, looked_at)
            await self._rest(_together(self._pulse.wait_s(self._fleet.wait_s)))

    # Telling

    def _show(self, look: Look, looked_at: float) -> None:
        state: State = "live" if look.can_listen else "polling"
        look = replace(look, situation=self._beside.added(look.situation))
        before = self._fleet.members.get(self._profile.name)
        since = before.since if before is not None else dt.datetime.now(dt.UTC)
        lines = tuple(attention(look.situation))
        self._fleet.put(Member(self._profile, state, since, look, looked_at, lines=lines))

    def _show_elsewhere(self, known: Elsewhere) -> None:
        before = self._fleet.members.get(self._profile.name)
        if before is None:
            return
        look, now = known.look, time.monotonic()
        if known.state not in ANSWERING and look is not None and before.look is not None:
            # What it tells now is reckoned on, and nobody has read it.
            look = replace(before.look, server_time=look.server_time)
        is_new = look is not None and known.state in ANSWERING
        lines = tuple(attention(look.situation)) if is_new and look is not None else before.lines
        self._fleet.put(
            replace(
                before,
                state=known.state,
                look=look or before.look,
                looked_at=now if is_new else before.looked_at,
                trouble=known.trouble,
                tries_at=now + known.tries_in_s if known.tries_in_s is not None else None,
                lines=lines,
                is_open=True,
            )
        )

    async def _tell_and_rest(self, trouble: Trouble) -> None:
        """Tell what keeps us out, and wait before the next attempt: without a password until there is one."""
        before = self._fleet.members.get(self._profile.name)
        state, pause_s = state_of(trouble), self._pause_s
        self._pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        if before is not None:
            tries_at = time.monotonic() + pause_s if state != "password" else None
            self._fleet.put(replace(before, state=state, trouble=trouble, tries_at=tries_at, is_open=False))
        # A server that refused a password is not asked again by itself: it may lock the account.
        await self._rest(pause_s if state != "password" else None)
        member = self._fleet.members.get(self._profile.name)
        if member is not None:
            self._fleet.put(replace(member, tries_at=None))

    async def _rest(self, seconds: float | None) -> None:
        """Wait so long, or until woken."""
        self._wake.clear()
        # No exception for each rest of each database, and no wait_for: before Python 3.12 it swallows a cancellation
        # that comes together with the waking.
        alarm = asyncio.get_running_loop().call_later(seconds, self._wake.set) if seconds is not None else None
        try:
            await self._wake.wait()
        finally:
            if alarm is not None:
                alarm.cancel()


def _together(seconds: float) -> float:
    """About so many seconds, until a moment at which others are asked, too."""
    if seconds < 4 * TOGETHER_S:
        return seconds
    now = time.monotonic()
    return TOGETHER_S * round((now + seconds) / TOGETHER_S) - now


def _changes(before: Member, after: Member) -> Sequence[Change]:
    """What has become of a database from one look to the next."""
    now = dt.datetime.now(dt.UTC)
    found: list[Change] = []

    def note(text: str, tone: Any = "", at: dt.datetime | None = None) -> None:
        found.append(Change(at or now, after.profile, tone, text))

    if after.state != before.state:
        reason = after.trouble.sentence.rstrip(".") if after.trouble is not None else ""
        told = reason[:1].lower() + reason[1:]
        if after.state == "unreachable":
            note(f"Unreachable: {told}" if reason else "Unreachable", "bad")
        elif after.state == "slow":
            note(f"Answers slowly: {told}" if reason else "Answers slowly", "warning")
        elif after.state == "refused":
            note(reason or "Refuses what is asked", "warning")
        elif after.is_answering and before.state in ("unreachable", "slow", "refused"):
            note("Answers again")
        elif after.state == "polling" and before.state == "live":
            note("Behind a pooler now: polling instead of LISTEN")
        elif after.state == "live" and before.state == "polling":
            note("No longer behind a pooler: LISTEN again")
    if not after.is_answering or after.look is None:
        return found
    was = before.look
    if was is not None and was.capabilities is not after.look.capabilities and was.release != after.look.release:
        note(f"Migrated from {was.release} to {after.look.release}")
    known = {line.key for line in before.lines} if before.look is not None else set()
    for line in after.lines:
        if line.key not in known:
            note(line.text, line.tone, line.since)
    gone = [line for line in before.lines if line.key not in {each.key for each in after.lines}]
    # What now follows from another line, such as that no worker is alive, is not over.
    still = keys(after.look.situation) if gone else set()
    for line in gone:
        if line.key not in still:
            note(f"Over: {line.was}")
    return found
