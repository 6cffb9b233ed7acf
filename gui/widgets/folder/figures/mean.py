"""The mean map of some images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from engine.lazy.numpy import np
from gui.toolkit import plain_text, theme
from gui.toolkit.charts.figure import Figure
from gui.toolkit.labels import label

if TYPE_CHECKING:
    from engine.records.explanations import FloatMap

GAP = theme.SPACE
_SAVED_SIDE = 480


class MeanMap(QWidget):
    """A mean map with its count and a sentence on what it is."""

    def __init__(self) -> None:
        super().__init__()
        self._words = label("", "dim")
        self._words.setWordWrap(True)
        self.picture = MapPicture(drawable=True)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2 * GAP)
        box.addWidget(self._words)
        box.addWidget(self.picture)
        box.addStretch(1)

    def set_map(self, image: QImage | None, words: str, map: FloatMap | None = None) -> None:
        """Show a map; None for none. map: its values, to be saved."""
        self._words.show_text(words)
        self.picture.set_image(image, words, map)


class MapPicture(Figure):
    """A picture of a map that keeps its shape. drawable: whether a box can be drawn. drawn(left,
    top, right, bottom): one was, as shares of the map."""

    drawn = Signal(object)

    def __init__(self, side: int = 64 * GAP, *, drawable: bool = False) -> None:
        super().__init__("Mean map")
        self._drawable = drawable
        self._from: QPointF | None = None
        self._to: QPointF | None = None
        if drawable:
            self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.setCursor(Qt.CursorShape.CrossCursor)
            self.setMouseTracking(True)
            self.setToolTip("Drag a box to list the images with half of their energy in it")
        self._side = side
        self.drawing: QImage | None = None
        self.map: FloatMap | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMaximumWidth(side)

    def set_image(self, image: QImage | None, words: str, map: FloatMap | None = None) -> None:
        self.drawing, self.map = image, map
        self.setAccessibleName(plain_text.line(words))
        self.updateGeometry()
        self.update()

    @property
    def is_filled(self) -> bool:
        return self.drawing is not None and self.map is not None

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[float | str]]]:
        """The values of the map, row by row from the top left."""
        if self.map is None:
            return ("row", "column", "value"), []
        cells = np.ndenumerate(self.map)
        return ("row", "column", "value"), [(*place, float(value)) for place, value in cells]

    def saved_size(self) -> QSize:
        return self._fitted(_SAVED_SIDE)

    def paint_saved(self, painter: QPainter) -> None:
        if self.drawing is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(QRect(QPoint(0, 0), self.saved_size()), self.drawing)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._fitted(width).height()

    def sizeHint(self) -> QSize:
        return self._fitted(self._side)

    def _fitted(self, width: int) -> QSize:
        if self.drawing is None:
            return QSize(width, 0)
        size = self.drawing.size()
        return QSize(width, max(1, round(width * size.height() / size.width())))

    def _shown(self) -> QRect:
        if self.drawing is None:
            return QRect()
        scaled = self.drawing.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        return QRect(QPoint(0, 0), scaled)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if self.drawing is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self._shown(), self.drawing)
        if self._from is not None and self._to is not None:
            painter.setPen(QPen(QColor(theme.current().accent), 2))
            painter.drawRect(QRectF(self._from, self._to).normalized())
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.current().accent), 2))
            painter.drawRect(self._shown().adjusted(1, 1, -1, -1))

    # --- drawing a box ---------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._drawable and event.button() == Qt.MouseButton.LeftButton:
            self._from = self._to = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._from is not None:
            self._to = event.position()
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002
        begun, ended, self._from, self._to = self._from, self._to, None, None
        self.update()
        shown = QRectF(self._shown())
        if begun is None or ended is None or shown.isEmpty():
            return
        box = QRectF(begun, ended).normalized().intersected(shown)
        if box.width() > GAP and box.height() > GAP:
            wide, high = shown.width(), shown.height()
            self.drawn.emit(
                (box.left() / wide, box.top() / high, box.right() / wide, box.bottom() / high)
            )
