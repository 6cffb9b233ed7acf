"""A list of classes: the predicted ones, or those that were found."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QListView

from gui.toolkit import plain_text
from gui.toolkit.row_drag import RowDrag, compared
from gui.widgets.predictions.delegate import ClassDelegate
from gui.widgets.predictions.model import ROOT, ClassModel


class ClassList(QListView):
    """Rows of a ClassModel.

    chosen(index): Enter or click; with at_once also when the arrow keys move there.
    menu_wanted(index, QPoint): by right-click or menu key, with the screen position.
    """

    chosen = Signal(int)
    menu_wanted = Signal(int, QPoint)

    def __init__(self, model: ClassModel, name: str, at_once: bool) -> None:
        super().__init__()
        self._classes = model
        self._at_once = at_once
        self._silent = False
        self.setModel(model)
        self.setItemDelegate(ClassDelegate(model, self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setAccessibleName(plain_text.line(name))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.selectionModel().currentChanged.connect(self._moved)
        RowDrag(self, self._dragged)

    def _dragged(self, place: QPoint) -> QMimeData | None:
        found = self._classes.class_at(self.indexAt(place))
        if found is None:
            return None
        return compared("class", found, self._classes.label(found))

    def move_silently(self, row: int) -> None:
        """Make a row the current one without a signal."""
        self._silent = True
        while row >= self._classes.rowCount() and self._classes.canFetchMore(ROOT):
            self._classes.fetchMore(ROOT)
        self.setCurrentIndex(self._classes.index(row, 0))
        self._silent = False

    def current_class(self) -> int | None:
        """The class of the current row."""
        return self._classes.class_at(self.currentIndex())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._emit(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index, place = self.indexAt(event.pos()), event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            place = self.viewport().mapToGlobal(self.visualRect(index).bottomLeft())
        found = self._classes.class_at(index)
        if found is not None:
            self.menu_wanted.emit(found, place)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            # A menu about a class does not explain it.
            return
        before = self.current_class()
        super().mousePressEvent(event)
        index = self.indexAt(event.position().toPoint())
        known = self._at_once and self._classes.class_at(index) != before
        if event.button() == Qt.MouseButton.LeftButton and not known:
            self._emit(index)

    def _moved(self, index: QModelIndex) -> None:
        if self._at_once and not self._silent:
            self._emit(index)

    def _emit(self, index: QModelIndex) -> None:
        found = self._classes.class_at(index)
        if found is not None:
            self.chosen.emit(found)
