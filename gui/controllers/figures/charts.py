"""Writes charts, of the map or of a folder, with what is needed to repeat them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from engine.records.views import View
from engine.records.workbench.trust import TrustSettings
from gui.jobs.figure_work import beside, write_chart
from gui.jobs.lanes import Job, Lane, Priority
from gui.state.notices import NoticeKind
from gui.state.state import State


class Charts(QObject):
    """lane: writes the files."""

    def __init__(self, state: State, lane: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._lane = lane

    def facts_of(
        self,
        name: str,
        axes: tuple[str, str],
        *,
        channel: str = "",
        trust: TrustSettings | None = None,
    ) -> dict[str, Any] | None:
        """What is written beside a chart of the map; None where there is none.

        channel: whose values it shows, in place of the map's; '' for these.
        """
        from engine.export.figures import chart_facts
        from engine.export.sidecar import pane_facts

        state, pane = self._state, self._state.pane
        image, shown, source = state.loaded_of(pane), state.explanation, state.model_source
        if image is None or shown is None or source is None:
            return None
        view = View.of(shown, image, source.key, state.edits_of(pane))
        facts = pane_facts(image, shown.model, view, shown)
        return chart_facts(facts, name, axes, channel=channel, trust=trust)

    def write(self, path: Path, data: bytes, facts: Mapping[str, Any] | None = None) -> None:
        """Write a chart, with facts beside it; closing the program waits for it."""
        pictures = self._state.pictures
        job = Job(
            f"Saving {path.name}",
            lambda _watch: write_chart(path, data, facts, pictures),
            slot="export chart",
            priority=Priority.CLICK,
            keep=True,
        )
        job.finished.connect(lambda whole: self._written(path, whole=whole))
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._lane.submit(job)

    def _written(self, path: Path, *, whole: bool) -> None:
        kind, words = NoticeKind.INFO, f"Saved {path.name}"
        if not whole:
            kind = NoticeKind.WARNING
            words += f", but not how to repeat it: {beside(path).name} is another file"
        self._state.notify(kind, words, "Show folder", str(path.absolute().parent))
