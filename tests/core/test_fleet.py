"""The fleet: many real databases at once, of which some are dead, frozen, slow, stopped, or want a password."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database import defer, finish, role, run_sql, start
from faulty import FaultyLink
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.rows import WorkerRow
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.embedded import EmbeddedServer
from jobdesk_core.profiles import Profile
from jobdesk_core.reading.open_jobs import OpenGroup, OpenJobs
from jobdesk_core.troubles import Trouble
from jobdesk_core.watching import beside
from jobdesk_core.watching import fleet as fleets
from jobdesk_core.watching.attention import Attention
from jobdesk_core.watching.fleet import Elsewhere, Fleet
from jobdesk_core.watching.member import Member, State, folders, totals, worst_first
from jobdesk_core.watching.pulse import Look, Pulse
from jobdesk_core.watching.situation import Situation
from made_up_server import MadeUpServer
from periodic import Planned, plant
from psycopg.conninfo import make_conninfo
from waiting import until

_MODE: Statement[list[str]] = Statement(
    "SHOW default_transaction_read_only", lambda rows: [row["default_transaction_read_only"] for row in rows]
)
NOW = dt.datetime(2026, 5, 4, 12, 30, 20, tzinfo=dt.UTC)


def profile(name: str, dsn: str = "", **settings: str) -> Profile:
    return Profile(name=name, method="dsn", dsn=dsn, **settings)  # type: ignore[arg-type]


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "FIRST_PAUSE_S", 0.3)
    monkeypatch.setattr(fleets, "LONGEST_PAUSE_S", 0.5)


@contextlib.asynccontextmanager
async def following(*profiles: Profile, **options: float) -> AsyncIterator[Fleet]:
    found = Fleet(**{"interval_s": 0.1, "limit_s": 0.6, "connect_limit_s": 0.8, **options})  # type: ignore[arg-type]
    found.follow(profiles)
    try:
        yield found
    finally:
        await found.stop()


@contextlib.contextmanager
def blackhole() -> Iterator[str]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"host=127.0.0.1 port={listener.getsockname()[1]} dbname=none user=nobody"


@pytest.mark.usefixtures("_hurried")
async def test_a_dead_a_frozen_a_slow_and_a_locked_one_delay_nobody(dsn: str, module_dsn: str) -> None:
    with (
        blackhole() as dead,
        FaultyLink(module_dsn) as link,
        MadeUpServer() as asking,
        psycopg.connect(dsn, autocommit=False) as locked,
    ):
        wants = f"host=127.0.0.1 port={asking.port} dbname=none user=me"
        names = ("a", "b", "dead", "frozen", "locked", "password")
        places = (module_dsn, module_dsn, dead, link.dsn, dsn, wants)
        async with following(*map(profile, names, places)) as fleet:
            await until(lambda: all(fleet.members[name].is_answering for name in ("a", "b", "frozen", "locked")))
            await until(lambda: fleet.members["dead"].state == "unreachable" and fleet.members["password"].trouble)
            assert fleet.members["password"].state == "password" and fleet.members["password"].tries_at is None
            link.freeze()
            await asyncio.to_thread(locked.execute, b"LOCK TABLE procrastinate_jobs")
            oldest_s = 0.0

            def both() -> bool:
                nonlocal oldest_s
                ages = [fleet.members[name].age_s(time.monotonic()) or 0.0 for name in ("a", "b")]
                oldest_s = max(oldest_s, *ages)
                return fleet.members["frozen"].state == "unreachable" and fleet.members["locked"].state == "slow"

            await until(both)
            assert oldest_s < 10  # they are asked every 0.1 s; a machine may be busy
            trouble = fleet.members["locked"].trouble
            assert trouble is not None and trouble.sentence == "The server has not answered for 1 s."
            sums = totals(fleet.members.values())
            assert {each.name for each in sums.left_out} == {"dead", "frozen", "locked", "password"}
            asked = asking.asked
            link.thaw()
            await asyncio.to_thread(locked.rollback)
            await until(lambda: all(fleet.members[name].is_answering for name in ("frozen", "locked")))
            assert asking.asked == asked  # who wants a password is not asked again by itself
            texts = [(change.profile.name, change.text.partition(":")[0]) for change in fleet.changes(20)]
            assert ("frozen", "Answers again") in texts and ("locked", "Answers again") in texts
            assert ("dead", "Unreachable") in texts
            fleet.hold("password", "a-secret-word")
            await until(lambda: asking.got == ["a-secret-word"])


@pytest.mark.usefixtures("_hurried")
async def test_a_stopped_server_is_found_again_when_it_is_back() -> None:
    with tempfile.TemporaryDirectory(prefix="jobdesk-tests-") as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101 - at once
        await _stopped_and_started(EmbeddedServer(Path(folder), is_durable=False))


async def _stopped_and_started(server: EmbeddedServer) -> None:
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(run_sql, server.dsn, schema_sql())
        async with following(profile("it", server.dsn)) as fleet:
            await until(lambda: fleet.members["it"].is_answering)
            await asyncio.to_thread(server.stop)
            await until(lambda: fleet.members["it"].state == "unreachable")
            stopped = fleet.members["it"]
            assert stopped.look is not None and stopped.rank == 0 and stopped.trouble is not None
            await asyncio.to_thread(server.start)
            await until(lambda: fleet.members["it"].is_answering)
    finally:
        await asyncio.to_thread(server.stop)


async def test_it_asks_on_one_named_connection_that_may_write_nothing_and_none_while_a_tab_follows(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[str] = []

    class Noting(Pulse):
        async def ask(self, connector: PsycopgConnector, connection: Any = None, *, limit_s: float = 4.0) -> Look:
            modes[:] = await connector.run_async(_MODE, connection=connection)
            return await super().ask(connector, connection, limit_s=limit_s)

    monkeypatch.setattr(fleets, "Pulse", Noting)
    sessions = (
        "SELECT pid, application_name FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()"
    )
    async with following(profile("it", dsn)) as fleet:
        await until(lambda: fleet.members["it"].is_answering)
        found = await asyncio.to_thread(run_sql, dsn, sessions)
        assert [name for _, name in found] == ["jobdesk fleet"]
        fleet.elsewhere = lambda name: Elsewhere("live", fleet.members["it"].look)
        fleet.look_elsewhere()
        await until(lambda: fleet.members["it"].is_open)
        await until(lambda: run_sql(dsn, sessions) == [])
        # Of a lost link its last numbers are shown, and of when they are.
        last = fleet.members["it"].look
        assert last is not None
        lost = replace(last, server_time=NOW, situation=Situation(NOW, OpenJobs(NOW)))
        fleet.elsewhere = lambda name: Elsewhere("unreachable", lost)
        await until(lambda: fleet.members["it"].state == "unreachable")
        assert fleet.members["it"].look == replace(last, server_time=NOW)
        fleet.elsewhere = lambda name: None
        fleet.look_elsewhere()
        await until(lambda: not fleet.members["it"].is_open)
        assert len(await asyncio.to_thread(run_sql, dsn, sessions)) == 1
    assert modes == ["on"]
    assert run_sql(dsn, sessions) == []


async def test_its_lines_and_changes_are_those_of_the_overview(dsn: str) -> None:
    async with following(profile("it", dsn)) as fleet:
        await until(lambda: fleet.members["it"].is_answering)
        await asyncio.to_thread(defer, dsn)
        job, _ = await asyncio.to_thread(start, dsn, heartbeat="now() - interval '5 minutes'")
        await until(lambda: fleet.members["it"].lines)
        first = fleet.members["it"].lines[0]
        assert first.rule == "no_worker" and fleet.members["it"].rank == 1
        assert fleet.changes(10)[-1].text == first.text or first.text in [each.text for each in fleet.changes(10)]
        await asyncio.to_thread(finish, dsn, job, "succeeded")
        await asyncio.to_thread(run_sql, dsn, "DELETE FROM procrastinate_workers")
        await until(lambda: not fleet.members["it"].lines)
        assert f"Over: {first.was}" in [each.text for each in fleet.changes(10)]
        fleet.follow([])
        assert fleet.members == {}


async def test_schedules_locks_and_long_runs_are_told_of_a_database_without_a_tab(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "EVERY_S", 0.3)
    monkeypatch.setattr(beside, "TIMES_COST", 0)

    def prepare() -> None:
        minute = time.time() // 60 * 60 - 600
        times = [minute - 60 * n for n in range(30, -1, -1)]
        plant(dsn, [Planned("sweep", times), Planned("render", times, queue="media", took_s=(2.0,))])
        run_sql(dsn, "DELETE FROM procrastinate_periodic_defers WHERE task_name = 'render'")
        defer(dsn, queue_name="media", task_name="render", lock="tape")
        head, _ = start(dsn, heartbeat="now() + interval '20 seconds'")
        run_sql(dsn, "UPDATE procrastinate_events SET at = now() - interval '10 minutes' WHERE job_id = %s", head)
        wait(5)

    def wait(jobs: int) -> None:
        for _ in range(jobs):
            defer(dsn, queue_name="media", task_name="render", lock="tape")

    await asyncio.to_thread(prepare)
    async with following(profile("it", dsn), limit_s=4) as fleet:

        def told() -> set[str]:
            return {line.rule for line in fleet.members["it"].lines}

        await until(lambda: {"schedule", "long_run"} <= told())
        assert "lock" not in told()  # its line does not grow
        await asyncio.to_thread(wait, 2)
        await until(lambda: "lock" in told())
        texts = [change.text for change in fleet.changes(20)]
        assert any("tape" in text and "2 more" in text for text in texts) and any("sweep" in text for text in texts)
        # What a pulse knows to be over is over before anything is asked beside it.
        monkeypatch.setattr(beside, "EVERY_S", 3_600)
        await asyncio.to_thread(run_sql, dsn, "DELETE FROM procrastinate_jobs WHERE queue_name = 'media'")
        await until(lambda: told() == {"schedule"})


async def test_what_follows_from_something_worse_is_not_told_to_be_over(dsn: str) -> None:
    async with following(profile("it", dsn)) as fleet:

        def rules() -> list[str]:
            return [line.rule for line in fleet.members["it"].lines]

        for _ in range(2):
            await asyncio.to_thread(run_sql, dsn, "SELECT procrastinate_register_worker_v1()")
        silent = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 minutes' WHERE id <= {}"
        await asyncio.to_thread(run_sql, dsn, silent.format(1))
        await until(lambda: rules() == ["unresponsive_worker"])
        await asyncio.to_thread(run_sql, dsn, silent.format(2))
        await until(lambda: rules() == ["no_worker"])
        assert not [each.text for each in fleet.changes(10) if each.text.startswith("Over")]
        await asyncio.to_thread(run_sql, dsn, "DELETE FROM procrastinate_workers")
        await until(lambda: not rules())
        assert fleet.changes(1)[0].text == "Over: No worker was alive"


# Order and sums, without servers


def member(name: str, state: State = "live", *, folder: str = "", tone: str = "", **group: int) -> Member:
    oldest = NOW - dt.timedelta(seconds=group.pop("oldest_s", 0))
    rate = float(group.pop("failed", 0))
    alive, known = group.pop("alive", 1), group.pop("known", 1)
    beats = [WorkerRow(n, NOW - dt.timedelta(seconds=1 if n < alive else 99), 0) for n in range(known)]
    opened = OpenJobs(NOW, all=OpenGroup(oldest=oldest if group.get("due") else None, **group), workers=tuple(beats))
    look = Look(Situation(NOW, opened), None, NOW, 1, 1, False, False, False, rate, rate, (), ())  # type: ignore[arg-type]
    lines = (Attention("paused", "q", "q", "", None, tone),) if tone else ()  # type: ignore[arg-type]
    return Member(profile(name, folder=folder), state, NOW, look, 0.0, lines=lines)


FOUND = [
    member("fine", folder="eu", due=3, oldest_s=5),
    member("old", folder="eu", due=1, oldest_s=500),
    member("amber", folder="in", tone="warning", due=300, failed=2),
    member("red", folder="us", tone="bad", due=7, stalled=2, alive=4, known=5, failed=4),
    member("gone", "unreachable", folder="de", tone="bad", due=1000, stalled=9),
    member("asks", "password", folder="us"),
    Member(profile("new", folder="eu")),
]


def test_the_worst_comes_first_and_so_does_its_folder() -> None:
    assert [each.name for each in worst_first(FOUND)] == ["gone", "red", "amber", "asks", "old", "fine", "new"]
    assert [(folder, [each.name for each in its]) for folder, its in folders(FOUND)] == [
        ("de", ["gone"]),
        ("us", ["red", "asks"]),
        ("in", ["amber"]),
        ("eu", ["old", "fine", "new"]),
    ]


def test_sums_leave_out_what_does_not_answer_and_say_so() -> None:
    sums = totals(FOUND)
    assert (sums.databases, sums.fine, sums.due, sums.stalled, sums.oldest_s) == (7, 2, 311, 2, 500)
    assert (sums.alive, sums.registered, sums.failed_per_minute) == (7, 8, 6)
    assert [each.name for each in sums.unreachable] == ["gone"]
    assert [each.name for each in sums.attention] == ["red", "amber", "asks"]
    assert [each.name for each in sums.left_out] == ["gone", "asks", "new"]
    assert [each.name for each in sums.failing] == ["red", "amber"]
    assert [each.name for each in sums.stalling] == ["red"]


def test_a_pulse_without_a_password_has_no_trouble_of_its_own() -> None:
    assert Pulse().look is None
    assert Member(profile("x"), "slow", trouble=Trouble("timeout", "")).rank == 2


async def test_what_answers_and_refuses_is_not_unreachable(empty_dsn: str, dsn: str) -> None:
    with role(dsn, "USAGE ON SCHEMA public") as weak:
        places = {"bare": empty_dsn, "weak": weak, "none": make_conninfo(dsn, dbname="no_such_database")}
        async with following(*(profile(name, place) for name, place in places.items())) as fleet:
            wanted = {"bare": "no_schema", "weak": "rights", "none": "no_database"}

            def told() -> dict[str, str]:
                troubles = {name: member.trouble for name, member in fleet.members.items()}
                return {name: trouble.kind for name, trouble in troubles.items() if trouble is not None}

            await until(lambda: told() == wanted)
            assert {member.state for member in fleet.members.values()} == {"refused"}
            assert all(member.rank == 2 for member in fleet.members.values())
