"""What a person writes about images and parts of them; kept with the image, in the session."""

from __future__ import annotations

from PySide6.QtCore import QObject

from engine.records.images import Note
from gui.state.notices import NOTE_BACK, NoticeKind
from gui.state.state import State

MOST_NOTES = 1_000
"""Of one image."""


class Notes(QObject):
    """Fills the notes of the state's images."""

    def __init__(self, state: State, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._removed: tuple[str, int, Note] | None = None

    def add(self, key: str, note: Note) -> None:
        """Add a note to an image, behind the others."""
        image = self._state.images.get(key)
        if image is None:
            return
        if len(image.notes) >= MOST_NOTES:
            words = f"An image has at most {MOST_NOTES:,} notes. Remove one to add another."
            self._state.notify(NoticeKind.INFO, words)
            return
        self._set(key, (*image.notes, note))

    def change(self, key: str, place: int, note: Note) -> None:
        """Put another note in the place of one, from 0."""
        notes = self._notes(key)
        if place < len(notes) and notes[place] != note:
            self._set(key, (*notes[:place], note, *notes[place + 1 :]))

    def remove(self, key: str, place: int) -> None:
        """Remove a note, from 0; bring_back undoes that."""
        notes = self._notes(key)
        if place < len(notes):
            self._removed = key, place, notes[place]
            self._set(key, (*notes[:place], *notes[place + 1 :]))
            if notes[place].text:
                self._state.notify(NoticeKind.INFO, "Removed a note.", NOTE_BACK)

    def bring_back(self) -> None:
        """Put the note back that was removed last."""
        if self._removed is not None:
            (key, place, note), self._removed = self._removed, None
            notes = self._notes(key)
            self._set(key, (*notes[:place], note, *notes[place:]))

    def _notes(self, key: str) -> tuple[Note, ...]:
        image = self._state.images.get(key)
        return image.notes if image is not None else ()

    def _set(self, key: str, notes: tuple[Note, ...]) -> None:
        image = self._state.images.get(key)
        if image is not None:
            image.notes = notes
            self._state.notes_changed.emit(key)
