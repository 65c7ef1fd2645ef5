"""The size of text: chosen by keys, followed by all that is on show, and remembered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jobdesk.kit.theme import theme
from jobdesk.window import remembered
from opened import Others, live
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtGui import QFontInfo
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QPlainTextEdit, QTextEdit, QWidget
from waiting import until

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(autouse=True)
def usual(tmp_path: Path) -> Iterator[None]:
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path))
    yield
    theme().set_text_percent(100)


async def test_keys_make_all_text_larger_and_smaller_and_it_is_remembered(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn, environment="production", colour="#d0202f") as window:
            window.window().resize(1440, 900)
            window.jobs.inspect(job_id)
            await until(lambda: window.jobs.inspector.detail is not None)
            label, button = window.footer.findChild(QLabel), window.header._profile
            assert label is not None

            def sizes() -> list[int]:
                widgets = (label, button, window.jobs.inspector._number, window.header.filter_bar._edit)
                fonts = [QFontInfo(each.font()).pixelSize() for each in widgets]
                # What it says of the link, and so its width, may change meanwhile.
                painted = [QFontInfo(window.header.live._font).pixelSize(), window.header._tag.sizeHint().width()]
                return [*fonts, *painted, window.jobs.table.rowHeight(0)]

            usual = sizes()
            for key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
                before = sizes()
                QTest.keyClick(window, key, CONTROL)
                assert all(now > then for now, then in zip(sizes(), before, strict=True)), (before, sizes())
            for _ in range(9):
                QTest.keyClick(window, Qt.Key.Key_Plus, CONTROL)
            assert theme().text_percent == 200
            foot, frame = window.footer, window.window()
            await until(lambda: foot.mapTo(frame, QPoint(0, foot.height())).y() == frame.height(), what="the footer")
            remembered.keep(window)
            QTest.keyClick(window, Qt.Key.Key_0, CONTROL)
            assert sizes() == usual
            QTest.keyClick(window, Qt.Key.Key_Minus, CONTROL)
            assert sizes()[0] < usual[0] and sizes()[-1] == usual[-1]
            remembered.restore(window, None)
            assert theme().text_percent == 200


async def test_every_word_on_show_follows_the_size_of_text(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        window.window().resize(1440, 900)
        for key in ("overview", "fleet", "failures", "schedules", "queues", "workers", "locks", "journal", "health"):
            window.show_page(key)

        def sizes() -> dict[QWidget, int]:
            kinds = (QLabel, QAbstractButton, QLineEdit, QTextEdit, QPlainTextEdit)
            found = (each for each in window.window().findChildren(QWidget) if isinstance(each, kinds))
            return {each: QFontInfo(each.font()).pixelSize() for each in found}

        usual = sizes()
        theme().set_text_percent(150)
        grown = sizes()
        left = [
            f"{type(each).__name__} {each.objectName()} {getattr(each, 'text', str)()!r} in {each.parent()}"
            for each in usual.keys() & grown.keys()
            if grown[each] <= usual[each]
        ]
        assert not left, left


@pytest.mark.parametrize("kept", ["", "x", "-5", "99999", "³", "0"])
async def test_a_damaged_size_is_passed_over(dsn: str, tmp_path: Path, kept: str) -> None:
    remembered._settings().setValue("text_percent", kept)
    async with live(tmp_path, dsn) as window:
        remembered.restore(window, None)
        assert theme().text_percent in (80, 100)
