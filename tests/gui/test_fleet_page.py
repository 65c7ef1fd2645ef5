"""The Fleet page and the wall, on real databases: what they show, what leads where, and what nobody is asked."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from database import defer, run_sql, start
from faulty import FaultyLink
from jobdesk.alerts.seeing import source_of
from jobdesk.alerts.watcher import Watcher
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.connection.session import Session
from jobdesk.fleet.board import FleetBoard, seen_by
from jobdesk.fleet.page import FleetPage
from jobdesk.fleet.rows import Order, rows
from jobdesk.fleet.summary import WANTED, SummaryStrip
from jobdesk.fleet.table import FleetTable
from jobdesk.fleet.words import KEYS
from jobdesk.kit.theme import theme
from jobdesk.window.desks import Desks
from jobdesk.window.main_window import MainWindow
from jobdesk.window.wall import Wall
from jobdesk_core.alerts import book as books
from jobdesk_core.alerts.rule import AlertRule
from jobdesk_core.alerts.telling import Telling
from jobdesk_core.journal import Journal
from jobdesk_core.profiles import Profile, ProfileStore
from jobdesk_core.watching.member import Member, totals
from made_up_server import MadeUpServer
from opened import desk_of, dialog_of, opened
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtTest import QTest
from pytest import MonkeyPatch
from waiting import until


def saved(folder: Path, *profiles: Profile) -> ProfileStore:
    store = ProfileStore(folder / "profiles.toml")
    for profile in profiles:
        store.save(profile)
    return store


def profile(name: str, dsn: str, folder: str = "", environment: str = "production", **more: bool) -> Profile:
    return Profile(name=name, method="dsn", dsn=dsn, folder=folder, environment=environment, **more)  # type: ignore[arg-type]


def shown(page: FleetPage) -> list[str]:
    page.refresh()
    return [row.key for row in page.table.fleet.rows]


def cell(page: FleetPage, name: str, column: str) -> str:
    page.refresh()
    place = page.table.fleet.place_of(f"member:{name}")
    return "" if place is None else str(page.table.fleet.rows[place].cells[KEYS.index(column)].text)


def board_member(page: FleetPage, name: str) -> Member:
    found = page.board.member(name)
    assert found is not None
    return found


def is_red_among_the_sums(wall: Wall) -> bool:
    picture, red = wall.grab().toImage(), theme().tokens.colour("bad").rgb()
    scale = min(picture.width() / 1920, picture.height() / 1080)
    left, top = (picture.width() - 1920 * scale) / 2, (picture.height() - 1080 * scale) / 2
    rows = range(round(top + 176 * scale), round(top + 320 * scale), 2)
    columns = range(round(left), round(left + 1920 * scale), 2)
    return any(picture.pixel(x, y) == red for y in rows for x in columns)


@contextlib.asynccontextmanager
async def desks(folder: Path, store: ProfileStore) -> AsyncIterator[tuple[Desks, FleetBoard]]:
    made = Desks(lambda: MainWindow(Session(store, Journal(folder / "journal.sqlite"))))
    board = FleetBoard(store, made)
    board.set_interval(2.0)
    made.share(board)
    made.open()
    made.frames[0].show()
    try:
        yield made, board
    finally:
        for frame in made.frames:
            frame.hide()
        await board.stop()
        await made.stop()
        for frame in made.frames:
            frame.deleteLater()


async def test_the_board_shows_the_worst_first_and_says_why_one_does_not_answer(
    dsn: str, module_dsn: str, tmp_path: Path
) -> None:
    defer(module_dsn)
    start(module_dsn, heartbeat="now() - interval '5 minutes'")
    with contextlib.ExitStack() as going, MadeUpServer() as asking:
        link = going.enter_context(FaultyLink(dsn))
        wants = f"host=127.0.0.1 port={asking.port} dbname=x user=me"
        saved(
            tmp_path,
            profile("fine", dsn, "eu"),
            profile("ill", module_dsn, "us"),
            profile("gone", link.dsn, "eu", "staging"),
            profile("vault", wants, "us"),
            profile("hidden", dsn, is_on_fleet=False),
        )
        async with opened(tmp_path) as window:
            window.show_page("fleet")  # before any connection is open
            page = window.pages.get_as("fleet", FleetPage)
            try:
                await until(lambda: cell(page, "ill", "state") == "live" and cell(page, "gone", "due") == "0")
                await until(lambda: "reason:vault" in shown(page))
                going.close()
                await until(lambda: cell(page, "gone", "state").startswith("unreachable"))
                assert shown(page) == [
                    *("folder:eu", "member:gone", "reason:gone", "member:fine"),
                    *("folder:us", "member:ill", "member:vault", "reason:vault"),
                ]
                assert cell(page, "ill", "workers") == "0 of 1" and cell(page, "ill", "stalled") == "1"
                assert cell(page, "vault", "state") == "needs a password" and cell(page, "vault", "due") == "–"
                summary = {key: each.text for key, each in page.summary.cells.items()}
                assert summary["all"] == "4 1 fine" and summary["unreachable"] == "1 gone"
                assert summary["troubled"] == "2 ill, vault" and summary["stalled"] == "1 1 ill"
                tone = page.summary.cells["unreachable"]._value.property("tone")
                assert tone == ""  # staging makes nothing red
                assert "gone" in page.summary.cells["due"].toolTip()
                window._tick()
                assert (
                    "2 of 4 answer" in window.header.live.text and "0 open · 4 watched" in window.footer.about_database
                )
                ill = board_member(page, "ill")
                assert WANTED["stalled"](ill) and not WANTED["stalled"](replace(ill, state="unreachable"))
                # Narrowed by a number, by words, and all again.
                page.summary.cells["stalled"].chosen.emit()
                assert shown(page) == ["folder:us", "member:ill"]
                page.toolbar.narrowed.click()
                page.toolbar.search.setText("eu fin")
                assert shown(page) == ["folder:eu", "member:fine"]
                page.toolbar.search.clear()
                page.table.folded.emit("eu", False)
                assert shown(page)[:2] == ["folder:eu", "folder:us"]
                page.table.choose("ill")
                assert page.side.lines[0].text.startswith("No worker")
                spoken = [
                    str(page.table.fleet.index(place, 0).data(Qt.ItemDataRole.AccessibleTextRole)) for place in range(7)
                ]
                assert spoken[0] == "folder eu, 2, closed" and spoken[1] == "folder us, 2, open"
                assert spoken[2].startswith("ill, needs attention: No worker") and spoken[4].startswith("vault: The ")
                page.table.choose("vault")
                QTest.keyClick(page.table, Qt.Key.Key_Down)  # onto the line that says why
                assert page.table.member is not None and page.table.member.name == "vault"
                assert page.side.password_button.isVisibleTo(page.side)
                assert not any(line.isVisibleTo(page.side) for line in page.side.lines)
            finally:
                await page.board.stop()


async def test_opening_one_makes_a_tab_or_brings_it_to_the_front_and_a_tab_is_not_asked_twice(
    dsn: str, module_dsn: str, tmp_path: Path
) -> None:
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
    store = saved(tmp_path, profile("a", dsn), profile("b", module_dsn))
    async with desks(tmp_path, store) as (made, board):
        first = made.current.view
        first.show_page("fleet")
        page = first.pages.get_as("fleet", FleetPage)
        await until(lambda: cell(page, "a", "state") == "live" and cell(page, "b", "state") == "live")
        page.table.choose("a")
        page.table.activated.emit(page.table.currentIndex())  # the tab that has no connection takes it
        await until(lambda: first.session.desk is not None and first.page_key == "overview")
        await until(lambda: (member := board.member("a")) is not None and member.is_open and member.is_answering)
        await until(lambda: run_sql(dsn, sessions, "jobdesk fleet") == [0])
        desk, read_at = desk_of(first), dt.datetime(2026, 5, 4, 12, 30, tzinfo=dt.UTC)
        desk.monitor.state = replace(desk.monitor.state, mode="stale", read_at=read_at)
        look = seen_by(desk).look
        assert look is not None and look.server_time == read_at
        first.show_page("fleet")
        assert first.strip._colour == "" and "Fleet" in made.frames[0].windowTitle()
        page.side.open_asked_for.emit("", "")
        assert first.page_key == "overview"
        first.show_page("fleet")
        page.table.choose("b")
        first.all_actions["fleet.open"].trigger()
        await until(lambda: len(made.tabs) == 2 and made.current.view.session.desk is not None)
        assert made.current.view is not first and made.current.view.page_key == "overview"
        assert first.page_key == "overview"  # what stands above the tabs is left with them
        made.current.view.show_page("fleet")
        made.frames[0].bar.tabBarClicked.emit(1)
        assert made.current.view.page_key == "overview"
        made.current.view.show_page("fleet")
        made.frames[0].choose(1)  # as by Ctrl+2
        assert made.current.view.page_key == "overview"


async def test_the_wall_turns_and_is_left_by_escape_and_does_nothing_else(
    dsn: str, module_dsn: str, tmp_path: Path
) -> None:
    run_sql(module_dsn, "TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")  # what other tests have left
    store = saved(tmp_path, profile("a", dsn), profile("b", module_dsn, environment="staging"))
    async with desks(tmp_path, store) as (made, board):
        made.current.view.all_actions["fleet.wall"].trigger()
        wall = made._wall
        assert wall is not None and wall.isVisible()
        await until(lambda: len(board.members) == 2 and all(each.is_answering for each in board.members))
        assert wall.faces[0] == "" and set(wall.faces) == {"", "a", "b"}
        pictures = set()
        for _ in range(3):
            pictures.add(wall.face)
            assert not wall.grab().isNull()
            QTest.keyClick(wall, Qt.Key.Key_Space)
        assert pictures == {"", "a", "b"} and wall.face == ""
        # One that gets worse meanwhile is neither shown at once nor twice, and staging makes no sum red.
        QTest.keyClick(wall, Qt.Key.Key_Space)
        assert wall.face == "a"
        defer(module_dsn)
        start(module_dsn, heartbeat="now() - interval '5 minutes'")
        await until(lambda: (found := board.member("b")) is not None and found.rank == 1)
        assert wall.face == "a"
        QTest.keyClick(wall, Qt.Key.Key_Space)
        assert wall.face == "b"
        QTest.keyClick(wall, Qt.Key.Key_Space)
        assert wall.face == "" and wall.faces == ["", "b", "a"]
        assert not is_red_among_the_sums(wall)
        left: list[bool] = []
        wall.left.connect(lambda: left.append(True))
        QTest.keyClick(wall, Qt.Key.Key_Escape)
        assert left == [True]


async def test_without_connections_one_is_pasted_in_place(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        window.all_actions["view.fleet"].trigger()
        page = window.pages.get_as("fleet", FleetPage)
        assert page.empty.title == "No databases yet." and page.paste.isVisible()
        assert page.paste.says.text() == "It opens a new connection with its fields filled in."
        page.paste.edit.setPlainText("postgresql://me@db.example.org/billing")
        page.paste.edit.came.emit()
        dialog = await dialog_of(window, ConnectionDialog)
        assert "db.example.org" in dialog.profile().display_dsn and "billing" in dialog.profile().display_dsn
        dialog.done(0)
        await page.board.stop()


async def test_no_row_goes_away_from_under_the_pointer_or_back_to_the_chosen_one(monkeypatch: MonkeyPatch) -> None:
    table, order = FleetTable(), Order()
    table.resize(900, 300)
    table.show()

    def show(worst: str) -> list[str]:
        members = [
            Member(profile(f"db-{n:02}", "", "eu"), "refused" if f"db-{n:02}" == worst else "connecting")
            for n in range(40)
        ]
        found = rows(order.ordered(members, is_held=table.is_pointed_at), closed=(), wait_s=5.0)
        table.show_rows(found)
        return [row.name for row in found if row.kind == "member"]

    assert show("db-30")[0] == "db-30"
    table.choose("db-30")
    bar = table.verticalScrollBar()
    bar.setValue(20)
    QTest.mouseMove(table.viewport(), QPoint(50, 50))
    QTest.mouseMove(table.viewport(), QPoint(60, 60))
    await until(lambda: table.is_pointed_at)
    assert show("db-25")[0] == "db-30"
    monkeypatch.setattr("jobdesk.fleet.table.POINTED_S", 0.0)
    assert show("db-25")[0] == "db-25"
    assert bar.value() == 20 and table.member is not None and table.member.name == "db-30"
    table.deleteLater()


async def test_every_column_that_tells_how_a_database_is_has_room_beside_the_side_panel(tmp_path: Path) -> None:
    nowhere = "host=127.0.0.1 port=9 dbname=x user=x"
    saved(tmp_path, profile("invoices-and-reports-of-the-european-region", nowhere, "eu"))
    async with opened(tmp_path) as window:
        window.show_page("fleet")
        page = window.pages.get_as("fleet", FleetPage)
        table, side = page.table, page.side_area
        await until(lambda: any(row.kind == "reason" for row in table.fleet.rows) or page.refresh())
        for size, given_up in (((1440, 900), []), ((1280, 800), ["finished"])):
            window.window().resize(*size)
            await until(lambda size=size: window.width() == size[0] > side.width() + table.width())
            hidden = [key for place, key in enumerate(KEYS) if table.isColumnHidden(place)]
            assert (hidden, table.horizontalScrollBar().maximum()) == (given_up, 0), size
            metrics = QFontMetrics(theme().font(12, QFont.Weight.Medium), table)
            cut = [
                key
                for place, key in enumerate(KEYS)
                if table.columnWidth(place) < metrics.horizontalAdvance(table.fleet.titles[place].text) + 28
            ]
            assert cut == given_up, size
            assert side.isVisible() and side.widget().minimumSizeHint().width() <= side.viewport().width(), size
        await page.board.stop()


def test_nothing_that_nobody_knows_is_told_as_none() -> None:
    one = Member(profile("a", "", "eu"), "unreachable")
    strip = SummaryStrip()
    strip.show_totals(totals([one]))
    assert [strip.cells[key].text for key in ("due", "failing", "workers", "stalled")] == ["–"] * 4
    (folder, *_) = rows(Order().ordered([one]), closed=(), wait_s=5.0)
    assert [folder.cells[KEYS.index(key)].text for key in ("due", "failed", "workers", "stalled")] == ["–", "–", "", ""]
    strip.deleteLater()


async def test_the_wall_says_how_to_leave_it_and_calls_none_dead_that_is_yet_to_answer(
    tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    board = FleetBoard(saved(tmp_path, profile("a", "host=127.0.0.1 port=9 dbname=x user=x")))
    wall = Wall(board)
    wall.show()
    try:
        assert wall._told(board.members) == "Esc leaves, Space shows the next."
        monkeypatch.setattr("jobdesk.window.wall.HINT_S", 0.0)
        assert (wall._told(board.members), wall._tone(board.members)) == ("", "secondary")
        await until(lambda: board.members[0].state == "unreachable")
        assert (wall._told(board.members), wall._tone(board.members)) == ("No database answers.", "bad")
        monkeypatch.setattr("jobdesk.window.wall.HINT_S", 60.0)
        wall._hinted_at -= 61.0
        QTest.mouseMove(wall, QPoint(20, 20))
        QTest.mouseMove(wall, QPoint(40, 40))
        assert wall._told(board.members).startswith("Esc leaves")
    finally:
        wall.hide()
        await board.stop()
        wall.deleteLater()


async def test_a_wall_of_a_connection_that_is_not_saved_says_so(tmp_path: Path) -> None:
    board = FleetBoard(saved(tmp_path))
    board.show_only("none")
    board.set_seen_by(board, True)
    assert board.problem == "There is no saved connection none." and board.members == []
    await board.stop()


async def test_testing_one_from_the_board_opens_its_connection_and_tries_it(dsn: str, tmp_path: Path) -> None:
    saved(tmp_path, profile("it", dsn))
    async with opened(tmp_path) as window:
        window.all_actions["view.fleet"].trigger()
        page = window.pages.get_as("fleet", FleetPage)
        await until(lambda: cell(page, "it", "state") == "live")
        page.table.choose("it")
        page.table.test_asked_for.emit("it")
        dialog = await dialog_of(window, ConnectionDialog)
        assert dialog.profile().name == "it"
        await until(lambda: not dialog.work.is_running("test"), what="the test to end")
        dialog.done(0)
        await page.board.stop()


async def test_an_alert_of_a_database_that_is_not_open_leads_to_it(dsn: str, tmp_path: Path) -> None:
    defer(dsn, queue_name="mail", args='{"customer": "it"}')
    run_sql(dsn, "UPDATE procrastinate_events SET at = now() - interval '1 hour'")
    watcher = Watcher(path=tmp_path / "alerts.toml", state=tmp_path / "alerts.sqlite")
    books.write(books.RuleBook(rules=(AlertRule("oldest_due", values={"oldest_due_s": 60.0}),)), watcher.path)
    async with desks(tmp_path, saved(tmp_path, profile("a", dsn))) as (made, board):
        view = made.current.view
        board.watch(lambda _: True)
        watcher.sources = lambda: [source_of(member, board.ask) for member in board.members]
        view.alerts.follow(watcher)
        watcher.start()
        try:
            await until(lambda: watcher.active("a"), what="the alert")
            # Its jobs are read on a connection of their own, where the rule sends them.
            (source,) = watcher.sources()
            assert source.with_jobs is not None
            rule = AlertRule("oldest_due", ways=("page",), sends_jobs=True)
            (told,) = await source.with_jobs([Telling("began", watcher.active("a")[0], rule)])
            assert [job.args for job in told.jobs or ()] == [{"customer": "it"}]
            view.alerts.come(0)
            (card,) = view.alerts.list.cards.values()
            assert card.title.whole == "mail has fallen behind · a"
            card.button("jobs").click()
            await until(lambda: view.session.desk is not None, what="the tab")
            assert view.page_key == "jobs" and "queue:mail" in view.finding.bar.text()
        finally:
            await watcher.stop()
