"""The colour bar of a scale that several panes share, below them."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.render.overlay import bar_marks
from gui.toolkit import plain_text, theme
from gui.widgets.canvas.hud import Hud
from gui.widgets.canvas.places import INSET, legend_height


class ScaleBar(QWidget):
    """Painted like the bar inside a picture, at the right of its own strip."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._explanation: Explanation | None = None
        self._settings = DisplaySettings()
        self._words = ("", "")

    def show_scale(
        self, explanation: Explanation | None, settings: DisplaySettings, words: tuple[str, str]
    ) -> None:
        """Set the scale. explanation: the map with the largest values; settings: with the scale's
        end; words: of what the values are, and whose scale it is."""
        self._explanation, self._settings, self._words = explanation, settings, words
        ends = ""
        if explanation is not None:
            marks = bar_marks(explanation, settings, 1.0)
            ends = f": {marks[0][1]} to {marks[-1][1]}"
        self.setAccessibleName(plain_text.line(f"Colour scale, {', '.join(words)}{ends}"))
        self.update()

    @property
    def words(self) -> tuple[str, str]:
        """Of what the values are, and whose scale it is."""
        return self._words

    def wanted_height(self) -> int:
        """The height that the bar takes, in logical pixels."""
        return legend_height(theme.small(self.font())) + INSET

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.current().canvas))
        if self._explanation is not None:
            area = self.rect().adjusted(0, 0, 0, INSET // 2)
            hud = Hud(painter, area, self.font())
            hud.color_bar(self._explanation, self._settings, self._words)
