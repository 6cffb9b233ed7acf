"""All controllers of 'what if' together."""

from __future__ import annotations

from PySide6.QtCore import QObject

from gui.controllers.edits.curves import Curves
from gui.controllers.edits.edit_files import EditFiles
from gui.controllers.edits.editing import Editor
from gui.controllers.edits.live import Live
from gui.controllers.edits.making import Making
from gui.controllers.edits.places import Places
from gui.controllers.explaining import Explainer
from gui.controllers.images import Images
from gui.controllers.panes.comparing import Comparer
from gui.controllers.undo.history import History
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Lane
from gui.settings.store import Settings
from gui.state.state import State


class WhatIf(QObject):
    """making: pixels. live: numbers while the hand moves. curves, places: scores over a range, and
    over positions. editor: the edits themselves. files: of them."""

    def __init__(
        self,
        state: State,
        settings: Settings,
        history: History,
        images: Images,
        explainer: Explainer,
        comparer: Comparer,
        engine: Lane,
        lane: Lane,
        worker: EngineWorker,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.making = Making(state, settings, engine, lane, worker, self)
        self.live = Live(state, settings, engine, worker, self)
        self.curves = Curves(state, settings, engine, worker, self)
        self.places = Places(state, settings, engine, worker, self)
        self.editor = Editor(
            state, history, images, explainer, comparer, self.making, self.live, self
        )
        self.files = EditFiles(state, self.editor, lane, self)
