"""Shows the image that the model receives, as large as possible, with sharp pixels."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.records.images import Pixels
from gui.toolkit import plain_text, theme
from gui.toolkit.imaging import to_qimage

_SIDE: Final = 288


class SeenPicture(QWidget):
    """Shows uint8 (height, width, 3) RGB pixels, or a message if there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._words = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(_SIDE, _SIDE)
        self.setAccessibleName("Model input")

    def sizeHint(self) -> QSize:
        return QSize(_SIDE, _SIDE)

    def show_pixels(self, pixels: Pixels | None, words: str = "") -> None:
        """pixels: the image; words: the message if it is None."""
        self._image = QImage() if pixels is None else to_qimage(pixels)
        self._words = plain_text.paragraph(words)
        self.setAccessibleDescription(plain_text.line(words))
        self.update()

    def image(self) -> QImage:
        """The current image; null if there is none."""
        return self._image

    def picture_rect(self) -> QRectF:
        """The area of the image in the widget, in logical pixels; empty if there is none."""
        if self._image.isNull():
            return QRectF()
        ratio = self.devicePixelRatioF()
        width, height = self._image.width(), self._image.height()
        scale = min(self.width() * ratio / width, self.height() * ratio / height)
        if scale > 1:
            scale = int(scale)  # all pixels have the same size
        wide, high = round(width * scale) / ratio, round(height * scale) / ratio
        left = round((self.width() - wide) / 2 * ratio) / ratio
        top = round((self.height() - high) / 2 * ratio) / ratio
        return QRectF(left, top, wide, high)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        tokens = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), tokens.canvas)
        if self._image.isNull():
            painter.setPen(tokens.text_dim)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(16, 16, -16, -16), flags, self._words)
            return
        place = self.picture_rect()
        shrinks = place.width() * self.devicePixelRatioF() < self._image.width()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, shrinks)
        painter.drawImage(place, self._image)
