"""Puts a session back into the state: images at once, models and panes as they open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.formats.demo import SCENES
from engine.keeping import locating
from engine.keeping.records import KeptFile, KeptImage, KeptModel, KeptPane, KeptSession
from engine.records.edits import Edits
from engine.records.sources import ModelSource
from gui.controllers.explaining import Explainer
from gui.controllers.images import Images
from gui.controllers.keeping.chosen import choose_for, fit
from gui.controllers.models import Models
from gui.controllers.panes.comparing import Comparer
from gui.controllers.taking_up import take_up
from gui.settings.store import Settings
from gui.state.images import OpenImage
from gui.state.panes import Links, Pane
from gui.state.pieces import Piece
from gui.state.records import OpenedModel
from gui.state.state import State

_SCENES = {scene.path.name: scene for scene in SCENES}


class Restorer(QObject):
    """Opens the images and models of a session, then selects what was selected.

    done: all is there, or what is not was given up, because a model could not be opened or the user
    has moved on.
    """

    done = Signal()

    def __init__(
        self,
        state: State,
        settings: Settings,
        images: Images,
        models: Models,
        comparer: Comparer,
        explainer: Explainer,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._explainer = explainer
        self._settings = settings
        self._images = images
        self._models = models
        self._comparer = comparer
        self._session: KeptSession | None = None
        self._last = KeptSession()
        self._missing: frozenset[str] = frozenset()
        self._keys: dict[str, str] = {}
        self._sources: dict[str, ModelSource] = {}
        self._opened: dict[str, OpenedModel] = {}
        self._waiting: list[str] = []
        self._asked = self._holds = False
        models.asked.connect(self._model_asked)
        models.opened.connect(self._model_opened)
        models.not_opened.connect(self._model_not_opened)
        comparer.taker = self._take

    @property
    def pending(self) -> KeptSession | None:
        """The session that is being restored; None for none."""
        return self._session

    def restore(
        self,
        session: KeptSession,
        *,
        replacing: bool = True,
        missing: frozenset[str] = frozenset(),
        afresh: bool = False,
    ) -> None:
        """Open a session in place of what is open.

        replacing: if not, besides the user's images. missing: the paths of files that are not
        where they were; models among them are waited for. afresh: the model is opened again even
        if it is open.
        """
        state = self._state
        session = locating.with_scenes(session, (scene.path for scene in SCENES))
        self._missing = missing
        before = [
            key for key, image in state.images.items() if replacing or image.scene is not None
        ]
        self._session = self._last = session
        self._asked = False
        self._sources = {model.id: model.source for model in session.models}
        self._comparer.single()
        self._show_as(session)
        state.pieces |= pieces_of(session)
        self._keys = self._open_images(session.images)
        self._images.select(
            self._keys.get(session.current or "", next(iter(self._keys.values()), ""))
        )
        self._images.close_many([key for key in before if key not in self._keys.values()])
        self._open_model(session, afresh=afresh)

    def locate(self, places: Mapping[str, Path], missing: frozenset[str]) -> None:
        """Files that were missing are here. missing: those that still are."""
        self._missing = missing
        files = {name: KeptFile(str(place)) for name, place in places.items()}
        for image in list(self._state.images.values()):
            place = places.get(str(image.path))
            if place is not None:
                self._images.relocate(image, place)
            edits = locating.pasted_from(image.edits, files)
            if edits != image.edits:
                image.edits = edits
                self._state.edits_changed.emit(image.key)
                self._state.image_updated.emit(image.key)
        before, now = self._last, locating.moved(self._last, places)
        models = [a != b for a, b in zip(before.models, now.models, strict=True)]
        self._last = now
        if any(models):
            self._session = now
            self._sources = {model.id: model.source for model in now.models}
            self._open_model(now)

    def leave_out(self, paths: frozenset[str]) -> None:
        """Go on without the models among these files."""
        self._missing -= paths
        if self._session is None:
            return
        here = self._model_here(self._session)
        if here is not None and any(file.path in paths for file in here.files.values()):
            # What was selected was selected with this model.
            self._end()
            if self._state.info is None and self._state.model_loading is None:
                self._models.open_first()

    def let_go(self) -> None:
        """The user has moved on: what is not there yet is no longer wanted."""
        if self._session is not None:
            self._end()

    def _end(self) -> None:
        self._session, self._waiting = None, []
        self.done.emit()

    # --- images ----------------------------------------------------------------------------------

    def _open_images(self, images: Sequence[KeptImage]) -> dict[str, str]:
        """Open images; returns their keys, by their ids in the session."""
        opened = {image.id: self._image(image) for image in images}
        found = {id: image for id, image in opened.items() if image is not None}
        self._images.take_up(list(found.values()))
        return {id: image.key for id, image in found.items()}

    def _image(self, kept: KeptImage) -> OpenImage | None:
        scene = _SCENES.get(kept.scene)
        if kept.file is None and scene is None and kept.pixels is None:
            return None
        path = scene.path if scene is not None else Path(kept.file.path) if kept.file else None
        name = kept.name or (path.name if path is not None else "image")
        image = self._images.blank(path, name, scene)
        image.pixels = kept.pixels
        image.page, image.levels = kept.page, kept.levels
        image.notes, image.sight = kept.notes, kept.sight
        try:
            image.edits = Edits.from_facts(kept.edits or ())
        except (ValueError, TypeError) as error:
            self._state.warn((f"{image.name}: its edits cannot be read and are left out: {error}",))
        choose_for(image, kept, self._sources)
        return image

    # --- models ----------------------------------------------------------------------------------

    def _open_model(self, session: KeptSession, *, afresh: bool = False) -> None:
        """Open the model of the active pane; the others follow."""
        state = self._state
        self._opened = {}
        kept = self._model_here(session)
        if kept is None:
            self._end()
        elif any(file.path in self._missing for file in kept.files.values()):
            # It is waited for until it is located or left out.
            pass
        elif kept.source == state.model_source and state.model_loading is None and not afresh:
            if kept.chosen:
                self._models.keep()
            self._model_opened()
            self._explainer.explain()
        elif kept.chosen or afresh:
            self._models.open(kept.source)
        # Otherwise the demo is opened for the image, once it has been read.

    def _model_here(self, session: KeptSession) -> KeptModel | None:
        kept = session.model(session.panes[session.active].view.model) if session.panes else None
        return kept or next(iter(session.models), None)

    def _model_opened(self) -> None:
        """Select what was selected, before it is explained."""
        session, state = self._session, self._state
        if session is None or self._opened:
            return
        here = session.panes[session.active] if session.panes else None
        if here is None or not self._is_wanted(here.view.model, state.model_source):
            return
        assert state.model_source is not None
        assert state.info is not None
        self._opened[here.view.model] = OpenedModel(state.model_source, state.info, state.layers)
        # Opening a model makes the program forget what was chosen for its images.
        for kept in session.images:
            image = state.images.get(self._keys.get(kept.id, ""))
            if image is not None:
                state.warn(choose_for(image, kept, self._sources))
        if state.current_key == self._keys.get(here.view.image):
            left = fit(state.pane, here)
            state.warn((*left, *take_up(state, here.view.question)))
        state.selection_changed.emit()
        self._arrange(session)
        self._comparer.restored.emit()
        wanted = dict.fromkeys(pane.view.model for pane in session.panes)
        self._waiting = [id for id in wanted if self._can_open(id) and id not in self._opened]
        self._next_model()

    def _is_wanted(self, id: str, source: ModelSource | None) -> bool:
        """Whether this is the model with that id, perhaps after a question that was answered."""
        wanted = self._sources.get(id)
        if wanted is None or source is None:
            return False
        if source != wanted and not (self._asked and source.spec == wanted.spec):
            return False
        self._sources[id] = source
        return True

    def _can_open(self, id: str) -> bool:
        kept = self._last.model(id)
        return kept is not None and not any(
            file.path in self._missing for file in kept.files.values()
        )

    def _next_model(self) -> None:
        if self._waiting:
            self._models.open_beside(self._sources[self._waiting[0]])
        else:
            self._end()

    def _take(self, opened: OpenedModel) -> bool:
        """A model has been opened for another pane; whether one of the session's waits for it."""
        session = self._session
        if session is None or not self._waiting:
            return False
        if not self._is_wanted(self._waiting[0], opened.source):
            return False
        self._opened[self._waiting.pop(0)] = opened
        self._arrange(session)
        self._next_model()
        return True

    def _model_asked(self) -> None:
        """The model opens once the user has answered; let_go is called if that is declined."""
        self._asked = self._holds = True

    def _model_not_opened(self) -> None:
        holds, self._holds = self._holds, False
        if self._session is None or holds:
            return
        if not self._waiting:
            self._end()
            return
        del self._waiting[0]
        self._next_model()

    # --- panes -----------------------------------------------------------------------------------

    def _show_as(self, session: KeptSession) -> None:
        """Links and display settings, as far as these are in range."""
        state = self._state
        known = {name: on for name, on in session.links.items() if hasattr(Links(), name)}
        state.links = Links(**known)
        state.pinned = session.pinned
        state.pinned_changed.emit()
        self._settings.take_display(session.display)

    def _arrange(self, session: KeptSession) -> None:
        """Show the panes whose models are open, in the order of the session."""
        here = self._state.pane
        panes: list[Pane] = []
        for place, kept in enumerate(session.panes):
            if place == session.active:
                here.bare, here.original = kept.bare, self._is_original(kept, here.current_key)
                panes.append(here)
                continue
            opened, key = self._opened.get(kept.view.model), self._keys.get(kept.view.image)
            if opened is not None and key is not None:
                panes.append(self._pane(kept, opened, key))
        if len(panes) > 1:
            self._comparer.arrange(panes, session.arrangement)

    def _is_original(self, kept: KeptPane, key: str | None) -> bool:
        """Whether a pane showed its image without the edits that it has."""
        image = self._state.images.get(key or "")
        return image is not None and bool(image.done.steps) and not kept.view.edits.steps

    def _pane(self, kept: KeptPane, opened: OpenedModel, key: str) -> Pane:
        pane = self._comparer.blank()
        pane.bare, pane.current_key = kept.bare, key
        pane.original = self._is_original(kept, key)
        pane.model_source, pane.info, pane.layers = opened.source, opened.info, opened.layers
        pane.model_settled = opened.settled
        pane.question = kept.view.question
        self._state.warn(fit(pane, kept))
        return pane


def pieces_of(session: KeptSession) -> dict[str, Piece]:
    """What the edits of a session paste from that has no file, by its name.

    Sessions of earlier versions have it as an image that is open; it may be closed.
    """
    lists = (image.edits for image in session.images if isinstance(image.edits, list))
    named = [step.get("source") for steps in lists for step in steps if isinstance(step, dict)]
    kept = {image.name: image.pixels for image in session.images if image.name in named}
    kept |= {source.name: source.pixels for source in session.sources}
    return {name: Piece(pixels) for name, pixels in kept.items() if pixels is not None}
