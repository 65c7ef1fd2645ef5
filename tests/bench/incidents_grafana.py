"""Beside a board of Grafana's: the same incidents, as the panels of our own dashboard show them.

Runs where there is a `prometheus` (PROMETHEUS, or on the PATH). It scrapes `jobdesk-core metrics` every 15 s, and every
expression of `resources/grafana/jobdesk.json` is evaluated each 5 s, as a board that refreshes so does.

"Seen" is kind to the board. A series has left its normal range when it is half as much again above the most it was
before the incidents, or below its least by as much; so is a new one that is not 0. What had left before one began does
not count for that one. The series that count are those with a label that is the incident's queue or task, and of those
without one the ones in SEEN_IN, which incidents that are staged at once share. Somebody has to look at that panel in
that moment, and to know what is normal. `numbers` are panels of plain numbers, `rules` those of what our own rules say
of one question alone. A board names no cause unless a label does; the labels of what was seen stand beside it, and the
name of a rule is the most that there is.

What a board would show falsely: the series that leave, in the second half of the ordinary minutes, the range that they
had in the first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobdesk_core.processes import die_with_parent

if TYPE_CHECKING:
    from incidents import Incident

DASHBOARD = Path(__file__).parents[2] / "resources" / "grafana" / "jobdesk.json"
PROMETHEUS = os.environ.get("PROMETHEUS") or shutil.which("prometheus")
SCRAPE_S, REFRESH_S = 15, 5.0
#: How far beyond its normal range something has to be for an eye to see it.
FACTOR = 1.5
#: Seconds for which a board is given the chance to show what the desk has told already.
PATIENCE_S = 60.0
#: The one panel that tells of a subject what our own rules say.
_RULES = "Needs attention now"
#: The labels that are about the incident, and the series without one in which it might be seen.
_WORKERS = ("Stalled", "Running and stalled: stalled", "Workers: unresponsive")
SEEN_IN: dict[str, tuple[set[str], Sequence[str]]] = {
    "a worker killed": ({"killed"}, _WORKERS),
    "a worker frozen": ({"frozen"}, _WORKERS),
    "a queue unserved": ({"push"}, ()),
    "a burst of failures": ({"mail", "invoice.render"}, ()),
    "a storm of retries": ({"sync", "sync.storm"}, ()),
    # No series is of what has not happened.
    "a missed schedule": ({"clock.tick"}, ()),
    "a lock convoy": ({"convoy"}, ()),
    "a lock of a dead worker": ({"orphaned"}, _WORKERS),
    "a locked row": ({"row"}, ()),
    "a run that hangs": ({"hangs", "report.make"}, ()),
    "a slow database": (set(), ("Databases that answer", "How long the database takes to answer")),
    "a session in the way": ({"batch"}, ()),
}
_HEAD = f"{'on a board of Grafana':<26}{'numbers':>9}{'rules':>8}   the panel and its labels"

#: The panel and the labels of a series; and of one look, with its value.
Series = tuple[str, tuple[tuple[str, str], ...]]
Shown = tuple[str, tuple[tuple[str, str], ...], float]


@dataclass(slots=True)
class Sight:
    """When an incident was seen on the board, in seconds, and in which panel."""

    numbers_s: float | None = None
    rules_s: float | None = None
    panels: list[str] = field(default_factory=list)
    #: What was beyond its range already when it began.
    before: set[Series] = field(default_factory=set)


class Board:
    """Our dashboard over a Prometheus, with nobody before it."""

    def __init__(self, url: str, learns_s: float) -> None:
        self._url = url
        self._learnt_at = time.monotonic() + learns_s
        self._false: set[str] = set()
        self._panels = [
            (
                panel["title"],
                target["legendFormat"],
                target["expr"].replace("$profile", ".*").replace("$__rate_interval", f"{4 * SCRAPE_S}s"),
            )
            for panel in json.loads(DASHBOARD.read_text())["panels"]
            for target in panel["targets"]
        ]
        self._ranges: dict[Series, tuple[float, float]] = {}
        self._beyond: set[Series] = set()
        self._sights: dict[str, Sight] = {}

    async def follow(self, incidents: Sequence[Incident]) -> None:
        """Look at all panels each time that the board is refreshed."""
        while True:
            await asyncio.sleep(REFRESH_S)
            shown = await asyncio.to_thread(lambda: list(self._shown()))
            begun = [each for each in incidents if 0 < each.began <= time.monotonic()]
            for incident in begun:
                self._look(incident, shown)
            self._beyond = {(title, labels) for title, labels, value in shown if self._is_beyond(title, labels, value)}
            for title, labels, value in shown if not begun else ():
                self._learn(title, labels, value)

    def _learn(self, title: str, labels: tuple[tuple[str, str], ...], value: float) -> None:
        if time.monotonic() > self._learnt_at and self._is_beyond(title, labels, value):
            self._false.add(f"{title} {dict(labels)}")
        low, high = self._ranges.get((title, labels), (value, value))
        self._ranges[title, labels] = min(low, value), max(high, value)

    def is_done(self, incident: Incident) -> bool:
        """Whether it has been seen, or there was time enough."""
        sight = self._sights.get(incident.name)
        is_seen = sight is not None and sight.numbers_s is not None
        return is_seen or time.monotonic() - incident.began > PATIENCE_S

    def told(self, incidents: Sequence[Incident]) -> Iterator[str]:
        """The table."""
        yield _HEAD
        for incident in incidents:
            sight = self._sights.get(incident.name, Sight())
            seen = [f"{each:.1f}" if each is not None else "never" for each in (sight.numbers_s, sight.rules_s)]
            yield f"{incident.name:<26}{seen[0]:>9}{seen[1]:>8}   {'; '.join(sight.panels)}"
        yield f"in ordinary minutes {len(self._false)} of {len(self._ranges)} series left their range"

    def _shown(self) -> Iterator[Shown]:
        for panel, legend, expr in self._panels:
            query = urllib.parse.urlencode({"query": expr})
            with urllib.request.urlopen(f"{self._url}/api/v1/query?{query}", timeout=30) as answer:
                found = json.load(answer)["data"]["result"]
            for series in found:
                labels, value = series["metric"], float(series["value"][1])
                state = labels.get("state") or ("" if "{{" in legend else legend)
                title = f"{panel}: {state}" if state else panel
                if not math.isnan(value):
                    yield title, tuple(sorted(labels.items())), value

    def _look(self, incident: Incident, shown: Sequence[Shown]) -> None:
        about, titles = SEEN_IN.get(incident.name, (set(), ()))
        sight = self._sights.setdefault(incident.name, Sight(before=self._beyond))
        for title, labels, value in shown:
            if (title, labels) in sight.before:
                continue
            named = {text for _, text in labels}
            if (named.isdisjoint(about) and title not in titles) or not self._is_beyond(title, labels, value):
                continue
            is_rule = title == _RULES
            known = sight.rules_s if is_rule else sight.numbers_s
            if known is None:
                taken = time.monotonic() - incident.began
                sight.rules_s, sight.numbers_s = (taken, sight.numbers_s) if is_rule else (sight.rules_s, taken)
                words = ", ".join(
                    f"{name}={text}" for name, text in labels if name in ("queue", "state", "rule", "subject")
                )
                sight.panels.append(f"{title} ({words})" if words else title)

    def _is_beyond(self, title: str, labels: tuple[tuple[str, str], ...], value: float) -> bool:
        low, high = self._ranges.get((title, labels), (0.0, 0.0))
        return value > high * FACTOR or value < low / FACTOR


@contextlib.contextmanager
def board(dsn: str, folder: Path, learns_s: float) -> Iterator[Board | None]:
    """A board of a database, which learns for so long what is normal; None where there is no Prometheus."""
    if PROMETHEUS is None:
        print("(Beside Grafana's board: there is no prometheus on the PATH.)", flush=True)
        yield None
        return
    with contextlib.ExitStack() as stack:
        command = [sys.executable, "-m", "jobdesk_core", "metrics", "--listen", "127.0.0.1:0", "--dsn", dsn]
        exporter = stack.enter_context(_running(command, stderr=subprocess.PIPE))
        assert exporter.stderr is not None
        address = re.search(r"http://([\d.:]+)/", exporter.stderr.readline().decode())
        assert address is not None, "the exporter listens"
        scrape = {"job_name": "jobdesk", "static_configs": [{"targets": [address[1]]}]}
        folder.mkdir()
        settings = folder / "prometheus.yml"
        settings.write_text(json.dumps({"global": {"scrape_interval": f"{SCRAPE_S}s"}, "scrape_configs": [scrape]}))
        at = f"127.0.0.1:{_free_port()}"
        words = [f"--config.file={settings}", f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={at}"]
        stack.enter_context(_running([PROMETHEUS, *words], stderr=subprocess.DEVNULL))
        _until_ready(f"http://{at}/-/ready")
        yield Board(f"http://{at}", learns_s)


@contextlib.contextmanager
def _running(command: Sequence[str], **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, preexec_fn=lambda: die_with_parent(signal.SIGKILL), **streams
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _until_ready(url: str) -> None:
    ends_at = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.2)
        else:
            return
