"""The context menu of a class: questions about it, and that the image is of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QMenu, QWidget

from gui.toolkit import mnemonics, plain_text


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the entries do: each with the class, expect with None to forget it.

    no_contrast, no_counter: why these questions cannot be asked; '' if they can.
    """

    explain: Callable[[int], object]
    contrast: Callable[[int], object]
    counter: Callable[[int], object]
    expect: Callable[[int | None], object]
    no_contrast: str = ""
    no_counter: str = ""


def menu_for(
    index: int, explained: int | None, expected: int | None, wishes: Wishes, parent: QWidget
) -> QMenu:
    """A menu that deletes itself.

    index: the class that it is about. explained, expected: those classes, None if unknown.
    """
    menu = mnemonics.passing_menu(parent)
    menu.setToolTipsVisible(True)
    menu.addAction("Explain this class").triggered.connect(lambda: wishes.explain(index))
    contrast = menu.addAction("Explain against the current class")
    contrast.setEnabled(explained is not None and explained != index and not wishes.no_contrast)
    contrast.setToolTip(plain_text.tip(wishes.no_contrast))
    contrast.triggered.connect(lambda: wishes.contrast(index))
    counter = menu.addAction("What speaks against it")
    counter.setEnabled(not wishes.no_counter)
    counter.setToolTip(plain_text.tip(wishes.no_counter))
    counter.triggered.connect(lambda: wishes.counter(index))
    menu.addSeparator()
    if index == expected:
        forget = menu.addAction("Not the expected class")
        forget.triggered.connect(lambda: wishes.expect(None))
    else:
        expect = menu.addAction("Set as expected class")
        expect.triggered.connect(lambda: wishes.expect(index))
    return menu
