"""The form for the output: explained tensor, meaning of the scores, class names."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from engine.records.models import ModelInfo, OutputForm, Scores
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel
from gui.widgets.input_output.fields import combo, field_name

_SCORES: Final = (
    (
        Scores.CLASSES,
        "Multi-class (softmax)",
        "One of several classes; softmax of the logits",
    ),
    (
        Scores.LABELS,
        "Multi-label (sigmoid)",
        "Independent labels, each true or false by itself",
    ),
    (Scores.SIDES, "Binary, one score (sigmoid)", "A single score, explained for and against"),
    (Scores.VALUES, "Values (regression)", "Numbers such as an age, without probabilities"),
)
_ENDINGS: Final = {
    "softmax": "softmax",
    "log_softmax": "log-softmax",
    "sigmoid": "sigmoid",
}


class OutputFields(QWidget):
    """changed(OutputForm): another choice. names_wanted(): load class names."""

    changed = Signal(OutputForm)
    names_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form = OutputForm()
        self._place = combo("Explained output", ())
        self._scores = combo("Scores", ((value, text) for value, text, _ in _SCORES))
        for place, (_, _, tip) in enumerate(_SCORES):
            self._scores.setItemData(place, plain_text.tip(tip), Qt.ItemDataRole.ToolTipRole)
        self._ending = ElidedLabel("dim")
        self._count = ElidedLabel()
        self._names = ElidedLabel("dim")
        self._load = QPushButton("Load…")
        self._load.setToolTip("Load class names from a .txt, .csv or .json file")
        self._load.setAccessibleName("Load class names")
        self._load.setAutoDefault(False)
        self._lay_out()
        self._place.activated.connect(self._chosen)
        self._scores.activated.connect(self._chosen)
        self._load.clicked.connect(self.names_wanted)

    def show_model(self, info: ModelInfo) -> None:
        """Show the output and classes of a model, without a signal."""
        self._form = info.output
        self._place.clear()
        for place in dict.fromkeys((*info.outputs, info.output.place)):
            words = plain_text.line(place or "Return value", plain_text.SHORT)
            self._place.addItem(f"{words}{_width(info, place)}", place)
        self._place.setCurrentIndex(self._place.findData(info.output.place))
        self._place.setEnabled(self._place.count() > 1)
        self._offer_scores(info)
        self._scores.setCurrentIndex(self._scores.findData(info.output.scores))
        self._ending.show_text(_ending(info.output.ends_in))
        self._count.show_text(_count(info))
        self._names.show_text(", ".join(info.classes[:12]) + (", …" if info.classes[12:] else ""))

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(theme.SPACE)
        grid.setColumnStretch(1, 1)
        for place, (text, field) in enumerate(
            (("Output &tensor", self._place), ("&Scores", self._scores))
        ):
            grid.addWidget(field_name(text, field), place, 0)
            grid.addWidget(field, place, 1, 1, 2)
        grid.addWidget(self._ending, 2, 1, 1, 2)
        grid.addWidget(field_name("C&lasses", self._load), 3, 0)
        grid.addWidget(self._count, 3, 1)
        grid.addWidget(self._load, 3, 2)
        grid.addWidget(self._names, 4, 1, 1, 2)

    def _offer_scores(self, info: ModelInfo) -> None:
        """Enable the meanings that fit: a single score is binary or a value, several scores never
        binary."""
        model = self._scores.model()
        assert isinstance(model, QStandardItemModel)
        sides = info.output.scores is Scores.SIDES
        single = sides or (info.output.scores is Scores.VALUES and len(info.classes) == 1)
        for place, (value, _, _) in enumerate(_SCORES):
            fits = value is Scores.VALUES or (value is Scores.SIDES) == single
            model.item(place).setEnabled(fits)
        self._scores.setEnabled(not (sides and info.output.ends_in))

    def _chosen(self) -> None:
        form = OutputForm(
            str(self._place.currentData()),
            Scores(self._scores.currentData()),
            self._form.ends_in,
        )
        if form != self._form:
            self._form = form
            self.changed.emit(form)


def _width(info: ModelInfo, place: str) -> str:
    """How many numbers an output has, where there are several outputs to tell apart."""
    widths = dict(zip(info.outputs, info.output_widths, strict=False))
    if len(widths) < 2 or place not in widths:
        return ""
    return f" ({widths[place]:,} {'number' if widths[place] == 1 else 'numbers'})"


def _ending(ends_in: str) -> str:
    name = _ENDINGS.get(ends_in)
    if name is None:
        return "The scores are explained as returned"
    return f"Ends in a {name}; the values before it are explained"


def _count(info: ModelInfo) -> str:
    count = f"{len(info.classes):,}"
    if all(name == f"class {n}" for n, name in enumerate(info.classes)):
        return f"{count}, unnamed"
    if info.output.scores is Scores.VALUES and info.classes_origin == "numbered":
        return info.counted
    if info.output.scores is Scores.SIDES and info.classes_origin == "numbered":
        return f"{count}, one for each side"
    return f"{count}, {info.classes_origin}" if info.classes_origin else count
