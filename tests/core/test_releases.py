"""Every release's own schema, and those halfway to the next: what is detected, and where ours is refused."""

from __future__ import annotations

from typing import Any

import pytest
import releases
from database import connected, run_sql
from jobdesk_core.database.capabilities import FUNCTIONS, Capabilities
from jobdesk_core.database.schema import install, refusal
from jobdesk_core.exceptions import SchemaRefused
from releases import STATES, level

V = "procrastinate_"
#: From which release on an operation uses which function, and its number of arguments.
NEWEST_FUNCTIONS: dict[str, dict[tuple[int, int], tuple[str, int] | None]] = {
    "batch": {(1, 1): None, (3, 2): ("defer_jobs_v1", 1)},
    "defer": {(1, 1): ("defer_job", 6), (2, 5): ("defer_job", 7), (3, 0): ("defer_job_v1", 7), (3, 2): None},
    "periodic": {
        (1, 1): ("defer_periodic_job", 7),
        (2, 6): ("defer_periodic_job", 8),
        (3, 0): ("defer_periodic_job_v1", 8),
        (3, 2): ("defer_periodic_job_v2", 8),
    },
    "fetch": {(1, 1): ("fetch_job", 1), (3, 0): ("fetch_job_v1", 1), (3, 1): ("fetch_job_v2", 2)},
    "finish": {(1, 1): ("finish_job", 3), (3, 0): ("finish_job_v1", 3)},
    "cancel": {(1, 1): None, (2, 7): ("cancel_job", 3), (3, 0): ("cancel_job_v1", 3)},
    "retry": {
        (1, 1): ("retry_job", 2),
        (2, 9): ("retry_job", 5),
        (3, 0): ("retry_job_v1", 5),
        (3, 4): ("retry_job_v2", 5),
    },
}
LABELS = {
    (1, 1): "before 2.5",
    (2, 5): "2.5",
    (2, 6): "2.6",
    (2, 7): "2.7–2.8",
    (2, 9): "2.9–2.15",
    (3, 0): "3.0",
    (3, 1): "3.1",
    (3, 2): "3.2",
    (3, 3): "3.3",
    (3, 4): "3.4–3.10",
}
OLD, NEW = "procrastinate_any_queue", "procrastinate_any_queue_v1"
TO_3_0, TO_3_2 = "2.15.1 with 3.0 pre", "3.1.0 with 3.2 pre"

each_state = pytest.mark.parametrize("state", STATES)


def latest(by_level: dict[tuple[int, int], Any], state: str) -> Any:
    return by_level[max(reached for reached in by_level if reached <= level(state))]


def function_of(able: Capabilities, operation: str) -> tuple[str, int] | None:
    signature = able.function(operation)
    if signature is None:
        return None
    name, _, types = signature.rstrip(")").partition("(")
    return name.removeprefix(V), len(types.split(","))


@each_state
async def test_each_operation_takes_the_newest_function_there_is(released_dsn: str, state: str) -> None:
    async with connected(released_dsn) as (_, able):
        found = {operation: function_of(able, operation) for operation in FUNCTIONS}
    expected = {operation: latest(by_level, state) for operation, by_level in NEWEST_FUNCTIONS.items()}
    if state == TO_3_2:
        expected["defer"] = ("defer_job_v1", 7)  # dropped by the other half only
    assert found == expected


@each_state
async def test_what_a_schema_can_do_is_detected(released_dsn: str, state: str) -> None:
    async with connected(released_dsn) as (_, able):
        pass
    here = level(state)
    assert able.release == latest(LABELS, state)
    assert (able.has_schema, able.rights.is_complete) == (True, True)
    assert able.has_priority == (here >= (2, 5))
    assert able.can_cancel == ("aborted" in able.statuses) == (here >= (2, 7))
    assert able.can_change_on_retry == (here >= (2, 9))
    assert able.has_abort_requested == (here >= (3, 0))
    assert able.has_workers == able.has_worker_id == (here >= (3, 1))
    assert able.can_batch == (here >= (3, 2))
    assert able.has_priority_locks == (here >= (3, 3))
    assert able.can_retry_failed == ("retried" in able.event_types) == (here >= (3, 4))
    assert able.abort_model == ("flag" if here >= (3, 0) else "status" if here >= (2, 7) else None)
    assert able.has_aborting_status == ((2, 7) <= here < (3, 0) or state == TO_3_0)
    assert able.channels == ((NEW, OLD) if state == TO_3_0 else (NEW,) if here >= (3, 0) else (OLD,))
    assert able.queue_name_limit_bytes == (40 if here >= (3, 0) else 43)


@each_state
async def test_our_schema_is_refused_where_another_is(released_dsn: str, state: str) -> None:
    async with connected(released_dsn) as (connector, able):
        assert refusal(able) is not None
        with pytest.raises(SchemaRefused) as caught:
            await install(connector)
    assert f"has the schema of Procrastinate {latest(LABELS, state)} already" in str(caught.value)


CATALOG = (
    "SELECT format('%s.%s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, "
    "attidentity) || coalesce(pg_get_expr(adbin, adrelid), '') FROM pg_attribute "
    "JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
    "WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
    "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT enumtypid::regtype || string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum GROUP BY enumtypid",
    "SELECT format('%s(%s) %s', proname, pg_get_function_arguments(oid), pg_get_function_result(oid)) FROM pg_proc "
    "WHERE pronamespace = 'public'::regnamespace",
)


@pytest.mark.parametrize("state", [releases.NEWEST, releases.MIGRATED])
async def test_our_schema_has_the_same_objects_as_the_newest_release(
    released_dsn: str, empty_dsn: str, state: str
) -> None:
    async with connected(empty_dsn) as (connector, _):
        await install(connector)
    for query in CATALOG:
        theirs, ours = (sorted(map(str, run_sql(dsn, query))) for dsn in (released_dsn, empty_dsn))
        assert ours == theirs
        assert ours, query
