"""Files of edits: written, and read again."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtCore import QObject

from engine.export.references import Pictures
from engine.records.edits import Edits
from gui.controllers.edits.editing import Editor
from gui.jobs.lanes import Job, Lane
from gui.state.notices import NoticeKind
from gui.state.state import State


class EditFiles(QObject):
    """Writes and reads through the file lane."""

    def __init__(self, state: State, editor: Editor, lane: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._editor = editor
        self._lane = lane

    def write(self, path: Path) -> None:
        """Write the edits of the current image to a file, as JSON."""
        edits, pictures = self._editor.edits, self._state.pictures
        job = Job("Exporting the edits", lambda _watch: _write(path, edits, pictures), keep=True)
        job.finished.connect(
            lambda _path: self._state.notify(NoticeKind.INFO, f"Exported the edits to {path.name}.")
        )
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._lane.submit(job)

    def read(self, path: Path) -> None:
        """Do the edits of a file to the current image, in place of its own."""
        key = self._state.current_key
        if key is None:
            return
        job = Job("Opening the edits", lambda _watch: _read(path))
        job.finished.connect(lambda edits: self._editor.take(key, edits, "open edits"))
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._lane.submit(job)


def text_of(edits: Edits) -> str:
    """The edits as JSON, as the command line writes and replays them."""
    return json.dumps({"edits": edits.facts}, indent=2, ensure_ascii=False)


def _write(path: Path, edits: Edits, pictures: Pictures) -> Path:
    """With what is known of the images that are pasted from, so that they are found again."""
    from engine.export.files import save_json

    save_json(path, {"edits": edits.facts}, pictures)
    return path


def _read(path: Path) -> Edits:
    from engine.edits.reading import read_edits

    return read_edits(path)
