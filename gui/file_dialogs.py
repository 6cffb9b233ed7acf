"""The native file dialogs. None of them blocks: connect its signal, then call open()."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from engine.files import presence, suffixes
from gui.settings.store import Settings
from gui.settings.table import LAST_FOLDER

_MODELS = " ".join(
    f"*{suffix}" for suffix in sorted(suffixes.WEIGHTS | suffixes.NETWORKS | {suffixes.INDEX})
)
SESSIONS_FILTER = f"Sessions (*{suffixes.SESSION})"
MODELS_FILTER = f"Models ({_MODELS});;All files (*)"


def start_folder(settings: Settings) -> Path:
    """The initial folder of a dialog: where a file was opened last, else the pictures folder."""
    remembered = settings.get(LAST_FOLDER)
    if remembered and presence.is_folder(Path(remembered)):
        return Path(remembered)
    where = QStandardPaths.StandardLocation.PicturesLocation
    pictures = Path(QStandardPaths.writableLocation(where))
    return pictures if pictures.is_dir() else Path.home()


def images_dialog(parent: QWidget, folder: Path, suffixes: Sequence[str]) -> QFileDialog:
    """A dialog for several images; emits filesSelected(list[str])."""
    dialog = _file_dialog(parent, "Open images", folder)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    pattern = " ".join(f"*{suffix}" for suffix in suffixes)
    dialog.setNameFilter(f"Images ({pattern});;All files (*)")
    return dialog


def folder_dialog(parent: QWidget, folder: Path) -> QFileDialog:
    """A dialog for a folder; emits fileSelected(str)."""
    dialog = _file_dialog(parent, "Open folder", folder)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly, False)
    return dialog


def weights_dialog(parent: QWidget, folder: Path) -> QFileDialog:
    """A dialog for a model file; emits fileSelected(str)."""
    dialog = _file_dialog(parent, "Open model file", folder)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilter(MODELS_FILTER)
    return dialog


def open_dialog(parent: QWidget, title: str, folder: Path, kinds: str) -> QFileDialog:
    """A dialog for one file that matches the name filter; emits fileSelected(str)."""
    dialog = _file_dialog(parent, title, folder)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilter(f"{kinds};;All files (*)")
    return dialog


def save_dialog(parent: QWidget, title: str, place: Path, kinds: str) -> QFileDialog:
    """A dialog for the name of a file to save; emits fileSelected(str)."""
    dialog = _file_dialog(parent, title, place.parent)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter(kinds)
    dialog.selectFile(place.name)
    return dialog


def _file_dialog(parent: QWidget, title: str, folder: Path) -> QFileDialog:
    dialog = QFileDialog(parent, title, str(folder))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return dialog
