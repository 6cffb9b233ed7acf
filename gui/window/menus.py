"""The context menus, made from the table of commands.

A menu is a list of sections, each a list of ids. An entry is about what was clicked where its
handler gives it one (see fill), else about what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

CANVAS: Final = "canvas"
STRIP: Final = "strip"
TREE: Final = "tree"
PREDICTIONS: Final = "predictions"

COMPARE: Final[Mapping[str, tuple[str, ...]]] = {
    CANVAS: ("compare", "compare_bare"),
    STRIP: ("compare",),
    TREE: (),
    PREDICTIONS: (),
}
"""The commands that compare with what was clicked: a section of their own in each menu. Those of
layers and classes stand first, and name what they are about."""

_SECTIONS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    CANVAS: (
        ("fit", "actual_size"),
        COMPARE[CANVAS],
        ("add_note", "levels_auto", "previous_page", "next_page"),
        ("copy", "copy_script", "save_script", "export", "reveal_image"),
        ("close_image", "close_others", "close_all"),
    ),
    STRIP: (
        COMPARE[STRIP],
        ("add_note",),
        ("copy", "export"),
        ("copy_path", "reveal_image"),
        ("close_image", "close_others", "close_all", "reopen_images"),
    ),
    TREE: (COMPARE[TREE], ("copy", "export"), ("reveal_model",)),
    PREDICTIONS: (COMPARE[PREDICTIONS], ("copy_class", "pin_class"), ("copy", "export")),
}

_WHERE_POSSIBLE: Final = frozenset(
    ("levels_auto", "previous_page", "next_page", "reopen_images", "reveal_model")
)
"""Left out while they are disabled; others are shown greyed."""


def fill(
    menu: QMenu,
    place: str,
    actions: Mapping[str, QAction],
    own: Mapping[str, Callable[[], object] | None] | None = None,
) -> None:
    """Add the entries of a place to a menu.

    own: what an entry does that is about what was clicked, by its id; None greys it.
    """
    handlers = own or {}
    for section in _SECTIONS[place]:
        entries = [
            _about(actions[id], handlers[id], menu) if id in handlers else actions[id]
            for id in section
        ]
        entries = [
            entry
            for id, entry in zip(section, entries, strict=True)
            if entry.isEnabled() or id not in _WHERE_POSSIBLE
        ]
        if entries and not menu.isEmpty():
            menu.addSeparator()
        menu.addActions(entries)


def _about(known: QAction, handler: Callable[[], object] | None, menu: QMenu) -> QAction:
    """An entry that looks like a command and does this."""
    entry = QAction(known.icon(), known.text(), menu)
    entry.setToolTip(known.toolTip())
    entry.setEnabled(handler is not None)
    if handler is not None:
        entry.triggered.connect(lambda _checked=False: handler())
    return entry
