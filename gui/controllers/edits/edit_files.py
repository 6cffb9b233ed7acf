"""Files of edits: written, and read again."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from engine.export.references import Pictures
from engine.records.edits import Edits, Paste
from engine.records.images import LoadedImage
from gui.controllers.edits.editing import Editor
from gui.controllers.edits.making import opened_images
from gui.jobs.edit_work import Opened, others_of
from gui.jobs.lanes import Job, Lane, Watch
from gui.state.notices import NoticeKind
from gui.state.state import State

if TYPE_CHECKING:
    from engine.edits.told import Told

UNTOLD = "What the names of DICOM files say of patients was left out"
FOUND_AGAIN = (
    f"{UNTOLD}: these files are found again among the open images, and in the folder of the edits."
)


class EditFiles(QObject):
    """Writes and reads through the file lane."""

    def __init__(self, state: State, editor: Editor, lane: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._editor = editor
        self._lane = lane

    def write(self, path: Path) -> None:
        """Write the edits of the current image to a file, as JSON."""
        pictures, told = self._state.pictures, self._told()

        def said(written: Told) -> None:
            more = f" {FOUND_AGAIN}" if written.names else ""
            self._state.notify(NoticeKind.INFO, f"Exported the edits to {path.name}.{more}")

        self._submit(
            "Exporting the edits",
            lambda watch: _write(path, told(watch), pictures),
            said,
            keep=True,
        )

    def text(self, done: Callable[[str], None]) -> None:
        """Hand over the edits of the current image as JSON, as the command line replays them."""

        def said(written: Told) -> None:
            done(json.dumps({"edits": written.edits.facts}, indent=2, ensure_ascii=False))
            more = f" {UNTOLD}." if written.names else ""
            self._state.notify(NoticeKind.INFO, f"Copied the edits as JSON.{more}")

        edits = self._editor.edits
        if any(isinstance(step, Paste) for step in edits.steps):
            self._submit("Copying the edits", self._told(), said)
        else:
            from engine.edits.told import Told

            said(Told(edits, {}))

    def read(self, path: Path) -> None:
        """Do the edits of a file to the current image, in place of its own."""
        key = self._state.current_key
        if key is None:
            return
        alike = tuple(self._state.keys_by_path)
        self._submit(
            "Opening the edits",
            lambda _watch: _read(path, alike),
            lambda edits: self._editor.take(key, edits, "open edits"),
        )

    def _told(self) -> Callable[[Watch], Told]:
        """Makes the edits of the current image as they may be told."""
        image, edits = self._state.current, self._editor.edits
        loaded = image.loaded if image is not None else None
        return partial(_told, edits, loaded, opened_images(self._state))

    def _submit(
        self,
        title: str,
        work: Callable[[Watch], object],
        done: Callable[..., None],
        *,
        keep: bool = False,
    ) -> None:
        job = Job(title, work, keep=keep)
        job.finished.connect(done)
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._lane.submit(job)


def _told(edits: Edits, image: LoadedImage | None, opened: Opened, watch: Watch) -> Told:
    from engine.edits.told import Told, told, with_sources

    if image is None or not any(isinstance(step, Paste) for step in edits.steps):
        return Told(edits, {})
    return told(edits, with_sources(image, edits, others_of(opened, watch)))


def _write(path: Path, told: Told, pictures: Pictures) -> Told:
    """With what is known of the images that are pasted from, so that they are found again."""
    from engine.export.files import save_json

    save_json(path, {"edits": told.edits.facts}, pictures, told.names)
    return told


def _read(path: Path, alike: tuple[Path, ...]) -> Edits:
    from engine.edits.reading import read_edits

    return read_edits(path, alike)
