"""The fields of a figure's form, and the choice of what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar, cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from engine.records.figures import RESOLUTIONS, WIDTHS, FigureForm, Paper
from gui.settings.store import Settings
from gui.settings.table import FIGURE_FACTS
from gui.toolkit import plain_text, theme
from gui.toolkit.controls.segments import Segments
from gui.toolkit.labels import label

S = TypeVar("S", QSpinBox, QDoubleSpinBox)

_GAP: Final = theme.SPACE
_MOST_COLUMNS: Final = 99
_FREE: Final = "free"
_WIDTHS: Final = (
    (_FREE, "As wide as it needs"),
    ("85", "Column of a journal, 85 mm"),
    ("180", "Page of a journal, 180 mm"),
    ("", "Other width"),
)
_PAPERS: Final = (
    ("light", "Light", "Dark words on white"),
    ("dark", "Dark", "Light words on dark grey"),
    ("transparent", "Clear", "Dark words on what is behind the figure"),
)


_FACTS_TIP: Final = (
    "A file beside the figure for 'explain --like'. It names the images and models with their "
    "folders"
)


class FormFields(QWidget):
    """Edits a FigureForm. changed: by the user."""

    changed = Signal()

    def __init__(self, form: FigureForm) -> None:
        super().__init__()
        self._filling = False
        self._preset_width = QComboBox()
        for value, text in _WIDTHS:
            self._preset_width.addItem(plain_text.line(text), value)
        self._preset_width.setAccessibleName("Width of the figure")
        self._width = _spin(QDoubleSpinBox(), "Width in millimetres", " mm")
        self._width.setRange(*WIDTHS)
        self._width.setDecimals(0)
        self._dpi = _spin(QSpinBox(), "Pixels to the inch", " dpi")
        self._dpi.setRange(*RESOLUTIONS)
        self._dpi.setSingleStep(50)
        self._columns = _spin(QSpinBox(), "Pictures in a row", "")
        self._columns.setRange(0, _MOST_COLUMNS)
        self._columns.setSpecialValueText("automatic")
        self._paper = Segments("Paper", _PAPERS)
        self._caption = _box("Caption", "Image, layer, class and method below the pictures")
        self._beside = _box("Original image beside its map", "The image without its map as well")
        self._outline = _box("Outline of the region seen", "Where the network looked")
        self._crop = _box("Crop to that region", "Show nothing but what the network saw")
        self._shared = _box(
            "One colour scale for all maps", "Otherwise each map has a scale of its own"
        )
        self._lay_out()
        self.show_form(form)
        self._connect()

    @property
    def form(self) -> FigureForm:
        """The form as it stands in the fields."""
        free = self._preset_width.currentData() == _FREE
        return FigureForm(
            width=None if free else self._width.value(),
            dpi=self._dpi.value(),
            paper=cast(Paper, self._paper.current()),
            caption=self._caption.isChecked(),
            beside=self._beside.isChecked(),
            outline=self._outline.isChecked(),
            crop=self._crop.isChecked(),
            columns=self._columns.value() or None,
            shared=self._shared.isChecked(),
        )

    def show_form(self, form: FigureForm) -> None:
        """Fill the fields, without a signal."""
        self._filling = True
        width = _FREE if form.width is None else f"{form.width:g}"
        place = self._preset_width.findData(width)
        self._preset_width.setCurrentIndex(place if place >= 0 else self._preset_width.findData(""))
        self._width.setValue(form.width if form.width is not None else 85.0)
        self._dpi.setValue(form.dpi)
        self._columns.setValue(form.columns or 0)
        self._paper.show_choice(form.paper)
        for box, on in (
            (self._caption, form.caption),
            (self._beside, form.beside),
            (self._outline, form.outline),
            (self._crop, form.crop),
            (self._shared, form.shared),
        ):
            box.setChecked(on)
        self._filling = False
        self._enable()

    def set_count(self, count: int) -> None:
        """How many maps there are: with one, there is nothing to share."""
        self._shared.setEnabled(count > 1)

    def _connect(self) -> None:
        self._preset_width.currentIndexChanged.connect(self._width_chosen)
        for spin in (self._width, self._dpi, self._columns):
            spin.valueChanged.connect(self._edited)
        self._paper.chosen.connect(self._edited)
        for box in (self._caption, self._beside, self._outline, self._crop, self._shared):
            box.toggled.connect(self._edited)

    def _width_chosen(self) -> None:
        if self._filling:
            return
        chosen = self._preset_width.currentData()
        if chosen not in (_FREE, ""):
            self._filling = True
            self._width.setValue(float(chosen))
            self._filling = False
        self._edited()

    def _edited(self) -> None:
        if self._filling:
            return
        self._enable()
        self.changed.emit()

    def _enable(self) -> None:
        # Another choice says its width itself, or has none before the figure is drawn.
        self._width.setVisible(self._preset_width.currentData() == "")
        # What is cropped away needs no outline.
        self._outline.setEnabled(not self._crop.isChecked())

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * _GAP)
        grid.setVerticalSpacing(_GAP)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[str, QWidget], ...] = (
            ("Width", self._preset_width),
            ("", self._width),
            ("Resolution", self._dpi),
            ("In a row", self._columns),
            ("Paper", self._paper),
        )
        for place, (text, field) in enumerate(rows):
            grid.addWidget(field, place, 1)
            if text:
                name = label(text, "dim")
                name.setBuddy(field)
                grid.addWidget(name, place, 0)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(_GAP)
        box.addLayout(grid)
        box.addSpacing(_GAP)
        for check in (self._caption, self._beside, self._outline, self._crop, self._shared):
            box.addWidget(check)


def _spin(made: S, name: str, unit: str) -> S:
    made.setSuffix(unit)
    made.setAlignment(Qt.AlignmentFlag.AlignRight)
    made.setFont(theme.tabular(made.font()))
    # The style sheet does not reach the text inside.
    made.lineEdit().setTextMargins(0, 0, _GAP, 0)
    # Not a drawing for each digit.
    made.setKeyboardTracking(False)
    made.setAccessibleName(plain_text.line(name))
    made.setToolTip(plain_text.tip(name))
    return made


def _box(text: str, tip: str) -> QCheckBox:
    made = QCheckBox(plain_text.entry(text))
    made.setToolTip(plain_text.tip(tip))
    return made


def facts_box(settings: Settings) -> QCheckBox:
    """Whether a figure has beside it what repeats its maps."""
    box = _box("Metadata (.json), to make it again", _FACTS_TIP)
    box.setChecked(settings.get(FIGURE_FACTS))
    return box


def kind_box(kinds: Sequence[tuple[str, str, str]]) -> QComboBox:
    """What can be shown; the rest is greyed, with the reason."""
    box = QComboBox()
    box.setAccessibleName("What the figure shows")
    for value, text, reason in kinds:
        box.addItem(plain_text.line(text), value)
        place = box.count() - 1
        if reason:
            box.setItemData(place, plain_text.tip(reason), Qt.ItemDataRole.ToolTipRole)
            model = box.model()
            item = model.item(place)  # type: ignore[attr-defined]
            item.setEnabled(False)
    return box
