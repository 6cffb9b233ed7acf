"""The list of the panel: one highlight, moved by mouse and keys alike, as in a menu."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMimeData, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent, QContextMenuEvent, QMouseEvent
from PySide6.QtWidgets import QListView

from gui.toolkit.row_drag import RowDrag, compared
from gui.widgets.choices.delegate import ChoiceDelegate
from gui.widgets.choices.model import ChoiceModel, Index
from gui.widgets.choices.rows import Choice


class ChoiceList(QListView):
    """picked(id): a row that can be had was clicked. more(id): its link was. menu_wanted(id, place
    on the screen): it was clicked with the right button. drag_begun: it is dragged, as what kind of
    thing drag_as says."""

    drag_begun = Signal()
    picked = Signal(str)
    more = Signal(str)
    menu_wanted = Signal(str, QPoint)

    def __init__(self, model: ChoiceModel) -> None:
        super().__init__()
        self._choices = model
        self._painter = ChoiceDelegate(model, self)
        self._pressed = -1
        self._last = QPoint()
        self.setModel(model)
        self.setItemDelegate(self._painter)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)

    def drag_as(self, kind: str) -> None:
        """Let rows that can be had be dragged, to compare with such a thing: 'method'."""

        def dragged(place: QPoint) -> QMimeData | None:
            row = self._choices.at(self.indexAt(place))
            return None if row is None or row.reason else compared(kind, row.id, row.title)

        RowDrag(self, dragged).begun.connect(self.drag_begun)

    def whole_height(self) -> int:
        """The height at which no row has to be scrolled to."""
        return sum(self.sizeHintForRow(row) for row in range(self._choices.rowCount()))

    def current(self) -> Choice | None:
        """The highlighted row."""
        return self._choices.at(self.currentIndex())

    def go(self, row: int) -> None:
        """Highlight a row and scroll to it, and to the heading above it."""
        index = self._choices.index(row, 0)
        self.setCurrentIndex(index)
        if not index.isValid():
            self.scrollToTop()
            return
        above = self._choices.index(row - 1, 0)
        if above.isValid() and self._choices.at(above) is None:
            self.scrollTo(above)
        self.scrollTo(index)

    def step(self, by: int) -> None:
        """Highlight the next row, by > 0 downwards."""
        self.go(self._choices.step(self.currentIndex().row(), by))

    def page(self, by: int) -> None:
        """Move the highlight by about a screen, by > 0 downwards."""
        row, room = self.currentIndex().row(), self.viewport().height()
        while True:
            there = self._choices.step(row, by)
            room -= self.sizeHintForRow(there)
            if there == row or room < 0:
                break
            row = there
        self.go(row)

    def take(self) -> None:
        """Report the highlighted row, or its link if it leads there, if it can be had."""
        row = self.current()
        if row is not None and row.leads:
            self.take_more()
        elif row is not None and not row.reason:
            self.picked.emit(row.id)

    def take_more(self) -> bool:
        """Report the link of the highlighted row; whether it has one."""
        row = self.current()
        if row is None or not self._painter.has_more(row):
            return False
        self.more.emit(row.id)
        return True

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        if current.isValid() and QAccessible.isActive():
            # Typing stays in the search, so Qt itself would not tell a screen reader of this row.
            event = QAccessibleEvent(self, QAccessible.Event.Focus)
            event.setChild(current.row())
            QAccessible.updateAccessibility(event)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self.whole_height())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        # A list that scrolls under a resting mouse keeps its highlight.
        place = event.globalPosition().toPoint()
        if place != self._last:
            self._last = place
            index = self.indexAt(event.position().toPoint())
            if self._choices.at(index) is not None and index != self.currentIndex():
                self.setCurrentIndex(index)
            self._hover(event.position().toPoint())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        left = event.button() == Qt.MouseButton.LeftButton
        self._pressed = index.row() if left and self._choices.at(index) is not None else -1
        if self._pressed >= 0:
            self.setCurrentIndex(index)
            self._hover(event.position().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        pressed, self._pressed = self._pressed, -1
        if event.button() != Qt.MouseButton.LeftButton or index.row() != pressed or pressed < 0:
            return
        if self._painter.over != pressed or not self.take_more():
            self.take()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        row = self._choices.at(self.indexAt(event.pos()))
        if row is not None and not row.reason:
            self.menu_wanted.emit(row.id, event.globalPos())
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._mark(-1)

    def _hover(self, place: QPoint) -> None:
        index = self.indexAt(place)
        row = self._choices.at(index)
        over = -1
        if row is not None and self._painter.has_more(row):
            link = self._painter.more_rect(self.visualRect(index), self.font(), row)
            over = index.row() if link.contains(place) else -1
        self._mark(over)

    def _mark(self, over: int) -> None:
        if over != self._painter.over:
            self._painter.over = over
            shape = Qt.CursorShape.PointingHandCursor if over >= 0 else Qt.CursorShape.ArrowCursor
            self.viewport().setCursor(shape)
            self.viewport().update()
