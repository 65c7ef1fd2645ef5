"""A password that a command prints: run without a shell, within a time, and again once the password has expired.

What the command prints is the password and nothing else, and neither that nor what it complains of is shown or logged.
"""

from __future__ import annotations

import os
import shlex
import shutil
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import IO

from jobdesk_core import masking
from jobdesk_core.exceptions import PasswordCommandFailed
from jobdesk_core.processes import Guarded, chosen_environment

#: Seconds that a command may take.
TIMEOUT_S = 30.0
#: No password is longer, in bytes; tokens of clouds have some two thousand.
_MOST_BYTES = 64 * 1024
_LOOK_S = 0.02
#: Seconds for what the command has left in its pipes, once it has been ended.
_REST_S = 2.0
#: What tools that fetch passwords need besides: where they keep their sign-ins, and where they ask.
_BEGINNINGS = ("AWS_", "AZURE_", "BW_", "CLOUDSDK_", "GCLOUD_", "GOOGLE_", "GNUPG", "KRB5", "OP_", "PASSWORD_STORE_")
_ALSO = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "GPG_TTY", "KUBECONFIG", "SSH_AUTH_SOCK", "VAULT_ADDR", "VAULT_TOKEN")
_DESKTOP = ("WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def words_of(line: str) -> tuple[str, ...]:
    """The arguments of a command that was typed as one line. Raises ValueError for a quote that is not closed."""
    return tuple(shlex.split(line))


def line_of(words: Sequence[str]) -> str:
    """The command as one line, as it would be typed."""
    return shlex.join(words)


def problem(line: str) -> str | None:
    """Why a line is no command, or None when it is one, or empty."""
    try:
        words = words_of(line)
    except ValueError:
        return "A quotation mark is not closed."
    if "\0" in line or "\n" in line:
        return "A command is one line."
    return "A command begins with a program." if words and not words[0] else None


def run(words: Sequence[str], *, timeout_s: float = TIMEOUT_S, is_given_up: threading.Event | None = None) -> str:
    """The one line that the command prints. Waits for it, in a thread of the caller's. Raises PasswordCommandFailed."""
    environment = _environment()
    program = shutil.which(str(Path(words[0]).expanduser()), path=environment.get("PATH"))
    if program is None:
        raise PasswordCommandFailed("The program of the password command is not there, or may not be run.")
    try:
        guarded = Guarded([program, *words[1:]], environment)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its arguments cannot be passed on"
        raise PasswordCommandFailed(f"The password command cannot be started: {reason}.") from None
    printed, complaints = _Reading(guarded.output), _Reading(guarded.complaints, keeps=False)
    try:
        code = _waited_for(guarded, printed, time.monotonic() + timeout_s, timeout_s, is_given_up)
    finally:
        guarded.end()
    for each in (printed, complaints):
        each.thread.join(_REST_S)
    return _password(bytes(printed.held), code)


class _Reading:
    """Reads what a program writes, so that it never waits for us, and keeps no more of it than a password has."""

    def __init__(self, stream: IO[bytes], *, keeps: bool = True) -> None:
        self.held = bytearray()
        self._stream, self._keeps = stream, keeps
        self.thread = threading.Thread(target=self._read, daemon=True, name="password command")
        self.thread.start()

    @property
    def is_too_much(self) -> bool:
        return len(self.held) > _MOST_BYTES

    def _read(self) -> None:
        with self._stream:
            while piece := os.read(self._stream.fileno(), 4096):
                if self._keeps and not self.is_too_much:
                    self.held += piece


def _waited_for(
    guarded: Guarded, printed: _Reading, ends_at: float, timeout_s: float, is_given_up: threading.Event | None
) -> int:
    given_up = is_given_up or threading.Event()
    while (code := guarded.code) is None:
        if given_up.wait(_LOOK_S):
            raise PasswordCommandFailed("The password command was not waited for any longer.")
        if printed.is_too_much:
            raise PasswordCommandFailed("The password command prints too much to be a password.")
        if time.monotonic() > ends_at:
            raise PasswordCommandFailed(f"The password command has not ended within {timeout_s:.0f} s.")
    return code


def _password(printed: bytes, code: int) -> str:
    """What was printed, as a password. Nothing of it is in any error."""
    if code:
        raise PasswordCommandFailed(f"The password command failed: it ended with {code}.")
    try:
        text = printed.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        text = "\0"
    if not text.strip():
        raise PasswordCommandFailed("The password command printed nothing.")
    if "\0" in text or len(printed) > _MOST_BYTES:
        raise PasswordCommandFailed("The password command printed something that is no password.")
    if len(text.splitlines()) > 1:
        raise PasswordCommandFailed("The password command printed more than one line, and a password is one.")
    return text


def _environment() -> dict[str, str]:
    """What is harmless of ours, and what tools that fetch passwords need. Nothing of libpq's."""
    named = (name for name in os.environ if name.upper().startswith(_BEGINNINGS))
    return chosen_environment((*_ALSO, *_DESKTOP, *map(str.upper, named)))


class PasswordSource:
    """The password of one command: run when there is none yet, when it is too old, or when it was refused.

    May be asked by any thread; those that come while it runs wait for what it prints. `lifetime_s` is for how many
    seconds a password is used for new connections, 0 for as long as the server takes it. `names` are told apart from
    a password that is the same word.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        lifetime_s: float = 0.0,
        timeout_s: float = TIMEOUT_S,
        names: Collection[str] = (),
    ) -> None:
        self._words, self._lifetime_s, self._timeout_s = tuple(words), lifetime_s, timeout_s
        self._names = names
        self._lock = threading.Lock()
        self._text: str | None = None
        self._ran_at = 0.0

    def password(self, *, instead_of: str | None = None, is_given_up: threading.Event | None = None) -> str:
        """The password for a new connection. Raises PasswordCommandFailed.

        `instead_of` is one that the server has refused: if it is what is known, the command is run again.
        """
        with self._lock:
            is_old = 0 < self._lifetime_s <= time.monotonic() - self._ran_at
            if self._text is None or is_old or self._text == instead_of:
                self._text = None
                text = run(self._words, timeout_s=self._timeout_s, is_given_up=is_given_up)
                masking.hide([text], names=self._names)
                self._text, self._ran_at = text, time.monotonic()
            return self._text
