"""A primary that is gone and a standby that is promoted: noticed, read again, and the database's abilities with it."""

from __future__ import annotations

from pathlib import Path

from jobdesk_core.operations import Action
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.probe import probe
from opened import Others, desk_of, live, opened
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from replicas import replicas
from waiting import until

MINUTE = 60


async def test_a_failover_and_a_promotion_are_noticed_and_told(tmp_path: Path) -> None:
    with replicas() as servers:
        async with live(tmp_path, servers.dsn_of_both) as window:
            reader = Profile(name="standby", method="dsn", dsn=servers.standby.dsn)
            async with opened(tmp_path / "reader", reader) as looking:
                await until(lambda: looking.header.live.mode == "polling", timeout_s=MINUTE, what="the standby")
                assert "standby" in looking.header.live.toolTip() and "standby" in looking.footer.about_database
                assert "standby" in (desk_of(looking).impossible(Action.CANCEL) or "")
                with Others(servers.primary.dsn) as others:
                    job_id = others.defer("before")
                for each in (window, looking):
                    await until(lambda each=each: job_id in each.jobs.model.ids(), timeout_s=MINUTE, what="the job")
                await until(servers.has_all, timeout_s=MINUTE, what="the standby to have it all")

                # The test of a connection, with the standby as the first of the hosts.
                hosts = (
                    f"{conninfo_to_dict(servers.standby.dsn)['host']},{conninfo_to_dict(servers.primary.dsn)['host']}"
                )
                for wanted, told in (
                    ("read-write", ["Socket", "Sign-in", "Socket", "Sign-in"]),
                    ("prefer-standby", ["Socket", "Sign-in"]),
                ):
                    both = make_conninfo(servers.primary.dsn, host=hosts, target_session_attrs=wanted)
                    steps = [step async for step in probe(Profile(name="both", method="dsn", dsn=both))]
                    assert [step.name for step in steps if step.name in ("Socket", "Sign-in")] == told
                    if wanted == "read-write":
                        (passed,) = (step for step in steps if step.result != "good")
                        assert "target_session_attrs asks for: session is read-only" in passed.sentence
                    else:
                        by_name = {step.name: step for step in steps}
                        assert by_name["Server"].sentence.endswith("A read-only standby.")
                        assert by_name["LISTEN"].sentence == "A standby sends no notifications: polling."

                servers.fail_over()
                await until(lambda: window.header.live.mode == "live", timeout_s=MINUTE, what="the other host")
                await until(lambda: looking.header.live.mode == "live", timeout_s=MINUTE, what="the promotion")
                assert "is the primary now" in looking.message.sentence
                place = str(servers.standby.dsn.split("host=")[1].split()[0])
                await until(lambda: f"Connected to {place} now" in window.message.sentence, what="the host told")
                for each in (window, looking):
                    assert desk_of(each).impossible(Action.CANCEL) is None
                with Others(servers.standby.dsn) as others:
                    later = others.defer("after")
                for each in (window, looking):
                    await until(lambda each=each: later in each.jobs.model.ids(), timeout_s=MINUTE, what="a later job")
                    assert job_id in each.jobs.model.ids()
