"""The server's own count of rows beside ours: it tells of deletions, which leave no event.

PostgreSQL adds to its statistics what each transaction inserted and deleted. What we believe less that count
stays the same, whoever inserts or deletes, as long as we see it too: waiting and running jobs are counted
themselves, so workers that delete their jobs leave it alone. It changes when ended jobs go. The statistics
come seconds late, and a vacuum sets them to an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows

#: Seconds without events after which a difference is believed, sooner when rows were deleted: a server process
#: that has gone idle tells its last changes up to ten seconds late.
QUIET_S, DELETED_QUIET_S = 12.0, 0.7
#: While jobs come and go the statistics lag behind, now to this side and now to that: then a difference is believed
#: that keeps its sign for so many seconds.
WINDOW_S = 15.0
#: While jobs come and go without end, what is not sure is counted again more and more rarely, up to so many seconds.
LONGEST_S = 600.0
#: Where the statistics tell nothing (a standby), ended jobs are gone through again after so many seconds.
BLIND_S = 60.0


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """What the server says of the jobs: rows there now, rows ever deleted, and how often `rows` was set anew."""

    rows: int
    deleted: int
    estimates: int


#: The columns of a TableStatistics.
COLUMNS = (
    "coalesce(pg_stat_get_live_tuples('procrastinate_jobs'::regclass), 0) AS live, "
    "coalesce(pg_stat_get_tuples_deleted('procrastinate_jobs'::regclass), 0) AS deleted, "
    "(SELECT coalesce(sum(pg_stat_get_vacuum_count(oid) + pg_stat_get_autovacuum_count(oid) "
    "+ pg_stat_get_analyze_count(oid) + pg_stat_get_autoanalyze_count(oid)), 0) FROM pg_class "
    "WHERE oid = 'procrastinate_jobs'::regclass) AS estimates"
)


def statistics(rows: Rows) -> TableStatistics:
    """A TableStatistics from a row with COLUMNS."""
    return TableStatistics(rows[0]["live"], rows[0]["deleted"], int(rows[0]["estimates"]))


class Balance:
    """Whether jobs have gone that we still count. Times are seconds of a monotonic clock."""

    def __init__(self, *, is_blind: bool = False) -> None:
        self.is_blind = is_blind
        self.seen: TableStatistics | None = None
        self._even: TableStatistics | None = None  # the statistics when all seemed right
        self._difference = 0  # what we believe less the server's rows, when all had been counted
        self._drift = 0
        #: Whether the difference was taken while rows came or went: it may hide one that has gone.
        self._is_unsure = False
        self._check_again_s = WINDOW_S
        self._one_sided_since: float | None = None
        self._checked_at = 0.0

    @property
    def is_even(self) -> bool:
        """Whether nothing tells of an ended job that has gone."""
        return self._even is not None and (self.is_blind or self.seen == self._even)

    @property
    def has_found_all(self) -> bool:
        """Whether the statistics say that nothing more has gone than is known."""
        return self.is_even and not self.is_blind and not self._drift and not self._is_unsure

    def see(self, seen: TableStatistics, believed: int, now: float) -> bool:
        """Compare with what we believe; whether rows were deleted since the last look, by whomever."""
        before, self.seen = self.seen, seen
        even = self._even
        if even is not None:
            if seen.estimates != even.estimates:
                has_deletions = seen.deleted != even.deleted
                self._is_unsure |= has_deletions or believed - seen.rows != self._difference
                if not has_deletions:
                    self._difference = believed - seen.rows
            drift = believed - seen.rows - self._difference
            if self._one_sided_since is None or (drift > 0) is not (self._drift > 0):
                self._one_sided_since = now
            self._drift = drift
            if drift == 0 or seen.deleted == even.deleted:
                self._even = seen
            if drift == 0:
                self._one_sided_since = None
        return before is not None and seen.deleted != before.deleted

    def is_doubtful(self, now: float, quiet_s: float) -> bool:
        """Whether ended jobs should be gone through. `quiet_s`: how long nothing has happened."""
        if self._even is None:
            return False
        if self.is_blind:
            return now >= self._checked_at + BLIND_S
        if not self._drift and not self._is_unsure:
            return False
        if quiet_s >= (QUIET_S if self.is_even else DELETED_QUIET_S):
            return True
        if self._is_unsure and now >= self._checked_at + self._check_again_s:
            return True
        return self._drift != 0 and self._one_sided_since is not None and now >= self._one_sided_since + WINDOW_S

    def check(self, before: TableStatistics, believed: int, now: float, quiet_s: float) -> None:
        """All has been counted, from when the statistics were `before` on; nothing had happened for `quiet_s`."""
        assert self.seen is not None
        difference = believed - self.seen.rows
        # What was deleted meanwhile may have been counted before, and what has just come may not be in the
        # statistics yet: the same difference twice can be believed, or one taken when all was quiet.
        has_deletions = self.seen.deleted != before.deleted
        is_moving = has_deletions or quiet_s < QUIET_S
        self._is_unsure = is_moving and (self._even is None or difference != self._difference)
        self._check_again_s = min(2 * self._check_again_s, LONGEST_S) if self._is_unsure else WINDOW_S
        self._checked_at = now
        self._difference, self._drift, self._one_sided_since = difference, 0, None
        self._even = before if has_deletions else self.seen

    def clear(self) -> None:
        """Know nothing any more."""
        self.seen = self._even = None
        self._is_unsure = False
