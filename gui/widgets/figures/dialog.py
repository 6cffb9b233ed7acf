"""The dialog Export figure: what the figure shows, its form, and a preview of what is saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from engine.records.figures import FACTS, FigureForm
from gui.settings import table
from gui.settings.store import Settings
from gui.toolkit import plain_text, theme
from gui.toolkit.imaging import Picture
from gui.toolkit.labels import ElidedLabel, label
from gui.widgets.figures import presets
from gui.widgets.figures.form import FormFields, facts_box, kind_box
from gui.widgets.figures.preset_bar import PresetBar
from gui.widgets.figures.preview import FigurePreview

FORMATS: Final = (
    (".png", "PNG: pixels"),
    (".pdf", "PDF: words as vectors"),
    (".svg", "SVG: words as vectors"),
)
_SUFFIXES: Final = tuple(suffix for suffix, _ in FORMATS)
# Several fields may change at once, and a number while its arrow is held.
_SETTLED_MS = 150
# What takes less does not flicker.
_PATIENCE_MS = 400
# The others are in the tooltip: a sheet of hundreds of images may have as many.
_MOST_NOTICES: Final = 3
_GAP: Final = theme.SPACE


class FigureDialog(QDialog):
    """kinds: (value, text, why it cannot be had or '') of what can be shown.

    wanted(kind): collect its maps. changed(FigureForm): draw them in this form. save_requested(
    path): write the figure that is shown. many_requested: one figure for each image.
    """

    wanted = Signal(str)
    changed = Signal(object)
    save_requested = Signal(Path)
    many_requested = Signal()

    def __init__(
        self,
        settings: Settings,
        kinds: Sequence[tuple[str, str, str]],
        folder: Path,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export figure")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._settings = settings
        self._folder = folder
        self._name = "figure"
        self._pending: Path | None = None
        self._kind = kind_box(kinds)
        self._presets = PresetBar(settings)
        self._fields = FormFields(presets.last_form(settings))
        self._preview = FigurePreview()
        self._size = ElidedLabel("dim")
        self._note = label("", "dim")
        self._note.setWordWrap(True)
        self._format = QComboBox()
        for suffix, text in FORMATS:
            self._format.addItem(plain_text.line(text), suffix)
        self._format.setCurrentIndex(self._format.findData(settings.get(table.FIGURE_SUFFIX)))
        self._format.setAccessibleName("File format")
        self._facts = facts_box(settings)
        self._many = QPushButton("One for each image…")
        self._save = QPushButton("Save as…")
        self._close = QPushButton("Close")
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(_SETTLED_MS)
        self._settled.timeout.connect(self._ask_drawing)
        self._busy_words = ""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(lambda: self.show_busy(self._busy_words))
        self._lay_out()
        self._connect()
        self._presets.show_form(self._fields.form)
        self._set_ready(False)

    # --- what is shown ---------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """What the figure shows."""
        return str(self._kind.currentData())

    @property
    def form(self) -> FigureForm:
        """The form as it is chosen."""
        return self._fields.form

    @property
    def suggested(self) -> Path:
        """The path that the save dialog begins with."""
        return self._folder / f"{self._name}{self.suffix}"

    @property
    def form_fields(self) -> FormFields:
        """The fields of the form."""
        return self._fields

    @property
    def ready(self) -> bool:
        """Whether the figure that is shown is in the form that is chosen, and can be saved."""
        return self._save.isEnabled()

    @property
    def suffix(self) -> str:
        """The chosen format."""
        return str(self._format.currentData())

    def choose_kind(self, kind: str) -> None:
        """Show another kind of figure, and ask for its maps."""
        self._kind.setCurrentIndex(self._kind.findData(kind))
        self._kind_chosen()

    def set_maps(self, name: str, count: int, notices: Sequence[str] = ()) -> None:
        """The maps are there. name: suggested for the file. notices: what is said about them."""
        self._name = name
        self._fields.set_count(count)
        said = [f"{notice[:1].upper()}{notice[1:].rstrip('.')}." for notice in notices]
        more = len(said) - _MOST_NOTICES
        text = " ".join(said[:_MOST_NOTICES]) + (f" And {more:,} more." if more > 0 else "")
        self._note.show_text(text)
        self._note.setToolTip(plain_text.tip("\n".join(said)))
        self._note.setVisible(bool(text))
        self._ask_drawing()

    def show_busy(self, words: str) -> None:
        """Say what is under way; the figure that is shown stays, dimmed."""
        self._patience.stop()
        self._set_ready(False)
        self._preview.show_message(words, keep=True)

    def show_figure(self, picture: Picture, words: str) -> None:
        """Show the figure that can now be saved. words: its size."""
        if self._settled.isActive():
            return
        self._patience.stop()
        self._preview.show_picture(picture, words)
        self._size.show_text(words)
        self._set_ready(True)

    def show_failure(self, text: str) -> None:
        """Say why there is no figure."""
        self._patience.stop()
        self._set_ready(False)
        self._size.show_text("")
        self._preview.show_message(text)

    # --- saving ----------------------------------------------------------------------------------

    def take(self, path: Path) -> None:
        """Continue with the path from the save dialog; its suffix decides where it is known."""
        suffix = path.suffix.lower()
        if suffix in _SUFFIXES:
            self._format.setCurrentIndex(self._format.findData(suffix))
        else:
            path = path.with_name(path.name + self.suffix)
        # The save dialog has asked about the name that was typed alone.
        others = [path] if suffix not in _SUFFIXES else []
        if self._facts.isChecked():
            others.append(path.with_suffix(FACTS))
        if there := [other.name for other in others if other.exists()]:
            self._pending = path
            self._size.show_text(f"Will replace {' and '.join(there)}")
            self._save.setText("Replace")
            return
        self._finish(path)

    def done(self, result: int) -> None:
        """Remember the form, whether or not a figure was saved."""
        presets.remember(self._settings, self.form)
        self._settings.set(table.FIGURE_SUFFIX, self.suffix)
        self._settings.set(table.FIGURE_FACTS, self._facts.isChecked())
        super().done(result)

    def _press_save(self) -> None:
        if self._pending is not None:
            self._finish(self._pending)
            return
        dialog = QFileDialog(self, "Export figure", str(self.suggested))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(self.suffix.removeprefix("."))
        dialog.setNameFilter(f"{self.suffix.removeprefix('.').upper()} (*{self.suffix})")
        dialog.fileSelected.connect(lambda path: self.take(Path(path)))
        dialog.open()

    def _finish(self, path: Path) -> None:
        self._settings.set(table.LAST_FOLDER, str(path.parent))
        self._settings.set(table.FIGURE_FACTS, self._facts.isChecked())
        self.save_requested.emit(path)
        self.accept()

    # --- changes ---------------------------------------------------------------------------------

    def _connect(self) -> None:
        # Also if it is the one that is shown, after it was stopped.
        self._kind.activated.connect(self._kind_chosen)
        self._presets.chosen.connect(self._preset_chosen)
        self._fields.changed.connect(self._form_changed)
        self._format.currentIndexChanged.connect(self._forget_pending)
        self._facts.toggled.connect(self._forget_pending)
        self._save.clicked.connect(self._press_save)
        self._many.clicked.connect(self.many_requested)
        self._close.clicked.connect(self.reject)

    def _kind_chosen(self) -> None:
        # Maps of layers differ by powers of ten, and those of methods have different units.
        alike = self.kind not in ("layers", "methods")
        self._fields.show_form(replace(self.form, shared=alike))
        self._wait("Computing the maps…")
        self.wanted.emit(self.kind)

    def _preset_chosen(self, form: FigureForm) -> None:
        self._fields.show_form(replace(form, shared=self.form.shared))
        self._form_changed()

    def _form_changed(self) -> None:
        self._presets.show_form(self.form)
        self._set_ready(False)
        self._settled.start()

    def _ask_drawing(self) -> None:
        self._settled.stop()
        self._wait("Drawing…")
        self.changed.emit(self.form)

    def _wait(self, words: str) -> None:
        """Nothing can be saved until there is a figure; words: what takes so long, if it does."""
        self._set_ready(False)
        self._busy_words = words
        self._patience.start()

    def _set_ready(self, ready: bool) -> None:
        self._forget_pending()
        self._save.setEnabled(ready)
        self._many.setEnabled(ready and self.kind == "screen")
        only = "" if self.kind == "screen" else "For 'Picture on the screen' alone"
        self._many.setToolTip(only or "A file for each open image, in this form")

    def _forget_pending(self) -> None:
        self._pending = None
        self._save.setText("Save as…")

    # --- layout ----------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        columns = QHBoxLayout()
        columns.setSpacing(4 * _GAP)
        columns.addLayout(self._figure_column(), 1)
        columns.addWidget(self._field_column())
        buttons = QHBoxLayout()
        buttons.setSpacing(2 * _GAP)
        buttons.addWidget(self._many)
        buttons.addStretch(1)
        buttons.addWidget(self._close)
        buttons.addWidget(self._save)
        for button in (self._many, self._close):
            button.setAutoDefault(False)
        self._save.setDefault(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(4 * _GAP, 4 * _GAP, 4 * _GAP, 3 * _GAP)
        box.setSpacing(3 * _GAP)
        box.addLayout(columns, 1)
        box.addLayout(buttons)
        self._preview.setFocus()
        # As large as the window allows, since a sheet has many pictures.
        room = parent.size() if (parent := self.parentWidget()) is not None else self.sizeHint()
        self.resize(min(1100, room.width() - 10 * _GAP), min(820, room.height() - 10 * _GAP))

    def _figure_column(self) -> QVBoxLayout:
        left = QVBoxLayout()
        left.setSpacing(_GAP)
        left.addWidget(self._preview, 1)
        left.addWidget(self._size)
        left.addWidget(self._note)
        self._note.hide()
        return left

    def _field_column(self) -> QScrollArea:
        fields = QWidget()
        inner = QVBoxLayout(fields)
        inner.setContentsMargins(0, 0, 2 * _GAP, 0)
        inner.setSpacing(2 * _GAP)
        for title, widget in (
            ("Show", self._kind),
            ("Preset", self._presets),
            ("Form", self._fields),
            ("File", self._format),
        ):
            part = QVBoxLayout()
            part.setSpacing(_GAP)
            part.addWidget(label(title, "header"))
            part.addWidget(widget)
            inner.addLayout(part)
        part.addWidget(self._facts)
        inner.addStretch(1)
        area = QScrollArea()
        area.setWidget(fields)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        # The fields in it take the focus, and are scrolled to.
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFixedWidth(fields.sizeHint().width() + 4 * _GAP)
        return area
