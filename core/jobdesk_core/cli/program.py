"""The command line: its arguments, which command runs, and how it ends."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib.metadata
import itertools
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from jobdesk_core.cli import (
    acting,
    apps,
    check,
    defer,
    exit_codes,
    failures,
    forms,
    health,
    history,
    journal,
    lists,
    metrics,
    output,
    reading,
    reporting,
    schedules,
    status,
    typed_secrets,
    watch,
    watch_rules,
)
from jobdesk_core.cli.commands import COMMANDS, first_word
from jobdesk_core.cli.connection import opened
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.exceptions import JobdeskException

_OPTIONS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "jobs": reading.add_jobs,
    "show": lambda parser: reading.add_one(parser, reading.show),
    "why": lambda parser: reading.add_one(parser, reading.why),
    "errors": reporting.add_errors,
    "failures": failures.add_failures,
    "queues": lists.add_queues,
    "tasks": lists.add_tasks,
    "workers": lists.add_workers,
    "locks": lists.add_locks,
    "schedules": schedules.add_schedules,
    "status": status.add_status,
    "health": health.add_health,
    "metrics": metrics.add_metrics,
    "watch": watch.add_watch,
    "defer": defer.add_defer,
    "cancel": acting.add_cancel,
    "retry": acting.add_retry,
    "fail": acting.add_fail,
    "purge": acting.add_purge,
    "journal": journal.add_journal,
    "history": history.add_history,
    "check": check.add_check,
    "worker": apps.add_worker,
    "schema": apps.add_schema,
    "reporting": reporting.add_reporting,
    "healthchecks": apps.add_healthchecks,
}
#: A word of a filter that argparse would take for an option; not where the word before it takes any text.
_NEGATED = re.compile(r"-[a-z_]+[:.]")
_TAKES_TEXT = ("--lock", "--queue", "--profile", "--dsn", "--schema", "--ssh")


def make_parser(program: str = "jobdesk") -> argparse.ArgumentParser:
    """The parser of all commands. Only `jobdesk` has a window."""
    parser = typed_secrets.Parser(
        prog=program,
        description="Procrastinate job queues on the command line."
        + (" Without a command, the window." if program == "jobdesk" else ""),
        epilog=exit_codes.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(parser, is_first=True)
    parser.add_argument(
        "-a", "--app", dest="first_app", metavar="PATH", help="the app of worker, schema, healthchecks, defer"
    )
    parser.add_argument("--version", action="version", version=importlib.metadata.version("jobdesk-core"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, told in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=told,
            description=f"{told[0].upper()}{told[1:]}.",
            epilog=exit_codes.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_common(sub, is_first=False, takes_many=name == "metrics")
        _OPTIONS[name](sub)
    return parser


class _Named(argparse.Action):
    """A profile named before the command; all of them are kept, for a command that takes several."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        """Override Action.__call__: the last is the one, and each is noted."""
        namespace.profile = values
        namespace.profiles_before = [*getattr(namespace, "profiles_before", ()), values]


def _add_common(parser: argparse.ArgumentParser, *, is_first: bool, takes_many: bool = False) -> None:
    """What may stand before the command as well as behind it. With `takes_many` several profiles may be named."""
    nothing = None if is_first else argparse.SUPPRESS
    source = parser.add_mutually_exclusive_group()
    if takes_many:
        several = "a saved connection; may be repeated"
        source.add_argument(
            "--profile", action="append", dest="profiles", metavar="NAME", default=nothing, help=several
        )
    else:
        how: Any = _Named if is_first else "store"
        source.add_argument("--profile", metavar="NAME", default=nothing, action=how, help="a saved connection")
    source.add_argument(
        "--dsn",
        default=nothing,
        help="a connection string, or '' for libpq's environment (the default when that is set)",
    )
    parser.add_argument(
        "--schema",
        metavar="NAME",
        default=nothing,
        help="the schema that Procrastinate lies in (default: where the search_path leads)",
    )
    parser.add_argument(
        "--ssh",
        metavar="HOST",
        default=nothing,
        help="go through this host of SSH (user@host:port, or a Host of ssh_config)",
    )
    flag = False if is_first else argparse.SUPPRESS
    parser.add_argument("--json", action="store_true", default=flag, help="one JSON object per line, times in UTC")


def main(arguments: Sequence[str], program: str) -> int:
    """Run one command and return its exit code."""
    output.prepare()
    typed_secrets.hide(arguments)
    try:
        try:
            code = _run(_parsed(arguments, program))
        except SystemExit as end:  # argparse has told what was wrong, or the help
            code = int(end.code or 0)
        sys.stdout.flush()
    except BrokenPipeError:
        # Or the interpreter would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.BROKEN_PIPE
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last net: nobody is shown a traceback
        return _unexpected(error)
    return code


def _unexpected(error: Exception) -> int:
    """Tell of an error that nobody has foreseen, as far as it can still be told."""
    with contextlib.suppress(OSError, ValueError):
        for sentence in filter(None, exit_codes.sentence_and_remedy(error)):
            output.note(sentence)
    if isinstance(error, OSError):
        # What is left in the buffer would fail once more at the interpreter's end.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.FAULT
    return exit_codes.code_of(error)


def _parsed(arguments: Sequence[str], program: str) -> argparse.Namespace:
    """Read the arguments. argparse takes words as one block: those behind an option are added here."""
    parser = make_parser(program)
    word = first_word(arguments)
    if word is not None and word not in COMMANDS:
        parser.error(_no_command(word))
    options, rest = parser.parse_known_args(_shielded(arguments))
    words = getattr(options, "values" if options.command == "defer" else "filter", None)
    if rest and (words is None or any(word.startswith("-") for word in rest)):
        hint = "A connection string goes after --dsn. " if any("://" in word for word in rest) else ""
        told = " ".join(map(output.plain, rest))
        parser.error(f"not understood: {told} ({hint}{program} {options.command} --help)")
    if words is not None:
        words += rest
    return options


def _no_command(word: str) -> str:
    close = difflib.get_close_matches(word.lower(), COMMANDS, 1)
    if close:
        hint = f"Did you mean {close[0]}?"
    elif "://" in word or "=" in word:
        hint = "A connection string goes after --dsn."
    else:
        hint = f"The commands are {', '.join(COMMANDS)}."
    return f"there is no command {output.plain(word)}. {hint}"


def _shielded(arguments: Sequence[str]) -> list[str]:
    """The arguments with a blank before each `-lock:*`: so argparse sees no option in it, and the filter no blank."""
    pairs = itertools.pairwise(["", *arguments])
    return [f" {word}" if _NEGATED.match(word) and before not in _TAKES_TEXT else word for before, word in pairs]


def _run(options: argparse.Namespace) -> int:
    try:
        if getattr(options, "app", None) is None and options.first_app is not None:
            options.app = options.first_app
        with forms.destination(options):
            return _run_one(options)
    except Ended as end:
        sys.stdout.flush()
        for sentence in filter(None, end.sentences):
            output.note(sentence)
        return end.code
    except JobdeskException as error:
        sys.stdout.flush()
        for sentence in filter(None, exit_codes.sentence_and_remedy(error)):
            output.note(sentence)
        return exit_codes.code_of(error)


def _run_one(options: argparse.Namespace) -> int:
    if hasattr(options, "run_alone"):
        return int(options.run_alone(options))
    if apps.is_meant(options):
        return int(options.run_app(options))
    if watch_rules.is_meant(options):
        return watch_rules.run(options)
    if journal.is_meant(options):
        return journal.run(options)
    with opened(options) as desk:
        journal.settle_quietly(desk)
        code: int = options.run(desk, options)
        return code
