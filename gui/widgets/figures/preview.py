"""Shows a figure before it is saved: fitted, or zoomed with the wheel and dragged."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.toolkit import plain_text, theme
from gui.toolkit.imaging import Picture

_MARGIN: Final = 2 * theme.SPACE
_STEP: Final = 1.25
_MOST: Final = 4.0
_PAN: Final = 16 * theme.SPACE
_CHECK: Final = 2 * theme.SPACE
_NOTCH: Final = 120.0
# Of what is behind a figure without paper; light, since its words are dark.
_CHECKS: Final = QColor(255, 255, 255), QColor(238, 238, 238)


class FigurePreview(QWidget):
    """A figure, or a message in its place. Double click, F and 0 fit it; + and - zoom."""

    def __init__(self) -> None:
        super().__init__()
        self._picture: Picture | None = None
        self._message = ""
        self._zoom = 0.0
        self._centre = QPointF()
        self._dragged: QPointF | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(60 * theme.SPACE, 60 * theme.SPACE)
        self.setAccessibleName("Preview of the figure")

    def sizeHint(self) -> QSize:
        return QSize(140 * theme.SPACE, 130 * theme.SPACE)

    @property
    def picture(self) -> Picture | None:
        """What is shown."""
        return self._picture

    @property
    def fitted(self) -> bool:
        return self._zoom == 0.0

    def show_picture(self, picture: Picture, words: str) -> None:
        """Show a figure; one of another size is fitted. words: for a screen reader."""
        if self._picture is None or picture.size != self._picture.size:
            self.fit()
        self._picture, self._message = picture, ""
        self.setAccessibleDescription(plain_text.line(words))
        self.update()

    def show_message(self, text: str, *, keep: bool = False) -> None:
        """Say why there is no figure. keep: the last one stays, dimmed, until there is another."""
        if not keep:
            self._picture = None
        self._message = plain_text.paragraph(text)
        self.setAccessibleDescription(self._message)
        self.update()

    def fit(self) -> None:
        """Show all of it."""
        self._zoom = 0.0
        self.update()

    # --- geometry, in logical pixels of this widget and pixels of the picture --------------------

    def _scale(self) -> float:
        """Logical pixels to a pixel of the picture."""
        if self._zoom or self._picture is None:
            return self._zoom or 1.0
        room = self.rect().adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        across = room.width() / self._picture.width
        down = room.height() / self._picture.height
        # Not blurred by being enlarged.
        return max(1e-3, min(across, down, 1.0 / self.devicePixelRatioF()))

    def _place(self) -> QRectF:
        """Where the picture is."""
        assert self._picture is not None
        scale, middle = self._scale(), QRectF(self.rect()).center()
        width, height = self._picture.width * scale, self._picture.height * scale
        if self.fitted:
            return QRectF(middle.x() - width / 2, middle.y() - height / 2, width, height)
        return QRectF(
            middle.x() - self._centre.x() * scale,
            middle.y() - self._centre.y() * scale,
            width,
            height,
        )

    def _zoom_at(self, factor: float, point: QPointF) -> None:
        if self._picture is None:
            return
        place, scale = self._place(), self._scale()
        under = (point - place.topLeft()) / scale
        was_fitted = self.fitted
        self._zoom = 0.0
        least = self._scale()
        wanted = min(_MOST, scale * factor)
        if wanted <= least or (was_fitted and factor < 1):
            self.update()
            return
        self._zoom = wanted
        middle = QRectF(self.rect()).center()
        self._centre = under + (middle - point) / wanted
        self.update()

    def _move(self, by: QPointF) -> None:
        if self._picture is None or self.fitted:
            return
        self._centre -= by / self._scale()
        self._centre.setX(min(max(self._centre.x(), 0.0), self._picture.width))
        self._centre.setY(min(max(self._centre.y(), 0.0), self._picture.height))
        self.update()

    # --- events ----------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta().y() / _NOTCH
        self._zoom_at(_STEP**turned, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._dragged = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragged is not None:
            self._move(event.position() - self._dragged)
            self._dragged = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002
        self._dragged = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, middle = event.key(), QRectF(self.rect()).center()
        steps = {
            Qt.Key.Key_Left: QPointF(_PAN, 0),
            Qt.Key.Key_Right: QPointF(-_PAN, 0),
            Qt.Key.Key_Up: QPointF(0, _PAN),
            Qt.Key.Key_Down: QPointF(0, -_PAN),
        }
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._zoom_at(_STEP, middle)
        elif key == Qt.Key.Key_Minus:
            self._zoom_at(1 / _STEP, middle)
        elif key in (Qt.Key.Key_F, Qt.Key.Key_0):
            self.fit()
        elif key in steps:
            self._move(steps[Qt.Key(key)])
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: ARG002
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        tokens = theme.current()
        painter.fillRect(self.rect(), QColor(tokens.canvas))
        if self._picture is not None:
            painter.setOpacity(0.4 if self._message else 1.0)
            self._paint(painter, self._picture)
            painter.setOpacity(1.0)
        if self._message:
            self._say(painter, tokens)
        if self.hasFocus():
            painter.setPen(QColor(tokens.accent))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint(self, painter: QPainter, picture: Picture) -> None:
        place, scale = self._place(), self._scale()
        seen = place.intersected(QRectF(self.rect()))
        if seen.isEmpty():
            return
        if picture.levels[0].hasAlphaChannel():
            _checks(painter, seen)
        visible = QRectF((seen.topLeft() - place.topLeft()) / scale, seen.size() / scale)
        image, source, target = picture.part(visible, scale * self.devicePixelRatioF())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.save()
        painter.translate(place.topLeft())
        painter.scale(scale, scale)
        painter.drawImage(target, image, source)
        painter.restore()

    def _say(self, painter: QPainter, tokens: theme.Tokens) -> None:
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        room = self.rect().adjusted(4 * _MARGIN, _MARGIN, -4 * _MARGIN, -_MARGIN)
        size = painter.boundingRect(room, int(flags), self._message)
        around = size.adjusted(-_MARGIN, -_MARGIN, _MARGIN, _MARGIN)
        painter.fillRect(around, QColor(tokens.panel))
        painter.setPen(QColor(tokens.text))
        painter.drawText(room, int(flags), self._message)


def _checks(painter: QPainter, place: QRectF) -> None:
    painter.save()
    painter.setClipRect(place)
    painter.fillRect(place, _CHECKS[0])
    area = place.toAlignedRect()
    for row, y in enumerate(range(area.top(), area.bottom() + 1, _CHECK)):
        for x in range(area.left() + row % 2 * _CHECK, area.right() + 1, 2 * _CHECK):
            painter.fillRect(x, y, _CHECK, _CHECK, _CHECKS[1])
    painter.restore()
