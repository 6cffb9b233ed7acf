"""The main controller: owns the lanes and the controllers that use them, and connects these.

Once the explainer has an answer and the lane is idle, the sweeper computes the maps of all other
layers; from then on clicks are answered from the sweep, without the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.keeping.records import KeptSession, Run
from engine.records.asked import Question
from gui.controllers.asking.choosing import without_comparison
from gui.controllers.downloads import Downloads
from gui.controllers.edits.what_if import WhatIf
from gui.controllers.explaining import Explainer
from gui.controllers.exports import Exports
from gui.controllers.figures.charts import Charts
from gui.controllers.figures.figures import Figures
from gui.controllers.folder.clustering import Clustering
from gui.controllers.folder.exporting import FolderExports
from gui.controllers.folder.figures import FolderFigures
from gui.controllers.folder.folders import Folders
from gui.controllers.image_views import ImageViews
from gui.controllers.images import Images
from gui.controllers.inspector.inspecting import Inspections
from gui.controllers.inspector.trusting import Trusting
from gui.controllers.keeping.folder_page import FolderKeeper
from gui.controllers.keeping.notes import Notes
from gui.controllers.keeping.restoring import Restorer
from gui.controllers.keeping.sessions import Sessions
from gui.controllers.late_files import LateFiles
from gui.controllers.models import Models, NamedModel
from gui.controllers.panes.comparing import Comparer
from gui.controllers.published import Published
from gui.controllers.reports.reports import Reports
from gui.controllers.sweeps import Sweeper
from gui.controllers.taking_up import take_back, take_up
from gui.controllers.undo.history import History
from gui.jobs.colouring import color_strips
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.settings.store import Settings
from gui.settings.table import EXACT
from gui.state.images import OpenImage
from gui.state.notices import NoticeKind
from gui.state.records import EngineFacts
from gui.state.state import State


class Controller(QObject):
    """Owns the engine lane, the file lane and the controllers that use them.

    swatches_ready(dict of QImage by colour map).
    """

    swatches_ready = Signal(object)

    def __init__(self, state: State, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = state
        self._settings = settings
        settings.changed.connect(self._setting_changed)
        self._worker = EngineWorker()
        self.engine_lane = engine = Lane("engine", self)
        self.file_lane = files = Lane("files", self)
        self.history = History(self)
        self.images = Images(state, settings, files, self.history, self)
        self.images.leaving.connect(self._image_left)
        state.image_removed.connect(self._image_closed)
        self.views = ImageViews(state, self.images, files, self)
        self.images.ready.connect(self._image_ready)
        self.views.altered.connect(self._image_altered)
        self.models = Models(state, settings, engine, self._worker, self)
        self.sweeper = Sweeper(state, settings, engine, files, self._worker, self)
        self.exports = Exports(state, settings, files, self)
        self.charts = Charts(state, files, self)
        self.figures = Figures(state, settings, engine, files, self._worker, self)
        self.downloads = Downloads(self)
        self.published = Published(state, engine, self._worker, self)
        for lane in (engine, files):
            LateFiles(state, lane, self)
        self.explainer = explainer = Explainer(
            state,
            settings,
            engine,
            self._worker,
            self.sweeper,
            self.models.remember_method,
            self.models.remember_question,
            self,
        )
        self.comparer = comparer = Comparer(
            state, settings, explainer, self.images, self.models, engine, self._worker, self
        )
        self.what_if = WhatIf(
            state,
            settings,
            self.history,
            self.images,
            explainer,
            comparer,
            engine,
            files,
            self._worker,
            self,
        )
        # Before the explainer hears of a model, what was selected with it is.
        restorer = Restorer(state, settings, self.images, self.models, comparer, explainer, self)
        self.models.opened.connect(self._model_opened)
        self.models.not_opened.connect(self._model_not_opened)
        self.sessions = Sessions(state, settings, self.images, self.models, restorer, self)
        self.notes = Notes(state, self)
        self.images.finder.session_found.connect(self.sessions.open)
        self.folders = Folders(
            state,
            settings,
            engine,
            files,
            self._worker,
            self.models,
            self.images,
            comparer,
            self,
        )
        self.folder_figures = FolderFigures(state, self.folders, self)
        self.sessions.keep_folder(FolderKeeper(self.folders, self.folder_figures, settings, self))
        self.clustering = Clustering(
            state, self.folders, self.folder_figures, engine, self._worker, self
        )
        self.folder_exports = FolderExports(state, settings, self.folders, self.clustering, self)
        self.inspections = Inspections(state, settings, engine, files, self._worker, self)
        self.trusting = trusting = Trusting(state, settings, engine, files, self._worker, self)
        self.reports = Reports(
            state,
            settings,
            engine,
            files,
            self._worker,
            lambda: tuple(trusting.figures.values()),
            self,
        )
        self.images.reopened.connect(self._reopened)
        self.choose_layer = comparer.choose_layer
        self.choose_class = comparer.choose_class
        self.choose_method = comparer.choose_method
        self.ask = comparer.ask
        self.compare = explainer.compare
        self.expect = explainer.expect

    # --- starting and ending ---------------------------------------------------------------------

    def start(
        self,
        paths: Sequence[Path] = (),
        model: NamedModel | None = None,
        session: KeptSession | None = None,
    ) -> None:
        """Load the engine, open the first model and the first images, or what was open the last
        time, with the paths added to it."""
        job = Job("Loading the engine", self._worker.load_engine, stoppable=False)
        job.finished.connect(self._engine_loaded)
        job.failed.connect(self._engine_failed)
        self.engine_lane.submit(job)
        swatches = Job("Drawing colour maps", lambda _watch: color_strips(), stoppable=False)
        swatches.finished.connect(self.swatches_ready)
        self.file_lane.submit(swatches)
        if session is not None:
            run = session.run or Run()
            file = Path(run.file) if run.file else None
            self.sessions.take(session, file, unsaved=run.unsaved)
        if paths:
            self.images.open_paths(paths)
        elif not self.state.images and self.folders.folder is None:
            self.images.open_scenes()
        if model is not None:
            self.models.open_named(model)
        elif self.state.model_loading is None:
            self.models.open_first()

    def close(self) -> None:
        """Stop all jobs and wait for the lanes."""
        self.sweeper.close()
        self.downloads.close()
        self.sessions.close()
        self.file_lane.close()
        self.engine_lane.close()
        self.folder_figures.close()
        self.folders.close()

    @property
    def at_rest(self) -> bool:
        """Whether Esc has nothing to end but work that goes on when nothing is asked."""
        state, lanes = self.state, (self.engine_lane, self.file_lane)
        asked = any(
            lane.running is not None and lane.running.priority is not Priority.IDLE
            for lane in lanes
        )
        alone = len(state.panes) == 1 and not state.picking
        return alone and not asked and state.model_loading is None and not self.downloads.running

    def leave(self) -> None:
        """Esc: end what was begun last, so compare with nothing, stop what is computed, or go back
        to one pane."""
        state, running = self.state, self.engine_lane.running
        swept = running is None or running.slot == "sweep"
        if state.picking:
            self.comparer.pick(False)
        elif len(state.panes) > 1 and swept and state.model_loading is None:
            self.comparer.single()
        else:
            self.cancel()

    def cancel(self) -> None:
        """Stop the current computation or export, or else a download.

        The map on the screen stays and becomes the selection again.
        """
        if self.engine_lane.running is None and self.file_lane.running is None:
            self.downloads.cancel()
        self.images.cancel()
        self.sessions.cancel()
        self.exports.cancel()
        self.figures.stop()
        self.figures.batch.cancel()
        self.inspections.stop()
        self.trusting.stop()
        if self.models.opening_first:
            return
        self.explainer.stop()
        self.models.cancel()
        self.state.answer_changed.emit()

    def ask_again(self, question: Question) -> None:
        """Ask a question of an earlier session, if it can be asked here."""
        before = self.state.question
        self.state.warn(take_up(self.state, question))
        if self.state.question != before:
            self.state.choose_question(question)
            self.state.selection_changed.emit()
            self.explainer.explain()

    def _engine_loaded(self, facts: EngineFacts) -> None:
        self.state.engine = facts
        self.state.engine_changed.emit()

    def _engine_failed(self, error: HookscopeError) -> None:
        self.state.engine_error = error
        self.models.cancel()
        self.state.engine_changed.emit()
        self.state.notify(NoticeKind.ERROR, str(error))

    def _image_left(self) -> None:
        """Discard all results, which belong to the previous image, and select what was for this."""
        self.explainer.void()
        state = self.state
        without_comparison(state)
        state.answer = state.explanation = state.sweep = None
        state.explain_error = ""
        state.set_computing(False)
        state.warn(take_back(state, self._settings), image=state.current_key or "")
        self.comparer.restored.emit()

    def _reopened(self, layer: str | None) -> None:
        """Select the layer that was selected when the images were closed."""
        self.explainer.choose_layer(layer)
        self.comparer.restored.emit()

    def _image_closed(self, key: str) -> None:
        self.engine_lane.submit(
            Job("Closing the image", lambda watch: self._worker.forget_image(key, watch))
        )

    def _image_altered(self) -> None:
        """Explain the same image with other levels; its map stays until the new one is there."""
        self.explainer.void()
        self.state.answer = self.state.sweep = None
        self.state.sweep_changed.emit()
        self.explainer.explain()

    def _model_opened(self) -> None:
        """Make pending answers of the previous model stale, and explain with the new one."""
        self.explainer.forget()
        self.explainer.void()
        self._image_ready()

    def _model_not_opened(self) -> None:
        """Explain what waited for a model that does not come, and what the one before explained
        meanwhile, by the demo that knows such images."""
        image = self.state.current
        if self.state.explanation is None and not self.state.explain_error:
            self._image_ready()
        elif image is not None and image.loaded is not None and self._open_demo(image):
            self.state.set_computing(True)

    def _image_ready(self) -> None:
        """Explain the current image, by the demo that knows such images if no model was chosen."""
        self.views.follow()
        image = self.state.current
        decoded = image is not None and image.loaded is not None
        if image is not None and decoded and self._open_demo(image):
            self.state.set_computing(True)
            return
        self.explainer.explain()

    def _open_demo(self, image: OpenImage) -> bool:
        """Open the demo that knows such images, unless a model was chosen or explains a folder;
        whether it is being opened."""
        return not self.folders.uses_model and self.models.open_for(image)

    def _setting_changed(self, key: str) -> None:
        if key == EXACT.key and self.state.explanation is not None:
            self.state.sweep = None
            self.state.sweep_changed.emit()
            self.explainer.explain()
