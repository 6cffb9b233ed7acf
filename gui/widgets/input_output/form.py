"""The form for the preprocessing; changes are validated before a signal is emitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QWidget

from engine.errors import ModelError
from engine.images.presets import (
    INTERPOLATIONS,
    PRESETS,
    fault_of,
    name_of,
    reordered,
    with_values_of,
)
from engine.records.images import Channels, Preprocessing
from gui.toolkit import plain_text, theme
from gui.widgets.input_output.fields import (
    combo,
    field_name,
    number_field,
    read_numbers,
    row,
    sides,
    written,
)
from gui.widgets.input_output.level_fields import LevelFields

_SETTLE_MS: Final = 200
_TYPING_MS: Final = 700
_CUSTOM: Final = "Custom"
_SHORTER: Final = "shorter"
_EXACT: Final = "exact"
_LETTERBOX: Final = "letterbox"
_NONE: Final = "none"
_MODES: Final = (
    (_SHORTER, "Shorter side", "Keep the aspect ratio and scale the shorter side to this length"),
    (_EXACT, "Exact size", "Scale to exactly this size; the aspect ratio may change"),
    (_LETTERBOX, "Letterbox", "Keep the aspect ratio and fill the rest of the size with grey"),
    (_NONE, "None", "Do not resize the image"),
)
_CHANNELS: Final = (
    (Channels.RGB, "RGB"),
    (Channels.BGR, "BGR"),
    (Channels.GREY, "Grey"),
)


class InputForm(QWidget):
    """changed(Preprocessing): new, valid values, shortly after the last edit.

    faulty(str): what is wrong with the current input; '' if nothing is.
    """

    changed = Signal(Preprocessing)
    faulty = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = Preprocessing(224, (224, 224), (0.0,) * 3, (1.0,) * 3)
        self._silent = False
        self._preset = combo("Preset", ((name, name) for name in (*PRESETS, _CUSTOM)))
        self._mode = combo("Resize", ((value, text) for value, text, _ in _MODES))
        for place, (_, _, tip) in enumerate(_MODES):
            self._mode.setItemData(place, plain_text.tip(tip), Qt.ItemDataRole.ToolTipRole)
        self._resize = sides("Resize")
        self._crop = sides("Crop")
        self._method = combo("Interpolation", ((name, name) for name in INTERPOLATIONS))
        self._antialias = QCheckBox("Antialias")
        self._antialias.setToolTip("Average pixels when downscaling, as Pillow always does")
        self._channels = combo("Channels", _CHANNELS)
        self._low = number_field("Range from", "Value of black, before normalisation")
        self._high = number_field("Range to", "Value of white, before normalisation")
        tip = "One number per channel, in the network's channel order; a single one applies to all"
        self._mean = number_field("Mean", tip)
        self._std = number_field("Standard deviation", tip)
        self._levels = LevelFields()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._tell)
        self._lay_out()
        self._connect()
        self.show_values(self._shown)

    def values(self) -> Preprocessing:
        """The values of the fields. Raises ModelError, in a few words, for invalid input."""
        count = len(self._shown.mean)
        mode = self._mode.currentData()
        width, height = (box.value() for box in self._resize)
        crop_width, crop_height = (box.value() for box in self._crop)
        how = Preprocessing(
            resize={_SHORTER: width, _NONE: None}.get(mode, (height, width)),
            crop=(crop_height, crop_width),
            mean=self._kept(self._mean, self._shown.mean, count, "mean"),
            std=self._kept(self._std, self._shown.std, count, "deviation"),
            interpolation=self._method.currentData(),
            antialias=self._antialias.isChecked(),
            letterbox=mode == _LETTERBOX,
            channels=Channels(self._channels.currentData()),
            range=(
                self._kept(self._low, self._shown.range[:1], 1, "range")[0],
                self._kept(self._high, self._shown.range[1:], 1, "range")[0],
            ),
            levels=self._levels.levels(),
        )
        fault = fault_of(how)
        if fault:
            raise ModelError(fault)
        return how

    def confirm(self, how: Preprocessing) -> None:
        """Like show_values, but keep the input of the user if these values were emitted last."""
        if how != self._shown:
            self.show_values(how)

    def show_values(self, how: Preprocessing) -> None:
        """Show these values, with no signal except faulty('')."""
        self._settle.stop()
        self._shown = how
        self._silent = True
        mode = _mode_of(how)
        height, width = how.resize if isinstance(how.resize, tuple) else (how.resize,) * 2
        self._mode.setCurrentIndex(self._mode.findData(mode))
        self._resize[0].setValue(width or how.crop[1])
        self._resize[1].setValue(height or how.crop[0])
        self._crop[0].setValue(how.crop[1])
        self._crop[1].setValue(how.crop[0])
        self._method.setCurrentIndex(self._method.findData(how.interpolation))
        self._antialias.setChecked(how.antialias)
        self._offer_channels(len(how.mean))
        self._channels.setCurrentIndex(self._channels.findData(how.channels))
        for field, numbers in self._numbers(how):
            field.setText(plain_text.line(written(numbers)))
            field.setCursorPosition(0)
        self._levels.show_levels(how.levels)
        self._silent = False
        self._adapt()
        self.faulty.emit("")

    def _numbers(self, how: Preprocessing) -> Sequence[tuple[QLineEdit, tuple[float, ...]]]:
        low, high = how.range
        return (
            (self._low, (low,)),
            (self._high, (high,)),
            (self._mean, how.mean),
            (self._std, how.std),
        )

    def _lay_out(self) -> None:
        rows: tuple[tuple[str, QWidget], ...] = (
            ("&Preset", self._preset),
            ("&Resize", row(self._mode, *self._resize)),
            ("&Crop", row(*self._crop)),
            ("&Interpolation", row(self._method, self._antialias)),
            ("Le&vels", self._levels),
            ("C&hannels", self._channels),
            ("Ra&nge", row(self._low, self._high, between="to")),
            ("&Mean", self._mean),
            ("Std. &deviation", self._std),
        )
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(theme.SPACE)
        grid.setColumnStretch(1, 1)
        for place, (text, field) in enumerate(rows):
            grid.addWidget(field_name(text, field), place, 0)
            grid.addWidget(field, place, 1)

    def _connect(self) -> None:
        self._preset.activated.connect(self._take_preset)
        self._mode.activated.connect(self._take_mode)
        self._channels.activated.connect(self._take_channels)
        self._method.activated.connect(self._edited)
        self._antialias.toggled.connect(self._edited)
        for box in (*self._resize, *self._crop):
            box.valueChanged.connect(self._edited)
        for field in (self._low, self._high, self._mean, self._std):
            field.textEdited.connect(self._typed)
            field.editingFinished.connect(self._finished)
        self._levels.edited.connect(lambda typing: self._typed() if typing else self._edited())

    def _take_preset(self) -> None:
        name = self._preset.currentData()
        if name == _CUSTOM:
            self._adapt()
            return
        self._tell()
        self._take(with_values_of(name, self._shown))

    def _take_channels(self) -> None:
        chosen = Channels(self._channels.currentData())
        self._channels.setCurrentIndex(self._channels.findData(self._shown.channels))
        self._tell()
        self._take(reordered(self._shown, chosen))

    def _take(self, how: Preprocessing) -> None:
        if how != self._shown:
            self.show_values(how)
            self.changed.emit(how)
        else:
            self._adapt()

    def _take_mode(self) -> None:
        if self._mode.currentData() in (_EXACT, _LETTERBOX) and _mode_of(self._shown) in (
            _SHORTER,
            _NONE,
        ):
            self._silent = True
            for side, crop in zip(self._resize, self._crop, strict=True):
                side.setValue(crop.value())
            self._silent = False
        self._edited()

    def _edited(self) -> None:
        if self._silent:
            return
        self._adapt()
        self._settle.start(_SETTLE_MS)

    def _typed(self) -> None:
        self._adapt()
        self._settle.start(_TYPING_MS)

    def _finished(self) -> None:
        if self._settle.isActive():
            self._settle.stop()
            self._tell()

    def _tell(self) -> None:
        try:
            how = self.values()
        except ModelError:
            return  # already shown below the fields
        if how != self._shown:
            self._shown = how
            self.changed.emit(how)

    def _adapt(self) -> None:
        """Update what depends on other fields: enabled fields, preset name, error."""
        mode = self._mode.currentData()
        self._resize[0].setEnabled(mode != _NONE)
        self._resize[0].setPrefix("" if mode in (_SHORTER, _NONE) else "w ")
        self._resize[1].setVisible(mode in (_EXACT, _LETTERBOX))
        fault, preset = "", ""
        try:
            preset = name_of(self.values())
        except ModelError as error:
            fault = str(error)
        self._preset.setCurrentIndex(self._preset.findData(preset or _CUSTOM))
        self.faulty.emit(fault)

    def _offer_channels(self, count: int) -> None:
        """Offer colour channels only for models with three channels."""
        model = self._channels.model()
        assert isinstance(model, QStandardItemModel)
        for place, (channels, _) in enumerate(_CHANNELS):
            model.item(place).setEnabled(count == 3 or channels is Channels.GREY)

    @staticmethod
    def _kept(
        field: QLineEdit, shown: tuple[float, ...], count: int, word: str
    ) -> tuple[float, ...]:
        """The numbers of a field; the exact original ones if its text has not changed."""
        text = field.text()
        return shown if text == written(shown) else read_numbers(text, count, word)


def _mode_of(how: Preprocessing) -> str:
    if how.resize is None:
        return _NONE
    if isinstance(how.resize, int):
        return _SHORTER
    return _LETTERBOX if how.letterbox else _EXACT
