"""The hints of the first start: where they are, and that they go for good."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from engine.formats.demo import SCENES
from gui.presenters.first_hints import LAYERS, OWN_FILES
from gui.settings import table
from gui.toolkit.controls.hint_card import HintCard
from tests.gui.user import User, child


def cards(user: User) -> dict[str, HintCard]:
    window = user.program.window
    return {one.text: one for one in window.findChildren(HintCard) if one.isVisible()}


def test_three_hints_each_closed_for_good(user: User) -> None:
    program = user.start()
    assert set(cards(user)) == {LAYERS, OWN_FILES}
    assert program.window.notice.text == SCENES[0].invitation
    rows = user.tree().geometry()
    child(cards(user)[OWN_FILES], QToolButton).click()
    assert set(cards(user)) == {LAYERS}
    assert user.tree().geometry() == rows
    child(program.window.notice, QToolButton).click()
    user.leave()

    program = user.start()
    assert set(cards(user)) == {LAYERS}
    assert program.window.notice.text == ""
    child(cards(user)[LAYERS], QToolButton).click()
    user.leave()

    program = user.start()
    assert not cards(user)
    program.settings.reset()
    assert set(cards(user)) == {LAYERS, OWN_FILES}
    assert program.settings.get(table.HINTS_SEEN) == ()


def test_whoever_clicks_a_layer_knows_that(user: User) -> None:
    program = user.start()
    program.window.tree.select("layer1")
    assert set(cards(user)) == {LAYERS, OWN_FILES}, "nobody clicked"
    view = user.tree()
    room = view.rect()
    row = view.visualRect(program.window.tree._model.index_of("layer2"))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=row.center())
    user.until(lambda: user.layer == "layer2")
    assert set(cards(user)) == {OWN_FILES}
    assert view.rect().contains(room), "the rows lost room"
    user.leave()

    user.start()
    assert set(cards(user)) == {OWN_FILES}


def test_a_hint_is_told_to_screen_readers_and_reached_by_keyboard(user: User) -> None:
    user.start()
    card = cards(user)[LAYERS]
    assert card.accessibleDescription() == LAYERS
    close = child(card, QToolButton)
    assert LAYERS in close.accessibleName()
    close.setFocus()
    user.until(close.hasFocus)


def test_a_hint_leaves_rows_to_click(user: User) -> None:
    """On a screen of 900 pixels at 200 %, with the inspector open, there is no room for both."""
    program = user.start()
    program.window.resize(1280, 800)
    user.until(lambda: LAYERS in cards(user))
    program.window.resize(720, 450)
    program.window.actions_by_id["inspector"].trigger()
    user.until(lambda: LAYERS not in cards(user))
    assert user.tree().viewport().height() >= 3 * user.tree().sizeHintForRow(0)
    program.window.actions_by_id["inspector"].trigger()
    program.window.resize(1280, 800)
    user.until(lambda: LAYERS in cards(user))
    child(cards(user)[LAYERS], QToolButton).click()
    program.window.resize(720, 450)
    program.window.resize(1280, 800)
    user.settle()
    assert LAYERS not in cards(user), "dismissed for good"
