"""What the rules are asked with of one open connection: its moment, or since when it does not answer."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.alerts.lines import Unreachable
from jobdesk_core.watching.member import Member

from jobdesk.alerts.watcher import Source
from jobdesk.connection.session import Session


class Seeing:
    """Follows one session. While it connects, and before the first reading, nothing is known."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._gone_since: dt.datetime | None = None

    def source(self) -> Source | None:
        """What is known now; None where no database is open."""
        profile, desk = self._session.profile, self._session.desk
        if profile is None or desk is None:
            self._gone_since = None
            return None
        if not desk.capabilities.has_schema:
            return None
        if desk.state.mode == "stale":
            self._gone_since = self._gone_since or dt.datetime.now(dt.UTC)
            trouble = desk.state.trouble
            reason = trouble.sentence if trouble is not None else desk.state.reason
            return Source(profile.name, profile.folder, Unreachable(self._gone_since, reason))
        self._gone_since = None
        seen = desk.monitor.situation() if desk.state.mode in ("live", "polling") else None
        return Source(profile.name, profile.folder, seen)


def source_of(member: Member) -> Source:
    """What the fleet knows of a database that no tab follows; nothing where it waits for a password or is refused."""
    profile = member.profile
    if member.state == "unreachable":
        return Source(
            profile.name, profile.folder, Unreachable(member.since, member.trouble.sentence if member.trouble else "")
        )
    seen = member.look.situation if member.is_answering and member.look is not None else None
    return Source(profile.name, profile.folder, seen)
