"""Handles the window 'Input and output', class name files and model profiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from engine.files import suffixes
from engine.loading.adjustments import Adjustment
from engine.records.images import Preprocessing
from engine.records.level_words import described
from engine.records.levels import AUTO
from gui.controllers.controller import Controller
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.records import SeenInput
from gui.state.state import State
from gui.toolkit import plain_text
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from gui.widgets.input_output.dialog import InputPanel


class InputOpener(QObject):
    """Creates the panel, keeps it up to date and passes its changes to the controller."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._models = controller.models
        self._views = controller.views
        self._settings = settings
        self._panel: InputPanel | None = None
        window.actions_by_id.connect(
            {
                "input_output": self.show,
                "open_classes": self.ask_classes,
                "import_profile": self.ask_profile,
                "export_profile": self.ask_where,
            }
        )
        controller.images.finder.classes_found.connect(lambda path: self.take_classes(Path(path)))
        controller.images.finder.profile_found.connect(lambda path: self.take_profile(Path(path)))
        controller.images.ready.connect(self._look)
        controller.views.levelled.connect(self._look)
        self._models.not_adjusted.connect(self._not_adjusted)
        self._models.profile_written.connect(self._written)
        self._models.seen.connect(self._seen)
        state.model_changed.connect(self._model_changed)
        state.current_changed.connect(self._image_changed)

    def show(self) -> None:
        """Show the panel, which is created on first use."""
        if self._panel is None:
            self._panel = self._made()
        self._panel.show()
        self._panel.raise_()
        self._panel.activateWindow()

    def take_classes(self, path: Path) -> None:
        """Load class names from a file, for the open model."""
        if self._has_model(path):
            self._models.adjust(Adjustment(classes=path))

    def take_profile(self, path: Path) -> None:
        """Apply an exported profile to the open model."""
        if self._has_model(path):
            self._models.adjust(Adjustment(profile=path))

    def ask_classes(self) -> None:
        from gui.file_dialogs import open_dialog

        names = " ".join(f"*{suffix}" for suffix in sorted(suffixes.CLASS_NAMES))
        dialog = open_dialog(
            self._window, "Load class names", self._settings, f"Class names ({names})"
        )
        dialog.fileSelected.connect(lambda path: self.take_classes(Path(path)))
        dialog.open()

    def ask_profile(self) -> None:
        from gui.file_dialogs import open_dialog

        dialog = open_dialog(
            self._window,
            "Import profile",
            self._settings,
            f"Model profiles (*{suffixes.PROFILE})",
        )
        dialog.fileSelected.connect(lambda path: self.take_profile(Path(path)))
        dialog.open()

    def ask_where(self) -> None:
        from gui.file_dialogs import save_dialog

        info = self._state.info
        if info is None:
            return
        stem = plain_text.file_name(Path(info.weights or info.title).stem[:60]) or "model"
        name, kinds = f"{stem}{suffixes.PROFILE}", f"Model profiles (*{suffixes.PROFILE})"
        dialog = save_dialog(self._window, "Export profile", name, kinds, self._settings)
        dialog.fileSelected.connect(lambda path: self._models.export_profile(_with_suffix(path)))
        dialog.open()

    def _made(self) -> InputPanel:
        from gui.widgets.input_output.dialog import InputPanel

        panel = InputPanel(self._settings, self._window)
        panel.setObjectName("input panel")
        adjust = self._models.adjust
        panel.preprocessing_changed.connect(self._take_preprocessing)
        panel.output_changed.connect(lambda form: adjust(Adjustment(output=form)))
        panel.classes_chosen.connect(self.take_classes)
        panel.profile_dropped.connect(self.take_profile)
        panel.profile_export_requested.connect(self.ask_where)
        panel.profile_import_requested.connect(self.ask_profile)
        panel.reset_requested.connect(self._models.reset)
        panel.shown.connect(self._look)
        panel.show_model(self._state.info, changed=self._state.model_settled)
        return panel

    def _take_preprocessing(self, how: Preprocessing) -> None:
        if self._state.info is not None and how.levels != self._state.info.preprocessing.levels:
            # Levels chosen here replace those set by hand.
            self._views.choose_levels(AUTO, settled=False)
        self._models.adjust(Adjustment(preprocessing=how))

    def _model_changed(self) -> None:
        if self._panel is None or self._state.model_loading is not None:
            return
        self._panel.show_model(self._state.info, changed=self._state.model_settled)
        self._look()

    def _image_changed(self) -> None:
        if self._panel is not None and self._state.current is None:
            self._panel.show_seen(None)

    def _look(self) -> None:
        if self._panel is not None and self._panel.isVisible():
            self._models.look()

    def _seen(self, seen: SeenInput, name: str) -> None:
        current = self._state.current
        if self._panel is not None and current is not None and current.name == name:
            loaded, levels = current.loaded, ""
            if loaded is not None and loaded.shown is not None:
                levels = described(loaded.shown, loaded.depth)
            self._panel.show_seen(seen.pixels, name, seen.numbers, levels)

    def _not_adjusted(self, reason: str) -> None:
        panel = self._panel
        if panel is None or not panel.isVisible():
            self._state.notify(NoticeKind.ERROR, reason)
            return
        panel.show_model(self._state.info, changed=self._state.model_settled)
        panel.show_fault(reason)

    def _written(self, path: Path) -> None:
        self._state.notify(NoticeKind.INFO, f"Saved {path.name}", "Show folder", str(path.parent))

    def _has_model(self, path: Path) -> bool:
        if self._state.info is None:
            self._state.notify(
                NoticeKind.WARNING, f"{path.name} applies to a model. Open the model first."
            )
        return self._state.info is not None


def _with_suffix(path: str) -> Path:
    named = Path(path)
    return named if suffixes.is_profile(named) else Path(f"{path}{suffixes.PROFILE}")
