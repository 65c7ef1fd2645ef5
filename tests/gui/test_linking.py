"""Links lead to what they name, in the desk that runs, and do nothing else."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from database import defer
from hypothesis import given
from hypothesis import strategies as st
from jobdesk.linking.doorway import Doorway, pass_on
from jobdesk.linking.link import Link, LinkNotUnderstood, read_link
from jobdesk.linking.opening import LinkOpening
from jobdesk.window.pages import KEYS
from jobdesk_core.profiles import Profile
from opened import desk_of, live, opened
from PySide6.QtWidgets import QApplication
from waiting import until


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("jobdesk://billing-eu/jobs/4711", Link("billing-eu", "jobs", 4711)),
        ("JOBDESK://billing-eu/jobs/4711/", Link("billing-eu", "jobs", 4711)),
        ("jobdesk://billing-eu", Link("billing-eu", "jobs")),
        ("jobdesk://billing-eu/locks", Link("billing-eu", "locks")),
        ("jobdesk://a%20%2F%20b/jobs?filter=task%3A%22a%20b%22", Link("a / b", "jobs", None, 'task:"a b"')),
    ],
)  # fmt: skip
def test_a_link_is_read(text: str, link: Link) -> None:
    assert read_link(text, KEYS) == link


@pytest.mark.parametrize(
    "text",
    [
        *("", "https://h/jobs/1", "jobdesk:///jobs/1", "jobdesk://p/jobs/-1", "jobdesk://p/jobs/1/cancel"),
        *("jobdesk://p/acts/1", "jobdesk://p/queues/1", "jobdesk://p/jobs/1x", "jobdesk://p/jobs/" + "9" * 30),
        *(
            "jobdesk://p/jobs?filter=" + "a" * 9_000,
            "jobdesk://[::1/jobs",
            "jobdesk://p/jobs\n/1",
            "jobdesk://p/jobs?x",
        ),
    ],
)
def test_what_is_no_link_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(LinkNotUnderstood, match=r"^This .*\.$"):
        read_link(text, KEYS)


names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=40)


@given(profile=names, text=names, number=st.none() | st.integers(1, 10**17))
def test_a_link_comes_back_as_it_was(profile: str, text: str, number: int | None) -> None:
    link = Link(profile, "jobs", number, "" if number is not None else text)
    assert read_link(str(link), KEYS) == link


async def test_a_link_shows_its_job_and_its_filter_and_copying_makes_one(dsn: str, tmp_path: Path) -> None:
    wanted, other = defer(dsn, task_name="wanted"), defer(dsn, task_name="other")
    async with live(tmp_path, dsn) as window:
        links = LinkOpening(window, window.session, KEYS)
        desk_of(window)
        name = window.session.profile.name
        assert links.open(f"jobdesk://{name}/jobs/{wanted}")
        await until(lambda: [row.id for row in window.jobs.selected_rows()] == [wanted], what="the job of the link")
        assert links.open(f"jobdesk://{name}/jobs?filter=task%3Aother")
        await until(lambda: window.jobs.model.ids() == [other], what="the jobs of the link")
        assert links.open(f"jobdesk://{name}/locks")
        assert window.navigation.current == "locks"
        assert not links.open(f"jobdesk://{name}/jobs/1/delete")
        assert "names no job" in window.message.sentence
        assert not links.open("jobdesk://elsewhere/jobs/1")
        assert "elsewhere, which is not saved here" in window.message.sentence
        assert window.session.profile.name == name


async def test_a_link_to_another_connection_opens_it_first(dsn: str, tmp_path: Path) -> None:
    wanted = defer(dsn, task_name="wanted")
    async with opened(tmp_path) as window:
        links = LinkOpening(window, window.session, KEYS)
        window.session.store.save(Profile(name="billing", method="dsn", dsn=dsn))
        assert links.open(f"jobdesk://billing/jobs/{wanted}")
        await until(lambda: [row.id for row in window.jobs.selected_rows()] == [wanted], what="the job of the link")
        window.show_page("jobs")
        window.all_actions["job.copy_link"].trigger()
        assert QApplication.clipboard().text() == f"jobdesk://billing/jobs/{wanted}"


async def test_the_desk_that_runs_hears_of_a_link_and_the_next_one_takes_over(tmp_path: Path) -> None:
    path, heard, later = tmp_path / "links", [], []
    assert not pass_on("jobdesk://p/jobs/1", path)
    first = asyncio.create_task(Doorway(path, heard.append).stand_open())
    second = asyncio.create_task(Doorway(path, later.append).stand_open())
    await until(path.exists, what="the socket")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await asyncio.to_thread(pass_on, "jobdesk://p/jobs/1", path)
    await until(lambda: heard or later, what="the link")
    assert [*heard, *later] == ["jobdesk://p/jobs/1"]
    for task in (first, second):
        task.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert not pass_on("jobdesk://p/jobs/1", path)


async def test_a_socket_that_nobody_listens_on_is_replaced(tmp_path: Path) -> None:
    path, heard = tmp_path / "links", []
    code = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()"
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code, str(path)], check=True)
    assert path.exists()
    standing = asyncio.create_task(Doorway(path, heard.append).stand_open())
    try:
        await until(lambda: asyncio.to_thread(pass_on, "jobdesk://p", path), what="someone who listens")
    finally:
        standing.cancel()
        await asyncio.gather(standing, return_exceptions=True)
    assert not path.exists()
