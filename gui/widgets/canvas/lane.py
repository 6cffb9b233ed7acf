"""The lane above the picture: what the map is of, and what is to be said about it.

It takes no room while there is nothing to say, and none of the picture ever.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QChildEvent, QEvent, QObject, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from engine.escaping import LINE
from gui.toolkit import plain_text, theme
from gui.widgets.canvas.places import fitted_caption
from gui.widgets.canvas.words import Caption

_SIDE = 2 * theme.SPACE
_LEAST = 7 * theme.SPACE
_APART = 4 * theme.SPACE


class TitleLane(QWidget):
    """resized(): it needs another height. Widgets in it stand at its right, beside the words."""

    resized = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._caption: Caption | None = None
        self._notice = ""
        self._kept = False
        self._height = 0
        self.setObjectName("lane")
        self.setAccessibleName("Title")
        self.hide()

    def show_words(self, caption: Caption | None, notice: str, kept: bool) -> None:
        """kept: there is a picture, which is not to move when its map comes: the line of the
        caption is there without one as well."""
        self._caption = caption
        self._notice = notice
        self._kept = kept
        words = [caption.text if caption is not None else "", notice]
        said = ". ".join(word.rstrip(".") for word in words if word)
        self.setAccessibleDescription(plain_text.line(said, LINE))
        self._fit()
        self.update()

    @property
    def needed(self) -> int:
        """The height that the words need, in pixels; 0 for none."""
        return self._height

    def _fit(self) -> None:
        height = self._needed()
        self.setVisible(height > 0)
        if height != self._height:
            self._height = height
            self.resized.emit()

    def _needed(self) -> int:
        line = self._line_height()
        others = any(not child.isHidden() for child in self._children())
        first = line if self._caption is not None or self._kept or others else 0
        if not self._notice:
            return first
        return first + math.ceil(self._notice_rect(0).height()) + theme.SPACE

    def _line_height(self) -> int:
        own = math.ceil(self._metrics().height()) + 2 * theme.SPACE
        return max(_LEAST, own, *(child.sizeHint().height() for child in self._children()))

    def _children(self) -> list[QWidget]:
        return [child for child in self.children() if isinstance(child, QWidget)]

    def _metrics(self) -> QFontMetricsF:
        return QFontMetricsF(theme.tabular(theme.small(self.font())))

    def _room(self) -> float:
        taken = sum(c.width() + _SIDE for c in self._children() if not c.isHidden())
        return max(0.0, self.width() - 2.0 * _SIDE - taken)

    def _notice_rect(self, top: float) -> QRectF:
        room = QRectF(_SIDE, top, max(1.0, self.width() - 2.0 * _SIDE), 1000)
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap)
        bounds = self._metrics().boundingRect(room, flags, self._notice)
        return QRectF(room.left(), top, room.width(), bounds.height())

    def childEvent(self, event: QChildEvent) -> None:
        super().childEvent(event)
        for child in self._children():
            child.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        changes = (QEvent.Type.ShowToParent, QEvent.Type.HideToParent, QEvent.Type.Resize)
        if event.type() in changes:
            self._fit()
            self.update()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(tokens.panel))
        painter.setFont(theme.tabular(theme.small(self.font())))
        metrics = self._metrics()
        top = 0
        if self._height and (self._caption is not None or self._kept or self._children()):
            top = self._line_height()
        if self._caption is not None:
            self._paint_caption(painter, metrics, QRect(_SIDE, 0, math.floor(self._room()), top))
        if self._notice:
            painter.setPen(QColor(tokens.text))
            flags = int(Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap)
            painter.drawText(self._notice_rect(top), flags, self._notice)
        painter.end()

    def _paint_caption(self, painter: QPainter, metrics: QFontMetricsF, place: QRect) -> None:
        caption, tokens = self._caption, theme.current()
        if caption is None:
            return
        middle = int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
        note = metrics.horizontalAdvance(caption.note) + _APART if caption.note else 0.0
        # Half of the line at most, so that both can be read.
        note = min(note, place.width() / 2)
        shown = fitted_caption(caption, metrics, place.width() - note)
        painter.setPen(QColor(tokens.text))
        painter.drawText(place, middle, shown)
        if caption.note:
            left = place.left() + metrics.horizontalAdvance(shown) + _APART
            rest = QRectF(left, place.top(), place.right() - left, place.height())
            words = metrics.elidedText(caption.note, Qt.TextElideMode.ElideRight, rest.width())
            painter.setPen(QColor(tokens.text_dim))
            painter.drawText(rest, middle, words)
