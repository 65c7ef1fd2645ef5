"""Several desks at once: tabs, windows of their own, what those out of sight cost, and what comes back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from database import defer, run_sql
from jobdesk.connection.session import Session
from jobdesk.window.desk_frame import Tab
from jobdesk.window.desks import Desks
from jobdesk.window.main_window import MainWindow
from jobdesk_core.journal import Journal
from jobdesk_core.profiles import Profile, ProfileStore
from made_up_server import MadeUpServer
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLabel, QToolButton
from waiting import until


@contextlib.asynccontextmanager
async def several(folder: Path) -> AsyncIterator[Desks]:
    """Desks without any yet, on the screen; closed in good order afterwards."""
    journal = Journal(folder / "journal.sqlite")
    desks = Desks(lambda: MainWindow(Session(ProfileStore(folder / "profiles.toml"), journal)))
    desks.frames[0].show()
    try:
        yield desks
    finally:
        await desks.stop()
        for frame in desks.frames:
            frame.hide()
            for dialog in frame.findChildren(QDialog):
                dialog.done(0)
            frame.deleteLater()


def profile(name: str, dsn: str, **more: str) -> Profile:
    return Profile(name=name, method="dsn", dsn=dsn, **more)  # type: ignore[arg-type]


async def is_live(tab: Tab) -> MainWindow:
    """The tab's desk, once it is live."""
    await until(lambda: tab.window is not None and tab.state == "live", what="the desk to be live")
    assert tab.window is not None
    return tab.window


async def asked_at(dsn: str, seconds: float) -> set[float]:
    """At which half seconds of that time a desk asked this database anything."""
    begun = (
        "SELECT (floor(extract(epoch FROM query_start) * 2) / 2)::float8 FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'jobdesk' AND query_start > %s::timestamptz"
    )
    (since,) = run_sql(dsn, "SELECT clock_timestamp()::text")
    moments: set[float] = set()
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        moments.update(run_sql(dsn, begun, since))
        await asyncio.sleep(0.1)
    return moments


async def test_one_desk_has_no_strip_and_several_are_tabs(tmp_path: Path, dsn: str, empty_dsn: str) -> None:
    async with several(tmp_path) as desks:
        (frame,) = desks.frames
        first = desks.open(profile("billing-eu", dsn, environment="production", colour="#d92d2d"))
        await is_live(first)
        assert not frame.bar.isVisible() and frame.windowTitle() == "billing-eu (production) – Jobdesk"
        second = desks.open()
        assert frame.bar.isVisible() and frame.windowTitle() == "Jobdesk"
        assert [frame.bar.tabText(place) for place in range(2)] == ["billing-eu", "New tab"]
        window = desks.current
        assert window is second.window and window is not first.window
        window.view.session.open(profile("a & b", empty_dsn))
        await until(lambda: frame.windowTitle() == "a & b – Jobdesk", what="the title")
        assert frame.bar.tabText(1) == "a && b" and "not connected" not in frame.bar.accessibleTabName(1)
        # By keys, round and round.
        for keys, modifiers, current in (
            (Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier, first),
            (Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier, second),
            (Qt.Key.Key_9, Qt.KeyboardModifier.ControlModifier, second),
        ):
            await until(frame.isActiveWindow, what="the window to be active")
            QTest.keyClick(frame, keys, modifiers)
            assert frame.current is current
        frame.step(1)
        assert frame.current is first and first.window is not None and first.window.isVisible()
        assert second.window is not None and not second.window.isVisible()
        # Moved, and closed: the last one ends the program.
        frame.bar.moveTab(0, 1)
        assert frame.tabs == [second, first] and frame.current is first
        desks.close(second)
        assert frame.tabs == [first] and not frame.bar.isVisible()
        ends: list[bool] = []
        desks.ending.connect(lambda: ends.append(True))
        desks.close(first)
        assert ends == [True]


async def test_a_name_from_a_file_hides_nothing_and_turns_nothing(tmp_path: Path, dsn: str) -> None:
    async with several(tmp_path) as desks:
        (frame,) = desks.frames
        window = await is_live(desks.open(profile("bil\nling\u202eue", dsn, environment="pro\u202educ")))
        desks.open()
        frame.choose(0)
        shown = "bil⟨U+000A⟩ling⟨U+202E⟩ue"
        assert frame.windowTitle() == f"{shown} (pro⟨U+202E⟩duc) – Jobdesk"
        texts = [frame.bar.tabText(0), *(each.text() for each in window.findChildren(QToolButton))]
        assert texts.count(shown) == 2
        assert "\u202e" not in "".join(each.text() for each in window.findChildren(QLabel) if each.isVisible())


async def test_a_desk_out_of_sight_asks_little_and_is_current_again_at_once(
    tmp_path: Path, dsn: str, empty_dsn: str
) -> None:
    async with several(tmp_path) as desks:
        first = desks.open(profile("first", dsn))
        window = await is_live(first)
        desks.open(profile("second", empty_dsn))
        await until(lambda: not window.isVisible(), what="the first to be out of sight")
        await asyncio.sleep(2)
        defer(dsn)
        # Once every five seconds; each time it may take more than a half second.
        assert len(await asked_at(dsn, 10)) <= 6
        desks.frames[0].choose(0)
        await until(lambda: window.view.jobs.model.rowCount() == 1, timeout_s=30, what="the new job to be there")


async def test_a_tab_of_last_time_connects_when_it_is_looked_at(tmp_path: Path, dsn: str) -> None:
    with MadeUpServer() as server:
        elsewhere = f"host=127.0.0.1 port={server.port} user=u dbname=d"
        async with several(tmp_path) as desks:
            first = desks.open(profile("here", dsn))
            later = [desks.open(profile(f"later {n}", elsewhere), is_shown=False) for n in range(5)]
            await is_live(first)
            assert all(tab.window is None for tab in later) and not server.asked
            assert [desks.frames[0].bar.tabText(n) for n in range(1, 6)] == [f"later {n}" for n in range(5)]
            assert desks.show_profile("later 3") is later[3].window is not None
            await until(lambda: server.asked, what="its server to be asked")
            assert [tab.window is not None for tab in later] == [False, False, False, True, False]


async def test_a_desk_gets_a_window_of_its_own_and_goes_on(tmp_path: Path, dsn: str, empty_dsn: str) -> None:
    async with several(tmp_path) as desks:
        first, second = desks.open(profile("first", empty_dsn)), desks.open(profile("second", dsn))
        window = await is_live(second)
        desks.own_window(second)
        former, own = desks.frames
        assert (former.tabs, own.tabs) == ([first], [second]) and own.windowTitle() == "second – Jobdesk"
        assert own.isVisible() and not own.bar.isVisible() and not former.bar.isVisible()
        job = defer(dsn)
        await until(lambda: window.view.jobs.model.rowCount() == 1, what="the desk to go on")
        assert window.view.session.desk is not None and job
        own.close()
        await until(lambda: desks.frames == [former], what="the window to go")
        assert former.isVisible()
        own_count = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'jobdesk'"
        )
        await until(lambda: run_sql(dsn, own_count)[0] == 0, what="its connections to go")


async def test_closing_the_last_window_leaves_it_in_the_tray_where_that_is_chosen(tmp_path: Path) -> None:
    async with several(tmp_path) as desks:
        desks.open()
        ends: list[bool] = []
        desks.ending.connect(lambda: ends.append(True))
        desks.stays = lambda: True
        frame = desks.frames[0]
        frame.close()
        assert not frame.isVisible() and ends == []
        desks.come()
        assert frame.isVisible()
        desks.stays = lambda: False
        frame.close()
        assert ends == [True]
