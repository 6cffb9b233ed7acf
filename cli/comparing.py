"""The command compare: the product of what is named several times, in one figure and as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.asking import question_of
from cli.entry import progress_line, tell
from cli.explaining import option_texts
from cli.figures import check_figure, display_of, form_of
from cli.opening import open_image, open_model, with_levels_of
from cli.output import refuse_outputs, say, write_json
from engine.errors import HookscopeError, MethodError, ModelError, TargetError
from engine.files.destinations import is_stdout
from engine.methods import registry
from engine.methods.options import parse
from engine.progress import Report
from engine.records.options import Value

if TYPE_CHECKING:
    from engine.comparing.difference import Difference
    from engine.comparing.product import Named, Wanted
    from engine.comparing.sheet import Shown
    from engine.explain.session import Session
    from engine.model import Model
    from engine.records.explanations import Explanation
    from engine.records.figures import FigureForm
    from engine.records.images import LoadedImage
    from engine.records.views import View

ALL, QUICK = "all", "quick"
"""In place of a method: those that the layer can be had for, the slow ones included or left out."""


@dataclass(slots=True, eq=False)
class _Panes:
    """What has been computed, by its place in the product."""

    shown: dict[int, Shown] = field(default_factory=dict)
    facts: dict[int, dict[str, Any]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Run:
    """One run of the command. first: the image that is open already."""

    options: argparse.Namespace
    form: FigureForm
    first: LoadedImage
    images: tuple[Path | None, ...]
    sources: tuple[argparse.Namespace, ...]
    report: Report
    panes: _Panes = field(default_factory=_Panes)


def compare(options: argparse.Namespace) -> None:
    check_figure(options.out, "--out")
    refuse_outputs(options, "out", "json")
    _check(options)
    form, question = form_of(options), question_of(options)
    from engine.figures.layout import check_room

    images: tuple[Path | None, ...] = tuple(options.images) or (None,)
    sources = _sources(options, images[0])
    first = open_image(options, images[0])
    run = _Run(options, form, first, images, sources, progress_line(sys.stderr))
    named = None
    try:
        for place in range(len(sources)):
            # One after the other: a model is closed before the next one is opened.
            model = open_model(sources[place])
            if named is None:
                named = _named(run, model, question)
                _check_count(options, named)
                _tell_units(options, form, named)
                if options.out is not None:
                    check_room(named.count, named.columns, form, first.height / first.width)
            _explain(run, named, place, model)
            del model
    finally:
        run.report(1.0, "")  # clears the progress line
    assert named is not None
    ordered = [run.panes.shown[place] for place in range(named.count)]
    apart = _write(run, named, ordered)
    if not any(map(is_stdout, (options.json, options.out))):
        _say(run, ordered, apart)


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


def _sources(options: argparse.Namespace, image: Path | None) -> tuple[argparse.Namespace, ...]:
    """The options with one model and one image each, as other commands have them."""
    specs: list[str | None] = list(options.models) or [None]
    return tuple(
        argparse.Namespace(**{**vars(options), "model": spec, "image": image}) for spec in specs
    )


def _named(run: _Run, model: Model, question: Any) -> Named:
    """What is named, by the first model and image where it depends on these."""
    from engine.comparing.product import Named, Rank
    from engine.explain.session import Session

    options = run.options
    layers: tuple[str | None, ...] = tuple(options.layers) or (None,)
    classes: tuple[Wanted, ...] = tuple(options.targets) or (None,)
    if options.top is not None:
        if options.top > len(model.classes):
            raise TargetError(f"--top {options.top}: the model has {len(model.classes)} classes")
        classes = tuple(Rank(place) for place in range(options.top))
    methods: list[str] = []
    image = with_levels_of(model, run.first)
    with Session(model, image, exact=options.exact) as session:
        for slug in options.methods or [""]:
            methods += _methods(slug, session, layers[0], question)
        for slug in methods:
            _tell_cost(session, slug, layers[0], question)
    return Named(
        images=tuple(_image_name(path) for path in run.images),
        models=tuple(_model_name(source) for source in run.sources),
        layers=layers,
        classes=classes,
        methods=tuple(dict.fromkeys(methods)),
        question=question,
        options=_values(options, methods, model),
        page=options.page,
    )


def _methods(slug: str, session: Session, layer: str | None, question: Any) -> list[str]:
    from engine.comparing.running import methods_for

    if slug not in (ALL, QUICK):
        return [registry.find(slug).slug] if slug else [""]
    found = methods_for(session, layer, question, slow=slug == ALL)
    if not found:
        raise MethodError(f"--method {slug}: no method can be had for this layer and question")
    return found


def _tell_cost(session: Session, slug: str, layer: str | None, question: Any) -> None:
    layered = not slug or registry.find(slug).layered
    words = session.expected_words(layer if layered else None, method=slug, question=question)
    if words:
        title = registry.title_of(slug or session.model.method.method.slug)
        tell(f"{title}: {words} for each map")


def _values(
    options: argparse.Namespace, methods: Sequence[str], model: Model
) -> tuple[tuple[str, Value], ...]:
    """The options of methods that are set, each in the kind of the method that has it."""
    rows = [registry.find(slug) if slug else model.method.method for slug in methods]
    values: dict[str, Value] = {}
    for name, text in option_texts(options).items():
        known = next((row for row in rows if any(o.name == name for o in row.options)), None)
        if known is None:
            slugs = ", ".join(row.slug for row in rows)
            raise MethodError(f"--option {name}: no option of {slugs}")
        values[name] = parse(known.slug, known.options, {name: text})[name]
    return tuple(values.items())


def _image_name(path: Path | None) -> str:
    from engine.formats.demo import SCENES

    return str(SCENES[0].path if path is None else path)


def _model_name(source: argparse.Namespace) -> str:
    """The model as it was named: its architecture does not tell two files apart."""
    from cli.options import source_of

    return str(source.weights or source.model or source_of(source).spec)


# --- explaining ----------------------------------------------------------------------------------


def _explain(run: _Run, named: Named, place: int, model: Model) -> None:
    """All panes of one model, image by image."""
    from engine.comparing.running import explained
    from engine.explain.session import Session

    combinations = list(enumerate(named.combinations()))
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
            found = explained(session, views, done=told)
        _keep(run, named, image, place, dict(zip((at for at, _ in own), found, strict=True)), views)


def _keep(
    run: _Run,
    named: Named,
    image: LoadedImage,
    place: int,
    found: Mapping[int, Explanation],
    views: Sequence[View],
) -> None:
    """Keep what is shown and said of these maps; the image itself is not kept."""
    from engine.comparing.sheet import shown, told_apart
    from engine.figures.layout import columns_for, tile_pixels

    options, subject = run.options, run.options.patient
    names = told_apart([image.named(name, subject) for name in named.images])
    models = told_apart(named.models)
    columns = named.columns or columns_for(named.count, run.form)
    most = tile_pixels(columns, run.form) if options.out is not None else 1
    for (at, explanation), view in zip(found.items(), views, strict=True):
        name = names[named.images.index(view.image)]
        run.panes.shown[at] = shown(image.pixels, explanation, name, models[place], most)
        run.panes.facts[at] = _facts(image, view, explanation, subject)
        run.panes.notices += explanation.notices


def _facts(
    image: LoadedImage, view: View, explanation: Explanation, subject: bool
) -> dict[str, Any]:
    """One pane as JSON has it: what it is of, its range, and the view to ask for it again."""
    row = explanation.map
    return {
        "image": image.named(view.image, subject),
        "model": view.model,
        "layer": explanation.layer or None,
        "class": {"index": explanation.target.index, "label": explanation.target.label},
        "method": explanation.method,
        "min": float(row.min()),
        "max": float(row.max()),
        "shape": list(row.shape),
        "options": dict(explanation.options),
        "words": explanation.sentence,
        "verdict": explanation.verdict.value,
        "view": {**view.facts, "image": image.named(view.image, subject)},
    }


# --- results -------------------------------------------------------------------------------------


def _write(run: _Run, named: Named, ordered: Sequence[Shown]) -> Difference | None:
    """Write the files that the options name; the difference, where it is asked for."""
    from engine.comparing.difference import difference
    from engine.comparing.sheet import common_end, difference_sheet, settings_for, sheet
    from engine.figures.saving import save_figure

    options, apart, drawing = run.options, None, None
    found = [item.explanation for item in ordered]
    settings = display_of(options)
    if options.sign is None:
        settings = settings_for(found, settings)
    if options.difference:
        apart = difference(*found, scaled=not run.form.shared)
    if options.out is not None and options.difference:
        drawing, _ = difference_sheet(ordered, run.form, base=settings)
    elif options.out is not None:
        drawing = sheet(ordered, run.form, columns=named.columns, base=settings)
    if drawing is not None:
        save_figure(options.out, drawing, run.form.dpi)
    if options.json is not None:
        end = common_end(found, settings) if run.form.shared else None
        content: dict[str, Any] = {
            "panes": [run.panes.facts[place] for place in range(len(ordered))],
            "columns": named.columns,
            "scale": {"shared": run.form.shared, "sign": settings.sign, "end": end},
        }
        if apart is not None:
            content["difference"] = _difference_facts(apart)
        write_json(options.json, content)
    return apart


def _difference_facts(apart: Difference) -> dict[str, Any]:
    region = apart.region
    return {
        "min": float(apart.map.min()),
        "max": float(apart.map.max()),
        "shape": list(apart.map.shape),
        "region": [region.x, region.y, region.width, region.height],
        "scaled": apart.scaled,
        "correlation": apart.correlation,
        "iou_top_20": apart.overlap,
    }


def _say(run: _Run, ordered: Sequence[Shown], apart: Difference | None) -> None:
    for line in _lines(ordered):
        say(*line)
    if apart is not None:
        correlation, overlap = (
            "none" if value is None else f"{value:.3f}"
            for value in (apart.correlation, apart.overlap)
        )
        say(f"difference: {apart.map.min():.4g} to {apart.map.max():.4g}")
        say(f"correlation {correlation}, IoU of the top 20 % {overlap}")
    if run.options.out is not None:
        say(f"wrote {run.options.out}")
    for notice in dict.fromkeys(run.panes.notices):
        say(notice)


def _lines(ordered: Sequence[Shown]) -> Iterator[tuple[str, ...]]:
    """Image, model, layer, class, method and range of each map."""
    for item in ordered:
        one = item.explanation
        yield (
            item.image,
            item.model,
            one.layer or registry.find(one.method).place,
            one.subject if one.asked.question != "class" else one.target.label,
            one.method,
            f"{one.map.min():.4g} to {one.map.max():.4g}",
        )
