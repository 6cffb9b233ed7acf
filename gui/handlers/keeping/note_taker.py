"""Handles the notes: the editor beside the picture, and the parts that they are about."""

from __future__ import annotations

from PySide6.QtCore import QObject

from engine.records.images import Note, Region
from gui.controllers.keeping.notes import Notes
from gui.state.notices import NOTE_BACK
from gui.state.state import State
from gui.widgets.canvas.region_tool import RegionTool
from gui.widgets.notes.editor import NoteEditor
from gui.window.main_window import MainWindow


class NoteTaker(QObject):
    """Shows the notes on the current image, and passes on what the user writes."""

    def __init__(self, window: MainWindow, state: State, notes: Notes) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._notes = notes
        self._tool: RegionTool = window.region_tool
        self._editor: NoteEditor | None = None
        self._key: str | None = None
        self._tool.drawn.connect(self._drawn)
        self._tool.given_up.connect(lambda: self._want_region(False))
        window.actions_by_id.connect({"add_note": self.begin})
        window.notice.acted.connect(self._acted)
        state.notes_changed.connect(self._changed)
        state.current_changed.connect(self._show_current)
        for changed in (state.current_changed, state.image_added, state.image_removed):
            changed.connect(self._show_actions)
        self._show_actions()

    def begin(self) -> None:
        """Let the user write a note on the current image."""
        if self._state.current is None:
            return
        if self._editor is None:
            self._editor = editor = NoteEditor(self._window)
            editor.added.connect(self._add)
            editor.changed.connect(self._change)
            editor.removed.connect(self._remove)
            editor.region_wanted.connect(self._want_region)
            editor.chosen.connect(self._show_parts)
            editor.finished.connect(self._closed)
        if not self._editor.isVisible():
            self._editor.show()
            self._place(self._editor)
            self._key = None
            self._show_current()
        self._editor.begin()
        self._editor.activateWindow()

    def _place(self, editor: NoteEditor) -> None:
        """At the right edge of the picture, which it covers least there."""
        panes = self._window.panes
        corner = panes.mapToGlobal(panes.rect().topRight())
        editor.move(corner.x() - editor.width() - 16, corner.y() + 48)

    @property
    def editing(self) -> bool:
        """Whether the editor is there."""
        return self._editor is not None and self._editor.isVisible()

    def leave(self) -> bool:
        """Stop drawing; whether that was under way."""
        on = self._tool.on
        if on:
            self._want_region(False)
        return on

    # --- what the user writes --------------------------------------------------------------------

    def _add(self, note: Note) -> None:
        if self._key is not None:
            self._notes.add(self._key, note)

    def _change(self, place: int, note: Note) -> None:
        if self._key is not None:
            self._notes.change(self._key, place, note)

    def _remove(self, place: int) -> None:
        if self._key is not None:
            self._notes.remove(self._key, place)

    def _want_region(self, on: bool) -> None:
        self._tool.set_on(on)
        if self._editor is not None and not on:
            self._editor.set_part(self._editor.part)

    def _drawn(self, part: Region) -> None:
        if self._editor is not None:
            self._editor.set_part(part)
            self._show_parts()

    def _acted(self, action: str) -> None:
        if action == NOTE_BACK:
            self._notes.bring_back()

    # --- what is shown ---------------------------------------------------------------------------

    def _show_current(self) -> None:
        if self._editor is None or not self._editor.isVisible():
            return
        image = self._state.current
        self._tool.set_on(False)
        if image is None:
            self._editor.close()
        elif image.key != self._key:
            self._key = image.key
            self._editor.show_image(image.title or image.name, image.notes)
            self._show_parts()

    def _changed(self, key: str) -> None:
        image = self._state.images.get(key)
        if self.editing and image is not None and key == self._key and self._editor is not None:
            self._editor.show_notes(image.title or image.name, image.notes)
            self._show_parts()

    def _show_parts(self, _place: int = -1) -> None:
        editor, image = self._editor, self._state.current
        if editor is None or image is None or not editor.isVisible():
            self._tool.show_regions(())
            return
        parts = [note.part for note in image.notes if note.part is not None]
        chosen = editor.part
        if editor.place < 0 and chosen is not None:
            parts.append(chosen)
        self._tool.show_regions(parts, parts.index(chosen) if chosen in parts else -1)

    def _closed(self) -> None:
        """What has no text says nothing, and goes."""
        image = self._state.images.get(self._key or "")
        if image is not None:
            empty = [place for place, note in enumerate(image.notes) if not note.text.strip()]
            for place in reversed(empty):
                self._notes.remove(image.key, place)
        self._tool.set_on(False)
        self._tool.show_regions(())

    def _show_actions(self) -> None:
        self._window.actions_by_id.enable(("add_note",), self._state.current is not None)
