"""The native file dialogs. None of them blocks: connect its signal, then call open().

where: the settings, whose folder a dialog begins in and which remember the one that was chosen; or
a folder, for whoever remembers it by other means.
"""

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
    """The initial folder of a dialog: where a file was chosen last, else the pictures folder."""
    remembered = settings.get(LAST_FOLDER)
    if remembered and presence.is_folder(Path(remembered)):
        return Path(remembered)
    where = QStandardPaths.StandardLocation.PicturesLocation
    pictures = Path(QStandardPaths.writableLocation(where))
    return pictures if pictures.is_dir() else Path.home()


def images_dialog(parent: QWidget, where: Settings | Path, suffixes: Sequence[str]) -> QFileDialog:
    """A dialog for several images; emits filesSelected(list[str])."""
    dialog = _file_dialog(parent, "Open images", where)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    pattern = " ".join(f"*{suffix}" for suffix in suffixes)
    dialog.setNameFilter(f"Images ({pattern});;All files (*)")
    return dialog


def folder_dialog(parent: QWidget, where: Settings | Path) -> QFileDialog:
    """A dialog for a folder; emits fileSelected(str)."""
    dialog = _file_dialog(parent, "Open folder", where)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly, False)
    return dialog


def weights_dialog(parent: QWidget, where: Settings | Path) -> QFileDialog:
    """A dialog for a model file; emits fileSelected(str)."""
    dialog = _file_dialog(parent, "Open model file", where)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilter(MODELS_FILTER)
    return dialog


def open_dialog(parent: QWidget, title: str, where: Settings | Path, kinds: str) -> QFileDialog:
    """A dialog for one file that matches the name filter; emits fileSelected(str)."""
    dialog = _file_dialog(parent, title, where)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilter(f"{kinds};;All files (*)")
    return dialog


def save_dialog(
    parent: QWidget, title: str, place: Path | str, kinds: str, settings: Settings
) -> QFileDialog:
    """A dialog for the name of a file to save; emits fileSelected(str).

    place: what is proposed, a path or a name in the folder that was chosen last.
    """
    dialog = _file_dialog(parent, title, settings)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter(kinds)
    if isinstance(place, Path):
        dialog.setDirectory(str(place.parent))
    dialog.selectFile(Path(place).name)
    return dialog


def _file_dialog(parent: QWidget, title: str, where: Settings | Path) -> QFileDialog:
    folder = where if isinstance(where, Path) else start_folder(where)
    dialog = QFileDialog(parent, title, str(folder))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if not isinstance(where, Path):
        dialog.filesSelected.connect(lambda names: remember(where, Path(names[0])))
    return dialog


def remember(settings: Settings, path: Path) -> None:
    """Let the next dialog begin where this file or folder is."""
    settings.set(LAST_FOLDER, str(path.absolute().parent))
