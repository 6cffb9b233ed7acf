"""The panel 'Display': opacity, colour map, sign, gamma and cells of the map; the rest in more.

None of these settings runs the model.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final, cast

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.records.display import DisplaySettings, Interpolation, Sign
from engine.render.colormaps import COLORMAPS, LEGACY
from gui.toolkit import plain_text, theme, windows
from gui.toolkit.labels import Label
from gui.toolkit.segments import Segments
from gui.widgets.display.more import More, narrow

GAMMA_LIMIT: Final = 5.0
"""Gamma ranges from 1 / GAMMA_LIMIT to GAMMA_LIMIT, on a logarithmic scale."""

_SWATCH: Final = QSize(40, 12)
_SIGNS: Final = (
    ("positive", "+", "Positive: evidence for the class"),
    ("negative", "\u2212", "Negative: evidence against the class"),
    ("signed", "±", "Both: evidence for and against the class, in a diverging colour map"),
)
_CELLS: Final = (
    ("smooth", "Smooth", "Interpolate between the cells of the map"),
    ("grid", "Grid", "Show the cells of the map: the true spatial resolution of the layer"),
)


class DisplayPanel(QWidget):
    """display_changed(DisplaySettings): the user changed a setting."""

    display_changed = Signal(DisplaySettings)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._display = DisplaySettings()
        self._silent = False
        self._opacity = _slider("Opacity", "Opacity of the heat map", 0, 100)
        self._opacity_value = _value()
        self._colormap = _colormap_box()
        self._sign = Segments("Sign", _SIGNS)
        self._gamma = _slider(
            "Gamma", "Above 1 narrows the bright areas, below 1 brings out faint ones", -100, 100
        )
        self._gamma_value = _value()
        self._cells = Segments("Interpolation", _CELLS)
        self._reset = QToolButton()
        self._reset.setText("Reset")
        self._reset.setProperty("link", True)
        self._reset.setToolTip("Reset all display settings")
        kept = self._reset.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self._reset.setSizePolicy(kept)
        self._more = More(self)
        self._unfold = QToolButton()
        self._unfold.setText("More")
        self._unfold.setCheckable(True)
        self._unfold.setProperty("link", True)
        self._unfold.setToolTip("Looks, fading, picture and contours")
        self._folded: list[QWidget] = []
        self._lay_out()
        self._opacity.valueChanged.connect(self._changed)
        self._gamma.valueChanged.connect(self._changed)
        self._colormap.currentIndexChanged.connect(self._changed)
        self._sign.chosen.connect(self._changed)
        self._cells.chosen.connect(self._changed)
        self._reset.clicked.connect(self._set_back)
        self._more.changed.connect(self._take)
        self._unfold.toggled.connect(self.set_unfolded)
        self.set_unfolded(False)
        self.set_display(self._display)

    def set_swatches(self, strips: dict[str, QImage]) -> None:
        """Show a swatch beside each colour map: strips of one row, low values at the left."""
        for place in range(self._colormap.count()):
            name = self._colormap.itemData(place)
            if name in strips:
                self._colormap.setItemIcon(place, swatch(strips[name]))

    def display(self) -> DisplaySettings:
        """The current settings."""
        return self._display

    def set_display(self, display: DisplaySettings) -> None:
        """Show these settings, without a signal."""
        self._silent = True
        self._opacity.setValue(round(100 * display.opacity))
        self._gamma.setValue(round(100 * math.log(display.gamma, GAMMA_LIMIT)))
        self._colormap.setCurrentIndex(self._colormap.findData(display.colormap))
        self._sign.choose(display.sign)
        self._cells.choose(display.interpolation)
        self._silent = False
        self._display = display
        self._more.show_display(display)
        self._describe()

    def set_unfolded(self, on: bool) -> None:
        """Show or hide what is seldom changed."""
        self._unfold.setChecked(on)
        self._unfold.setText("Less" if on else "More")
        for widget in self._folded:
            widget.setVisible(on)

    def _lay_out(self) -> None:
        header = Label("Display")
        header.setProperty("role", "header")
        top = QHBoxLayout()
        top.addWidget(header, 1)
        top.addWidget(self._reset)
        top.addWidget(self._unfold)
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(theme.SPACE)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[str, QWidget, Label | None], ...] = (
            ("Opacity", self._opacity, self._opacity_value),
            ("Colour map", self._colormap, None),
            ("Sign", self._sign, None),
            ("Gamma", self._gamma, self._gamma_value),
            ("Cells", self._cells, None),
        )
        more = tuple((text, control, None) for text, control in self._more.rows())
        for place, (text, control, value) in enumerate((*rows, *more)):
            name = Label(text)
            name.setProperty("role", "dim")
            name.setFixedHeight(max(24, name.fontMetrics().height()))
            if place >= len(rows):
                self._folded += [name, control]
            grid.addWidget(name, place, 0)
            grid.addWidget(control, place, 1, 1, 1 if value else 2)
            if value:
                grid.addWidget(value, place, 2)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 4, 8, 8)
        box.setSpacing(theme.SPACE)
        box.addLayout(top)
        box.addLayout(grid)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setAccessibleName("Display")
        self.setProperty("panel", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

    def _changed(self) -> None:
        if self._silent:
            return
        old = self._display
        gamma = GAMMA_LIMIT ** (self._gamma.value() / 100)
        same_gamma = self._gamma.value() == round(100 * math.log(old.gamma, GAMMA_LIMIT))
        same_opacity = self._opacity.value() == round(100 * old.opacity)
        new = replace(
            old,
            opacity=old.opacity if same_opacity else self._opacity.value() / 100,
            colormap=self._colormap.currentData() or old.colormap,
            interpolation=cast(Interpolation, self._cells.current()),
            gamma=old.gamma if same_gamma else round(gamma, 3),
            sign=cast(Sign, self._sign.current()),
        )
        self._take(new)

    def _take(self, display: DisplaySettings) -> None:
        if display != self._display:
            self.set_display(display)
            self.display_changed.emit(display)

    def _describe(self) -> None:
        self._opacity_value.show_text(f"{round(100 * self._display.opacity)} %")
        self._gamma_value.show_text(f"{self._display.gamma:.2f}")
        both = self._display.sign == "signed"
        self._colormap.setEnabled(not both)
        self._colormap.setToolTip(
            "Both signs use a diverging colour map" if both else "Colour map of the heat map"
        )
        changed = self._display != DisplaySettings()
        if changed:
            self._reset.setVisible(True)
        else:
            windows.leave(self._reset, self._opacity)
        self._reset.setEnabled(changed)

    def _set_back(self) -> None:
        self.set_display(DisplaySettings())
        self.display_changed.emit(self._display)


def swatch(strip: QImage) -> QIcon:
    """A colour map as an icon for a combo box row."""
    fast = Qt.TransformationMode.FastTransformation
    return QIcon(QPixmap.fromImage(strip.scaled(_SWATCH * 2, mode=fast)))


def _colormap_box() -> QComboBox:
    box = QComboBox()
    box.setIconSize(_SWATCH)
    narrow(box)
    box.setAccessibleName("Colour map")
    room = QPixmap(_SWATCH)
    room.fill(Qt.GlobalColor.transparent)
    blank = QIcon(room)
    ordered = [n for n in COLORMAPS if n not in LEGACY], [n for n in COLORMAPS if n in LEGACY]
    for name in ordered[0]:
        box.addItem(blank, plain_text.line(name), name)
    box.insertSeparator(box.count())
    for name in ordered[1]:
        box.addItem(blank, plain_text.line(f"{name} (legacy)"), name)
        tip = "Not perceptually uniform: high and medium values look alike"
        box.setItemData(box.count() - 1, plain_text.tip(tip), Qt.ItemDataRole.ToolTipRole)
    return box


def _slider(name: str, tip: str, low: int, high: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(low, high)
    slider.setPageStep((high - low) // 10)
    slider.setAccessibleName(plain_text.line(name))
    slider.setToolTip(plain_text.tip(tip))
    slider.setFixedHeight(24)
    return slider


def _value() -> Label:
    label = Label()
    label.setFont(theme.tabular(label.font()))
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    label.setFixedWidth(label.fontMetrics().horizontalAdvance("100 %") + theme.SPACE)
    return label
