"""The editor of the notes on one image: a small window beside the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.records.images import Note, Region
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import label

MOST_LETTERS = 10_000
_WIDTH, _HEIGHT = 400, 300
_NEW = "New note"
_WHOLE = "the whole image"


class NoteEditor(QDialog):
    """A list of notes, and the text of the one that is chosen.

    added(Note), changed(place, Note), removed(place): by the user; nothing is shown of it until
    show_notes is called. region_wanted(bool): the next drag on the image is to mark a part of it.
    chosen(place): another note, -1 for none.
    """

    added = Signal(object)
    changed = Signal(int, object)
    removed = Signal(int)
    region_wanted = Signal(bool)
    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self.setWindowTitle("Notes")
        self._notes: tuple[Note, ...] = ()
        self._part: Region | None = None
        self._image = label("", "header")
        self._list = QListWidget()
        self._list.setAccessibleName("Notes on this image")
        self._list.setProperty("rows", True)
        self._list.setMaximumHeight(26 * theme.SPACE)
        self._list.currentRowChanged.connect(self._choose)
        self._text = QPlainTextEdit()
        self._text.setAccessibleName("Text of the note")
        self._text.setPlaceholderText("What is to be seen here?")
        self._text.setTabChangesFocus(True)
        self._text.textChanged.connect(self._edited)
        self._about = label("", "dim")
        self._mark = QPushButton("Mark a part")
        self._mark.setToolTip("Draw a rectangle on the image that the note is about")
        self._mark.setCheckable(True)
        self._mark.clicked.connect(self.region_wanted)
        self._whole = QPushButton("Whole image")
        self._whole.clicked.connect(lambda: self.set_part(None))
        self._new = QPushButton(_NEW)
        self._new.clicked.connect(self.begin)
        self._remove = QPushButton("Remove")
        self._remove.clicked.connect(lambda: self.removed.emit(self._list.currentRow()))
        for button in (self._mark, self._whole, self._new, self._remove):
            button.setAutoDefault(False)
        QShortcut(QKeySequence("Ctrl+Return"), self, self.begin)
        self._lay_out()
        self.resize(_WIDTH, _HEIGHT)

    def _lay_out(self) -> None:
        about = QHBoxLayout()
        about.setSpacing(theme.SPACE)
        about.addWidget(self._about, 1)
        about.addWidget(self._whole)
        about.addWidget(self._mark)
        below = QHBoxLayout()
        below.addWidget(self._new)
        below.addStretch()
        below.addWidget(self._remove)
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 12, 12, 12)
        box.setSpacing(2 * theme.SPACE)
        box.addWidget(self._image)
        box.addWidget(self._list)
        box.addWidget(self._text, 1)
        box.addLayout(about)
        box.addLayout(below)

    def show_notes(self, name: str, notes: Sequence[Note]) -> None:
        """Show the notes on an image; the chosen one stays so where it is still there."""
        self._image.setText(plain_text.line(name, plain_text.SHORT))
        before, self._notes = len(self._notes), tuple(notes)
        row = self._list.currentRow()
        with QSignalBlocker(self._list):
            self._list.clear()
            self._list.addItems([_first_line(note) for note in notes])
            if len(notes) == before + 1:
                row = len(notes) - 1
            self._list.setCurrentRow(min(row, len(notes) - 1))
        self._list.setVisible(bool(notes))
        self._choose(self._list.currentRow())

    def show_image(self, name: str, notes: Sequence[Note]) -> None:
        """Show the notes on another image, and choose the first."""
        self._notes = ()
        with QSignalBlocker(self._list):
            self._list.setCurrentRow(-1)
        self._part = None
        self.show_notes(name, notes)
        if notes:
            self._list.setCurrentRow(0)

    def choose(self, place: int) -> None:
        """Choose a note, from 0."""
        self._list.setCurrentRow(place)

    def begin(self) -> None:
        """Have the user write another note."""
        self._list.setCurrentRow(-1)
        self._part = None
        self._show_note(None)
        self._text.setFocus()

    def set_part(self, part: Region | None) -> None:
        """Have the note be about a part of the image; None for all of it."""
        self._mark.setChecked(False)
        row = self._list.currentRow()
        if row >= 0:
            self.changed.emit(row, replace(self._notes[row], part=part))
            return
        self._part = part
        self._show_about(part)
        self._text.setFocus()

    @property
    def place(self) -> int:
        """The place of the note that is chosen; -1 for one that is being written."""
        return self._list.currentRow()

    @property
    def part(self) -> Region | None:
        """What the note is about."""
        return self._notes[self.place].part if self.place >= 0 else self._part

    def _choose(self, row: int) -> None:
        self._show_note(self._notes[row] if 0 <= row < len(self._notes) else None)
        self.chosen.emit(row)

    def _show_note(self, note: Note | None) -> None:
        text = note.text if note is not None else ""
        if text != self._text.toPlainText():
            with QSignalBlocker(self._text):
                self._text.setPlainText(text)
        self._remove.setEnabled(note is not None)
        self._show_about(note.part if note is not None else self._part)

    def _show_about(self, part: Region | None) -> None:
        self._whole.setVisible(part is not None)
        words = _WHOLE
        if part is not None:
            words = f"{part.width:.0f} × {part.height:.0f} px at {part.x:.0f}, {part.y:.0f}"
        self._about.setText(f"About {words}")

    def _edited(self) -> None:
        """Keep every letter at once: nothing is to be confirmed, or lost."""
        text = self._text.toPlainText()[:MOST_LETTERS]
        row = self._list.currentRow()
        if row >= 0:
            self.changed.emit(row, replace(self._notes[row], text=text))
        elif text.strip():
            self.added.emit(Note(text, self._part))


def _first_line(note: Note) -> str:
    lines = note.text.strip().splitlines()
    return plain_text.line(lines[0]) if lines else "(empty)"
