"""Lets a widget keep keys for itself that are also shortcuts of the window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent


def claim(event: QEvent, *keys: Qt.Key) -> bool:
    """Claim these keys, without modifiers, for the widget whose event() calls this first.

    Qt sends each key as ShortcutOverride to the focused widget before any shortcut is tried. True
    if event was such an offer and has been accepted.
    """
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    if event.key() not in keys or held:
        return False
    event.accept()
    return True
