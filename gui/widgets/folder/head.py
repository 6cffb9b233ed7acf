"""The head of the folder page: what is open, how far its run is, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, label

GAP = theme.SPACE


class FolderHead(QWidget):
    """run_wanted: the button was pressed. job_chosen(number). menu: of the folder."""

    run_wanted = Signal()
    job_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.title = label("", "header")
        self.title.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.jobs = QComboBox()
        self.jobs.setAccessibleName("What was computed")
        self.jobs.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.jobs.setMaximumWidth(100 * GAP)
        self.jobs.activated.connect(lambda place: self.job_chosen.emit(self.jobs.itemData(place)))
        self.words = ElidedLabel("dim")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedSize(40 * GAP, 6)
        self.progress.setRange(0, 1000)
        self.progress.setAccessibleName("Progress of the folder")
        self.button = QPushButton()
        self.button.clicked.connect(self.run_wanted)
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        more = QToolButton()
        more.setText("Folder")
        more.setProperty("popup", True)
        more.setAccessibleName("Folder menu")
        more.setMenu(self.menu)
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP)
        row.setSpacing(3 * GAP)
        for widget, stretch in (
            (self.title, 0),
            (self.jobs, 0),
            (self.words, 1),
            (self.progress, 0),
            (self.button, 0),
            (more, 0),
        ):
            row.addWidget(widget, stretch, Qt.AlignmentFlag.AlignVCenter)

    def set_title(self, text: str, tip: str) -> None:
        """Show the name of the folder. tip: where it is and where its index is."""
        said = self.title.fontMetrics().elidedText(
            plain_text.line(text), Qt.TextElideMode.ElideMiddle, 60 * GAP
        )
        self.title.show_text(said)
        self.title.setToolTip(plain_text.tip(tip))

    def set_jobs(self, jobs: Sequence[tuple[int, str]], current: int | None) -> None:
        """The jobs by number and name; nothing is shown while there is none."""
        known = [(self.jobs.itemData(n), self.jobs.itemText(n)) for n in range(self.jobs.count())]
        wanted = [(number, plain_text.line(name)) for number, name in jobs]
        if known != wanted:
            self.jobs.clear()
            for number, name in wanted:
                self.jobs.addItem(name, number)
        self.jobs.setCurrentIndex(self.jobs.findData(current))
        self.jobs.setToolTip(plain_text.tip(self.jobs.currentText()))
        self.jobs.setVisible(bool(wanted))

    def set_run(self, words: str, share: float | None, button: str, tip: str = "") -> None:
        """What is going on. share: done, 0 to 1; None where nothing runs. button: what can be done,
        '' for nothing."""
        self.words.show_text(words)
        self.progress.setVisible(share is not None)
        if share is not None:
            self.progress.setRange(0, 1000 if share > 0 else 0)
            self.progress.setValue(round(1000 * share))
        self.button.setVisible(bool(button))
        self.button.setText(plain_text.entry(button))
        self.button.setToolTip(plain_text.tip(tip))
