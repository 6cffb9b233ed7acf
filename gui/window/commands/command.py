"""What a command is, and how its text and keys are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table.

    menu: its menu, 'View' or 'View/Colour map'; '' for none. section: the menu has a separator
    where it changes; a menu below it stands in the section of its first command. keys: shortcuts,
    the first is shown. group: name of an exclusive choice. listing: (text, key) for Help > Keyboard
    shortcuts instead of text and keys; ('', '') hides the row. submenu: an empty menu that the
    window fills (recent files). bound: False if the key is handled elsewhere and is only listed
    here. note: a line beside the text in menus.
    """

    id: str
    text: str
    menu: str = ""
    keys: tuple[str, ...] = ()
    icon: str = ""
    tip: str = ""
    checkable: bool = False
    group: str = ""
    section: int = 0
    listing: tuple[str, str] | None = None
    submenu: bool = False
    bound: bool = True
    note: str = ""
    role: QAction.MenuRole = QAction.MenuRole.NoRole


def plain(text: str) -> str:
    """The text of a command outside menus."""
    return text.replace("&", "").removesuffix("…")


def native(keys: Iterable[str]) -> str:
    """Keys in the notation of the platform."""
    shown = QKeySequence.SequenceFormat.NativeText
    return ", ".join(QKeySequence(key).toString(shown) for key in keys)
