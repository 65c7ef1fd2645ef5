"""The one Theme: which tokens hold now, the fonts, and the style sheet and palette made from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QDir, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from jobdesk.kit.theme.sheet import style_sheet
from jobdesk.kit.theme.tokens import DARK, HIGH_DARK, HIGH_LIGHT, LIGHT, Surface, Tokens, Tone

Mode = Literal["system", "light", "dark", "contrast-light", "contrast-dark"]
Density = Literal["compact", "comfortable"]
#: The height of a table's rows in logical pixels.
ROW_HEIGHTS: dict[Density, int] = {"compact": 28, "comfortable": 36}
#: The sizes of text that can be chosen, in percent of the desktop's own.
TEXT_SIZES = (80, 90, 100, 110, 125, 150, 175, 200)
USUAL_PX = 13


class NoFontFound(Exception):
    """No font is installed, so every letter would be an empty box. Install one, fonts-dejavu-core for instance."""

    def __str__(self) -> str:
        return super().__str__() or str(self.__doc__)


class Theme(QObject):
    """Holds the tokens in force and dresses the application in them. Changing the mode needs no restart."""

    #: Other tokens or another density are in force; what paints by itself paints again.
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._mode: Mode = "system"
        self._density: Density = "compact"
        self._text_percent = 100
        self._desktop = 1.0
        self._system = Qt.ColorScheme.Unknown
        self._contrast = Qt.ContrastPreference.NoPreference
        self._tokens = LIGHT
        self._app: QApplication | None = None
        self._is_undressed = False

    @property
    def tokens(self) -> Tokens:
        """The colours in force."""
        return self._tokens

    @property
    def mode(self) -> Mode:
        """What was chosen: `system` follows the desktop."""
        return self._mode

    @property
    def density(self) -> Density:
        """How close the rows of tables stand."""
        return self._density

    @property
    def row_height(self) -> int:
        """The height of a table's rows in logical pixels."""
        return self.grown(ROW_HEIGHTS[self._density])

    @property
    def text_percent(self) -> int:
        """The size of text that was chosen, one of TEXT_SIZES."""
        return self._text_percent

    def scaled(self, size_px: int) -> int:
        """What becomes of a size of text in logical pixels by the desktop's own size and the one chosen."""
        return round(size_px * self._desktop * self._text_percent / 100)

    def grown(self, length_px: int) -> int:
        """A length in logical pixels that holds text of the usual size, larger with larger text and never smaller."""
        return max(length_px, self.scaled(length_px))

    def set_text_percent(self, percent: int) -> None:
        """Choose the nearest of TEXT_SIZES; everything on show follows."""
        wanted = min(TEXT_SIZES, key=lambda each: abs(each - percent))
        if wanted != self._text_percent:
            self._text_percent = wanted
            self._dress()
            self.changed.emit()

    def step_text(self, steps: int) -> None:
        """Larger or smaller text by so many steps, as far as they go."""
        place = TEXT_SIZES.index(self._text_percent) + steps
        self.set_text_percent(TEXT_SIZES[max(0, min(place, len(TEXT_SIZES) - 1))])

    def set_density(self, density: Density) -> None:
        """Choose how close the rows of tables stand."""
        if density != self._density:
            self._density = density
            self.changed.emit()

    def colour(self, tone: Tone | Surface) -> QColor:
        """The colour in force of a token, a status or a tone."""
        return self._tokens.colour(tone)

    def install(self, app: QApplication, mode: Mode | None = None) -> None:
        """Dress the application; again is harmless. Raises NoFontFound where no font is installed."""
        if mode is not None:
            self.set_mode(mode)
        if self._app is app:
            return
        if not QFontDatabase.families():
            raise NoFontFound
        self._app = app
        QDir.setSearchPaths("glyphs", [str(Path(__file__).parent / "glyphs")])
        app.setStyle("Fusion")
        desktops_px = QFontInfo(QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)).pixelSize()
        self._desktop = min(max(desktops_px / USUAL_PX, 1.0), 1.5)
        hints = QGuiApplication.styleHints()
        self._system, self._contrast = hints.colorScheme(), hints.accessibility().contrastPreference()
        hints.colorSchemeChanged.connect(self._follow_system)
        hints.accessibility().contrastPreferenceChanged.connect(self._follow_contrast)
        self._tokens = self._wanted()
        self._dress()

    @contextmanager
    def undressed(self) -> Iterator[None]:
        """Without the style sheet while a window is made: under it, each move of a widget styles it anew."""
        self._is_undressed = True
        self._dress()
        try:
            yield
        finally:
            self._is_undressed = False
            self._dress()

    def set_mode(self, mode: Mode) -> None:
        """Choose light or dark, with high contrast or without, or what the desktop says of both."""
        self._mode = mode
        self._follow()

    def font(self, size_px: int = 13, weight: QFont.Weight = QFont.Weight.Normal, *, is_bold: bool = False) -> QFont:
        """The desktop's interface font in logical pixels, with digits of one width; `is_bold` means semibold."""
        font = QFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont))
        font.setPixelSize(self.scaled(size_px))
        font.setWeight(QFont.Weight.DemiBold if is_bold else weight)
        font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def mono_font(self, size_px: int = 13, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
        """The font of ids, JSON, SQL and connection strings, in logical pixels."""
        font = QFont(_mono_family())
        font.setStyleHint(QFont.StyleHint.Monospace)
        font.setPixelSize(self.scaled(size_px))
        font.setWeight(weight)
        return font

    def _wanted(self) -> Tokens:
        is_dark, is_high = self._mode.endswith("dark"), self._mode.startswith("contrast")
        if self._mode == "system":
            is_dark = self._system == Qt.ColorScheme.Dark
            is_high = self._contrast == Qt.ContrastPreference.HighContrast
        if is_high:
            return HIGH_DARK if is_dark else HIGH_LIGHT
        return DARK if is_dark else LIGHT

    def _follow_system(self, scheme: Qt.ColorScheme) -> None:
        self._system = scheme
        self._follow()

    def _follow_contrast(self, contrast: Qt.ContrastPreference) -> None:
        self._contrast = contrast
        self._follow()

    def _follow(self) -> None:
        wanted = self._wanted()
        if wanted is self._tokens:
            return
        self._tokens = wanted
        self._dress()
        self.changed.emit()

    def _dress(self) -> None:
        if self._app is not None:
            self._app.setFont(self.font())
            self._app.setPalette(palette(self._tokens))
            sheet = "" if self._is_undressed else style_sheet(self._tokens, _mono_family(), self.scaled)
            self._app.setStyleSheet(sheet)


@cache
def theme() -> Theme:
    """The one theme."""
    return Theme()


def palette(tokens: Tokens) -> QPalette:
    """The palette, for what no style sheet reaches: text cursors, placeholders, links, delegates of Qt's own."""
    made = QPalette()
    role = QPalette.ColorRole
    tones: tuple[tuple[QPalette.ColorRole, Tone | Surface], ...] = (
        (role.Window, "panel"),
        (role.WindowText, "text"),
        (role.Base, "field"),
        (role.AlternateBase, "background"),
        (role.Text, "text"),
        (role.PlaceholderText, "secondary"),
        (role.Button, "panel"),
        (role.ButtonText, "text"),
        (role.BrightText, "on_accent"),
        (role.Highlight, "selection"),
        (role.HighlightedText, "text"),
        (role.Accent, "accent"),
        (role.Link, "accent"),
        (role.LinkVisited, "accent"),
        (role.ToolTipBase, "panel"),
        (role.ToolTipText, "text"),
        (role.Light, "panel"),
        (role.Midlight, "line"),
        (role.Mid, "line"),
        (role.Dark, "field_line"),
        (role.Shadow, "field_line"),
    )
    for which, tone in tones:
        made.setColor(which, tokens.colour(tone))
    for which in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, which, tokens.colour("faint"))
    return made


@cache
def _mono_family() -> str:
    preferred = QFontInfo(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    if preferred.fixedPitch():
        return preferred.family()
    fixed = [family for family in QFontDatabase.families() if QFontDatabase.isFixedPitch(family)]
    return fixed[0] if fixed else preferred.family()
