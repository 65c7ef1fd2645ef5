"""Which index would make a slow filter fast: its SQL, its size, its cost. Creates it only when told to.

No index of the release is touched, and none is advised that one already there would do the work of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement, nothing
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import jobs_table
from jobdesk_core.exceptions import ConnectorException, IndexLeftInvalid, cause_text
from jobdesk_core.filters.language import JobFilter, Token
from jobdesk_core.reading.pages import Order

#: What the planner may want for a first page, in its own units (about one page read each), before it is slow.
SLOW_COST = 10_000.0
PAGE_ROWS = 200
#: So many bytes of the table are read to see how often, and how long, a value in the arguments is.
SAMPLE_PAGES = 60
PREFIX = "jobdesk_"
_MAX_NAME_BYTES = 63


@dataclass(frozen=True, slots=True)
class IndexAdvice:
    """An index that would serve a filter. `sql` creates it without blocking anyone, `drop_sql` takes it away.

    `size_bytes` is an estimate. `refusal` says why this role cannot create it; None when it can.
    """

    name: str
    sql: str
    drop_sql: str
    reason: str
    size_bytes: int
    table_bytes: int
    writers: str
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Leftover:
    """An index that was never finished: it serves no query, and writers pay for it."""

    name: str
    drop_sql: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """The keys as SQL, those that must be asked for by value first, and which rows the index is of."""

    keys: tuple[str, ...]
    label: str
    predicate: str = ""
    path: tuple[str, ...] = ()
    is_gin: bool = False

    @property
    def asked(self) -> frozenset[str]:
        """The keys without the id, which only gives the order."""
        return frozenset(_bare(key) for key in self.keys if key != "id") or frozenset(("id",))


@dataclass(frozen=True, slots=True)
class _Catalog:
    """What the server says of the jobs table. `indexes`: method, keys and predicate of each valid one."""

    table: str
    schema: str
    table_bytes: int
    tuples: float
    owner: str
    is_owner: bool
    names: frozenset[str]
    widths: dict[str, int]
    indexes: list[tuple[str, tuple[str, ...], str]] = field(default_factory=list)


async def advise(
    connector: PsycopgConnector,
    capabilities: Capabilities,
    job_filter: JobFilter,
    order: Order = Order.NEWEST,
    *,
    matched: float | None = None,
    slow_cost: float = SLOW_COST,
) -> IndexAdvice | None:
    """The index that would make this filter fast; None when it is fast, or no index could.

    `matched` is the share of the jobs looked at so far that met the filter; without it the planner's guess is
    taken, and of arguments it knows nothing: they are taken to be rare. Raises ConnectorException.
    """
    candidate = _candidate(job_filter, capabilities)
    if candidate is None:
        return None
    if candidate.path:
        candidate = await connector.run_async(_with_path(candidate))
    catalog = await connector.run_async(_CATALOG)
    if any(_serves(index, candidate) for index in catalog.indexes):
        return None
    condition, parameters = job_filter.condition(capabilities)
    waiting = " AND job.status = 'todo'" if order is Order.NEXT_TO_RUN else ""
    where = f"FROM {jobs_table(capabilities)} WHERE {condition}{waiting}"
    cost, rows = await connector.run_async(_plan(f"SELECT job.id {where}", parameters))
    if matched is not None:
        rows = matched * max(catalog.tuples, 0)
    elif any(token.key == "args" for token in job_filter.required):
        rows = 0
    if cost * min(1.0, PAGE_ROWS / max(rows, 1)) < slow_cost:
        return None
    return await _advice(connector, capabilities, candidate, catalog)


async def create(connector: PsycopgConnector, advice: IndexAdvice) -> None:
    """Create the index, which takes minutes on a large table and blocks no one.

    Cancelling the call cancels it on the server; `leftovers` then tells what is left. Raises IndexLeftInvalid
    when it began and failed, and ConnectorException when it did not begin.
    """
    try:
        await connector.run_async(Statement(advice.sql, nothing, is_bare=True))
        if "#>>" in advice.sql:
            # The planner knows how rare an expression's values are only from statistics taken with its index.
            await connector.run_async(Statement("ANALYZE procrastinate_jobs", nothing))
    except ConnectorException as error:
        for left in await leftovers(connector):
            if left.name == advice.name:
                raise IndexLeftInvalid(left.name, left.drop_sql, cause_text(error)) from error
        raise


async def leftovers(connector: PsycopgConnector) -> list[Leftover]:
    """The indexes of this advice that were begun and not finished, and are not being built now."""
    return await connector.run_async(_LEFTOVERS)


# Choosing


def _candidate(job_filter: JobFilter, capabilities: Capabilities) -> _Candidate | None:
    asked = [token for token in job_filter.required if not token.is_negated]
    for token in asked:
        if token.key == "args" and token.path and _is_plain(token):
            return _Candidate((), "args_" + "_".join(token.path), path=token.path)
    columns = {"lock": "lock", "queueing_lock": "queueing_lock"} | (
        {"worker": "worker_id"} if capabilities.has_worker_id else {}
    )
    for key, column in columns.items():
        if any(token.key == key and _is_plain(token) for token in asked):
            return _Candidate((column, "id"), column, f"{column} IS NOT NULL")
    if any(token.json for token in asked):
        return _Candidate(("args",), "args", is_gin=True)
    if capabilities.has_abort_requested and any(
        (token.key, token.value) == ("is", "abort_requested") for token in asked
    ):
        return _Candidate(("id",), "abort_requested", "abort_requested")
    found = []
    names = {"queue": "queue_name", "task": "task_name", "status": "status"}
    for key, column in (names | ({"priority": "priority"} if capabilities.has_priority else {})).items():
        if any(token.key == key and _is_plain(token) for token in asked):
            found.append(column)
    if found:
        return _Candidate((*found, "id"), "_".join(found))
    if any(token.key == "scheduled" and not any(value.is_none for value in token.values) for token in asked):
        return _Candidate(("scheduled_at", "id"), "scheduled_at", "scheduled_at IS NOT NULL")
    return None


def _is_plain(token: Token) -> bool:
    """Whether the values are asked for as they are: an index finds neither patterns nor what has no value."""
    if token.key == "priority":
        return all(re.fullmatch(r"-?[0-9]+", value.text) for value in token.values)
    can_be_none = token.key not in ("queue", "task")
    return not any(value.is_pattern or (can_be_none and value.is_none) for value in token.values)


def _serves(index: tuple[str, tuple[str, ...], str], candidate: _Candidate) -> bool:
    method, keys, predicate = index
    if candidate.is_gin:
        return method == "gin" and keys[:1] == ("args",) and not predicate
    # An index of all jobs by id alone serves no filter: there the predicate is the point.
    is_of_all = not predicate and candidate.asked != {"id"}
    if method != "btree" or not (is_of_all or predicate == _bare(candidate.predicate)):
        return False
    return candidate.asked <= set(keys[: len(candidate.asked)])


def _bare(sql: str) -> str:
    """An expression without its parentheses and with its texts written plainly, to compare two spellings of it."""
    plain = re.sub(r"E('(?:[^']|'')*')", lambda match: match[1].replace("\\\\", "\\"), sql)
    return plain.replace("(", "").replace(")", "")


# Estimating


async def _advice(
    connector: PsycopgConnector, capabilities: Capabilities, candidate: _Candidate, catalog: _Catalog
) -> IndexAdvice:
    where = f" WHERE {candidate.predicate}" if candidate.predicate else ""
    _, rows = await connector.run_async(_plan(f"SELECT id FROM procrastinate_jobs{where}", {}))
    widths = dict(catalog.widths)
    if candidate.is_gin:
        size_bytes = await connector.run_async(_gin_size(catalog, rows))
    else:
        if candidate.path:
            share, width = await connector.run_async(_sample(candidate, catalog))
            rows, widths[candidate.keys[0]] = rows * share, round(width) + 1
        size_bytes = _size_bytes(candidate, rows, widths)
    name = _name(candidate.label, catalog.names)
    method = " USING gin" if candidate.is_gin else ""
    keys = "args jsonb_path_ops" if candidate.is_gin else ", ".join(candidate.keys)
    return IndexAdvice(
        name=name,
        sql=f"CREATE INDEX CONCURRENTLY {name} ON {catalog.table}{method} ({keys}){where};",
        drop_sql=f"DROP INDEX CONCURRENTLY {catalog.schema}.{name};",
        reason=_reason(candidate),
        size_bytes=size_bytes,
        table_bytes=catalog.table_bytes,
        writers=_writers(candidate),
        refusal=_refusal(catalog, capabilities),
    )


def _size_bytes(candidate: _Candidate, rows: float, widths: dict[str, int]) -> int:
    at = 0
    for key in candidate.keys:
        alignment = {"id": 8, "worker_id": 8, "scheduled_at": 8, "status": 4, "priority": 4}.get(key, 1)
        at = -(-at // alignment) * alignment + widths.get(key, 16)
    # A header of 8 bytes, the entry in steps of 8, a pointer of 4; pages are filled to nine tenths.
    return max(8192, int(rows * (8 + -(-at // 8) * 8 + 4) / 0.9))


def _name(label: str, taken: frozenset[str]) -> str:
    base = PREFIX + re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[: _MAX_NAME_BYTES - len(PREFIX) - 8]
    names = [f"{base}_idx", *(f"{base}_idx{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def _reason(candidate: _Candidate) -> str:
    if candidate.is_gin:
        return "Jobs whose arguments contain given values are found without looking through the others."
    what = "a time" if candidate.label == "scheduled_at" else "such an argument" if candidate.path else "these values"
    return f"Jobs with {what} stand together in it, by id, and are found without looking through the others."


def _writers(candidate: _Candidate) -> str:
    entries = "one entry for each value in its arguments" if candidate.is_gin else "one entry"
    whose = "Only jobs that have the value write into it: " if candidate.predicate else "Every job writes into it: "
    return (
        f"{whose}{entries} when it is deferred, again when it starts and when it ends, "
        "as a change of status writes all indexes of a job."
    )


def _refusal(catalog: _Catalog, capabilities: Capabilities) -> str | None:
    if capabilities.is_standby:
        return "This is a read-only standby. Connect to its primary to create an index."
    if not catalog.is_owner:
        return (
            f"Only the owner of {catalog.table} may create an index on it. "
            f"Give the SQL to {catalog.owner}, or connect with that role."
        )
    return None


# Asking the server


def _plan(sql: str, parameters: dict[str, Any]) -> Statement[tuple[float, float]]:
    """What the planner thinks that a query costs, and how many rows it gives."""

    def decode(rows: Rows) -> tuple[float, float]:
        plan = rows[0]["QUERY PLAN"][0]["Plan"]
        return float(plan["Total Cost"]), float(plan["Plan Rows"])

    return Statement(f"EXPLAIN (FORMAT JSON) {sql}", decode, parameters)


def _with_path(candidate: _Candidate) -> Statement[_Candidate]:
    """The candidate with its path as the server writes it: an index cannot have parameters."""

    def decode(rows: Rows) -> _Candidate:
        key = f"(args #>> {rows[0]['path']}::text[])"
        return _Candidate((key, "id"), candidate.label, f"{key} IS NOT NULL", candidate.path)

    return Statement("SELECT quote_literal(%(path)s::text[]::text) AS path", decode, {"path": list(candidate.path)})


def _sampled(catalog: _Catalog) -> tuple[str, dict[str, Any]]:
    """The arguments on some pages of the table, none of them large."""
    percent = min(100.0, 100.0 * SAMPLE_PAGES * 8192 / max(catalog.table_bytes, 1))
    sql = (
        "(SELECT args FROM procrastinate_jobs TABLESAMPLE SYSTEM (%(percent)s) "
        "WHERE pg_column_size(args) < 100000 LIMIT 5000) AS sampled"
    )
    return sql, {"percent": percent}


def _sample(candidate: _Candidate, catalog: _Catalog) -> Statement[tuple[float, float]]:
    """The share of jobs that have this argument, and its mean length in bytes."""
    sampled, parameters = _sampled(catalog)
    return Statement(
        "SELECT coalesce(avg((value IS NOT NULL)::integer), 1)::float8 AS share, "
        "coalesce(avg(octet_length(value)), 8)::float8 AS width "
        f"FROM {sampled}, LATERAL (SELECT args #>> %(path)s::text[]) AS held (value)",
        lambda rows: (rows[0]["share"], rows[0]["width"]),
        parameters | {"path": list(candidate.path)},
    )


def _gin_size(catalog: _Catalog, rows: float) -> Statement[int]:
    """An estimate of the bytes of a GIN index on the arguments, from how many values a job has and how many differ.

    Measured: some 60 bytes for each different value and 5 for each time that a job has it.
    """
    sampled, parameters = _sampled(catalog)

    def decode(answer: Rows) -> int:
        jobs, values, different, single = (answer[0][name] for name in ("jobs", "values", "different", "single"))
        if not jobs:
            return 8192
        growth = max(rows, jobs) / jobs
        # How many values differ in all, told from how many the sample holds just once (Haas and Stokes).
        in_all = values * different / max(values - single + single / growth, 1e-9)
        return max(8192, int(in_all * 60 + values * growth * 5))

    return Statement(
        f"WITH sample AS MATERIALIZED (SELECT args FROM {sampled}), "
        "leaves AS (SELECT count(*) AS times FROM sample, jsonb_each(args) AS pair, "
        "jsonb_path_query(pair.value, 'strict $.**') AS leaf "
        "WHERE jsonb_typeof(leaf) NOT IN ('object', 'array') GROUP BY pair.key, leaf) "
        "SELECT (SELECT count(*) FROM sample) AS jobs, coalesce(sum(times), 0)::bigint AS values, "
        "count(*) AS different, count(*) FILTER (WHERE times = 1) AS single FROM leaves",
        decode,
        parameters,
    )


def _decode_catalog(rows: Rows) -> _Catalog:
    row = rows[0]
    return _Catalog(
        table=row["table"],
        schema=row["schema"],
        table_bytes=row["table_bytes"],
        tuples=row["tuples"],
        owner=row["owner"],
        is_owner=row["is_owner"],
        names=frozenset(row["names"]),
        widths={"id": 8, **(row["widths"] or {})},
        indexes=[
            (each["method"], tuple(_bare(key) for key in each["keys"]), _bare(each["predicate"] or ""))
            for each in row["indexes"] or []
        ],
    )


_CATALOG: Statement[_Catalog] = Statement(
    "SELECT format('%I.%I', space.nspname, class.relname) AS table, quote_ident(space.nspname) AS schema, "
    "pg_table_size(class.oid) AS table_bytes, class.reltuples::float8 AS tuples, "
    "pg_get_userbyid(class.relowner) AS owner, pg_has_role(class.relowner, 'USAGE') AS is_owner, "
    "ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = class.relnamespace) AS names, "
    "(SELECT jsonb_object_agg(attname, avg_width) FROM pg_stats "
    "WHERE schemaname = space.nspname AND tablename = class.relname) AS widths, "
    "(SELECT jsonb_agg(jsonb_build_object('method', am.amname, "
    "'keys', ARRAY(SELECT pg_get_indexdef(index.indexrelid, key, false) "
    "FROM generate_series(1, index.indnkeyatts) AS key), "
    "'predicate', pg_get_expr(index.indpred, index.indrelid))) FROM pg_index AS index "
    "JOIN pg_class AS its ON its.oid = index.indexrelid JOIN pg_am AS am ON am.oid = its.relam "
    "WHERE index.indrelid = class.oid AND index.indisvalid) AS indexes "
    "FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace "
    "WHERE class.oid = 'procrastinate_jobs'::regclass",
    _decode_catalog,
)

_LEFTOVERS: Statement[list[Leftover]] = Statement(
    "SELECT class.relname AS name, format('DROP INDEX CONCURRENTLY %I.%I;', space.nspname, class.relname) AS drop_sql "
    "FROM pg_index AS index JOIN pg_class AS class ON class.oid = index.indexrelid "
    "JOIN pg_namespace AS space ON space.oid = class.relnamespace "
    "WHERE index.indrelid = 'procrastinate_jobs'::regclass AND NOT index.indisvalid "
    f"AND starts_with(class.relname, '{PREFIX}') AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS progress "
    "WHERE progress.index_relid = index.indexrelid) ORDER BY class.relname",
    lambda rows: [Leftover(row["name"], row["drop_sql"]) for row in rows],
)
