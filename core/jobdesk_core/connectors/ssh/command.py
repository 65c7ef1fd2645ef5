"""The host of SSH that a profile names, and the `ssh` that forwards through it.

What a profile says becomes arguments of a program: nothing of it is ever taken for an option, or run by a shell.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

#: As in the terminal: a user, a host or an alias of ssh_config, a port. Nothing that a shell would look at.
_HOP = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][\w.+\\-]*(?:@[\w.-]+)?)@)?(?P<host>[A-Za-z0-9_][\w.-]*|\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\])"
    r"(?::(?P<port>\d{1,5}))?",
    re.ASCII,
)
#: Held for every host, whatever ssh_config says: nothing is accepted or shared without a question, and a silent
#: network is noticed. Forwardings of ssh_config whose ports are taken do no harm: ours is looked at by itself.
_OPTIONS = {
    "StrictHostKeyChecking": "ask",
    "ControlMaster": "no",
    "ControlPath": "none",
    "ExitOnForwardFailure": "no",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "ConnectTimeout": "10",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "GatewayPorts": "no",
}
LOOPBACK = "127.0.0.1"
#: Seconds for `ssh` to read its configuration, and after how many hosts before others no more are looked for.
_CONFIG_LIMIT_S, _DEEPEST = 10.0, 4


@dataclass(frozen=True, slots=True)
class Destination:
    """The hosts to go through, in their order; the last one is who forwards. Each as `user@host:port`."""

    hops: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last one, for people."""
        return self.hops[-1]


def destination_of(text: str) -> Destination | None:
    """The hosts that a text names, with commas between them; None where it names none. Raises ValueError."""
    hops = [hop.strip().removeprefix("ssh://") for hop in text.split(",")] if text.strip() else []
    for hop in hops:
        found = _HOP.fullmatch(hop)
        if found is None or int(found["port"] or 22) not in range(1, 65536):
            raise ValueError("no host of SSH")
    return Destination(tuple(hops)) if hops else None


def problem(text: str) -> str | None:
    """Why a text names no host of SSH, or None when it does, or is empty."""
    try:
        destination_of(text)
    except ValueError:
        return (
            "A host of SSH looks like user@bastion:22, or is a Host of your ssh_config; commas stand between several."
        )
    return None


def command(
    program: str, destination: Destination, forwards: Sequence[tuple[int, str, str]], *, is_asking: bool
) -> list[str]:
    """The command that forwards each port of the loopback to a host and port as the last hop sees them.

    It tells on its standard error how far it is. With `is_asking` it may ask, otherwise it never does. Takes some
    milliseconds for each hop: `ssh` is asked which hosts of ssh_config stand before it.
    """
    way = []
    for own, host, port in forwards:
        way += ["-L", f"{LOOPBACK}:{own}:{_target(host, port)}"]
    return [program, *_words(program, destination.hops, ["-N", "-T", *way], is_asking=is_asking)]


def _words(program: str, hops: Sequence[str], way: Sequence[str], *, is_asking: bool, depth: int = 0) -> list[str]:
    """The arguments of `ssh` to the last of these hops, through those before it.

    Those are gone through by a command of ours, not by ProxyJump: it would leave them to ssh_config, which may accept
    any key unasked, and leave a shared connection running.
    """
    *before, last = hops
    options = _OPTIONS | {"BatchMode": "no" if is_asking else "yes"}
    before = before or (_jumps(program, last) if depth < _DEEPEST else [])
    if before:
        inner = _words(program, before, ["-W", "[%h]:%p"], is_asking=is_asking, depth=depth + 1)
        # What is for the inner hop's own command is not for this one.
        options["ProxyCommand"] = shlex.join([program, *inner]) if depth == 0 else _later(program, inner)
    words = ["-v", *way]
    for name, value in options.items():
        words += ["-o", f"{name}={value}"]
    # An outer command's signs are replaced where it is read.
    return [*words, *(word.replace("%", "%%") if depth else word for word in _host(last))]


def _later(program: str, words: Sequence[str]) -> str:
    return shlex.join([program, *words]).replace("%", "%%")


def _host(hop: str) -> list[str]:
    found = _HOP.fullmatch(hop)
    assert found is not None
    port = ["-p", found["port"]] if found["port"] else []
    user = ["-l", found["user"]] if found["user"] else []
    return [*port, *user, "--", found["host"].strip("[]")]


def _jumps(program: str, hop: str) -> list[str]:
    """The hosts that ssh_config names before this one; none where it names none, or in a way that is left to `ssh`."""
    if sys.platform == "win32":
        return []
    try:
        told = subprocess.run(
            [program, "-G", *_host(hop)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment(),
            timeout=_CONFIG_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    named = [line.partition(" ")[2] for line in told.stdout.splitlines() if line.lower().startswith("proxyjump ")]
    found = [each.strip() for each in (named[0].split(",") if named else [])]
    return found if all(_HOP.fullmatch(each) for each in found) else []


def _target(host: str, port: str) -> str:
    if host.startswith("/"):
        return f"{host}/.s.PGSQL.{port}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def environment() -> dict[str, str]:
    """What `ssh` gets: all that it has in a terminal, for agents and for commands of ssh_config, but libpq's variables.

    A variable that ssh_config sends on would tell the host a password otherwise.
    """
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("PG")}
    if sys.platform != "win32":
        kept["LC_ALL"] = "C"  # its words are read
    return kept
