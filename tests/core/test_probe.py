"""The steps by which a connection is tried: what each database answers, and where the probe ends."""

from __future__ import annotations

from pathlib import Path

from database import role, run_sql
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.probe import Step, probe
from psycopg.conninfo import conninfo_to_dict

NAMES = ["Connect and sign in", "Server", "Schema", "Rights", "LISTEN and NOTIFY"]


async def steps_of(dsn: str, password: str | None = None) -> list[Step]:
    return [step async for step in probe(Profile(name="p", method="dsn", dsn=dsn), password)]


async def test_everything_is_good_on_a_good_database(dsn: str) -> None:
    steps = await steps_of(dsn)
    assert [step.name for step in steps] == NAMES
    assert {step.result for step in steps} == {"good"}
    assert str(conninfo_to_dict(dsn)["dbname"]) in steps[1].sentence
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
    assert [step.result for step in steps] == ["good", "good", "good", "warning", "good"]
    assert steps[3].sentence.startswith("Read only. Role")


async def test_a_role_that_may_do_some_things_is_told_which(dsn: str) -> None:
    grants = ("SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public", "USAGE ON ALL SEQUENCES IN SCHEMA public")
    with role(dsn, *grants) as role_dsn:
        rights = (await steps_of(role_dsn))[3]
    assert rights.result == "warning"
    assert rights.sentence.startswith("Read, defer, cancel, retry only. Role")


async def test_where_nothing_listens_the_first_step_is_the_last(tmp_path: Path) -> None:
    (step,) = await steps_of(f"host={tmp_path}")
    assert (step.name, step.result) == (NAMES[0], "bad")
    assert step.trouble is not None
    assert (step.trouble.kind, step.sentence) == ("unreachable", step.trouble.sentence)


async def test_a_connection_string_that_cannot_be_read_is_a_bad_first_step() -> None:
    (step,) = await steps_of("host=h colour=red")
    assert step.trouble is not None
    assert (step.result, step.trouble.kind) == ("bad", "bad_dsn")


async def test_nothing_stays_connected(dsn: str) -> None:
    await steps_of(dsn)
    steps = probe(Profile(name="p", method="dsn", dsn=dsn))
    await anext(steps)
    await steps.aclose()  # type: ignore[attr-defined]
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert run_sql(dsn, others) == [0]
