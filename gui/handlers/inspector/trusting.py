"""Handles the gestures of the page Trust: measuring, stopping, and marking what should be found."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject

from engine.records.images import Region
from engine.records.workbench.trust import Box
from gui.controllers.inspector.trusting import Trusting
from gui.settings.store import Settings
from gui.window.main_window import MainWindow


class TrustGestures(QObject):
    """Connects the page, once it is there."""

    def __init__(self, window: MainWindow, trusting: Trusting, settings: Settings) -> None:
        super().__init__(window)
        self._window, self._trusting, self._settings = window, trusting, settings
        page, tool = window.drawer.trust, window.box_tool
        page.measure_wanted.connect(trusting.measure)
        page.stop_wanted.connect(trusting.stop)
        page.fill_chosen.connect(trusting.set_fill)
        page.load_wanted.connect(self._load)
        page.draw_wanted.connect(tool.set_on)
        page.clear_wanted.connect(lambda: trusting.mark(None))
        page.threshold_chosen.connect(trusting.set_threshold)
        tool.drawn.connect(self._drawn)
        tool.given_up.connect(page.drawing_ended)

    def _drawn(self, drawn: Region) -> None:
        self._window.drawer.trust.drawing_ended()
        self._trusting.mark(Box(drawn.x, drawn.y, drawn.width, drawn.height))

    def _load(self) -> None:
        from gui.file_dialogs import open_dialog

        kinds = "Boxes and masks (*.xml *.json *.txt *.png)"
        dialog = open_dialog(self._window, "Load boxes or mask", self._settings, kinds)
        dialog.fileSelected.connect(lambda path: self._trusting.load_marks(Path(path)))
        dialog.open()
