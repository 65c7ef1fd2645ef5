"""What went wrong, as it is told to people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "unreachable",
    "unanswered",
    "password",
    "password_command",
    "no_database",
    "no_role",
    "no_schema",
    "rights",
    "dropped",
    "in_doubt",
    "timeout",
    "busy",
    "locked",
    "limit",
    "bad_dsn",
    "bad_input",
    "queueing_lock",
    "capability",
    "refused",
    "unknown",
]

#: The troubles of a server that is not to be reached; all others are answers of its.
LINK_LOST: tuple[Kind, ...] = ("dropped", "unreachable", "unanswered")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure as told to an operator; `detail` holds the driver's own words."""

    kind: Kind
    sentence: str
    remedy: str = ""
    detail: str = ""
