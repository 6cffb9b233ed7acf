"""A map that was found, and the explanation made of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import LayerError
from engine.explain.compared import words_of
from engine.explain.maps import RawMap
from engine.methods.modifiers import can_be_negative
from engine.methods.registry import Chosen
from engine.model import Model
from engine.passes.hooks import Call
from engine.records.asked import Asked
from engine.records.explanations import Explanation, Seconds
from engine.records.images import LoadedImage, Region
from engine.records.models import Prediction, named
from engine.targets import words


@dataclass(frozen=True, slots=True)
class Said:
    """What was asked, the class that it was asked about, and the number that was explained."""

    asked: Asked
    target: Prediction
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One map, and what it is of: the layer as addressed and its call (None for a method without
    layers, and for several), the method, the image's logits, float64 (classes,), and what was
    asked. fused: the layers of a map of several."""

    layer: str
    call: Call | None
    how: Chosen
    raw: RawMap
    logits: NDArray[np.float64]
    said: Said
    fused: tuple[str, ...] = ()


def explanation_of(
    model: Model,
    image: LoadedImage,
    region: Region,
    found: Found,
    *,
    seconds: float,
    notices: tuple[str, ...] = (),
) -> Explanation:
    """The map with all that is to be said about it.

    region: what the network saw of the image. seconds: of the forward pass. notices: so far.
    Raises LayerError for a map that is not finite.
    """
    raw, how, call = found.raw, found.how, found.call
    if not np.isfinite(raw.map).all():
        whose = f"of layer '{found.layer}'" if call is not None else f"by {how.method.title}"
        raise LayerError(
            f"the map {whose} is not finite (NaN or infinity); "
            "check the weights and the preprocessing, or choose another "
            f"{'layer' if call is not None else 'method'}"
        )
    facts = model.facts.calls[call] if call is not None else None
    axes = facts.axes if facts is not None else None
    asked, value, scores = found.said.asked, found.said.value, model.facts.reading.form.scores
    signed = can_be_negative(how, fused=bool(found.fused))
    verdict, notice = raw.judged(how.method, of_class=asked.question == "class", signed=signed)
    against = None
    if asked.against is not None:
        against = model.predictions(found.logits, [asked.against])[0]
    comparison = words_of(how, found.logits, found.said.target.index, model.classes)
    shape = (facts.shape if facts is not None else model.facts.input_shape)[1:]
    raw.map.flags.writeable = False
    return Explanation(
        layer=found.layer,
        target=found.said.target,
        map=raw.map,
        shape=raw.map.shape if found.fused else shape,
        layout=axes.layout if axes is not None else None,
        region=region,
        image=image.name,
        image_size=(image.width, image.height),
        model=named(model.source, model.info.weights),
        device=str(model.device),
        seconds=Seconds(seconds, raw.seconds),
        method=how.method.slug,
        options=how.options,
        verdict=verdict,
        notices=(*notices, *raw.sentences, *(notice or comparison)),
        arithmetic=model.arithmetic,
        asked=asked,
        against=against,
        value=value,
        subject=words.subject(asked, model.classes),
        number=words.number(asked, scores, value),
        signs=words.signs(asked, scores, model.classes),
        fused=found.fused,
    )
