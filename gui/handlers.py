"""From the widgets and the menu to the controller: what each action and signal does.

Dialogs are imported when they are asked for: the window is painted before that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QApplication

from engine import logs, suffixes
from engine.overlay import COLORMAPS
from engine.paths import ROOT
from engine.records import DisplaySettings
from engine.sources import ModelSource
from engine.version import VERSION
from gui import actions, drops, theme
from gui import settings as table
from gui.controller import Controller
from gui.drops import Dropped
from gui.files import ExportTask
from gui.main_window import MainWindow
from gui.settings import Settings
from gui.state import NoticeKind, State

if TYPE_CHECKING:
    from gui.export_dialog import ExportChoice
    from gui.model_dialog import ModelChoice

_OPACITY_STEP = 0.1


class Handlers(QObject):
    """Connects the window's widgets and actions to the controller."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._controller = controller
        self._settings = settings
        self._connect_widgets()
        self._connect_actions()
        self._show_checks("")
        self._show_recent()

    def _connect_widgets(self) -> None:
        window, controller = self._window, self._controller
        window.tree.layer_chosen.connect(controller.choose_layer)
        window.predictions.class_chosen.connect(controller.choose_class)
        window.display.display_changed.connect(self._settings.set_display)
        window.strip.image_chosen.connect(controller.images.select)
        window.strip.remove_requested.connect(controller.images.close)
        window.status.stop_requested.connect(controller.cancel)
        window.dropped.connect(self.open_dropped)
        window.notice.acted.connect(self._notice_acted)
        window.notice.dismissed.connect(self._notice_dismissed)
        controller.images.weights_found.connect(self.ask_architecture)
        controller.exported.connect(self._exported)
        self._settings.changed.connect(self._show_checks)
        self._state.engine_changed.connect(self._name_architectures)

    def _connect_actions(self) -> None:
        window, controller = self._window, self._controller
        canvas, panel = window.canvas, window.predictions
        handlers: dict[str, Callable[[], object]] = {
            "open_image": self.open_images,
            "open_folder": self.open_folder,
            "open_weights": self.open_weights,
            "paste": self.paste,
            "copy": self.copy,
            "export": self.export,
            "close_image": self.close_image,
            "reset_settings": self.reset_settings,
            "quit": window.close,
            "fit": canvas.fit,
            "actual_size": canvas.actual_size,
            "zoom_in": canvas.zoom_in,
            "zoom_out": canvas.zoom_out,
            "opacity_down": lambda: self._change_opacity(-_OPACITY_STEP),
            "opacity_up": lambda: self._change_opacity(_OPACITY_STEP),
            "demo_shapes": lambda: controller.open_model(ModelSource("demo:shapes")),
            "demo_shortcut": lambda: controller.open_model(ModelSource("demo:shortcut")),
            "open_model": lambda: self.ask_model(None),
            "default_layer": self.default_layer,
            "filter_layers": window.tree.focus_filter,
            "previous_class": lambda: panel.step(-1),
            "next_class": lambda: panel.step(1),
            "find_class": panel.focus_search,
            "cancel": controller.cancel,
            "previous_image": lambda: controller.images.step(-1),
            "next_image": lambda: controller.images.step(1),
            "guide": self.open_guide,
            "shortcuts": self.show_shortcuts,
            "open_log": self.open_log,
            "about": self.show_about,
        }
        for rank in range(1, 10):
            handlers[f"class_{rank}"] = partial(panel.choose_rank, rank)
        for sign in ("positive", "negative", "signed"):
            handlers[f"sign_{sign}"] = partial(self._display, sign=sign)
        for name in COLORMAPS:
            handlers[f"colormap_{name}"] = partial(self._display, colormap=name)
        for choice in ("system", "light", "dark"):
            handlers[f"theme_{choice}"] = partial(self._settings.set, table.THEME, choice)
        window.actions_by_id.connect({id: _ignoring(call) for id, call in handlers.items()})
        toggles: dict[str, Callable[[bool], object]] = {
            "overlay": canvas.set_overlay_visible,
            "grid": lambda on: self._display(interpolation="grid" if on else "smooth"),
            "sweep": lambda on: self._settings.set(table.SWEEP_ENABLED, on),
            "panels": window.set_panels_visible,
        }
        for id, toggle in toggles.items():
            window.actions_by_id[id].triggered.connect(toggle)
        window.actions_by_id.check("overlay")
        window.actions_by_id.check("panels")

    # --- opening ---------------------------------------------------------------------------------

    def open_images(self) -> None:
        from gui.file_dialogs import images_dialog

        dialog = images_dialog(self._window, self._folder(), sorted(suffixes.IMAGES))
        dialog.filesSelected.connect(lambda names: self.open_paths([Path(n) for n in names]))
        dialog.open()

    def open_folder(self) -> None:
        from gui.file_dialogs import folder_dialog

        dialog = folder_dialog(self._window, self._folder())
        dialog.fileSelected.connect(lambda name: self.open_paths([Path(name)]))
        dialog.open()

    def open_weights(self) -> None:
        from gui.file_dialogs import weights_dialog

        dialog = weights_dialog(self._window, self._folder())
        dialog.fileSelected.connect(self.ask_architecture)
        dialog.open()

    def open_paths(self, paths: list[Path]) -> None:
        """Open files and folders, and begin there the next time."""
        if paths:
            self._settings.set(table.LAST_FOLDER, str(paths[0].absolute().parent))
            self._controller.images.open_paths(paths)

    def open_dropped(self, dropped: Dropped) -> None:
        """Open what fell on the window or was pasted."""
        images = self._controller.images
        if dropped.paths:
            self.open_paths(list(dropped.paths))
        elif dropped.data:
            images.open_bytes(dropped.data, "pasted image")
        elif dropped.image is not None:
            images.open_qimage(dropped.image, "pasted image")
        elif dropped.remote:
            self._state.notify(
                NoticeKind.WARNING,
                f"Only the address of the image arrived ({dropped.remote[:80]}). "
                "Save the image and drop the file.",
            )
        else:
            self._state.notify(NoticeKind.INFO, "There is no image to open. Copy one first.")

    def paste(self) -> None:
        self.open_dropped(drops.read(QGuiApplication.clipboard().mimeData()))

    def close_image(self) -> None:
        if self._state.current_key is not None:
            self._controller.images.close(self._state.current_key)

    def ask_architecture(self, path: str) -> None:
        """Ask what a weights file belongs to, unless its name says so."""
        self.ask_model(Path(path))

    def ask_model(self, weights: Path | None) -> None:
        """The list of torchvision's classifiers, with a weights file or without."""
        from gui.model_dialog import ModelDialog

        names = self._state.engine.architectures if self._state.engine is not None else ()
        dialog = ModelDialog(names, self._folder(), weights, self._window)
        dialog.setObjectName("model dialog")
        dialog.chosen.connect(self._open_choice)
        dialog.open()

    def _open_choice(self, choice: ModelChoice) -> None:
        weights = str(choice.weights) if choice.weights is not None else None
        self._controller.open_model(ModelSource(choice.name, weights))

    def _name_architectures(self) -> None:
        """A dialog that was opened before torch had been loaded gets its names now."""
        if "gui.model_dialog" not in sys.modules:
            return
        from gui.model_dialog import ModelDialog

        engine = self._state.engine
        for dialog in self._window.findChildren(ModelDialog):
            if engine is not None:
                dialog.set_names(engine.architectures)

    def _folder(self) -> Path:
        remembered = self._settings.get(table.LAST_FOLDER)
        if remembered and Path(remembered).is_dir():
            return Path(remembered)
        where = QStandardPaths.StandardLocation.PicturesLocation
        pictures = Path(QStandardPaths.writableLocation(where))
        return pictures if pictures.is_dir() else Path.home()

    # --- showing ---------------------------------------------------------------------------------

    def default_layer(self) -> None:
        self._controller.choose_layer(None)
        if self._state.info is not None:
            self._window.tree.select(self._state.info.default_layer)

    def _display(self, **changes: str) -> None:
        display: DisplaySettings = replace(self._settings.display(), **changes)  # type: ignore[arg-type]
        self._settings.set_display(display)

    def _change_opacity(self, by: float) -> None:
        display = self._settings.display()
        opacity = round(min(1.0, max(0.0, display.opacity + by)), 2)
        self._settings.set_display(replace(display, opacity=opacity))

    def _show_checks(self, key: str) -> None:
        display, checks = self._settings.display(), self._window.actions_by_id
        checks.check(f"sign_{display.sign}")
        checks.check(f"colormap_{display.colormap}")
        checks.check("grid", display.interpolation == "grid")
        checks.check("sweep", self._settings.get(table.SWEEP_ENABLED))
        checks.check(f"theme_{self._settings.theme()}")
        if key == table.THEME.key:
            application = QApplication.instance()
            if isinstance(application, QApplication):
                theme.apply(application, self._settings.theme())
        if key in (table.RECENT_IMAGES.key, table.RECENT_MODELS.key):
            self._show_recent()

    def _show_recent(self) -> None:
        menu, settings = self._window.actions_by_id, self._settings
        images = [(Path(path).name, path) for path in settings.get(table.RECENT_IMAGES)]
        menu.fill("recent_images", images, lambda path: self.open_paths([Path(path)]))
        models = [(ModelSource.from_key(k).title, k) for k in settings.get(table.RECENT_MODELS)]
        menu.fill(
            "recent_models",
            models,
            lambda key: self._controller.open_model(ModelSource.from_key(key)),
        )

    def reset_settings(self) -> None:
        from gui.dialogs import ResetDialog

        dialog = ResetDialog(self._window)
        dialog.confirmed.connect(self._reset)
        dialog.open()

    def _reset(self) -> None:
        self._settings.reset()
        self._window.reset_layout()
        self._state.notify(NoticeKind.INFO, "All settings are as they were at the first start.")

    # --- out -------------------------------------------------------------------------------------

    def copy(self) -> None:
        """The picture with its map on the clipboard."""
        image = self._window.canvas.picture_with_overlay()
        if not image.isNull():
            QGuiApplication.clipboard().setImage(image)
            self._state.notify(NoticeKind.INFO, "The picture is on the clipboard.")

    def export(self) -> None:
        """Ask what to write and where; written is what is shown now."""
        task = self._export_task()
        if task is None:
            return
        from gui.export_dialog import ExportDialog

        explanation = task.explanation
        stem = Path(task.image.name).stem or "image"
        name = f"{stem[:60]} {explanation.layer[-40:]} {explanation.target.label[:40]}"
        safe = "".join(c if c.isalnum() or c in " -_.#" else "_" for c in name).strip()
        dialog = ExportDialog(self._settings, self._folder() / safe, self._window)
        dialog.setObjectName("export dialog")
        dialog.chosen.connect(lambda choice: self._controller.export(task.into(choice)))
        dialog.open()

    def export_as(self, choice: ExportChoice) -> None:
        """Write what is shown now, without asking."""
        task = self._export_task()
        if task is not None:
            self._controller.export(task.into(choice))

    def _export_task(self) -> ExportTask | None:
        state = self._state
        image, answer, explanation = state.current, state.answer, state.explanation
        if image is None or image.loaded is None or answer is None or explanation is None:
            self._state.notify(NoticeKind.INFO, "There is no heat map to export yet.")
            return None
        versions = state.engine.versions if state.engine is not None else {}
        return ExportTask(
            image.loaded,
            explanation,
            answer.info,
            answer.predictions,
            self._settings.display(),
            versions,
        )

    def _exported(self, task: ExportTask) -> None:
        paths = task.choice.paths if task.choice is not None else ()
        if not paths:
            return
        names = ", ".join(path.name for path in paths)
        folder = str(paths[0].absolute().parent)
        self._state.notify(NoticeKind.INFO, f"Exported {names}", "Show folder", folder)

    # --- help ------------------------------------------------------------------------------------

    def open_guide(self) -> None:
        self._open(ROOT / "docs" / "guide.md")

    def _open(self, path: Path) -> None:
        """Hand a file or folder to the program that the system has for it."""
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
            self._state.notify(NoticeKind.WARNING, f"No program opens it here; it is in {path}")

    def show_shortcuts(self) -> None:
        from gui.dialogs import ShortcutsDialog

        ShortcutsDialog(actions.shortcut_rows(), self._window).open()

    def open_log(self) -> None:
        folder = logs.log_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self._open(folder)

    def show_about(self) -> None:
        from gui.dialogs import AboutDialog

        engine, info = self._state.engine, self._state.info
        facts = [
            (name, value) for name, value in (engine.versions if engine else {}).items() if value
        ]
        facts.append(("device", info.device if info is not None else "not known yet"))
        facts.append(("log", str(logs.log_folder())))
        AboutDialog(VERSION, facts, self._window).open()

    def _notice_acted(self, action: str, argument: str) -> None:
        self._window.notice.clear()
        if action == "Show folder":
            self._open(Path(argument))
        elif argument.startswith("demo:"):
            self._controller.open_model(ModelSource(argument))

    def _notice_dismissed(self, kind: str) -> None:
        image = self._state.current
        if kind == NoticeKind.HINT and image is not None and image.scene is not None:
            self._settings.mark_hint_seen(image.scene.path.name)


def _ignoring(call: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        call()

    return run
