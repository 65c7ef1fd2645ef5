"""Wrapped text in several colours, selectable, as high as it needs to be. What it shows is data, never markup."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QFont, QResizeEvent, QTextCharFormat, QTextCursor, QTextOption
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from jobdesk.kit import formats
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

#: Characters of one run, and of a tooltip, beyond which the rest is left out: a megabyte takes seconds to wrap.
LONGEST, LONGEST_TOOLTIP = 4_000, 1_000


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text of one look. `link` is what `TextBlock.linked` says when it is clicked."""

    text: str
    tone: Tone = ""
    is_mono: bool = False
    is_strong: bool = False
    link: str = ""


def as_tooltip(text: str) -> str:
    """Text from the database as a tooltip: wrapped, and with nothing in it read as markup."""
    return f"<qt>{html.escape(formats.visible_lines(_bounded(text, LONGEST_TOOLTIP)))}</qt>" if text else ""


def _bounded(text: str, longest: int) -> str:
    """The text, or its beginning and how long it is."""
    if len(text) <= longest:
        return text
    words = QCoreApplication.translate("TextBlock", "{beginning}… ({count} characters)")
    return words.format(beginning=text[:longest], count=formats.number(len(text)))


class TextBlock(QTextBrowser):
    """Shows runs of text. It does not scroll: its height follows its text and its width."""

    linked = Signal(str)

    def __init__(self, parent: QWidget | None = None, size_px: int = 13) -> None:
        super().__init__(parent)
        self._runs: tuple[Run, ...] = ()
        self._size_px = size_px
        self.setObjectName("textBlock")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.document().setDocumentMargin(0)
        self.document().setDefaultFont(theme().font(size_px))
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self.anchorClicked.connect(self._follow)
        theme().changed.connect(self._write)
        self._fit()

    @property
    def plain_text(self) -> str:
        """What is shown, without its looks."""
        return "".join(run.text for run in self._runs)

    def set_runs(self, runs: Sequence[Run]) -> None:
        """Show these runs. The same again changes nothing, so that a selection stays."""
        if self._runs == tuple(runs):
            return
        self._runs = tuple(runs)
        # Links are reached with Tab; text alone is no stop on the way through the window.
        has_links = any(run.link for run in self._runs)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if has_links else Qt.FocusPolicy.ClickFocus)
        self._write()

    def sizeHint(self) -> QSize:
        return QSize(120, self._text_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self._text_height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _write(self) -> None:
        tokens = theme().tokens
        # The direction is the window's: a name of the other one, be it the first word, turns no sentence round.
        option = self.document().defaultTextOption()
        option.setTextDirection(self.layoutDirection())
        self.document().setDefaultTextOption(option)
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.removeSelectedText()
        for run in self._runs:
            look = QTextCharFormat()
            font = theme().mono_font(self._size_px - 1) if run.is_mono else theme().font(self._size_px)
            if run.is_strong:
                font.setWeight(QFont.Weight.DemiBold)
            look.setFont(font)
            look.setForeground(tokens.colour("accent" if run.link else run.tone))
            if run.link:
                look.setAnchor(True)
                look.setAnchorHref(run.link)
            cursor.insertText(formats.visible_lines(_bounded(run.text, LONGEST)), look)

    def _text_height(self) -> int:
        return max(math.ceil(self.document().size().height()), self.fontMetrics().height())

    def _fit(self, *_: object) -> None:
        height = self._text_height()
        if height != self.height() or self.minimumHeight() != height:
            self.setFixedHeight(height)
            self.updateGeometry()

    def _follow(self, url: QUrl) -> None:
        self.linked.emit(url.toString())
