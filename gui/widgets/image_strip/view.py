"""The list of the image strip: mouse, keys, wheel and scrolling."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QListView

from gui.widgets.image_strip.model import StripDelegate, StripModel


class StripView(QListView):
    """chosen(index): selected by key or mouse, or pressed again."""

    chosen = Signal(QModelIndex)
    remove_requested = Signal(str)
    menu_wanted = Signal(str, QPoint)

    def __init__(self, model: StripModel) -> None:
        super().__init__()
        self._images = model
        self._silence = Silence()
        self.setModel(model)
        self._delegate = StripDelegate(model, self)
        self.setItemDelegate(self._delegate)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAccessibleName("Opened images")
        self.selectionModel().currentChanged.connect(self._moved)

    def silence(self) -> Silence:
        """A context in which a change of the current row emits no signal."""
        return self._silence

    def go(self, row: int) -> None:
        """Make a row the current one and scroll to it."""
        index = self._images.index(row, 0)
        self.selectionModel().setCurrentIndex(
            index, QItemSelectionModel.SelectionFlag.ClearAndSelect
        )
        self.scrollTo(index)

    def set_folded(self, folded: bool) -> None:
        """Show one line, which the wheel scrolls, or the pictures."""
        self._delegate.folded = folded
        off, needed = Qt.ScrollBarPolicy.ScrollBarAlwaysOff, Qt.ScrollBarPolicy.ScrollBarAsNeeded
        self.setHorizontalScrollBarPolicy(off if folded else needed)
        self.scheduleDelayedItemsLayout()
        self.scrollTo(self.currentIndex())

    def show_first(self, row: int) -> None:
        """Scroll so that a row is the first in view, as far as there are others after it."""
        self.executeDelayedItemsLayout()
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() + self.visualRect(self._images.index(row, 0)).left())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index, place = self.indexAt(event.pos()), event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            place = self.viewport().mapToGlobal(self.visualRect(index).topLeft())
        key = self._images.key_at(index)
        if key is not None:
            self.menu_wanted.emit(key, place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = self._images.key_at(self.currentIndex())
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and key is not None:
            self.remove_requested.emit(key)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = event.position().toPoint()
        index = self.indexAt(place)
        key = self._images.key_at(index)
        left = event.button() == Qt.MouseButton.LeftButton
        if key is not None and left and self._on_close(index, place):
            self.remove_requested.emit(key)
            return
        if event.button() == Qt.MouseButton.RightButton:
            # The menu is about the image under the pointer; the one that is shown stays.
            event.accept()
            return
        again = index == self.currentIndex()
        super().mousePressEvent(event)
        if left and key is not None and again:
            self.chosen.emit(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta()
        by = delta.x() if abs(delta.x()) > abs(delta.y()) else delta.y()
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - by)
        event.accept()

    def _on_close(self, index: QModelIndex, place: QPoint) -> bool:
        cell: QRect = self.visualRect(index)
        return self._delegate.close_rect(cell).contains(place)

    def _moved(self, index: QModelIndex) -> None:
        if not self._silence.on:
            self.chosen.emit(index)


class Silence:
    """Counts nested contexts; on while inside one."""

    def __init__(self) -> None:
        self._depth = 0

    @property
    def on(self) -> bool:
        return self._depth > 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
