"""The commands explain and sweep, with any attribution method."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from cli.entry import progress_line
from cli.opening import open_both
from cli.output import check_suffix, refuse_outputs, say, write_json
from engine.errors import MethodError
from engine.files.destinations import is_stdout
from engine.methods import registry
from engine.records.level_words import described
from engine.records.options import Value

if TYPE_CHECKING:
    from engine.model import Model
    from engine.records.images import LoadedImage


def _options_of(options: argparse.Namespace, model: Model) -> dict[str, Value]:
    """The given options, checked against the method given or else the model's method."""
    return _checked(options.method or model.method.method.slug, _option_texts(options))


def _checked(slug: str, texts: dict[str, str]) -> dict[str, Value]:
    named = registry.parse_options(registry.find(slug), texts)
    return {name: value for name, value in named.items() if name in texts}


def _option_texts(options: argparse.Namespace) -> dict[str, str]:
    texts: dict[str, str] = {}
    for text in options.option:
        name, equals, value = text.partition("=")
        if not equals:
            raise MethodError(f"--option {text}: write NAME=VALUE, as in seed=3")
        texts[name.strip()] = value
    return texts


def _check_method(options: argparse.Namespace) -> None:
    """Reject invalid options before the work starts.

    Without --method, this has to wait until the model is open and its method is known.
    """
    texts = _option_texts(options)
    if options.method:
        _checked(options.method, texts)


def explain(options: argparse.Namespace) -> None:
    check_suffix(options.out, (".png", ".jpg", ".jpeg"), "--out")
    check_suffix(options.map, (".npy",), "--map")
    refuse_outputs(options, "out", "map", "json")
    _check_method(options)
    image, model = open_both(options)
    from engine.explain.session import Session
    from engine.export import files as export
    from engine.passes.devices import versions
    from engine.records.display import DisplaySettings

    settings = DisplaySettings()
    report = progress_line(sys.stderr)
    with Session(model, image, exact=options.exact) as session:
        try:
            explanation = session.explain(
                options.layer,
                options.target,
                method=options.method,
                options=_options_of(options, model),
                progress=report,
            )
        finally:
            report(1.0, "")  # clears the progress line
        top = session.predictions()
    facts = export.sidecar(
        image, explanation, model.info, top, settings, versions(), subject=options.patient
    )
    if options.out is not None:
        picture = export.render(image, explanation, settings, caption=False, colorbar=False)
        export.save_picture(options.out, picture)
    if options.map is not None:
        export.save_map(options.map, explanation.map)
    if options.json is not None:
        write_json(options.json, facts)
    if not any(map(is_stdout, (options.json, options.out, options.map))):
        target = explanation.target
        rows, columns = explanation.map.shape
        how = registry.described(explanation.method, explanation.options)
        known, row = target.probability, registry.find(explanation.method)
        number = target.said if known is None else f"{known:.1%}"
        say(
            f"{image.named(image.name, options.patient)}: {explanation.layer or row.place} "
            f"({rows} x {columns}) for {target.label} ({number}), {how}"
        )
        for path in (options.out, options.map):
            if path is not None:
                say(f"wrote {path}")
        _say_of_image(image)
        for notice in explanation.notices:
            say(notice)


def _say_of_image(image: LoadedImage) -> None:
    """Which page it is, and which values are black and white, where there is a choice."""
    if image.pages > 1:
        say(f"page {image.page:,} of {image.pages:,}")
    if image.shown is not None:
        say(f"levels: {described(image.shown, image.depth)}")
    for notice in image.notices:
        say(notice)


def sweep(options: argparse.Namespace) -> None:
    check_suffix(options.out, (".npz",), "--out")
    refuse_outputs(options, "out")
    _check_method(options)
    image, model = open_both(options)
    from engine.explain.session import Session
    from engine.export import files as export

    with Session(model, image, exact=options.exact) as session:
        explanations = session.sweep(
            options.target, method=options.method, options=_options_of(options, model)
        )
        notices = session.notices
    export.save_maps(options.out, {name: e.map for name, e in explanations.items()})
    if is_stdout(options.out):
        return
    target = next((e.target for e in explanations.values()), None)
    label = f" for {target.label}" if target is not None else ""
    say(f"{image.named(image.name, options.patient)}: {len(explanations)} layers{label}")
    say(f"wrote {options.out}")
    _say_of_image(image)
    for notice in notices:
        say(notice)
