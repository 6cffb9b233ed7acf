"""Chooses, saves and deletes the named forms of a figure."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QInputDialog,
    QPushButton,
    QWidget,
)

from engine.records.figures import FigureForm
from gui.settings.store import Settings
from gui.toolkit import plain_text, theme
from gui.widgets.figures import presets

_NONE = ""


class PresetBar(QWidget):
    """chosen(FigureForm): the user has chosen a preset."""

    chosen = Signal(object)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._form = FigureForm()
        self._box = QComboBox()
        self._box.setAccessibleName("Preset")
        self._box.activated.connect(self._activated)
        self._save = QPushButton("Save…")
        self._save.setToolTip("Save this form under a name")
        self._delete = QPushButton("Delete")
        self._delete.setToolTip("Delete the preset that is chosen")
        for button in (self._save, self._delete):
            button.setAutoDefault(False)
        self._save.clicked.connect(self._ask_name)
        self._delete.clicked.connect(self._delete_chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE)
        row.addWidget(self._box, 1)
        row.addWidget(self._save)
        row.addWidget(self._delete)
        self._fill()

    def show_form(self, form: FigureForm) -> None:
        """Show which preset the form is, if it is one."""
        self._form = form
        known = {**dict(presets.BUILT_IN), **presets.named(self._settings)}
        # The colour scale goes by what is shown.
        alike = (name for name, own in known.items() if replace(own, shared=form.shared) == form)
        name = next(alike, _NONE)
        self._box.setCurrentIndex(max(0, self._box.findData(name)))
        self._delete.setEnabled(name in presets.named(self._settings))

    def save_as(self, name: str) -> None:
        """Save the form under a name, in place of the user's preset of that name."""
        name = plain_text.line(name.strip(), plain_text.SHORT)
        if not name:
            return
        presets.save(self._settings, name, self._form)
        self._fill()
        self._box.setCurrentIndex(self._box.findData(name))
        self._delete.setEnabled(True)

    def _ask_name(self) -> None:
        dialog = QInputDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("Save preset")
        plain_text.ask(dialog, "Name of this form")
        current = str(self._box.currentData())
        dialog.setTextValue(current if current in presets.named(self._settings) else "")
        dialog.textValueSelected.connect(self.save_as)
        dialog.open()

    def _delete_chosen(self) -> None:
        presets.delete(self._settings, str(self._box.currentData()))
        self._fill()
        self.show_form(self._form)

    def _activated(self, place: int) -> None:
        name = str(self._box.itemData(place))
        known = {**dict(presets.BUILT_IN), **presets.named(self._settings)}
        if name in known:
            self.chosen.emit(known[name])

    def _fill(self) -> None:
        self._box.clear()
        self._box.addItem("None of these", _NONE)
        own = presets.named(self._settings)
        for name in [name for name, _ in presets.BUILT_IN if name not in own] + list(own):
            self._box.addItem(plain_text.line(name, plain_text.SHORT), name)
