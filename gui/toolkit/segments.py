"""The segmented control: joined buttons of which one is checked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from gui.toolkit import plain_text


class Segments(QWidget):
    """A segmented control: joined buttons of which one is checked. chosen(value): another is."""

    chosen = Signal(str)

    def __init__(self, name: str, choices: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        self._tips = {value: tip for value, _, tip in choices}
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        for place, (value, text, tip) in enumerate(choices):
            button = QToolButton()
            button.setText(plain_text.entry(text))
            button.setToolTip(plain_text.tip(tip))
            button.setAccessibleName(plain_text.line(f"{name}: {value}"))
            button.setCheckable(True)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            last = place == len(choices) - 1
            button.setProperty("segment", "first" if place == 0 else "last" if last else "middle")
            self._group.addButton(button)
            self._buttons[value] = button
            box.addWidget(button)
        self._group.buttonToggled.connect(self._toggled)
        if choices:
            self.setFocusProxy(self._buttons[choices[0][0]])
        self.setAccessibleName(plain_text.line(name))

    def choose(self, value: str) -> None:
        """Check a button."""
        self._buttons[value].setChecked(True)

    def show_choice(self, value: str) -> None:
        """Check a button without a signal; '' checks none."""
        self._group.blockSignals(True)
        self._group.setExclusive(bool(value))
        for own, button in self._buttons.items():
            button.setChecked(own == value)
        self._group.setExclusive(True)
        self._group.blockSignals(False)

    def enable(self, value: str, reason: str = "") -> None:
        """Enable a button, or grey it with the reason as its tooltip."""
        button = self._buttons[value]
        button.setEnabled(not reason)
        button.setToolTip(plain_text.tip(reason or self._tips[value]))

    def current(self) -> str:
        """The value of the checked button; '' if there is none."""
        return next((v for v, button in self._buttons.items() if button.isChecked()), "")

    def _toggled(self, _button: QAbstractButton, on: bool) -> None:
        if on:
            self.chosen.emit(self.current())
