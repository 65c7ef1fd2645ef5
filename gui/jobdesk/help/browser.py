"""Shows one topic in the theme's colours and size of text. It opens no file but the help's pictures."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QImage,
    QResizeEvent,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextTable,
)
from PySide6.QtWidgets import QTextBrowser, QTextEdit, QWidget

from jobdesk.help.topics import Topic, anchor_of
from jobdesk.kit.theme import theme
from jobdesk.runtime.resources import resource

#: Pixels of the text at the usual size.
SIZE = 14
#: Sizes of the headings of each level, as shares of the text's.
_HEADINGS = {1: 1.6, 2: 1.25, 3: 1.05, 4: 1.0}
_MARGIN = 28
_WIDEST_PICTURE = 1_000
_SMOOTH = Qt.TransformationMode.SmoothTransformation
_KEEP = QTextCharFormat.FontPropertiesInheritanceBehavior.FontPropertiesSpecifiedOnly


class HelpBrowser(QTextBrowser):
    """A link that is followed is told by `link_followed`, and nothing else happens."""

    link_followed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("help")
        self.setAccessibleName(self.tr("Help"))
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.anchorClicked.connect(lambda url: self.link_followed.emit(url.toString()))
        self._topic: Topic | None = None
        self._words: list[str] = []
        self._width = 0
        theme().changed.connect(self._show_again)

    def show_topic(self, topic: Topic, anchor: str = "", words: list[str] | None = None) -> None:
        """Show a topic from one of its headings on, with the words that were looked for marked."""
        if topic is not self._topic:
            self._topic = topic
            self._render()
        self._words = words or []
        self._mark()
        self._go_to(anchor)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Give a picture of the help, in the theme's shade where there is one. Nothing else is ever opened."""
        if kind != QTextDocument.ResourceType.ImageResource.value:
            return None
        picture = picture_of(QUrl(name).toString(), is_dark=theme().tokens.is_dark)
        return picture.scaledToWidth(self._picture_width(picture), _SMOOTH) if not picture.isNull() else None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if abs(self.viewport().width() - self._width) > 8:
            self._show_again()

    # Rendering

    def _show_again(self) -> None:
        if self._topic is None:
            return
        bar = self.verticalScrollBar()
        share = bar.value() / max(1, bar.maximum())
        self._render()
        self._mark()
        bar.setValue(round(share * bar.maximum()))

    def _render(self) -> None:
        assert self._topic is not None
        self._width = self.viewport().width()
        document = QTextDocument(self)
        document.setDefaultFont(theme().font(SIZE))
        document.setDocumentMargin(_MARGIN)
        document.setMarkdown(self._topic.markdown)
        self.setDocument(document)
        block = document.begin()
        while block.isValid():
            self._dress(block)
            block = block.next()
        for frame in document.rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                self._dress_table(frame)
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def _dress(self, block: QTextBlock) -> None:
        """Give a block its distances, its heading's size, and its code the look of code."""
        cursor = QTextCursor(block)
        layout = QTextBlockFormat()
        level = block.blockFormat().headingLevel()
        is_code, is_list = _is_code(block), block.textList() is not None
        goes_on = (is_code and _is_code(block.next())) or (is_list and block.next().textList() is not None)
        # Of a picture's height the share beyond 100 would be an empty space.
        is_tight = is_code or any(part.format.isImageFormat() for part in block.textFormats())
        layout.setLineHeight(100 if is_tight else 140, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        size_px = theme().scaled(SIZE)
        layout.setTopMargin(size_px * (1.4 if level == 2 else 1.1 if level else 0))
        layout.setBottomMargin(size_px * (0 if is_code and goes_on else 0.3 if level or goes_on else 0.7))
        if is_code:
            layout.setBackground(theme().colour("hover"))
        cursor.mergeBlockFormat(layout)
        for part in block.textFormats():
            cursor.setPosition(block.position() + part.start)
            cursor.setPosition(block.position() + part.start + part.length, QTextCursor.MoveMode.KeepAnchor)
            cursor.mergeCharFormat(self._look(part.format, level, is_code=is_code))

    def _look(self, present: QTextCharFormat, level: int, *, is_code: bool) -> QTextCharFormat:
        look = QTextCharFormat()
        if present.isImageFormat():
            return look
        look.setForeground(theme().colour("accent" if present.isAnchor() else "text"))
        if present.fontFixedPitch() or is_code:
            look.setFont(theme().mono_font(round(SIZE * 0.92)), _KEEP)
            look.setBackground(theme().colour("hover"))
        elif level:
            look.setFont(theme().font(round(SIZE * _HEADINGS.get(level, 1)), QFont.Weight.DemiBold), _KEEP)
        return look

    def _dress_table(self, table: QTextTable) -> None:
        look = table.format()
        look.setBorder(0.5)
        look.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        look.setBorderBrush(theme().colour("line"))
        look.setBorderCollapse(True)
        look.setCellPadding(theme().scaled(SIZE) * 0.5)
        look.setCellSpacing(0)
        look.setBottomMargin(theme().scaled(SIZE))
        table.setFormat(look)

    def _picture_width(self, picture: QImage) -> int:
        room = max(200, self._width - 2 * _MARGIN - 20)
        return min(room, _WIDEST_PICTURE, picture.width())

    # Places

    def _go_to(self, anchor: str) -> None:
        block = self._heading(anchor) if anchor else self.document().begin()
        place = self.document().documentLayout().blockBoundingRect(block).top()
        self.setTextCursor(QTextCursor(block))
        self.verticalScrollBar().setValue(round(place) - (12 if anchor else _MARGIN))

    def _heading(self, anchor: str) -> QTextBlock:
        block = self.document().begin()
        while block.isValid():
            if block.blockFormat().headingLevel() and anchor_of(block.text()) == anchor:
                return block
            block = block.next()
        return self.document().begin()

    def _mark(self) -> None:
        marks: list[QTextEdit.ExtraSelection] = []
        look = QTextCharFormat()
        look.setBackground(QColor(theme().colour("changed")))
        for word in self._words:
            cursor = self.document().find(word)
            while not cursor.isNull() and len(marks) < 200:
                mark = QTextEdit.ExtraSelection()
                mark.cursor, mark.format = cursor, look
                marks.append(mark)
                cursor = self.document().find(word, cursor)
        self.setExtraSelections(marks)


def _is_code(block: QTextBlock) -> bool:
    return block.isValid() and block.blockFormat().hasProperty(QTextFormat.Property.BlockCodeLanguage)


def picture_of(name: str, *, is_dark: bool) -> QImage:
    """The picture that a topic names, `pictures/jobs-light.png`, in this shade if it was taken; null without one."""
    folder, _, file = name.rpartition("/")
    if folder not in ("pictures", "../pictures"):
        return QImage()
    dark = resource(f"pictures/{file.replace('-light.', '-dark.')}")
    return QImage(str(dark if is_dark and dark.is_file() else resource(f"pictures/{file}")))
