"""Finds out what a script has to say about a map of a model that is open."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from engine.errors import LayerError
from engine.explain.drivers.layer_maps import deeper_layers
from engine.inspection.layer_tree import parse_layer
from engine.methods.method import Family
from engine.model import Model
from engine.passes.hooks import evaluating
from engine.records.images import LoadedImage
from engine.records.models import Layout
from engine.records.sources import ModelSource
from engine.scripting.attending import attention_of
from engine.scripting.biases import check_biases
from engine.scripting.carrying import levelled, suffix
from engine.scripting.networks import network_text
from engine.scripting.recipe import NoScript, Place, Recipe, Wanted, literal
from engine.scripting.refusals import elsewhere, of_image, of_map


def recipe_of(
    model: Model,
    source: ModelSource,
    image: LoadedImage,
    wanted: Wanted,
    *,
    picture: str = "",
) -> Recipe:
    """What a script has to say to make this map of this model and image again.

    source: what the model was opened from. picture: the name of the file beside the script that
    carrying.save writes, which the script then reads in place of the image's. Raises NoScript, with
    the reason, for a map that it takes more than a short script for.
    """
    reason = of_map(wanted) or of_image(image, carried=bool(picture))
    if not reason and not picture and suffix(image, model.preprocessing):
        reason = elsewhere("the image's file is not read as it is shown")
    if reason:
        raise NoScript(reason)
    facts = model.facts
    if facts.cut:
        raise NoScript("the network blocks gradients, which are let through here")
    family, slug = wanted.how.method.family, wanted.how.method.slug
    attending = attention_of(model, wanted.how) if family is Family.ATTENTION else None
    place = _place(model, wanted.layer) if wanted.layer else None
    if slug == "fullgrad":
        check_biases(model)
    shape = model.preprocessing.crop
    if family is not Family.PIXEL:
        shape = attending.grid if attending is not None else place.grid if place else shape
    return Recipe(
        image=picture or image.path or "",
        size=(image.width, image.height),
        preprocessing=model.preprocessing,
        network=network_text(model, source),
        place=place,
        how=wanted.how,
        asked=wanted.asked,
        scores=facts.reading.form.scores,
        label=wanted.label,
        shape=shape,
        output=_way(model),
        page=1 if picture else image.page,
        pages=1 if picture else image.pages,
        deeper=_deeper(model, place) if place is not None and slug == "refine-cam" else (),
        attending=attending,
        levelled=levelled(image, model.preprocessing),
    )


def _deeper(model: Model, place: Place) -> tuple[str, ...]:
    """The layers after a place that RefineCAM takes. Raises NoScript unless all can be hooked by
    their names alone."""
    facts = model.facts
    places: list[Place] = []
    for call in deeper_layers(facts, (place.layer, place.call)):
        # The activation at the end of a block is often called twice, and the block once.
        same = [other for other in facts.calls if facts.calls[other].source == call]
        name, index = next((other for other in same if facts.counts[other[0]] == 1), call)
        places.append(_place(model, f"{name}#{index}" if index else name))
    if any(
        one.calls > 1 or one.first or one.layout is not Layout.CHANNELS_FIRST
        for one in (place, *places)
    ):
        raise NoScript(
            "a layer of them is called several times, returns more than one tensor, or has its "
            "channels in another place"
        )
    return tuple(one.layer for one in places)


def _way(model: Model) -> str:
    """How a script gets from what the network returns to the logits: '', '[0]', '["logits"]'.

    Takes a forward pass where the network returns more than a tensor. Raises NoScript for a place
    that no few letters lead to.
    """
    place = model.facts.reading.form.place
    if not place:
        return ""
    image = torch.zeros(model.facts.input_shape, dtype=model.dtype, device=model.device)
    with torch.no_grad(), evaluating(model.module):
        found = model.module(image)
    way = ""
    for part in place.split("."):
        if isinstance(found, Mapping) and part in found:
            way, found = f"{way}[{literal(part)}]", found[part]
        elif isinstance(found, list | tuple) and part.isdecimal():
            way, found = f"{way}[{part}]", found[int(part)]
        elif part.isidentifier() and hasattr(found, part):
            way, found = f"{way}.{part}", getattr(found, part)
        else:
            raise NoScript(f"the logits are at '{place}' of what the network returns")
    return way


def _place(model: Model, layer: str) -> Place:
    names = tuple(node.name for node in model.layers)
    name, index = parse_layer(layer, model.facts, names)
    output = model.facts.calls[name, index]
    if output.axes is None:
        raise LayerError(f"layer '{layer}' has no map")
    if output.part and not output.part.startswith("output 0 of "):
        raise NoScript(f"the layer returns several tensors, and {output.part} is mapped")
    axes = output.axes
    return Place(
        layer=name,
        call=index,
        calls=model.facts.counts[name],
        layout=axes.layout,
        grid=axes.grid,
        prefix=axes.prefix,
        first=bool(output.part),
    )
