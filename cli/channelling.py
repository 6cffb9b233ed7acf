"""The command channels: what each channel of a layer adds to its Grad-CAM map."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cli.asking import question_of
from cli.explaining import say_of_image
from cli.figures import check_figure, form_of
from cli.looking import display_of
from cli.opening import open_both
from cli.options import source_of
from cli.output import refuse_outputs, say, write_json
from engine.errors import LayerError
from engine.files.destinations import is_stdout

if TYPE_CHECKING:
    from engine.comparing.sheet import Shown
    from engine.records.channels import ChannelMaps, Channels
    from engine.records.figures import FigureForm
    from engine.records.images import LoadedImage

_SHEET = 24
"""Channels of a sheet, and lines of the list, where no number is given."""


def channels(options: argparse.Namespace) -> None:
    check_figure(options.out, "--out")
    refuse_outputs(options, "out", "json")
    if options.top is not None and options.top < 1:
        raise LayerError(f"--top {options.top}: name at least 1 channel")
    form, question = form_of(options), question_of(options)
    image, model = open_both(options)
    from engine.explain.session import Session

    with Session(model, image, exact=options.exact) as session:
        found = session.channels(options.layer, options.target, question=question)
        wanted = found.order(options.by, options.top or _SHEET)
        maps = None
        if options.out is not None:
            maps = session.channel_maps(wanted, options.layer, options.target, question=question)
    if maps is not None:
        _write_sheet(options, form, image, found, maps)
    if options.json is not None:
        from engine.export.sidecar import view_facts
        from engine.records.views import View

        target = found.explanation.target
        view = View.of(found.explanation, image, source_of(options).key)
        content = {
            "layer": found.explanation.layer,
            "class": {"index": target.index, "label": target.label},
            "channels": found.facts(options.by, options.top),
            "view": view_facts(view, image, subject=options.patient),
        }
        write_json(options.json, content)
    if not any(map(is_stdout, (options.json, options.out))):
        _say(options, image, found, wanted)


def _write_sheet(
    options: argparse.Namespace,
    form: FigureForm,
    image: LoadedImage,
    found: Channels,
    maps: ChannelMaps,
) -> None:
    from engine.comparing.sheet import sheet, shown
    from engine.figures.layout import columns_for, tile_pixels
    from engine.figures.saving import save_figure

    count = len(maps.channels)
    most = tile_pixels(columns_for(count, form), form)
    name = image.named(image.name, options.patient)
    items: list[Shown] = []
    for index, map in zip(maps.channels, maps.weighted, strict=True):
        own = replace(found.explanation, map=map)
        label = f"channel {index}, adds {found.contributions[index]:.3g}".replace("-", "−")
        items.append(shown(image.pixels, own, name, own.model, most, label))
    total = len(found.weights)
    said = f"{count} of {total} channels" if count < total else f"{total} channels"
    drawing = sheet(
        items,
        form,
        # A channel may speak for the class and against it.
        base=display_of(options, "signed"),
        title=f"{found.explanation.layer}: {said}",
        values=f"Weight times activation, {said} by {options.by}",
    )
    save_figure(options.out, drawing, form.dpi)


def _say(
    options: argparse.Namespace, image: LoadedImage, found: Channels, wanted: Sequence[int]
) -> None:
    one = found.explanation
    name = image.named(image.name, options.patient)
    say(f"{name}: {one.layer} ({len(found.weights)} channels) for {one.subject}")
    say("channel", "weight", "activation", "gradient", "contribution")
    for index in wanted:
        numbers = (found.weights, found.activations, found.gradients, found.contributions)
        say(str(index), *(f"{of[index]:.4g}" for of in numbers))
    left = len(found.weights) - len(wanted)
    if left and options.top is None:
        say(f"and {left} more; --top or --json lists them")
    if options.out is not None:
        say(f"wrote {options.out}")
    say_of_image(image)
    for notice in one.notices:
        say(notice)
