"""The work of the engine lane for figures: the maps of contact sheets, and of one image of many.

The functions take the worker, which holds the open model. torch is imported inside of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import HookscopeError, MethodError
from engine.records.asked import CLASS
from engine.records.edits import NO_EDITS, Edits
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage, Region
from engine.records.levels import AUTO, Levels
from gui.jobs.figure_work import Collected, told_apart
from gui.state.records import Request
from gui.toolkit import plain_text

if TYPE_CHECKING:
    from engine.comparing.sheet import Shown
    from engine.explain.session import Session
    from engine.records.views import View
    from gui.jobs.engine_worker import EngineWorker
    from gui.jobs.lanes import Watch

Kind = Literal["screen", "layers", "images", "methods", "classes"]


@dataclass(frozen=True, slots=True, eq=False)
class ImageSource:
    """An open image, as it was when the figure was asked for. loaded: None if it is not decoded.

    policy: the model's levels, for an image without its own. target: the class that was chosen.
    edits: those that were done to what is loaded.
    """

    key: str
    name: str
    path: Path | None
    loaded: LoadedImage | None
    page: int = 1
    levels: Levels = AUTO
    policy: Levels = AUTO
    target: int | None = None
    edits: Edits = NO_EDITS


def read(source: ImageSource, watch: Watch) -> LoadedImage:
    """The image, read again where it is not decoded. Raises ImageError, Cancelled."""
    if source.loaded is not None:
        return source.loaded
    # What has no file stays decoded.
    assert source.path is not None
    from engine.images.levels import with_levels
    from engine.images.reading import load_image

    found = load_image(
        source.path, page=source.page, levels=source.levels, cancel=watch.cancel, patience=None
    )
    return with_levels(found, source.policy)


def sheet_of_one(
    worker: EngineWorker, kind: Kind, source: ImageSource, request: Request, watch: Watch
) -> Collected:
    """The maps of all layers, of all methods or of the most probable classes of an image.

    Raises the errors of a session, and MethodError if there is no map at all.
    """
    from engine.comparing import running
    from engine.comparing.notices import notices_of

    image = read(source, watch)
    session = worker.session(image, request, watch)
    view = _view(source, request)
    if kind == "layers":
        found = running.of_all_layers(session, view, watch.cancel)
        notices = session.notices
    elif kind == "methods":
        found, notices = running.of_all_methods(session, view, watch.cancel), ()
    else:
        asked = replace(view, question=replace(CLASS, score=view.question.score))
        found, notices = running.of_top_classes(session, asked, cancel=watch.cancel), ()
    if not found:
        raise MethodError("no layer of this model has a map to show; choose another method")
    name = image.named(image.name, subject=False)
    items = _shown_of_one(image, found, name, source.key)
    return Collected(
        items,
        file_stem(image, found[0], kind),
        _paths((source,)),
        tuple(dict.fromkeys((*notices, *notices_of(items)))),
        facts=tuple(_facts(image, one, source, request.model) for one in found),
    )


def sheet_of_images(
    worker: EngineWorker, sources: Sequence[ImageSource], request: Request, watch: Watch
) -> Collected:
    """The maps of one layer over several images; those that cannot be read are left out, and said.

    Each image has the class that was chosen for it, or its most probable one. Raises HookscopeError
    if none of them can be had.
    """
    from engine.comparing.notices import notices_of

    items: list[Shown] = []
    names: list[str] = []
    failed: list[str] = []
    found: list[Explanation] = []
    facts: list[Mapping[str, Any]] = []
    for place, source in enumerate(sources):
        watch.report(place / len(sources), f"image {place + 1} of {len(sources)}")
        try:
            image, explanation = map_of(worker, source, request, watch)
        except HookscopeError as error:
            watch.cancel.raise_if_cancelled()
            failed.append(f"left out: {error}")
            continue
        names.append(image.named(str(source.path or source.name), subject=False))
        items.append(_shown(image, explanation, names[-1], source.key, len(sources)))
        found.append(explanation)
        facts.append(_facts(image, explanation, source, request.model))
    if not items:
        raise HookscopeError(failed[0] if failed else "no image is open; open one first")
    layer = found[0].layer or found[0].method
    name = plain_text.file_name(f"{len(items)} images {layer[-40:]}")
    apart = told_apart(items, names)
    return Collected(
        apart,
        name,
        _paths(sources),
        (*failed, *notices_of(apart)),
        facts=tuple(facts),
    )


def figure_of_one(
    worker: EngineWorker, source: ImageSource, request: Request, watch: Watch
) -> Collected:
    """The map of one image of a batch. Raises ImageError and the errors of a session."""
    image, explanation = map_of(worker, source, request, watch)
    return collected(image, explanation, source, request.model)


def map_of(
    worker: EngineWorker, source: ImageSource, request: Request, watch: Watch
) -> tuple[LoadedImage, Explanation]:
    """An image and its map, in a session that is closed at once."""
    from engine.comparing.running import explained
    from engine.explain.session import Session

    model = worker.model_of(request.model)
    image = read(source, watch)
    own: Session
    with Session(model, image, exact=request.exact) as own:
        (explanation,) = explained(own, [_view(source, request)], cancel=watch.cancel)
    return image, explanation


def collected(
    image: LoadedImage, explanation: Explanation, source: ImageSource, model: str
) -> Collected:
    """One map as a figure. model: the key of what the model was opened from."""
    name = image.named(image.name, subject=False)
    item = _shown(image, explanation, name, source.key, 1)
    facts = (_facts(image, explanation, source, model),)
    return Collected((item,), file_stem(image, explanation), _paths((source,)), facts=facts)


def _facts(
    image: LoadedImage, explanation: Explanation, source: ImageSource, model: str
) -> Mapping[str, Any]:
    """How a map is asked for again, without the name of a patient."""
    from engine.export.sidecar import pane_facts
    from engine.records.views import View

    view = View.of(explanation, image, model, source.edits)
    return pane_facts(image, explanation.model, view, explanation)


def file_stem(image: LoadedImage, explanation: Explanation, kind: Kind = "screen") -> str:
    """A suggested file name, without the name of a patient."""
    stem = Path(image.named(image.name, subject=False)).stem or "image"
    place = explanation.layer[-40:] or explanation.method
    about = (explanation.subject or explanation.target.label)[:40]
    rest = {
        "layers": f"all layers {about}",
        "methods": f"{place} methods {about}",
        "classes": f"{place} classes",
    }.get(kind, f"{place} {about}")
    return plain_text.file_name(f"{stem[:60]} {rest}")


def _view(source: ImageSource, request: Request) -> View:
    from engine.records.views import View

    return View(
        source.name,
        request.model,
        request.layer,
        source.target,
        request.question,
        request.method,
        request.options,
        source.page,
    )


def _shown(image: LoadedImage, explanation: Explanation, name: str, key: str, count: int) -> Shown:
    """The map with no more pixels of its image than a figure of so many can show; a single one as
    it is, since the GUI thread asks for it."""
    from engine.comparing.sheet import shown
    from engine.figures.layout import MOST_PIXELS

    most = math.sqrt(MOST_PIXELS / count) if count > 1 else explanation.region.width
    item = shown(image.pixels, explanation, name, explanation.model, max(1, math.ceil(most)))
    # Two pasted images have one name, and are two images.
    return replace(item, pane=replace(item.pane, image=key))


def _shown_of_one(
    image: LoadedImage, found: Sequence[Explanation], name: str, key: str
) -> tuple[Shown, ...]:
    """The maps of one image, which is reduced once for those that cover the same part of it."""
    items: list[Shown] = []
    like: dict[Region, Shown] = {}
    for one in found:
        first = like.get(one.region)
        if first is None:
            like[one.region] = first = _shown(image, one, name, key, len(found))
        fitted = first.pane.explanation
        assert fitted is not None
        moved = replace(one, region=fitted.region, image_size=fitted.image_size)
        items.append(replace(first, explanation=one, pane=replace(first.pane, explanation=moved)))
    return tuple(items)


def _paths(sources: Sequence[ImageSource]) -> tuple[Path, ...]:
    return tuple(source.path for source in sources if source.path is not None)
