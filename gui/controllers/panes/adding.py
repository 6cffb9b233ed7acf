"""Adds panes beside the active one, each with one thing changed."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from engine.records.asked import Question
from engine.records.sources import ModelSource
from gui.controllers.explaining import Explainer
from gui.controllers.models import Models
from gui.controllers.panes.following import Options
from gui.controllers.panes.sharing import Sharing
from gui.state.notices import NoticeKind
from gui.state.panes import MOST_PANES, Pane
from gui.state.state import State


class Adding(QObject):
    """Adds to the state's panes. refresh: asks for what a pane that is not active lacks.

    last: the highest number of a pane so far. restored: as in Comparer.
    """

    restored = Signal()

    def __init__(
        self,
        state: State,
        explainer: Explainer,
        models: Models,
        sharing: Sharing,
        last: int,
        refresh: Callable[[Pane], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._explainer = explainer
        self._models = models
        self._sharing = sharing
        self._last = last
        self._refresh = refresh

    def blank(self) -> Pane:
        """A pane to be filled, for arrange."""
        self._last += 1
        return Pane(self._last)

    def compare_layer(self, layer: str) -> None:
        """Show another layer beside what is active."""
        self.add(lambda pane: setattr(pane, "layer", layer))

    def compare_class(self, index: int) -> None:
        """Show another class beside what is active."""

        def change(pane: Pane) -> None:
            pane.target = index
            pane.question = Question(score=pane.question.score)

        self.add(change)

    def compare_method(self, slug: str, options: Options | None = None) -> None:
        """Show the map of another method beside what is active. options: as choose_method takes
        them."""
        chosen = self._explainer.chosen(slug, options)

        def change(pane: Pane) -> None:
            pane.method, pane.options = chosen.method.slug, chosen.options

        self.add(change)

    def compare_question(self, question: Question, target: int | None = None) -> None:
        """Show the answer to another question beside what is active."""

        def change(pane: Pane) -> None:
            pane.question = question
            if target is not None:
                pane.target = target

        self.add(change)

    def compare_image(self, key: str) -> None:
        """Show another image beside the active one."""
        if key not in self._state.images:
            return

        def change(pane: Pane) -> None:
            pane.current_key = key
            image, model = self._state.images[key], pane.model_source
            if model is not None and self._state.pinned is None:
                pane.target = image.targets.get(model)
            pane.comparing = False
            pane.forget()

        self.add(change)

    def compare_model(self, source: ModelSource) -> None:
        """Open another model, and show its map beside that of the active one."""
        if self._has_room():
            self._models.open_beside(source)

    def compare_bare(self) -> None:
        """Show the image without a map beside what is active; without its edits and with a map
        where it has some."""
        if self._state.edits_of(self._state.pane).steps:
            self.compare_original()
        else:
            self.add(lambda pane: setattr(pane, "bare", True))

    def compare_original(self, *, first: bool = False) -> None:
        """Show the image without its edits, with its map, beside what is active. first: on its left
        or above it."""

        def change(pane: Pane) -> None:
            pane.original = True
            pane.forget()

        self.add(change, first=first)

    def _has_room(self) -> bool:
        room = len(self._state.panes) < MOST_PANES
        if not room:
            self._state.notify(
                NoticeKind.INFO, f"There are {MOST_PANES} panes. Close one to add another."
            )
        return room

    def add(self, change: Callable[[Pane], None], *, first: bool = False) -> None:
        """Add a copy of the active pane with a change, if there is room. first: before it."""
        self._state.set_picking(False)
        state = self._state
        if state.current is not None and self._has_room():
            self._last += 1
            pane = state.pane.copy(self._last)
            pane.bare = False
            change(pane)
            state.put_aside = []
            if first:
                state.panes.insert(state.active, pane)
                state.active += 1
            else:
                state.panes.append(pane)
            self._sharing.end_of_two()
            state.panes_changed.emit()
            self._refresh(pane)
        self.restored.emit()
