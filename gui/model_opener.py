"""How a model comes in: dialogs, a weights file that was dropped, the demos, the recent ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from engine.sources import ModelSource
from gui import settings as table
from gui.controller import Controller
from gui.main_window import MainWindow
from gui.settings import Settings
from gui.state import State

if TYPE_CHECKING:
    from gui.model_dialog import ModelChoice


class ModelOpener(QObject):
    """Asks which model, and hands it to those who open it."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._models = controller.models
        self._settings = settings
        controller.images.model_found.connect(self._models.open)
        window.actions_by_id.connect(
            {
                "demo_shapes": lambda: self.open_named("demo:shapes"),
                "demo_shortcut": lambda: self.open_named("demo:shortcut"),
                "open_model": lambda: self.ask(None),
                "open_weights": self.ask_file,
            }
        )
        settings.changed.connect(self._setting_changed)
        state.engine_changed.connect(self._name_architectures)
        self._show_recent()

    def open_named(self, spec: str) -> None:
        """Open a model that needs nothing but its name."""
        self._models.open(ModelSource(spec))

    def ask_file(self) -> None:
        """The system's dialog for a model's file; what it holds is told from its content."""
        from gui.file_dialogs import start_folder, weights_dialog

        dialog = weights_dialog(self._window, start_folder(self._settings))
        dialog.fileSelected.connect(lambda path: self._models.open(ModelSource(path)))
        dialog.open()

    def ask(self, weights: Path | None) -> None:
        """The list of torchvision's classifiers, with a weights file or without."""
        from gui.file_dialogs import start_folder
        from gui.model_dialog import ModelDialog

        names = self._state.engine.architectures if self._state.engine is not None else ()
        dialog = ModelDialog(names, start_folder(self._settings), weights, self._window)
        dialog.setObjectName("model dialog")
        dialog.chosen.connect(self._open_choice)
        dialog.open()

    def _open_choice(self, choice: ModelChoice) -> None:
        weights = str(choice.weights) if choice.weights is not None else None
        self._models.open(ModelSource(choice.name, weights))

    def _name_architectures(self) -> None:
        """A dialog that was opened before torch had been loaded gets its names now."""
        if "gui.model_dialog" not in sys.modules:
            return
        from gui.model_dialog import ModelDialog

        engine = self._state.engine
        for dialog in self._window.findChildren(ModelDialog):
            if engine is not None:
                dialog.set_names(engine.architectures)

    def _setting_changed(self, key: str) -> None:
        if key == table.RECENT_MODELS.key:
            self._show_recent()

    def _show_recent(self) -> None:
        keys = self._settings.get(table.RECENT_MODELS)
        self._window.actions_by_id.fill(
            "recent_models",
            [(ModelSource.from_key(key).title, key) for key in keys],
            lambda key: self._models.open(ModelSource.from_key(key)),
        )
