"""A tunnel through SSH, opened when the next connection needs it, and anew after a break.

Its end on this machine is a port of the loopback: through a socket of a folder libpq would do no TLS, and the server's
certificate could not be checked. Every connection and every cancellation goes through the same `ssh`, which ends with
the connector, and with us however we end.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from jobdesk_core.connectors.ssh import askpass
from jobdesk_core.connectors.ssh.askpass import Ask, Askpass
from jobdesk_core.connectors.ssh.command import LOOPBACK, Destination, command, environment
from jobdesk_core.connectors.ssh.refusals import channel_refusal, refusal
from jobdesk_core.exceptions import TunnelFailed
from jobdesk_core.processes import Guarded

#: Seconds until the tunnel stands, without those in which somebody is asked.
LIMIT_S = 40.0
_LOOK_S = 0.02
#: How often another port is taken when somebody else was faster.
_TRIES = 3
#: Seconds within which the words of `ssh` belong to a connection that has failed.
_WORDS_S = 0.5


class Tunnel:
    """Forwards to servers as the last host of the destination sees them; asked by any thread."""

    def __init__(
        self, destination: Destination, servers: Sequence[tuple[str, str]], ask: Ask | None = None, program: str = "ssh"
    ) -> None:
        self.destination = destination
        self._servers, self._ask, self._program = tuple(servers), ask if askpass.IS_POSSIBLE else None, program
        self._starting = threading.Lock()
        self._is_given_up = threading.Event()
        self._run: _Run | None = None
        self._passphrases: dict[str, str] = {}
        self._declined: TunnelFailed | None = None

    def open(self) -> None:
        """Connections will be made; whoever did not want to answer is asked again."""
        self._declined = None
        self._is_given_up.clear()

    def give_up(self) -> None:
        """Whoever waits for the tunnel is told that it will not stand."""
        self._is_given_up.set()

    def close(self) -> None:
        """End it."""
        self._is_given_up.set()
        with self._starting:
            self._end()

    def parameters(self) -> dict[str, str]:
        """Where its ends are, as libpq's parameters; it is opened where it does not stand. Raises TunnelFailed."""
        with self._starting:
            if self._is_given_up.is_set():
                raise TunnelFailed("given up", self.destination.name)
            if self._declined is not None:
                raise self._declined
            if self._run is None or not self._run.is_standing:
                self._end()
                self._run = self._started()
            ports = self._run.ports
        return {"hostaddr": ",".join(LOOPBACK for _ in ports), "port": ",".join(map(str, ports))}

    def complaint(self) -> TunnelFailed | None:
        """Why a connection through it has just failed, if `ssh` says."""
        run = self._run
        return run.complaint() if run is not None else None

    def _started(self) -> _Run:
        program = shutil.which(self._program)
        if program is None:
            raise TunnelFailed("missing", self._program)
        for _ in range(_TRIES):
            run = _Run(program, self.destination, self._servers, self._ask, self._passphrases)
            try:
                if run.stands(self._is_given_up):
                    self._passphrases |= run.given
                    return run
            except BaseException as error:
                is_declined = run.is_declined
                run.end()
                if is_declined:
                    self._declined = TunnelFailed("declined", self.destination.name)
                    raise self._declined from error
                raise
            run.end()
        raise TunnelFailed("no port", self.destination.name)

    def _end(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.end()


class _Run:
    """One `ssh`, from its start to its end."""

    def __init__(
        self,
        program: str,
        destination: Destination,
        servers: Sequence[tuple[str, str]],
        ask: Ask | None,
        passphrases: dict[str, str],
    ) -> None:
        self._host = destination.name
        self._lines: deque[str] = deque(maxlen=200)
        self._refusal: tuple[float, TunnelFailed] | None = None
        self._listening: set[int] = set()
        self._is_port_taken = False
        self.ports = _free_ports(len(servers))
        self._askpass = Askpass(ask, passphrases) if ask is not None else None
        variables = self._askpass.__enter__().variables if self._askpass is not None else {}
        forwards = [(own, host, port) for own, (host, port) in zip(self.ports, servers, strict=True)]
        words = command(program, destination, forwards, is_asking=ask is not None)
        try:
            self._process = Guarded(words, environment() | variables)
        except OSError as error:
            self._stop_asking()
            raise TunnelFailed("missing", program, error.strerror or "") from error
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True, name="ssh")
            for stream in (self._process.complaints, self._process.output)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def is_standing(self) -> bool:
        return self._process.code is None and self._listening.issuperset(self.ports)

    @property
    def is_declined(self) -> bool:
        return self._askpass is not None and self._askpass.is_declined

    @property
    def given(self) -> dict[str, str]:
        return self._askpass.given if self._askpass is not None else {}

    def stands(self, is_given_up: threading.Event) -> bool:
        """Wait until it stands; False when another program was faster with a port. Raises TunnelFailed."""
        waited, before = 0.0, time.monotonic()
        while not self._listening.issuperset(self.ports):
            if self._is_port_taken:
                return False
            if self._process.code is not None:
                self._readers[0].join(1.0)
                raise refusal(self._lines, self._host)
            if is_given_up.wait(_LOOK_S):
                raise TunnelFailed("given up", self._host)
            now = time.monotonic()
            waited += 0.0 if self._askpass is not None and self._askpass.is_asking else now - before
            before = now
            if waited > LIMIT_S:
                raise TunnelFailed("unreachable", self._host)
        return True

    def complaint(self) -> TunnelFailed | None:
        """What it said of the connection that has just failed, or why it has ended."""
        ends_at = time.monotonic() + _WORDS_S
        while time.monotonic() < ends_at:
            if self._refusal is not None and time.monotonic() - self._refusal[0] < 2 * _WORDS_S:
                return self._refusal[1]
            if self._process.code is not None:
                return refusal(self._lines, self._host)
            time.sleep(_LOOK_S)
        return None

    def end(self) -> None:
        self._process.end()
        self._stop_asking()
        for reader in self._readers:
            reader.join(1.0)

    def _stop_asking(self) -> None:
        if self._askpass is not None:
            self._askpass.__exit__()
            self._askpass = None

    def _read(self, stream: Any) -> None:
        with stream, contextlib.suppress(OSError, ValueError):
            for raw in stream:
                self._take(raw.decode("utf-8", "replace").rstrip())

    def _take(self, line: str) -> None:
        self._lines.append(line)
        refused = channel_refusal(line, self._host)
        if refused is not None:
            self._refusal = (time.monotonic(), refused)
        if line.startswith("debug1: Local forwarding listening on "):
            self._listening |= {port for port in self.ports if line.startswith(_listens(port))}
        elif "cannot listen to port: " in line:
            self._is_port_taken |= any(line.endswith(f"port: {port}") for port in self.ports)


def _listens(port: int) -> str:
    return f"debug1: Local forwarding listening on {LOOPBACK} port {port}."


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has just now, all at once, so that they are different ones."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in held]
