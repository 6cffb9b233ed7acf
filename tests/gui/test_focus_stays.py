"""A button that hides itself leaves the keyboard where it was, and not at the next thing."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget

from engine.records.sources import ModelSource
from gui.settings import table
from tests.gui.user import Key, User


def focused() -> QWidget:
    widget = QApplication.focusWidget()
    assert widget is not None
    return widget


def test_resetting_the_display_stays_in_its_panel(user: User) -> None:
    program = user.start()
    panel = program.window.display
    program.settings.set(table.OPACITY, 0.35)
    user.until(panel._reset.isVisible)
    panel._reset.setFocus()
    user.press(Key.Key_Space)
    user.until(lambda: not panel._reset.isVisible())
    assert focused() is panel._opacity
    assert program.settings.get(table.OPACITY) == table.OPACITY.default


def test_comparing_with_the_expected_class_goes_on_with_its_switch(user: User) -> None:
    program = user.start()
    answer = program.state.answer
    assert answer is not None
    program.controller.expect(answer.predictions[2].index)
    line = program.window.predictions.expected
    user.until(line._compare.isVisible)
    line._compare.setFocus()
    user.press(Key.Key_Space)
    user.until(line._parts.isVisible)
    user.wait_explained()
    assert line._parts.isAncestorOf(focused())


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_space_shows_the_image_after_the_button_of_a_notice(user: User, by: str) -> None:
    """Whoever takes up what a notice offers presses no other button by Space."""
    program = user.start()
    window, state = program.window, program.state
    program.controller.images.select(list(state.images)[4])
    user.until(window.notice._button.isVisible)
    button = window.notice._button
    if by == "mouse":
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    else:
        button.setFocus()
        user.press(Key.Key_Space)
    user.until(lambda: state.model_source == ModelSource("demo:shortcut"))
    user.wait_explained()
    user.until(lambda: not button.isVisible())
    shown = list[bool]()
    window.canvas.bare_changed.connect(shown.append)
    user.press(Key.Key_Space)
    assert shown == [True, False]
    assert not window.findChildren(QFileDialog)
