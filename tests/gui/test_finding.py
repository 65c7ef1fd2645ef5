"""Finding in the real window: the bar of chips and text, completion, the past, saved views, the palette."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from jobdesk.filtering.bar import FilterBar
from jobdesk.filtering.chip import FilterChip
from jobdesk.filtering.edit import FilterEdit
from jobdesk.filtering.save_view import SaveViewDialog
from jobdesk.filtering.saved_views import SavedViewsDialog
from jobdesk.help.topics import topic
from jobdesk.jobs.job_columns import COLUMNS
from jobdesk.kit.fuzzy import fit
from jobdesk.window.actions import SPECS
from jobdesk.window.desk_view import DeskView
from jobdesk.window.palette import PaletteDialog
from jobdesk_core.filters.language import FLAGS, KEYS, JobFilter
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.finding import FindingStore, SavedView
from jobdesk_core.reading.pages import Order
from opened import Others, closed, dialog_of, live, opened
from psycopg.types.json import Jsonb
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.modeltest import ModelTester
from waiting import until

Key = Qt.Key


def bar_of(window: DeskView) -> tuple[FilterBar, FilterEdit]:
    bar = window.header.filter_bar
    edit = bar.findChild(FilterEdit)
    assert isinstance(edit, FilterEdit)
    bar.focus_edit()
    return bar, edit


def chips(window: DeskView) -> list[str]:
    found = [each for each in window.header.findChildren(FilterChip) if each.isVisible()]
    return [each.token for each in sorted(found, key=lambda each: each.x())]


def chip(window: DeskView, token: str) -> FilterChip:
    return next(each for each in window.header.findChildren(FilterChip) if each.isVisible() and each.token == token)


def shown_ids(window: DeskView) -> set[int]:
    return set(window.jobs.model.ids())


async def shows(window: DeskView, ids: set[int]) -> None:
    await until(lambda: not window.jobs.reading.is_reading and shown_ids(window) == ids, what=f"the jobs {ids}")


async def press(window: DeskView, key: Key, modifier: Qt.KeyboardModifier) -> None:
    """Press a shortcut's keys, as soon as the window is the active one."""
    window.window().activateWindow()
    await until(window.isActiveWindow, what="the window to be active")
    QTest.keyClick(window.navigation, key, modifier)


def offered(edit: FilterEdit) -> list[str]:
    model = edit.popup.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())] if edit.popup.isVisible() else []


# Typed and clicked, in step


async def test_what_is_typed_becomes_chips_and_chips_become_text_again(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        a, b, c = others.defer("t.a", "mail"), others.defer("t.b", "mail"), others.defer("t.b", "billing")
        async with live(tmp_path, dsn) as window:
            bar, edit = bar_of(window)
            QTest.keyClicks(edit, "task:t.a ")
            assert (bar.text(), chips(window), edit.text()) == ("task:t.a", ["task:t.a"], "")
            QTest.keyClicks(edit, "or queue:billing ")
            assert bar.text() == "task:t.a or queue:billing"
            await shows(window, {a, c})
            QTest.keyClicks(edit, "not (task:t.a or task:x) ")
            assert bar.text() == "task:t.a or queue:billing not (task:t.a or task:x)"
            window.window().resize(1400, 800)  # room for all of them
            await until(lambda: "queue:billing" in chips(window), what="the chips to find room")
            QTest.mouseClick(chip(window, "queue:billing"), Qt.MouseButton.LeftButton)
            await until(lambda: edit.text() == "queue:billing")
            edit.selectAll()
            QTest.keyClicks(edit, "queue:mail")
            assert bar.text().startswith("task:t.a or queue:billing"), "the filter in force stays while one is changed"
            QTest.keyClick(edit, Key.Key_Return)
            assert bar.text() == "task:t.a or queue:mail not (task:t.a or task:x)"
            await shows(window, {a, b})


async def test_a_chip_is_removed_or_turned_round_and_the_rest_keeps_its_sense(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        bar, edit = bar_of(window)
        bar.set_text("(queue:a or queue:b) task:t -lock:*")
        QTest.keyClick(chip(window, "task:t"), Key.Key_Minus)
        await until(lambda: bar.text() == "(queue:a or queue:b) -task:t -lock:*")
        QTest.keyClick(chip(window, "queue:a"), Key.Key_Delete)
        await until(lambda: bar.text() == "queue:b -task:t -lock:*")
        QTest.keyClick(chip(window, "-lock:*"), Key.Key_Minus)
        await until(lambda: bar.text() == "queue:b -task:t lock:*")
        QTest.keyClick(edit, Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        assert edit.text() == bar.text() and chips(window) == []
        QTest.keyClick(edit, Key.Key_Escape)
        assert chips(window) == ["queue:b", "-task:t", "lock:*"] and edit.text() == ""


async def test_a_bracket_opens_the_whole_filter_as_text(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        bar, edit = bar_of(window)
        bar.set_text("(queue:a or queue:b) task:t")
        bracket = next(each for each in bar.findChildren(QPushButton) if each.text() == "(" and each.isVisible())
        QTest.mouseClick(bracket, Qt.MouseButton.LeftButton)
        await until(lambda: edit.text() == "(queue:a or queue:b) task:t")


async def test_a_filter_that_is_too_wide_says_how_much_more_there_is(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        window.window().resize(1000, 700)
        bar, edit = bar_of(window)
        text = " ".join(f"-queue:some-longer-name-{number}" for number in range(30))
        bar.set_text(text)
        assert window.window().width() == 1000, "the filter does not widen the window"
        more = next(each for each in bar.findChildren(QPushButton) if each.text().startswith("+") and each.isVisible())
        assert int(more.text()) == 30 - len(chips(window))
        QTest.mouseClick(more, Qt.MouseButton.LeftButton)
        await until(lambda: edit.text() == text)


@pytest.mark.parametrize(
    "text", ['lock:"a\nb"', "id:" + ",".join(map(str, range(20_000))), 'lock:"' + "x" * 100_000 + '"']
)
async def test_a_filter_of_any_text_is_taken_as_it_is(dsn: str, tmp_path: Path, text: str) -> None:
    async with live(tmp_path, dsn) as window:
        bar, _ = bar_of(window)
        bar.set_text(text)
        assert bar.text() == text and window.jobs.model.job_filter.text == text


@pytest.mark.parametrize(
    ("typed", "marked"), [("status:todo,oops", "oops"), ("nope:1", "nope:1"), ("(a or", "or"), ('"open', '"')]
)
async def test_a_mistake_is_marked_where_it_is_and_the_filter_stays(
    dsn: str, tmp_path: Path, typed: str, marked: str
) -> None:
    async with live(tmp_path, dsn) as window:
        bar, edit = bar_of(window)
        bar.set_text("queue:mail")
        QTest.keyClicks(edit, typed)
        QTest.keyClick(edit, Key.Key_Return)
        start, length = edit._mark
        assert edit.text()[start : start + length] == marked and edit.text() == typed
        assert (bar.text(), window.jobs.model.job_filter.text) == ("queue:mail", "queue:mail")
        assert bar.problem and edit.accessibleDescription().startswith(bar.problem)
        assert any(label.text() == bar.problem and label.isVisible() for label in window.findChildren(QLabel))
        QTest.keyClicks(edit, "x")
        assert not bar.problem


async def test_a_filter_from_elsewhere_that_is_wrong_can_be_mended(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        bar, edit = bar_of(window)
        bar.set_text("queue:mail")
        window.finding.show_filter("status:nope")
        assert (edit.text(), bar.text()) == ("status:nope", "queue:mail") and bar.problem
        QTest.keyClick(edit, Key.Key_Escape)
        assert chips(window) == ["queue:mail"] and not bar.problem


async def test_what_was_likely_meant_is_a_click_away_and_a_text_says_where_it_is_looked_for(
    dsn: str, tmp_path: Path
) -> None:
    async with live(tmp_path, dsn) as window:
        bar, edit = bar_of(window)

        def suggested() -> list[QPushButton]:
            found = [each for each in window.findChildren(QPushButton) if each.property("suggestion")]
            return [each for each in found if each.isVisible()]

        QTest.keyClicks(edit, "queue:mail ")
        for typed, text, meant in (
            ("created:>-1h", "deferred:>-1h", "queue:mail deferred:>-1h"),
            ("older than 1 hour", "age:>1h", "queue:mail deferred:>-1h age:>1h"),
        ):
            QTest.keyClicks(edit, typed)
            QTest.keyClick(edit, Key.Key_Return)
            assert suggested()[0].text() == text and bar.text() != meant
            QTest.keyClick(edit, Key.Key_Down)
            assert window.window().focusWidget() is suggested()[0], "the keyboard reaches it"
            QTest.keyClick(suggested()[0], Key.Key_Space)
            await until(lambda meant=meant: bar.text() == meant and not suggested())
        bar.set_text("customer:")
        await until(lambda: bool(suggested()))
        QTest.mouseClick(suggested()[0], Qt.MouseButton.LeftButton)
        await until(lambda: edit.text() == "args.customer:")
        bar.set_text("foo")
        await shows(window, set())
        sentence = "No job's task, queue or lock name contains “foo”."
        await until(lambda: any(sentence in label.text() for label in window.jobs.findChildren(QLabel)))


async def test_control_a_takes_the_whole_filter_with_what_is_being_typed(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        bar, edit = bar_of(window)
        bar.set_text("queue:mail failed")
        QTest.keyClicks(edit, "task:")
        edit.offer(0, ())
        QTest.keyClick(edit, Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        assert edit.selectedText() == edit.text() == "queue:mail status:failed task:" and chips(window) == []
        QTest.keyClicks(edit, "stalled")
        QTest.keyClick(edit, Key.Key_Return)
        assert bar.text() == "stalled"


async def test_a_click_beside_what_is_offered_goes_where_it_was_meant_to(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        _, edit = bar_of(window)
        button = next(each for each in window.jobs.findChildren(QPushButton) if each.isVisible() and each.isEnabled())
        clicks: list[bool] = []
        button.clicked.disconnect()
        button.clicked.connect(lambda: clicks.append(True))
        QTest.keyClicks(edit, "st")
        await until(edit.popup.isVisible)
        handle, place = window.window().windowHandle(), button.mapTo(window.window(), button.rect().center())
        left, bare = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        # Not within this coroutine: a click at a window lets Qt's events run, and with them other tasks.
        QTimer.singleShot(0, window, lambda: QTest.mousePress(handle, left, bare, place))
        await until(button.isDown, what="the press to reach the button")
        QTimer.singleShot(0, window, lambda: QTest.mouseRelease(handle, left, bare, place))
        await until(lambda: len(clicks) == 1)
        assert not edit.popup.isVisible()


@pytest.mark.parametrize(
    ("key", "kept", "left_out"),
    [
        ("task", "task:t.a", "-task:t.a"),
        ("queue", 'queue:"night shift"', '-queue:"night shift"'),
        ("status", "status:todo", "-status:todo"),
        ("lock", "lock:none", "-lock:none"),
        ("queueing_lock", "queueing_lock:q1", "-queueing_lock:q1"),
        ("worker", "worker:none", "-worker:none"),
        ("id", "", ""),
    ],
)
async def test_the_menu_of_a_cell_filters_by_its_value(
    dsn: str, tmp_path: Path, key: str, kept: str, left_out: str
) -> None:
    with Others(dsn) as others:
        job_id = others.defer("t.a", "night shift", queueing_lock="q1")
        async with live(tmp_path, dsn) as window:
            columns = [column.key for column in COLUMNS]
            for wanted, place in ((kept, 0), (left_out, 1)):
                window.header.filter_bar.set_text("")
                await shows(window, {job_id})
                window.jobs.table.choice.show_column(key, True)
                window.jobs.inspect(job_id)
                index = window.jobs.model.index(0, columns.index(key))
                window.jobs.table.scrollTo(index)
                window.jobs._open_menu(window.jobs.table.visualRect(index).center())
                action = window.jobs._menu.actions()[place]
                assert action.isVisible() is bool(kept)
                window.jobs._menu.hide()
                if wanted:
                    action.trigger()
                    assert window.header.filter_bar.text() == wanted
                    await shows(window, {job_id} if place == 0 else set())


# Completion


async def test_completion_offers_names_paths_and_values_that_the_database_holds(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for number in range(3):
            args = Jsonb({"user_id": number, "api_token": "hunter2", "to": {"e mail": "x y"}})
            others.defer("invoice.send", "billing", lock=f"acct-{number}", args=args)
        others.defer("mail.send", "mail", args=Jsonb({"other": 1}))
        async with live(tmp_path, dsn) as window:
            bar, edit = bar_of(window)
            await until(lambda: window.session.desk and window.session.desk.task_names(), what="the counts")

            async def offers(typed: str, wanted: Callable[[list[str]], bool]) -> None:
                edit.clear()
                QTest.keyClicks(edit, typed)
                await until(lambda: wanted(offered(edit)), what=f"offers for {typed}")

            await offers("que", lambda found: found[:2] == ["queue:", "queueing_lock:"])
            await offers("-task:", lambda found: found == ["invoice.send", "mail.send"])
            await offers("queue:mail,b", lambda found: found == ["billing"])
            await offers("lock:acct", lambda found: set(found) == {"acct-0", "acct-1", "acct-2"})
            await offers("args.", lambda found: set(found) >= {"args.user_id:", "args.to:", "args.other:"})
            await offers('args.to."e', lambda found: found == ['args.to."e mail":'])
            await offers('args.to."e mail":', lambda found: found == ['"x y"'])
            await offers("args.user_id:", lambda found: set(found) == {"0", "1", "2"})
            await offers("args.api_token:", lambda found: found == [])
            await offers("is:sta", lambda found: found == ["stalled"])
            edit.clear()
            bar.set_text("task:mail.send")
            await offers("args.", lambda found: found == ["args.other:"])


async def test_what_is_offered_is_taken_by_the_keyboard(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        bar, edit = bar_of(window)
        QTest.keyClicks(edit, "sta")
        QTest.keyClick(edit, Key.Key_Tab)
        assert edit.text() == "status:" and bar.isAncestorOf(window.window().focusWidget())
        assert "failed" in offered(edit)
        QTest.keyClicks(edit, "fa")
        QTest.keyClick(edit, Key.Key_Tab)
        assert (bar.text(), edit.text()) == ("status:failed", "")
        QTest.keyClicks(edit, "que")
        assert "queue:" in offered(edit)
        QTest.keyClick(edit, Key.Key_Return)
        assert bar.text() == "status:failed que", "Enter takes what is typed, not what is only offered"
        bar.set_text("status:failed")
        QTest.keyClicks(edit, "lo")
        QTest.keyClick(edit.popup, Key.Key_Down)
        QTest.keyClick(edit.popup, Key.Key_Return)
        assert edit.text() == "lock:"
        QTest.keyClick(edit, Key.Key_Escape)
        QTest.keyClick(edit, Key.Key_Escape)
        assert not bar.isAncestorOf(window.window().focusWidget()), "back in the table"
        bar.focus_edit()
        QTest.keyClicks(edit, "stal")
        QTest.keyClick(edit, Key.Key_Escape)
        assert edit.text() == "stal" and not offered(edit)
        QTest.keyClick(edit, Key.Key_Return)
        assert bar.text() == "status:failed stal"


# The past


async def test_past_filters_are_kept_by_profile_between_starts_without_secrets(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        bar, edit = bar_of(window)
        for text in ("queue:a", "queue:a task:b", "status:failed", "args.password:hunter2", ""):
            bar.set_text(text)
    assert "hunter2" not in (tmp_path / "finding.toml").read_text()
    async with live(tmp_path, dsn) as window:
        bar, edit = bar_of(window)
        QTest.keyClick(edit, Key.Key_Up)
        assert edit.text() == "status:failed"
        QTest.keyClick(edit, Key.Key_Up)
        assert edit.text() == "queue:a task:b", "what it began as is not kept beside it"
        QTest.keyClick(edit, Key.Key_Up)
        assert edit.text() == "queue:a task:b"
        QTest.keyClick(edit, Key.Key_Down)
        QTest.keyClick(edit, Key.Key_Down)
        assert edit.text() == ""
        QTest.keyClick(edit, Key.Key_Up)
        QTest.keyClick(edit, Key.Key_Return)
        assert bar.text() == "status:failed"
        menu = bar._history.menu()
        menu.aboutToShow.emit()
        assert [action.text() for action in menu.actions()] == ["status:failed", "queue:a task:b"]
        menu.actions()[1].trigger()
        assert bar.text() == "queue:a task:b"
    async with opened(tmp_path, Profile(name="other", method="dsn", dsn=dsn)) as window:
        await until(lambda: window.session.desk is not None)
        _, edit = bar_of(window)
        QTest.keyClick(edit, Key.Key_Up)
        assert edit.text() == ""


# Saved views


def badge(window: DeskView, name: str) -> str:
    item = window.view_list._item(name)
    return str(item.data(Qt.ItemDataRole.AccessibleTextRole)).removeprefix(item.text()).removeprefix(", ")


async def test_a_view_is_saved_counted_and_opened_by_its_shortcut(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        a = others.defer("t", "mail", args=Jsonb({"n": 1}))
        others.defer("t", "billing")
        async with live(tmp_path, dsn) as window:
            assert not window.view_list.isVisible()
            window.finding.show_filter("queue:mail")
            window.jobs.set_order(Order.OLDEST)
            window.all_actions["saved_view.save"].trigger()
            dialog = await dialog_of(window, SaveViewDialog)
            assert not dialog.verb.isEnabled()
            QTest.keyClicks(dialog.name, "  The   mail ")
            QTest.keyClick(dialog.name, Key.Key_Return)
            await closed(window)
            assert window.view_list.current == "The mail"
            window.finding.set_views([*window.finding.views, SavedView("n", "args.n:1"), SavedView("!", "nope:1")])
            await until(lambda: badge(window, "The mail") == "1", what="the count from the counts")
            await until(lambda: badge(window, "n") == "1", what="the count that was asked for")
            assert badge(window, "!") == "!"
            window.finding.show_filter("status:failed")
            window.jobs.set_order(Order.NEWEST)
            await until(lambda: window.view_list.current == "", what="no view to be current")
            window.show_page("overview")
            await press(window, Key.Key_1, Qt.KeyboardModifier.AltModifier)
            assert window.header.filter_bar.text() == "queue:mail" and window.jobs.model.order is Order.OLDEST
            assert window.navigation.current == "jobs" and window.view_list.current == "The mail"
            await shows(window, {a})
            others.defer("t", "mail")
            await until(lambda: badge(window, "The mail") == "2", what="the count to follow")
        async with live(tmp_path, dsn) as window:
            assert [view.name for view in window.finding.views] == ["The mail", "n", "!"]
            item = window.view_list._item("n")
            QTest.mouseClick(
                window.view_list.viewport(),
                Qt.MouseButton.LeftButton,
                pos=window.view_list.visualItemRect(item).center(),
            )
            assert window.header.filter_bar.text() == "args.n:1"


async def test_views_are_renamed_ordered_and_deleted_in_one_dialog(dsn: str, tmp_path: Path) -> None:
    FindingStore(tmp_path / "finding.toml").set_views("test", [SavedView(name, f"queue:{name}") for name in "abc"])
    async with live(tmp_path, dsn) as window:
        window.all_actions["saved_view.arrange"].trigger()
        dialog = await dialog_of(window, SavedViewsDialog)
        QTest.mouseClick(dialog.down, Qt.MouseButton.LeftButton)
        dialog.name.selectAll()
        QTest.keyClicks(dialog.name, "c")
        assert not dialog.verb.isEnabled(), "two views of one name"
        QTest.keyClicks(dialog.name, "2")
        dialog.list.setCurrentRow(2)
        QTest.mouseClick(dialog.remove, Qt.MouseButton.LeftButton)
        dialog.verb.click()
        await closed(window)
        assert window.finding.views == [SavedView("b", "queue:b"), SavedView("c2", "queue:a")]


async def test_views_that_cannot_be_written_are_told(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "finding.toml").write_text("no toml [")
    async with live(tmp_path, dsn) as window:
        window.finding.save_view("a")
        assert "cannot be written" in window.message.sentence
        assert (tmp_path / "finding.toml").read_text() == "no toml ["


# The palette


async def palette(window: DeskView) -> PaletteDialog:
    await press(window, Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    return await dialog_of(window, PaletteDialog)


async def test_the_palette_reaches_every_action_connection_and_view_and_says_why_not(dsn: str, tmp_path: Path) -> None:
    FindingStore(tmp_path / "finding.toml").set_views("test", [SavedView("My view", "queue:x")])
    async with live(tmp_path, dsn) as window:
        window.session.store.save(Profile(name="Elsewhere", method="dsn", dsn="host=nowhere"))
        dialog = await palette(window)
        keys = {entry.key for entry in dialog.shown()}
        assert keys >= {spec.key for spec in SPECS} - {"view.palette"} | {"profile:Elsewhere", "saved_view:My view"}
        ModelTester(None).check(dialog.model)
        reasons = window.commands.reasons()
        assert all(entry.reason == reasons.get(entry.key) for entry in dialog.shown())
        QTest.keyClicks(dialog.edit, "retry")
        assert (dialog.shown()[0].key, dialog.shown()[0].reason) == ("job.retry", "Select a job first.")
        QTest.keyClick(dialog.edit, Key.Key_Return)
        assert dialog.isVisible(), "what is not possible is not done"
        dialog.edit.setText("my vi")
        QTest.keyClick(dialog.edit, Key.Key_Return)
        await closed(window)
        assert window.header.filter_bar.text() == "queue:x"
        dialog = await palette(window)
        QTest.keyClicks(dialog.edit, "overv")
        QTest.keyClick(dialog.edit, Key.Key_Return)
        await closed(window)
        assert window.navigation.current == "overview"
        dialog = await palette(window)
        assert [entry.key for entry in dialog.shown()[:2]] == ["view.overview", "saved_view:My view"], "recent first"
        QTest.keyClick(dialog.edit, Key.Key_Down)
        assert dialog.list.currentIndex().row() == 1
        QTest.keyClick(dialog.edit, Key.Key_Escape)
        await closed(window)


async def test_the_palette_finds_any_job_by_its_number(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        first = others.defer()
        others.run(
            "INSERT INTO procrastinate_jobs (task_name, queue_name) SELECT 'x', 'y' FROM generate_series(1, 4000)"
        )
        async with live(tmp_path, dsn) as window:
            assert window.jobs.model.row(first) is None
            dialog = await palette(window)
            QTest.keyClicks(dialog.edit, f"#{first:,}")
            assert dialog.shown()[0].key == "job"
            QTest.keyClick(dialog.edit, Key.Key_Return)
            await until(lambda: window.jobs.table.selected_ids() == [first], what="the job to be selected")
            dialog = await palette(window)
            QTest.keyClicks(dialog.edit, "queue:y or mail")
            assert dialog.shown()[-1].key == "filter"
            QTest.keyClick(dialog.edit, Key.Key_Up if len(dialog.shown()) > 1 else Key.Key_Down)
            dialog.list.setCurrentIndex(dialog.model.index(len(dialog.shown()) - 1, 0))
            QTest.keyClick(dialog.edit, Key.Key_Return)
            await closed(window)
            assert window.header.filter_bar.text() == "queue:y or mail"


async def test_without_a_connection_the_palette_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        dialog = await palette(window)
        QTest.keyClicks(dialog.edit, "12")
        assert dialog.shown()[0].reason == "Connect to a database first."
        dialog.edit.setText("zzzz::")
        assert dialog.shown() == [] and dialog._nothing.isVisible()


@pytest.mark.parametrize(
    ("typed", "better", "worse"),
    [
        ("job", "Jobs", "About Jobdesk"),
        ("view", "Saved views", "Overview"),
        ("ovw", "Overview", "Open the view workers"),
        ("mail fail", "Failed mail", "Mail that will fail at last"),
    ],
)
def test_what_fits_better_comes_first(typed: str, better: str, worse: str) -> None:
    first, second = fit(typed, better), fit(typed, worse)
    assert first is not None and (second is None or first >= second)
    assert fit(typed, "zzz") is None


def test_every_filter_of_the_help_is_a_filter_and_the_help_has_every_condition() -> None:
    markdown = topic("filter").markdown
    rows = re.findall(r"(?m)^\|(.*?)\|", markdown)
    conditions = [cell for row in rows for cell in re.findall("`([^`]+)`", row)]
    assert len(conditions) > 25
    for condition in conditions:
        assert JobFilter.parse(condition).tokens, condition
    keys = {token.key for condition in conditions for token in JobFilter.parse(condition).tokens}
    assert keys == {key for key in KEYS if "." not in key} | {"", "column"}
    for flag in FLAGS:
        assert f"`is:{flag}`" in markdown
