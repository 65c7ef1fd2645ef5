"""The commands about what workers report: `reporting`, which manages its schema, and `errors` of one job."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from jobdesk_core.cli import exit_codes, forms, output, words
from jobdesk_core.cli.connection import LIMIT_S, Opened, unchecked
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.reported import Reported
from jobdesk_core.exceptions import SchemaRefused
from jobdesk_core.operations import steps
from jobdesk_core.operations.change.rules import READ_ONLY
from jobdesk_core.operations.confirmation import Other, confirmation
from jobdesk_core.profiles import Profile
from jobdesk_core.reported import reading, schema
from jobdesk_core.reported.attempts import attempt
from jobdesk_core.reported.of_job import ReportedRun, reports_of
from jobdesk_core.reported.records import Error
from jobdesk_core.reported.schema import Installed
from jobdesk_core.reported.sizes import TableSize, sizes

T = TypeVar("T")

#: What stands in the place of a role that is not named.
A_WORKER, A_READER = "the role of your workers", "a role that reads"
HINT = "The help's page “Why did it fail?” tells how workers report."

# reporting


def add_reporting(parser: argparse.ArgumentParser) -> None:
    """The options of `reporting`."""
    parser.add_argument(
        "act",
        choices=("install", "upgrade", "remove", "status"),
        help="create the schema jobdesk, bring an older one up to date, drop it, or tell what is there",
    )
    parser.add_argument("--sql", action="store_true", help="with install: only print the SQL")
    parser.add_argument("--workers", metavar="ROLE", help="print the rights for workers that sign in as this role")
    parser.add_argument("--readers", metavar="ROLE", help="print the rights for a role that may read the reports")
    parser.add_argument("--yes", action="store_true", help="with remove: do not ask; required without a terminal")
    parser.set_defaults(run_alone=reporting)


def reporting(options: argparse.Namespace) -> int:
    """Install, upgrade, remove, or tell what is there."""
    if options.sql and options.act != "install":
        raise Ended(exit_codes.USAGE, "--sql goes with reporting install.")
    if options.sql:
        output.line(f"{schema.schema_sql()}\n{_grants(options)}")
        return exit_codes.DONE
    with unchecked(options) as (profile, connector):
        if options.act == "status":
            return _tell_status(connector, options)
        if profile.is_read_only:
            raise Ended(exit_codes.REFUSED, READ_ONLY)
        return _carry_out(profile, connector, options)


def _carry_out(profile: Profile, connector: SyncPsycopgConnector, options: argparse.Namespace) -> int:
    acts: dict[str, Callable[[], steps.Steps[Installed]]] = {
        "install": schema.installing,
        "upgrade": schema.upgrading,
        "remove": schema.removing,
    }
    found = connector.run(schema.detect())
    if options.act == "remove" and not options.yes and found.version is not None:
        asked = confirmation(Other.REMOVE_REPORTS, 1, is_production=profile.is_production)
        words.confirm(f"drop the schema jobdesk of database {found.database} with all its reports", asked, profile)
    try:
        done = steps.run(acts[options.act](), connector, is_one_transaction=True)
    except SchemaRefused as error:
        raise Ended(exit_codes.REFUSED, str(error)) from error
    told = _sentence(found, done)
    if options.json:
        output.json_line({"did": done.did, "before": done.before, "after": done.after, "kept": done.kept})
    else:
        output.line(output.plain(told))
    if done.after is not None and not options.json:
        output.line(f"\nRights, to be granted by the owner:\n{_grants(options)}")
    return exit_codes.DONE


def _sentence(found: Reported, done: Installed) -> str:
    where = f"the schema jobdesk of database {found.database}"
    if done.did == "nothing":
        return f"There was nothing to do: {where} has version {done.after} already."
    if done.did == "upgraded":
        return f"Upgraded {where} from version {done.before} to {done.after}."
    if done.did == "installed":
        return f"Installed version {done.after} of {where}."
    if done.kept:
        return f"Dropped the reports of database {found.database}. The schema jobdesk stays: {', '.join(done.kept)}."
    return f"Dropped {where}."


def _grants(options: argparse.Namespace) -> str:
    workers, readers = options.workers, options.readers
    if workers is None and readers is None:
        workers, readers = A_WORKER, A_READER
    texts = ([schema.grants_for_workers(workers)] if workers else []) + (
        [schema.grants_for_readers(readers)] if readers else []
    )
    return output.safe_lines("\n".join(texts))


def _tell_status(connector: SyncPsycopgConnector, options: argparse.Namespace) -> int:
    found = connector.run(schema.detect())
    tables = connector.run(sizes()) if found.readable else {}
    alive = steps.run(
        attempt(found, "workers", lambda reported: reading.living_workers()), connector, limit_s=LIMIT_S
    ).value
    if options.json:
        output.json_line(
            {
                "state": found.state,
                "version": found.version,
                "known_version": schema.VERSION,
                "readable": sorted(found.readable),
                "tables": tables,
                "workers_alive": None if alive is None else len(alive),
                "reports_dropped": None if alive is None else sum(worker.dropped for worker in alive),
            }
        )
    else:
        _tell_found(found, tables, options)
        if alive is not None:
            dropped = sum(worker.dropped for worker in alive)
            output.line(f"Workers that report and are alive: {len(alive):,}; reports dropped by them: {dropped:,}.")
    if found.state in ("unreadable", "foreign"):
        return exit_codes.REFUSED
    return exit_codes.DONE if found.state == "current" else exit_codes.NOT_ALL


def _tell_found(found: Reported, tables: dict[str, TableSize], options: argparse.Namespace) -> None:
    output.line(output.plain(f"database {found.database} as {found.role}"))
    told = {
        "absent": "The schema jobdesk is not installed: no worker reports here.",
        "foreign": "The schema jobdesk was not made by Jobdesk.",
        "older": f"The schema jobdesk has version {found.version}: jobdesk-core reporting upgrade leads to version "
        f"{schema.VERSION}.",
        "newer": f"The schema jobdesk has version {found.version}, newer than this Jobdesk's {schema.VERSION}: what it "
        "knows of it is read.",
        "current": f"The schema jobdesk is installed, version {found.version}.",
        "unreadable": "This role may not look into the schema jobdesk.",
    }
    output.line(told[found.state])
    if not found.tables:
        return
    output.line()
    table = output.Table("table", "rows, about", "size on disk, MB", "readable")
    rows = [
        (
            name,
            size.rows if (size := tables.get(name)) is not None else None,
            round(size.size_bytes / 1e6, 1) if size is not None else None,
            "yes" if name in found.readable else "no",
        )
        for name in schema.TABLES
        if name in found.tables
    ]
    table.rows(rows)
    output.line()
    if options.workers or options.readers:
        output.line(f"{_grants(options)}\n")


# errors


def add_errors(parser: argparse.ArgumentParser) -> None:
    """The options of `errors`."""
    parser.add_argument("id", type=words.job_id, help="the job's id")
    forms.add_forms(parser)
    parser.set_defaults(run=errors)


def errors(desk: Opened, options: argparse.Namespace) -> int:
    """Show each attempt of a job that failed, with its error, its traceback, the worker and the last log lines."""
    found = steps.run(reports_of(desk.capabilities.reported, options.id), desk.connector, limit_s=LIMIT_S)
    if found.refusal is not None:
        is_there = desk.capabilities.reported.is_there
        raise Ended(
            exit_codes.REFUSED if is_there else exit_codes.NOT_ALL, found.refusal, *(() if is_there else (HINT,))
        )
    last: str | None = None
    is_table = forms.form_of(options) is None
    if not is_table and found.runs:
        forms.write(options, [_as_json(options.id, run) for run in found.runs], "attempt")
    for run in found.runs if is_table else ():
        text = run.error.traceback if run.error is not None else None
        _tell_run(run, is_repeated=text == last)
        last = text
    if not found.runs:
        raise Ended(exit_codes.NOT_ALL, f"No error of job #{options.id:,} has been reported.")
    if sum(run.error is not None for run in found.runs) == reading.MOST_ERRORS:
        output.note(f"These are the latest {reading.MOST_ERRORS:,}; there may be more.")
    if found.log_refusal is not None:
        output.note(found.log_refusal)
    return exit_codes.DONE


def _as_json(job_id: int, run: ReportedRun) -> dict[str, Any]:
    error = run.error
    found: dict[str, Any] = {"job_id": job_id, "attempt": run.attempt, "error": None}
    if error is not None:
        found["error"] = {
            **{name: getattr(error, name) for name in ("at", "outcome", "type", "message", "traceback", "fingerprint")},
            **{name: getattr(error, name) for name in ("task", "queue", "app", "host", "pid")},
            "worker": None if error.worker is None else str(error.worker),
        }
    found["log"] = None if run.log is None else {"at": run.log.at, "lines": run.log.lines.split("\n")}
    return found


def _tell_run(run: ReportedRun, *, is_repeated: bool) -> None:
    error = run.error
    if error is None:
        output.line(f"Attempt {run.attempt}  no error reported")
    else:
        output.line(output.plain(f"Attempt {run.attempt}  {output.moment(error.at)}  {OUTCOMES[error.outcome]}"))
        output.line(f"  {output.plain(f'{error.type}: {error.message}' if error.message else error.type)}")
        if (where := worker_of(error)) is not None:
            output.line(f"  {output.plain(where)}")
        if error.traceback and is_repeated:
            output.line("  Traceback as before")
        elif error.traceback:
            _tell_lines("Traceback", error.traceback)
    if run.log is not None:
        _tell_lines("Last lines of its log", run.log.lines)
    output.line()


def _tell_lines(heading: str, text: str) -> None:
    output.line(f"  {heading}")
    for line in text.rstrip("\n").split("\n"):
        output.line(f"    {output.plain(line)}".rstrip())


#: How a run ended, for people.
OUTCOMES = {
    "failed": "failed",
    "retried": "failed, to be retried",
    "lost": "lost with its worker",
    "aborted": "aborted",
}


def worker_of(error: Error) -> str | None:
    """Where a run failed, as far as its worker's report is still there."""
    if error.host is None:
        return None
    process = f", process {error.pid}" if error.pid is not None else ""
    app = f" ({error.app})" if error.app else ""
    return f"on {error.host}{process}{app}"
