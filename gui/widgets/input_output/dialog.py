"""The window 'Input and output': shows and edits the preprocessing and the output of the model.

It stays open beside the main window; every change takes effect at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.files import suffixes
from engine.files.suffixes import CLASS_NAMES as SUFFIXES
from engine.images.presets import ASSUMED
from engine.records.images import ChannelNumbers, Pixels, Preprocessing
from engine.records.models import ModelInfo, OutputForm
from gui.settings.store import Settings
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, label
from gui.toolkit.scrolling import scrolled
from gui.toolkit.windows import fit_to_screen
from gui.widgets.input_output.form import InputForm
from gui.widgets.input_output.input_words import number_lines, size_line
from gui.widgets.input_output.output_form import OutputFields
from gui.widgets.input_output.seen_picture import SeenPicture

_NAMES_FILTER: Final = f"Class names ({' '.join(f'*{s}' for s in sorted(SUFFIXES))})"
_NO_MODEL: Final = "Open a model to see its input here"
_NO_IMAGE: Final = "Open an image to see the model input here"


class InputPanel(QDialog):
    """The window. It shows records and reports changes by signals.

    preprocessing_changed(Preprocessing): new values, each of them valid.
    output_changed(OutputForm): another output tensor or meaning of its scores.
    classes_chosen(Path): a file of class names was chosen or dropped here.
    profile_dropped(Path): a model profile was dropped here.
    profile_export_requested(), profile_import_requested(): export or import the model profile.
    reset_requested(): restore the values that come with the model.
    """

    preprocessing_changed = Signal(Preprocessing)
    output_changed = Signal(OutputForm)
    classes_chosen = Signal(Path)
    profile_dropped = Signal(Path)
    profile_export_requested = Signal()
    profile_import_requested = Signal()
    reset_requested = Signal()
    shown = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Input and output")
        self.setAcceptDrops(True)
        self._settings = settings
        self._info: ModelInfo | None = None
        self._seen = SeenPicture()
        self._name = ElidedLabel()
        self._facts = ElidedLabel("dim")
        self._numbers = label("", "dim")
        self._numbers.setFont(theme.tabular(self._numbers.font()))
        self._numbers.setMinimumHeight(3 * self._numbers.fontMetrics().lineSpacing())
        self._numbers.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._levels = ElidedLabel("dim")
        self._origin = label("", "dim")
        self._form = InputForm()
        self._output = OutputFields()
        self._note = label("", "dim")
        self._note.setWordWrap(True)
        self._note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._import = QPushButton("Import profile…")
        self._export = QPushButton("Export profile…")
        self._reset = QPushButton("Reset")
        self._reset.setToolTip("Restore the values that come with the model")
        self._close = QPushButton("Close")
        for button in (self._import, self._export, self._reset, self._close):
            button.setAutoDefault(False)
        self._lay_out()
        self._connect()
        self.show_model(None)

    def show_model(self, info: ModelInfo | None, *, changed: bool = False) -> None:
        """Show the open model, without a signal.

        changed: the user has changed settings, so that they can be reset.
        """
        before, self._info = self._info, info
        for part in (self._form, self._output):
            part.setVisible(info is not None)
        for button in (self._export, self._import):
            button.setEnabled(info is not None)
        self._reset.setEnabled(changed and info is not None)
        origin = "" if info is None else info.preprocessing_origin
        self._origin.show_text(plain_text.line(origin, plain_text.SHORT))
        _dress(self._origin, "warning" if origin == ASSUMED else "dim")
        if info is None:
            self.show_seen(None)
            self._tell("", "dim")
            return
        if before is not None and (before.source, before.weights) == (info.source, info.weights):
            self._form.confirm(info.preprocessing)
        else:
            self._form.show_values(info.preprocessing)
        self._output.show_model(info)
        self._tell(*self._advice())
        if self._seen.image().isNull():
            self._seen.show_pixels(None, _NO_IMAGE)

    def show_seen(
        self,
        pixels: Pixels | None,
        name: str = "",
        numbers: tuple[ChannelNumbers, ...] = (),
        levels: str = "",
    ) -> None:
        """Show the image that the model receives (preprocessing.as_seen), and the name of its file.

        pixels: uint8 (height, width, 3), RGB, or None if there is no image. numbers: of each
        channel of the input. levels: which values are black and white, '' for 8-bit images.
        """
        self._seen.show_pixels(pixels, _NO_MODEL if self._info is None else _NO_IMAGE)
        self._name.show_text(name if pixels is not None else "")
        known = pixels is not None and self._info is not None
        self._facts.show_text(size_line(self._info.preprocessing) if known and self._info else "")
        how = self._info.preprocessing if known and self._info else None
        self._numbers.show_text(number_lines(how, numbers) if how is not None and numbers else "")
        self._levels.show_text(f"Levels: {levels}" if levels and known else "")

    def show_fault(self, text: str) -> None:
        """Show why a change was rejected, until the next change."""
        self._tell(text, "error")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.shown.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _names_file(event) is not None and self._info is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _names_file(event)
        if path is not None:
            event.acceptProposedAction()
            profile = suffixes.is_profile(path)
            (self.profile_dropped if profile else self.classes_chosen).emit(path)

    def _lay_out(self) -> None:
        picture = QVBoxLayout()
        picture.setSpacing(theme.SPACE)
        picture.addWidget(_header("Model input"))
        picture.addWidget(self._seen, 1)
        picture.addSpacing(theme.SPACE)
        picture.addWidget(self._name)
        picture.addWidget(self._facts)
        picture.addWidget(self._numbers)
        picture.addWidget(self._levels)
        top = QHBoxLayout()
        top.addWidget(_header("Preprocessing"), 1)
        top.addWidget(self._origin)
        fields = QVBoxLayout()
        fields.setSpacing(8)
        fields.addLayout(top)
        fields.addWidget(self._form)
        self._note.setFixedHeight(2 * self._note.fontMetrics().lineSpacing())
        fields.addWidget(self._note)
        fields.addWidget(_header("Output"))
        fields.addWidget(self._output)
        for part in (self._form, self._output):
            kept = part.sizePolicy()
            kept.setRetainSizeWhenHidden(True)
            part.setSizePolicy(kept)
        fields.addStretch(1)
        columns = QHBoxLayout()
        columns.setSpacing(24)
        columns.addLayout(picture, 1)
        columns.addLayout(fields, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self._import, self._export):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self._reset)
        buttons.addWidget(self._close)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 12)
        box.setSpacing(16)
        box.addWidget(scrolled(columns), 1)
        box.addLayout(buttons)
        fit_to_screen(self, QSize(800, 584))

    def _connect(self) -> None:
        self._form.changed.connect(self.preprocessing_changed)
        self._form.changed.connect(self._heard)
        self._form.faulty.connect(self._check)
        self._output.changed.connect(self.output_changed)
        self._output.names_wanted.connect(self._choose_names)
        self._import.clicked.connect(self.profile_import_requested)
        self._export.clicked.connect(self.profile_export_requested)
        self._reset.clicked.connect(self._set_back)
        self._close.clicked.connect(self.close)

    def _check(self, fault: str) -> None:
        if fault:
            self._tell(fault[:1].upper() + fault[1:], "error")
        else:
            self._tell(*self._advice())

    def _heard(self) -> None:
        self._tell("", "dim")

    def _advice(self) -> tuple[str, str]:
        if self._info is not None and self._info.preprocessing_origin == ASSUMED:
            return (
                "The preprocessing of this model is unknown and has been assumed: check it before "
                "you trust a prediction.",
                "warning",
            )
        return "", "dim"

    def _set_back(self) -> None:
        if self._info is not None:
            self._form.show_values(self._info.preprocessing)
        self.reset_requested.emit()

    def _choose_names(self) -> None:
        from gui.file_dialogs import open_dialog

        dialog = open_dialog(self, "Load class names", self._settings, _NAMES_FILTER)
        dialog.fileSelected.connect(lambda path: self.classes_chosen.emit(Path(path)))
        dialog.open()

    def _tell(self, text: str, role: str) -> None:
        self._note.show_text(text)
        _dress(self._note, role)


def _dress(words: QWidget, role: str) -> None:
    """Give a label another role, with its colour."""
    words.setProperty("role", role)
    words.style().unpolish(words)
    words.style().polish(words)


def _header(text: str) -> QWidget:
    made = label(text, "header")
    made.setFixedHeight(max(24, made.fontMetrics().height()))
    return made


def _names_file(event: QDropEvent) -> Path | None:
    urls = event.mimeData().urls()
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    path = Path(urls[0].toLocalFile())
    return path if path.suffix.lower() in SUFFIXES else None
