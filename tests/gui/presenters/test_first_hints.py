"""The hints of the first start: where they are, and that they go for good."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from engine.formats.demo import SCENES
from gui import settings as table
from gui.presenters.first_hints import LAYERS, OWN_FILES
from gui.widgets.bars.hint_card import HintCard
from tests.gui.seat import Seat, child


def cards(seat: Seat) -> dict[str, HintCard]:
    window = seat.program.window
    return {one.text: one for one in window.findChildren(HintCard) if one.isVisible()}


def test_three_hints_each_closed_for_good(seat: Seat) -> None:
    program = seat.start()
    assert set(cards(seat)) == {LAYERS, OWN_FILES}
    assert program.window.notice.text == SCENES[0].invitation
    rows = seat.tree().geometry()
    child(cards(seat)[OWN_FILES], QToolButton).click()
    assert set(cards(seat)) == {LAYERS}
    assert seat.tree().geometry() == rows
    child(program.window.notice, QToolButton).click()
    seat.leave()

    program = seat.start()
    assert set(cards(seat)) == {LAYERS}
    assert program.window.notice.text == ""
    child(cards(seat)[LAYERS], QToolButton).click()
    seat.leave()

    program = seat.start()
    assert not cards(seat)
    program.settings.reset()
    assert set(cards(seat)) == {LAYERS, OWN_FILES}
    assert program.settings.get(table.HINTS_SEEN) == ()


def test_whoever_clicks_a_layer_knows_that(seat: Seat) -> None:
    program = seat.start()
    program.window.tree.select("layer1")
    assert set(cards(seat)) == {LAYERS, OWN_FILES}, "nobody clicked"
    view = seat.tree()
    room = view.rect()
    row = view.visualRect(program.window.tree._model.index_of("layer2"))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=row.center())
    seat.until(lambda: seat.layer == "layer2")
    assert set(cards(seat)) == {OWN_FILES}
    assert view.rect().contains(room), "the rows lost room"
    seat.leave()

    seat.start()
    assert set(cards(seat)) == {OWN_FILES}


def test_a_hint_is_told_to_screen_readers_and_reached_by_keyboard(seat: Seat) -> None:
    seat.start()
    card = cards(seat)[LAYERS]
    assert card.accessibleDescription() == LAYERS
    close = child(card, QToolButton)
    assert LAYERS in close.accessibleName()
    close.setFocus()
    seat.until(close.hasFocus)
