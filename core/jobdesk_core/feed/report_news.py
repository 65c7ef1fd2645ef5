"""Notices that workers have reported something new: an error leaves no event, and is written after its run's end."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.reported import Reported

#: Ids that are given together may be seen out of their order: so many below the newest are looked at again.
LOOKED_BACK = 200
#: The jobs that are named at once.
MOST_JOBS = 1_000

#: The newest error's id, and a number for what the jobs on the screen say of their progress (None: not to be had).
Mark = tuple[int | None, int | None]


class ReportNews:
    """Compares what was reported at two looks."""

    def __init__(self) -> None:
        self._seen: Mark | None = None
        self._new: Mark | None = None

    def columns(self, reported: Reported) -> str:
        """What the one small question asks besides: `reported_error` and `reported_progress`, of `watched` jobs."""
        newest = "(SELECT max(id) FROM jobdesk.errors)" if "errors" in reported.readable else "NULL::bigint"
        told = (
            "(SELECT coalesce(sum(hashtextextended(told::text, 0) >> 8), 0)::bigint FROM jobdesk.progress AS told "
            "WHERE told.job_id = ANY (%(watched)s))"
            if "progress" in reported.readable
            else "NULL::bigint"
        )
        return f"{newest} AS reported_error, {told} AS reported_progress"

    def forget(self) -> None:
        """Begin anew: what is seen next is no news."""
        self._seen = self._new = None

    def forget_progress(self) -> None:
        """Other jobs are on the screen: what they say next is no news."""
        if self._seen is not None:
            self._seen = (self._seen[0], None)

    def see(self, mark: Mark) -> bool:
        """Take what a look has found; whether there is something to be asked for."""
        if self._seen is None:
            self._seen = mark
        if self._seen[1] is None:
            self._seen = (self._seen[0], mark[1])
        self._new = mark
        return mark != self._seen

    def to_ask(self, reported: Reported, watched: Collection[int]) -> Statement[set[int]] | None:
        """The jobs of which something was reported since; None when nothing was. It counts as asked."""
        seen, new = self._seen, self._new
        if seen is None or new is None or seen == new:
            return None
        self._seen = new
        pieces: list[str] = []
        values: dict[str, Any] = {}
        if seen[0] != new[0] and "errors" in reported.readable:
            pieces.append(
                f"(SELECT job_id FROM jobdesk.errors WHERE id > %(seen)s::bigint - {LOOKED_BACK} "
                f"ORDER BY id DESC LIMIT {MOST_JOBS})"
            )
            values["seen"] = seen[0] or 0
        if seen[1] != new[1] and "progress" in reported.readable:
            pieces.append("SELECT job_id FROM jobdesk.progress WHERE job_id = ANY (%(watched)s::bigint[])")
            values["watched"] = list(watched)
        if not pieces:
            return None
        return Statement(" UNION ".join(pieces), lambda rows: {row["job_id"] for row in rows}, values)
