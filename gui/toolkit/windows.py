"""Raises windows, and opens files in the default programs of the system."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget


def bring_to_front(window: QWidget) -> None:
    """Show a window, minimised or not, above the others and give it the focus."""
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()


def show_file(path: Path) -> bool:
    """Open a file or folder in the default program; whether there is one."""
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def not_shown(path: Path) -> str:
    """The message if show_file found no program."""
    return f"No program is available to open it; it is at {path}"
