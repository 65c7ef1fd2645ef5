"""The steps by which a connection is tried: what each database answers, and where the probe ends."""

from __future__ import annotations

from pathlib import Path

from database import role, run_sql
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.probe import Step, probe
from psycopg.conninfo import conninfo_to_dict
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


async def test_where_nothing_listens_the_first_step_is_the_last(tmp_path: Path) -> None:
    (step,) = await all_steps_of(f"host={tmp_path}")
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
