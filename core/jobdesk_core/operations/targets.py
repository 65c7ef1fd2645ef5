"""Which jobs are meant: those named by their ids, or everything that a filter matches."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.monitor.filter_ids import split_ids
from jobdesk_core.monitor.filter_ranges import BIGINT
from jobdesk_core.monitor.filters import JobFilter

_MOST_DIGITS = 25
_PIECE = re.compile(r"[^\s;|(){}\[\]\"']+")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The jobs of these ids, each meant once."""

    job_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """Every job that matches the filter at the moment of the preflight, and none that comes to match later."""

    job_filter: JobFilter


Target = Chosen | Matching


class IdsNotUnderstood(JobdeskException):
    """This is not a list of job ids."""

    def __init__(self, piece: str, place: int) -> None:
        shown = piece if len(piece) <= 40 else f"{piece[:40]}…"
        super().__init__(f"“{shown}” is not a job's id. Ids are numbers, such as 4711 or #4,711.")
        #: Where it stands in the text, in characters.
        self.place = place


def parse_ids(text: str) -> tuple[int, ...]:
    """The ids of a pasted list, each once, in its order. Raises IdsNotUnderstood.

    Between them stand spaces, lines, commas, semicolons, bars, brackets or quotes. As in the filter, `123,124` are two.
    """
    found: dict[int, None] = {}
    for match in _PIECE.finditer(text):
        for word in filter(None, [match[0]] if split_ids(match[0]) else match[0].split(",")):
            for digits in split_ids(word) or (word,):
                if (
                    not (digits.isascii() and digits.isdecimal())
                    or len(digits) > _MOST_DIGITS
                    or int(digits) > BIGINT[1]
                ):
                    raise IdsNotUnderstood(digits, match.start())
                found[int(digits)] = None
    return tuple(found)
