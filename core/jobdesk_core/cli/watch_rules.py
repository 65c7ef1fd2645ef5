"""The command `watch --rules`: looks at databases by rules and tells what begins and what is over, without a window.

Each database has a thread of its own, so that a dead one delays nobody. With `--once` it looks once, and ends with the
code that Nagios and its kind expect.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import platformdirs

from jobdesk_core.alerts import book as books
from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.alerting import Alerting
from jobdesk_core.alerts.book import RuleBook, Watched
from jobdesk_core.alerts.history import AlertHistory
from jobdesk_core.alerts.sending import Sent, allow, is_allowed, payload
from jobdesk_core.alerts.tables import UnreadableRules
from jobdesk_core.alerts.telling import Telling, in_a_line
from jobdesk_core.alerts.ways import Command
from jobdesk_core.alerts.ways_queue import WaysQueue
from jobdesk_core.cli import exit_codes, output
from jobdesk_core.cli.connection import profile_of
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.cli.followed import ONCE_S, Followed
from jobdesk_core.profiles import ProfileStore, UnreadableProfiles, profile_of_dsn
from jobdesk_core.sqlite_file import is_ours

#: Seconds between two looks, unless it is said.
INTERVAL_S = 5.0
#: Seconds that all have for their end.
END_S = 10.0
#: As Nagios has it.
FINE, WARNING, CRITICAL, UNKNOWN = range(4)
_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def is_meant(options: argparse.Namespace) -> bool:
    """Whether it is this form of `watch`."""
    if options.command != "watch":
        return False
    return options.rules is not None or options.once or options.state is not None or bool(options.allow_commands)


class Watch:
    """All databases of a file of rules. `tell` prints; it is called by one thread at a time."""

    def __init__(self, followed: Sequence[Followed], book: RuleBook, state: Path, *, is_json: bool) -> None:
        self.followed = followed
        self.book = book
        self.alerting = Alerting(AlertHistory(state))
        self.stopping = threading.Event()
        self.events: list[Telling] = []
        self._ways = WaysQueue(lambda: self.book.ways, self._sent)
        self._is_json = is_json
        self._printing = threading.Lock()
        self._told_trouble: dict[str, str] = {}

    def look(self, each: Followed, *, is_quiet: bool = False) -> None:
        """Look at one database, print what begins and ends, and send it by its ways."""
        seen = each.see()
        each.looked = self.alerting.look(each.name, each.rules, self.book.quiet, seen)
        with self._printing:
            self.events += each.looked.told if is_quiet else []
            self._tell_trouble(each.name, each.trouble)
            self._tell_trouble("", self.alerting.trouble)
            if not is_quiet:
                for told in each.looked.told:
                    self.tell(told)
        for told in each.with_jobs(each.looked.told):
            self._ways.add(told)

    def tell(self, told: Telling) -> None:
        """Print what began or is over."""
        alert, at = told.alert, dt.datetime.now(dt.UTC)
        if self._is_json:
            output.json_line({"at": at, **payload(told)})
        else:
            sentence = alert.ending if told.event == "over" else alert.sentence
            text = f"{alert.database}: {in_a_line(alert.title, sentence)}"
            output.line(f"{output.moment(at)}  {told.event:<5}  {output.plain(text)}")
        output.flush()

    def follow(self, each: Followed, interval_s: float) -> None:
        """Look again and again until it is to stop."""
        while not self.stopping.is_set():
            try:
                self.look(each)
            except Exception as error:  # noqa: BLE001 - the other databases are watched on, and this one is tried again
                each.close()
                with self._printing:
                    self._tell_trouble(each.name, " ".join(filter(None, exit_codes.sentence_and_remedy(error))))
            each.rest(interval_s, self.stopping)
        each.close()

    def run_each(self, work: Any, limit_s: float | None) -> None:
        """Do it for each database in a thread of its own, until all have ended, or it is to stop."""
        threads = [threading.Thread(target=work, args=(each,), daemon=True) for each in self.followed]
        for thread in threads:
            thread.start()
        ends_at = None if limit_s is None else time.monotonic() + limit_s
        while any(thread.is_alive() for thread in threads):
            if self.stopping.wait(0.1) or (ends_at is not None and time.monotonic() > ends_at):
                break
        ends_at = time.monotonic() + (END_S if self.stopping.is_set() else 0)
        for thread in threads:
            thread.join(max(0.0, ends_at - time.monotonic()))

    def end(self) -> None:
        """Wait for what is being sent, and let others look."""
        self._ways.end()
        self.alerting.release()

    def _sent(self, _telling: Telling, sent: Sent) -> None:
        if sent.trouble:
            with self._printing:
                output.note(f"{output.moment(sent.at)}  {sent.trouble}")

    def _tell_trouble(self, name: str, sentence: str) -> None:
        if sentence != self._told_trouble.get(name, ""):
            self._told_trouble[name] = sentence
            named = f"{name}: " if name else ""
            output.note(f"{output.moment(dt.datetime.now(dt.UTC))}  {named}{sentence or 'It answers again.'}")


def run(options: argparse.Namespace) -> int:
    """Watch until SIGTERM or Ctrl+C; with `--once` look once."""
    if options.rules is None:
        raise Ended(exit_codes.USAGE, "--once, --state and --allow-commands belong to watch --rules FILE.")
    try:
        watch = _made(options)
    except (Ended, UnreadableRules, UnreadableProfiles) as error:
        told = " ".join(error.sentences) if isinstance(error, Ended) else str(error)
        if not options.once:
            raise Ended(exit_codes.USAGE, told) from error
        return _summed_up(UNKNOWN, told, [], [], is_json=options.json)
    if options.once:
        return _once(watch, options)
    ended_by: list[int] = []

    def stop(number: int, _frame: object) -> None:
        ended_by.append(number)
        watch.stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    count = len(watch.followed)
    output.note(
        f"Watching {count:,} database{'s' * (count != 1)} by the rules in {options.rules}. Press Ctrl+C to stop."
    )
    watch.run_each(lambda each: watch.follow(each, options.interval or INTERVAL_S), None)
    watch.end()
    return exit_codes.INTERRUPTED if signal.SIGINT in ended_by else exit_codes.DONE


def _made(options: argparse.Namespace) -> Watch:
    if options.filter:
        raise Ended(exit_codes.USAGE, "--rules watches whole databases: a filter belongs to watch without it.")
    if options.interval is not None and not 0.1 <= options.interval <= 3600:
        raise Ended(exit_codes.USAGE, "--interval is between 0.1 and 3600 seconds.")
    path = Path(options.rules)
    if not path.is_file():
        raise Ended(exit_codes.USAGE, f"{path} is not a file." if path.exists() else f"There is no file {path}.")
    book = books.read(path)
    followed = _followed(options, book)
    used = {name for each in followed for rule in each.rules if rule.is_on for name in rule.ways}
    commands = [way for name, way in book.ways.items() if isinstance(way, Command) and name in used]
    for command in commands:
        if options.allow_commands:
            allow(command)
        elif not is_allowed(command):
            raise Ended(
                exit_codes.USAGE,
                f"{path} would run a command that has not been allowed on this machine: {command.name}.",
                "Look at its argv there, then give --allow-commands once.",
            )
    return Watch(followed, book, _state(options, path), is_json=options.json)


def _state(options: argparse.Namespace, path: Path) -> Path:
    given = Path(options.state) if options.state is not None else None
    if given is not None and not is_ours(given):
        raise Ended(exit_codes.USAGE, f"--state: {given} is not a file of alerts. Another one is not replaced.")
    mark = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    return given or platformdirs.user_state_path("jobdesk", appauthor=False) / f"alerts-{mark}.sqlite"


def _followed(options: argparse.Namespace, book: RuleBook) -> list[Followed]:
    """The database that the command line names, or else those of the file, or that of the environment."""
    if options.dsn is not None or options.profile is not None or not book.databases:
        profile, password = profile_of(options)
        if options.schema:
            profile = replace(profile, schema=options.schema)
        return [Followed(profile.name, book.of(profile.name, profile.folder), profile, password)]
    store = ProfileStore()
    named = {each.profile or each.name for each in book.databases}
    for name in sorted(set(book.profiles) - named):
        # Perhaps meant for another desk, perhaps mistyped: then the database that is meant has the rules of all.
        output.note(f"The rules of {name} are of none of the databases that are watched: {', '.join(sorted(named))}.")
    return [_named(watched, book, store) for watched in book.databases]


def _named(watched: Watched, book: RuleBook, store: ProfileStore) -> Followed:
    password, trouble = None, ""
    if watched.profile:
        profile = store.get(watched.profile)
        trouble = "" if profile is not None else f"There is no saved connection {watched.profile}."
    else:
        dsn = os.environ.get(watched.dsn_env) if watched.dsn_env else watched.dsn
        if dsn is None:
            profile, trouble = None, f"The variable {watched.dsn_env} is not set."
        else:
            profile, password = profile_of_dsn(dsn)
    named = watched.profile or watched.name
    rules = book.of(named, profile.folder if profile is not None else "")
    return Followed(watched.name, rules, profile, password, trouble)


def _once(watch: Watch, options: argparse.Namespace) -> int:
    watch.run_each(lambda each: watch.look(each, is_quiet=True), ONCE_S)
    watch.end()
    for each in watch.followed:
        each.close()
    active = [alert for each in watch.followed if each.looked for alert in each.looked.alerts if not alert.muted]
    silent = [each for each in watch.followed if each.silence is not None]
    known = {alert.database for alert in active if alert.key == "unreachable" and alert.tone == "bad"}
    code = FINE
    if any(alert.tone == "bad" for alert in active):
        code = CRITICAL
    elif {each.name for each in silent} - known:
        code = UNKNOWN  # whatever is told of a database that refuses: nobody knows how its jobs are
    elif active:
        code = WARNING
    return _summed_up(code, _summary(watch, active, silent), active, silent, watch.events, is_json=options.json)


def _summary(watch: Watch, active: Sequence[Alert], silent: Sequence[Followed]) -> str:
    ordered = sorted(active, key=lambda alert: alert.tone)
    said = [f"{alert.title} ({alert.database})" for alert in ordered[:3]]
    said += [f"{len(active) - 3:,} more"] if len(active) > 3 else []
    told = {alert.database for alert in active if alert.key == "unreachable"}
    for each in silent:
        if each.name not in told:
            said.append(f"{each.name} cannot be watched" if each.refuses else f"no answer from {each.name}")
    count = len(watch.followed)
    return ", ".join(said) if said else f"nothing active in {count:,} database{'s' * (count != 1)}"


def _summed_up(
    code: int,
    summary: str,
    active: Sequence[Alert],
    silent: Sequence[Followed],
    events: Sequence[Telling] = (),
    *,
    is_json: bool,
) -> int:
    """Print it: the first line is the summary, with the numbers behind a bar as plugins of Nagios write them."""
    severity: dict[str, Literal["critical", "warning"]] = {"bad": "critical", "warning": "warning"}
    refusing = sum(each.refuses for each in silent)
    counts = {each: sum(severity[alert.tone] == each for alert in active) for each in ("critical", "warning")}
    if is_json:
        alerts = [
            {
                **{"database": each.database, "rule": each.key, "subject": each.subject, "title": each.title},
                **{"sentence": each.sentence, "severity": severity[each.tone], "since": each.since},
            }
            for each in active
        ]
        status = _WORDS[code].lower()
        output.json_line(
            {
                "status": status,
                "summary": summary,
                "alerts": alerts,
                "unanswered": {each.name: each.why for each in silent if not each.refuses},
                "unwatched": {each.name: each.why for each in silent if each.refuses},
                "events": [*map(payload, events)],
            }
        )
        return code
    output.line(
        _barless(f"{_WORDS[code]}: {summary}")
        + f" | critical={counts['critical']} warning={counts['warning']}"
        + f" unanswered={len(silent) - refusing} unwatched={refusing}"
    )
    for alert in active:
        output.line(_barless(f"{severity[alert.tone]}: {alert.database}: {in_a_line(alert.title, alert.sentence)}"))
    for each in silent:
        output.line(_barless(f"{'unwatched' if each.refuses else 'unanswered'}: {each.name}: {each.why}"))
    for told in events:
        output.line(_barless(f"{told.event}: {told.alert.database}: {told.alert.title}"))
    return code


def _barless(text: str) -> str:
    """A line without a bar, which would begin the numbers, in any line."""
    return output.plain(text.replace("|", "/"))
