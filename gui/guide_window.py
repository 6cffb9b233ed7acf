"""The user guide in a window of its own: chapters, a search, pictures. It needs no network and no
other program."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QColor,
    QDesktopServices,
    QImage,
    QImageReader,
    QKeySequence,
    QShortcut,
    QTextBlockFormat,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextTable,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from gui import theme
from gui.labels import label

_SIZE = QSize(1080, 800)
_CHAPTERS = 220
_COLUMN = 736
_MARGIN = 24
# A picture inside a list stands further in.
_PICTURE = _COLUMN - 2 * _MARGIN - 40
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class _Heading:
    text: str
    level: int
    block: int


class GuideWindow(QWidget):
    """Shows a Markdown file. Raises OSError when it cannot be read."""

    def __init__(self, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Hookscope guide")
        self._page = _Page(path)
        self._headings = self._page.headings()
        self._chapters = QListWidget()
        self._chapters.setAccessibleName("Chapters")
        self._chapters.setProperty("rows", True)
        self._find = QLineEdit()
        self._find.setPlaceholderText("Find in the guide")
        self._find.setAccessibleName("Find in the guide")
        self._find.setClearButtonEnabled(True)
        self._missed = label(role="dim")
        self._lay_out()
        self._fill()
        self._chapters.currentRowChanged.connect(self._go_to_row)
        self._find.textChanged.connect(lambda _: self._search(anew=True))
        self._find.returnPressed.connect(lambda: self._search(anew=False))
        self._page.anchorClicked.connect(self._follow)
        QShortcut(QKeySequence.StandardKey.Find, self, self._focus_find)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self.close)
        self.resize(_SIZE.boundedTo(self.screen().availableSize()))
        self._page.setFocus()

    def _lay_out(self) -> None:
        side = QVBoxLayout()
        side.setContentsMargins(8, 8, 8, 8)
        side.setSpacing(8)
        for widget in (self._find, self._missed, self._chapters):
            widget.setFixedWidth(_CHAPTERS)
            side.addWidget(widget)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(side)
        row.addWidget(self._page, 1)
        self._missed.hide()
        scroll_bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        self.setMinimumSize(_CHAPTERS + 16 + _COLUMN + 2 * scroll_bar, 400)

    def _fill(self) -> None:
        for heading in self._headings:
            item = QListWidgetItem("    " * max(0, heading.level - 2) + heading.text)
            item.setToolTip(heading.text)
            self._chapters.addItem(item)

    def _go_to_row(self, row: int) -> None:
        if 0 <= row < len(self._headings):
            self._page.show_block(self._headings[row].block)

    def _follow(self, url: QUrl) -> None:
        if url.scheme():
            QDesktopServices.openUrl(url)
            return
        for row, heading in enumerate(self._headings):
            if slug(heading.text) == url.fragment():
                self._chapters.setCurrentRow(row)
                self._go_to_row(row)

    def _search(self, anew: bool) -> None:
        text = self._find.text()
        found = not text or self._page.find_next(text, anew)
        self._missed.setText("" if found else f"'{text}' is not in the guide")
        self._missed.setVisible(not found)

    def _focus_find(self) -> None:
        self._find.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._find.selectAll()


class _Page(QTextBrowser):
    """The text in a column of readable width. Pictures are fitted to it and come one at a time,
    so that the window is there at once; their room is kept."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._folder = path.parent
        self._waiting: list[QUrl] = []
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._load_next)
        self.setAccessibleName("Guide")
        self.setOpenLinks(False)
        self.setLineWrapMode(QTextBrowser.LineWrapMode.FixedPixelWidth)
        self.setLineWrapColumnOrWidth(_COLUMN)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(_MARGIN)
        self.document().setMarkdown(
            path.read_text(encoding="utf-8"), QTextDocument.MarkdownFeature.MarkdownDialectGitHub
        )
        self._dress()
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def _dress(self) -> None:
        """Room between the paragraphs and lines, and quiet tables."""
        # Before the paragraphs: Qt lays the document out wrongly when tables change after them.
        for frame in self.document().rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                table = frame.format()
                table.setBorder(1)
                table.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
                table.setBorderBrush(QColor(theme.current().border))
                table.setCellPadding(theme.SPACE + 2)
                frame.setFormat(table)
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        block = self.document().begin()
        while block.isValid():
            how = block.blockFormat()
            distance = QTextBlockFormat.LineHeightTypes.LineDistanceHeight.value
            how.setLineHeight(theme.SPACE, distance)
            if how.headingLevel() > 0:
                how.setTopMargin(7 * theme.SPACE)
            if cursor.currentTable() is None:
                how.setBottomMargin(2 * theme.SPACE)
            cursor.setPosition(block.position())
            cursor.setBlockFormat(how)
            block = block.next()
        cursor.endEditBlock()

    def headings(self) -> list[_Heading]:
        """The headings below the title, in order."""
        found = []
        block = self.document().begin()
        while block.isValid():
            level = block.blockFormat().headingLevel()
            if 1 < level <= _DEEPEST:
                found.append(_Heading(block.text(), level, block.blockNumber()))
            block = block.next()
        return found

    def show_block(self, number: int) -> None:
        """Scroll until a block is at the top."""
        # The end of a long document is laid out when it is asked for.
        self.document().size()
        place = QTextCursor(self.document().findBlockByNumber(number))
        top = self.verticalScrollBar().value() + self.cursorRect(place).top()
        self.verticalScrollBar().setValue(top - _MARGIN // 2)

    def find_next(self, text: str, anew: bool) -> bool:
        """Select the next place of a text, from the top after the last; whether there is one."""
        if anew:
            cursor = self.textCursor()
            cursor.setPosition(cursor.selectionStart())
            self.setTextCursor(cursor)
        if self.find(text):
            return True
        self.moveCursor(QTextCursor.MoveOperation.Start)
        return self.find(text)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """An empty picture of the right size, until it is its turn."""
        url = QUrl(name)
        if kind != QTextDocument.ResourceType.ImageResource.value:
            return super().loadResource(kind, url)
        size = QImageReader(str(self._folder / url.path())).size()
        if not size.isValid():
            return None
        self._waiting.append(url)
        self._timer.start()
        return self._empty(size)

    def _empty(self, size: QSize) -> QImage:
        ratio = self.devicePixelRatioF()
        width = min(size.width(), _PICTURE)
        fitted = QSize(width, round(size.height() * width / size.width()))
        picture = QImage(fitted * ratio, QImage.Format.Format_ARGB32_Premultiplied)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        return picture

    def _load_next(self) -> None:
        if not self._waiting:
            self._timer.stop()
            return
        url = self._waiting.pop(0)
        whole = QImage(str(self._folder / url.path()))
        room = self._empty(whole.size())
        picture = whole.scaled(
            room.size(),
            Qt.AspectRatioMode.IgnoreAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        picture.setDevicePixelRatio(room.devicePixelRatio())
        self.document().addResource(QTextDocument.ResourceType.ImageResource.value, url, picture)
        self.viewport().update()


def slug(heading: str) -> str:
    """The anchor that a heading has in Markdown: 'The layer tree' is '#the-layer-tree'."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
