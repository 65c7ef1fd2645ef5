"""Cron expressions as croniter reads them: five fields, the seconds in a sixth and the year in a seventh.

In UTC, as Procrastinate takes them, or by the clocks of a zone.
"""

from __future__ import annotations

import datetime as dt
from typing import Any


class Schedule:
    """The times of a cron expression, in seconds since 1970. What it leaves to chance (`R`) is drawn once.

    By the clocks of a `zone` a time that a change of the clocks skips comes right after it, and one that comes twice
    comes twice. Raises ValueError, of croniter's own kinds, for what is no expression and for one whose time never
    comes.
    """

    def __init__(self, expression: str, zone: dt.tzinfo | None = None) -> None:
        # Not when this module is imported: most programs have no schedule, and it takes its time.
        from croniter import CroniterBadCronError, CroniterBadDateError, CroniterError, croniter

        self._zone = zone
        try:
            self._times: Any = croniter(expression, self._start(0.0), float)
        except (AttributeError, TypeError) as error:
            raise CroniterBadCronError(
                f"A cron expression is a text such as '*/5 * * * *', not {expression!r}."
            ) from error
        except CroniterError as error:
            raise type(error)(f"{expression!r} is no cron expression: {error}") from error
        self._no_date = CroniterBadDateError
        self.expression = expression

    def after(self, moment: float) -> float:
        """The first time after `moment`."""
        return self._from(moment, "get_next")

    def before(self, moment: float) -> float:
        """The last time before `moment`."""
        return self._from(moment, "get_prev")

    def _start(self, moment: float) -> float | dt.datetime:
        return moment if self._zone is None else dt.datetime.fromtimestamp(moment, self._zone)

    def _from(self, moment: float, method: str) -> float:
        self._times.set_current(self._start(moment), force=True)
        try:
            return float(getattr(self._times, method)())
        except self._no_date as error:
            raise self._no_date(f"The time of the cron expression {self.expression!r} never comes.") from error
