"""Cron expressions as croniter reads them, in UTC: five fields, the seconds in a sixth and the year in a seventh."""

from __future__ import annotations

from typing import Any


class Schedule:
    """The times of a cron expression, in seconds since 1970. What it leaves to chance (`R`) is drawn once.

    Raises ValueError, of croniter's own kinds, for what is no expression and for one whose time never comes.
    """

    def __init__(self, expression: str) -> None:
        # Not when this module is imported: most programs have no schedule, and it takes its time.
        from croniter import CroniterBadCronError, CroniterBadDateError, CroniterError, croniter

        try:
            self._times: Any = croniter(expression, 0.0, float)
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

    def _from(self, moment: float, method: str) -> float:
        self._times.set_current(moment, force=True)
        try:
            return float(getattr(self._times, method)())
        except self._no_date as error:
            raise self._no_date(f"The time of the cron expression {self.expression!r} never comes.") from error
