"""The window of the user guide: table of contents, search and text. It works offline."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel
from gui.widgets.guide.page import GuidePage

_SIZE = QSize(1080, 800)
_LEAST = QSize(560, 400)
_GAP = 2 * theme.SPACE
_LEAST_CHAPTERS, _MOST_CHAPTERS = 160, 220


class GuideWindow(QWidget):
    """Shows a Markdown file. Raises OSError if it cannot be read.

    It has no parent, because on Windows it would stay above it. It is deleted when it is closed.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Hookscope user guide")
        self.setWindowIcon(theme.app_icon())
        self._page = GuidePage(path)
        self._headings = self._page.headings()
        self._chapters = QListWidget()
        self._chapters.setAccessibleName("Chapters")
        self._chapters.setProperty("rows", True)
        self._find = QLineEdit()
        self._find.setPlaceholderText("Find in the guide")
        self._find.setAccessibleName("Find in the guide")
        self._find.setClearButtonEnabled(True)
        self._missed = ElidedLabel(role="dim")
        self._lay_out()
        self._fill()
        self._chapters.currentRowChanged.connect(self._go_to_row)
        self._find.textChanged.connect(lambda _: self._search(anew=True))
        self._find.returnPressed.connect(lambda: self._search(anew=False))
        self._page.anchorClicked.connect(self._follow)
        QShortcut(QKeySequence.StandardKey.Find, self, self._focus_find)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self.close)
        screen = self.screen().availableSize()
        self.setMinimumSize(_LEAST.boundedTo(screen))
        self.resize(_SIZE.boundedTo(screen))
        self._page.setFocus()

    def _lay_out(self) -> None:
        side = QVBoxLayout()
        side.setContentsMargins(_GAP, _GAP, _GAP, _GAP)
        side.setSpacing(theme.SPACE)
        for widget in self._side():
            side.addWidget(widget)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(side)
        row.addWidget(self._page, 1)
        self._chapters.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def _side(self) -> tuple[QWidget, ...]:
        return self._find, self._missed, self._chapters

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the text its full width first, then the chapters."""
        super().resizeEvent(event)
        scroll_bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        left = self.width() - self._page.column() - scroll_bar - 2 * self._page.frameWidth()
        width = min(_MOST_CHAPTERS, max(_LEAST_CHAPTERS, left - 2 * _GAP))
        for widget in self._side():
            widget.setFixedWidth(width)

    def _fill(self) -> None:
        for heading in self._headings:
            indented = "    " * max(0, heading.level - 2) + heading.text
            item = QListWidgetItem(plain_text.line(indented))
            item.setToolTip(plain_text.tip(heading.text))
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
        found = not text or self._find_next(text, anew)
        # The label is always visible, so that the chapters do not move.
        self._missed.setText("" if found else "No matches in the guide")

    def _find_next(self, text: str, anew: bool) -> bool:
        """Select the next match, wrapping around at the end; whether there is one."""
        cursor, document = self._page.textCursor(), self._page.document()
        start = cursor.selectionStart() if anew else cursor.selectionEnd()
        found = document.find(text, start)
        if found.isNull():
            found = document.find(text, 0)
        if found.isNull():
            return False
        self._page.setTextCursor(found)
        return True

    def _focus_find(self) -> None:
        self._find.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._find.selectAll()


def slug(heading: str) -> str:
    """The anchor of a Markdown heading: 'The layer tree' becomes 'the-layer-tree'."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
