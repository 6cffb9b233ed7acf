"""Finds out what a script has to say about a map of a model that is open."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from engine.errors import LayerError
from engine.inspection.layer_tree import parse_layer
from engine.methods.method import Family
from engine.model import Model
from engine.passes.hooks import evaluating
from engine.records.images import LoadedImage
from engine.records.sources import ModelSource
from engine.scripting.networks import network_text
from engine.scripting.recipe import NoScript, Place, Recipe, Wanted, literal
from engine.scripting.refusals import of_image, of_map


def recipe_of(model: Model, source: ModelSource, image: LoadedImage, wanted: Wanted) -> Recipe:
    """What a script has to say to make this map of this model and image again.

    source: what the model was opened from. Raises NoScript, with the reason, for a map that it
    takes more than a short script for.
    """
    reason = of_map(wanted) or of_image(image)
    if reason:
        raise NoScript(reason)
    assert image.path is not None
    facts = model.facts
    if facts.cut:
        raise NoScript("the network blocks gradients, which are let through here")
    place = None
    if wanted.how.method.family is not Family.PIXEL:
        place = _place(model, wanted.layer)
    return Recipe(
        image=image.path,
        size=(image.width, image.height),
        preprocessing=model.preprocessing,
        network=network_text(model, source),
        place=place,
        how=wanted.how,
        asked=wanted.asked,
        scores=facts.reading.form.scores,
        label=wanted.label,
        shape=model.preprocessing.crop if place is None else place.grid,
        output=_way(model),
        page=image.page,
        pages=image.pages,
    )


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
