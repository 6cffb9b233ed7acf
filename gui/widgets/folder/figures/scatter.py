"""A scatter of many images, of which a lasso selects some, drawn by mouse or by keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy

from engine.lazy.numpy import np
from engine.render.ticks import number_text
from gui.toolkit import plain_text, theme
from gui.toolkit.charts.figure import Figure
from gui.widgets.folder.figures.lasso import ARROWS, ENTER, KEYS, KeyLasso, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAP = theme.SPACE
_EDGE = 3 * GAP
# The side of a point, in pixels: a few are to be seen, of very many the density.
_FEW, _FEW_WIDE, _MANY_WIDE = 2_000, 5, 2

# Told apart in grey and by most people who see colours differently (Okabe and Ito 2008).
COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442", "#0072b2")


def colour_of(group: int) -> str:
    """The colour of a group's points, where there are several groups."""
    return COLOURS[group % len(COLOURS)]


class Scatter(Figure):
    """Points by group. lassoed(numbers): inputs inside of what was drawn, int64 (n,), if any.

    By keys: arrows move a cursor, Space sets a corner there, Backspace takes one back, Enter
    selects what is inside (between two corners, a box), Escape drops all corners.
    """

    lassoed = Signal(object)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._numbers: NDArray[np.int64] = np.zeros(0, np.int64)
        self._points: NDArray[np.float64] = np.zeros((0, 2))
        self._groups: NDArray[np.int64] = np.zeros(0, np.int64)
        self._axes = ("", "")
        self._marked: frozenset[int] | None = None
        self._lasso: list[QPointF] = []
        self._keys = KeyLasso()
        # Whether the keyboard is in use, and whether it still has to be said how.
        self._keyed = self._hinted = False
        self._drawn: QImage | None = None
        self.setMinimumSize(40 * GAP, 40 * GAP)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(f"Drag round some points to select their images. {KEYS}")

    def set_points(
        self,
        numbers: NDArray[np.int64],
        points: NDArray[np.float64],
        groups: NDArray[np.int64] | None = None,
        axes: tuple[str, str] = ("", ""),
    ) -> None:
        """Show points (n, 2) of inputs (n,). groups: which colour each has; axes: their titles."""
        kept = np.isfinite(points).all(axis=1)
        self._numbers, self._points = numbers[kept], points[kept]
        self._groups = np.zeros(len(self._numbers), np.int64) if groups is None else groups[kept]
        self._axes, self._drawn, self._lasso = axes, None, []
        self._keys.corners = []
        self.across, self.up = axes
        self._describe()
        self.update()

    @property
    def is_filled(self) -> bool:
        return bool(len(self._numbers))

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[float | str]]]:
        """The number of each image in the index, where it is, and its group from 0."""
        titles = ("image", self.across or "x", self.up or "y", "group")
        columns = self._numbers.tolist(), *self._points.T.tolist(), self._groups.tolist()
        return titles, list(zip(*columns, strict=True))

    def sizeHint(self) -> QSize:
        return QSize(75 * GAP, 75 * GAP)

    def _plot(self) -> QRect:
        return self.rect().adjusted(_EDGE, GAP, -GAP, -_EDGE - GAP)

    def _ends(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        low, high = self._points.min(axis=0), self._points.max(axis=0)
        wide = np.where(high > low, high - low, 1.0)
        return low - 0.02 * wide, wide * 1.04

    def places(self) -> NDArray[np.float64]:
        """Where the points are painted, in pixels: (n, 2)."""
        plot, (low, wide) = self._plot(), self._ends()
        shares = (self._points - low) / wide
        x = plot.left() + shares[:, 0] * plot.width()
        return np.stack([x, plot.bottom() - shares[:, 1] * plot.height()], axis=1)

    # --- painting --------------------------------------------------------------------------------

    def _picture(self) -> QImage:
        """All points, painted by numpy: a hundred thousand in some milliseconds."""
        ratio = self.devicePixelRatioF()
        width, height = round(self.width() * ratio), round(self.height() * ratio)
        pixels = np.zeros((height, width), np.uint32)
        places = np.rint(self.places() * ratio).astype(np.int64)
        wide = _FEW_WIDE if len(places) <= _FEW else _MANY_WIDE
        tokens, side = theme.current(), max(2, round(wide * ratio))
        single = len(np.unique(self._groups)) < 2
        for group in np.unique(self._groups):
            own = places[self._groups == group]
            value = QColor(tokens.accent if single else colour_of(int(group))).rgba()
            for down in range(side):
                for across in range(side):
                    rows = np.clip(own[:, 1] + down - side // 2, 0, height - 1)
                    columns = np.clip(own[:, 0] + across - side // 2, 0, width - 1)
                    pixels[rows, columns] = value
        image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32).copy()
        image.setDevicePixelRatio(ratio)
        return image

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens, plot = QPainter(self), theme.current(), self._plot()
        painter.setFont(theme.tabular(theme.small(self.font())))
        painter.setPen(QColor(tokens.accent if self.hasFocus() else tokens.border))
        painter.drawRect(plot)
        if not len(self._numbers):
            return
        stale = self._drawn is None
        if self._drawn is not None:
            stale = self._drawn.deviceIndependentSize().toSize() != self.size()
        if stale:
            self._drawn = self._picture()
        assert self._drawn is not None
        painter.drawImage(0, 0, self._drawn)
        self._paint_axes(painter, plot)
        if len(self._lasso) > 1:
            shade = QColor(tokens.accent)
            shade.setAlpha(40)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(shade)
            painter.setPen(QPen(QColor(tokens.accent), 1.5))
            painter.drawPolygon(QPolygonF(self._lasso))
        if self.hasFocus() and self._keyed:
            self._paint_keys(painter, plot)

    def _paint_keys(self, painter: QPainter, plot: QRect) -> None:
        """The cursor, the corners that were set, and which keys there are."""
        tokens, at = theme.current(), self._pixel(self._keys.cursor)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shade = QColor(tokens.accent)
        shade.setAlpha(40)
        painter.setBrush(shade)
        painter.setPen(QPen(QColor(tokens.accent), 1.5))
        corners = [self._pixel(one) for one in self._keys.polygon()]
        if len(corners) > 1:
            painter.drawPolygon(QPolygonF(corners))
        painter.setPen(QPen(QColor(tokens.text), 1))
        for along in (QPointF(2 * GAP, 0), QPointF(0, 2 * GAP)):
            painter.drawLine(at - along, at + along)
        if not self._hinted:
            return
        words = painter.fontMetrics().elidedText(
            KEYS, Qt.TextElideMode.ElideRight, plot.width() - 2 * GAP
        )
        wide = painter.fontMetrics().horizontalAdvance(words) + 2 * GAP
        # Away from the cursor, which it would cover.
        low = at.y() < plot.center().y()
        high = painter.fontMetrics().height() + GAP
        back = QRect(plot.left() + 1, plot.bottom() - high if low else plot.top() + 1, wide, high)
        painter.fillRect(back, QColor(tokens.panel))
        painter.drawText(back, int(Qt.AlignmentFlag.AlignCenter), words)

    def _pixel(self, share: tuple[float, float]) -> QPointF:
        plot = self._plot()
        return QPointF(plot.left() + share[0] * plot.width(), plot.top() + share[1] * plot.height())

    def _paint_axes(self, painter: QPainter, plot: QRect) -> None:
        across, up = (plain_text.line(axis) for axis in self._axes)
        if not across:
            return
        painter.setPen(QColor(theme.current().text_dim))
        low, high = self._points.min(axis=0), self._points.max(axis=0)
        below = QRect(plot.left(), plot.bottom() + 2, plot.width(), _EDGE + 2)
        ends = [number_text(float(n)) for n in (low[0], high[0])]
        painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft), ends[0])
        painter.drawText(below, int(Qt.AlignmentFlag.AlignRight), ends[1])
        painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter), across)
        painter.save()
        painter.translate(plot.left() - _EDGE, plot.bottom())
        painter.rotate(-90)
        side = QRect(0, 0, plot.height(), _EDGE)
        ends = [number_text(float(n)) for n in (low[1], high[1])]
        painter.drawText(side, int(Qt.AlignmentFlag.AlignLeft), ends[0])
        painter.drawText(side, int(Qt.AlignmentFlag.AlignRight), ends[1])
        painter.drawText(side, int(Qt.AlignmentFlag.AlignHCenter), up)
        painter.restore()

    # --- the lasso -------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._lasso, self._keyed = [event.position()], False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._lasso:
            self._lasso.append(event.position())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002
        drawn, self._lasso = self._lasso, []
        self.update()
        self._select(drawn)

    def _select(self, drawn: Sequence[QPointF]) -> None:
        """Emit what is inside of a polygon."""
        if len(drawn) > 2 and len(self._numbers):
            inside = within(self.places(), drawn)
            # A slip of the hand must not list nothing.
            if inside.any():
                self.lassoed.emit(self._numbers[inside])

    # --- by keys ---------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Keep Escape from the window while there are corners that it drops."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            own = event.key() == Qt.Key.Key_Escape and self._keys.corners
            if own or (event.key() in ARROWS and len(self._numbers)):
                event.accept()
                return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._keyed = self._hinted = event.reason() != Qt.FocusReason.MouseFocusReason
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in ENTER:
            drawn, self._keys.corners = self._keys.polygon(), []
            self._select([self._pixel(one) for one in drawn])
        elif not len(self._numbers) or not self._keys.press(event.key(), event.modifiers()):
            super().keyPressEvent(event)
            return
        # What is said covers points.
        self._keyed, self._hinted = True, False
        self._describe()
        self.update()

    def _describe(self) -> None:
        """What the chart is of and where the cursor is, for who does not see it."""
        words = f"{len(self._numbers):,} images. {KEYS}"
        if len(self._numbers) and self._keyed:
            low, wide = self._ends()
            at = low + wide * np.array([self._keys.cursor[0], 1 - self._keys.cursor[1]])
            count = len(self._keys.corners)
            words += (
                f". At {self.across or 'x'} {number_text(float(at[0]))}, "
                f"{self.up or 'y'} {number_text(float(at[1]))}, "
                f"{count} corner{'' if count == 1 else 's'}"
            )
        self.setAccessibleDescription(plain_text.line(words))
