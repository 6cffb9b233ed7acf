"""The dialog Report: own words, what is included, format and paper, then the native save dialog."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.records.workbench.reports import Included, ReportChoice, Sheet
from gui.settings import table
from gui.settings.store import Settings
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import Label, label
from gui.widgets.reports.paper import paper_of

_FORMATS: Final = ((".html", "HTML: one file for any browser"), (".pdf", "PDF: pages for print"))
_PAPERS: Final[tuple[tuple[Sheet, str], ...]] = (("a4", "A4"), ("letter", "Letter"))
_PARTS: Final = (
    ("settings", "Settings: model, preprocessing, method, layer, display"),
    ("edits", "Edits of the image"),
    ("trust", "Figures of trust that were computed"),
    ("notes", "Notes"),
    ("versions", "Checksums and versions"),
)
_MOST_WORDS = 100_000


class ReportDialog(QDialog):
    """suggested: initial folder and name, without a suffix. has_patient: an image is of a DICOM
    file, whose patient and date can be written.

    chosen(ReportChoice): write this; the dialog stays, and shows the progress. stop_requested: stop
    that.
    """

    chosen = Signal(object)
    stop_requested = Signal()

    def __init__(
        self,
        settings: Settings,
        suggested: Path,
        parent: QWidget | None = None,
        *,
        has_patient: bool = False,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Report")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._settings = settings
        self._suggested = suggested
        self._busy = False
        self._words = QPlainTextEdit()
        self._words.setPlaceholderText("Your own words, at the beginning of the report (optional)")
        self._words.setAccessibleName("Your own words")
        self._words.setTabChangesFocus(True)
        self._format = _choice(_FORMATS, settings.get(table.REPORT_FORMAT), "Format")
        self._paper = _choice(_PAPERS, paper_of(settings.get(table.REPORT_PAPER)), "Paper")
        self._format.currentIndexChanged.connect(self._show_paper)
        self._show_paper()
        left_out = settings.get(table.REPORT_WITHOUT).split()
        self._parts = {name: QCheckBox(plain_text.entry(text)) for name, text in _PARTS}
        for name, box in self._parts.items():
            box.setChecked(name not in left_out)
        self._patient = QCheckBox(plain_text.entry("Patient's name and date"))
        self._patient.setVisible(has_patient)
        self._progress = QProgressBar()
        self._progress.setRange(0, 100)
        self._progress.setTextVisible(False)
        self._note = Label()
        self._note.setWordWrap(True)
        self._save = QPushButton("Save as…")
        self._cancel = QPushButton("Cancel")
        self._lay_out()
        self._save.clicked.connect(self._ask_place)
        self._cancel.clicked.connect(self.reject)
        self._tell(
            "Files are named without their folders. Metadata of the image, such as the place where "
            "it was taken, is not in the report."
        )

    def _lay_out(self) -> None:
        buttons = QDialogButtonBox()
        buttons.addButton(self._cancel, QDialogButtonBox.ButtonRole.RejectRole)
        buttons.addButton(self._save, QDialogButtonBox.ButtonRole.AcceptRole)
        form = QGridLayout()
        form.setHorizontalSpacing(2 * theme.SPACE)
        form.setVerticalSpacing(theme.SPACE)
        for row, (text, field) in enumerate((("Format", self._format), ("Paper", self._paper))):
            form.addWidget(label(text), row, 0)
            form.addWidget(field, row, 1)
        form.setColumnStretch(1, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 12)
        box.setSpacing(theme.SPACE)
        box.addWidget(self._words, 1)
        box.addSpacing(theme.SPACE)
        box.addWidget(label("Besides images, predictions and maps", "header"))
        for part in (*self._parts.values(), self._patient):
            box.addWidget(part)
        box.addSpacing(theme.SPACE)
        box.addLayout(form)
        box.addSpacing(theme.SPACE)
        keep = self._progress.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self._progress.setSizePolicy(keep)
        self._progress.hide()
        box.addWidget(self._progress)
        self._note.setMinimumHeight(2 * self._note.fontMetrics().lineSpacing())
        box.addWidget(self._note)
        box.addWidget(buttons)
        self._save.setDefault(True)
        self.resize(480, 500)

    def set_words(self, words: str) -> None:
        """Begin with these words."""
        self._words.setPlainText(plain_text.report(words))

    @property
    def said(self) -> str:
        """What the dialog says below its fields."""
        return self._note.text()

    # --- what the handler tells ------------------------------------------------------------------

    def show_progress(self, fraction: float, words: str) -> None:
        """Of the report that is being written."""
        if self._busy:
            self._progress.setValue(round(100 * fraction))
            self._tell(words.capitalize())

    def show_failure(self, text: str) -> None:
        """Why it was not written; another place can be chosen."""
        self._set_busy(False)
        self._tell(text, "warning")

    # --- choosing --------------------------------------------------------------------------------

    def choice(self, path: Path) -> ReportChoice:
        """What is chosen, with this file."""
        parts = {name: box.isChecked() for name, box in self._parts.items()}
        patient = self._patient.isVisibleTo(self) and self._patient.isChecked()
        words = self._words.toPlainText()[:_MOST_WORDS]
        return ReportChoice(
            path, words, Included(**parts, patient=patient), self._paper.currentData()
        )

    def take(self, path: Path) -> None:
        """Continue with the path from the save dialog; a typed suffix decides on the format."""
        suffix = str(self._format.currentData())
        if path.suffix.lower() not in (".html", ".htm", ".pdf"):
            path = path.with_name(path.name + suffix)
        self._settings.set(table.REPORT_FORMAT, suffix)
        self._settings.set(table.REPORT_PAPER, str(self._paper.currentData()))
        without = (name for name, box in self._parts.items() if not box.isChecked())
        self._settings.set(table.REPORT_WITHOUT, " ".join(without))
        self._set_busy(True)
        self.chosen.emit(self.choice(path))

    def reject(self) -> None:
        """Stop what is being written; without that, close."""
        if self._busy:
            self.stop_requested.emit()
        else:
            super().reject()

    def _ask_place(self) -> None:
        suffix = str(self._format.currentData())
        kind = suffix.removeprefix(".")
        place = self._suggested.with_name(self._suggested.name + suffix)
        dialog = QFileDialog(self, "Save report", str(place))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(kind)
        dialog.setNameFilter(f"{kind.upper()} (*{suffix})")
        dialog.fileSelected.connect(lambda path: self.take(Path(path)))
        dialog.open()

    def _set_busy(self, on: bool) -> None:
        self._busy = on
        self._progress.setValue(0)
        self._progress.setVisible(on)
        self._save.setEnabled(not on)
        self._cancel.setText("Stop" if on else "Cancel")
        fields = (self._words, self._format, self._paper, self._patient, *self._parts.values())
        for field in fields:
            field.setEnabled(not on)
        if not on:
            self._show_paper()

    def _show_paper(self) -> None:
        """A web page is printed on any paper; the pages of a PDF are of one."""
        self._paper.setEnabled(self._format.currentData() == ".pdf")

    def _tell(self, text: str, role: str = "dim") -> None:
        self._note.show_text(text)
        self._note.setProperty("role", role)
        self._note.style().unpolish(self._note)
        self._note.style().polish(self._note)


def _choice(values: tuple[tuple[str, str], ...], chosen: str, name: str) -> QComboBox:
    box = QComboBox()
    for value, text in values:
        box.addItem(plain_text.line(text), value)
    box.setCurrentIndex(max(0, box.findData(chosen)))
    box.setAccessibleName(name)
    return box
