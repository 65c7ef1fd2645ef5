"""Detection: what it says of our schema, of an empty database, of older ones, and of a role's rights."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import itertools
import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
from database import run_sql
from jobdesk_core import ConnectorException, Job, JobManager, SyncPsycopgConnector
from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import PRIVILEGES, Capabilities
from jobdesk_core.database.schema import refusal, schema_sql
from jobdesk_core.exceptions import CapabilityMissing, QueueNameTooLong
from managing import ids_of
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_numbers = itertools.count(1)
ACTIONS = ["read", "defer", "cancel", "retry", "delete"]


@contextlib.contextmanager
def managing(dsn: str) -> Iterator[JobManager]:
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    try:
        yield JobManager(connector)
    finally:
        connector.close()


def detect(dsn: str) -> Capabilities:
    with managing(dsn) as manager:
        return manager.capabilities()


def execute(dsn: str, text: str, *names: str) -> None:
    """Run SQL with names in it, each as an identifier."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL(text).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


@pytest.fixture
def role(dsn: str) -> Iterator[str]:
    """A role that may log in and nothing else, with a name that needs quotes."""
    name = f"Mr. Nobody {os.getpid()} {next(_numbers)}"
    execute(dsn, "CREATE ROLE {} LOGIN PASSWORD 'nobody'", name)
    yield name
    execute(dsn, "DROP OWNED BY {}", name)
    execute(dsn, "DROP ROLE {}", name)


def dsn_as(role: str, dsn: str) -> str:
    return make_conninfo(dsn, user=role, password="nobody")


def test_our_schema_can_do_everything(dsn: str) -> None:
    able = detect(dsn)
    assert able.release == "3.4–3.10"
    assert able.database == conninfo_to_dict(dsn)["dbname"]
    assert able.server_version >= 130000
    assert (able.has_schema, able.is_standby) == (True, False)
    assert (able.has_workers, able.has_priority, able.has_abort_requested, able.has_worker_id) == (True,) * 4
    assert able.has_priority_locks
    assert able.statuses == ("todo", "doing", "succeeded", "failed", "cancelled", "aborting", "aborted")
    assert {"deferred", "retried", "abort_requested", "scheduled"} < set(able.event_types)
    assert (able.can_batch, able.can_cancel, able.can_retry_failed, able.can_change_on_retry) == (True,) * 4
    assert able.abort_model == "flag"
    assert able.channels == ("procrastinate_any_queue_v1",)
    assert able.queue_channel_prefixes == ("procrastinate_queue_v1#",)
    assert able.rights.is_complete
    assert able.rights.install is None


def test_a_queue_name_may_be_as_long_as_its_limit_and_no_longer(dsn: str) -> None:
    with managing(dsn) as manager:
        limit = manager.capabilities().queue_name_limit_bytes
        manager.defer_job(Job(task_name="t", queue="q" * limit))
        with pytest.raises(QueueNameTooLong, match=f"room for {limit}"):
            manager.defer_job(Job(task_name="t", queue="q" * (limit + 1)))
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="channel name too long"):
        run_sql(dsn, "INSERT INTO procrastinate_jobs (task_name, queue_name) VALUES ('t', %s)", "q" * (limit + 1))


def test_an_empty_database_has_no_schema_and_may_get_one(empty_dsn: str) -> None:
    able = detect(empty_dsn)
    assert (able.has_schema, able.has_remains, able.release) == (False, False, "none")
    assert (able.has_workers, able.can_batch, able.can_cancel, able.abort_model) == (False, False, False, None)
    assert (able.statuses, able.functions, able.channels) == ((), frozenset(), ())
    assert refusal(able) is None
    with pytest.raises(CapabilityMissing, match="defer"):
        statements.defer(able, [Job(task_name="t")])


def test_remains_of_a_schema_are_seen(dsn: str) -> None:
    execute(dsn, "DROP TABLE procrastinate_jobs CASCADE")
    able = detect(dsn)
    assert (able.has_schema, able.has_remains) == (False, True)
    assert "remains" in (refusal(able) or "")


# What older releases lack, taken away one by one.
LACKING = [
    ("DROP FUNCTION procrastinate_retry_job_v2", {"release": "3.3", "can_retry_failed": False, "can_batch": True}),
    ("DROP FUNCTION procrastinate_defer_jobs_v1", {"can_batch": False}),
    ("DROP FUNCTION procrastinate_cancel_job_v1", {"can_cancel": False}),
    ("DROP TABLE procrastinate_workers CASCADE", {"has_workers": False}),
    ("ALTER TABLE procrastinate_jobs DROP COLUMN worker_id", {"has_worker_id": False}),
    ("ALTER TABLE procrastinate_jobs DROP COLUMN abort_requested CASCADE", {"abort_model": "status"}),
    ("DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs", {"channels": ()}),
]


@pytest.mark.parametrize(("text", "expected"), LACKING)
def test_what_is_missing_is_seen(dsn: str, text: str, expected: dict[str, object]) -> None:
    execute(dsn, text)
    able = detect(dsn)
    assert {name: getattr(able, name) for name in expected} == expected


def test_before_2_5_a_priority_is_refused_by_its_name(dsn: str) -> None:
    older = "procrastinate_defer_job(character varying,character varying,text,text,jsonb,timestamp with time zone)"
    able = dataclasses.replace(detect(dsn), functions=frozenset({older}))
    job = Job(task_name="t")
    assert "procrastinate_defer_job(" in statements.defer(able, [job, job]).sql
    with pytest.raises(CapabilityMissing, match="priority") as caught:
        statements.defer(able, [job, dataclasses.replace(job, priority=1)])
    assert caught.value.capability == "priority"


def test_a_role_without_rights_is_told_what_to_ask_for(dsn: str, role: str) -> None:
    execute(dsn, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    able = detect(dsn_as(role, dsn))
    assert able.role == role
    assert able.has_schema
    assert not able.rights.is_complete
    for action in (*ACTIONS, "install"):
        sentence = getattr(able.rights, action)
        assert sentence is not None, action
        assert sentence.startswith(f"Role {role} may not ")
        assert f'TO "{role}";' in sentence


ACTS: dict[str, Callable[[JobManager, int], object]] = {
    "read": lambda manager, job_id: manager.list_jobs(id=job_id),
    "defer": lambda manager, job_id: manager.batch_defer_jobs([Job(task_name="t")] * 2),
    "cancel": lambda manager, job_id: manager.cancel_job_by_id(job_id),
    "retry": lambda manager, job_id: manager.retry_job_by_id(job_id, dt.datetime.now(dt.UTC)),
    "delete": lambda manager, job_id: manager.cancel_job_by_id(job_id, delete_job=True),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_what_the_sentence_asks_for_is_enough(dsn: str, role: str, action: str) -> None:
    with managing(dsn) as manager:
        (job_id,) = ids_of([manager.defer_job(Job(task_name="t"))])
    if action == "retry":
        execute(dsn, "UPDATE procrastinate_jobs SET status = 'failed'")
    with managing(dsn_as(role, dsn)) as manager:
        with pytest.raises(ConnectorException):
            ACTS[action](manager, job_id)
        sentence = getattr(manager.capabilities().rights, action)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(sentence.partition("Ask its owner for: ")[2])
        assert ACTS[action](manager, job_id) is not False
        assert getattr(detect(dsn_as(role, dsn)).rights, action) is None


@pytest.mark.parametrize("action", ACTIONS)
def test_each_missing_privilege_is_noticed(dsn: str, role: str, action: str) -> None:
    everything = {wanted for group in PRIVILEGES.values() for wanted in group}
    for relation, privilege in PRIVILEGES[action]:
        for granted_relation, granted in everything - {(relation, privilege)}:
            kind = "SEQUENCE " if granted == "USAGE" else ""
            execute(dsn, f"GRANT {granted} ON {kind}{granted_relation} TO {{}}", role)
        sentence = getattr(detect(dsn_as(role, dsn)).rights, action)
        assert sentence is not None
        assert f"may not {privilege} on {relation}" in sentence
        execute(dsn, "DROP OWNED BY {}", role)


def test_a_connection_is_checked_anew_each_time(empty_dsn: str) -> None:
    with managing(empty_dsn) as manager:
        assert not manager.check_connection()
        with psycopg.connect(empty_dsn) as connection:
            connection.execute(schema_sql().encode())
        assert manager.check_connection()
        assert manager.defer_job(Job(task_name="t")).id == 1
