"""One stack of what can be undone, with words, in the real window."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication

from engine.formats.demo import SCENES
from tests.gui.user import Key, Modifier, User


def text_of(user: User, id: str) -> str:
    return user.program.window.actions_by_id[id].text()


def test_closing_is_undone_and_done_again_with_words(user: User) -> None:
    program = user.start()
    actions = program.window.actions_by_id
    assert not actions["undo"].isEnabled()
    assert not actions["redo"].isEnabled()
    before = set(user.names)
    actions["close_image"].trigger()
    actions["close_all"].trigger()
    assert user.names == []
    assert text_of(user, "undo") == f"Undo: close {len(SCENES) - 1} images"
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert len(user.names) == len(SCENES) - 1
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert set(user.names) == before
    assert not actions["reopen_images"].isEnabled(), "they are open, so none can be reopened"
    assert text_of(user, "redo") == "Redo: close image"
    user.press(Key.Key_Z, Modifier.ControlModifier | Modifier.ShiftModifier)
    assert len(user.names) == len(SCENES) - 1
    user.wait_explained()


def test_reopening_is_a_step_of_the_same_stack(user: User) -> None:
    program = user.start()
    actions = program.window.actions_by_id
    before = set(user.names)
    actions["close_image"].trigger()
    user.press(Key.Key_T, Modifier.ControlModifier | Modifier.ShiftModifier)
    assert set(user.names) == before
    assert text_of(user, "undo") == "Undo: reopen image"
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert len(user.names) == len(before) - 1
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert set(user.names) == before
    assert not actions["undo"].isEnabled()
    user.wait_explained()


def test_a_text_field_undoes_its_own_text(user: User) -> None:
    program = user.start()
    program.window.actions_by_id["close_image"].trigger()
    closed = user.names
    program.window.actions_by_id["find_class"].trigger()
    user.type("star")
    field = QGuiApplication.focusObject()
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert field is not None
    assert field.property("text") != "star"
    assert user.names == closed
    user.wait_explained()


def order(user: User) -> list[str]:
    """The names in the strip, as they stand there."""
    strip = user.program.window.strip
    model = strip._model
    return [str(model.index(row, 0).data()) for row in range(model.rowCount())]


def test_what_is_reopened_stands_where_it_stood(user: User) -> None:
    program = user.start()
    before, shown = list(user.names), order(user)
    first, second, third, *_ = program.state.images
    images = program.controller.images
    images.select(second)
    user.wait_explained()
    user.press(Key.Key_W, Modifier.ControlModifier)
    user.press(Key.Key_T, Modifier.ControlModifier | Modifier.ShiftModifier)
    assert list(user.names) == before
    assert order(user) == shown
    assert program.state.current_key == second
    images.close_many([third, first])
    images.close(second)
    user.press(Key.Key_Z, Modifier.ControlModifier)
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert list(user.names) == before
    assert order(user) == shown
    program.window.actions_by_id["close_all"].trigger()
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert list(user.names) == before
    assert order(user) == shown
    user.wait_explained()


def test_undoing_close_others_keeps_what_is_looked_at(user: User) -> None:
    program = user.start(sweep=True)
    before, shown = list(user.names), order(user)
    key = list(program.state.images)[2]
    program.controller.images.select(key)
    user.wait_explained()
    user.until(lambda: program.state.sweep is not None)
    map, sweep = program.state.explanation, program.state.sweep
    program.window.actions_by_id["close_others"].trigger()
    assert list(program.state.images) == [key]
    assert program.window.notice.text.startswith("Closed")
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert (list(user.names), order(user)) == (before, shown)
    assert program.state.current_key == key
    assert program.state.explanation is map
    assert program.state.sweep is sweep
    assert not program.window.notice.text.startswith("Closed"), "there is nothing to reopen"
    assert program.window.strip._view.currentIndex().row() == 2
