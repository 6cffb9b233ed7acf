"""Maps by other methods, from passes that were made."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from engine.errors import MethodError
from engine.explain.answers.known import KnownMaps
from engine.explain.answers.requests import Request, request_of
from engine.explain.answers.single import found_maps
from engine.explain.kept_passes import Computation
from engine.methods.modifiers import of_one_layer
from engine.methods.registry import METHODS, Need, is_cheap, shares_pass
from engine.progress import CancelToken, ignore_progress
from engine.records.asked import Question


def find_alike(
    work: Computation,
    known: KnownMaps,
    layer: str | Sequence[str] | None,
    target: int | str | None,
    question: Question,
    cancel: CancelToken | None,
) -> None:
    """Have the maps of a layer by every method known that is cheap once there was a pass.

    Most take none. One that compares classes takes a backward pass to the layer; where rounding
    decides on a map and the pass was of a faster form, there is one of the network's own.

    Raises LayerError, TargetError, Cancelled.
    """
    alike = [m for m in METHODS if shares_pass(m) or (is_cheap(m) and m.swept)]
    for method in sorted(alike, key=lambda m: m.compared):
        if cancel is not None:
            cancel.raise_if_cancelled()
        with suppress(MethodError):
            request = request_of(work, layer, target, method.slug, None, question)
            work.guarded(partial(_find, work, known, request, cancel))


def _find(
    work: Computation, known: KnownMaps, request: Request, cancel: CancelToken | None
) -> None:
    """Have the map known if a pass and the gradient that others share are kept."""
    asking, how = request.asking, of_one_layer(request.how)
    asked = asking.known()
    if asked is None or any(work.output(place.source) is None for place in request.places):
        return
    if Need.GRADIENT in how.method.needs and not all(
        work.remembers(place.source, asked) for place in request.places
    ):
        return
    found_maps(work, known, asking, request.places, how, cancel, ignore_progress)
