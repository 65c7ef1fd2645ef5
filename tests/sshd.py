"""Two real SSH servers of a test's own, one behind the other; where sshd is not installed their tests are skipped.

The `ssh` that comes first in PATH meanwhile reads a configuration of the test's own, and nothing of this user's.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PROGRAM = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
CLIENT = shutil.which("ssh")
needs_sshd = pytest.mark.skipif(
    PROGRAM is None or CLIENT is None, reason="needs OpenSSH (apt install openssh-server openssh-client)"
)
PASSPHRASE = "Zq9xV a phrase wQ7k"


@dataclass
class Hosts:
    """`bastion`, and behind it `gate`, with a key of ours each; `known` decides which of theirs we have seen before."""

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def log(self) -> str:
        """What both servers have noted."""
        return "".join((self.folder / name / "log").read_text("utf-8", "replace") for name in self.ports)

    def know(self, *names: str, instead: bool = False) -> None:
        """Have seen the keys of these hosts before; `instead` another key of each."""
        lines = []
        for name in names:
            key = self.folder / ("other" if instead else name) / "key.pub"
            lines.append(f"[127.0.0.1]:{self.ports[name]} {' '.join(key.read_text().split()[:2])}\n")
        (self.folder / "known_hosts").write_text("".join(lines))

    @property
    def known(self) -> str:
        """The keys that were seen."""
        return (self.folder / "known_hosts").read_text()

    def fingerprint(self, name: str) -> str:
        """The fingerprint of a host's key, as its administrator has it."""
        words = ["ssh-keygen", "-lf", str(self.folder / name / "key.pub")]
        return subprocess.run(words, check=True, timeout=60, capture_output=True, text=True).stdout.split()[1]

    def configure(self, *, key: str = "id", more: str = "") -> None:
        """What ssh_config says: the hosts by their names, and the key that we show."""
        lines = [
            *("Host *", f"UserKnownHostsFile {self.folder}/known_hosts", "GlobalKnownHostsFile /dev/null"),
            *("IdentityAgent none", "IdentitiesOnly yes", f"IdentityFile {self.folder}/{key}", "HashKnownHosts no"),
            *("UpdateHostKeys no", "Host bastion", f"HostName 127.0.0.1\nPort {self.ports['bastion']}"),
            *("Host gate", f"HostName 127.0.0.1\nPort {self.ports['gate']}", "ProxyJump bastion"),
            # The same two, without the one before the other.
            *("Host bare-gate", f"HostName 127.0.0.1\nPort {self.ports['gate']}"),
        ]
        (self.folder / "config").write_text(more + "\n".join(lines) + "\n")

    def start(self, name: str) -> None:
        """Have a host listen, on the port that it had."""
        place = self.folder / name
        with (place / "log").open("ab") as log:
            command = [str(PROGRAM), "-D", "-e", "-f", str(place / "config")]
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        _wait_for(self.ports[name], self.processes[name], place / "log")

    def stop(self, name: str) -> None:
        """Have a host be gone, and every connection through it."""
        self.processes[name].terminate()
        self.processes[name].wait(10)


@contextlib.contextmanager
def two_hosts(monkeypatch: pytest.MonkeyPatch, *, options: str = "") -> Iterator[Hosts]:
    """Both hosts, known, with a key of ours that needs no passphrase (`id`), and one that does (`locked`)."""
    with tempfile.TemporaryDirectory(prefix="jobdesk-sshd-") as made:
        hosts = Hosts(Path(made))
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for name, phrase in (("id", ""), ("locked", PASSPHRASE), ("stranger", "")):
            _key(hosts.folder / name, phrase)
        keys = [(hosts.folder / f"{name}.pub").read_text() for name in ("id", "locked")]
        (hosts.folder / "authorized").write_text("".join(keys))
        (hosts.folder / "other").mkdir()
        _key(hosts.folder / "other" / "key")
        for name in ("bastion", "gate"):
            (hosts.folder / name).mkdir()
            _key(hosts.folder / name / "key")
            hosts.ports[name] = _free_port()
            (hosts.folder / name / "config").write_text(
                f"Port {hosts.ports[name]}\nListenAddress 127.0.0.1\nHostKey {hosts.folder}/{name}/key\n"
                f"AuthorizedKeysFile {hosts.folder}/authorized\nStrictModes no\nUsePAM no\nPidFile none\n"
                f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
                f"AllowUsers {getpass.getuser()}\nLogLevel VERBOSE\n{options}"
            )
        hosts.configure()
        hosts.know("bastion", "gate")
        wrapper = hosts.folder / "bin" / "ssh"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\nexec {CLIENT} -F {shlex.quote(str(hosts.folder / "config"))} "$@"\n')
        wrapper.chmod(0o700)
        monkeypatch.setenv("PATH", f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}")
        try:
            for name in hosts.ports:
                hosts.start(name)
            yield hosts
        finally:
            for process in hosts.processes.values():
                process.kill()
                process.wait(10)


def _key(path: Path, phrase: str = "") -> None:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-C", "test", "-f", str(path)]
    subprocess.run(words, check=True, timeout=60, stdin=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())
