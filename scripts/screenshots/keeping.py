"""Pictures of sessions and notes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from engine.formats.demo import SCENES
from engine.records.images import Note, Region
from gui.widgets.notes.editor import NoteEditor
from gui.widgets.sessions.missing import MissingDialog
from scripts.screenshots.shots import shot

if TYPE_CHECKING:
    from scripts.screenshots.stage import Stage

_NAMES = ("batch 1/ring.jpg", "batch 1/hexagon.jpg", "batch 2/crescent.jpg", "batch 2/triangle.jpg")


def _pictures(folder: Path) -> list[Path]:
    """Four scenes as somebody's own images, in two folders."""
    paths = [folder / name for name in _NAMES]
    for path, scene in zip(paths, SCENES, strict=False):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(scene.path, path)
    return paths


def _over(stage: Stage, panel: QWidget) -> None:
    """Put a window in the middle of the picture, where the desktop would put it."""
    around = stage.window.panes
    middle = around.mapToGlobal(around.rect().center())
    panel.move(middle - panel.rect().center())


@shot("session-missing", packed=True)
def session_missing(stage: Stage, path: Path) -> None:
    folder = stage.folder / "study"
    paths = _pictures(folder)
    stage.start(paths)
    stage.open_model("demo:shapes")
    stage.choose_image("hexagon.jpg")
    sessions = stage.controller.sessions
    session = folder / "vendor marks.hookscope"
    sessions.save(session)
    stage.until(lambda: stage.state.session == session, "the session")
    for gone in paths[2:]:
        gone.unlink()
    sessions.open(session)
    stage.until(lambda: bool(sessions.missing.files), "the missing files")
    stage.until(lambda: sessions.restorer.pending is None, "the session")
    stage.hide_notice()
    stage.until(lambda: not stage.window.notice.isVisible(), "room for the picture")
    stage.settled()
    dialog = stage.window.findChild(MissingDialog)
    assert isinstance(dialog, MissingDialog)
    _over(stage, dialog)
    stage.shoot_with(dialog, path)


@shot("notes", packed=True)
def notes(stage: Stage, path: Path) -> None:
    stage.start(_pictures(stage.folder / "study"))
    stage.open_model("demo:shapes")
    stage.hide_notice()
    first, second = list(stage.state.images)[:2]
    written = (
        Note("Why does the ring count for so little?", Region(580.0, 345.0, 330.0, 330.0)),
        Note("Taken again on Monday"),
    )
    for note in written:
        stage.controller.notes.add(first, note)
    stage.controller.notes.add(second, Note("Compare with the crescent"))
    stage.window.actions_by_id["add_note"].trigger()
    editor = stage.window.findChild(NoteEditor)
    assert isinstance(editor, NoteEditor)
    editor.choose(0)
    stage.settled()
    stage.shoot_with(editor, path)
