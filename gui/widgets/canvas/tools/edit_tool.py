"""The tools that edit on the canvas of the active pane: select, crop, shapes, brush and paste.

They take the left button and some keys while one of them is chosen; the wheel, the middle and the
right button stay with the canvas.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent

from engine.records.edits import Crop, Edit, Point
from gui.widgets.canvas.image_canvas import ImageCanvas
from gui.widgets.canvas.tools.drawing import Drawing, Tool, shape_in
from gui.widgets.canvas.tools.geometry import box_of, corners, dragged, moved, path_of, resized
from gui.widgets.canvas.tools.items import HANDLE, Outline, ToolItem

SMALLEST, LARGEST = 0.5, 2_000.0
"""Radius of the brush, in pixels of the image."""

_BRUSH_STEP = 1.2
_ARROWS = {
    Qt.Key.Key_Left: QPointF(-1, 0),
    Qt.Key.Key_Right: QPointF(1, 0),
    Qt.Key.Key_Up: QPointF(0, -1),
    Qt.Key.Key_Down: QPointF(0, 1),
}


class EditTool(QObject):
    """drafted(Shape), done(Shape): something is being drawn, and is finished; it is what the tool
    draws. given_up: it is not.

    altered(place, Edit), settled(): the selected edit is being moved or resized, and is let go of.
    selected(place): of the edit that was clicked, -1 for none. removed(place): by key.
    sized(radius): of the brush, by wheel.
    """

    drafted = Signal(object)
    done = Signal(object)
    given_up = Signal()
    altered = Signal(int, object)
    settled = Signal()
    selected = Signal(int)
    removed = Signal(int)
    sized = Signal(float)

    def __init__(self, canvas: ImageCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._tool: Tool = ""
        self._edits: tuple[Edit, ...] = ()
        self._radius = 20.0
        self._start: QPointF | None = None
        self._drawing: Drawing | None = None
        self._held: tuple[Edit, int] | None = None
        """The selected edit when it was taken, and the corner by which; -1 for the whole."""
        self.nudging = False
        """Whether the selected edit is being moved by key."""
        self._shown = False
        self._item = ToolItem()
        self._item.setVisible(False)
        canvas.scene().addItem(self._item)
        canvas.installEventFilter(self)
        canvas.viewport().installEventFilter(self)
        canvas.moved.connect(self._follow)
        canvas.bare_changed.connect(lambda bare: self._item.setVisible(self._shown and not bare))

    # --- what it shows ---------------------------------------------------------------------------

    @property
    def tool(self) -> Tool:
        """The chosen tool; '' for none."""
        return self._tool

    def choose(self, tool: Tool) -> None:
        """Choose a tool; '' leaves the canvas alone."""
        self.give_up()
        self._tool = tool
        self._item.circle = None
        self._item.cropping = tool in ("crop", "copy")
        cross = tool not in ("", "select")
        viewport = self._canvas.viewport()
        viewport.setCursor(Qt.CursorShape.CrossCursor) if cross else viewport.unsetCursor()
        self._update()

    def set_shown(self, on: bool) -> None:
        """Show the outlines of edits, or not."""
        self._shown = on
        self._item.setVisible(on)
        self._follow()

    def unveil(self) -> None:
        """What has been drawn so far can be seen in the image."""
        self._item.seen = self._item.draft
        self._update()

    def set_radius(self, radius: float) -> None:
        """Set the radius of the brush, in pixels of the image."""
        self._radius = radius
        if self._item.circle is not None:
            self._item.circle = self._item.circle[0], radius
        self._update()

    def show_edits(self, edits: Sequence[Edit], selected: int, offset: QPointF) -> None:
        """Show these edits. selected: the place of the one that is selected, -1 for none. offset:
        of the shown image in the image as its file has it."""
        drawing = self._start is not None and self._held is None
        if (tuple(edits), offset) != (self._edits, self._item.offset) and not drawing:
            self._edits = tuple(edits)
            self._item.outlines = [
                Outline(place, path_of(edit), edit.on, box_of(edit))
                for place, edit in enumerate(self._edits)
                if not _frames(edit, offset)
            ]
        changed = (selected, offset) != (self._item.selected, self._item.offset)
        self._item.selected, self._item.offset = selected, offset
        if changed or not drawing:
            self._update()

    def _follow(self) -> None:
        sight = self._canvas.visible_rect()
        self._item.set_sight(sight)
        self._item.set_bounds(sight if self._item.isVisible() else QRectF())
        self._update()

    def _update(self, area: QRectF | None = None) -> None:
        """Paint again, or only a part of the image as its file has it: a brush moves often."""
        viewport = self._canvas.viewport()
        if area is None:
            viewport.update()
            return
        shown = self._canvas.viewportTransform().mapRect(area.translated(-self._item.offset))
        viewport.update(shown.toAlignedRect().adjusted(-4, -4, 4, 4))

    def _swept(self, place: QPointF) -> QRectF:
        """What the brush has gone over since it was seen last, and covers now."""
        before = self._item.circle[0] if self._item.circle is not None else place
        reach = 1.25 * self._radius
        return QRectF(before, place).normalized().adjusted(-reach, -reach, reach, reach)

    def _place(self, position: QPointF) -> QPointF:
        """A point of the viewport in the image as its file has it."""
        inverse, _ = self._canvas.viewportTransform().inverted()
        return inverse.map(position) + self._item.offset

    @property
    def _per_pixel(self) -> float:
        return self._canvas.devicePixelRatioF() / max(1e-6, self._canvas.zoom)

    # --- events ----------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not self._tool:
            return super().eventFilter(watched, event)
        if isinstance(event, QMouseEvent) and watched is self._canvas.viewport():
            return self._mouse(event)
        if isinstance(event, QWheelEvent) and self._tool == "brush":
            return self._wheel(event)
        if isinstance(event, QKeyEvent) and watched is self._canvas:
            return self._key(event)
        if event.type() == QEvent.Type.Leave and self._item.circle is not None:
            self._item.circle = None
            self._update()
        return super().eventFilter(watched, event)

    def _mouse(self, event: QMouseEvent) -> bool:
        kind, place = event.type(), self._place(event.position())
        left = event.button() == Qt.MouseButton.LeftButton
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick) and left:
            self._canvas.setFocus(Qt.FocusReason.MouseFocusReason)
            self._press(place)
            return self._tool != "select" or self._held is not None
        if kind == QEvent.Type.MouseMove:
            return self._move(place, event)
        if kind == QEvent.Type.MouseButtonRelease and left and self._start is not None:
            self._release(place, event)
            return True
        return False

    def _press(self, place: QPointF) -> None:
        if self._tool != "select":
            self._start = place
            self._drawing = Drawing(self._tool, place, self._radius, self._per_pixel)
            if self._tool == "brush":
                self._draw(place, square=False)
            return
        corner = self._corner_at(place)
        here = self._item.selected if corner >= 0 else self._edit_at(place)
        if here != self._item.selected:
            self.selected.emit(here)
        if here >= 0:
            self._start, self._held = place, (self._edits[here], corner)

    def _move(self, place: QPointF, event: QMouseEvent) -> bool:
        swept = self._swept(place) if self._tool == "brush" else None
        if self._tool == "brush":
            self._item.circle = place, self._radius
            self._update(swept)
        if self._start is None:
            return False
        self._canvas.point_at(event.position())
        if self._held is not None:
            self._carry(place)
        else:
            square = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._draw(place, square=square, area=swept)
        return True

    def _release(self, place: QPointF, event: QMouseEvent) -> None:
        if self._held is not None:
            self._start = self._held = None
            self.settled.emit()
            return
        self._draw(place, square=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        shape, self._start = self._item.draft, None
        self._item.draft = self._item.seen = None
        self._update()
        if shape is not None:
            self.done.emit(shape)

    def _wheel(self, event: QWheelEvent) -> bool:
        if not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            return False
        delta = event.angleDelta()
        notches = (delta.y() or delta.x()) / 120
        self._resize_brush(_BRUSH_STEP**notches)
        return True

    def _resize_brush(self, factor: float) -> None:
        self.set_radius(min(LARGEST, max(SMALLEST, self._radius * factor)))
        self.sized.emit(self._radius)

    def grow_brush(self, by: int) -> None:
        """Make the brush larger by so many steps, or smaller."""
        self._resize_brush(_BRUSH_STEP**by)

    # --- drawing ---------------------------------------------------------------------------------

    def _draw(self, place: QPointF, *, square: bool, area: QRectF | None = None) -> None:
        """Draw on to a place. area: all that changes on the canvas, None for anything."""
        shape = self._drawing.shape_to(place, square=square) if self._drawing is not None else None
        if shape is None or shape == self._item.draft:
            return
        self._item.draft = shape
        self._update(area)
        self.drafted.emit(shape)

    def give_up(self) -> bool:
        """Drop what is being drawn, moved or resized; whether there was anything."""
        busy = self._start is not None
        self._start = self._held = self._item.draft = self._item.seen = None
        if busy:
            self.given_up.emit()
            self._update()
        return busy

    # --- what is there already -------------------------------------------------------------------

    def _edit_at(self, place: QPointF) -> int:
        for outline in reversed(self._item.outlines):
            near = 4 * self._per_pixel
            if outline.path.contains(place) or outline.path.intersects(
                QRectF(place.x() - near, place.y() - near, 2 * near, 2 * near)
            ):
                return outline.place
        return -1

    def _corner_at(self, place: QPointF) -> int:
        for outline in self._item.outlines:
            if outline.place == self._item.selected and not outline.box.isEmpty():
                for number, corner in enumerate(corners(outline.box)):
                    if (corner - place).manhattanLength() < HANDLE * 1.5 * self._per_pixel:
                        return number
        return -1

    def _carry(self, place: QPointF) -> None:
        assert self._held is not None
        assert self._start is not None
        edit, corner = self._held
        if corner < 0:
            changed = moved(edit, place - self._start)
        else:
            changed = resized(edit, dragged(box_of(edit), corner, place))
        self.altered.emit(self._item.selected, changed)

    # --- keys ------------------------------------------------------------------------------------

    def _key(self, event: QKeyEvent) -> bool:
        released = event.type() == QEvent.Type.KeyRelease
        if released:
            if self.nudging and not event.isAutoRepeat() and Qt.Key(event.key()) in _ARROWS:
                self.settled.emit()
                self.nudging = False
                return True
            return False
        if event.type() != QEvent.Type.KeyPress:
            return False
        key, place = Qt.Key(event.key()), self._item.selected
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._tool != "select":
            self._draw_in_the_middle()
            return True
        if not 0 <= place < len(self._edits):
            return False
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit(place)
            return True
        return key in _ARROWS and self._nudge(place, _ARROWS[key], event.modifiers())

    def _nudge(self, place: int, by: QPointF, held: Qt.KeyboardModifier) -> bool:
        """Move the selected edit by a pixel, with Shift by ten; with Ctrl, its lower right corner
        alone."""
        if held & Qt.KeyboardModifier.AltModifier:
            return False
        edit, step = (
            self._edits[place],
            by * (10 if held & Qt.KeyboardModifier.ShiftModifier else 1),
        )
        if held & Qt.KeyboardModifier.ControlModifier:
            box = box_of(edit)
            if box.isEmpty():
                return False
            changed = resized(edit, QRectF(box.topLeft(), box.bottomRight() + step))
        else:
            changed = moved(edit, step)
        self.nudging = True
        self.altered.emit(place, changed)
        return True

    def middle(self) -> Point:
        """The middle of what is seen of the image."""
        seen = self._canvas.visible_rect().intersected(self._canvas.picture_bounds)
        middle = seen.center() + self._item.offset
        return middle.x(), middle.y()

    def _draw_in_the_middle(self) -> None:
        """By keyboard: a shape in the middle of what is seen, to be moved by the arrow keys."""
        seen = self._canvas.visible_rect().intersected(self._canvas.picture_bounds)
        box = QRectF(0, 0, seen.width() / 3, seen.height() / 3)
        box.moveCenter(seen.center() + self._item.offset)
        self.done.emit(shape_in(self._tool, box, self._radius))


def _frames(edit: Edit, offset: QPointF) -> bool:
    """Whether an edit is the crop of the shown image, whose outline is that of the image."""
    if not isinstance(edit, Crop) or not edit.on:
        return False
    corner = QPointF(edit.part.x, edit.part.y)
    return not offset.isNull() and (corner - offset).manhattanLength() <= 2
