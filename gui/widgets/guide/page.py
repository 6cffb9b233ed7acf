"""The page of the user guide: renders a Markdown file in a readable column, with its images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QColor,
    QFontDatabase,
    QFontMetricsF,
    QImage,
    QImageReader,
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
from PySide6.QtWidgets import QTextBrowser

from gui.toolkit import theme

MARGIN = 6 * theme.SPACE
_DEEPEST = 3
# The longest line of code in the guide has 109 characters and must not be wrapped.
_LETTERS = 110
# Long enough that resizing a window does not rescale the images all the time.
_SETTLED_MS = 120
_FIXED = QFontDatabase.SystemFont.FixedFont
_IMAGE = QTextDocument.ResourceType.ImageResource.value


class Heading(NamedTuple):
    """A heading with its level (1 is the title) and its block number in the document."""

    text: str
    level: int
    block: int


class GuidePage(QTextBrowser):
    """Shows the text. Images are fitted to the column and loaded one at a time, when they first
    become visible; their space is reserved. Raises OSError if the file cannot be read."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._text = path.read_text(encoding="utf-8")
        self._folder = path.parent
        self._pictures: dict[str, QImage] = {}
        self._sizes: dict[str, QSize] = {}
        self._widths: dict[str, int] = {}
        self._waiting: list[str] = []
        self._look: object = None
        self._loading = QTimer(self, interval=0)
        self._loading.timeout.connect(self._load_next)
        self._settled = QTimer(self, interval=_SETTLED_MS, singleShot=True)
        self._settled.timeout.connect(self._fit_pictures)
        self._changed = QTimer(self, interval=0, singleShot=True)
        self._changed.timeout.connect(self._follow_look)
        self.setAccessibleName("Guide")
        self.setOpenLinks(False)
        self.setLineWrapMode(QTextBrowser.LineWrapMode.FixedPixelWidth)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setLineWrapColumnOrWidth(self.column())
        self._follow_look()
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def column(self) -> int:
        """The full width of the text, including margins, in logical pixels."""
        metrics = QFontMetricsF(self._code_format().font())
        return math.ceil(metrics.horizontalAdvance("0" * _LETTERS)) + 2 * MARGIN

    def headings(self) -> list[Heading]:
        """The headings below the title, in order."""
        return [
            Heading(block.text(), block.blockFormat().headingLevel(), block.blockNumber())
            for block in self._blocks()
            if 1 < block.blockFormat().headingLevel() <= _DEEPEST
        ]

    def show_block(self, number: int) -> None:
        """Scroll until a block is at the top."""
        place = self.document().findBlockByNumber(number).position()
        self._scroll_to(place, MARGIN // 2)

    # --- style -----------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            # Several of these events arrive together; one update is enough.
            self._changed.start()
        elif event.type() == QEvent.Type.DevicePixelRatioChange:
            self._settled.start()
        return super().event(event)

    def _follow_look(self) -> None:
        """Parse the text again if the theme has changed, because links get their colour then."""
        before, self._look = self._look, (theme.current(), self.font().key())
        if before == self._look:
            return
        cursor, value = self.textCursor(), self.verticalScrollBar().value()
        anchor, position = cursor.anchor(), cursor.position()
        self.document().setDocumentMargin(MARGIN)
        dialect = QTextDocument.MarkdownFeature.MarkdownDialectGitHub
        self.document().setMarkdown(self._text, dialect)
        self._dress()
        cursor = self.textCursor()
        cursor.setPosition(anchor)
        cursor.setPosition(position, QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)
        # This forces the layout of the end of a long document.
        self.document().size()
        self.verticalScrollBar().setValue(value)

    def _dress(self) -> None:
        """Style the document: spacing, table borders, code blocks."""
        # Before the paragraphs, because Qt's layout is wrong if tables change after them.
        for frame in self.document().rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                table = frame.format()
                table.setBorder(1)
                table.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
                table.setBorderBrush(QColor(theme.current().border))
                table.setCellPadding(theme.SPACE + 2)
                table.setTopMargin(2 * theme.SPACE)
                frame.setFormat(table)
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for block in self._blocks():
            cursor.setPosition(block.position())
            cursor.setBlockFormat(_spaced(block, cursor.currentTable() is not None))
        self._size_code(cursor)
        cursor.endEditBlock()
        self._size_pictures()

    def _size_code(self, cursor: QTextCursor) -> None:
        how = self._code_format()
        for block, format in self._runs(cursor):
            fixed = _is_code(block) or format.fontFixedPitch()
            if fixed and block.blockFormat().headingLevel() == 0:
                cursor.mergeCharFormat(how)

    def _code_format(self) -> QTextCharFormat:
        """The format of code: smaller, because monospaced text looks larger."""
        how = QTextCharFormat()
        how.setFontFamilies([QFontDatabase.systemFont(_FIXED).family()])
        small = theme.small(self.font())
        if small.pointSizeF() > 0:
            how.setFontPointSize(small.pointSizeF())
        else:
            how.setProperty(QTextFormat.Property.FontPixelSize.value, small.pixelSize())
        return how

    # --- width -----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wrap = min(self.column(), self.viewport().width())
        if wrap != self.lineWrapColumnOrWidth():
            self._keeping_place(lambda: self.setLineWrapColumnOrWidth(wrap))
        self._settled.start()

    def _keeping_place(self, change: Callable[[], None]) -> None:
        """Keep the reading position although the text above gets longer or shorter."""
        if self.verticalScrollBar().value() == 0:
            change()
            return
        top = self.cursorForPosition(QPoint(self.viewport().width() // 2, 0))
        place, above = top.position(), self.cursorRect(top).top()
        change()
        self._scroll_to(place, above)

    def _scroll_to(self, place: int, above: int) -> None:
        self.document().size()
        cursor = QTextCursor(self.document())
        cursor.setPosition(place)
        top = self.verticalScrollBar().value() + self.cursorRect(cursor).top()
        self.verticalScrollBar().setValue(top - above)

    # --- images ----------------------------------------------------------------------------------

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Return a transparent placeholder until the image is loaded."""
        url = QUrl(name).toString()
        if kind != _IMAGE:
            return super().loadResource(kind, name)
        if url in self._pictures or url not in self._widths:
            return self._pictures.get(url)
        self._wait_for(url)
        nothing = QImage(1, 1, QImage.Format.Format_ARGB32_Premultiplied)
        nothing.fill(Qt.GlobalColor.transparent)
        return nothing

    def _wait_for(self, url: str) -> None:
        if url not in self._waiting:
            self._waiting.append(url)
        self._loading.start()

    def _size_pictures(self) -> None:
        """Reserve the space of all images."""
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        column = self.lineWrapColumnOrWidth() - 2 * MARGIN
        for block, format in self._runs(cursor):
            image = format.toImageFormat()
            size = self._size(image.name()) if image.isValid() else QSize()
            if size.isValid():
                inset = block.blockFormat().indent() * self.document().indentWidth()
                width = min(size.width(), column - math.ceil(inset))
                self._widths[image.name()] = width
                image.setWidth(width)
                image.setHeight(round(size.height() * width / size.width()))
                cursor.setCharFormat(image)
        cursor.endEditBlock()

    def _size(self, url: str) -> QSize:
        if url not in self._sizes:
            self._sizes[url] = QImageReader(self._file(url)).size()
        return self._sizes[url]

    def _fit_pictures(self) -> None:
        """Fit the images to the column; they are stretched until each one is loaded again."""
        before = dict(self._widths)
        self._keeping_place(self._size_pictures)
        for url, picture in self._pictures.items():
            ratio_differs = picture.devicePixelRatio() != self.devicePixelRatioF()
            if ratio_differs or before[url] != self._widths[url]:
                self._wait_for(url)

    def _load_next(self) -> None:
        if not self._waiting:
            self._loading.stop()
            return
        url = self._waiting.pop(0)
        ratio = self.devicePixelRatioF()
        width, how = round(self._widths[url] * ratio), Qt.TransformationMode.SmoothTransformation
        picture = decode(self._file(url)).scaledToWidth(width, how)
        picture.setDevicePixelRatio(ratio)
        self._pictures[url] = picture
        self.document().addResource(_IMAGE, QUrl(url), picture)
        self.viewport().update()

    def _file(self, url: str) -> str:
        return str(self._folder / QUrl(url).path())

    def _blocks(self) -> Iterator[QTextBlock]:
        block = self.document().begin()
        while block.isValid():
            yield block
            block = block.next()

    def _runs(self, cursor: QTextCursor) -> Iterator[tuple[QTextBlock, QTextCharFormat]]:
        """Select and yield each run of one format. An image is a run."""
        for block in self._blocks():
            place, runs = block.begin(), []
            while not place.atEnd():
                run = place.fragment()
                runs.append((run.position(), run.length(), run.charFormat()))
                place += 1
            # Collected first, because the caller changes formats and thereby the runs.
            for start, length, format in runs:
                cursor.setPosition(start)
                cursor.setPosition(start + length, QTextCursor.MoveMode.KeepAnchor)
                yield block, format


def decode(path: str) -> QImage:
    """Read an image file; null if it cannot be read."""
    return QImage(path)


def _is_code(block: QTextBlock) -> bool:
    """Whether a block is code, indented or fenced."""
    how, kind = block.blockFormat(), QTextFormat.Property
    return how.hasProperty(kind.BlockCodeLanguage) or how.hasProperty(kind.BlockCodeFence)


def _spaced(block: QTextBlock, in_table: bool) -> QTextBlockFormat:
    how = block.blockFormat()
    how.setLineHeight(theme.SPACE, QTextBlockFormat.LineHeightTypes.LineDistanceHeight.value)
    if how.headingLevel() > 0:
        how.setTopMargin(7 * theme.SPACE)
    if not in_table:
        how.setBottomMargin(2 * theme.SPACE)
    if _is_code(block):
        # Lines too long for a narrow window continue with a hanging indent.
        how.setLeftMargin(6 * theme.SPACE)
        how.setTextIndent(-6 * theme.SPACE)
        if _is_code(block.next()):
            how.setBottomMargin(0)
    return how
