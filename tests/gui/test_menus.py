"""The menus of the real window: none is too high, and each entry has a letter while it is open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from gui.toolkit import mnemonics
from tests.gui.user import Key, Modifier, User

SMALLEST = 450
"""Pixels of the lowest screen: 900 at 200 %."""


def menus_of(user: User) -> Iterator[QMenu]:
    for action in user.program.window.menuBar().actions():
        menu = action.menu()
        assert isinstance(menu, QMenu)
        yield from below(menu)


def below(menu: QMenu) -> Iterator[QMenu]:
    yield menu
    for action in menu.actions():
        inner = action.menu()
        if isinstance(inner, QMenu):
            yield from below(inner)


def letters(actions: list[QAction]) -> list[str]:
    named = [one for one in actions if one.text()]
    return [QKeySequence.mnemonic(one.text().partition("\t")[0]).toString() for one in named]


def test_no_menu_is_higher_than_a_small_screen(user: User) -> None:
    user.start()
    heights = {menu.title(): menu.sizeHint().height() for menu in menus_of(user)}
    assert {title for title, height in heights.items() if height > SMALLEST} == set()


def test_every_entry_of_every_menu_has_a_letter_of_its_own(user: User) -> None:
    user.start()
    bar = letters(user.program.window.menuBar().actions())
    assert len(set(bar)) == len(bar)
    assert all(bar)
    for menu in menus_of(user):
        names = [action.text() for action in menu.actions()]
        menu.aboutToShow.emit()
        found = letters(menu.actions())
        assert all(found), menu.title()
        assert len(set(found)) == len(found), menu.title()
        menu.aboutToHide.emit()
        assert [action.text() for action in menu.actions()] == names
        assert not any("&" in name for name in names if "&&" not in name)


def test_a_menu_is_operated_by_letters_alone(user: User) -> None:
    """Alt+V, K, P pins the class: View > Keep > Pin class."""
    program = user.start()
    window = program.window
    pinned = window.actions_by_id["pin_class"]
    user.until(pinned.isEnabled)
    before = pinned.isChecked()
    QTest.keyClick(window, Key.Key_V, Modifier.AltModifier)
    for key in (Key.Key_K, Key.Key_P):
        open_menu = QApplication.activePopupWidget()
        assert isinstance(open_menu, QMenu)
        QTest.keyClick(open_menu, key)
    user.until(lambda: pinned.isChecked() != before)
    assert pinned.text() == "Pin class"


def test_a_menu_of_the_picture_has_letters_while_it_is_open(user: User) -> None:
    window = user.start().window
    window.canvas.menu_wanted.emit(window.canvas.mapToGlobal(QPoint(9, 9)))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    found = letters(menu.actions())
    assert found
    assert all(found)
    assert len(set(found)) == len(found)
    menu.close()
    assert "&" not in window.actions_by_id["copy"].text()


def test_what_is_used_most_has_its_first_letter(user: User) -> None:
    window = user.start().window
    window.actions_by_id.menu("File").aboutToShow.emit()
    for id in ("open_image", "save_session", "export", "close_image", "quit"):
        action = window.actions_by_id[id]
        assert action.text().startswith("&"), action.text()


@pytest.mark.parametrize(
    ("texts", "chosen"),
    [
        (["Open images…", "Open folder…", "Copy image", "Close"], "ofcl"),
        (["Prediction 1", "Prediction 2"], "12"),
        (["Jet, 40 %", "Jet of squares, 40 %"], "jo"),
        (["cats && dogs", "Überblick", "漢字"], "cü漢"),
        (["Export\tCtrl+E", "Exit"], "ex"),
    ],
)
def test_which_letters_are_chosen(texts: list[str], chosen: str) -> None:
    places = mnemonics.places(texts)
    given = [text[place].lower() for text, place in zip(texts, places, strict=True)]
    assert "".join(given) == chosen


def test_one_gives_way_so_that_all_have_a_letter() -> None:
    """By their order alone, 'ab' takes the only letter that 'a' has."""
    assert mnemonics.places(["ab", "a"]) == [1, 0]
    assert mnemonics.places(["ab", "a", "b"]).count(-1) == 1
