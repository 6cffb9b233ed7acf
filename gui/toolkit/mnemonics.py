"""Gives the entries of a menu a letter each, by which they are chosen while it is open.

Letters are chosen when a menu opens, since entries come, go and change their words, and the same
entry stands in several menus. They are taken away when it closes: elsewhere the text of an action
is its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu, QWidget

_MARK: Final = re.compile("&(&?)")
_HAS: Final = "has_mnemonics"


def add_to(menu: QMenu) -> QMenu:
    """Give letters to a menu and all below it whenever they open. Returns the menu.

    What fills a menu as it opens has to be connected before.
    """
    if not menu.property(_HAS):
        menu.setProperty(_HAS, True)
        _Letters(menu)
    return menu


def passing_menu(parent: QWidget) -> QMenu:
    """A menu with letters that deletes itself when it closes."""
    menu = add_to(QMenu(parent))
    menu.aboutToHide.connect(menu.deleteLater)
    return menu


def places(texts: Sequence[str]) -> list[int]:
    """For each text, the index of its letter or digit, which no other one has; -1 if none is left.

    The first letter is preferred, then those that other words begin with. '&&' stands for '&'.
    """
    found = [-1] * len(texts)
    owner: dict[str, int] = {}
    choices = [_choices(text) for text in texts]
    for level in range(3):
        for number, text in enumerate(texts):
            for rank, place in choices[number]:
                if found[number] < 0 and rank <= level and text[place].lower() not in owner:
                    owner[text[place].lower()] = number
                    found[number] = place
    for number, place in enumerate(found):
        if place < 0:
            _make_room(number, texts, choices, owner, found, set())
    return found


def _make_room(
    number: int,
    texts: Sequence[str],
    choices: Sequence[Sequence[tuple[int, int]]],
    owner: dict[str, int],
    found: list[int],
    tried: set[str],
) -> bool:
    """Find a letter, for which others may have to change theirs; whether there is one.

    Asked first are those that have no letter of their choice either.
    """

    def hardship(choice: tuple[int, int]) -> int:
        other = owner.get(texts[number][choice[1]].lower())
        ranks = {} if other is None else {place: rank for rank, place in choices[other]}
        return -ranks.get(found[other], 0) if other is not None else -3

    for _, place in sorted(choices[number], key=hardship):
        letter = texts[number][place].lower()
        if letter in tried:
            continue
        tried.add(letter)
        if letter not in owner or _make_room(owner[letter], texts, choices, owner, found, tried):
            owner[letter] = number
            found[number] = place
            return True
    return False


def _choices(text: str) -> list[tuple[int, int]]:
    """(rank, index) of all letters and digits, best first. A number at the end goes first: it is
    what tells entries apart that are alike otherwise."""
    named = text.partition("\t")[0]
    starts = [found.start() for found in re.finditer(r"[^\W_]+", named)]
    last = re.search(r"(?<=\s)\d$", named)
    first = last.start() if last else starts[0] if starts else -1
    ranks = {place: 2 for place, letter in enumerate(named) if letter.isalnum()}
    ranks |= dict.fromkeys(starts, 1) | ({first: 0} if starts else {})
    return sorted((rank, place) for place, rank in ranks.items())


class _Letters(QObject):
    def __init__(self, menu: QMenu) -> None:
        super().__init__(menu)
        self._menu = menu
        self._names: dict[str, str] = {}
        menu.aboutToShow.connect(self._give)
        menu.aboutToHide.connect(self._take)

    def _give(self) -> None:
        self._names.clear()
        entries = [action for action in self._menu.actions() if action.text()]
        names = [_MARK.sub(lambda mark: mark[0] if mark[1] else "", one.text()) for one in entries]
        for action, name, place in zip(entries, names, places(names), strict=True):
            if place >= 0:
                given = f"{name[:place]}&{name[place:]}"
                self._names[given] = name
                action.setText(given)
        for below in self._below():
            add_to(below)

    def _take(self) -> None:
        for action in self._menu.actions():
            # What was changed meanwhile has no letter.
            if (name := self._names.get(action.text())) is not None:
                action.setText(name)

    def _below(self) -> Iterator[QMenu]:
        for action in self._menu.actions():
            below = action.menu()
            if isinstance(below, QMenu):
                yield below
