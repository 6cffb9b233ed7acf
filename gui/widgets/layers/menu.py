"""The context menu of the layer tree: copy the name, ask about a channel, fuse maps, choose the
layout of the output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtGui import QActionGroup, QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from engine.escaping import plain
from engine.records.models import LayerNode, Layout
from gui.toolkit import mnemonics, plain_text
from gui.widgets.layers.rows import LAYOUT_TITLES

_NUMBERS: Final = {Layout.CHANNELS_FIRST: 3, Layout.CHANNELS_LAST: 3, Layout.TOKENS: 2}
"""The number of dimensions, without the batch dimension, in each layout."""

Choose = Callable[[str, Layout | None], None]


@dataclass(frozen=True, slots=True)
class Fusing:
    """What the menu offers to do with the fused map: text, why it cannot be done ('' if it can),
    and what does it."""

    text: str
    reason: str
    do: Callable[[], None]


def menu_for(
    node: LayerNode,
    address: str,
    choose: Choose,
    parent: QWidget,
    fusing: Fusing | None = None,
    ask: Callable[[str], object] | None = None,
) -> QMenu:
    """A menu that deletes itself. choose(layer, layout): None stands for detection. ask(address):
    for a channel of the layer; None where it has none."""
    menu = mnemonics.passing_menu(parent)
    copy = menu.addAction("Copy name")
    # In a terminal, a pasted line break would act as Enter, so it is escaped as in the tree.
    copied = plain(address, None)
    copy.triggered.connect(lambda: QGuiApplication.clipboard().setText(copied))
    if ask is not None:
        channel = menu.addAction("Ask about a channel…")
        channel.triggered.connect(lambda: ask(address))
    if fusing is not None:
        menu.setToolTipsVisible(True)
        fuse = menu.addAction(plain_text.entry(fusing.text))
        fuse.setEnabled(not fusing.reason)
        fuse.setToolTip(plain_text.tip(fusing.reason))
        fuse.triggered.connect(fusing.do)
    if node.shape is not None:
        menu.addMenu(_layouts(node, choose, menu))
    return menu


def _layouts(node: LayerNode, choose: Choose, parent: QMenu) -> QMenu:
    menu = QMenu("Interpret output as", parent)
    group = QActionGroup(menu)
    for layout, numbers in _NUMBERS.items():
        action = menu.addAction(plain_text.entry(LAYOUT_TITLES[layout]))
        action.setCheckable(True)
        action.setChecked(node.layout is layout)
        action.setEnabled(node.shape is not None and len(node.shape) == numbers)
        action.triggered.connect(lambda _on=False, layout=layout: choose(node.name, layout))
        group.addAction(action)
    menu.addSeparator()
    found = menu.addAction("Detect automatically")
    found.triggered.connect(lambda: choose(node.name, None))
    return menu
