"""The tokens hold their contrast, and a change of theme reaches everything without a restart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jobdesk.kit.tag import Tag
from jobdesk.kit.target_banner import TargetBanner
from jobdesk.kit.theme import DARK, LIGHT, Mode, Tokens, theme
from jobdesk.kit.theme.icons import NAMES, icon
from jobdesk.kit.theme.shapes import shape_pixmap
from jobdesk.kit.theme.sheet import style_sheet
from jobdesk.kit.theme.theme import palette
from jobdesk.kit.theme.tokens import (
    EVENT_SHAPE,
    GROUNDS,
    HIGH_DARK,
    HIGH_LIGHT,
    STATUS_SHAPE,
    TEXTS,
    contrast,
    readable_on,
)
from jobdesk_core.jobs import EventType, Status
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontInfo, QIcon, QImage, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

HIGH = [pytest.param(HIGH_LIGHT, id="high light"), pytest.param(HIGH_DARK, id="high dark")]
ALL = [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark"), *HIGH]


@pytest.fixture(autouse=True)
def dressed(qapp: QApplication) -> Iterator[None]:
    theme().install(qapp, "light")
    yield
    theme().set_mode("light")


@pytest.mark.parametrize("tokens", ALL)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", TEXTS)
def test_every_text_can_be_read_on_every_ground(tokens: Tokens, text: str, ground: str) -> None:
    assert contrast(tokens.value(text), tokens.value(ground)) >= (7 if tokens.is_high_contrast else 4.5)


@pytest.mark.parametrize("tokens", HIGH)
def test_high_contrast_shows_what_is_disabled_each_line_and_the_focus(tokens: Tokens) -> None:
    for ground in (tokens.value(name) for name in GROUNDS):
        assert contrast(tokens.faint, ground) >= 4.5
        assert min(contrast(each, ground) for each in (tokens.line, tokens.field_line, tokens.focus)) >= 3


@pytest.mark.parametrize("tokens", HIGH)
def test_every_pair_of_the_palette_has_high_contrast(tokens: Tokens) -> None:
    made, role, group = palette(tokens), QPalette.ColorRole, QPalette.ColorGroup
    pairs = [
        *(
            (text, ground)
            for text in (role.WindowText, role.Link, role.LinkVisited)
            for ground in (role.Window, role.Base)
        ),
        *((text, ground) for text in (role.Text, role.PlaceholderText) for ground in (role.Base, role.AlternateBase)),
        *((role.ButtonText, role.Button), (role.HighlightedText, role.Highlight), (role.ToolTipText, role.ToolTipBase)),
        (role.BrightText, role.Accent),
    ]
    for text, ground in pairs:
        for which in (group.Active, group.Inactive):
            assert contrast(made.color(which, text).name(), made.color(which, ground).name()) >= 7, (
                text,
                ground,
                which,
            )
        assert contrast(made.color(group.Disabled, text).name(), made.color(group.Disabled, ground).name()) >= 4.5, text


@pytest.mark.parametrize("mode", ["contrast-light", "contrast-dark"])
@pytest.mark.parametrize("colour", ["#d0202f", "#ffd000", "#147244", "#000000", "#ffffff", "#7a7a7a", ""])
def test_with_high_contrast_an_environments_colour_is_a_frame_only(qtbot: QtBot, mode: Mode, colour: str) -> None:
    theme().set_mode(mode)
    tag, banner = Tag("PRODUCTION", colour), TargetBanner()
    banner.show_target("production", "billing", "db.example.org", colour)
    for widget in (tag, banner):
        qtbot.addWidget(widget)
        widget.resize(max(200, widget.sizeHint().width()), widget.sizeHint().height())
        image = widget.grab().toImage()
        assert image.pixelColor(image.width() - 6, image.height() // 2).name() == theme().tokens.panel


def test_the_theme_follows_what_the_desktop_says_of_contrast(qapp: QApplication) -> None:
    hints = qapp.styleHints()  # offscreen has nothing to tell
    scheme, contrast_told = hints.colorSchemeChanged, hints.accessibility().contrastPreferenceChanged
    theme().set_mode("system")
    try:
        contrast_told.emit(Qt.ContrastPreference.HighContrast)
        assert theme().tokens is HIGH_LIGHT
        scheme.emit(Qt.ColorScheme.Dark)
        assert theme().tokens is HIGH_DARK
        theme().set_mode("light")
        assert theme().tokens is LIGHT, "what was chosen stays"
        theme().set_mode("contrast-light")
        contrast_told.emit(Qt.ContrastPreference.NoPreference)
        assert theme().tokens is HIGH_LIGHT, "what was chosen stays"
        theme().set_mode("system")
        assert theme().tokens is DARK
    finally:
        contrast_told.emit(Qt.ContrastPreference.NoPreference)
        scheme.emit(Qt.ColorScheme.Unknown)


@pytest.mark.parametrize("mode", ["light", "dark", "contrast-light", "contrast-dark"])
def test_the_focus_of_each_kind_of_control_is_seen(qtbot: QtBot, mode: Mode) -> None:
    theme().set_mode(mode)
    owner = QWidget()
    qtbot.addWidget(owner)
    row = QHBoxLayout(owner)
    primary, link = QPushButton("Retry"), QPushButton("Show")
    primary.setObjectName("primary")
    link.setObjectName("link")
    controls = [
        QPushButton("Stop"),
        primary,
        link,
        QToolButton(),
        QLineEdit(),
        QComboBox(),
        QCheckBox("Yes"),
        QSpinBox(),
    ]
    for control in controls:
        row.addWidget(control)
    with qtbot.waitActive(owner):
        owner.show()
        owner.activateWindow()
    least = 3 if theme().tokens.is_high_contrast else 0
    for place, control in enumerate(controls):
        controls[place - 1].setFocus()
        without = owner.grab(control.geometry()).toImage()
        control.setFocus()
        with_it = owner.grab(control.geometry()).toImage()
        changed = _changed(without, with_it)
        assert changed, control
        assert max(contrast(one, other) for one, other in changed) >= least, (control, changed)


@pytest.mark.parametrize("tokens", ALL)
def test_what_stands_on_the_accent_can_be_read(tokens: Tokens) -> None:
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5


@pytest.mark.parametrize("ground", ["#d0202f", "#ffd000", "#147244", "#000000", "#ffffff", "#7a7a7a"])
def test_a_tag_of_any_colour_can_be_read(ground: str) -> None:
    assert contrast(readable_on(ground), ground) >= 4.5


def test_every_status_and_event_has_a_shape_of_its_own() -> None:
    assert len({STATUS_SHAPE[status] for status in Status}) == len(Status)
    assert set(EVENT_SHAPE) == set(EventType)


@pytest.mark.parametrize("tokens", ALL)
def test_every_status_has_a_colour(tokens: Tokens) -> None:
    for status in Status:
        if status is not Status.ABORTING:
            assert tokens.value(status.value) != tokens.text


@pytest.mark.parametrize("tokens", ALL)
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


def _changed(one: QImage, other: QImage) -> set[tuple[str, str]]:
    places = [(x, y) for x in range(one.width()) for y in range(one.height())]
    pairs = {(one.pixelColor(x, y).name(), other.pixelColor(x, y).name()) for x, y in places}
    return {(before, after) for before, after in pairs if before != after}


def _colours(of: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal) -> set[str]:
    return _opaque(of.pixmap(QSize(32, 32), mode).toImage())


def _opaque(image: QImage) -> set[str]:
    places = ((x, y) for x in range(image.width()) for y in range(image.height()))
    return {image.pixelColor(x, y).name() for x, y in places if image.pixelColor(x, y).alpha() == 255}
