"""Looks at the open databases by the rules of alerts, keeps what is active for the panel and the bell, and tells it.

One for the program. What waits for the disk, for a command or for the network runs in threads.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import getpass
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jobdesk_core.alerts import book as books
from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.alerting import Alerting, Looked
from jobdesk_core.alerts.behind import wants_jobs, why_missing, without_jobs
from jobdesk_core.alerts.book import RuleBook
from jobdesk_core.alerts.history import AlertHistory
from jobdesk_core.alerts.lines import Unreachable
from jobdesk_core.alerts.past import Past, past
from jobdesk_core.alerts.quiet import QuietHours
from jobdesk_core.alerts.rule import DESKTOP, AlertRule
from jobdesk_core.alerts.sending import Sent, sample
from jobdesk_core.alerts.tables import UnreadableRules
from jobdesk_core.alerts.telling import Grouping, Mute, Telling
from jobdesk_core.alerts.ways_queue import WaysQueue
from jobdesk_core.watching.situation import Situation
from PySide6.QtCore import QObject, QTimer, Signal

from jobdesk.kit.work import Work
from jobdesk.runtime.logs import fault

#: Milliseconds between two looks at every open database.
LOOK_MS = 2_000
#: Seconds that commands and webhooks have at the end of the program.
END_S = 2.0


@dataclass(frozen=True, slots=True)
class Source:
    """A database that is watched: its name, its profile's folder, and what is known of it now; None: nothing yet.

    `with_jobs` reads the jobs of the rules that send them. It raises what comes in between.
    """

    name: str
    folder: str
    seen: Situation | Unreachable | None
    with_jobs: Callable[[Sequence[Telling]], Awaitable[list[Telling]]] | None = None


class Watcher(QObject):
    """`sources` gives what is open. `notify` shows a notification; it is set by whoever has a desktop."""

    changed = Signal()  # what is active, muted or in the rules
    told = Signal(list)  # Tellings for one notification on the desktop

    def __init__(self, parent: QObject | None = None, *, path: Path | None = None, state: Path | None = None) -> None:
        super().__init__(parent)
        self.path = path or books.usual_path()
        self.book = RuleBook()
        #: Why the rules cannot be read or kept, in a sentence; empty when they can.
        self.trouble = ""
        self.alerting = Alerting(AlertHistory(state))
        self.sources: Callable[[], Iterable[Source]] = tuple
        self.looked: dict[str, Looked] = {}
        #: The situation that was looked at last, by database: an answer of some time ago is not looked at again.
        self._seen: dict[str, object] = {}
        #: How each way went last time, by its name.
        self.sent: dict[str, Sent] = {}
        #: Why the desktop cannot notify, in a sentence; empty while it can.
        self.desktop_trouble = ""
        self._grouping = Grouping()
        self._ways = WaysQueue(lambda: self.book.ways, self._way_sent)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stamp: object = None
        #: How often rules were chosen here: what was read before the last time is of the past.
        self._choices = 0
        self._writing = asyncio.Lock()
        self._work = Work(self)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)

    def start(self) -> None:
        """Begin to look; ends with `stop`."""
        self._loop = asyncio.get_running_loop()
        self._timer.start(LOOK_MS)
        self.look()

    async def stop(self) -> None:
        """End, and let another desk go on."""
        self._timer.stop()
        await self._work.stop()
        await asyncio.to_thread(self._ways.end, END_S)
        await asyncio.to_thread(self.alerting.release)

    # Looking

    def look(self) -> None:
        """Look at everything that is open, unless the last look is still under way."""
        if not self._work.is_running("look at alerts"):
            self._work.start(self._look(), name="look at alerts", failed=lambda error: fault("Alerts", error))

    async def _look(self) -> None:
        await self._read_book()
        found = list(self.sources())
        known = {source.name for source in found}
        before = dict(self.looked)
        self.looked = {name: looked for name, looked in self.looked.items() if name in known}
        for source in found:
            if source.seen is None or source.seen is self._seen.get(source.name):
                continue
            self._seen[source.name] = source.seen
            rules = self.book.of(source.name, source.folder)
            try:
                looked = await asyncio.to_thread(self.alerting.look, source.name, rules, self.book.quiet, source.seen)
            except RuntimeError as error:  # what was looked at has changed meanwhile: the next look tells
                fault("Alerts", error)
                continue
            self.looked[source.name] = looked
            self._tell(looked.told, source)
        shown = self._grouping.offer((), time.monotonic())
        if shown:
            self.told.emit(shown)
        if before != self.looked:
            self.changed.emit()

    def _tell(self, told: Sequence[Telling], source: Source) -> None:
        if source.with_jobs is not None and any(map(wants_jobs, told)):
            self._work.start(self._send_with_jobs(told, source.with_jobs), name=f"jobs behind alerts of {source.name}")
        else:
            self._send(told)
        shown = self._grouping.offer([each for each in told if DESKTOP in each.rule.ways], time.monotonic())
        if shown:
            self.told.emit(shown)

    def _send(self, told: Iterable[Telling]) -> None:
        for each in told:
            self._ways.add(each)

    async def _send_with_jobs(
        self, told: Sequence[Telling], with_jobs: Callable[[Sequence[Telling]], Awaitable[list[Telling]]]
    ) -> None:
        """An alert goes out without its jobs when they cannot be read, and at the end of the program."""
        sent = without_jobs(told, "The jobs were not read: Jobdesk was ending.")
        try:
            sent = await with_jobs(told)
        except Exception as error:  # noqa: BLE001 - whatever it is, the alert goes out and says so
            sent = without_jobs(told, why_missing(error))
        finally:
            self._send(sent)

    def _way_sent(self, _telling: Telling, sent: Sent) -> None:
        """In the way's thread."""

        def note() -> None:
            self.sent[sent.way] = sent
            self.changed.emit()

        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(note)

    # What there is

    def active(self, database: str | None = None) -> list[Alert]:
        """The alerts that are active and not muted, of one database or of all that are open, the worst first."""
        return [alert for alert in self.all_active(database) if not alert.muted]

    def all_active(self, database: str | None = None) -> list[Alert]:
        """As `active`, with the muted ones."""
        names = self.looked if database is None else [database] if database in self.looked else []
        found = [alert for name in names for alert in self.looked[name].alerts]
        return sorted(found, key=lambda alert: (alert.tone, alert.since))

    def mutes(self) -> list[Mute]:
        """The mutes that are in force."""
        now = dt.datetime.now(dt.UTC)
        found = next((looked.mutes for looked in self.looked.values()), [])
        return [mute for mute in found if mute.holds(now)]

    async def earlier(self, database: str | None, days: int, most: int) -> tuple[list[Alert], int, Alert | None]:
        """What is over since the beginning of today (`days` 0) or for so many days, the latest; how many that are; and
        what was over last.
        """
        now = dt.datetime.now().astimezone()
        since = now.replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=days)

        def read() -> tuple[list[Alert], int, Alert | None]:
            kept, first = self.alerting.history, since.astimezone(dt.UTC)
            return kept.earlier(first, database, most), kept.count_earlier(first, database), kept.last_over(database)

        return await asyncio.to_thread(read)

    async def past(self, database: str, name: str, rule: AlertRule) -> Past | None:
        """How often a rule would have told."""
        return await asyncio.to_thread(past, self.alerting.history, database, name, rule, dt.datetime.now(dt.UTC))

    # What a person wants

    def keep(self, book: RuleBook) -> None:
        """These rules from now on."""
        self.book = book
        self._choices += 1
        self.changed.emit()
        self._work.start(self._write(), name="keep the rules")

    def set_rules(self, database: str, rules: Sequence[AlertRule]) -> None:
        """These rules for one database; without a name for all that have none of their own."""
        book = self.book
        self.keep(book.with_rules(database, rules) if database else replace(book, rules=tuple(rules)))

    def rename(self, old: str, new: str) -> None:
        """A saved connection has another name: its rules and its alerts go on under that."""
        book = self.book.renamed(old, new)
        if book != self.book:
            self.keep(book)
        self._change(lambda: self.alerting.rename(old, new))

    def set_quiet(self, quiet: QuietHours) -> None:
        """These quiet hours."""
        self.keep(replace(self.book, quiet=quiet))

    def mute(self, alert: Alert | None, *, hours: float = 0, until_over: bool = False, database: str = "") -> None:
        """Nobody is told of an alert, or of all of a database, for so many hours, until it is over, or for ever."""
        now = dt.datetime.now(dt.UTC)
        mute = Mute(
            alert.database if alert is not None else database,
            alert.rule if alert is not None else "",
            alert.subject if alert is not None else None,
            now + dt.timedelta(hours=hours) if hours else None,
            until_over,
            _user(),
            now,
        )
        self._change(lambda: self.alerting.history.mute(mute))

    def unmute(self, mutes: Iterable[Mute]) -> None:
        """Tell again."""
        ids = [mute.id for mute in mutes]

        def end() -> None:
            for each in ids:
                self.alerting.history.unmute(each)

        self._change(end)

    def send_test(self, database: str, rules: Iterable[AlertRule]) -> None:
        """Tell something by every way that one of these rules has."""
        self.sent.clear()
        asked = list(rules)
        for rule in asked[:1]:
            ways = dict.fromkeys(way for each in asked for way in each.ways)
            told = sample(database, replace(rule, ways=tuple(ways), has_sound=any(each.has_sound for each in asked)))
            self._ways.add(told)
            if DESKTOP in ways:
                self.told.emit([told])
        self.changed.emit()

    def _change(self, change: Callable[[], object]) -> None:
        self._work.start(asyncio.to_thread(change), name="mute", then=lambda _: self.look(), failed=self._failed)

    def _failed(self, error: Exception) -> None:
        fault("Alerts", error)
        self.trouble = self.tr("The history of alerts cannot be written: {why}.").format(why=error)
        self.changed.emit()

    async def _write(self) -> None:
        try:
            async with self._writing:
                await asyncio.to_thread(books.write, self.book, self.path)
                self._stamp = _stamp(self.path)
            trouble = ""
        except OSError as error:
            why = error.strerror or type(error).__name__
            trouble = self.tr("The rules are not kept: {path} cannot be written ({why}).").format(
                path=self.path, why=why
            )
        self._set_trouble(trouble)

    async def _read_book(self) -> None:
        """Read the rules anew when somebody else has written them."""
        stamp = _stamp(self.path)
        if stamp == self._stamp or self._work.is_running("keep the rules"):
            return
        self._stamp, choices = stamp, self._choices
        try:
            found = await asyncio.to_thread(books.read, self.path)
            if choices != self._choices:
                return
            self.book, trouble = found, ""
        except UnreadableRules as error:
            trouble = str(error)
        self._set_trouble(trouble)
        self.changed.emit()

    def _set_trouble(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self.changed.emit()


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return ""
    return found.st_mtime_ns, found.st_size, found.st_ino


def _user() -> str:
    try:
        return getpass.getuser()
    except OSError:
        return ""
