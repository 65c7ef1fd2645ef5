"""The command `metrics`: answers Prometheus at an address, or prints what it would answer once; and a dashboard."""

from __future__ import annotations

import argparse
import dataclasses
import ipaddress
import json
import signal
import threading
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from jobdesk_core.cli import exit_codes, output
from jobdesk_core.cli.connection import connected, kept, profile_of
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.metrics.source import Source
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.places import Secret
from jobdesk_core.troubles import explain

if TYPE_CHECKING:
    from jobdesk_core.metrics.exporter import Exporter


def add_metrics(parser: argparse.ArgumentParser) -> None:
    """The options of `metrics`."""
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--listen", metavar="HOST:PORT", help="answer scrapes here, such as 127.0.0.1:9187")
    mode.add_argument("--once", action="store_true", help="print the metrics once, for a file of node_exporter's")
    mode.add_argument("--dashboard", action="store_true", help="print a Grafana dashboard as JSON; asks no database")
    parser.add_argument(
        "--tasks", action="store_true", help="also by task: up to 200 tasks of each database have series of their own"
    )
    parser.set_defaults(run_alone=metrics)


def metrics(options: argparse.Namespace) -> int:
    """Answer until SIGTERM or Ctrl+C, or print once."""
    # No other command waits for Prometheus' client to be loaded.
    from jobdesk_core.metrics.dashboard import dashboard
    from jobdesk_core.metrics.exporter import ONCE_S, PATIENCE_S, Exporter
    from jobdesk_core.metrics.families import Families

    if options.dashboard:
        output.data(json.dumps(dashboard(), indent=2) + "\n")
        return exit_codes.DONE
    address = _address(options.listen) if options.listen is not None else None
    families = Families(with_tasks=options.tasks, with_counters=address is not None)
    exporter = Exporter(_sources(options), families, patience_s=ONCE_S if address is None else PATIENCE_S)
    try:
        if address is None:
            output.data(exporter.text())
            return exit_codes.DONE
        return _serve(exporter, *address)
    finally:
        exporter.close()


def _serve(exporter: Exporter, host: str, port: int) -> int:
    ended_by: list[int] = []
    stopping = threading.Event()

    def stop(number: int, _frame: object) -> None:
        ended_by.append(number)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        port = exporter.listen(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "that is no name of a host"
        raise Ended(exit_codes.USAGE, f"Cannot listen at {host}, port {port}: {reason}.") from error
    count, shown = len(exporter.sources), f"[{host}]" if ":" in host else host
    databases = "1 database" if count == 1 else f"{count:,} databases"
    output.note(f"Metrics of {databases} at http://{shown}:{port}/metrics. Press Ctrl+C to stop.")
    if not _is_loopback(host):
        output.note("Whoever reaches this address can read them: there is no password and no encryption.")
    # Before the first scrape comes, so that it finds an answer, and whoever sits at the terminal why there is none.
    exporter.ask()
    while not stopping.wait(3600):
        pass
    return exit_codes.INTERRUPTED if signal.SIGINT in ended_by else exit_codes.DONE


def _address(text: str) -> tuple[str, int]:
    """The host and the port; the host must be told, for everywhere is never meant by leaving it out."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) < 65_536):
        raise Ended(exit_codes.USAGE, f"--listen is HOST:PORT, such as 127.0.0.1:9187, not {output.plain(text)}.")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Told:
    """Says on the error stream why a database does not answer: each reason once, until it answers again.

    Metrics have no sentences.
    """

    def __init__(self) -> None:
        self._reasons: defaultdict[str, set[str]] = defaultdict(set)

    def __call__(self, name: str, error: Exception | None) -> None:
        known, reason = self._reasons[name], _reason(error)
        if reason and reason not in known:
            output.note(f"{name}: {reason}")
            known.add(reason)
        elif known and not reason:
            output.note(f"{name} answers again.")
            known.clear()


def _reason(error: Exception | None) -> str:
    if error is None:
        return ""
    return " ".join(error.sentences) if isinstance(error, Ended) else explain(error).sentence


def _sources(options: argparse.Namespace) -> list[Source]:
    """The databases that are named, none of them asked yet."""
    told = Told()
    named = (*getattr(options, "profiles_before", ()), *(getattr(options, "profiles", None) or ()))
    wanted = list(dict.fromkeys(named or [None]))
    found = []
    for name in wanted:
        one = argparse.Namespace(**vars(options) | ({"profile": name} if name is not None else {}))
        profile, password = profile_of(one)
        if options.dsn is not None:
            _check(options.dsn)
        if options.schema:
            profile = dataclasses.replace(profile, schema=options.schema)
        # What is kept is fetched here, for a scrape comes when nobody sits at the terminal.
        connect = partial(_connect, profile, password, [kept(profile, password)])
        found.append(Source(profile.name, connect, told, of_before=options.once))
    return found


def _check(dsn: str) -> None:
    """What libpq cannot read now it will not read at the next scrape either. Raises Ended."""
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        trouble = explain(error)
        raise Ended(exit_codes.USAGE, trouble.sentence, trouble.remedy) from error


def _connect(profile: Profile, password: str | None, at_hand: list[Secret | None]) -> SyncPsycopgConnector:
    """Sign in, the first time with what is at hand; later what is kept may be another password."""
    return connected(profile, at_hand.pop() if at_hand else kept(profile, password))
