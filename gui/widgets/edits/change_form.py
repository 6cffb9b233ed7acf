"""The sliders of changes, one at a time, each with the curve of the class's score."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QComboBox, QSizePolicy, QSlider

from engine.edits.changes import CHANGES
from engine.edits.words import amount
from engine.records.edits import Change, Changing, Edit
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import Label
from gui.widgets.edits.curve import CurveView


class ChangeForm(QObject):
    """box, slider, value and curve are laid out by the panel.

    picked(Changing): another change is shown. moved(Changing, amount), settled(): the slider is
    dragged, and let go of.
    """

    picked = Signal(object)
    moved = Signal(object, float)
    settled = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._silent = False
        self._amounts: dict[Changing, float] = {}
        self.box = QComboBox()
        self.box.setAccessibleName("Change")
        self.box.setToolTip("What the slider changes")
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for what, reach in CHANGES.items():
            self.box.addItem(plain_text.line(reach.title), what.value)
        self.box.setCurrentIndex(self.box.findData(Changing.BRIGHTNESS.value))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Amount of the change")
        self.slider.setFixedHeight(24)
        self.value = Label()
        self.value.setFont(theme.tabular(self.value.font()))
        self.value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.curve = CurveView()
        self.curve.hide()
        self.box.currentIndexChanged.connect(self._pick)
        # Chosen again, it asks for its curve as well.
        self.box.activated.connect(lambda _place: self.picked.emit(self.what))
        self.slider.valueChanged.connect(self._move)
        self.slider.sliderReleased.connect(self.settled)
        self._set_range()
        self._show()

    @property
    def what(self) -> Changing:
        """The change that is shown."""
        return Changing(self.box.currentData())

    @property
    def amount(self) -> float:
        """Its amount."""
        return self._amounts.get(self.what, CHANGES[self.what].neutral)

    def show_edits(self, edits: Sequence[Edit]) -> None:
        """Take the amounts from the edits of an image, without a signal."""
        self._amounts = {edit.what: edit.amount for edit in edits if isinstance(edit, Change)}
        self._show()

    def _pick(self) -> None:
        self._set_range()
        self._show()
        self.picked.emit(self.what)

    def _set_range(self) -> None:
        reach = CHANGES[self.what]
        self._silent = True
        steps = round((reach.high - reach.low) / reach.step)
        self.slider.setRange(0, steps)
        self.slider.setPageStep(max(1, steps // 20))
        self._silent = False

    def _show(self) -> None:
        reach = CHANGES[self.what]
        if not self.slider.isSliderDown():
            self._silent = True
            self.slider.setValue(round((self.amount - reach.low) / reach.step))
            self._silent = False
        self.value.show_text(amount(Change(self.what, round(self.amount, 6))))
        self.curve.set_here(self.amount)

    def _move(self, place: int) -> None:
        if self._silent:
            return
        reach = CHANGES[self.what]
        amount = round(reach.low + place * reach.step, 6)
        self._amounts[self.what] = amount
        self._show()
        self.moved.emit(self.what, amount)
        if not self.slider.isSliderDown():
            self.settled.emit()
