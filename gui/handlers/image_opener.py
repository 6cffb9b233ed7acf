"""Handles opening images, by dialog, drop, clipboard or recent files, and closing them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from engine.files import suffixes
from engine.files.order import natural
from gui.controllers.controller import Controller
from gui.settings import table
from gui.settings.store import Settings
from gui.state.notices import OPEN_MANY, NoticeKind
from gui.state.state import State
from gui.window import drops
from gui.window.drops import Dropped
from gui.window.main_window import MainWindow

_NOTHING_DROPPED = (
    "Nothing was received: the program you dragged from may have closed. Try again, or use "
    "File > Open images."
)


class ImageOpener(QObject):
    """Asks for images and passes them to the controller."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._images = images = controller.images
        self._folders = controller.folders
        self._settings = settings
        comparer = controller.comparer
        window.strip.image_chosen.connect(comparer.choose_image)
        window.strip.remove_requested.connect(images.close)
        window.dropped.connect(self.open_dropped)
        window.actions_by_id.connect(
            {
                "open_image": self.ask_images,
                "open_folder": self.ask_folder,
                "paste": self.paste,
                "close_image": self.close_image,
                "previous_image": lambda: comparer.step_image(-1),
                "next_image": lambda: comparer.step_image(1),
            }
        )
        window.notice.acted.connect(self._acted)
        settings.changed.connect(self._setting_changed)
        self._show_recent()

    def ask_images(self) -> None:
        from gui.file_dialogs import images_dialog

        dialog = images_dialog(self._window, self._settings, sorted(suffixes.IMAGES))
        dialog.filesSelected.connect(lambda names: self.open_paths(_in_order(names)))
        dialog.open()

    def ask_folder(self) -> None:
        from gui.file_dialogs import folder_dialog

        dialog = folder_dialog(self._window, self._settings)
        dialog.fileSelected.connect(lambda name: self.open_paths([Path(name)]))
        dialog.open()

    def open_paths(self, paths: list[Path], *, paged: bool = False) -> None:
        """Open files and folders, and remember the folder for the next dialog. paged: folders open
        as a page."""
        if paths:
            self._settings.set(table.LAST_FOLDER, str(paths[0].absolute().parent))
            self._images.open_paths(paths, ask=True, paged=paged)

    def open_dropped(self, dropped: Dropped) -> None:
        """Open what was dropped on the window; a folder on the folder page is to be a page."""
        if dropped.paths:
            self.open_paths(list(dropped.paths), paged=self._folders.page == "folder")
        else:
            self._open(dropped, _NOTHING_DROPPED)

    def paste(self) -> None:
        """Open the contents of the clipboard."""
        data = QGuiApplication.clipboard().mimeData()
        self._open(drops.read(data), "The clipboard contains no image. Copy one first.")

    def _open(self, dropped: Dropped, nothing: str) -> None:
        """Open dropped or pasted data. nothing: the message if there is none."""
        if dropped.paths:
            self.open_paths(list(dropped.paths))
        elif dropped.data:
            self._images.open_bytes(dropped.data, "pasted image")
        elif dropped.image is not None:
            self._images.open_qimage(dropped.image, "pasted image")
        elif dropped.remote:
            self._state.notify(
                NoticeKind.WARNING,
                f"Only a link to the image was received ({dropped.remote[:80]}). "
                "Save the image and drop the file.",
            )
        else:
            self._state.notify(NoticeKind.INFO, nothing)

    def _acted(self, action: str) -> None:
        if action == OPEN_MANY:
            self._images.finder.open_many()

    def close_image(self) -> None:
        if self._state.current_key is not None:
            self._images.close(self._state.current_key)

    def _setting_changed(self, key: str) -> None:
        if key == table.RECENT_IMAGES.key:
            self._show_recent()

    def _show_recent(self) -> None:
        entries = [(Path(path).name, path) for path in self._settings.get(table.RECENT_IMAGES)]
        self._window.actions_by_id.fill(
            "recent_images", entries, lambda path: self.open_paths([Path(path)])
        )


def _in_order(names: list[str]) -> list[Path]:
    """The files as people count; systems differ in the order of a selection."""
    return sorted(map(Path, names), key=lambda path: natural(path.name))
