"""The command `check`: tries a connection step by step, in the same words as the window's test."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from dataclasses import replace

from jobdesk_core.cli import exit_codes, output
from jobdesk_core.cli.asking import ask_for_ssh
from jobdesk_core.cli.connection import asked, can_ask, kept, profile_of
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.profiles import Profile, connection_parameters
from jobdesk_core.profiles.origins import settings_of
from jobdesk_core.profiles.places import Secret
from jobdesk_core.profiles.probe import Step, following, probe

_SIGNS = {"good": "ok", "warning": "look", "bad": "FAILED"}
#: What keeps a connection from working, by the kind of its trouble.
_REFUSED = ("rights", "refused", "no_schema", "capability")


def add_check(parser: argparse.ArgumentParser) -> None:
    """The options of `check`."""
    parser.add_argument(
        "--settings",
        action="store_true",
        help="only show what is connected with, and where each value comes from; nothing is connected to",
    )
    parser.set_defaults(run_alone=check)


def check(options: argparse.Namespace) -> int:
    """Try each step, and tell of it as soon as it has been tried."""
    profile, password = profile_of(options)
    if options.schema:
        profile = replace(profile, schema=options.schema)
    secret = kept(profile, password)
    if options.settings:
        return _show_settings(profile, secret, is_json=options.json)
    while True:
        last = asyncio.run(_tried(profile, secret, is_json=options.json))
        is_password = last.trouble is not None and last.trouble.kind == "password"
        if not is_password or not can_ask():
            return _code(last)
        secret = asked(profile)


def _show_settings(profile: Profile, secret: Secret | None, *, is_json: bool) -> int:
    connection_parameters(profile, secret)  # tells why, where it cannot be read
    found = settings_of(profile, is_password_known=secret is not None)
    if not found:
        raise Ended(exit_codes.USAGE, "Where this leads cannot be told: is there a service of this name?")
    if is_json:
        for setting in found:
            output.json_line({"name": setting.name, "value": setting.value, "from": setting.origin})
    else:
        table = output.Table("setting", "value", "from")
        table.rows([(setting.name, setting.value, setting.origin) for setting in found])
    return exit_codes.DONE


async def _tried(profile: Profile, secret: Secret | None, *, is_json: bool) -> Step:
    last = None
    async with contextlib.aclosing(probe(profile, secret, ask_for_ssh if can_ask() else None)) as steps:
        async for step in steps:
            last = step
            _tell(step, is_json=is_json)
            output.flush()
    assert last is not None
    untried = following(last.name) if last.result == "bad" else ()
    if untried and not is_json:
        output.line(f"Not tried: {', '.join(untried)}.")
    return last


def _tell(step: Step, *, is_json: bool) -> None:
    if is_json:
        told = {"step": step.name, "result": step.result, "sentence": step.in_full, "lines": list(step.lines)}
        output.json_line(told | {"milliseconds": round(step.milliseconds, 1), "schemas": list(step.schemas)})
        return
    head = f"{_SIGNS[step.result]:6}  {step.name:8} {step.milliseconds:7,.0f} ms  "
    output.line(output.plain(f"{head}{step.in_full}"))
    for line in step.lines:
        output.line(output.plain(f"{' ' * len(head)}{line}"))
    if step.schemas:
        output.line(output.plain(f"{' ' * len(head)}Others: --schema {' or --schema '.join(step.schemas)}"))


def _code(last: Step) -> int:
    if last.result != "bad":
        return exit_codes.DONE
    if last.trouble is None or last.trouble.kind in _REFUSED:
        return exit_codes.REFUSED
    return exit_codes.USAGE if last.trouble.kind == "bad_dsn" else exit_codes.CONNECTION
