"""All that is known of a job in one record: its columns, its arguments, its times; and its lines in an export.

Times and arguments cost a bounded read of a few events for each job: they are asked for the ids at hand only.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from jobdesk_core import exact_json
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.reported import Reported
from jobdesk_core.database.rows import JobRow
from jobdesk_core.files import CsvLines
from jobdesk_core.filters.times import MOMENTS, SPANS
from jobdesk_core.lines import Lines
from jobdesk_core.moments import safe_local
from jobdesk_core.profiles.secret_keys import HIDDEN, masked
from jobdesk_core.reported.shown import Shown, shown

T = TypeVar("T")
Path = tuple[str, ...]

#: Of an argument shown in a column so many characters are read.
LONGEST_SHOWN = 200
#: Arguments are read for so many bytes of jobs at a time, as they lie on disk, and so many jobs.
BYTES_AT_ONCE, JOBS_AT_ONCE = 2 * 1024 * 1024, 200


class JobTimes(NamedTuple):
    """When a job's last run started and the job ended; how long the last run took and the first was waited for.

    Spans are in seconds; of what goes on they last until now. None for what never happened. `values` are the
    arguments asked for, as texts.
    """

    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    duration_s: float | None
    waited_s: float | None
    values: tuple[str | None, ...] = ()


class JobRecord(NamedTuple):
    """A job whole; `args` is the JSON text as PostgreSQL holds it, `shown` what is reported, where it was asked for."""

    row: JobRow
    times: JobTimes
    args: str | None
    shown: Shown | None = None


def path_of(text: str) -> Path:
    """The path that `args.customer.id` or `customer.id` names. Raises ValueError for one with an empty step."""
    steps = tuple(text.removeprefix("args.").split("."))
    if not all(steps):
        raise ValueError(f"“{text}” is not a path to an argument: write args.customer, or args.customer.id.")
    return steps


def times_by_id(job_ids: Sequence[int], paths: Sequence[Path] = ()) -> Statement[dict[int, JobTimes]]:
    """The times of these jobs, and what stands at these paths in their arguments (LONGEST_SHOWN characters)."""
    return Statement(
        f"SELECT job.id, {_columns(paths, cut=True)} FROM procrastinate_jobs AS job WHERE job.id = ANY (%(ids)s)",
        lambda rows: {row[0]: _times(row[1:]) for row in rows},
        {"ids": list(job_ids)} | _path_values(paths),
        is_page=True,
    )


def times_of(job_ids: Sequence[int]) -> Asking[dict[int, JobTimes]]:
    """As `times_by_id`, of any number of jobs."""
    found: dict[int, JobTimes] = {}
    for start in range(0, len(job_ids), JOBS_AT_ONCE):
        times: dict[int, JobTimes] = yield times_by_id(job_ids[start : start + JOBS_AT_ONCE])
        found |= times
    return found


def times_and_args(job_ids: Sequence[int], paths: Sequence[Path]) -> Statement[dict[int, tuple[JobTimes, str | None]]]:
    """The times of these jobs, what stands at these paths, and the arguments as JSON texts."""
    return Statement(
        f"SELECT job.id, job.args::text, {_columns(paths, cut=False)} FROM procrastinate_jobs AS job "
        "WHERE job.id = ANY (%(ids)s)",
        lambda rows: {row[0]: (_times(row[2:]), row[1]) for row in rows},
        {"ids": list(job_ids)} | _path_values(paths),
        is_page=True,
    )


def _columns(paths: Sequence[Path], *, cut: bool) -> str:
    columns = [f"({MOMENTS['started']})", f"({MOMENTS['ended']})"]
    columns += [f"EXTRACT(epoch FROM (SELECT took FROM ({SPANS[name]}) AS run))::float8" for name in _SPAN_NAMES]
    for number in range(len(paths)):
        value = f"job.args #>> %(path_{number})s::text[]"
        columns.append(f"left({value}, {LONGEST_SHOWN})" if cut else value)
    return ", ".join(f"{column} AS c{number}" for number, column in enumerate(columns))


_SPAN_NAMES = ("duration", "waited")


def _path_values(paths: Sequence[Path]) -> dict[str, Any]:
    return {f"path_{number}": list(path) for number, path in enumerate(paths)}


def _times(values: Sequence[Any]) -> JobTimes:
    started_at, ended_at, duration_s, waited_s, *found = values
    return JobTimes(started_at, ended_at, duration_s, waited_s, tuple(found))


def records_of(
    rows: Sequence[JobRow], paths: Sequence[Path], reported: Reported | None = None
) -> Asking[list[JobRecord]]:
    """The records of these rows, without those that have gone since the rows were read.

    With `reported` also what workers report of them, as far as it may be read.
    """
    ids = [row.id for row in rows]
    found = yield times_and_args(ids, paths)
    records = [JobRecord(row, *found[row.id]) for row in rows if row.id in found]
    if reported is None:
        return records
    by_id = yield shown(reported, ids)
    return [record._replace(shown=by_id.get(record.row.id, Shown())) for record in records]


def portions(rows: Sequence[JobRow]) -> Asking[list[list[JobRow]]]:
    """The rows in their order, in portions whose arguments fit into memory together."""
    sizes = (yield _sizes([row.id for row in rows])) if rows else {}
    made: list[list[JobRow]] = []
    held = BYTES_AT_ONCE
    for row in rows:
        size = sizes.get(row.id, 0)
        if not made or held + size > BYTES_AT_ONCE or len(made[-1]) >= JOBS_AT_ONCE:
            made.append([])
            held = 0
        made[-1].append(row)
        held += size
    return made


def _sizes(job_ids: list[int]) -> Statement[dict[int, int]]:
    return Statement(
        "SELECT id, coalesce(pg_column_size(args), 0) FROM procrastinate_jobs WHERE id = ANY (%(ids)s)",
        lambda rows: dict(rows),
        {"ids": job_ids},
        is_page=True,
    )


# As text


def columns_of(record: JobRecord) -> dict[str, Any]:
    """Every field but the arguments, as JSON has it: times in UTC, spans in seconds."""
    row, times = record.row, record.times
    held = row._asdict() | times._asdict()
    del held["values"]
    held["status"] = row.status.value
    if record.shown is not None:
        held |= _reports(record.shown)
    return {name: _plain(value) if isinstance(value, dt.datetime) else value for name, value in held.items()}


#: The fields of what is reported, in the order of `_reports`.
REPORTS = ("error", "error_at", "progress_done", "progress_total", "progress_note")


def _reports(held: Shown) -> dict[str, Any]:
    told = held.progress
    progress = (None, None, None) if told is None else (told.done, told.total, told.note)
    return dict(zip(REPORTS, (held.error, held.failed_at, *progress), strict=True))


def as_json(record: JobRecord) -> str:
    """The record as one line of JSON, the arguments to the digit."""
    head = exact_json.dumps(columns_of(record), ensure_ascii=False)
    return f'{head[:-1]}, "args": {record.args if record.args is not None else "null"}}}'


def _plain(value: dt.datetime) -> str:
    return safe_local(value, dt.UTC).isoformat()


def without_secrets(record: JobRecord, paths: Sequence[Path], pattern: str) -> JobRecord:
    """The record with HIDDEN for what stands under a secret key, in the arguments and in the values of `paths`.

    Arguments without a secret keep their text; those that are nested too deeply to be looked through are hidden whole.
    """
    if record.args is None:
        return record
    try:
        held = exact_json.loads(record.args)
        shown = masked(held, pattern)
        if shown == held:
            return record
        text = exact_json.dumps(shown, ensure_ascii=False)
    except RecursionError:
        shown, text = HIDDEN, exact_json.dumps(HIDDEN, ensure_ascii=False)
    values = tuple(_text_at(shown, path) for path in paths)
    return record._replace(args=text, times=record.times._replace(values=values))


def _text_at(value: Any, path: Path) -> str | None:
    """What stands at the path, as PostgreSQL's #>> tells it; HIDDEN for all that lies below what is hidden."""
    value = _value_at(value, path)
    if value is None or isinstance(value, str):
        return value
    return exact_json.dumps(value, ensure_ascii=False)


def _value_at(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list):
            value = value[int(step)] if _INDEX.fullmatch(step) and -len(value) <= int(step) < len(value) else None
        elif value != HIDDEN:
            return None
    return value


#: Of few digits: Python reads no number of thousands of them.
_INDEX = re.compile(r"-?[0-9]{1,10}", re.ASCII)


def argument_name(path: Path) -> str:
    """The name of the column of an argument."""
    return f"args.{'.'.join(path)}"


COLUMNS = (*JobRow._fields, *JobTimes._fields[:-1])


def _json_pieces() -> Iterator[str]:
    yield "[\n"
    while True:
        yield ",\n"


class RecordLines:
    """Writes records as `csv`, `ndjson` or `json` (one array). In CSV every path has a column of its own besides.

    What stands under a key that matches `secret_keys` is HIDDEN; None hides nothing. `has_reports`: the records have
    what is reported of their jobs. With `columns` only these are written, in this order: names of COLUMNS and REPORTS,
    `args`, and `args.` with a path.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        kind: str,
        paths: Sequence[Path] = (),
        *,
        secret_keys: str | None = None,
        has_reports: bool = False,
        columns: Sequence[str] | None = None,
    ) -> None:
        self.written = 0
        self._some = Lines(write, kind, columns) if columns is not None else None
        self._columns = columns or ()
        self._paths, self._secret_keys = paths, secret_keys
        self._write_text, self._kind = write, kind
        self._waiting: list[str] = []
        self._before = _json_pieces()
        if kind == "csv" and columns is None:
            headings = [
                *COLUMNS,
                *(REPORTS if has_reports else ()),
                "args",
                *map(argument_name, paths),
            ]
            self._csv = CsvLines(self, headings)

    def write(self, text: str) -> None:
        """Take a text as it is: CSV's lines go this way."""
        self._waiting.append(text)

    def add(self, records: Sequence[JobRecord]) -> None:
        """Write some more records, in one go."""
        for whole in records:
            pattern = self._secret_keys
            record = whole if pattern is None else without_secrets(whole, self._paths, pattern)
            if self._some is not None:
                self._some.add(self._values(record))
            elif self._kind == "csv":
                self._csv.write([*columns_of(record).values(), record.args, *record.times.values])
            elif self._kind == "json":
                self._waiting.append(f"{next(self._before)}{as_json(record)}")
            else:
                self._waiting.append(f"{as_json(record)}\n")
        self.written += len(records)
        self._flush()

    def end(self) -> None:
        """Write what belongs behind the last record."""
        self._flush()
        if self._some is not None:
            self._some.end()
        elif self._kind == "json":
            self._write_text("\n]\n" if self.written else "[]\n")

    def _flush(self) -> None:
        if self._waiting:
            self._write_text("".join(self._waiting))
            self._waiting.clear()

    def _values(self, record: JobRecord) -> list[Any]:
        """The values of the columns that are wanted."""
        held = columns_of(record) | {"args": record.args}
        held |= {argument_name(path): text for path, text in zip(self._paths, record.times.values, strict=True)}
        if self._kind != "csv" and record.args is not None:
            # What is nested too deeply stays text.
            with contextlib.suppress(RecursionError):
                args = exact_json.loads(record.args)
                held |= {"args": args} | {argument_name(path): _value_at(args, path) for path in self._paths}
        return [held.get(name) for name in self._columns]
