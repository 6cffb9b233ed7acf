"""The status bar: explained layer, timings, running job with progress, stop button and zoom; or,
of the folder page, what is to be said of its labels."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QStatusBar, QToolButton, QWidget

from engine.methods.modifiers import place_words
from engine.records.explanations import Explanation
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, Label

# Shorter jobs are not shown, to avoid flicker.
_DELAY_MS = 300
# A long file name must not displace the facts or widen the window.
_MOST_WIDTH = 320


class StatusBar(QStatusBar):
    """stop_requested: the user wants to stop the running job. remedy_wanted: what is said of the
    folder's labels is to be mended."""

    stop_requested = Signal()
    remedy_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        # The image must not move when the stop button appears.
        self.setMinimumHeight(8 * theme.SPACE)
        self._facts = ElidedLabel()
        self._facts.setFont(theme.tabular(self._facts.font()))
        self._work = Label()
        self._work.setProperty("role", "dim")
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setFixedSize(120, 6)
        self._progress.setAccessibleName("Progress")
        self._stop = QToolButton()
        self._stop.setIcon(theme.icon("cancel"))
        self._stop.setToolTip("Stop (Esc)")
        self._stop.setAccessibleName("Stop")
        self._stop.setAutoRaise(True)
        self._stop.clicked.connect(self.stop_requested)
        self._zoom = Label()
        self._zoom.setProperty("role", "dim")
        self._zoom.setFont(theme.tabular(self._zoom.font()))
        self._labels = ElidedLabel("warning")
        self._mend = QToolButton()
        self._mend.setProperty("link", True)
        self._mend.setText("Match labels…")
        self._mend.clicked.connect(self.remedy_wanted)
        self._of_folder = QWidget()
        line = QHBoxLayout(self._of_folder)
        line.setContentsMargins(8, 0, 0, 0)
        line.setSpacing(3 * theme.SPACE)
        line.addWidget(self._labels, 1)
        line.addWidget(self._mend)
        self.addWidget(self._facts, 1)
        self.addWidget(self._of_folder, 1)
        for widget in (self._work, self._progress, self._stop, self._zoom):
            self.addPermanentWidget(widget)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_DELAY_MS)
        self._delay.timeout.connect(self._show_work)
        self._set_work_visible(False)
        self._facts.setContentsMargins(8, 0, 0, 0)
        self.set_labels("")
        self.speak_of_folder(False)
        self.setContentsMargins(0, 0, 8, 0)

    def show_explanation(self, explanation: Explanation | None) -> None:
        """Show the layer or what else is mapped, its shape, device, durations and notices."""
        if explanation is None:
            self._facts.show_text("")
            return
        shape = " × ".join(str(n) for n in explanation.shape)
        seconds, place = explanation.seconds, place_words(explanation)
        made = f"map {_time(seconds.explain)}"
        asked = "" if explanation.asked.question == "class" else f"{explanation.sentence}  ·  "
        self._facts.show_text(
            f"{asked}{place}  ·  {shape}  ·  {explanation.device.upper()}: "
            + "  ·  ".join((f"forward {_time(seconds.forward)}, {made}", *explanation.notices))
        )

    def show_message(self, text: str) -> None:
        """Show a message instead of the facts, until the next explanation."""
        self._facts.show_text(text)

    def speak_of_folder(self, on: bool) -> None:
        """Speak of the folder page in place of the picture, which is not in sight then."""
        self._facts.setVisible(not on)
        self._zoom.setVisible(not on)
        self._of_folder.setVisible(on)

    def set_labels(self, words: str) -> None:
        """Say which labels of the folder are no classes; '' for nothing to say."""
        self._labels.show_text(words)
        self._labels.setVisible(bool(words))
        self._mend.setVisible(bool(words))

    def show_zoom(self, zoom: float | None) -> None:
        """Show the zoom, in screen pixels per image pixel; None if there is no image."""
        self._zoom.show_text("" if zoom is None else f"{100 * zoom:.0f} %")

    @property
    def facts_width(self) -> int:
        """How wide the line is up to what runs and the zoom, in pixels."""
        shown = (self._work, self._progress, self._stop, self._zoom)
        return (
            min((one.x() for one in shown if one.isVisible()), default=self.width()) - theme.SPACE
        )

    @property
    def working(self) -> bool:
        """Whether a running job is shown."""
        return not self._progress.isHidden()

    def set_work(self, title: str, stoppable: bool = True) -> None:
        """Show the running job; '' for none. stoppable: whether the user may stop it."""
        self._stop.setEnabled(stoppable)
        if not title:
            self._delay.stop()
            self._set_work_visible(False)
            return
        words = self._work.fontMetrics()
        said = plain_text.line(title)
        self._work.setText(words.elidedText(said, Qt.TextElideMode.ElideMiddle, _MOST_WIDTH))
        self._work.setToolTip(plain_text.tip(said))
        self._progress.setRange(0, 0)
        if not self._delay.isActive() and not self._progress.isVisible():
            self._delay.start()

    def set_progress(self, fraction: float) -> None:
        """Set the progress, 0 to 1; 0 means unknown."""
        if fraction <= 0:
            self._progress.setRange(0, 0)
        else:
            self._progress.setRange(0, 1000)
            self._progress.setValue(round(1000 * fraction))

    def _show_work(self) -> None:
        self._set_work_visible(True)

    def _set_work_visible(self, visible: bool) -> None:
        for widget in (self._work, self._progress, self._stop):
            widget.setVisible(visible)


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    milliseconds = 1000 * seconds
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"
