"""The ways beside the desktop by which an alert is told: a command, or a webhook."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

#: Seconds that a way may take, unless it says otherwise, and at most.
TIMEOUT_S, MOST_TIMEOUT_S = 10.0, 120.0


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments, run without a shell: the alert is JSON on its standard input."""

    name: str
    argv: tuple[str, ...]
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where the alert is sent as JSON. `url` may hold a token, and is shown nowhere: `place` is.

    With `url_env` the address stands in that variable of the environment.
    """

    name: str
    url: str = field(default="", repr=False)
    url_env: str = ""
    timeout_s: float = TIMEOUT_S

    def address(self, variables: Mapping[str, str] = os.environ) -> str:
        """The address itself."""
        return variables.get(self.url_env, "").strip() if self.url_env else self.url

    @property
    def place(self) -> str:
        """The server it goes to, without the rest."""
        try:
            host = urlsplit(self.address()).hostname
        except ValueError:
            host = None
        return host or (f"the address in {self.url_env}" if self.url_env else "an address that cannot be read")


def address_problem(url: str) -> str:
    """Why nothing can be sent to this address, in a sentence without it; empty when it can."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "The address of the webhook cannot be read."
    if not host:
        return "The webhook has no address."
    is_here = host in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
        return "A webhook goes by https."
    return ""


Way = Command | Webhook
