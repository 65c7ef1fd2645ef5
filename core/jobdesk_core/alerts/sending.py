"""Telling an alert by a command or a webhook: what is sent, how long it may take, and what went wrong in a sentence.

For threads. What is sent holds arguments of jobs only where the rule says so, and nothing that is said here holds an
address's token or what a known secret spells.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from jobdesk_core import exact_json
from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.rule import AlertRule
from jobdesk_core.alerts.telling import BehindJob, Telling, title
from jobdesk_core.alerts.ways import Command, Way
from jobdesk_core.masking import masked
from jobdesk_core.processes import NO_WINDOW, chosen_environment
from jobdesk_core.profiles import allowed_commands

#: Seconds between the two attempts at a webhook.
PAUSE_S = 2.0
#: Characters of a command's complaint that are shown.
MOST_TOLD = 200
#: Bytes of it that are looked at, from its end, and that it may have: it lies on the disk while the command runs.
MOST_READ, MOST_WRITTEN = 16_384, 16 * 1024 * 1024
#: Seconds between two looks at how large it is.
LOOK_S = 0.1
#: What programs that page somebody need besides: where they find the desktop and their settings.
_ALSO = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True, slots=True)
class _Alerts:
    """What commands of alerts are allowed for."""

    label: str = "alerts"


@dataclass(frozen=True, slots=True)
class Sent:
    """How it went: `trouble` is empty, or what went wrong, in a sentence that may be shown. `at` is UTC."""

    way: str
    at: dt.datetime
    trouble: str = ""


def is_allowed(command: Command) -> bool:
    """Whether the owner of this machine has allowed this very command, with its arguments."""
    return allowed_commands.is_allowed(command.argv, _Alerts())


def allow(command: Command) -> None:
    """The owner allows it from now on."""
    allowed_commands.allow(command.argv, _Alerts())


def payload(told: Telling) -> dict[str, Any]:
    """What a command or a webhook gets. Times are UTC in ISO 8601; `over_at` and `ending` None while it goes on."""
    alert = told.alert
    return {
        "event": told.event,
        "text": f"{title(told)} ({alert.database}): {alert.ending or alert.sentence}",
        "database": alert.database,
        "rule": alert.key,
        "subject": alert.subject,
        "title": alert.title,
        "sentence": alert.sentence,
        "severity": "critical" if alert.tone == "bad" else "warning",
        "number": alert.number,
        "since": alert.since.isoformat(),
        "over_at": alert.over_at.isoformat() if alert.over_at is not None else None,
        "ending": alert.ending or None,
        "filter": alert.filter_text,
        "id": f"{alert.database}/{alert.rule}/{alert.subject}/{int(alert.since.timestamp())}",
    }


def sent_payload(told: Telling) -> dict[str, Any]:
    """As `payload`, with the jobs behind the alert where its rule sends them, or why they are missing."""
    found = payload(told)
    if told.jobs is not None:
        found["jobs"] = [_job(job) for job in told.jobs]
    if told.jobs_trouble:
        found |= {"jobs": None, "jobs_trouble": told.jobs_trouble}
    return found


def _job(job: BehindJob) -> dict[str, Any]:
    held = {name: getattr(job, name) for name in ("id", "task", "queue", "status", "attempts", "args")}
    return held | {"args_left_out": job.left_out} if job.left_out else held


def sample(database: str, rule: AlertRule) -> Telling:
    """What a test of a rule sends."""
    now = dt.datetime.now(dt.UTC)
    sentence = f"This is a test. {rule.kind.title}: {rule.sentence}."
    alert = Alert(database, "test", "", rule.key, "Test of an alert", sentence, "warning", now, active_at=now)
    return Telling("began", alert, rule)


def send(way: Way, told: Telling, *, pause: Callable[[float], object] = time.sleep) -> Sent:
    """Tell it by this way, and wait for its end. Never raises."""
    text = exact_json.dumps(sent_payload(told), ensure_ascii=False).encode()
    if isinstance(way, Command):
        trouble = _run(way, text) if is_allowed(way) else f"{way.name} has not been allowed to run on this machine."
    else:
        # It brings Python's client of HTTP, which most never need.
        from jobdesk_core.alerts.webhook import post

        trouble = post(way, text, pause)
    return Sent(way.name, dt.datetime.now(dt.UTC), masked(trouble))


def _run(command: Command, text: bytes) -> str:
    environment = chosen_environment(_ALSO)
    program = shutil.which(str(Path(command.argv[0]).expanduser()), path=environment.get("PATH"))
    if program is None:
        shell = " It is run without a shell." if " " in command.argv[0] else ""
        return f"{command.name}: the program {command.argv[0]} is not there, or may not be run.{shell}"
    # Not a pipe: what the program leaves behind may hold it open, and is none of our business.
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                [program, *command.argv[1:]],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
                creationflags=NO_WINDOW,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "its arguments cannot be passed on"
            return f"{command.name} cannot be started: {reason}."
        if trouble := _overrun(process, text, complaints, command):
            _kill(process)
            return trouble
        complaints.seek(max(0, _size(complaints) - MOST_READ))
        return "" if process.returncode == 0 else _ended(command.name, process.returncode, complaints.read(MOST_READ))


def _overrun(process: subprocess.Popen[bytes], text: bytes, complaints: IO[bytes], command: Command) -> str:
    """Why a program has to be ended; empty once it has ended by itself."""
    ends_at = time.monotonic() + command.timeout_s
    given: bytes | None = text
    while True:
        try:
            process.communicate(given, timeout=max(0.0, min(LOOK_S, ends_at - time.monotonic())))
        except subprocess.TimeoutExpired:
            given = None  # it goes on with what it was given at first
            if _size(complaints) > MOST_WRITTEN:
                return f"{command.name} complains without end, and was ended."
            if time.monotonic() >= ends_at:
                return f"{command.name} has not ended within {command.timeout_s:g} s, and was ended."
        else:
            return ""


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With all in its group."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()


def _ended(name: str, code: int, complaints: bytes) -> str:
    lines = [line.strip() for line in complaints.decode("utf-8", "replace").splitlines() if line.strip()]
    said = f": {lines[-1][:MOST_TOLD].rstrip('.')}." if lines else "."
    return f"{name} was ended by signal {-code}{said}" if code < 0 else f"{name} ended with {code}{said}"
