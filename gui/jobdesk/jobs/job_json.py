"""Jobs as JSON text, to be copied. What looks secret stays hidden in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.database.rows import JobRow
from jobdesk_core.exceptions import ArgumentsTooDeep
from jobdesk_core.job.arguments import parsed
from jobdesk_core.profiles.secret_keys import Path, masked
from jobdesk_core.reading.records import JobRecord, JobTimes, columns_of

#: Of a job that is gone.
NO_TIMES = JobTimes(None, None, None, None)


def as_json(
    rows: Sequence[JobRow],
    times: Mapping[int, JobTimes],
    arguments: Mapping[int, str | None],
    secret_keys: str,
    revealed: Mapping[int, set[Path]],
) -> str:
    """Every column of these jobs and the times of their last runs; one that has no text among `arguments` has none.

    `revealed` are the paths to the secret values of a job that may be told. Takes as long as its texts are large:
    not for the UI thread. Raises ArgumentsTooDeep.
    """
    jobs = []
    for row in rows:
        text = arguments.get(row.id)
        job = columns_of(JobRecord(row, times.get(row.id, NO_TIMES), None))
        if text is not None:
            job["args"] = _masked(text, secret_keys, revealed.get(row.id, set()))
        jobs.append(job)
    return exact_json.dumps(jobs[0] if len(jobs) == 1 else jobs, indent=2, ensure_ascii=False)


def _masked(text: str, secret_keys: str, revealed: set[Path]) -> Any:
    try:
        return masked(parsed(text), secret_keys, revealed)
    except RecursionError as error:
        raise ArgumentsTooDeep("") from error
