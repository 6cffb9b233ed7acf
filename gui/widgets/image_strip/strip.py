"""The strip of open images at the bottom of the window."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QListView,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import theme
from gui.toolkit.labels import label
from gui.widgets.image_strip.model import StripDelegate, StripModel, cell_size

EMPTY = "Opened images appear here"


class ImageStrip(QWidget):
    """Shows the open images, each under a key given by the caller.

    image_chosen(key): the user selected an image. remove_requested(key): the user wants to close
    it; nothing is removed until remove() is called.
    """

    image_chosen = Signal(str)
    remove_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = StripModel(self)
        self._view = _StripView(self._model)
        self._count = label(role="dim")
        self._empty = label(EMPTY, "dim")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._view)
        self._lay_out()
        self._view.chosen.connect(self._chosen)
        self._view.remove_requested.connect(self.remove_requested)

    def add(self, key: str, name: str) -> None:
        """Append an image; its thumbnail may follow. Raises ValueError if the key is taken."""
        self.add_many([(key, name)])

    def add_many(self, images: Sequence[tuple[str, str]]) -> None:
        """Append images, each (key, name), in one step. Raises ValueError as add does."""
        self._model.add(images)
        self._refresh()

    def set_thumbnail(self, key: str, thumbnail: QImage) -> None:
        """Set the thumbnail of an image and clear its error. Unknown keys are ignored, as the image
        may have been closed meanwhile."""
        self._model.update(key, thumbnail=thumbnail, error="")
        self._refresh()

    def set_error(self, key: str, text: str) -> None:
        """Mark an image as unreadable, with the reason; '' clears the mark."""
        self._model.update(key, error=text)
        self._refresh()

    def remove(self, key: str) -> None:
        """Remove an image, without a signal. Its neighbour becomes the current one."""
        row = self._model.row_of(key)
        if row is None:
            return
        with self._view.silence():
            here = self._view.currentIndex().row()
            self._model.remove(row)
            if self._model.rowCount():
                after = here - (row < here) if here != row else min(row, self._model.rowCount() - 1)
                self._view.go(max(after, 0))
        self._refresh()

    def select(self, key: str) -> None:
        """Make an image the current one, without a signal."""
        row = self._model.row_of(key)
        if row is not None:
            with self._view.silence():
                self._view.go(row)
            self._refresh()

    def thumbnail(self, key: str, side: int) -> QImage | None:
        """The thumbnail of an image, at most so many device pixels on a side; None without one."""
        row = self._model.row_of(key)
        image = None if row is None else self._model.image(self._model.index(row, 0))
        if image is None or image.thumbnail.isNull():
            return None
        keep, smooth = Qt.AspectRatioMode, Qt.TransformationMode
        return image.thumbnail.scaled(side, side, keep.KeepAspectRatio, smooth.SmoothTransformation)

    def set_titled(self, titled: bool) -> None:
        """Show the title, or leave it to a tab."""
        self._header.setVisible(titled)

    def set_hint(self, hint: QWidget) -> None:
        """Add a hint at the right of the images."""
        self._pictures.addWidget(hint, 0, Qt.AlignmentFlag.AlignVCenter)
        self._pictures.addSpacing(theme.SPACE)

    def current(self) -> str | None:
        """The key of the current image."""
        return self._model.key_at(self._view.currentIndex())

    def keys(self) -> tuple[str, ...]:
        """All keys, in the order of the strip."""
        return self._model.keys()

    def step(self, by: int) -> None:
        """Move to the right (by > 0) or left, with a signal; stops at the ends."""
        here = self._view.currentIndex().row()
        there = min(max(here + by, 0), self._model.rowCount() - 1)
        if there not in (here, -1):
            self._view.go(there)

    def _lay_out(self) -> None:
        header = self._header = label("Images", "header")
        top = QHBoxLayout()
        top.setContentsMargins(8, 0, 8, 0)
        top.setSpacing(8)
        top.addWidget(header)
        top.addWidget(self._count)
        top.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 8, 0, 0)
        box.setSpacing(theme.SPACE)
        box.addLayout(top)
        # The padding of a cell aligns its image with the 8 px margin of the header.
        pictures = QHBoxLayout()
        pictures.setContentsMargins(theme.SPACE, 0, theme.SPACE, 0)
        pictures.addWidget(self._stack)
        self._pictures = pictures
        box.addLayout(pictures)
        self._fit_height()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Images")
        self.setObjectName("strip")
        self.setProperty("panel", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusProxy(self._view)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit_height()

    def _fit_height(self) -> None:
        self._stack.setFixedHeight(cell_size(self._view.font()).height() + 10)

    def _chosen(self, index: QModelIndex) -> None:
        self._refresh()
        key = self._model.key_at(index)
        if key is not None:
            self.image_chosen.emit(key)

    def _refresh(self) -> None:
        total = self._model.rowCount()
        row = self._view.currentIndex().row()
        self._stack.setCurrentWidget(self._view if total else self._empty)
        self._count.show_text(f"{row + 1} of {total}" if row >= 0 else str(total or ""))


class _StripView(QListView):
    """chosen(index): selected by key or mouse, or pressed again."""

    chosen = Signal(QModelIndex)
    remove_requested = Signal(str)

    def __init__(self, model: StripModel) -> None:
        super().__init__()
        self._images = model
        self._silence = _Silence()
        self.setModel(model)
        self.setItemDelegate(StripDelegate(model, self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAccessibleName("Opened images")
        self.selectionModel().currentChanged.connect(self._moved)

    def silence(self) -> _Silence:
        """A context in which a change of the current row emits no signal."""
        return self._silence

    def go(self, row: int) -> None:
        """Make a row the current one and scroll to it."""
        index = self._images.index(row, 0)
        self.selectionModel().setCurrentIndex(
            index, QItemSelectionModel.SelectionFlag.ClearAndSelect
        )
        self.scrollTo(index)

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
        return StripDelegate.close_rect(cell).contains(place)

    def _moved(self, index: QModelIndex) -> None:
        if not self._silence.on:
            self.chosen.emit(index)


class _Silence:
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
