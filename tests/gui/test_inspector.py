"""The inspector in the real window: what it shows of a job, what it hides, and where it leads."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.inspector import Inspector
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.json_tree import JsonTree
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.window.desk_view import DeskView
from jobdesk_core.profiles import Profile
from opened import Others, closed, dialog_of, live
from PySide6.QtCore import QModelIndex, QObject, Qt, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea
from waiting import until

LOGS = "https://logs.example/{job_id}?task={task}"


async def shown(window: DeskView, job_id: int) -> Inspector:
    """The inspector, once it has read this job and what lies round it."""
    inspector = window.jobs.inspector
    window.jobs.inspect(job_id)
    await until(lambda: inspector.detail is not None and inspector.detail.row.id == job_id, what=f"job {job_id}")
    await until(lambda: inspector.others.note.text(), what="the other jobs")
    return inspector


def row_of(tree: JsonTree, text: str) -> QModelIndex:
    """The row of the tree's top level that begins so."""
    model = tree.model()
    return next(index for n in range(model.rowCount()) if str(model.data(index := model.index(n, 0))).startswith(text))


def click(tree: JsonTree, index: QModelIndex) -> None:
    tree.scrollTo(index)
    QTest.mouseClick(
        tree.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, tree.visualRect(index).center()
    )


class Browser(QObject):
    """Takes the addresses that Qt would have given to the system."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        self.opened.append(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))


@pytest.fixture
def browser(qapp: QApplication) -> Iterator[Browser]:
    taker = Browser()
    for scheme in ("https", "http", "file"):
        QDesktopServices.setUrlHandler(scheme, taker, "take")
    yield taker
    for scheme in ("https", "http", "file"):
        QDesktopServices.unsetUrlHandler(scheme)


# Arguments


async def test_a_secret_is_hidden_in_every_form_until_it_is_clicked(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer(args='{"api_token": "s3cr3t", "inner": {"password": "0ther"}, "user": 7}')
        async with live(tmp_path, dsn) as window:
            panel = (await shown(window, job_id)).arguments
            window.show_page("jobs")

            async def everywhere() -> str:
                panel.copy_all()
                texts = [panel.json.toPlainText(), QApplication.clipboard().text()]
                panel.tree.copy("all")
                texts.append(QApplication.clipboard().text())
                window.message.clear()
                window.all_actions["job.copy_json"].trigger()
                await until(lambda: window.message.sentence.startswith("Copied"), what="the copy")
                return "\n".join([*texts, QApplication.clipboard().text()])

            text = await everywhere()
            assert ("s3cr3t" in text, "0ther" in text, text.count('"user": 7')) == (False, False, 4)
            assert "stayed hidden" in panel.note.text()
            assert not panel.tree.find_next("s3cr3t"), "finding it would tell what it is"
            click(panel.tree, row_of(panel.tree, "api_token"))
            text = await everywhere()
            assert (text.count("s3cr3t"), "0ther" in text) == (4, False)


async def test_the_pattern_of_secret_keys_is_the_profiles(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.run('ALTER TABLE procrastinate_jobs ADD COLUMN iban text DEFAULT \'DE89\', ADD COLUMN "odd ""%%s" int')
        job_id = others.defer(args='{"iban": "DE88", "token": "shown"}')
        async with live(tmp_path, dsn, secret_keys="iban") as window:
            inspector = await shown(window, job_id)
            assert "DE88" not in inspector.arguments.json.toPlainText()
            assert "shown" in inspector.arguments.json.toPlainText()
            added = inspector._added
            assert added.isVisible()
            assert "••••••" in str(added.model().data(row_of(added, "iban")))
            assert added.model().data(row_of(added, 'odd "%s')) == 'odd "%s: null'


async def test_arguments_are_searched_and_copied_by_value_and_path(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        value = {"to": [{"name": "Ada"}, {"name": "Grace"}], "odd key": {"x.y": [1]}, "text": "line\nbreak"}
        job_id = others.defer(args=json.dumps(value))
        async with live(tmp_path, dsn) as window:
            panel = (await shown(window, job_id)).arguments
            for wanted, path, copied in (
                ("grace", "to[1].name", "Grace"),
                ("x.y", '["odd key"]["x.y"]', "[\n  1\n]"),
                ("line", "text", "line\nbreak"),
            ):
                panel.search.setText(wanted)
                QTest.keyClick(panel.search, Qt.Key.Key_Return)
                panel.tree.copy("path")
                assert QApplication.clipboard().text() == path
                panel.tree.copy("value")
                assert QApplication.clipboard().text() == copied
            panel.search.setText("nowhere")
            QTest.keyClick(panel.search, Qt.Key.Key_Return)
            assert panel.note.text() == "No key or value contains this."
            panel.copy_all()
            assert json.loads(QApplication.clipboard().text()) == value


async def test_a_hundred_megabytes_are_read_in_parts_and_nothing_stalls(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        large = (
            "jsonb_build_object('text', repeat(md5(id::text), 1600000), 'token', 'hidden', 'list', "
            "(SELECT jsonb_agg(jsonb_build_object('n', n, 'name', repeat(md5(n::text), 8))) "
            "FROM generate_series(1, 160000) AS n))"
        )
        others.run(f"UPDATE procrastinate_jobs SET args = {large} WHERE id = %s", job_id)
        async with live(tmp_path, dsn) as window:
            beats = [time.monotonic()]
            timer = QTimer()
            timer.timeout.connect(lambda: beats.append(time.monotonic()))
            panel = (await shown(window, job_id)).arguments
            timer.start(5)
            assert panel.load.isVisible() and "kB on disk" in panel.load.text()
            panel.load.click()
            tree, model = panel.tree, panel.tree.model()
            await until(lambda: model.rowCount() == 3, timeout_s=30, what="the first part")
            assert str(model.data(row_of(tree, "text"))).startswith('text: (51,200,000 characters) "')
            assert "hidden" not in str(model.data(row_of(tree, "token")))
            items = row_of(tree, "list")
            assert model.data(items) == "list: [ 160,000 items ]"
            tree.expand(items)
            await until(lambda: model.rowCount(items) == 201, timeout_s=30, what="the first items")
            click(tree, model.index(200, 0, items))
            await until(lambda: model.rowCount(items) == 401, timeout_s=30, what="the next items")
            assert model.data(model.index(399, 0, items)) == "399: { 2 keys }"
            tree.setCurrentIndex(row_of(tree, "text"))
            tree.copy("value")
            words = "Copied the first 16,777,216 characters: that is the most at once."
            await until(lambda: panel.note.text() == words, timeout_s=30, what="the copy")
            timer.stop()
            longest = max(later - earlier for earlier, later in itertools.pairwise(beats))
            assert longest < 10.0, f"the window stood still for {longest:.2f} s"


# Texts of every width and direction


WIDE = "W" * 24


async def test_nothing_is_pushed_out_of_sight_by_wide_keys_or_values(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [others.defer(WIDE * 5, lock=WIDE * 9, args=json.dumps({WIDE: WIDE * n, "k": n})) for n in (1, 2)]
        async with live(tmp_path, dsn) as window:
            window.window().resize(1024, 700)
            inspector = window.jobs.inspector
            window.jobs.table.select(ids)
            panel = inspector.comparison
            await until(panel.differing_arguments.isVisible, what="the comparison")
            for show in (panel.title, inspector.arguments):
                if show is inspector.arguments:
                    window.jobs.inspect(ids[0])
                    await until(lambda: inspector.detail is not None, what="the job")
                area = inspector._stack.currentWidget()
                assert isinstance(area, QScrollArea)
                await until(lambda area=area: area.widget().width() <= area.viewport().width(), what="it to fit")


async def test_a_lock_that_only_waiting_jobs_want_is_not_called_held(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        first, second = (others.defer(lock="l") for _ in range(2))
        async with live(tmp_path, dsn) as window:
            inspector = await shown(window, first)
            assert inspector._fields.value("lock") == "l · free; this job is the first in line"
            inspector = await shown(window, second)
            assert inspector._fields.value("lock") == f"l · free; #{first} is the first in line"
            others.start(first)
            await until(lambda: inspector._fields.value("lock") == f"l · held by #{first}, doing")


def test_a_name_of_the_other_direction_turns_no_sentence_round(qapp: QApplication) -> None:
    block = TextBlock()
    block.set_runs([Run("\u05e9\u05dc\u05d5\u05dd", is_mono=True), Run(" text in 50 %")])
    assert block.document().firstBlock().textDirection() is Qt.LayoutDirection.LeftToRight
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    try:
        block.set_runs([Run("a name of ours")])
        assert block.document().firstBlock().textDirection() is Qt.LayoutDirection.RightToLeft
    finally:
        qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


# What stands round it


async def test_links_are_made_of_the_profiles_templates_and_opened_by_a_click_alone(
    dsn: str, tmp_path: Path, browser: Browser
) -> None:
    with Others(dsn) as others:
        job_id = others.defer("<b>a&b</b> /../")
        links = {"Logs": LOGS, "<i>Lock</i>": "https://x.example/{lock}", "Bad": "file:///etc/passwd"}
        async with live(tmp_path, dsn, links=links) as window:
            panel = (await shown(window, job_id)).links
            assert panel.addresses == [f"https://logs.example/{job_id}?task=%3Cb%3Ea%26b%3C%2Fb%3E%20%2F..%2F"]
            assert "keeps no traceback" in panel.hint.text()
            assert "<i>Lock</i>: This job lacks some of the values that the link needs." in panel.block.plain_text
            assert "Bad: A link starts with https://" in panel.block.plain_text
            assert browser.opened == []
            panel.block.anchorClicked.emit(QUrl("link:0"))
            assert browser.opened == panel.addresses
            for link in ("link:1", "link:-1", "file:///etc/passwd", "https://evil.example"):
                panel.block.anchorClicked.emit(QUrl(link))
            assert len(browser.opened) == 1


async def test_without_links_the_inspector_says_where_a_traceback_would_be(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            hint = (await shown(window, job_id)).links.hint.text()
            assert "keeps no traceback" in hint and "connection's settings" in hint


@pytest.mark.parametrize("key", ["lock", "queueing_lock", "task", "worker"])
async def test_other_jobs_that_share_something_are_counted_and_a_click_filters_for_them(
    dsn: str, tmp_path: Path, key: str
) -> None:
    with Others(dsn) as others:
        name = 'a "b", c*'
        shared = {"lock": {"lock": name}, "queueing_lock": {"queueing_lock": name}}.get(key, {})
        ended = others.defer(name, **shared)
        others.start(ended)
        worker_id = others.run("SELECT worker_id FROM procrastinate_jobs WHERE id = %s", ended)
        others.finish(ended)
        job_id = others.defer(name, **shared)
        others.start(job_id, worker_id)
        alone = others.defer("alone")
        async with live(tmp_path, dsn) as window:
            panel = (await shown(window, job_id)).others
            keys = [each.key for each in panel._shown]
            found = panel._shown[keys.index(key)]
            assert (found.live, found.ended) == (0, 1)
            panel.block.anchorClicked.emit(QUrl(f"others:{keys.index(key)}"))
            await until(lambda: set(window.jobs.model.ids()) == {ended, job_id}, what="those jobs alone")
            assert alone not in window.jobs.model.ids()


async def test_the_time_spent_stands_beside_what_is_usual(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for _ in range(6):
            each = others.defer("usual")
            others.start(each)
            others.finish(each)
        shift = "UPDATE procrastinate_events SET at = at - interval '{}' WHERE type = '{}'"
        for span, kind in (("1 hour 10 seconds", "deferred"), ("1 hour", "started"), ("59 minutes", "succeeded")):
            others.run(shift.format(span, kind))
        job_id = others.defer("usual")
        others.start(job_id)
        async with live(tmp_path, dsn) as window:
            inspector = await shown(window, job_id)
            await until(lambda: "usual 1 min" in inspector._timeline.summary(), what="what is usual")
            assert "usual 10 s, p95 10 s" in inspector._timeline.summary()


async def test_the_mend_of_a_stuck_abort_flag_is_a_button_that_opens_the_retry(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        others.start(job_id)
        others.run("UPDATE procrastinate_jobs SET abort_requested = true WHERE id = %s", job_id)
        others.run("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", job_id)
        async with live(tmp_path, dsn) as window:
            why = (await shown(window, job_id))._why
            assert "stuck on it" in why.text
            assert why.fix.isVisible() and why.fix.isEnabled()
            why.fix.click()
            dialog: Any = await dialog_of(window, DialogFrame)
            await until(dialog.verb.isEnabled, what="the plan")
            dialog.verb.click()
            await until(lambda: others.status(job_id) == "todo", what="the job to wait again")
            await closed(window)
            await until(lambda: not why.fix.isVisible(), what="the button to go")


# Several


async def test_several_selected_jobs_show_what_they_share_and_where_they_differ(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for n in range(300):
            args = {"period": "2026-10", "user": n, "token": "s3cr3t", "deep": {"password": "0ther"}}
            others.defer("t", "q", priority=n % 3, lock="<b>lock</b>", args=json.dumps(args))
        async with live(tmp_path, dsn) as window:
            await until(lambda: window.jobs.model.rowCount() >= 150)
            window.jobs.table.selectAll()
            panel = window.jobs.inspector.comparison
            await until(panel.isVisible, what="the comparison")
            await until(panel.shared_arguments.isVisible, what="the arguments")
            count = len(window.jobs.table.selected_ids())
            assert panel.title.text() == f"{count:,} jobs selected"
            assert (panel.shared.value("queue"), panel.shared.value("lock")) == ("q", "<b>lock</b>")
            assert panel.differing.value("priority").startswith(("0 ×", "1 ×", "2 ×"))
            assert panel.shared_arguments.value("period") == '"2026-10"'
            assert panel.differing_arguments.value("user") == f"{count:,} values"
            assert panel.shared_arguments.value("token") == "••••••"
            assert "0ther" not in panel.shared_arguments.value("deep")
            window.jobs.inspect(window.jobs.model.row_at(0).id)
            await until(lambda: window.jobs.inspector.detail is not None, what="one job again")
            window.jobs.table.selectAll()
            await until(panel.isVisible, what="the comparison again")
            window.header.filter_bar.set_text("queue:none")
            await until(lambda: not panel.isVisible(), what="nothing to compare")


# Hostile text

HOSTILE = [
    "<b>bold</b><img src=x>",
    "x" * 100_000,
    "\u202eturned\u2066 \u200f",
    "a\x1b[31m\x07\x7f\nb\tc",
    "👩\u200d👩\u200d👧 é" * 20,
    "%s {0} {job_id}",
]


@pytest.mark.parametrize("text", HOSTILE, ids=["markup", "long", "directions", "controls", "emoji", "marks"])
async def test_hostile_text_breaks_nothing_and_is_not_rendered(dsn: str, tmp_path: Path, text: str) -> None:
    with Others(dsn) as others:
        others.run("ALTER TABLE procrastinate_jobs ADD COLUMN note text")
        args = json.dumps({text[:50_000]: 1, "text": text})
        holder = others.defer(text[:128], lock=text, queueing_lock=text, args=args, note=text)
        job_id = others.defer(text[:128], lock=text, args=args, note=text)
        async with live(tmp_path, dsn, links={"Logs": "https://logs.example/{lock}"}) as window:
            size = window.window().size()
            inspector = await shown(window, job_id)
            assert f"#{holder}" in inspector._why.text
            inspector.arguments.form.choose(1)
            inspector.grab()
            inspector.arguments.form.choose(0)
            inspector.grab()
            inspector.arguments.copy_all()
            assert json.loads(QApplication.clipboard().text()) == json.loads(args)
            blocks = (inspector._why._block, inspector.others.block, inspector.links.block)
            for plain in [block.plain_text for block in blocks] + [inspector._fields.value("lock")]:
                assert all(sign.isprintable() or sign in "\n\u200c\u200d" for sign in plain)
            assert window.window().size() == size
            assert inspector._why.height() < 400
            window.jobs.table.select([holder, job_id])
            await until(lambda: inspector.comparison.isVisible())
            inspector.grab()


# The settings


async def test_links_and_the_pattern_are_edited_in_the_connections_dialog(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer()
        async with live(tmp_path, dsn) as window:
            window.all_actions["connection.choose"].trigger()
            dialog = await dialog_of(window, ConnectionDialog)
            dialog.show_profile(Profile(name="mine", method="dsn", dsn=dsn))
            dialog.part.choose(1)
            assert dialog.inspection.links.isVisible() and not dialog.form.name.isVisible()
            dialog.inspection.links.setPlainText(f"Logs = {LOGS}\nBad = ftp://x")
            dialog.save()
            assert dialog.inspection._links_note.text().startswith("Line 2: A link starts with https://")
            assert window.session.store.get("mine") is None, "a profile with a mistake is not saved"
            dialog.inspection.links.setPlainText(f"Logs = {LOGS}\n\n")
            dialog.inspection.secret_keys.setText("(")
            dialog.save()
            assert window.session.store.get("mine") is None
            dialog.inspection.secret_keys.setText("iban|token")
            dialog.save()
            await until(lambda: dialog.message.sentence == "Saved mine.", what="the profile to be saved")
            saved = window.session.store.get("mine")
            assert saved is not None
            assert (dict(saved.links), saved.secret_keys) == ({"Logs": LOGS}, "iban|token")
            dialog.part.choose(0)
            assert dialog.form.name.isVisible() and not dialog.inspection.isVisible()
            dialog.reject()
            await closed(window)
