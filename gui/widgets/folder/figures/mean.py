"""The mean map of some images."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import label

GAP = theme.SPACE


class MeanMap(QWidget):
    """A mean map with its count and a sentence on what it is."""

    def __init__(self) -> None:
        super().__init__()
        self._words = label("", "dim")
        self._words.setWordWrap(True)
        self.picture = MapPicture()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2 * GAP)
        box.addWidget(self._words)
        box.addWidget(self.picture)
        box.addStretch(1)

    def set_map(self, image: QImage | None, words: str) -> None:
        """Show a map; None for none."""
        self._words.show_text(words)
        self.picture.set_image(image, words)


class MapPicture(QWidget):
    """A picture of a map that keeps its shape."""

    def __init__(self, side: int = 64 * GAP) -> None:
        super().__init__()
        self._side = side
        self.image: QImage | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMaximumWidth(side)

    def set_image(self, image: QImage | None, words: str) -> None:
        self.image = image
        self.setAccessibleName(plain_text.line(words))
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._fitted(width).height()

    def sizeHint(self) -> QSize:
        return self._fitted(self._side)

    def _fitted(self, width: int) -> QSize:
        if self.image is None:
            return QSize(width, 0)
        size = self.image.size()
        return QSize(width, max(1, round(width * size.height() / size.width())))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if self.image is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        scaled = self.image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        painter.drawImage(QRect(0, 0, scaled.width(), scaled.height()), self.image)
