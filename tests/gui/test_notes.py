"""Notes on images and parts of them: written, found, kept and exported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QPushButton

from engine.formats.demo import SCENES
from engine.records.exports import ExportChoice
from engine.records.images import Note, Region
from engine.records.sources import ModelSource
from gui.controllers.models import NamedModel
from gui.widgets.notes.editor import NoteEditor
from tests.gui.user import User, child

SHAPES = NamedModel(ModelSource("demo:shapes"))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return [
        Path(shutil.copy(scene.path, tmp_path / f"{n}.jpg")) for n, scene in enumerate(SCENES[:3])
    ]


def editor(user: User) -> NoteEditor:
    """The editor, opened as the menu does."""
    user.program.window.actions_by_id["add_note"].trigger()
    notes = child(user.program.window, NoteEditor)
    user.until(child(notes, QPlainTextEdit).hasFocus)
    return notes


def write(notes: NoteEditor, text: str) -> None:
    QTest.keyClicks(child(notes, QPlainTextEdit), text)


def press(notes: NoteEditor, text: str) -> None:
    next(b for b in notes.findChildren(QPushButton) if b.text() == text).click()


def drag(user: User, start: tuple[float, float], end: tuple[float, float]) -> None:
    """With the left button over the picture, in pixels of the image."""
    canvas = user.program.window.canvas
    places = [canvas.mapFromScene(QPointF(*place)) for place in (start, end)]
    view, left = canvas.viewport(), Qt.MouseButton.LeftButton
    QTest.mousePress(view, left, pos=places[0])
    QTest.mouseMove(view, QPoint(places[0] + QPoint(5, 5)))
    QTest.mouseMove(view, places[1])
    QTest.mouseRelease(view, left, pos=places[1])


def noted(user: User) -> tuple[Note, ...]:
    current = user.program.state.current
    assert current is not None
    return current.notes


def test_notes_are_kept_letter_by_letter_and_found(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures, model=SHAPES)
    notes = editor(user)
    write(notes, "The Mark of the vendor")
    assert noted(user) == (Note("The Mark of the vendor"),)
    press(notes, "New note")
    write(notes, "second")
    assert [note.text for note in noted(user)] == ["The Mark of the vendor", "second"]

    program.controller.images.step(1)
    user.wait_explained()
    assert child(notes, QPlainTextEdit).toPlainText() == ""
    write(notes, "about another image")
    program.controller.images.step(-1)
    assert child(notes, QPlainTextEdit).toPlainText() == "The Mark of the vendor"

    strip = program.window.strip
    first, second, third = strip.keys()
    program.window.actions_by_id["find_image"].trigger()
    search = child(strip, QLineEdit)
    for text, found in (
        ("mark vendor", (first,)),
        ("another", (second,)),
        ("2.jpg", (third,)),
        ("nothing of the kind", ()),
        ("", (first, second, third)),
    ):
        search.setText(text)
        assert strip.found == found, text


def test_a_note_is_about_a_part_that_is_drawn(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures[:1], model=SHAPES)
    notes = editor(user)
    write(notes, "this corner")
    press(notes, "Mark a part")
    drag(user, (20.0, 30.0), (80.0, 70.0))
    (note,) = noted(user)
    assert note.part is not None
    assert (note.part.x, note.part.y) == pytest.approx((20, 30), abs=2)
    assert (note.part.width, note.part.height) == pytest.approx((60, 40), abs=3)
    assert len(program.window.region_tool.rectangles) == 1
    # Beyond the edge there is nothing to mark.
    press(notes, "New note")
    press(notes, "Mark a part")
    image = program.state.current
    assert image is not None
    assert image.loaded is not None
    width, height = image.loaded.width, image.loaded.height
    drag(user, (width - 40.0, height - 30.0), (width + 60.0, height + 60.0))
    write(notes, "the other corner")
    part = noted(user)[1].part
    assert part is not None
    assert (part.x + part.width, part.y + part.height) == (width, height)
    press(notes, "Whole image")
    assert noted(user)[1].part is None
    notes.close()
    assert program.window.region_tool.rectangles == ()


def test_esc_ends_drawing_and_keeps_the_note(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures[:1], model=SHAPES)
    notes = editor(user)
    write(notes, "x")
    press(notes, "Mark a part")
    assert program.window.region_tool.on
    program.window.actions_by_id["cancel"].trigger()
    assert not program.window.region_tool.on
    assert noted(user) == (Note("x"),)


def test_a_removed_note_comes_back(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures[:1], model=SHAPES)
    notes = editor(user)
    write(notes, "keep me")
    press(notes, "Remove")
    assert noted(user) == ()
    program.window.notice.acted.emit("Undo", "")
    assert noted(user) == (Note("keep me"),)


def test_a_note_without_text_goes_when_the_editor_is_closed(
    user: User, pictures: list[Path]
) -> None:
    user.start(*pictures[:1], model=SHAPES)
    notes = editor(user)
    write(notes, "x")
    child(notes, QPlainTextEdit).clear()
    assert noted(user) == (Note(""),)
    notes.close()
    assert noted(user) == ()


def test_notes_survive_a_restart_and_are_exported(
    user: User, pictures: list[Path], tmp_path: Path
) -> None:
    program = user.start(*pictures, model=SHAPES)
    key = next(iter(program.state.images))
    program.controller.notes.add(key, Note("seen", Region(1.0, 2.0, 30.0, 40.0)))
    user.leave()
    program = user.start()
    assert noted(user) == (Note("seen", Region(1.0, 2.0, 30.0, 40.0)),)
    with user.qtbot.waitSignal(program.controller.exports.written, timeout=15_000):
        program.export(ExportChoice(None, None, tmp_path / "facts.json", False, False))
    facts = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))
    assert facts["notes"] == [{"text": "seen", "part": [1.0, 2.0, 30.0, 40.0]}]
