"""The command: it checks what is asked, and explains model by model and image by image."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cli.asking import question_of
from cli.comparing.named import ALL, QUICK, has_layer, model_name, named_of, sources_of
from cli.comparing.results import say_all, write
from cli.comparing.run import Run
from cli.entry import progress_line, tell
from cli.explaining import option_texts
from cli.figures import check_figure, form_of
from cli.opening import open_image, open_model, with_levels_of
from cli.output import refuse_outputs
from engine.errors import (
    HookscopeError,
    LayerError,
    MethodError,
    ModelError,
    TargetError,
)
from engine.files.destinations import is_stdout
from engine.methods import registry

if TYPE_CHECKING:
    from engine.comparing.product import Named
    from engine.model import Model
    from engine.records.explanations import Explanation
    from engine.records.figures import FigureForm
    from engine.records.images import LoadedImage
    from engine.records.views import View


def compare(options: argparse.Namespace) -> None:
    check_figure(options.out, "--out")
    refuse_outputs(options, "out", "json")
    _check(options)
    form, question = form_of(options), question_of(options)
    from engine.figures.layout import check_room

    images: tuple[Path | None, ...] = tuple(options.images) or (None,)
    sources = sources_of(options, images[0])
    first = open_image(options, images[0])
    run = Run(options, form, first, images, sources, progress_line(sys.stderr))
    named = None
    try:
        for place in range(len(sources)):
            # One after the other: a model is closed before the next one is opened.
            model = open_model(sources[place])
            if named is None:
                try:
                    named = named_of(run, model, question)
                except LayerError as error:
                    raise _of_model(run, place, error) from error
                if len(named.models) == 1 or len(named.layers) == 1:
                    _check_count(options, named)
                _tell_units(options, form, named)
                if options.out is not None:
                    check_room(named.count, named.columns, form, first.height / first.width)
            _leave_out(run, named, place, model)
            _explain(run, named, place, model)
            del model
    finally:
        run.report(1.0, "")  # clears the progress line
    assert named is not None
    named = replace(named, absent=frozenset(run.panes.absent))
    _check_count(options, named)
    ordered = [run.panes.shown[place] for place in sorted(run.panes.shown)]
    apart = write(run, named, ordered)
    if not any(map(is_stdout, (options.json, options.out))):
        say_all(run, ordered, apart)


def _check(options: argparse.Namespace) -> None:
    """Reject what does not fit together before the work starts."""
    if len(options.models) > 1 and options.weights is not None:
        raise ModelError(
            "--weights is the file of one model; name each file by itself with --model"
        )
    if options.top is not None and options.targets:
        raise TargetError("--top names classes by their rank; leave out --class, or --top")
    if options.top is not None and options.top < 1:
        raise TargetError(f"--top {options.top}: name at least 1 class")
    rows = [registry.find(slug) for slug in options.methods if slug not in (ALL, QUICK)]
    for name, text in option_texts(options).items():
        known = [row for row in rows if any(option.name == name for option in row.options)]
        for row in known:
            registry.parse_options(row, {name: text})
        if not known and rows and len(rows) == len(options.methods):
            raise MethodError(
                f"--option {name}: no option of {', '.join(row.slug for row in rows)}"
            )


def _check_count(options: argparse.Namespace, named: Named) -> None:
    if options.difference and named.count != 2:
        raise HookscopeError(
            f"--difference is of two maps, and {named.count} are named; name one thing twice, as "
            "in --layer layer3 layer4"
        )


def _tell_units(options: argparse.Namespace, form: FigureForm, named: Named) -> None:
    if form.shared and len(named.methods) > 1 and options.out is not None:
        tell("the values of different methods are in different units; see --scale each")


def _leave_out(run: Run, named: Named, place: int, model: Model) -> None:
    """Note the layers that this model does not have, where it has others and another model has
    them. Raises LayerError for a layer that no model has."""
    lacking = {layer for layer in named.layers if not has_layer(model, layer)}
    if len(named.models) == 1 or len(lacking) == len(set(named.layers)):
        # Explaining says what is wrong with their names.
        return
    absent = run.panes.absent
    absent |= {(place, layer) for layer in lacking}
    if place < len(named.models) - 1:
        return
    called = [model_name(source) for source in run.sources]
    names = {
        layer: [n for at, n in enumerate(called) if (at, layer) not in absent]
        for layer in named.layers
    }
    for layer, having in names.items():
        if not having:
            raise LayerError(
                f"no model has a layer '{layer}'; the command 'layers' lists those of each"
            )
    for layer, having in names.items():
        if len(having) < len(called):
            tell(f"layer '{layer}': only in {', '.join(having)}")


def _explain(run: Run, named: Named, place: int, model: Model) -> None:
    """All panes of one model, image by image."""
    from engine.comparing.running import explained
    from engine.explain.session import Session

    absent = run.panes.absent
    combinations = [
        (at, one)
        for at, one in enumerate(named.combinations())
        if (one.model, one.layer) not in absent
    ]
    for number in range(len(named.images)):
        own = [one for one in combinations if (one[1].image, one[1].model) == (number, place)]
        image = run.first
        if number:
            # Not all of them at once: photographs of a hundred megabytes each would add up.
            image = open_image(run.options, run.images[number], again=place > 0)
        image = with_levels_of(model, image)

        def told(count: int, image: LoadedImage = image) -> None:
            name = image.named(image.name, run.options.patient)
            run.report((len(run.panes.shown) + count) / (named.count + 1), name)

        with Session(model, image, exact=run.options.exact) as session:
            ranked: list[int] = []
            if run.options.top is not None:
                ranked = [one.index for one in session.predictions(run.options.top)]
            views = [combination.view(ranked) for _, combination in own]
            try:
                found = explained(session, views, done=told)
            except (LayerError, TargetError) as error:
                raise _of_model(run, place, error) from error
        _keep(run, named, image, place, dict(zip((at for at, _ in own), found, strict=True)), views)


def _of_model(run: Run, place: int, error: HookscopeError) -> HookscopeError:
    """The error with the model that it is about, where there are several."""
    if len(run.sources) == 1:
        return error
    return type(error)(f"{model_name(run.sources[place])}: {error}")


def _keep(
    run: Run,
    named: Named,
    image: LoadedImage,
    place: int,
    found: Mapping[int, Explanation],
    views: Sequence[View],
) -> None:
    """Keep what is shown and said of these maps; the image itself is not kept."""
    from engine.comparing.naming import told_apart
    from engine.comparing.sheet import shown
    from engine.export.sidecar import pane_facts
    from engine.figures.layout import columns_for, tile_pixels

    options, subject = run.options, run.options.patient
    names = told_apart([image.named(name, subject) for name in named.images])
    called = [model_name(source) for source in run.sources]
    models = told_apart(called)
    columns = run.form.columns or named.columns or columns_for(named.count, run.form)
    if len(named.models) > 1 and len(named.layers) > 1 and run.form.columns is None:
        # Where models have other layers, there will be fewer and larger pictures in a row.
        columns = min(columns, 2)
    most = tile_pixels(columns, run.form) if options.out is not None else 1
    for (at, explanation), view in zip(found.items(), views, strict=True):
        name = names[named.images.index(view.image)]
        run.panes.shown[at] = shown(image.pixels, explanation, name, models[place], most)
        run.panes.facts[at] = pane_facts(image, called[place], view, explanation, subject=subject)
