"""The items of the canvas scene: the image, the map over it, and outlines of parts of it.

Scene coordinates are pixels of the original image. Every item paints only its visible part
(set_sight), and always all of it, clipped by the painter: scaled painting rounds its source
position to 1/65536, so that a patch repainted alone could differ from its surroundings.
"""

from __future__ import annotations

import math
from dataclasses import replace

from PySide6.QtCore import QLineF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from engine.lazy.numpy import np
from engine.records.display import Backdrop, DisplaySettings
from engine.records.explanations import Explanation
from engine.records.images import Region
from engine.render import overlay
from engine.render.contours import segments
from gui.toolkit.imaging import Picture, edge_picture, grey_part, indexed_image

_OVERLAY_SIDE = 1024
_WINDOW_SIDE = 512
_MAGNIFIED = 8.0
_MOST_CELL_RECTANGLES = 2048
_BUSY_FACTOR = 0.6

_ACTUAL_SIZE = 1.0 - 1e-6
"""A scale of one, with tolerance for rounding in transforms."""


def scale_of(painter: QPainter) -> float:
    """Device pixels per image pixel."""
    return float(painter.deviceTransform().m11())


class SceneItem(QGraphicsItem):
    """An item of which only the visible part is painted."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds = QRectF()
        self.sight = QRectF()
        self.exposed = QRectF()
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)

    def set_sight(self, sight: QRectF) -> None:
        """Set the part of the scene that the view shows."""
        self.sight = QRectF(sight)

    def set_bounds(self, bounds: QRectF) -> None:
        self.prepareGeometryChange()
        self.bounds = QRectF(bounds)

    def boundingRect(self) -> QRectF:
        return self.bounds

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,  # noqa: ARG002
    ) -> None:
        self.exposed = QRectF(option.exposedRect)
        painter.save()
        self.draw(painter, self.bounds.intersected(self.sight))
        painter.restore()

    def draw(self, painter: QPainter, visible: QRectF) -> None:
        """Paint the part inside visible, in scene coordinates."""
        raise NotImplementedError


class PictureItem(SceneItem):
    """The original image, or its backdrop: nearest neighbour above 1:1, smooth below 1:1."""

    def __init__(self) -> None:
        super().__init__()
        self._picture: Picture | None = None
        self._backdrop: Backdrop = "colour"
        self._edges: QImage | None = None
        self._grey: tuple[tuple[int, QRect], QImage] | None = None

    def set_backdrop(self, backdrop: Backdrop) -> None:
        """Show the image as it is, in grey, or its edges."""
        if backdrop != self._backdrop:
            self._backdrop = backdrop
            self.update()

    def set_picture(self, picture: Picture | None) -> None:
        self._picture = picture
        self._edges = self._grey = None
        self.set_bounds(QRectF(0, 0, picture.width, picture.height) if picture else QRectF())
        self.update()

    def draw(self, painter: QPainter, visible: QRectF) -> None:
        if self._picture is None or visible.isEmpty():
            return
        scale = scale_of(painter)
        smooth = scale < _ACTUAL_SIZE
        if self._backdrop == "edges":
            self._edges = self._edges or edge_picture(self._picture)
            painter.setClipRect(visible, Qt.ClipOperation.IntersectClip)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
            painter.drawImage(self.bounds, self._edges)
            return
        image, source, target = self._picture.part(visible, scale)
        if self._backdrop == "grey":
            image, source = self._in_grey(image, source.toRect())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(target, image, source)

    def _in_grey(self, image: QImage, part: QRect) -> tuple[QImage, QRectF]:
        """The visible part in grey, which is all that is ever converted."""
        key = image.cacheKey(), part
        if self._grey is None or self._grey[0] != key:
            self._grey = key, grey_part(image, part)
        return self._grey[1], QRectF(0, 0, part.width(), part.height())


class OverlayItem(SceneItem):
    """The colours of a map, over its region of the image.

    They are computed at a moderate size when the map or the settings change, and blended by the
    painter. Only at high magnification is the visible part computed separately, because Qt's
    fixed-point arithmetic is too coarse for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._explanation: Explanation | None = None
        self._settings = DisplaySettings()
        self._image: QImage | None = None
        self._lines: list[QLineF] | None = None
        self._part: tuple[tuple[float, float, float, float], QImage] | None = None
        self._region = QRectF()
        self._dimmed = False

    def set_explanation(self, explanation: Explanation | None, limits: QRectF) -> None:
        """limits: the image; parts of the region outside it are not drawn."""
        self._explanation = explanation
        self._image = self._part = self._lines = None
        self._region = rectangle(explanation.region) if explanation else QRectF()
        self.set_bounds(self._region.intersected(limits))
        self.update()

    def set_display(self, settings: DisplaySettings) -> None:
        old, self._settings = self._settings, settings
        # The painter applies the opacity, and the backdrop is another item's.
        if replace(old, opacity=1.0, backdrop="colour") != replace(
            settings, opacity=1.0, backdrop="colour"
        ):
            self._image = self._part = self._lines = None
        self.update()

    def set_dimmed(self, dimmed: bool) -> None:
        """Dim the map while a new one is being computed."""
        if dimmed != self._dimmed:
            self._dimmed = dimmed
            self.update()

    def draw(self, painter: QPainter, visible: QRectF) -> None:
        if self._explanation is None or visible.isEmpty():
            return
        if overlay.is_blank(self._explanation.map, self._settings):
            return
        dimmed = _BUSY_FACTOR if self._dimmed else 1.0
        painter.setOpacity(self._settings.opacity * dimmed)
        painter.setClipRect(visible, Qt.ClipOperation.IntersectClip)
        if self._settings.interpolation == "grid":
            self._draw_grid(painter, visible, self._explanation)
        else:
            self._draw_smooth(painter, visible, self._explanation)
        if self._settings.contours:
            painter.setOpacity(dimmed)
            self._draw_contours(painter, self._explanation)

    def _colors(
        self,
        shown: Explanation,
        size: tuple[int, int],
        part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
    ) -> QImage:
        """Colours with their opacity, but for that of the settings."""
        solid = replace(self._settings, opacity=1.0)
        share = overlay.share_of(shown)
        return indexed_image(*overlay.indexed_layer(shown.map, solid, size, part, share))

    def _draw_contours(self, painter: QPainter, shown: Explanation) -> None:
        if self._lines is None:
            region = self._region
            size, corner = (region.width(), region.height()), (region.x(), region.y())
            points = segments(shown, self._settings).astype(np.float64) * size + corner
            self._lines = [QLineF(*line) for line in points.reshape(-1, 4).tolist()]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        ratio = painter.device().devicePixelRatio()
        for color, width in ((QColor(0, 0, 0, 170), 3.0), (QColor(255, 255, 255, 235), 1.3)):
            pen = QPen(color, width * ratio)
            pen.setCosmetic(True)
            # Round ends take four times as long, and segments are too short to show them.
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawLines(self._lines)

    def _fractions(self, visible: QRectF) -> tuple[float, float, float, float]:
        region = self._region
        return (
            (visible.left() - region.x()) / region.width(),
            (visible.top() - region.y()) / region.height(),
            (visible.right() - region.x()) / region.width(),
            (visible.bottom() - region.y()) / region.height(),
        )

    def _draw_smooth(self, painter: QPainter, visible: QRectF, shown: Explanation) -> None:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        longest = max(self._region.width(), self._region.height())
        if longest * scale_of(painter) > _OVERLAY_SIDE * _MAGNIFIED:
            fractions = self._fractions(visible)
            if self._part is None or self._part[0] != fractions:
                size = _fit(visible.width(), visible.height(), _WINDOW_SIDE)
                self._part = fractions, self._colors(shown, size, fractions)
            painter.drawImage(visible, self._part[1])
            return
        if self._image is None:
            size = _fit(self._region.width(), self._region.height(), _OVERLAY_SIDE)
            self._image = self._colors(shown, size)
        painter.drawImage(self._region, self._image)

    def _cells(self, part: QRectF) -> tuple[int, int, int, int]:
        """(first row, end row, first column, end column) of the cells that touch the part."""
        if self._explanation is None or part.isEmpty():
            return 0, 0, 0, 0
        rows, columns = self._explanation.map.shape
        left, top, right, bottom = self._fractions(part)
        return (
            max(0, math.floor(top * rows)),
            min(rows, math.ceil(bottom * rows)),
            max(0, math.floor(left * columns)),
            min(columns, math.ceil(right * columns)),
        )

    def _draw_grid(self, painter: QPainter, visible: QRectF, shown: Explanation) -> None:
        rows, columns = shown.map.shape
        if self._image is None:
            self._image = self._colors(shown, (columns, rows))
        first_row, last_row, first_column, last_column = self._cells(visible)
        if (last_column - first_column) * (last_row - first_row) > _MOST_CELL_RECTANGLES:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
            painter.drawImage(self._region, self._image)
            return
        region = self._region
        across, down = region.width() / columns, region.height() / rows
        # Unlike parts of an image, cells that need no repainting can be skipped.
        first_row, last_row, first_column, last_column = self._cells(visible & self.exposed)
        for row in range(first_row, last_row):
            for column in range(first_column, last_column):
                x, y = region.x() + column * across, region.y() + row * down
                painter.fillRect(
                    QRectF(x, y, across, down).intersected(visible),
                    self._image.pixelColor(column, row),
                )


class OutlineItem(SceneItem):
    """The outline of a part of the image: a light line with a dark border, visible on anything.

    dashed: as outlines of edits are.
    """

    def __init__(self, *, dashed: bool = False) -> None:
        super().__init__()
        self._region = QRectF()
        self._dashed = dashed

    def set_region(self, region: Region | None, limits: QRectF) -> None:
        """limits: the image. A region that is the whole image needs no outline."""
        inside = rectangle(region).intersected(limits) if region else QRectF()
        if inside.adjusted(-0.5, -0.5, 0.5, 0.5).contains(limits):
            inside = QRectF()
        self._region = inside
        # Half of the line is outside, by some device pixels at every zoom.
        self.set_bounds(inside if inside.isEmpty() else inside.adjusted(-8, -8, 8, 8))
        self.update()

    def draw(self, painter: QPainter, visible: QRectF) -> None:
        if visible.isEmpty():
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        ratio = painter.device().devicePixelRatio()
        for color, width in ((QColor(0, 0, 0, 150), 3), (QColor(255, 255, 255, 235), 1)):
            pen = QPen(color, width * ratio)
            pen.setCosmetic(True)
            if self._dashed and width == 1:
                pen.setDashPattern([5, 3])
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(self._region)


def rectangle(region: Region) -> QRectF:
    """A region as a rectangle of the scene."""
    return QRectF(region.x, region.y, region.width, region.height)


def _fit(width: float, height: float, side: int) -> tuple[int, int]:
    longest = max(width, height)
    return max(1, round(width / longest * side)), max(1, round(height / longest * side))
