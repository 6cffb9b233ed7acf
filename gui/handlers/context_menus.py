"""The context menus of canvas, strip, tree and predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, QPoint, QUrl, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from engine.escaping import plain
from engine.files import presence
from gui.controllers.images import Images
from gui.state.notices import REOPEN, NoticeKind
from gui.state.state import State
from gui.toolkit import mnemonics
from gui.toolkit.windows import not_shown, reveal
from gui.window import menus
from gui.window.main_window import MainWindow


class ContextMenus(QObject):
    """Shows the menus, and does what their entries ask of images and files.

    canvas_menu_filled: emitted with the menu of the canvas before it is shown; more may be added.
    compare_wanted(key): an image of the strip is to be seen beside the one that is shown.
    pin_wanted(index): another class is to be explained, for every image.
    """

    canvas_menu_filled = Signal(QMenu)
    compare_wanted = Signal(str)
    pin_wanted = Signal(int)

    def __init__(self, window: MainWindow, state: State, images: Images) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._images = images
        window.canvas.menu_wanted.connect(self._show_canvas_menu)
        window.strip.menu_wanted.connect(self._show_strip_menu)
        window.tree.menu_filled.connect(self._fill_tree_menu)
        window.predictions.menu_filled.connect(self._fill_class_menu)
        window.actions_by_id.connect(
            {
                "reveal_image": lambda: self._reveal_image(state.current_key),
                "reveal_model": self._reveal_model,
                "copy_path": lambda: self._copy_path(state.current_key),
                "copy_class": self._copy_explained,
                "close_others": lambda: self._close_others(state.current_key),
                "close_all": lambda: self._close(list(state.images)),
                "reopen_images": images.reopen,
            }
        )
        for signal in (state.current_changed, state.image_removed, state.image_added):
            signal.connect(self._show_actions)
        state.model_changed.connect(self._show_actions)
        state.answer_changed.connect(self._show_actions)
        self._show_actions()

    def _show_actions(self) -> None:
        state, actions = self._state, self._window.actions_by_id
        filed = self._file_of(state.current_key) is not None
        actions.enable(("reveal_image", "copy_path"), filed)
        actions.enable(("close_others",), state.current is not None and len(state.images) > 1)
        actions.enable(("close_all",), bool(state.images))
        actions.enable(("reopen_images",), self._images.can_reopen)
        actions.enable(("reveal_model",), self._model_file() is not None)
        actions.enable(("copy_class",), state.explained_class is not None)

    # --- the menus -------------------------------------------------------------------------------

    def _menu(self) -> QMenu:
        menu = mnemonics.passing_menu(self._window)
        menu.setToolTipsVisible(True)
        return menu

    def _show_canvas_menu(self, place: QPoint) -> None:
        if self._state.current is not None:
            menu = self._menu()
            menus.fill(menu, menus.CANVAS, self._window.actions_by_id)
            self.canvas_menu_filled.emit(menu)
            menu.popup(place)

    def _show_strip_menu(self, key: str, place: QPoint) -> None:
        """About the image under the pointer, whose map is known only if it is the one shown."""
        shown = key == self._state.current_key
        filed = self._file_of(key) is not None
        several = len(self._state.images) > 1
        own: dict[str, Callable[[], object] | None] = {
            "copy_path": (lambda: self._copy_path(key)) if filed else None,
            "reveal_image": (lambda: self._reveal_image(key)) if filed else None,
            "close_image": lambda: self._images.close(key),
            "close_others": (lambda: self._close_others(key)) if several else None,
        }
        own["add_note"] = lambda: self._add_note(key)
        own["compare"] = None if shown else lambda: self.compare_wanted.emit(key)
        if not shown:
            own |= {"copy": None, "export": None}
        menu = self._menu()
        menus.fill(menu, menus.STRIP, self._window.actions_by_id, own)
        menu.popup(place)

    def _fill_tree_menu(self, menu: QMenu, address: str) -> None:
        """Copy and export are of the map that is shown, which another row has none of."""
        explanation = self._state.explanation
        shown = explanation is not None and explanation.layer == address
        own = {} if shown else dict.fromkeys(("copy", "export"))
        menus.fill(menu, menus.TREE, self._window.actions_by_id, own)

    def _fill_class_menu(self, menu: QMenu, index: int) -> None:
        info, explained = self._state.info, self._state.explained_class
        own: dict[str, Callable[[], object] | None] = {}
        if info is not None:
            own["copy_class"] = lambda: _copy(info.classes[index])
        if explained is None or explained.index != index:
            own |= dict.fromkeys(("copy", "export"))
            own["pin_class"] = lambda: self.pin_wanted.emit(index)
        menus.fill(menu, menus.PREDICTIONS, self._window.actions_by_id, own)

    # --- what they do ----------------------------------------------------------------------------

    def _add_note(self, key: str) -> None:
        """About the image under the pointer, which is shown for it."""
        self._images.select(key)
        self._window.actions_by_id["add_note"].trigger()

    def _file_of(self, key: str | None) -> Path | None:
        """The file of an image; None for a pasted one, and for the pictures of the program."""
        image = self._state.images.get(key) if key is not None else None
        return image.path if image is not None and image.scene is None else None

    def _model_file(self) -> Path | None:
        source = self._state.model_source
        path = Path(source.weights or source.spec) if source is not None else None
        return path if path is not None and path.is_absolute() and presence.exists(path) else None

    def _reveal_image(self, key: str | None) -> None:
        self._reveal(self._file_of(key))

    def _reveal_model(self) -> None:
        self._reveal(self._model_file())

    def _reveal(self, path: Path | None) -> None:
        if path is not None and not reveal(path):
            self._state.notify(NoticeKind.WARNING, not_shown(path))

    def _copy_path(self, key: str | None) -> None:
        """As text and as a file, so that it can be pasted into a terminal and a file manager."""
        path = self._file_of(key)
        if path is None:
            return
        data = QMimeData()
        data.setText(plain(str(path), None))
        data.setUrls([QUrl.fromLocalFile(str(path))])
        QGuiApplication.clipboard().setMimeData(data)

    def _copy_explained(self) -> None:
        explained = self._state.explained_class
        if explained is not None:
            _copy(explained.label)

    def _close_others(self, key: str | None) -> None:
        self._close([other for other in self._state.images if other != key])

    def _close(self, keys: list[str]) -> None:
        if keys:
            self._images.close_many(keys)
            words = "1 image" if len(keys) == 1 else f"{len(keys):,} images"
            self._state.notify(NoticeKind.INFO, f"Closed {words}.", REOPEN)


def _copy(text: str) -> None:
    # In a terminal, a pasted line break would act as Enter.
    QGuiApplication.clipboard().setText(plain(text, None))
