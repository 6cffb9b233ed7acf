"""The details of the selected gallery model, and the progress of a download."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engine.escaping import LINE
from engine.formats.torchvision.gallery import PublishedModel, PublishedWeights
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, Label, LinkLabel, Role, label

WIDTH: Final = 288
"""Minimum width; 36 digits in a large font may need more."""
_STEPS: Final = 1_000


class GalleryDetails(QWidget):
    """Shows the facts of the selected model and, below, the download.

    weights_chosen: another set of weights was selected. stop_pressed: stop the download.
    """

    weights_chosen = Signal()
    stop_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(max(WIDTH, 36 * self.fontMetrics().horizontalAdvance("0")))
        self._model: PublishedModel | None = None
        self._name = ElidedLabel("header")
        self._weights = QComboBox()
        self._weights.setAccessibleName("Weights")
        self._values: dict[str, Label] = {}
        self._licence = LinkLabel()
        self._facts = self._make_facts()
        self._progress = _Progress()
        self._progress.stop_pressed.connect(self.stop_pressed)
        self._message = label(role="dim")
        self._message.setWordWrap(True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
        self._message.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._message.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._message.setAccessibleName("Download status")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addWidget(self._name)
        box.addWidget(self._weights)
        box.addWidget(self._facts)
        box.addWidget(self._message, 1)
        box.addWidget(self._progress)
        self._weights.currentIndexChanged.connect(self._another)
        self.show_model(None)

    def _make_facts(self) -> QWidget:
        facts = QWidget()
        grid = QGridLayout(facts)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(theme.SPACE)
        grid.setColumnStretch(1, 1)
        for line, name in enumerate(
            ("Top-1 accuracy", "Top-5 accuracy", "Parameters", "Input", "Size", "Licence", "File")
        ):
            what = label(name, "dim")
            value = {"File": ElidedLabel(), "Licence": self._licence}.get(name) or label()
            value.setFont(theme.tabular(value.font()))
            self._values[name] = value
            grid.addWidget(what, line, 0)
            grid.addWidget(value, line, 1)
        return facts

    def show_model(self, model: PublishedModel | None) -> None:
        """Show a model. If it is the same as before, the selected weights stay selected."""
        same = model is not None and self._model is not None and model.name == self._model.name
        kept = max(0, self._weights.currentIndex()) if same else 0
        self._model = model
        self._name.show_text(model.name if model is not None else "")
        self._weights.blockSignals(True)
        self._weights.clear()
        for row, weights in enumerate(model.weights if model is not None else ()):
            remarks = ["default"] * (row == 0) + ["on disk"] * weights.on_disk
            words = ", ".join([_short(weights.entry), *remarks])
            self._weights.addItem(plain_text.line(words))
        self._weights.setCurrentIndex(kept)
        self._weights.setEnabled(self._weights.count() > 1)
        self._weights.blockSignals(False)
        self._show_facts()

    @property
    def weights(self) -> PublishedWeights | None:
        """The selected set of weights."""
        row = self._weights.currentIndex()
        return self._model.weights[row] if self._model is not None and row >= 0 else None

    @property
    def message(self) -> str:
        return self._message.text()

    def show_message(self, text: str, role: Role = "dim") -> None:
        """Show one or several sentences on the state of the weights, or an error."""
        self._message.show_text(text)
        self._message.setProperty("role", role)
        self._message.style().unpolish(self._message)
        self._message.style().polish(self._message)
        self._message.setAccessibleDescription(plain_text.line(text, LINE))

    def show_progress(self, name: str, fraction: float, text: str) -> None:
        self._progress.show_progress(name, fraction, text)

    def hide_progress(self) -> None:
        self._progress.end()

    def _another(self) -> None:
        self._show_facts()
        self.weights_chosen.emit()

    def _show_facts(self) -> None:
        weights, model = self.weights, self._model
        self._weights.setVisible(model is not None)
        self._facts.setVisible(model is not None)
        texts = dict.fromkeys(self._values, "")
        if weights is not None and model is not None:
            texts = {
                "Top-1 accuracy": f"{weights.top1:.1f} %",
                "Top-5 accuracy": f"{weights.top5:.1f} %",
                "Parameters": f"{model.parameters:,}",
                "Input": f"{weights.side} × {weights.side}",
                "Size": f"{weights.megabytes:,.1f} MB",
                "Licence": _terms(weights.licence),
                "File": weights.path.name,
            }
        for name, text in texts.items():
            self._values[name].show_text(text)
            self._values[name].setAccessibleName(plain_text.line(f"{name}: {text}"))
        if weights is not None and weights.licence:
            self._licence.show_link(weights.licence, texts["Licence"])
        where = str(weights.path) if weights is not None else ""
        self._values["File"].setToolTip(plain_text.tip(where))


class _Progress(QWidget):
    """The progress of a download: a line of text, a bar and a stop button.

    Its space is reserved while it is hidden, so that nothing moves when a download starts.
    """

    stop_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._title = ElidedLabel()
        self._words = ElidedLabel("dim")
        self._bar = QProgressBar()
        self._bar.setRange(0, _STEPS)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Download")
        self._stop = QPushButton("Stop")
        self._stop.setAutoDefault(False)
        self._stop.setToolTip("The downloaded part is kept; the next download resumes there")
        self._stop.setAccessibleName("Stop download")
        self._stop.clicked.connect(self._press_stop)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._title)
        words.addWidget(self._words)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addLayout(words, 1)
        row.addWidget(self._stop, 0, Qt.AlignmentFlag.AlignBottom)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(theme.SPACE)
        box.addLayout(row)
        box.addWidget(self._bar)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self.hide()

    def show_progress(self, name: str, fraction: float, text: str) -> None:
        self._title.show_text(f"Downloading {name}")
        self._words.show_text(text)
        self._bar.setValue(round(fraction * _STEPS))
        if self.isHidden():
            self._stop.setEnabled(True)
            self.show()

    def end(self) -> None:
        self.hide()

    def _press_stop(self) -> None:
        # Stopping can take a moment, for example during a DNS lookup.
        self._stop.setEnabled(False)
        self._words.show_text("Stopping…")
        self.stop_pressed.emit()


def _short(entry: str) -> str:
    """A readable name for an entry such as 'IMAGENET1K_SWAG_E2E_V1'."""
    return entry.replace("IMAGENET1K", "ImageNet-1K").replace("_", " ")


def _terms(licence: str) -> str:
    if not licence:
        return "not stated"
    return f"see {urlsplit(licence).hostname or licence}"
