"""That failures have risen."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rise:
    """Failures of a queue or task that have risen: so many within `minutes`, where `usual` were to be expected."""

    kind: Literal["queue", "task"]
    name: str
    failures: int
    usual: float
    minutes: int
    since: dt.datetime
