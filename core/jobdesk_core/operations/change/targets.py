"""Which jobs are meant: those named by their ids, or everything that a filter matches."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.filters.id_ranges import split_ids
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.filters.ranges import BIGINT

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
        is_number = piece.isascii() and piece.isdecimal()
        told = f"“{_shown(piece)}” is not a job's id. Ids are numbers, such as 4711 or #4,711."
        super().__init__(no_such_id(piece) if is_number else told)
        #: Where it stands in the text, in characters.
        self.place = place


def no_such_id(digits: str) -> str:
    """Why there is no job of an id that is too large."""
    return f"There is no job {_shown(digits)}: ids end at {BIGINT[1]}."


def _shown(piece: str) -> str:
    return piece if len(piece) <= 40 else f"{piece[:40]}…"


def ids_beyond(job_filter: JobFilter) -> list[str]:
    """The ids that a filter asks for one by one and that no job can have."""
    texts = [value.text.removeprefix("#") for token in job_filter.tokens if token.key == "id" for value in token.values]
    return [text for text in texts if text.isascii() and text.isdecimal() and _is_beyond(text)]


def _is_beyond(digits: str) -> bool:
    return len(digits) > _MOST_DIGITS or int(digits) > BIGINT[1]


def parse_ids(text: str) -> tuple[int, ...]:
    """The ids of a pasted list, each once, in its order. Raises IdsNotUnderstood.

    Between them stand spaces, lines, commas, semicolons, bars, brackets or quotes. As in the filter, `123,124` are two.
    """
    found: dict[int, None] = {}
    for match in _PIECE.finditer(text):
        for word in filter(None, [match[0]] if split_ids(match[0]) else match[0].split(",")):
            for digits in split_ids(word) or (word,):
                if not (digits.isascii() and digits.isdecimal()) or _is_beyond(digits):
                    raise IdsNotUnderstood(digits, match.start())
                found[int(digits)] = None
    return tuple(found)
