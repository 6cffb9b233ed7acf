"""The panel 'What if': how regions are hidden, what is changed, and the list of edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QColorDialog,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.records.edits import Edit, Fill, Filling, Hide, Hottest
from gui.toolkit import plain_text, theme
from gui.toolkit.controls.segments import Segments
from gui.toolkit.labels import Label, label
from gui.widgets.edits.change_form import ChangeForm
from gui.widgets.edits.edit_list import EditList
from gui.widgets.edits.words import FILLS

_MODES = (
    ("hide", "Hide", "Fill the shape that is drawn"),
    ("keep", "Keep", "Fill everything but the shape that is drawn"),
)


class WhatIfPanel(QWidget):
    """filling_chosen(Filling), mode_chosen(keep): how the next shape is hidden, or the selected
    one. hottest_moved(percent), hottest_settled(): the slider is dragged, and let go of; 0 is none.
    folded: it is to be closed. menu_wanted(QPoint): of all that can be done with the edits.
    """

    filling_chosen = Signal(object)
    mode_chosen = Signal(bool)
    hottest_moved = Signal(float)
    hottest_settled = Signal()
    folded = Signal()
    menu_wanted = Signal(QPoint)

    def __init__(self) -> None:
        super().__init__()
        self._filling = Filling()
        self._silent = False
        self._mode = Segments("Hide or keep", _MODES)
        self._mode.choose("hide")
        self._fill = QComboBox()
        self._fill.setAccessibleName("Fill")
        for fill, (title, tip) in FILLS.items():
            self._fill.addItem(plain_text.line(title), fill.value)
            row = self._fill.count() - 1
            self._fill.setItemData(row, plain_text.tip(tip), Qt.ItemDataRole.ToolTipRole)
        self._fill.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._colour = QToolButton()
        self._colour.setAccessibleName("Colour of the fill")
        self._colour.setToolTip("Choose the colour")
        self.hottest = _slider("Hottest", "Hide or keep the hottest part of the heat map, in %")
        self._percent = Label()
        self._percent.setFont(theme.tabular(self._percent.font()))
        self._percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        wide = self._percent.fontMetrics().horizontalAdvance("100 %") + theme.SPACE
        self._percent.setFixedWidth(wide)
        self.change = ChangeForm(self)
        self.change.value.setFixedWidth(
            self._percent.fontMetrics().horizontalAdvance("\u2212180 stops") + theme.SPACE
        )
        self.edits = EditList()
        self._hint = label(
            "Draw on the image to hide a part of it. The predictions show what that changes.", "dim"
        )
        self._hint.setWordWrap(True)
        self._error = label(role="error")
        self._error.setWordWrap(True)
        self._lay_out()
        self._mode.chosen.connect(lambda mode: self.mode_chosen.emit(mode == "keep"))
        self._fill.currentIndexChanged.connect(self._chose_fill)
        self._colour.clicked.connect(self._ask_colour)
        self.hottest.valueChanged.connect(self._hottest_changed)
        self.hottest.sliderReleased.connect(self.hottest_settled)
        self.show_edits((), -1)
        self._show_filling()

    # --- what is shown ---------------------------------------------------------------------------

    def show_edits(self, edits: Sequence[Edit], selected: int, error: str = "") -> None:
        """Show the edits of an image, without signals. selected: -1 for none. error: why they
        cannot be done."""
        self._silent = True
        self.edits.show_edits(edits, selected)
        self.change.show_edits(edits)
        self._hint.setVisible(not edits)
        self._error.show_text(error)
        self._error.setVisible(bool(error))
        own = next((e for e in edits if isinstance(e, Hide) and isinstance(e.shape, Hottest)), None)
        percent = own.shape.percent if own is not None and isinstance(own.shape, Hottest) else 0.0
        if not self.hottest.isSliderDown():
            self.hottest.setValue(round(percent))
        self._percent.show_text(f"{percent:g} %")
        chosen = edits[selected] if 0 <= selected < len(edits) else None
        if isinstance(chosen, Hide):
            self._filling = chosen.filling
            self._mode.show_choice("keep" if chosen.keep else "hide")
            self._show_filling()
        self._silent = False

    @property
    def filling(self) -> Filling:
        """How the next shape is filled."""
        return self._filling

    @property
    def keep(self) -> bool:
        """Whether the next shape is kept, and all else filled."""
        return self._mode.current() == "keep"

    def _show_filling(self) -> None:
        silent, self._silent = self._silent, True
        self._fill.setCurrentIndex(self._fill.findData(self._filling.fill.value))
        self._fill.setToolTip(plain_text.tip(FILLS[self._filling.fill][1]))
        self._colour.setVisible(self._filling.fill is Fill.COLOUR)
        swatch = QPixmap(16, 16)
        swatch.fill(QColor(*self._filling.colour))
        self._colour.setIcon(QIcon(swatch))
        self._silent = silent

    # --- choosing --------------------------------------------------------------------------------

    def _chose_fill(self) -> None:
        if not self._silent:
            self.take(replace(self._filling, fill=Fill(self._fill.currentData())))

    def take(self, filling: Filling) -> None:
        """Fill the next shape with this, or the selected one."""
        self._filling = filling
        self._show_filling()
        self.filling_chosen.emit(filling)

    def _ask_colour(self) -> None:
        dialog = QColorDialog(QColor(*self._filling.colour), self)
        dialog.colorSelected.connect(self._chose_colour)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _chose_colour(self, color: QColor) -> None:
        self.take(replace(self._filling, colour=(color.red(), color.green(), color.blue())))

    def _hottest_changed(self, percent: int) -> None:
        if self._silent:
            return
        self._percent.show_text(f"{percent} %")
        self.hottest_moved.emit(float(percent))
        if not self.hottest.isSliderDown():
            # By key or by wheel.
            self.hottest_settled.emit()

    # --- layout ----------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        header = Label("What if")
        header.setProperty("role", "header")
        more, close = QToolButton(), QToolButton()
        more.setText("More")
        more.setToolTip("Copy, export, open or apply the edits")
        close.setText("Close")
        close.setToolTip("Close the tools; the edits stay")
        for button in (more, close):
            button.setProperty("link", True)
        more.clicked.connect(
            lambda: self.menu_wanted.emit(more.mapToGlobal(more.rect().bottomLeft()))
        )
        close.clicked.connect(self.folded)
        top = QHBoxLayout()
        top.addWidget(header, 1)
        top.addWidget(more)
        top.addWidget(close)
        self._lay_out_rows()
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 4, 8, 8)
        box.setSpacing(theme.SPACE)
        box.addLayout(top)
        box.addLayout(self.rows)
        box.addWidget(self._hint)
        box.addWidget(self._error)
        box.addWidget(self.edits)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setAccessibleName("What if")
        self.setProperty("panel", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

    def _lay_out_rows(self) -> None:
        self.rows = QGridLayout()
        self.rows.setHorizontalSpacing(8)
        self.rows.setVerticalSpacing(theme.SPACE)
        self.rows.setColumnStretch(1, 1)
        fill = QHBoxLayout()
        fill.setSpacing(theme.SPACE)
        fill.addWidget(self._fill, 1)
        fill.addWidget(self._colour)
        self.rows.addWidget(_name("Shapes"), 0, 0)
        self.rows.addWidget(self._mode, 0, 1, 1, 2)
        self.rows.addWidget(_name("Fill"), 1, 0)
        self.rows.addLayout(fill, 1, 1, 1, 2)
        self.rows.addWidget(_name("Hottest"), 2, 0)
        self.rows.addWidget(self.hottest, 2, 1)
        self.rows.addWidget(self._percent, 2, 2)
        amount = QHBoxLayout()
        amount.setSpacing(theme.SPACE)
        amount.addWidget(self.change.slider, 1)
        amount.addWidget(self.change.value)
        self.rows.addWidget(_name("Change"), 3, 0)
        self.rows.addWidget(self.change.box, 3, 1, 1, 2)
        self.rows.addLayout(amount, 4, 1, 1, 2)
        self.rows.addWidget(self.change.curve, 5, 1, 1, 2)


def _name(text: str) -> Label:
    name = Label(text)
    name.setProperty("role", "dim")
    name.setFixedHeight(max(24, name.fontMetrics().height()))
    return name


def _slider(name: str, tip: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 100)
    slider.setPageStep(5)
    slider.setAccessibleName(plain_text.line(name))
    slider.setToolTip(plain_text.tip(tip))
    slider.setFixedHeight(24)
    return slider
