"""What the rules are asked with of one open connection: its moment, or since when it does not answer."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from jobdesk_core.alerts.behind import LIMIT_S, with_jobs
from jobdesk_core.alerts.lines import Unreachable, silence_of
from jobdesk_core.alerts.telling import Telling
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.limited import ask_limited_async
from jobdesk_core.profiles import Profile
from jobdesk_core.watching.member import Member

from jobdesk.alerts.watcher import Source
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session

#: Seconds that reading the last hour of a database may hold its alerts back, once it is open.
HOUR_READ_S = 10.0
Ask = Callable[[str, Asking[list[Telling]], float], Awaitable[list[Telling]]]


class Seeing:
    """Follows one session. While it connects, and before the first reading, nothing is known."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._gone_since: dt.datetime | None = None
        self._desk: Desk | None = None
        self._opened_at = 0.0

    def source(self) -> Source | None:
        """What is known now; None where no database is open."""
        profile, desk = self._session.profile, self._session.desk
        if profile is None or desk is None:
            self._gone_since = self._desk = None
            return None
        if not desk.capabilities.has_schema:
            return None
        if desk.state.mode == "stale":
            self._gone_since = self._gone_since or dt.datetime.now(dt.UTC)
            trouble = desk.state.trouble
            reason = trouble.sentence if trouble is not None else desk.state.reason
            silent = Unreachable(self._gone_since, reason, silence_of(trouble))
            return Source(profile.name, profile.folder, silent)
        self._gone_since = None
        seen = desk.monitor.situation() if desk.state.mode in ("live", "polling") and self._is_read(desk) else None
        return Source(profile.name, profile.folder, seen, partial(_with_jobs, desk, profile))

    def _is_read(self, desk: Desk) -> bool:
        """Whether the last hour has been read, or has had its time: before that one trouble may look like another."""
        if desk is not self._desk:
            self._desk, self._opened_at = desk, time.monotonic()
        return desk.monitor.series.is_whole or time.monotonic() - self._opened_at >= HOUR_READ_S


async def _with_jobs(desk: Desk, profile: Profile, told: Sequence[Telling]) -> list[Telling]:
    steps = with_jobs(told, desk.capabilities, profile.hidden_keys)
    return await ask_limited_async(steps, desk.connector, LIMIT_S)


def source_of(member: Member, ask: Ask) -> Source:
    """What the fleet knows of a database that no tab follows; nothing where it waits for a password, or has
    no jobs at all.

    `ask` asks a database of a name something else for at most so many seconds, apart from its question.
    """
    profile = member.profile
    look, trouble = member.look, member.trouble
    # A password that was taken, and is no more.
    is_taken_no_more = member.state == "password" and look is not None
    is_silent = member.state in ("unreachable", "slow", "refused") or is_taken_no_more
    if is_silent and (trouble is None or trouble.kind != "no_schema"):
        why = trouble.sentence if trouble is not None else ""
        return Source(profile.name, profile.folder, Unreachable(member.since, why, silence_of(trouble)))
    if not member.is_answering or look is None:
        return Source(profile.name, profile.folder, None)

    async def read(told: Sequence[Telling]) -> list[Telling]:
        return await ask(profile.name, with_jobs(told, look.capabilities, profile.hidden_keys), LIMIT_S)

    return Source(profile.name, profile.folder, look.situation, read)
