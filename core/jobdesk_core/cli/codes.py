"""The exit codes, for scripts to rely on."""

from __future__ import annotations

DONE = 0
#: Nothing matched, or a job that was to be acted upon was not.
NOT_ALL = 1
USAGE = 2
CONNECTION = 3
REFUSED = 4
INTERRUPTED = 130
#: As a shell tells of a program that SIGPIPE has ended.
BROKEN_PIPE = 141

TOLD = """\
exit codes:
  0    done
  1    nothing matched, or some of the jobs were not acted upon (refused, changed meanwhile, or
       ids given that could not be)
  2    the command line, the filter or the input was not understood; or --yes was needed
  3    no connection, or it was lost
  4    refused: a right, a read-only profile or server, or a release that cannot do it
  130  ended by Ctrl+C; what had been done before stays done
  141  whoever read the output has gone (such as head)
"""


class Ended(Exception):
    """The command ends with this code, after these sentences on the error stream."""

    def __init__(self, code: int, *sentences: str) -> None:
        super().__init__(*sentences)
        self.code = code
        self.sentences = sentences
