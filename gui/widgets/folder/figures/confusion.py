"""The confusion matrix, whose cells filter the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from gui.toolkit import plain_text, theme
from gui.toolkit.charts.figure import Figure
from gui.toolkit.labels import label

GAP = theme.SPACE
MOST_CLASSES = 40
_LEAST_CELL, _MOST_CELL = 14, 40


class Confusion(QWidget):
    """Matrix with the classes of labels as rows, predictions as columns. chosen(label, prediction):
    indices of classes, one of which is -1 for a whole row or column."""

    chosen = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.matrix = _Matrix(self.chosen.emit)
        self._note = label("", "dim")
        self._note.setWordWrap(True)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self.matrix)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for part in (area.viewport(), self.matrix):
            part.setAutoFillBackground(False)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(GAP)
        box.addWidget(self._note)
        box.addWidget(area, 1)

    def set_counts(
        self, counts: Mapping[tuple[int, int], int], classes: Sequence[str], message: str = ""
    ) -> None:
        """Show counts by (label, prediction). message: what to say in place of no counts."""
        present = sorted({one for pair in counts for one in pair})
        errors: dict[int, int] = {}
        for (true, said), count in counts.items():
            if true != said:
                errors[true] = errors.get(true, 0) + count
                errors[said] = errors.get(said, 0) + count
        shown = present
        if len(present) > MOST_CLASSES:
            order = sorted(present, key=lambda one: (-errors.get(one, 0), one))
            shown = sorted(order[:MOST_CLASSES])
        total = sum(counts.values())
        right = sum(count for (true, said), count in counts.items() if true == said)
        text = message
        if total:
            text = f"{right:,} of {total:,} right. Rows: labels, columns: predictions."
            if len(shown) < len(present):
                text += f" The {len(shown)} of {len(present)} classes with most mistakes."
        self._note.show_text(text)
        self.matrix.set_counts(counts, shown, classes)


class _Matrix(Figure):
    def __init__(self, chosen: object) -> None:
        super().__init__("Confusion matrix", "prediction", "label")
        assert callable(chosen)
        self._chosen = chosen
        self.counts: Mapping[tuple[int, int], int] = {}
        self.shown: Sequence[int] = ()
        self._classes: Sequence[str] = ()
        self._names: Sequence[str] = ()
        self._most_wrong = self._most_right = 1
        self._cursor = (0, 0)
        self._hover: tuple[int, int] | None = None
        self._widest = -1
        self._known: list[int] = []
        self._marked: tuple[int, int] | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_counts(
        self, counts: Mapping[tuple[int, int], int], shown: Sequence[int], classes: Sequence[str]
    ) -> None:
        self.counts, self.shown, self._classes = counts, shown, classes
        focus = Qt.FocusPolicy
        self.setFocusPolicy(focus.StrongFocus if shown else focus.NoFocus)
        self._names = [plain_text.line(classes[one]) for one in shown]
        wrong = [count for (true, said), count in counts.items() if true != said]
        right = [count for (true, said), count in counts.items() if true == said]
        self._most_wrong, self._most_right = max(wrong, default=1), max(right, default=1)
        if list(shown) != self._known:
            self._cursor, self._marked = (0, 0), None
        self._known, self._widest = list(shown), -1
        self.setMinimumSize(self._head() + _LEAST_CELL * len(shown), 0)
        self.setMinimumHeight(self._head() + _LEAST_CELL * len(shown))
        self.update()

    @property
    def is_filled(self) -> bool:
        return bool(self.shown)

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[float | str]]]:
        """The counts of all classes, whether or not they are drawn."""
        names = self._classes
        return (
            ("label", "prediction", "images"),
            [(names[true], names[said], n) for (true, said), n in sorted(self.counts.items())],
        )

    def saved_size(self) -> QSize:
        """Without the empty room beside the cells."""
        side = self._head() + self._cell() * len(self.shown) + GAP
        return QSize(min(side, self.width()), min(side, self.height()))

    def mark(self, label: int, prediction: int) -> None:
        """Mark the cell that rows are filtered by; -1 for none."""
        known = label in self.shown and prediction in self.shown
        self._marked = None
        if known:
            self._marked = self.shown.index(label), self.shown.index(prediction)
        self.update()

    def sizeHint(self) -> QSize:
        side = self._head() + 20 * len(self.shown)
        return QSize(side, side)

    # --- where things are ------------------------------------------------------------------------

    def _head(self) -> int:
        """Room for names, in pixels."""
        if self._widest < 0:
            metrics = QFontMetrics(theme.small(self.font()))
            self._widest = max((metrics.horizontalAdvance(name) for name in self._names), default=0)
        return min(20 * GAP, self._widest) + 3 * GAP

    def _cell(self) -> int:
        count = max(1, len(self.shown))
        room = min(self.width() - self._head(), self.height() - self._head()) - 2
        return max(_LEAST_CELL, min(_MOST_CELL, room // count))

    def cell_rect(self, row: int, column: int) -> QRect:
        """Where a cell is painted. row, column: places among the shown classes."""
        cell, head = self._cell(), self._head()
        return QRect(head + column * cell, head + row * cell, cell - 1, cell - 1)

    def _cell_at(self, point: QPoint) -> tuple[int, int] | None:
        """The cell at a place; -1 for a name at the edge."""
        cell, head = self._cell(), self._head()
        row, column = (point.y() - head) // cell, (point.x() - head) // cell
        count = len(self.shown)
        row, column = max(-1, row), max(-1, column)
        outside = row >= count or column >= count or (row < 0 and column < 0)
        return None if outside else (row, column)

    # --- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, tokens = QPainter(self), theme.current()
        painter.setFont(theme.tabular(theme.small(self.font())))
        metrics, cell, head = painter.fontMetrics(), self._cell(), self._head()
        for row in range(len(self.shown)):
            for column in range(len(self.shown)):
                rect = self.cell_rect(row, column)
                if rect.intersects(event.rect()):
                    self._paint_cell(painter, metrics, rect, row, column)
        painter.setPen(QColor(tokens.text_dim))
        for place, name in enumerate(self._names):
            said = metrics.elidedText(name, Qt.TextElideMode.ElideRight, head - 2 * GAP)
            line = QRect(0, head + place * cell, head - GAP, cell - 1)
            right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(line, right, said)
            painter.save()
            painter.translate(head + place * cell, head - GAP)
            painter.rotate(-90)
            left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(QRect(0, 0, head - GAP, cell - 1), left, said)
            painter.restore()
        for marked in (self._marked, self._cursor if self.hasFocus() else self._hover):
            if marked is not None and self.shown:
                painter.setPen(QColor(tokens.accent))
                painter.drawRect(self.cell_rect(*marked).adjusted(-1, -1, 0, 0))

    def _paint_cell(
        self, painter: QPainter, metrics: QFontMetrics, rect: QRect, row: int, column: int
    ) -> None:
        tokens = theme.current()
        count = self.counts.get((self.shown[row], self.shown[column]), 0)
        painter.fillRect(rect, QColor(tokens.raised))
        if not count:
            return
        most = self._most_right if row == column else self._most_wrong
        shade = QColor(tokens.text_dim if row == column else tokens.error)
        share = (count / most) ** 0.5
        shade.setAlphaF(0.12 + 0.5 * share)
        painter.fillRect(rect, shade)
        text = f"{count:,}"
        if (
            metrics.horizontalAdvance(text) <= rect.width()
            and metrics.height() <= rect.height() + 2
        ):
            painter.setPen(QColor(tokens.text))
            painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), text)

    # --- pointer and keys ------------------------------------------------------------------------

    def _choose(self, place: tuple[int, int]) -> None:
        row, column = place
        self._chosen(self.shown[row] if row >= 0 else -1, self.shown[column] if column >= 0 else -1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._cell_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self._cursor = max(0, place[0]), max(0, place[1])
            self._choose(place)
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = self._cell_at(event.position().toPoint())
        hover = place if place is not None and min(place) >= 0 else None
        if hover != self._hover:
            self._hover = hover
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        count = len(self.shown)
        if event.key() in steps and count:
            down, across = steps[Qt.Key(event.key())]
            row, column = self._cursor
            self._cursor = (
                min(max(row + down, 0), count - 1),
                min(max(column + across, 0), count - 1),
            )
            self.setAccessibleDescription(self._words(self._cursor))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and count:
            self._choose(self._cursor)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            place = self._cell_at(event.pos())
            if place is not None:
                QToolTip.showText(event.globalPos(), plain_text.tip(self._words(place)), self)
            return True
        return super().event(event)

    def _words(self, place: tuple[int, int]) -> str:
        row, column = place
        if row < 0:
            return f"Predicted as {self._names[column]}"
        if column < 0:
            return f"Labelled {self._names[row]}"
        count = self.counts.get((self.shown[row], self.shown[column]), 0)
        said = "right" if row == column else f"taken for {self._names[column]}"
        return f"{count:,} labelled {self._names[row]}, {said}"
