"""The room of the canvas: one pane, or several beside or over each other with what they share.

The canvas of the active pane is always the same widget, which changes places when another pane
becomes active, so that whatever is connected to it speaks of the active pane.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QApplication, QWidget

from gui.toolkit import theme
from gui.widgets.canvas.panes.arranging import cells_of
from gui.widgets.canvas.panes.divider import WIDTH, Divider
from gui.widgets.canvas.panes.pane_canvas import PaneCanvas
from gui.widgets.canvas.panes.pane_header import Heading, PaneHeader
from gui.widgets.canvas.panes.scale_bar import ScaleBar
from gui.widgets.canvas.view import Sight

DIFFERENCE = 0
"""The number of the pane that shows the difference of two others."""

_FRAME = 2
_SIDE = 15 * theme.SPACE


@dataclass(frozen=True, slots=True)
class Linked:
    """What the panes share, as in the state's links."""

    zoom: bool = True
    cursor: bool = True


class Panes(QWidget):
    """canvas: that of the active pane.

    pane_pressed(number): a pane that is not active was clicked. close_requested(number).
    menu_wanted(number, place on the screen).
    """

    pane_pressed = Signal(int)
    close_requested = Signal(int)
    menu_wanted = Signal(int, QPoint)

    def __init__(self) -> None:
        super().__init__()
        self.canvas = PaneCanvas()
        self.canvas.setParent(self)
        self._numbers: list[int] = [1]
        self._active = 1
        self._sides: dict[int, PaneCanvas] = {}
        self._headers: dict[int, PaneHeader] = {}
        self._swiped = self._two = False
        self._overlaid = True
        self._linked = Linked()
        self._following = False
        self._sights: dict[int, Sight | None] = {}
        self._sight: Sight | None = None
        self._pressed: QPoint | None = None
        self.scale = ScaleBar(self)
        self.scale.hide()
        self.divider = Divider(self)
        self.divider.hide()
        self.divider.moved.connect(self._mask)
        self._connect(self.canvas)
        self.setFocusProxy(self.canvas)

    # --- what is shown ---------------------------------------------------------------------------

    def show_panes(self, numbers: Sequence[int], active: int, *, swiped: bool = False) -> None:
        """Show these panes, in this order. swiped: two of them over each other."""
        self._sights = {n: canvas.relative_sight() for n, canvas in self.canvases.items()}
        self._sight = self.canvas.relative_sight()
        with self.alone():
            self._rearrange(list(numbers), active, swiped=swiped)

    def _rearrange(self, numbers: list[int], active: int, *, swiped: bool) -> None:
        self._numbers, self._active, self._swiped = numbers, active, swiped
        for number in [n for n in self._sides if n not in numbers or n == active]:
            side = self._sides.pop(number)
            side.hide()
            # A photograph weighs a hundred megabytes, and deletion may come late.
            side.show_picture(None)
            side.show_values(None)
            side.deleteLater()
        for number in [n for n in self._headers if n not in numbers or len(numbers) == 1]:
            header = self._headers.pop(number)
            header.hide()
            header.deleteLater()
        if len(numbers) > 1:
            for number in numbers:
                if number != active and number not in self._sides:
                    self._sides[number] = self._side(number)
                if number not in self._headers:
                    self._headers[number] = self._header(number)
        few = len(numbers) == 1
        self.canvas.setMinimumSize(*((0, 0) if few else (_SIDE, _SIDE)))
        if few:
            self.canvas.set_ghost(None)
        self._place()

    def restore_sights(self) -> None:
        """Once other panes have their images, have each look where it looked before; with a linked
        zoom, where the active one did."""
        with self.alone():
            for number, canvas in self.canvases.items():
                linked = self._linked.zoom or number not in self._sights
                canvas.look_relatively(self._sight if linked else self._sights[number])

    def show_heading(self, number: int, heading: Heading) -> None:
        """Set what is said above a pane."""
        header = self._headers.get(number)
        if header is not None:
            header.show_heading(heading, number == self._active)
            # A second line stays until there are other panes, or there is other room for them.
            if not self._two and len(self._numbers) > 1 and header.crowded(header.width()):
                self._place()

    def set_overlay_visible(self, visible: bool) -> None:
        """Show or hide the map in all panes."""
        self._overlaid = visible
        for canvas in self.canvases.values():
            canvas.set_overlay_visible(visible)

    def link(self, linked: Linked) -> None:
        """Set what the panes share."""
        self._linked = linked
        if linked.zoom:
            self._moved(self.canvas)
        if not linked.cursor:
            for canvas in self.canvases.values():
                canvas.set_ghost(None)

    @property
    def canvases(self) -> dict[int, PaneCanvas]:
        """The canvas of each pane by its number, in the order of the panes."""
        return {
            number: self.canvas if number == self._active else self._sides[number]
            for number in self._numbers
        }

    @property
    def headings(self) -> list[str]:
        """What is said above the panes, in their order; none above a single one."""
        return [self._headers[n].text for n in self._numbers if n in self._headers]

    def _side(self, number: int) -> PaneCanvas:
        side = PaneCanvas()
        side.setParent(self)
        side.setMinimumSize(_SIDE, _SIDE)
        side.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        side.viewport().installEventFilter(self)
        side.setProperty("pane", number)
        side.menu_wanted.connect(lambda place: self.menu_wanted.emit(number, place))
        side.set_overlay_visible(self._overlaid)
        self._connect(side)
        side.show()
        return side

    def _header(self, number: int) -> PaneHeader:
        header = PaneHeader(self)
        header.pressed.connect(lambda: self._press(number))
        header.close_requested.connect(lambda: self.close_requested.emit(number))
        header.menu_wanted.connect(lambda place: self.menu_wanted.emit(number, place))
        header.show()
        return header

    def _press(self, number: int) -> None:
        if number not in (self._active, DIFFERENCE):
            self.pane_pressed.emit(number)

    # --- what is linked --------------------------------------------------------------------------

    def _connect(self, canvas: PaneCanvas) -> None:
        canvas.moved.connect(lambda: self._moved(canvas))
        canvas.hovered.connect(lambda _readout: self._pointed(canvas))

    def _others(self, canvas: PaneCanvas) -> list[PaneCanvas]:
        return [other for other in self.canvases.values() if other is not canvas]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """What happens inside is not followed once more."""
        before, self._following = self._following, True
        yield
        self._following = before

    def _moved(self, canvas: PaneCanvas) -> None:
        linked = self._linked.zoom or self._swiped
        if self._following or len(self._numbers) == 1 or not linked:
            return
        with self.alone():
            for other in self._others(canvas):
                other.look_relatively(canvas.relative_sight())

    def _pointed(self, canvas: PaneCanvas) -> None:
        linked = self._linked.cursor and not self._swiped
        if self._following or len(self._numbers) == 1 or not linked:
            return
        with self.alone():
            for other in self._others(canvas):
                other.set_ghost(canvas.pointed_fractions())

    # --- where they are --------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._place()
        self.update()

    def show_scale(self, shown: bool) -> None:
        """Show the shared colour bar below the panes, or not."""
        if shown == self.scale.isHidden():
            self.scale.setVisible(shown)
            self._place()

    def _place(self) -> None:
        room = self.rect()
        if len(self._numbers) == 1:
            self.canvas.clearMask()
            self.canvas.setGeometry(room)
            self.divider.hide()
            return
        if not self.scale.isHidden():
            high = self.scale.wanted_height()
            self.scale.setGeometry(0, room.height() - high, room.width(), high)
            room.setHeight(room.height() - high)
        # The canvases of two panes that lie over each other must show the same place alike.
        over = self._numbers[:2] if self._swiped else []
        before, self._following = self._following, True
        head, cells = self._headed_cells(room, len(over))
        for number, cell in cells:
            canvas = self.canvases[number]
            header = QRect(cell.left(), cell.top(), cell.width(), head)
            self._headers[number].setGeometry(header.adjusted(_FRAME, _FRAME, -_FRAME, 0))
            if number in over:
                cell = QRect(room.left(), cell.top(), room.width(), cell.height())
            body = cell.adjusted(_FRAME, head + _FRAME, -_FRAME, -_FRAME)
            canvas.setGeometry(body)
            if number not in over:
                canvas.clearMask()
        self._following = before
        self.divider.setVisible(bool(over))
        if over:
            self._mask()
        elif self._linked.zoom:
            self._moved(self.canvas)
        self.update()

    def _headed_cells(self, room: QRect, over: int) -> tuple[int, list[tuple[int, QRect]]]:
        """The height of the headers, and the cells: two lines above all panes where one of them
        needs two."""
        cells: list[tuple[int, QRect]] = []
        for two in (False, True):
            for header in self._headers.values():
                header.set_two_lines(two)
            head = max(header.sizeHint().height() for header in self._headers.values())
            cells = list(
                zip(self._numbers, cells_of(len(self._numbers), room, head, over), strict=True)
            )
            if not any(self._headers[n].crowded(cell.width() - 2 * _FRAME) for n, cell in cells):
                break
        self._two = two
        return head, cells

    def _mask(self) -> None:
        """Show the first pane left of the divider, and the second right of it."""
        first, second = (self.canvases[number] for number in self._numbers[:2])
        area = first.geometry()
        x = round(self.divider.part * area.width())
        first.setMask(QRegion(0, 0, max(x, 1), area.height()))
        second.setMask(QRegion(x, 0, max(area.width() - x, 1), area.height()))
        second.raise_()
        self.divider.setGeometry(
            area.left() + x - WIDTH // 2, area.top(), WIDTH, max(1, area.height())
        )
        self.divider.raise_()
        self._moved(self.canvas)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Paint the frame of the active pane; the others have a quiet one."""
        tokens = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(tokens.canvas))
        for number, header in self._headers.items():
            area = header.geometry()
            if not self._swiped:
                area = area.united(self.canvases[number].geometry())
            color = tokens.accent if number == self._active else tokens.border
            frame = area.adjusted(-_FRAME, -_FRAME, _FRAME, _FRAME)
            painter.fillRect(frame, QColor(color))
            painter.fillRect(area, QColor(tokens.canvas))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A click on a pane makes it active; a drag moves what it shows and no more."""
        if isinstance(event, QMouseEvent) and event.button() == Qt.MouseButton.LeftButton:
            place = event.position().toPoint()
            if event.type() == QEvent.Type.MouseButtonPress:
                self._pressed = place
            elif event.type() == QEvent.Type.MouseButtonRelease and self._pressed is not None:
                near = (place - self._pressed).manhattanLength()
                self._pressed = None
                if near < QApplication.startDragDistance():
                    side = watched.parent()
                    number = side.property("pane") if side is not None else None
                    if isinstance(number, int):
                        # Once this event is over: the widget may not outlive what follows.
                        self._press_later(number)
        return super().eventFilter(watched, event)

    def _press_later(self, number: int) -> None:
        QTimer.singleShot(0, self, lambda: self._press(number))
