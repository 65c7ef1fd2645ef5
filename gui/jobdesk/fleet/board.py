"""What the fleet page and the wall show: the saved connections, followed from when somebody first looks at them.

Those that rules of alerts watch are followed before that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from jobdesk_core.database.asking import Asking
from jobdesk_core.jobs import EventType
from jobdesk_core.profiles import Profile, ProfileStore, UnreadableProfiles
from jobdesk_core.reading.pace import ENDS, MINUTES
from jobdesk_core.troubles import Trouble
from jobdesk_core.watching.fleet import INTERVAL_S, Change, Elsewhere, Fleet
from jobdesk_core.watching.member import Member, State, Totals, state_of, totals
from jobdesk_core.watching.pulse import Look, rate
from PySide6.QtCore import QObject, Signal

from jobdesk.connection.desk import Desk

T = TypeVar("T")
#: Seconds between two questions that one can choose from.
INTERVALS_S = (2.0, 5.0, 15.0, 60.0)
#: Sentences of what has changed.
MOST_CHANGES = 10
_STATES: dict[str, State] = {"live": "live", "polling": "polling", "connecting": "connecting"}


class FleetBoard(QObject):
    """One for the program: every window's page shows the same. What no rule watches is asked once somebody looks."""

    changed = Signal()
    interval_changed = Signal(float)

    def __init__(self, store: ProfileStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._fleet: Fleet | None = None
        self._interval_s = INTERVAL_S
        self._viewers: set[object] = set()
        #: Whether anybody has looked yet: until then only these are followed.
        self._was_looked_at = False
        self._watched: frozenset[str] = frozenset()
        self._saved: list[Profile] = []
        self._saved_at: tuple[int, int] | None = None
        #: What adds up, as long as nothing has changed.
        self._totals: Totals | None = None
        self._read_at: tuple[int, int] | None = None
        #: What is followed instead of all saved connections: one of a name, or one that was typed, with its password.
        self._only: str | Profile | None = None
        self._password: str | None = None
        #: Why the saved connections cannot be read; empty when they can.
        self.problem = ""
        #: Every open connection of the program, by name.
        self.open_desks: Callable[[], Iterable[tuple[str, Desk]]] = lambda: ()

    @property
    def has_begun(self) -> bool:
        """Whether any has been followed yet."""
        return self._fleet is not None

    @property
    def members(self) -> list[Member]:
        """The connections in their saved order."""
        return list(self._fleet.members.values()) if self._fleet is not None else []

    @property
    def totals(self) -> Totals:
        """What adds up over them."""
        if self._totals is None:
            self._totals = totals(self.members)
        return self._totals

    def member(self, name: str) -> Member | None:
        """The connection of this name."""
        return self._fleet.members.get(name) if self._fleet is not None else None

    async def ask(self, name: str, steps: Asking[T], limit_s: float) -> T:
        """Ask one that is followed something else: see `Fleet.ask`."""
        if self._fleet is None:
            raise KeyError(name)
        return await self._fleet.ask(name, steps, limit_s)

    def changes(self) -> list[Change]:
        """What has changed last, the newest first."""
        return self._fleet.changes(MOST_CHANGES) if self._fleet is not None else []

    @property
    def interval_s(self) -> float:
        """Seconds between two questions to a database."""
        return self._interval_s

    def set_interval(self, seconds: float) -> None:
        """Ask so often from now on."""
        if seconds != self._interval_s:
            self._interval_s = seconds
            if self._fleet is not None:
                self._fleet.interval_s = seconds
            self.interval_changed.emit(seconds)

    def choose_interval(self, seconds: float | None) -> None:
        """Ask as often as was chosen another time, if that can still be chosen."""
        if seconds in INTERVALS_S and seconds is not None:
            self.set_interval(seconds)

    def show_only(self, wanted: str | Profile, password: str | None = None) -> None:
        """Follow one saved connection, by its name, or one that was typed. To be told before anybody looks."""
        self._only, self._password = wanted, password

    def set_seen_by(self, viewer: object, is_in_sight: bool) -> None:
        """Somebody looks at it, or no longer: it is asked for often only while somebody does."""
        if is_in_sight:
            self._viewers.add(viewer)
            if not self._was_looked_at:
                self._was_looked_at, self._read_at = True, None
            self._begin()
        else:
            self._viewers.discard(viewer)
        if self._fleet is not None:
            self._fleet.set_in_sight(bool(self._viewers))

    def watch(self, is_watched: Callable[[Profile], bool]) -> None:
        """Follow these of the saved connections also before somebody looks, and those that are saved later."""
        if self._was_looked_at:
            self.read_profiles()
            return
        state = _state_of(self._store.path)
        if state != self._saved_at:
            self._saved_at = state
            try:
                self._saved = self._store.all()
            except UnreadableProfiles:  # told where they are opened
                self._saved = []
        wanted = [profile for profile in self._saved if profile.is_on_fleet and is_watched(profile)]
        names = frozenset(profile.name for profile in wanted)
        if names != self._watched:
            self._watched, self._read_at = names, None
        if names or self._fleet is not None:
            self._begin()

    def read_profiles(self) -> None:
        """Follow what is saved now, if that has changed since it was read."""
        state = _state_of(self._store.path)
        if self._fleet is None or state == self._read_at:
            return
        self._read_at = state
        try:
            self.problem = ""
            profiles = self._wanted()
        except UnreadableProfiles as error:
            profiles, self.problem = [], str(error)
        self._fleet.follow(profiles)
        if isinstance(self._only, Profile) and self._password is not None:
            self._fleet.hold(self._only.name, self._password)

    def _wanted(self) -> list[Profile]:
        if isinstance(self._only, Profile):
            return [self._only]
        if self._only is not None:
            found = [profile for profile in self._store.all() if profile.name == self._only]
            self.problem = "" if found else self.tr("There is no saved connection {name}.").format(name=self._only)
            return found
        saved = [profile for profile in self._store.all() if profile.is_on_fleet]
        return saved if self._was_looked_at else [profile for profile in saved if profile.name in self._watched]

    def look_elsewhere(self) -> None:
        """Other connections are open than before."""
        if self._fleet is not None:
            self._fleet.look_elsewhere()

    def try_now(self, name: str) -> None:
        """Ask a database at once; one that is open by its tab."""
        for its, desk in self.open_desks():
            if its == name:
                desk.monitor.try_now()
        if self._fleet is not None:
            self._fleet.try_now(name)

    def hold(self, name: str, password: str) -> None:
        """Take the password that was typed for a connection."""
        if self._fleet is not None:
            self._fleet.hold(name, password)

    async def stop(self) -> None:
        """Close every connection of its own."""
        fleet, self._fleet = self._fleet, None
        if fleet is not None:
            await fleet.stop()

    def _note(self, _name: str) -> None:
        self._totals = None
        self.changed.emit()

    def _begin(self) -> None:
        if self._fleet is None:
            self._fleet = Fleet(self._note, elsewhere=self._elsewhere, interval_s=self._interval_s)
            self._fleet.set_in_sight(bool(self._viewers))
            self._read_at = None
        self.read_profiles()

    def _elsewhere(self, name: str) -> Elsewhere | None:
        return next((seen_by(desk) for its, desk in self.open_desks() if its == name), None)


def _state_of(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def seen_by(desk: Desk) -> Elsewhere:
    """What an open connection knows of its database."""
    if not desk.capabilities.has_schema:
        return Elsewhere("refused", None, Trouble("no_schema", desk.tr("This database has no Procrastinate schema.")))
    feed = desk.state
    state = _STATES.get(feed.mode, "unreachable")
    trouble = feed.trouble
    if state == "unreachable" and trouble is None:
        trouble = Trouble("unanswered", feed.reason)
    if state == "unreachable" and trouble is not None:
        state = state_of(trouble)
    return Elsewhere(state, _look(desk), trouble, desk.monitor.next_try_s)


def _look(desk: Desk) -> Look | None:
    """As its pulse would tell it, from what its feed has read; where the link is lost, of when that was."""
    monitor = desk.monitor
    situation, series, now = monitor.situation(), monitor.series, monitor.now()
    if situation is None:
        return None
    if desk.state.mode == "stale" and desk.state.read_at is not None:
        now = desk.state.read_at
    minutes: list[tuple[int | None, ...]] = [
        tuple(series.last(kinds, now, None, MINUTES + 1)[:-1]) if series.is_whole else (None,) * MINUTES
        for kinds in (ENDS, (EventType.FAILED,))
    ]
    return Look(
        situation,
        desk.capabilities,
        now,
        desk.state.latency_ms or 0.0,
        0.0,
        desk.state.mode == "polling" and not desk.capabilities.is_standby,
        False,
        False,
        rate(minutes[0]),
        rate(minutes[1]),
        *minutes,
    )
