"""What is open, as a session: plain values, taken from the state in a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from engine.formats.demo import SCENES, TITLES
from engine.keeping.left import KeptLeft
from engine.keeping.records import (
    KeptFile,
    KeptImage,
    KeptModel,
    KeptPane,
    KeptSession,
    KeptSource,
    files_of,
)
from engine.records.asked import CLASS, Question
from engine.records.edits import Paste
from engine.records.models import ModelInfo
from engine.records.sources import ModelSource
from engine.records.views import View
from gui.controllers.models import FIRST_MODEL, PHOTO_MODEL, Models
from gui.settings.store import Settings
from gui.state.images import OpenImage
from gui.state.panes import Left, Pane
from gui.state.state import State

Stamp = tuple[int, int]
Hashes = Mapping[Path, tuple[Stamp, str]]
"""The checksums that are known, with the stamps that the files had then."""


class Capturer:
    """Takes sessions from the state. Images that are as they were the last time are the same
    records, so that thousands of them cost little."""

    def __init__(self, state: State, settings: Settings, models: Models) -> None:
        self._state = state
        self._settings = settings
        self._models = models
        self._known: dict[str, tuple[object, KeptImage]] = {}

    def capture(self, hashes: Hashes) -> KeptSession:
        """The session as it is now. Unreadable images are left out, unless they belong to a session
        that has a name: there they may be found again."""
        state, chosen = self._state, self._models.chosen
        open_keys = (key for key, image in state.images.items() if _is_kept(image, state))
        kept = {key: f"image-{number}" for number, key in enumerate(open_keys, 1)}
        ids = {source: f"model-{n}" for n, source in enumerate(_sources(state), 1)}
        known, self._known = self._known, {}
        for key, id in kept.items():
            image = state.images[key]
            # What is selected for an image that is shown is in its pane.
            left = {} if key == state.current_key else image.left
            mark = _mark(id, image, left, hashes, ids)
            before = known.get(key)
            if before is None or before[0] != mark:
                before = mark, _image(id, image, left, ids, hashes)
            self._known[key] = before
        panes = [pane for pane in state.panes if pane.current_key in kept]
        return KeptSession(
            tuple(image for _, image in self._known.values()),
            tuple(
                _model(id, source, _info_of(source, state), chosen or source not in _USUAL, hashes)
                for source, id in ids.items()
            ),
            tuple(_pane(pane, kept, ids, state) for pane in panes),
            panes.index(state.pane) if state.pane in panes else 0,
            asdict(state.links),
            "swiped" if state.swiped else "differing" if state.differing else "beside",
            state.pinned,
            self._settings.display(),
            sources=_pasted_from(state, [state.images[key] for key in kept], hashes),
        )


def _pasted_from(
    state: State, images: Sequence[OpenImage], hashes: Hashes
) -> tuple[KeptSource, ...]:
    """What the edits of these images paste from."""
    named = dict.fromkeys(
        step.source for image in images for step in image.edits.steps if isinstance(step, Paste)
    )
    if not named:
        return ()
    without_file = {image.name: image.pixels for image in images if image.path is None}
    scenes = {str(scene.path): scene.path.name for scene in SCENES}
    found = []
    for name in named:
        piece = state.pieces.get(name)
        pixels = piece.pixels if piece is not None else without_file.get(name)
        path = Path(name)
        if pixels is not None:
            found.append(KeptSource(name, pixels=pixels))
        elif path.is_absolute():
            scene = scenes.get(name, "")
            found.append(KeptSource(name, file_at(path, None, hashes), scene))
    return tuple(found)


def _mark(
    id: str,
    image: OpenImage,
    left: Mapping[ModelSource, Left],
    hashes: Hashes,
    ids: Mapping[ModelSource, str],
) -> object:
    """What the record of an image depends on: equal as long as it stays the same."""
    chosen: object = None
    if image.targets or image.expected or image.questions or left:
        asked = dict(image.questions), dict(left)
        chosen = dict(image.targets), dict(image.expected), *asked, dict(ids)
    path = image.path
    known = hashes.get(path) if path is not None else None
    place = (id, path, image.stamp, known)
    own = image.page, image.levels, image.notes, image.edits, image.sight
    return place, own, chosen


_USUAL = (FIRST_MODEL, PHOTO_MODEL)


def title_of(session: KeptSession) -> str:
    """'3 images and model.pth'; '' if the session is the same as that of a fresh start."""
    count = sum(not image.scene for image in session.images)
    folder = f"the folder {Path(session.folder.paths[0]).name}" if session.folder else ""
    images = "" if not count else "1 image" if count == 1 else f"{count:,} images"
    chosen = [model.source for model in session.models if model.source not in _USUAL]
    names = [TITLES.get(source.spec, source.title) for source in chosen]
    return " and ".join(words for words in (images, folder, *names[:1]) if words)


def listed(names: Sequence[str]) -> str:
    """The first few names."""
    more = ", …" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _is_kept(image: OpenImage, state: State) -> bool:
    there = image.path is not None or image.pixels is not None
    return there and (not image.error or state.session is not None)


def _sources(state: State) -> list[ModelSource]:
    """The models of all panes, that of the active one first."""
    # The demo for the images, which is being opened for them, will be so again.
    opens = state.model_loading == PHOTO_MODEL
    first = PHOTO_MODEL if opens else state.model_source or FIRST_MODEL
    others = (pane.model_source for pane in state.others)
    return list(dict.fromkeys((first, *(source for source in others if source is not None))))


def _info_of(source: ModelSource, state: State) -> ModelInfo | None:
    return next((pane.info for pane in state.panes if pane.model_source == source), None)


def _image(
    id: str,
    image: OpenImage,
    left: Mapping[ModelSource, Left],
    ids: Mapping[ModelSource, str],
    hashes: Hashes,
) -> KeptImage:
    path, scene = image.path, image.scene is not None
    return KeptImage(
        id,
        image.name,
        None if scene or path is None else file_at(path, image.stamp, hashes),
        path.name if scene and path is not None else "",
        image.page,
        image.levels,
        _by_id(image.targets, ids),
        _by_id(image.expected, ids),
        {ids[source]: asked for source, asked in image.questions.items() if source in ids},
        image.notes,
        image.edits.facts or None,
        sight=image.sight,
        pixels=image.pixels if path is None else None,
        left={
            ids[source]: KeptLeft(one.layer, one.method, one.options, one.question, one.comparing)
            for source, one in left.items()
            if source in ids
        },
    )


def _by_id(chosen: Mapping[ModelSource, int], ids: Mapping[ModelSource, str]) -> dict[str, int]:
    return {ids[source]: index for source, index in chosen.items() if source in ids}


def file_at(path: Path, stamp: Stamp | None, hashes: Hashes) -> KeptFile:
    """A file with what is known of it."""
    known, sha256 = hashes.get(path, (None, ""))
    modified, size = stamp or known or (0, 0)
    return KeptFile(
        str(path), sha256=sha256 if stamp in (None, known) else "", size=size, modified=modified
    )


def _model(
    id: str, source: ModelSource, info: ModelInfo | None, chosen: bool, hashes: Hashes
) -> KeptModel:
    return KeptModel(
        id,
        source,
        info.name if info is not None else source.title,
        info.weights_sha256 if info is not None else "",
        {name: file_at(Path(path), None, hashes) for name, path in files_of(source).items()},
        chosen=chosen,
    )


def _pane(
    pane: Pane, kept: Mapping[str, str], ids: Mapping[ModelSource, str], state: State
) -> KeptPane:
    source = next(iter(ids)) if pane is state.pane else pane.model_source
    view = View(
        kept[pane.current_key or ""],
        ids[source] if source is not None else "",
        pane.layer,
        pane.target,
        _lasting(pane),
        pane.method,
        pane.options,
        state.images[pane.current_key or ""].page,
        state.edits_of(pane),
    )
    return KeptPane(view, pane.bare)


def _lasting(pane: Pane) -> Question:
    """The question of a pane; a comparison belongs to its image, and is made anew by one click."""
    return replace(CLASS, score=pane.question.score) if pane.comparing else pane.question
