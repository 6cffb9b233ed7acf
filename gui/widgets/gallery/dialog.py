"""The gallery dialog: lists the torchvision models, downloads their weights and opens them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.formats.torchvision.gallery import PublishedModel, PublishedWeights
from engine.records.sources import ModelSource
from gui.file_dialogs import weights_dialog
from gui.toolkit.scrolling import scrolled
from gui.toolkit.windows import fit_to_screen
from gui.widgets.gallery.details import GalleryDetails
from gui.widgets.gallery.model import GalleryModel, GalleryRows, percent
from gui.widgets.gallery.view import FilterField, GalleryTable


class GalleryDialog(QDialog):
    """The gallery. folder: initial folder of the file dialog.

    chosen(ModelSource): open this; the dialog closes. download_requested(name, PublishedWeights).
    stop_requested: stop the running download.
    """

    chosen = Signal(ModelSource)
    download_requested = Signal(str, PublishedWeights)
    stop_requested = Signal()

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Torchvision models")
        self._folder = folder
        self._no_list = "Loading the list…"
        self._downloading = ""
        self._failed: dict[str, str] = {}
        self._gallery = GalleryModel(self)
        self._rows = GalleryRows(self._gallery, self)
        self._filter = FilterField()
        self._only = QCheckBox("On this computer")
        self._table = GalleryTable(self._rows)
        self._details = GalleryDetails()
        self._load = QPushButton("Load weights from file…")
        self._go = QPushButton("Open")
        self._lay_out()
        self._filter.textChanged.connect(self._narrow)
        self._filter.stepped.connect(self._table.step)
        self._filter.confirmed.connect(self._press)
        self._only.toggled.connect(self._only_here)
        self._table.confirmed.connect(self._press)
        self._table.doubleClicked.connect(self._press)
        self._table.selectionModel().currentChanged.connect(self._select)
        self._details.weights_chosen.connect(self._refresh)
        self._details.stop_pressed.connect(self.stop_requested)
        self._load.clicked.connect(self._ask_file)
        self._go.clicked.connect(self._open_or_fetch)
        self._select()

    # --- input -----------------------------------------------------------------------------------

    def set_models(self, models: Sequence[PublishedModel]) -> None:
        """Show these models, keeping the selection."""
        first = self._gallery.rowCount() == 0
        self._gallery.set_models(models)
        if first:
            self._table.choose(0)
        self._select()

    def set_failure(self, text: str) -> None:
        """Show why there is no list."""
        self._no_list = text
        self._refresh()

    def show_download(self, name: str, fraction: float, text: str) -> None:
        """Show the progress of a download."""
        if name != self._downloading:
            self._downloading = name
            self._failed.pop(name, None)
            self._refresh()
        self._details.show_progress(name, fraction, text)

    def show_download_end(self, error: str = "") -> None:
        """The download has ended. error: why it failed; '' for success."""
        if error:
            self._failed[self._downloading] = error
        self._downloading = ""
        self._details.hide_progress()
        self._refresh()

    # --- selection -------------------------------------------------------------------------------

    @property
    def model(self) -> PublishedModel | None:
        """The selected model."""
        index = self._table.currentIndex()
        return self._rows.model_at(index.row()) if index.isValid() else None

    def _select(self) -> None:
        self._details.show_model(self.model)
        self._refresh()

    def _narrow(self, text: str) -> None:
        self._rows.set_words(text)
        self._keep_a_choice()

    def _only_here(self, on: bool) -> None:
        self._rows.set_only_on_disk(on)
        self._keep_a_choice()

    def _keep_a_choice(self) -> None:
        if not self._table.currentIndex().isValid():
            self._table.choose(0)
        self._select()

    # --- actions ---------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Update the button and the message to the selected weights and the download."""
        model, weights = self.model, self._details.weights
        self._table.set_empty_text(self._empty_text())
        here = weights is not None and weights.on_disk
        busy = bool(self._downloading) and not here
        self._go.setText("Open" if here else "Download and open")
        self._go.setEnabled(weights is not None and not busy)
        # Enter in the filter opens downloaded models only; a download needs a separate press.
        self._go.setDefault(here)
        self._load.setEnabled(model is not None)
        error = self._failed.get(model.name, "") if model is not None else ""
        if error:
            self._details.show_message(error, "error")
        elif model is not None and model.name == self._downloading:
            self._details.show_message("Closing this window does not stop the download.")
        else:
            self._details.show_message(_sentence(weights))

    def _empty_text(self) -> str:
        if not self._gallery.rowCount():
            return self._no_list
        text = self._filter.text().strip()
        if text:
            where = " on this computer" if self._only.isChecked() else ""
            return f"No model{where} matches '{text}'"
        return "No weights are on this computer yet.\nSelect a model and download it."

    def _press(self) -> None:
        """Enter or double-click: open a downloaded model, otherwise focus the download button."""
        if self._go.isDefault() and self._go.isEnabled():
            self._open_or_fetch()
        elif self._go.isEnabled():
            self._go.setDefault(True)
            self._go.setFocus(Qt.FocusReason.OtherFocusReason)

    def _open_or_fetch(self) -> None:
        model, weights = self.model, self._details.weights
        if model is None or weights is None:
            return
        if weights.on_disk:
            self._finish(source_of(model, weights))
        else:
            self._failed.pop(model.name, None)
            # The button is about to be disabled, and the next one in the tab order closes the list.
            self._filter.setFocus(Qt.FocusReason.OtherFocusReason)
            self.download_requested.emit(model.name, weights)

    def _ask_file(self) -> None:
        model = self.model
        if model is None:
            return
        name = model.name
        dialog = weights_dialog(self, self._folder)
        dialog.fileSelected.connect(lambda path: self._finish(ModelSource(name, weights=path)))
        dialog.open()

    def _finish(self, source: ModelSource) -> None:
        self.chosen.emit(source)
        self.accept()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh()  # a button box makes its first button the default when it is shown

    # --- layout ----------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.addButton(self._go, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self._load, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        self._load.setAutoDefault(False)
        self._load.setToolTip("Open the selected architecture with your own weights")
        self._go.setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        narrow = QHBoxLayout()
        narrow.setSpacing(12)
        narrow.addWidget(self._filter, 1)
        # Aligned, because otherwise the row is only as high as the check box.
        narrow.addWidget(self._only, 0, Qt.AlignmentFlag.AlignVCenter)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addLayout(narrow)
        left.addWidget(self._table, 1)
        middle = QHBoxLayout()
        middle.setSpacing(16)
        middle.addLayout(left, 1)
        middle.addWidget(self._details)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 12)
        box.setSpacing(12)
        box.addWidget(scrolled(middle), 1)
        box.addWidget(buttons)
        self._filter.setFocus()
        fit_to_screen(self, QSize(max(840, middle.sizeHint().width() + 32), 560))


def source_of(model: PublishedModel, weights: PublishedWeights) -> ModelSource:
    """The source for published weights: the name alone stands for the default ones."""
    if weights.entry == model.default.entry:
        return ModelSource(model.name)
    return ModelSource(model.name, weights=str(weights.path))


def _sentence(weights: PublishedWeights | None) -> str:
    if weights is None:
        return ""
    if weights.on_disk:
        return "These weights are on this computer."
    if weights.partial:
        return (
            f"{percent(weights)} of {weights.megabytes:,.0f} MB already downloaded; "
            "the download resumes there."
        )
    return f"Not on this computer: {weights.megabytes:,.0f} MB to download."
