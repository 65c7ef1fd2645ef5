"""A clock of this machine that is wrong, within one process."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

_real, _time = dt.datetime, time.time


@contextlib.contextmanager
def shifted(seconds: float) -> Iterator[None]:
    """Have `datetime.now`, `date.today` and `time.time` be so many seconds ahead."""
    shift = dt.timedelta(seconds=seconds)

    class AnyDatetime(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, _real)

    class Shifted(_real, metaclass=AnyDatetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return _real.now(tz) + shift

    with patch.object(dt, "datetime", Shifted), patch.object(time, "time", lambda: _time() + seconds):
        yield
