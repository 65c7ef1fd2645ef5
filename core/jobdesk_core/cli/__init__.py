"""Jobdesk without a window: the same operations, on the synchronous connector, for terminals and scripts."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.cli.commands import COMMANDS, is_command, listed

__all__ = ["COMMANDS", "is_command", "listed", "main"]


def main(arguments: Sequence[str], program: str = "jobdesk") -> int:
    """Run a command and return its exit code, one of `jobdesk_core.cli.exit_codes`. `program` is its name in help."""
    try:
        from jobdesk_core.cli.program import main as run
    except KeyboardInterrupt:  # loading takes a moment, and Ctrl+C ends that without a traceback, too
        return 130  # as codes.INTERRUPTED, which may not be loaded yet

    return run(arguments, program)
