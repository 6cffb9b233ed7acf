"""Windows that are to be seen now, wherever they were left; files in the programs for them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget


def bring_to_front(window: QWidget) -> None:
    """Show a window above the others, also one that was minimised, and let it have the keyboard."""
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()


def show_file(path: Path) -> bool:
    """Hand a file or folder to the program that the system has for it; whether there is one."""
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def not_shown(path: Path) -> str:
    """What to say where show_file found no program."""
    return f"No program is available to open it; it is at {path}"
