"""How a model comes in: dialogs, a weights file that was dropped, the demos, the recent ones."""

from __future__ import annotations

from PySide6.QtCore import QObject

from engine.sources import ModelSource
from gui import settings as table
from gui.controller import Controller
from gui.gallery_opener import GalleryOpener
from gui.main_window import MainWindow
from gui.model_questions import ModelQuestions
from gui.settings import Settings
from gui.state import State


class ModelOpener(QObject):
    """Asks which model, and hands it to those who open it."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._models = controller.models
        self._settings = settings
        self.questions = ModelQuestions(window, state, controller.models)
        self.gallery = GalleryOpener(window, state, controller, settings)
        controller.images.model_found.connect(self._models.open)
        window.actions_by_id.connect(
            {
                "demo_shapes": lambda: self.open_named("demo:shapes"),
                "demo_shortcut": lambda: self.open_named("demo:shortcut"),
                "open_model": self.gallery.ask,
                "open_weights": self.ask_file,
            }
        )
        settings.changed.connect(self._setting_changed)
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
