"""Which jobs are meant: those named by their ids, or everything that a filter matches."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.monitor.filter_ranges import BIGINT
from jobdesk_core.monitor.filters import JobFilter

_PIECE = re.compile(r"[^\s;|(){}\[\]\"']+")
_ID = re.compile(r"#?[0-9]{1,25}")
#: As the window shows a large number; without the sign it may as well be several ids.
_GROUPED = re.compile(r"#[0-9]{1,3}(,[0-9]{3})+")
_AMBIGUOUS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+")


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
        super().__init__(
            f"“{shown}” may be one id or several. Put a blank after each comma, or a # before each id."
            if _AMBIGUOUS.fullmatch(piece)
            else f"“{shown}” is not a job's id. Ids are numbers, such as 4711 or #4,711."
        )
        #: Where it stands in the text, in characters.
        self.place = place


def parse_ids(text: str) -> tuple[int, ...]:
    """The ids of a pasted list, each once, in its order. Raises IdsNotUnderstood.

    Between them stand blanks, lines, commas, semicolons, bars, brackets or quotes.
    """
    found: dict[int, None] = {}
    for match in _PIECE.finditer(text):
        piece = match[0].strip(",")
        if _AMBIGUOUS.fullmatch(piece):
            raise IdsNotUnderstood(piece, match.start())
        numbers = [piece.replace(",", "")] if _GROUPED.fullmatch(piece) else piece.split(",")
        for number in filter(None, numbers):
            if not _ID.fullmatch(number) or int(number.removeprefix("#")) > BIGINT[1]:
                raise IdsNotUnderstood(number, match.start())
            found[int(number.removeprefix("#"))] = None
    return tuple(found)
