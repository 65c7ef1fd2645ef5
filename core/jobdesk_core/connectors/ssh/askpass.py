"""What `ssh` asks is put to whoever sits at the desk: passphrases, codes, and whether a new host's key is right.

`ssh` starts the little program in a folder that only we can enter; questions and answers pass through pipes in there,
never through a file, an argument or a variable. Where there are no such pipes (Windows) nothing can be asked.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from jobdesk_core import masking

Kind = Literal["host key", "passphrase", "secret", "confirm"]

logger = logging.getLogger(__name__)
IS_POSSIBLE = hasattr(os, "mkfifo")
_PROGRAM = """#!/bin/sh
[ "$SSH_ASKPASS_PROMPT" = none ] && exit 0
umask 077
cd "$JOBDESK_ASKPASS" || exit 1
printf '%s' "$1" > "question.$$" || exit 1
mkfifo "answer.$$" || exit 1
echo "$$ $PPID" > asked
IFS= read -r reply < "answer.$$" || exit 1
case "$reply" in +*) printf '%s\\n' "${reply#+}" ;; *) exit 1 ;; esac
"""
_NEW_HOST = re.compile(r"The authenticity of host '(?P<host>[^']*)' can't be established")
_FINGERPRINT = re.compile(r"^(?P<type>[\w@.-]+) key fingerprint is:? *(?P<print>SHA256:[A-Za-z0-9+/=]+)", re.MULTILINE)
_READER_S = 5.0


@dataclass(frozen=True, slots=True)
class Question:
    """What `ssh` wants to know, in its own `text`.

    Of a host whose key nobody has seen yet: who it is, the kind of its key and its fingerprint. `is_again`: the answer
    before was not accepted.
    """

    kind: Kind
    text: str
    host: str = ""
    key_type: str = ""
    fingerprint: str = ""
    is_again: bool = False


#: Puts a question to somebody and waits, in its thread; None when nobody wants to answer, or it is over before that. A
#: host's key is accepted and a question confirmed by "yes".
Ask = Callable[[Question, threading.Event], str | None]


def question_of(text: str) -> Question:
    """What `ssh` wants to know by this text, as it says it in English only."""
    host, key = _NEW_HOST.search(text), _FINGERPRINT.search(text)
    if host is not None and key is not None:
        return Question("host key", text, host["host"], key["type"], key["print"])
    if "(yes/no" in text:
        return Question("confirm", text)
    return Question("passphrase" if text.startswith("Enter passphrase") else "secret", text)


class Askpass:
    """Answers for one `ssh`, between `__enter__` and `__exit__`; passphrases that were given before are in `known`."""

    def __init__(self, ask: Ask, known: dict[str, str]) -> None:
        self._ask, self._known = ask, known
        self._asked: set[tuple[str, str]] = set()
        #: Set when nobody waits for an answer any more.
        self._is_over = threading.Event()
        #: Whether somebody is being asked just now, and whether somebody did not want to answer.
        self.is_asking = self.is_declined = False
        #: The passphrases that were given this time.
        self.given: dict[str, str] = {}

    def __enter__(self) -> Askpass:
        self._folder = Path(tempfile.mkdtemp(prefix="jobdesk-ssh-"))
        program = self._folder / "askpass"
        program.write_text(_PROGRAM)
        program.chmod(0o700)
        os.mkfifo(self._folder / "asked", 0o600)
        # For both, so that it never ends.
        self._questions = os.open(self._folder / "asked", os.O_RDWR | os.O_NONBLOCK)
        self._stop_in, self._stop_out = os.pipe()
        threading.Thread(target=self._serve, daemon=True, name="ssh asks").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        os.close(self._stop_out)

    @property
    def variables(self) -> dict[str, str]:
        """What `ssh` needs to ask here, and never on a terminal."""
        return {
            "SSH_ASKPASS": str(self._folder / "askpass"),
            "SSH_ASKPASS_REQUIRE": "force",
            "JOBDESK_ASKPASS": str(self._folder),
            # Before OpenSSH 8.4 it asks here only where there seems to be a display.
            "DISPLAY": os.environ.get("DISPLAY") or ":0",
        }

    def _serve(self) -> None:
        try:
            while self._stop_in not in (ready := select.select([self._questions, self._stop_in], [], [])[0]):
                if ready:
                    for line in os.read(self._questions, 4096).decode("ascii", "replace").splitlines():
                        self._answer(*line.split())
        finally:
            os.close(self._questions)
            os.close(self._stop_in)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _answer(self, number: str, asker: str) -> None:
        with contextlib.suppress(OSError):
            text = (self._folder / f"question.{number}").read_text("utf-8", "replace")
            answer = self._answered(text, asker)
            reply = "-" if answer is None else f"+{answer}".replace("\n", "")
            _write(self._folder / f"answer.{number}", f"{reply}\n".encode())

    def _answered(self, text: str, asker: str) -> str | None:
        question = question_of(text)
        # Two hosts may want the same key: the passphrase is known by then, unless the same one asks for it again.
        is_again, known = (asker, text) in self._asked, self.given.get(text, self._known.get(text))
        self._asked.add((asker, text))
        if known is not None and not is_again:
            return known
        self.is_asking, answer = True, None
        try:
            answer = self._ask(replace(question, is_again=is_again), self._is_over)
        except Exception:  # whoever cannot be asked does not answer
            logger.exception("Nobody could be asked what ssh asks.")
        finally:
            self.is_asking = False
        if answer is None:
            self.is_declined = not self._is_over.is_set()
        elif question.kind in ("passphrase", "secret"):
            masking.hide([answer])
        if answer is not None and question.kind == "passphrase":
            self.given[text] = answer
        return answer


def _write(pipe: Path, content: bytes) -> None:
    """Write to who waits there; nothing when nobody does."""
    ends_at = time.monotonic() + _READER_S
    while time.monotonic() < ends_at:
        with contextlib.suppress(OSError):  # nobody reads yet
            number = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(number, content)
            finally:
                os.close(number)
            return
        time.sleep(0.01)
