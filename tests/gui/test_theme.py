"""The tokens hold their contrast, and a change of theme reaches everything without a restart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jobdesk.theme import DARK, LIGHT, Tokens, theme
from jobdesk.theme.icons import NAMES, icon
from jobdesk.theme.shapes import shape_pixmap
from jobdesk.theme.sheet import style_sheet
from jobdesk.theme.tokens import EVENT_SHAPE, GROUNDS, STATUS_SHAPE, TEXTS, contrast, readable_on
from jobdesk_core.jobs import EventType, Status
from PySide6.QtCore import QSize
from PySide6.QtGui import QFontInfo, QIcon, QImage
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

BOTH = [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")]


@pytest.fixture(autouse=True)
def dressed(qapp: QApplication) -> Iterator[None]:
    theme().install(qapp, "light")
    yield
    theme().set_mode("light")


@pytest.mark.parametrize("tokens", BOTH)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", TEXTS)
def test_every_text_can_be_read_on_every_ground(tokens: Tokens, text: str, ground: str) -> None:
    assert contrast(tokens.value(text), tokens.value(ground)) >= 4.5


@pytest.mark.parametrize("tokens", BOTH)
def test_what_stands_on_the_accent_can_be_read(tokens: Tokens) -> None:
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5


@pytest.mark.parametrize("ground", ["#d0202f", "#ffd000", "#147244", "#000000", "#ffffff", "#7a7a7a"])
def test_a_tag_of_any_colour_can_be_read(ground: str) -> None:
    assert contrast(readable_on(ground), ground) >= 4.5


def test_every_status_and_event_has_a_shape_of_its_own() -> None:
    assert len({STATUS_SHAPE[status] for status in Status}) == len(Status)
    assert set(EVENT_SHAPE) == set(EventType)


@pytest.mark.parametrize("tokens", BOTH)
def test_every_status_has_a_colour(tokens: Tokens) -> None:
    for status in Status:
        if status is not Status.ABORTING:
            assert tokens.value(status.value) != tokens.text


@pytest.mark.parametrize("tokens", BOTH)
def test_the_style_sheet_is_whole(tokens: Tokens) -> None:
    sheet = style_sheet(tokens, "Some Mono")
    assert "$" not in sheet
    assert sheet.count("{") == sheet.count("}")


def test_a_change_of_theme_reaches_what_is_already_there(qtbot: QtBot) -> None:
    label = QLabel("some text")
    qtbot.addWidget(label)
    label.resize(200, 40)
    button_icon = icon("retry")
    light = _colours(button_icon)
    with qtbot.waitSignal(theme().changed):
        theme().set_mode("dark")
    assert label.palette().windowText().color().name() == DARK.text
    assert DARK.text in QApplication.instance().styleSheet()
    assert _colours(button_icon) != light


def test_choosing_the_theme_in_force_says_nothing(qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(theme().changed):
        theme().set_mode("light")


def test_fonts_are_real_families_of_the_right_kind() -> None:
    assert QFontInfo(theme().font()).pixelSize() == 13
    assert QFontInfo(theme().mono_font(12)).fixedPitch()
    assert QFontInfo(theme().mono_font(12)).pixelSize() == 12


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_icon_paints_something(name: str) -> None:
    assert _colours(icon(name))


def test_a_disabled_icon_is_faint() -> None:
    assert _colours(icon("abort"), QIcon.Mode.Disabled) == {LIGHT.faint}


def test_an_unknown_icon_is_refused() -> None:
    with pytest.raises(KeyError):
        icon("no such icon")


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_shapes_are_as_sharp_as_the_screen(ratio: float) -> None:
    pixmap = shape_pixmap("check", LIGHT.succeeded, 12, ratio)
    assert pixmap.width() == 12 * ratio
    assert _opaque(pixmap.toImage()) == {LIGHT.succeeded}


def _colours(of: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal) -> set[str]:
    return _opaque(of.pixmap(QSize(32, 32), mode).toImage())


def _opaque(image: QImage) -> set[str]:
    places = ((x, y) for x in range(image.width()) for y in range(image.height()))
    return {image.pixelColor(x, y).name() for x, y in places if image.pixelColor(x, y).alpha() == 255}
