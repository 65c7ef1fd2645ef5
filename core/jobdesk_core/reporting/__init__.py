"""What an application's workers tell of themselves and of their failures: one line has them report.

    from jobdesk_core.reporting import report

    report(app)  # before running the worker

The app is one of Procrastinate, of any release from 1.1.2 on, or of `jobdesk_core`. Reports go into the schema
`jobdesk` of the database that the app works on (`jobdesk-core reporting install` creates it), by a thread with a
connection of its own. No report ever delays, fails or loses a job: what cannot be written is dropped and counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobdesk_core.reporting import hooks
from jobdesk_core.reporting.runs import progress

__all__ = ["progress", "report"]


def report(
    app: Any,
    *,
    name: str | None = None,
    version: str | None = None,
    redact: Callable[[str], str] | None = None,
    log_lines: int = 0,
    dsn: str | None = None,
    keep_days: int = 30,
    keep_errors: int = 100_000,
) -> None:
    """Have the workers of an app report, which `run_worker`, `run_worker_async` or its command line run after this.

    Reported are each run that did not succeed (its exception's type, its message up to 2 kB and its traceback up to
    32 kB, without arguments and local variables), the workers with a heartbeat every 5 seconds, the app's tasks with
    their signatures, its schedules, and what tasks tell by `progress`. What looks like a password, a token, a key or
    the number of a card is hidden in all of it.

    `name` is what the application is called, as a rule the package that its tasks are in, and `version` its version,
    as a rule that of the installed distribution of this name. `redact` gets each text that is to be written, without
    what was hidden already, and returns what of it may be; where it raises, the text is left out. It is called in a
    thread of its own. With `log_lines` the last so many lines (1,000 at most) that a run has logged are written, if it
    did not succeed. `dsn` names another database than the app's. Errors are kept for `keep_days` days, and at most
    `keep_errors` of them.

    Called again for the same app, the options are those of the last call. Raises TypeError for what is no app; what
    goes wrong later is logged once by the logger `jobdesk_core.reporting`, and raises nothing.
    """
    hooks.attach(
        app,
        hooks.Options(
            name=name,
            version=version,
            redact=redact,
            log_lines=log_lines,
            dsn=dsn,
            keep_days=keep_days,
            keep_errors=keep_errors,
        ),
    )
