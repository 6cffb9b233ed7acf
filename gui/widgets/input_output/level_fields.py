"""The fields for levels: which values of an image are black and white."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from engine.errors import ModelError
from engine.records.level_words import USUAL_PERCENTILES, fault_of, window
from engine.records.levels import AUTO, Levels, LevelsMode
from gui.toolkit import plain_text
from gui.widgets.input_output.fields import combo, number_field, read_numbers, written

_MODES: Final = (
    (
        LevelsMode.AUTO,
        "Automatic",
        "The range that the file states (DICOM window, TIFF tags), else minimum to maximum; 8-bit "
        "images as they are",
    ),
    (LevelsMode.TYPE, "Range of the type", "All values that the data type can have"),
    (LevelsMode.FILE, "Range of the file", "As the file states it: DICOM window, TIFF tags"),
    (LevelsMode.EXTREMES, "Minimum to maximum", "The lowest and highest value of each image"),
    (LevelsMode.PERCENTILES, "Percentiles", "Two percentiles of the values of each image"),
    (LevelsMode.WINDOW, "Window", "Centre and width, the same for each image"),
    (LevelsMode.TORCHVISION, "As torchvision", "Reduced to 8 bits as torchvision and Pillow do"),
)
_WITH_NUMBERS: Final = {
    LevelsMode.PERCENTILES: ("Lower percentile", "Upper percentile"),
    LevelsMode.WINDOW: ("Centre (level)", "Width (window)"),
}
_USUAL_WINDOW: Final = (128.0, 256.0)


class LevelFields(QWidget):
    """edited(): by the user, finished or not; typing: only while a number is typed."""

    edited = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = AUTO
        self._mode = combo("Levels", ((mode, text) for mode, text, _ in _MODES))
        for place, (_, _, tip) in enumerate(_MODES):
            self._mode.setItemData(place, plain_text.tip(tip), Qt.ItemDataRole.ToolTipRole)
        self._fields = number_field("Levels: first", ""), number_field("Levels: second", "")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._mode, 2)
        for field in self._fields:
            row.addWidget(field, 1)
            field.textEdited.connect(lambda: self.edited.emit(True))
            field.editingFinished.connect(lambda: self.edited.emit(False))
        self._mode.activated.connect(self._take_mode)
        self.show_levels(AUTO)

    def levels(self) -> Levels:
        """The levels of the fields. Raises ModelError, in a few words, for invalid input."""
        mode = LevelsMode(self._mode.currentData())
        if mode not in _WITH_NUMBERS:
            return Levels(mode)
        texts = tuple(field.text() for field in self._fields)
        if mode is self._shown.mode and texts == _texts(self._shown):
            return self._shown
        first, second = (read_numbers(text, 1, "levels")[0] for text in texts)
        levels = window(first, second) if mode is LevelsMode.WINDOW else Levels(mode, first, second)
        if fault := fault_of(levels):
            raise ModelError(fault)
        return levels

    def show_levels(self, levels: Levels) -> None:
        """Show levels, without a signal."""
        self._shown = levels
        self._mode.setCurrentIndex(self._mode.findData(levels.mode))
        for field, text in zip(self._fields, _texts(levels), strict=True):
            field.setText(plain_text.line(text))
            field.setCursorPosition(0)
        self._adapt()

    def _take_mode(self) -> None:
        mode = LevelsMode(self._mode.currentData())
        if mode is self._shown.mode:
            self._adapt()
            return
        if mode is LevelsMode.WINDOW:
            self.show_levels(window(*_USUAL_WINDOW))
        elif mode is LevelsMode.PERCENTILES:
            self.show_levels(Levels(mode, *USUAL_PERCENTILES))
        else:
            self.show_levels(Levels(mode))
        self.edited.emit(False)

    def _adapt(self) -> None:
        names = _WITH_NUMBERS.get(LevelsMode(self._mode.currentData()))
        for place, field in enumerate(self._fields):
            field.setVisible(names is not None)
            if names is not None:
                field.setToolTip(plain_text.tip(names[place]))
                field.setAccessibleName(plain_text.line(names[place]))


def _texts(levels: Levels) -> tuple[str, str]:
    """The numbers as they are written in the fields."""
    if levels.mode is LevelsMode.WINDOW:
        return written([(levels.low + levels.high) / 2]), written([levels.high - levels.low])
    if levels.mode is LevelsMode.PERCENTILES:
        return written([levels.low]), written([levels.high])
    return "", ""
