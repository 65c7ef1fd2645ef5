"""What `ssh` asks, put to whoever sits at the terminal."""

from __future__ import annotations

import atexit
import contextlib
import getpass
import sys
import threading

from jobdesk_core.cli import output
from jobdesk_core.connectors.ssh.askpass import Question


def ask_for_ssh(question: Question, is_over: threading.Event) -> str | None:
    """Ask on the terminal, without showing what is typed if it is secret; None for nothing."""
    if question.kind == "host key":
        output.note(f"The SSH host {question.host} is new on this machine. Its {question.key_type} key is:")
        output.note(f"    {question.fingerprint}")
        return _confirmed("Is that the host's key, and shall it be known from now on? [y/N] ")
    if question.kind == "confirm":
        output.note(question.text.strip())
        return _confirmed("[y/N] ")
    if question.is_again:
        output.note("That was not accepted.")
    _keep_terminal()
    try:
        return getpass.getpass(f"{output.plain(question.text.strip())} ", sys.stderr) or None
    except EOFError:
        return None


def _confirmed(text: str) -> str:
    sys.stderr.write(text)
    sys.stderr.flush()
    return "yes" if sys.stdin.readline().strip().lower() in ("y", "yes") else "no"


def _keep_terminal() -> None:
    """Have the terminal show what is typed again, also when this ends while it is asked."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import termios

        number = sys.stdin.fileno()
        atexit.register(termios.tcsetattr, number, termios.TCSADRAIN, termios.tcgetattr(number))
