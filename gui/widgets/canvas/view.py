"""A graphics view that zooms at the pointer and pans, over one rectangle of a scene.

The view keeps its centre in floating point and sets the (hidden) scroll bars from it, so that
rounding to whole pixels does not accumulate, however often the user zooms.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QGestureEvent,
    QGraphicsScene,
    QGraphicsView,
    QPinchGesture,
    QWidget,
)

from gui.toolkit import theme

MOST_ZOOM = 64.0
MARGIN = 2 * theme.SPACE
"""Free space around a fitted image, in logical pixels."""

Sight: TypeAlias = tuple[float, QPointF]
"""Zoom, and the point of the scene in the middle of the view."""

_STEP = 1.25
_WHEEL_NOTCH = 120.0
_TRACKPAD_PIXELS = 80.0
_KEY_PAN = 16 * theme.SPACE


class ZoomView(QGraphicsView):
    """zoom_changed(float): physical screen pixels per scene unit. moved: zoom or place changed."""

    zoom_changed = Signal(float)
    moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bounds = QRectF()
        self._zoom = 1.0
        self._centre = QPointF()
        self._fitted = True
        self._band = MARGIN
        self._pointer: QPointF | None = None
        self._dragged_from: QPointF | None = None
        scene = QGraphicsScene(self)
        scene.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self.setScene(scene)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # Drops are handled by the window.
        self.setAcceptDrops(False)
        self.viewport().setAcceptDrops(False)
        self.viewport().setMouseTracking(True)
        self.viewport().grabGesture(Qt.GestureType.PinchGesture)

    # --- hooks for subclasses --------------------------------------------------------------------

    def view_changed(self) -> None:
        """Called when the visible part of the scene has changed."""

    def pointer_changed(self) -> None:
        """Called when the pointer has moved, entered or left; see pointer_position."""

    # --- zoom and position -----------------------------------------------------------------------

    def set_bounds(self, bounds: QRectF) -> None:
        """Set the rectangle to show, and fit it. An empty one disables zooming."""
        self._bounds = QRectF(bounds)
        self.fit()

    @property
    def zoom(self) -> float:
        """Physical screen pixels per scene unit."""
        return self._zoom

    @property
    def fitted(self) -> bool:
        """Whether the bounds are fitted again when the view is resized."""
        return self._fitted

    def sight(self) -> Sight | None:
        """What is looked at, for look_at; None while the bounds are fitted."""
        return None if self._fitted else (self._zoom, QPointF(self._centre))

    def look_at(self, sight: Sight | None) -> None:
        """Look where sight() was taken; None fits the bounds."""
        if sight is None or self._bounds.isEmpty():
            self.fit()
            return
        self._fitted = False
        self._place(*sight)

    def relative_sight(self) -> Sight | None:
        """What is looked at as zoom over the fitted one, and as the point's fractions of the
        bounds; None while these are fitted."""
        bounds = self._bounds
        if self._fitted or bounds.isEmpty():
            return None
        place = self._centre - bounds.topLeft()
        fractions = QPointF(place.x() / bounds.width(), place.y() / bounds.height())
        return self._zoom / self._fit_zoom(), fractions

    def look_relatively(self, sight: Sight | None) -> None:
        """Look where relative_sight() was taken, in this view or another."""
        bounds = self._bounds
        if sight is None or bounds.isEmpty():
            self.fit()
            return
        zoom, part = sight
        centre = QPointF(part.x() * bounds.width(), part.y() * bounds.height())
        self.look_at((zoom * self._fit_zoom(), bounds.topLeft() + centre))

    def set_band(self, height: int) -> None:
        """Set the free space below a fitted image, in logical pixels."""
        self._band = height
        self._replace()

    def fit(self) -> None:
        """Fit the bounds into the view, centred above the band, also when it is resized."""
        self._fitted = True
        zoom = self._fit_zoom()
        lower = (self._band - MARGIN) / 2 * self.devicePixelRatioF() / zoom
        self._place(zoom, self._bounds.center() + QPointF(0, lower))

    def actual_size(self) -> None:
        """Show one scene unit per physical pixel, keeping the centre of the view."""
        self._zoom_to(1.0, self._middle())

    def zoom_in(self) -> None:
        """Zoom in one step, keeping the centre of the view."""
        self.zoom_at(_STEP, self._middle())

    def zoom_out(self) -> None:
        """Zoom out one step, keeping the centre of the view."""
        self.zoom_at(1 / _STEP, self._middle())

    def zoom_at(self, factor: float, viewport_point: QPointF | QPoint) -> None:
        """Zoom by factor, keeping the point under viewport_point (logical pixels) in place.

        The zoom stays between a quarter of the fitted one (or 1, if that is less) and 64.
        """
        self._zoom_to(self._zoom * factor, QPointF(viewport_point))

    def _zoom_to(self, wanted: float, viewport_point: QPointF) -> None:
        if self._bounds.isEmpty():
            return
        least = min(self._fit_zoom() / 4, 1.0)
        zoom = min(max(wanted, least), MOST_ZOOM)
        offset = viewport_point - self._middle()
        ratio = self.devicePixelRatioF()
        held = self._centre + offset * (ratio / self._zoom)
        self._fitted = False
        self._place(zoom, held - offset * (ratio / zoom))

    def pan(self, offset: QPointF) -> None:
        """Pan by offset, in logical pixels."""
        if self._bounds.isEmpty():
            return
        self._fitted = False
        self._place(self._zoom, self._centre - offset * (self.devicePixelRatioF() / self._zoom))

    def visible_rect(self) -> QRectF:
        """The visible part of the scene; it may extend beyond the bounds."""
        inverse, _ = self.viewportTransform().inverted()
        return inverse.mapRect(QRectF(self.viewport().rect()))

    def point_at(self, position: QPointF) -> None:
        """The pointer is here, in the viewport; for moves that a tool takes."""
        self._pointer = position
        self.pointer_changed()

    def pointer_position(self) -> QPointF | None:
        """The position of the pointer in the scene, None while it is outside the view."""
        if self._pointer is None:
            return None
        inverse, _ = self.viewportTransform().inverted()
        return inverse.map(self._pointer)

    def _middle(self) -> QPointF:
        return QPointF(self.viewport().width() / 2, self.viewport().height() / 2)

    def _fit_zoom(self) -> float:
        if self._bounds.isEmpty():
            return 1.0
        width = max(1, self.viewport().width() - 2 * MARGIN)
        height = max(1, self.viewport().height() - MARGIN - self._band)
        scale = min(width / self._bounds.width(), height / self._bounds.height())
        return min(scale * self.devicePixelRatioF(), MOST_ZOOM)

    def _place(self, zoom: float, centre: QPointF) -> None:
        """Set zoom and centre, keeping part of the bounds visible. The only place that does so."""
        bounds = self._bounds
        centre = QPointF(
            min(max(centre.x(), bounds.left()), bounds.right()),
            min(max(centre.y(), bounds.top()), bounds.bottom()),
        )
        changed = zoom != self._zoom
        self._zoom, self._centre = zoom, centre
        scale = zoom / self.devicePixelRatioF()
        width, height = self.viewport().width(), self.viewport().height()
        across, down = width / scale, height / scale
        # Margins on all sides, so that the scroll bars reach every position and Qt never centres.
        self.setSceneRect(bounds.adjusted(-across, -down, across, down))
        self.setTransform(QTransform.fromScale(scale, scale))
        self.horizontalScrollBar().setValue(round(centre.x() * scale - width / 2))
        self.verticalScrollBar().setValue(round(centre.y() * scale - height / 2))
        self.view_changed()
        self.pointer_changed()
        self.viewport().update()
        if changed:
            self.zoom_changed.emit(zoom)
        self.moved.emit()

    def _replace(self) -> None:
        """Update zoom and position after a change of size or screen."""
        if self._fitted:
            self.fit()
        else:
            self._place(self._zoom, self._centre)

    # --- events ----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._replace()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._replace()
        return super().event(event)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent):
            return self._native_gesture(event)
        if isinstance(event, QGestureEvent):
            return self._pinch(event)
        if event.type() == QEvent.Type.Leave:
            self._pointer = None
            self.pointer_changed()
        return super().viewportEvent(event)

    def _native_gesture(self, event: QNativeGestureEvent) -> bool:
        if event.gestureType() != Qt.NativeGestureType.ZoomNativeGesture:
            return False
        self.zoom_at(max(0.1, 1.0 + event.value()), event.position())
        return True

    def _pinch(self, event: QGestureEvent) -> bool:
        pinch = event.gesture(Qt.GestureType.PinchGesture)
        if not isinstance(pinch, QPinchGesture):
            return False
        # The first finger also arrives as a mouse button, and would pan against the second.
        self._dragged_from = None
        point = self.viewport().mapFromGlobal(pinch.centerPoint())
        self.zoom_at(pinch.scaleFactor(), point)
        self.pan(pinch.centerPoint() - pinch.lastCenterPoint())
        event.accept(pinch)
        return True

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.accept()
        # Once the fingers have left the trackpad, zooming should stop.
        if event.phase() == Qt.ScrollPhase.ScrollMomentum:
            return
        # Pixel deltas are reliable only from devices that report phases; otherwise, according to
        # the QWheelEvent documentation, only the angle is. Fine wheels report part of a notch.
        pixels = event.pixelDelta().y()
        if event.phase() != Qt.ScrollPhase.NoScrollPhase and pixels:
            notches = pixels / _TRACKPAD_PIXELS
        else:
            notches = event.angleDelta().y() / _WHEEL_NOTCH
        if notches:
            self._pointer = event.position()
            self.zoom_at(math.pow(_STEP, max(-4.0, min(4.0, notches))), event.position())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._dragged_from = event.position()
            event.accept()
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._pointer = event.position()
        if self._dragged_from is not None and event.buttons():
            offset = event.position() - self._dragged_from
            self._dragged_from = event.position()
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
            self.pan(offset)
        else:
            self.pointer_changed()
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragged_from = None
        self.viewport().unsetCursor()
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.fit()
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys pan if part of the image is out of view; other keys go to the window."""
        steps = {
            Qt.Key.Key_Left: QPointF(_KEY_PAN, 0),
            Qt.Key.Key_Right: QPointF(-_KEY_PAN, 0),
            Qt.Key.Key_Up: QPointF(0, _KEY_PAN),
            Qt.Key.Key_Down: QPointF(0, -_KEY_PAN),
        }
        step = steps.get(Qt.Key(event.key()))
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if step is None or held or self.visible_rect().contains(self._bounds):
            event.ignore()
            return
        self.pan(step)
        event.accept()
