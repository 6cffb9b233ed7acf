"""Handles the gallery: shows its dialog, starts downloads and opens models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from gui.controllers.controller import Controller
from gui.jobs.lanes import Job, Priority
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from engine.formats.torchvision.gallery import PublishedModel, PublishedWeights
    from gui.widgets.gallery.dialog import GalleryDialog


class GalleryOpener(QObject):
    """Shows the gallery, downloads weights on request and opens the chosen model."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._settings = settings
        self._published = controller.published
        # Which compares with it, if that was asked for.
        self._open = controller.comparer.open_model
        self._downloads = controller.downloads
        self._lane = controller.file_lane
        self._gallery: tuple[PublishedModel, ...] = ()
        self._dialog: GalleryDialog | None = None
        state.engine_changed.connect(self._fill)
        state.gallery_changed.connect(self._fill)
        downloads = controller.downloads
        downloads.progressed.connect(self._progress)
        downloads.finished.connect(self._fetched)
        downloads.failed.connect(self._failed)
        downloads.stopped.connect(self._stopped)

    def ask(self) -> None:
        """Show the gallery."""
        from gui.file_dialogs import start_folder
        from gui.widgets.gallery.dialog import GalleryDialog

        dialog = GalleryDialog(start_folder(self._settings), self._window)
        dialog.setObjectName("model dialog")
        dialog.chosen.connect(self._open)
        dialog.download_requested.connect(self._downloads.start)
        dialog.stop_requested.connect(self._downloads.cancel)
        dialog.finished.connect(self._closed)
        self._dialog = dialog
        self._published.read()
        self._fill()
        if self._downloads.name:
            self._progress(self._downloads.name, *self._downloads.last)
        dialog.open()

    def _closed(self) -> None:
        self._dialog = None

    def _fill(self) -> None:
        """Show the list as soon as it is available, then refresh what is on disk."""
        state, dialog = self._state, self._dialog
        if dialog is None:
            return
        error = state.engine_error or state.gallery_error
        if state.gallery:
            self._gallery = self._gallery or state.gallery
            dialog.set_models(self._gallery)
            self._look_again()
        elif error is not None:
            dialog.set_failure(f"Cannot load the list: {error}")

    def _look_again(self) -> None:
        """Check in the background which weights are on disk, because a disk can be slow."""
        models = self._gallery
        job = Job(
            "Looking for downloaded weights",
            lambda _watch: tuple(model.refreshed() for model in models),
            slot="gallery",
            priority=Priority.CLICK,
            stoppable=False,
        )
        job.finished.connect(self._looked)
        self._lane.submit(job)

    def _looked(self, models: tuple[PublishedModel, ...]) -> None:
        self._gallery = models
        if self._dialog is not None:
            self._dialog.set_models(models)

    # --- downloads -------------------------------------------------------------------------------

    def _progress(self, name: str, fraction: float, words: str) -> None:
        if self._dialog is not None:
            self._dialog.show_download(name, fraction, words)

    def _fetched(self, name: str, weights: PublishedWeights) -> None:
        """Open the model if the user is waiting for it in the dialog; otherwise offer it."""
        from gui.widgets.gallery.dialog import source_of

        model = next(model for model in self._gallery if model.name == name)
        source = source_of(model, weights)
        dialog = self._dialog
        if dialog is not None:
            dialog.show_download_end()
            if dialog.model is not None and dialog.model.name == name:
                dialog.accept()
                self._open(source)
                return
        self._state.notify(
            NoticeKind.INFO, f"{name} has been downloaded.", "Open model", source.key
        )
        self._look_again()

    def _failed(self, _name: str, reason: str) -> None:
        if self._dialog is not None:
            self._dialog.show_download_end(reason)
        else:
            self._state.notify(NoticeKind.ERROR, reason)
        self._look_again()

    def _stopped(self, name: str) -> None:
        if self._dialog is not None:
            self._dialog.show_download_end()
        else:
            text = f"Download of {name} stopped. The part already downloaded is kept."
            self._state.notify(NoticeKind.INFO, text)
        self._look_again()
