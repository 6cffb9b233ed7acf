"""The tree view of the layers: painting, mouse handling and column widths."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from gui.toolkit import theme
from gui.widgets.layers.model import Index, LayerModel
from gui.widgets.layers.rows import Column, Row, cell_text

ROW_HEIGHT = 28
THUMBNAIL = 24
GAP = theme.SPACE

# Columns are hidden if they would leave less than this for the names.
_NAME_LEAST = 112


class LayerView(QTreeView):
    """The tree itself. pressed_again(index): a press on the row that was current, or Enter.

    toggled(index): a press with Ctrl. stretched(index): a press with Shift. menu_wanted(index,
    QPoint): by right-click or menu key, with the screen position.
    """

    pressed_again = Signal(QModelIndex)
    toggled = Signal(QModelIndex)
    stretched = Signal(QModelIndex)
    menu_wanted = Signal(QModelIndex, QPoint)

    def __init__(self, model: LayerModel) -> None:
        super().__init__()
        self._layers = model
        self._wanted: dict[Column, int] = {}
        self.setModel(model)
        self.setItemDelegate(_Delegate(model, self))
        self.setAccessibleName("Layer tree")
        self.setUniformRowHeights(True)
        self.setIndentation(16)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(lambda low, high: bar.setEnabled(high > low))
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setExpandsOnDoubleClick(True)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        header.setSectionsClickable(False)
        header.setMinimumSectionSize(THUMBNAIL + 2 * GAP)
        self._size_header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index, place = self.indexAt(event.pos()), event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            place = self.viewport().mapToGlobal(self.visualRect(index).bottomLeft())
        if index.isValid():
            self.menu_wanted.emit(index, place)

    def fit_columns(self) -> None:
        """Make columns as wide as their longest text, up to a limit."""
        metrics = QFontMetrics(theme.tabular(theme.small(self.font())))
        limits = {Column.TYPE: 104, Column.SHAPE: 128, Column.PARAMS: 64}
        for column, limit in limits.items():
            texts = {cell_text(row, column) for row in self._layers.rows}
            texts.add(str(self._layers.headerData(column, Qt.Orientation.Horizontal)))
            widest = max(metrics.horizontalAdvance(text) for text in texts)
            self._wanted[column] = min(limit, widest + 3 * GAP)
        title = str(self._layers.headerData(Column.MAP, Qt.Orientation.Horizontal))
        words = self.header().fontMetrics().horizontalAdvance(title) + 2 * GAP + 2
        self._wanted[Column.MAP] = max(THUMBNAIL + 3 * GAP, words)
        self._arrange()

    def expanded_addresses(self) -> set[str]:
        """The addresses of the expanded rows."""
        layers = self._layers
        return {
            row.address
            for row in layers.rows
            if row.children and self.isExpanded(layers.index_of(row.address))
        }

    def shown_between(self, one: QModelIndex, other: QModelIndex) -> list[QModelIndex]:
        """The rows from one to the other that are not folded away, both included."""
        first, last = sorted((one, other), key=lambda index: self.visualRect(index).top())
        found = [first]
        while found[-1].siblingAtColumn(0) != last.siblingAtColumn(0):
            below = self.indexBelow(found[-1])
            if not below.isValid():
                break
            found.append(below)
        return found

    def expand_addresses(self, addresses: set[str]) -> None:
        """Expand these rows."""
        for address in addresses:
            self.expand(self._layers.index_of(address))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()
        # What is explained stays in view when the drawer or a notice takes some of the height.
        before, current = event.oldSize().height(), self.visualRect(self.currentIndex())
        if current.isValid() and 0 <= current.top() < before:
            self.scrollTo(self.currentIndex())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            # A menu about a layer does not explain it.
            return
        before = self.currentIndex()
        place = event.position().toPoint()
        index = self.indexAt(place)
        on_row = place.x() >= self.visualRect(index.siblingAtColumn(0)).left()
        keys = event.modifiers()
        if index.isValid() and on_row and event.button() == Qt.MouseButton.LeftButton:
            for key, signal in (
                (Qt.KeyboardModifier.ControlModifier, self.toggled),
                (Qt.KeyboardModifier.ShiftModifier, self.stretched),
            ):
                if keys & key:
                    self.setFocus(Qt.FocusReason.MouseFocusReason)
                    signal.emit(index)
                    return
        super().mousePressEvent(event)
        same = index.isValid() and index.siblingAtColumn(0) == before.siblingAtColumn(0)
        if same and on_row and event.button() == Qt.MouseButton.LeftButton:
            self.pressed_again.emit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.pressed_again.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def drawRow(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens = theme.current()
        rect = QRect(0, option.rect.top(), self.viewport().width(), option.rect.height())
        current = index.row() == self.currentIndex().row() and (
            index.internalId() == self.currentIndex().internalId()
        )
        row = self._layers.row_at(index)
        if current or (row is not None and row.address in self._layers.together):
            painter.fillRect(rect, QColor(tokens.selection))
        super().drawRow(painter, option, index)
        if row is not None and row.address in self._layers.explained_rows:
            painter.fillRect(QRect(0, rect.top(), 3, rect.height()), QColor(tokens.accent))
        if current and self.hasFocus():
            painter.setPen(QColor(tokens.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(rect.adjusted(0, 0, -1, -1))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._size_header()
            self.fit_columns()

    def _size_header(self) -> None:
        self.header().setFixedHeight(max(24, self.fontMetrics().height() + 2 * GAP))

    def _arrange(self) -> None:
        """Hide the least important columns if the panel is narrow."""
        if not self._wanted:
            return
        space = self.viewport().width() - self._wanted[Column.MAP] - _NAME_LEAST
        for column in (Column.SHAPE, Column.TYPE, Column.PARAMS):
            space -= self._wanted[column]
            self.setColumnHidden(column, space < 0)
        for column, width in self._wanted.items():
            self.setColumnWidth(column, width)


class _Delegate(QStyledItemDelegate):
    def __init__(self, model: LayerModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._layers = model

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return QSize(THUMBNAIL, max(ROW_HEIGHT, option.fontMetrics.height() + GAP))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = self._layers.row_at(index)
        if row is None:
            return
        column = Column(index.column())
        rect: QRect = option.rect
        hovered = option.state & QStyle.StateFlag.State_MouseOver
        selected = option.state & QStyle.StateFlag.State_Selected
        if hovered and not selected:
            painter.fillRect(rect, QColor(theme.current().raised))
        if column == Column.MAP:
            self._paint_map(painter, rect, row)
        elif column == Column.NAME:
            self._paint_name(painter, rect, row, option.font)
        else:
            painter.setFont(theme.tabular(theme.small(option.font)))
            painter.setPen(QColor(theme.current().text_dim))
            side = Qt.AlignmentFlag.AlignLeft
            if column != Column.TYPE:
                side = Qt.AlignmentFlag.AlignRight
            _draw_text(painter, rect.adjusted(GAP, 0, -GAP, 0), cell_text(row, column), side)

    def _paint_name(self, painter: QPainter, rect: QRect, row: Row, font: QFont) -> None:
        tokens = theme.current()
        explained = row.address in self._layers.explained_rows
        font = QFont(font)
        font.setBold(explained)
        painter.setFont(font)
        available = self._layers.can_be_had(row)
        usual = tokens.text if available else tokens.text_dim
        painter.setPen(QColor(tokens.accent if explained else usual))
        rect = rect.adjusted(GAP, 0, -GAP, 0)
        default = row.node.default and not row.is_call
        room = rect.adjusted(0, 0, -3 * GAP if default else 0, 0)
        name = cell_text(row, Column.NAME)
        width = _draw_text(painter, room, name, Qt.AlignmentFlag.AlignLeft)
        if default:
            dot = QRectF(room.left() + width + 6, rect.center().y() - 2.5, 6, 6)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.accent))
            painter.drawEllipse(dot)

    def _paint_map(self, painter: QPainter, rect: QRect, row: Row) -> None:
        if not self._layers.can_be_had(row):
            return
        slot = QRect(0, 0, THUMBNAIL, THUMBNAIL)
        slot.moveCenter(rect.center())
        image = self._layers.thumbnails.get(row.address)
        if image is None or image.isNull():
            painter.setPen(QColor(theme.current().border))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(slot.adjusted(0, 0, -1, -1))
            return
        size = image.size().scaled(slot.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(slot.topLeft(), size)
        place.moveCenter(slot.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, image)


def _draw_text(painter: QPainter, rect: QRect, text: str, side: Qt.AlignmentFlag) -> int:
    """Draw text elided in the middle; returns its width in pixels."""
    metrics = painter.fontMetrics()
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, rect.width())
    painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, shown)
    return metrics.horizontalAdvance(shown)
