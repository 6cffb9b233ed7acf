"""A button that hides itself leaves the keyboard where it was, and not at the next thing."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QWidget

from gui import settings as table
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
