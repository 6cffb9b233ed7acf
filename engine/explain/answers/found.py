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
from engine.records.models import Prediction
from engine.targets import words


class NotFinite(LayerError):
    """A map has NaN or infinity in it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was asked, the class that it was asked about, the number that was explained, and the
    words for all that, which are the same for every layer.

    against: the class of a contrast. subject, number, signs: as targets.words has them. comparison:
    which classes the method compares the class with.
    """

    asked: Asked
    target: Prediction
    value: float
    against: Prediction | None
    subject: str
    number: str
    signs: tuple[str, str]
    comparison: tuple[str, ...]


def said_of(
    model: Model,
    how: Chosen,
    logits: NDArray[np.float64],
    asked: Asked,
    target: Prediction,
    value: float,
) -> Said:
    """What holds for every map of one question about an image; logits: float64 (classes,)."""
    scores, against = model.facts.reading.form.scores, None
    if asked.against is not None:
        against = model.predictions(logits, [asked.against])[0]
    return Said(
        asked,
        target,
        value,
        against,
        words.subject(asked, model.classes),
        words.number(asked, scores, value),
        words.signs(asked, scores, model.classes),
        words_of(how, logits, target.index, model.classes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One map, and what it is of: the layer as addressed and its call (None for a method without
    layers, and for several), the method, and what was asked. fused: the layers of a map of
    several."""

    layer: str
    call: Call | None
    how: Chosen
    raw: RawMap
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
    Raises NotFinite for a map that is not finite.
    """
    raw, how, call, said = found.raw, found.how, found.call, found.said
    if not np.isfinite(raw.map).all():
        whose = f"of layer '{found.layer}'" if call is not None else f"by {how.method.title}"
        raise NotFinite(
            f"the map {whose} is not finite (NaN or infinity); "
            "check the weights and the preprocessing, or choose another "
            f"{'layer' if call is not None else 'method'}"
        )
    facts = model.facts.calls[call] if call is not None else None
    axes = facts.axes if facts is not None else None
    of_class = said.asked.question == "class"
    signed = can_be_negative(how, fused=bool(found.fused))
    verdict, notice = raw.judged(how.method, of_class=of_class, signed=signed)
    shape = (facts.shape if facts is not None else model.facts.input_shape)[1:]
    raw.map.flags.writeable = False
    return Explanation(
        layer=found.layer,
        target=said.target,
        map=raw.map,
        shape=raw.map.shape if found.fused else shape,
        layout=axes.layout if axes is not None else None,
        region=region,
        image=image.name,
        image_size=(image.width, image.height),
        model=model.source_name,
        device=str(model.device),
        seconds=Seconds(seconds, raw.seconds),
        method=how.method.slug,
        options=how.options,
        verdict=verdict,
        notices=(*notices, *raw.sentences, *(notice or said.comparison)),
        arithmetic=model.arithmetic,
        asked=said.asked,
        against=said.against,
        value=said.value,
        subject=said.subject,
        number=said.number,
        signs=said.signs,
        fused=found.fused,
    )
