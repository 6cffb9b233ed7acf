"""Keys that a widget keeps for itself although the window has a command for them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent

_PAGING = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


def claim(event: QEvent, *keys: Qt.Key) -> bool:
    """Keeps these keys, alone, for the widget whose event() calls this first.

    Qt offers each key as ShortcutOverride to the widget in focus before any shortcut is tried. True
    when event was such an offer and has been accepted.
    """
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    if event.key() not in keys or held:
        return False
    event.accept()
    return True


def claim_paging(event: QEvent) -> bool:
    """Keeps Page Up and Page Down, as claim() does."""
    return claim(event, *_PAGING)
