"""A session bus of its own, and a small notification service on it, for tests of the desktop's notifications."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SERVICE = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"


@contextlib.contextmanager
def session_bus(folder: Path) -> Iterator[str]:
    """The address of a bus, which is also this process's; skips where there is no dbus-daemon."""
    program = shutil.which("dbus-daemon")
    if program is None:
        pytest.skip("needs dbus-daemon")
    address = f"unix:path={folder}/bus"
    words = [program, "--session", "--nofork", "--nopidfile", f"--address={address}", "--print-address=1"]
    before = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as daemon:
        try:
            assert daemon.stdout is not None
            daemon.stdout.readline()
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = address
            yield address
        finally:
            if before is None:
                os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)
            else:
                os.environ["DBUS_SESSION_BUS_ADDRESS"] = before
            daemon.kill()


@dataclass
class Service:
    """What a desktop's service was asked to show, each the arguments of `Notify`."""

    capabilities: list[str] = field(default_factory=lambda: ["actions", "body", "body-markup"])
    shown: list[tuple[Any, ...]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        from jeepney import message_bus
        from jeepney.io.blocking import open_dbus_connection

        self._connection = open_dbus_connection(bus="SESSION")
        self._connection.send_and_get_reply(message_bus.RequestName(SERVICE))
        self._numbers = itertools.count(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def press(self, number: int, action: str = "show") -> None:
        """Press a button of a notification."""
        from jeepney import DBusAddress, new_signal

        emitter = DBusAddress(PATH, bus_name=SERVICE, interface=SERVICE)
        self._connection.send(new_signal(emitter, "ActionInvoked", "us", (number, action)))

    def stop(self) -> None:
        """Leave the bus."""
        self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._connection.close()

    def _serve(self) -> None:
        from jeepney import HeaderFields, MessageType, new_method_return

        with contextlib.suppress(Exception):  # the bus has gone: the test is over
            while True:
                message = self._connection.receive()
                if message.header.message_type is not MessageType.method_call:
                    continue
                if message.header.fields[HeaderFields.member] == "Notify":
                    self.shown.append(message.body)
                    self.numbers.append(message.body[1] or next(self._numbers))
                    self._connection.send(new_method_return(message, "u", (self.numbers[-1],)))
                else:
                    self._connection.send(new_method_return(message, "as", (self.capabilities,)))
