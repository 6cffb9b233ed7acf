"""The export dialog: options first, then the native save dialog."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.records.exports import ExportChoice
from gui.settings import table
from gui.settings.store import Settings
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import Label

PictureFormat = Literal["png", "jpeg", "none"]
_FORMATS: Final = (
    ("png", "PNG (lossless)"),
    ("jpeg", "JPEG (smaller file)"),
    ("none", "No image"),
)
_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".npy", ".json")


def choice_for(
    path: Path,
    picture: PictureFormat,
    *,
    colorbar: bool,
    caption: bool,
    map: bool,
    json: bool,
    subject: bool = False,
) -> ExportChoice:
    """The files of an export, all named after one path without its known suffix.

    A typed image suffix decides between PNG and JPEG.
    """
    typed = path.suffix.lower()
    base = path.name[: -len(typed)] if typed in _SUFFIXES else path.name
    suffix = {"png": ".png", "jpeg": ".jpg"}.get(picture, "")
    if suffix and typed in (".png", ".jpg", ".jpeg"):
        suffix = path.suffix

    def beside(ending: str) -> Path:
        return path.with_name(base + ending)

    return ExportChoice(
        picture=beside(suffix) if suffix else None,
        map=beside(".npy") if map else None,
        json=beside(".json") if json else None,
        colorbar=colorbar,
        caption=caption,
        subject=subject,
    )


class ExportDialog(QDialog):
    """Asks for the options of an export, which are remembered. chosen(ExportChoice): write this.

    suggested: initial folder and name, without a suffix. has_subject: it is a DICOM image, whose
    patient and date can be written. Existing files other than the one that the
    save dialog has confirmed are replaced only after a second press of the button.
    """

    chosen = Signal(ExportChoice)

    def __init__(
        self,
        settings: Settings,
        suggested: Path,
        parent: QWidget | None = None,
        *,
        has_subject: bool = False,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._settings = settings
        self._suggested = suggested
        self._pending: ExportChoice | None = None
        self._picture = QComboBox()
        for value, text in _FORMATS:
            self._picture.addItem(plain_text.line(text), value)
        self._picture.setCurrentIndex(self._picture.findData(settings.get(table.EXPORT_PICTURE)))
        self._picture.setAccessibleName("Image format")
        self._colorbar = _box("Colour bar with values", settings.get(table.EXPORT_COLORBAR))
        self._caption = _box(
            "Caption: image, model, layer, class", settings.get(table.EXPORT_CAPTION)
        )
        self._map = _box(
            "Raw map (.npy): signed float32, layer resolution", settings.get(table.EXPORT_MAP)
        )
        self._json = _box("Metadata (.json), to make it again", settings.get(table.EXPORT_JSON))
        self._subject = _box(
            "Patient's name and date in caption and metadata", settings.get(table.EXPORT_SUBJECT)
        )
        self._subject.setVisible(has_subject)
        self._note = Label()
        self._note.setWordWrap(True)
        self._save = QPushButton("Save as…")
        self._lay_out()
        self._picture.currentIndexChanged.connect(self._refresh)
        for box in (self._colorbar, self._caption, self._map, self._json):
            box.toggled.connect(self._refresh)
        self._save.clicked.connect(self._press)
        self._refresh()

    def take(self, path: Path) -> None:
        """Continue with the path from the save dialog."""
        choice = self._choice(path)
        others = [other.name for other in choice.paths if other != path and other.exists()]
        if others:
            self._pending = choice
            self._tell(f"Will replace {', '.join(others)}", "warning")
            self._save.setText("Replace")
        else:
            self._finish(choice)

    def _lay_out(self) -> None:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        buttons.addButton(self._save, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 12)
        box.setSpacing(8)
        box.addWidget(_header("Image at full resolution"))
        box.addWidget(self._picture)
        box.addWidget(self._colorbar)
        box.addWidget(self._caption)
        box.addSpacing(theme.SPACE)
        box.addWidget(_header("Additional files"))
        box.addWidget(self._map)
        box.addWidget(self._json)
        box.addWidget(self._subject)
        box.addStretch()
        self._note.setMinimumHeight(2 * self._note.fontMetrics().lineSpacing())
        box.addWidget(self._note)
        box.addWidget(buttons)
        self._save.setDefault(True)  # effective only once the dialog owns the button
        self.resize(400, 320)

    def _refresh(self) -> None:
        self._pending = None
        picture = self._picture.currentData() != "none"
        self._colorbar.setEnabled(picture)
        self._caption.setEnabled(picture)
        self._save.setText("Save as…")
        files = self._choice(self._suggested).paths
        self._save.setEnabled(bool(files))
        endings = ", ".join(path.suffix for path in files)
        said = f"Saves {endings} under the name you choose next"
        self._tell(said if files else "Nothing selected", "dim")

    def _choice(self, path: Path) -> ExportChoice:
        return choice_for(
            path,
            cast(PictureFormat, self._picture.currentData()),
            colorbar=self._colorbar.isChecked(),
            caption=self._caption.isChecked(),
            map=self._map.isChecked(),
            json=self._json.isChecked(),
            subject=self._subject.isVisibleTo(self) and self._subject.isChecked(),
        )

    def _press(self) -> None:
        if self._pending is not None:
            self._finish(self._pending)
            return
        first = self._choice(self._suggested).paths[0]
        dialog = QFileDialog(self, "Export", str(first))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(first.suffix.removeprefix("."))
        dialog.setNameFilter(f"{first.suffix.removeprefix('.').upper()} (*{first.suffix})")
        dialog.fileSelected.connect(lambda path: self.take(Path(path)))
        dialog.open()

    def _finish(self, choice: ExportChoice) -> None:
        self._settings.set(table.EXPORT_PICTURE, str(self._picture.currentData()))
        self._settings.set(table.EXPORT_COLORBAR, self._colorbar.isChecked())
        self._settings.set(table.EXPORT_CAPTION, self._caption.isChecked())
        self._settings.set(table.EXPORT_MAP, self._map.isChecked())
        self._settings.set(table.EXPORT_JSON, self._json.isChecked())
        self._settings.set(table.EXPORT_SUBJECT, self._subject.isChecked())
        self._settings.set(table.LAST_FOLDER, str(choice.paths[0].parent))
        self.chosen.emit(choice)
        self.accept()

    def _tell(self, text: str, role: str) -> None:
        self._note.show_text(text)
        self._note.setProperty("role", role)
        self._note.style().unpolish(self._note)
        self._note.style().polish(self._note)


def _box(text: str, on: bool) -> QCheckBox:
    box = QCheckBox(plain_text.entry(text))
    box.setChecked(on)
    return box


def _header(text: str) -> Label:
    label = Label(text)
    label.setProperty("role", "header")
    return label
