"""A form of options, made from their table: a number, a switch or a choice each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.methods.options import Kind, Option, range_of, shown
from engine.records.options import Value
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, label

GAP = theme.SPACE
_FIELD: Final = 36 * GAP
_WIDEST: Final = 120 * GAP
"""How wide the list of a choice may become."""

_MOST: Final = 2**31 - 1
_DECIMALS: Final = 4

Field = QSpinBox | QDoubleSpinBox | QComboBox | QCheckBox


class OptionForm(QWidget):
    """changed: a value was changed. confirmed(dict of values by name): compute with these.

    missing: options that cannot be had here, each with the reason, which are shown greyed.
    """

    changed = Signal()
    confirmed = Signal(object)

    def __init__(
        self,
        options: Sequence[Option],
        values: Mapping[str, Value],
        verb: str = "Explain",
        missing: Sequence[tuple[Option, str]] = (),
    ) -> None:
        super().__init__()
        self._options = tuple(options)
        self._missing = tuple(missing)
        self._fields: dict[str, Field] = {}
        self._cost = ElidedLabel("dim")
        self._reset = QToolButton()
        self._reset.setText("Reset")
        self._reset.setToolTip("Set all options to their defaults")
        self._reset.setProperty("link", True)
        self._reset.clicked.connect(lambda: self._set({o.name: o.default for o in options}))
        self._go = QPushButton(plain_text.entry(verb))
        self._go.setDefault(True)
        self._go.clicked.connect(lambda: self.confirmed.emit(self.values()))
        self._lay_out()
        self._set(values)
        if self._options:
            self.setFocusProxy(self._fields[self._options[0].name])

    def values(self) -> dict[str, Value]:
        """The value of each option as it stands in its field."""
        return {option.name: _value(self._fields[option.name]) for option in self._options}

    def show_cost(self, words: str) -> None:
        """Say what these options cost."""
        self._cost.show_text(words)

    def set_range(self, name: str, most: int, tip: str = "") -> None:
        """Change the range of a whole number: from 0 to most."""
        field = self._fields[name]
        assert isinstance(field, QSpinBox)
        field.setRange(0, most)
        field.setToolTip(plain_text.tip(tip or f"from 0 to {most}"))

    def focus(self, name: str) -> None:
        """Begin with a field; what is typed replaces its number."""
        field = self._fields[name]
        self.setFocusProxy(field)
        field.setFocus(Qt.FocusReason.OtherFocusReason)
        if isinstance(field, QSpinBox | QDoubleSpinBox):
            field.selectAll()

    def enable(self, names: Collection[str], on: bool) -> None:
        """Enable or disable fields."""
        for name in names:
            self._fields[name].setEnabled(on)

    def confirm(self) -> None:
        """As the button does."""
        self._go.click()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not event.isAutoRepeat():
                self.confirm()
        else:
            super().keyPressEvent(event)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(3 * GAP)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(0, 1)
        for place, option in enumerate(self._options):
            field = self._fields[option.name] = _field(option, self._edited)
            _add_row(grid, place, option.name, option.title, field)
        for place, (option, reason) in enumerate(self._missing, len(self._options)):
            field = _field(option, self.changed.emit)
            _put(field, option.default)
            field.setEnabled(False)
            _add_row(grid, place, option.name, f"Not here: {reason}", field)
        foot = QHBoxLayout()
        foot.setSpacing(3 * GAP)
        foot.addWidget(self._cost, 1)
        foot.addWidget(self._reset)
        foot.addWidget(self._go)
        box = QVBoxLayout(self)
        box.setContentsMargins(3 * GAP, 2 * GAP, 3 * GAP, 3 * GAP)
        box.addLayout(grid)
        box.addStretch(1)
        box.addLayout(foot)

    def _set(self, values: Mapping[str, Value]) -> None:
        for option in self._options:
            _put(self._fields[option.name], values.get(option.name, option.default))
        self._edited()

    def _edited(self) -> None:
        self._reset.setEnabled(any(o.default != v for o, v in self._pairs()))
        self.changed.emit()

    def _pairs(self) -> list[tuple[Option, Value]]:
        values = self.values()
        return [(option, values[option.name]) for option in self._options]


def _add_row(grid: QGridLayout, place: int, title: str, words: str, field: Field) -> None:
    """Add an option's name, what it does below, and its field beside both."""
    name = label(title)
    name.setEnabled(field.isEnabled())
    about = label(f"{words[:1].upper()}{words[1:]}.", "dim")
    about.setWordWrap(True)
    name.setBuddy(field)
    grid.addWidget(name, 3 * place, 0)
    grid.addWidget(about, 3 * place + 1, 0)
    grid.addWidget(field, 3 * place, 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
    grid.setRowMinimumHeight(3 * place + 2, 3 * GAP)


class _Real(QDoubleSpinBox):
    """Shows as many decimals as a number has."""

    def textFromValue(self, value: float) -> str:
        return f"{round(value, _DECIMALS):g}"


def _field(option: Option, edited: object) -> Field:
    """The field of an option; edited is called without arguments when its value changes."""

    def tell(*_: object) -> None:
        assert callable(edited)
        edited()

    made: Field
    if option.kind is Kind.CHOICE:
        made = _choice(option)
        made.currentIndexChanged.connect(tell)
    elif option.kind is Kind.BOOL:
        made = QCheckBox()
        made.toggled.connect(tell)
    else:
        number: QSpinBox | QDoubleSpinBox
        number = _whole(option) if option.kind is Kind.INT else _real(option)
        number.setAlignment(Qt.AlignmentFlag.AlignRight)
        number.setFont(theme.tabular(number.font()))
        number.valueChanged.connect(tell)
        made = number
    if not isinstance(made, QCheckBox):
        made.setFixedWidth(_FIELD)
    made.setAccessibleName(plain_text.line(option.name))
    made.setToolTip(plain_text.tip(f"{range_of(option)}; {shown(option.default)} by default"))
    return made


def _choice(option: Option) -> QComboBox:
    made = QComboBox()
    for choice in option.choices:
        made.addItem(plain_text.line(choice), choice)
    view = made.view()
    view.setMinimumWidth(min(view.sizeHintForColumn(0) + 8 * GAP, _WIDEST))
    view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    return made


def _whole(option: Option) -> QSpinBox:
    made = QSpinBox()
    low, high = option.low, option.high
    made.setRange(
        int(low) if low is not None else -_MOST,
        int(min(high, _MOST)) if high is not None else _MOST,
    )
    made.setGroupSeparatorShown(True)
    return made


def _real(option: Option) -> QDoubleSpinBox:
    made = _Real()
    made.setDecimals(_DECIMALS)
    made.setSingleStep(0.05)
    made.setRange(
        option.low if option.low is not None else -float(_MOST),
        option.high if option.high is not None else float(_MOST),
    )
    return made


def _value(field: Field) -> Value:
    if isinstance(field, QComboBox):
        return str(field.currentData())
    if isinstance(field, QCheckBox):
        return field.isChecked()
    if isinstance(field, QSpinBox):
        return field.value()
    return round(field.value(), _DECIMALS)


def _put(field: Field, value: Value) -> None:
    if isinstance(field, QComboBox):
        field.setCurrentIndex(field.findData(value))
    elif isinstance(field, QCheckBox):
        field.setChecked(bool(value))
    elif isinstance(field, QSpinBox):
        field.setValue(int(value))
    else:
        field.setValue(float(value))
