"""The steps by which a connection is tried: what each database answers, and where the probe ends."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from database import role, run_sql
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.probe import Step, probe
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from waiting import until

NAMES = ["Server", "Pooler", "Schema", "Rights", "LISTEN", "Clock"]


async def all_steps_of(dsn: str) -> list[Step]:
    return [step async for step in probe(Profile(name="p", method="dsn", dsn=dsn))]


async def steps_of(dsn: str) -> list[Step]:
    """The steps once the server has let us in."""
    steps = await all_steps_of(dsn)
    (login,) = (number for number, step in enumerate(steps) if step.name == "Sign-in")
    assert {step.result for step in steps[: login + 1]} == {"good"}
    return steps[login + 1 :]


async def test_everything_is_good_on_a_good_database(dsn: str) -> None:
    steps = await steps_of(dsn)
    assert [step.name for step in steps] == NAMES
    assert {step.result for step in steps} == {"good"}
    assert str(conninfo_to_dict(dsn)["dbname"]) in steps[0].sentence
    assert steps[2].sentence == "Procrastinate 3.4–3.10, in schema public."
    assert all(step.trouble is None and step.milliseconds >= 0 for step in steps)


async def test_a_database_without_schema_can_be_given_one(empty_dsn: str) -> None:
    steps = await steps_of(empty_dsn)
    assert [(step.name, step.result) for step in steps[2:]] == [("Schema", "warning")]
    assert "can be installed" in steps[-1].sentence


async def test_a_role_that_may_not_install_a_schema_is_told_what_to_ask_for(empty_dsn: str) -> None:
    with role(empty_dsn) as role_dsn:
        steps = await steps_of(role_dsn)
    assert (steps[-1].name, steps[-1].result) == ("Schema", "bad")
    assert "GRANT CREATE ON SCHEMA public" in steps[-1].sentence


async def test_remains_of_a_schema_are_bad(empty_dsn: str) -> None:
    run_sql(empty_dsn, "CREATE TYPE procrastinate_job_status AS ENUM ('todo')")
    steps = await steps_of(empty_dsn)
    assert (steps[-1].name, steps[-1].result) == ("Schema", "bad")


async def test_a_role_without_rights_ends_at_the_rights(dsn: str) -> None:
    with role(dsn) as role_dsn:
        steps = await steps_of(role_dsn)
    assert [step.result for step in steps] == ["good", "good", "good", "bad"]
    assert "GRANT SELECT ON procrastinate_jobs" in steps[-1].sentence


async def test_a_role_that_may_only_read_is_warned_and_hears_notifications(dsn: str) -> None:
    with role(dsn, "SELECT ON ALL TABLES IN SCHEMA public") as role_dsn:
        steps = await steps_of(role_dsn)
    assert [step.result for step in steps] == ["good", "good", "good", "warning", "good", "good"]
    assert steps[3].sentence == "Read only."
    assert [line.partition(":")[0] for line in steps[3].lines] == ["To defer", "To cancel or retry", "To delete"]
    assert all(" GRANT " in line and line.endswith(";") for line in steps[3].lines)


async def test_a_role_that_may_do_some_things_is_told_which(dsn: str) -> None:
    grants = ("SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public", "USAGE ON ALL SEQUENCES IN SCHEMA public")
    with role(dsn, *grants) as role_dsn:
        rights = (await steps_of(role_dsn))[3]
    assert rights.result == "warning"
    assert rights.sentence == "Read, defer, cancel, retry only."
    (line,) = rights.lines
    assert line.startswith("To delete: Role") and "GRANT DELETE ON procrastinate_jobs" in line


async def test_where_nothing_listens_the_socket_is_the_last_step(tmp_path: Path) -> None:
    _, step = await all_steps_of(f"host={tmp_path}")
    assert (step.name, step.result) == ("Socket", "bad")
    assert step.trouble is not None
    assert (step.trouble.kind, step.sentence) == ("unreachable", step.trouble.sentence)


async def test_a_connection_string_that_cannot_be_read_is_a_bad_first_step() -> None:
    (step,) = await all_steps_of("host=h colour=red")
    assert step.trouble is not None and step.name == "Settings"
    assert (step.result, step.trouble.kind) == ("bad", "bad_dsn")


async def test_nothing_stays_connected(dsn: str) -> None:
    await steps_of(dsn)
    steps = probe(Profile(name="p", method="dsn", dsn=dsn))
    await anext(steps)
    await steps.aclose()
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    await until(lambda: run_sql(dsn, others) == [0], what="all connections to be gone")


async def test_what_libpq_refuses_before_it_connects_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for dsn, sentence in (
        ("service=nowhere", "There is no service nowhere in libpq's service files."),
        ("host=127.0.0.1,127.0.0.2 port=1,2,3", "There are not as many ports or addresses as hosts."),
        ("host=127.0.0.1 port=x", "A parameter of the connection must be a number: port."),
        ("host=127.0.0.1 port=99999", "A port is a number from 1 to 65535."),
        ("hostaddr=999.1.1.1", "999.1.1.1 is not an address."),
        ("host=127.0.0.1 connect_timeout=x", "The connection string cannot be read: connect_timeout is no number"),
        ("host=127.0.0.1 sslmode=planted", "This is no value of sslmode."),
        ("host=127.0.0.1 sslmode=require sslrootcert=system", "With sslrootcert=system sslmode has to be verify-full."),
    ):
        step = (await all_steps_of(dsn))[-1]
        assert (step.name, step.result) == ("Settings", "bad"), dsn
        assert step.sentence.startswith(sentence) and step.trouble is not None, dsn
        assert step.trouble.kind == "bad_dsn" and step.trouble.remedy and "planted" not in step.in_full


async def test_of_several_hosts_each_is_told(dsn: str) -> None:
    good = conninfo_to_dict(dsn)
    steps = await all_steps_of(make_conninfo(dsn, host=f"127.0.0.1,{good['host']}", port=f"1,{good['port']}"))
    assert [(step.name, step.result) for step in steps[1:4]] == [
        ("TCP", "warning"), ("Socket", "good"), ("Sign-in", "good")
    ]  # fmt: skip
    assert steps[1].sentence.endswith("The next one is tried.")


async def test_a_server_that_keeps_silent_is_not_said_to_be_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        steps = await all_steps_of(f"host=127.0.0.1 port={silent.getsockname()[1]} connect_timeout=2")
    assert [(step.name, step.result) for step in steps] == [("Settings", "good"), ("TCP", "good"), ("TLS", "bad")]
    assert steps[-1].sentence == "It takes connections, and then says nothing."
