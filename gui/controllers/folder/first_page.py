"""The way from a row of the folder page to its image on the first page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from gui.controllers.folder.running import is_model
from gui.controllers.images import Images
from gui.controllers.models import Models
from gui.controllers.panes.comparing import Comparer
from gui.state.notices import NoticeKind
from gui.state.state import State

if TYPE_CHECKING:
    from engine.folders.index.queries import Shown
    from engine.folders.records import Job, Row


class FirstPage(QObject):
    """Opens the image of a row as the row was computed. came(of_row): images were opened and the
    first of them is shown; whether it is that of a row."""

    came = Signal(bool)

    def __init__(
        self, state: State, models: Models, images: Images, comparer: Comparer, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._models = models
        self._images = images
        self._comparer = comparer
        self._wanted: tuple[Path, Row | None, Job | None] | None = None
        images.added.connect(self._added)

    def open(self, shown: Shown, job: Job | None) -> None:
        """Open a row's image, with the class, layer and method of its row. job: its own."""
        path = Path(shown.path)
        self._wanted = path, shown.row, job
        if job is not None and is_model(self._state, job):
            self._models.keep()
        self._images.open_paths([path], current=path)

    def _added(self, _keys: object) -> None:
        wanted, self._wanted = self._wanted, None
        current = self._state.current
        of_row = wanted is not None and current is not None and current.path == wanted[0]
        self.came.emit(of_row)
        if not of_row or wanted is None:
            return
        _, row, job = wanted
        if job is not None and row is not None:
            self._choose(row, job)

    def _choose(self, row: Row, job: Job) -> None:
        """Ask for what a row tells."""
        state = self._state
        if not is_model(state, job):
            state.notify(
                NoticeKind.INFO,
                f"The rows were computed with {Path(job.model).name}, which is not the open model.",
            )
            return
        options = tuple((str(name), value) for name, value in job.facts.get("options", ()))
        default = state.info.default_layer if state.info is not None else ""
        if (state.layer or default) != job.layer and job.layer:
            self._comparer.choose_layer(job.layer)
        if (state.method, state.options) != (job.method, options):
            self._comparer.choose_method(job.method, options)
        top = row.target is None or (job.policy == "top" and row.target == row.prediction)
        self._comparer.choose_class(None if top else row.target)
