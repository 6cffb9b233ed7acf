"""What a command line names: sources, methods and options, made into a product."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.comparing.run import Run
from cli.entry import tell
from cli.explaining import option_texts
from cli.opening import with_levels_of
from cli.options import source_of
from engine.errors import MethodError, TargetError
from engine.methods import registry
from engine.methods.options import parse
from engine.records.asked import Question
from engine.records.explanations import layers_in
from engine.records.options import Value

if TYPE_CHECKING:
    from engine.comparing.product import Named, Wanted
    from engine.explain.session import Session
    from engine.model import Model

ALL, QUICK = "all", "quick"
"""In place of a method: those that the layer can be had for, the slow ones included or left out."""


def sources_of(options: argparse.Namespace, image: Path | None) -> tuple[argparse.Namespace, ...]:
    """The options with one model and one image each, as other commands have them."""
    specs: list[str | None] = list(options.models) or [None]
    return tuple(
        argparse.Namespace(**{**vars(options), "model": spec, "image": image}) for spec in specs
    )


def named_of(run: Run, model: Model, question: Question) -> Named:
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
    first = next((layer for layer in layers if has_layer(model, layer)), layers[0])
    image = with_levels_of(model, run.first)
    with Session(model, image, exact=options.exact) as session:
        for slug in options.methods or [""]:
            methods += _methods(slug, session, first, question)
        for slug in methods:
            _tell_cost(session, slug, first, question)
    return Named(
        images=tuple(_image_name(path) for path in run.images),
        models=tuple(source_of(source).key for source in run.sources),
        layers=layers,
        classes=classes,
        methods=tuple(dict.fromkeys(methods)),
        question=question,
        options=_values(options, methods, model),
        page=options.page,
    )


def has_layer(model: Model, layer: str | None) -> bool:
    """Whether the model has a layer of this name, which may join several; whether it can be
    explained is another matter."""
    from engine.inspection.layer_tree import LAST_CONVOLUTION

    if layer is None or layer == LAST_CONVOLUTION:
        return True
    known = {node.name for node in model.layers}
    return all(
        name == LAST_CONVOLUTION or name.partition("#")[0] in known
        for name in layers_in(layer, known)
    )


def _methods(slug: str, session: Session, layer: str | None, question: Question) -> list[str]:
    from engine.comparing.running import methods_for
    from engine.inspection.layer_tree import parse_layer

    if slug not in (ALL, QUICK):
        return [registry.find(slug).slug] if slug else [""]
    if layer is not None:
        # Otherwise what is left would be the methods without layers.
        model = session.model
        known = tuple(node.name for node in model.layers)
        for name in layers_in(layer, known):
            parse_layer(model.address(name), model.facts, known)
    found = methods_for(session, layer, question, slow=slug == ALL)
    if not found:
        raise MethodError(f"--method {slug}: no method can be had for this layer and question")
    return found


def _tell_cost(session: Session, slug: str, layer: str | None, question: Question) -> None:
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


def model_name(source: argparse.Namespace) -> str:
    """The model as it was named: its architecture does not tell two files apart."""
    return str(source.weights or source.model or source_of(source).spec)
