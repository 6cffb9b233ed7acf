"""Shows in the status bar what is being computed, read or downloaded."""

from __future__ import annotations

from PySide6.QtCore import QObject

from gui.controllers.controller import Controller
from gui.jobs.lanes import Job
from gui.window.main_window import MainWindow


class WorkPresenter(QObject):
    """Keeps the title and the progress of the running job up to date."""

    def __init__(self, window: MainWindow, controller: Controller, parent: QObject) -> None:
        super().__init__(parent)
        self._window = window
        self._controller = controller
        self._watched: Job | None = None
        for lane in (controller.engine_lane, controller.file_lane):
            lane.busy_changed.connect(self._show_work)
        controller.sessions.busy_changed.connect(self._show_work)
        downloads = controller.downloads
        downloads.changed.connect(lambda: self._show_work(None))
        downloads.progressed.connect(self._show_download)

    def _show_work(self, _job: Job | None) -> None:
        """Show the running job: of the engine, or of files and sessions, or a download."""
        controller = self._controller
        running = (
            controller.engine_lane.running
            or controller.file_lane.running
            or controller.sessions.running
            or controller.downloads.running
        )
        status = self._window.status
        if running is not None:
            status.set_work(running.title, running.stoppable)
        else:
            status.set_work("")
        engine_job = controller.engine_lane.running
        if engine_job is not None and engine_job is not self._watched:
            engine_job.progressed.connect(lambda fraction, _text: status.set_progress(fraction))
        self._watched = engine_job

    def _show_download(self, _name: str, fraction: float, _words: str) -> None:
        if not self._controller.engine_lane.running and not self._controller.file_lane.running:
            self._window.status.set_progress(fraction)
