"""Raises windows, and opens files in the default programs of the system."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QProcess, QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget


def bring_to_front(window: QWidget) -> None:
    """Show a window, minimised or not, above the others and give it the focus."""
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()


FRAME = QSize(8, 40)
"""About what a desktop adds to a window."""


def fit_to_screen(window: QWidget, size: QSize) -> None:
    """Give a window a size, as far as its screen has room for it."""
    window.resize(size.boundedTo(window.screen().availableSize() - FRAME))


def replace(widget: QWidget, heir: QWidget) -> None:
    """Show a widget in place of another one, which leaves it the keyboard's focus."""
    heir.setVisible(True)
    leave(widget, heir)


def leave(widget: QWidget, heir: QWidget) -> None:
    """Hide a widget, which leaves another one the keyboard's focus if it has it.

    A disabled heir is enabled for it: otherwise Qt gives the focus to whatever comes next.
    """
    if widget.hasFocus():
        heir.setEnabled(True)
        heir.setFocus(Qt.FocusReason.OtherFocusReason)
    widget.setVisible(False)


def show_file(path: Path) -> bool:
    """Open a file or folder in the default program; whether there is one."""
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def reveal(path: Path) -> bool:
    """Show a file in the file manager, selected where the system can; whether there is one."""
    if sys.platform == "win32":
        return bool(QProcess.startDetached("explorer.exe", ["/select,", str(path)])[0])
    if sys.platform == "darwin":
        return bool(QProcess.startDetached("open", ["-R", str(path)])[0])
    return show_file(path.parent)


def not_shown(path: Path) -> str:
    """The message if show_file found no program."""
    return f"No program is available to open it; it is at {path}"
