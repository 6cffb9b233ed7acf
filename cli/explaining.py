"""The commands explain and sweep, with any attribution method."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.asking import check_expected, question_of
from cli.entry import progress_line, tell
from cli.figures import check_figure, form_of
from cli.looking import display_of, settings_of
from cli.opening import open_both
from cli.options import source_of
from cli.output import check_suffix, refuse_outputs, say, write_json
from cli.repeating.like import as_edited, edits_of, take_after
from engine.errors import MethodError
from engine.files.destinations import is_stdout
from engine.methods import registry
from engine.methods.modifiers import place_words
from engine.records.asked import Score
from engine.records.explanations import COMPARED
from engine.records.level_words import described
from engine.records.options import Value
from engine.targets.typed import FOLDER

if TYPE_CHECKING:
    from engine.model import Model
    from engine.records.explanations import Explanation
    from engine.records.figures import FigureForm
    from engine.records.images import LoadedImage
    from engine.records.models import Prediction


def method_options(options: argparse.Namespace, model: Model) -> dict[str, Value]:
    """The given options, checked against the method given or else the model's method."""
    return _checked(options.method or model.method.method.slug, option_texts(options))


def _checked(slug: str, texts: dict[str, str]) -> dict[str, Value]:
    method = registry.find(slug)
    named = registry.parse_options(method, texts)
    # Those at their defaults, too: the model's own method may have others.
    defaults = {option.name: option.default for option in method.options}
    return {name: named.get(name, defaults[name]) for name in texts}


def option_texts(options: argparse.Namespace) -> dict[str, str]:
    texts: dict[str, str] = {}
    for text in options.option:
        name, equals, value = text.partition("=")
        if not equals:
            raise MethodError(f"--option {text}: write NAME=VALUE, as in seed=3")
        texts[name.strip()] = value
    return texts


def check_method(options: argparse.Namespace) -> None:
    """Reject invalid options before the work starts.

    Without --method, this has to wait until the model is open and its method is known.
    """
    texts = option_texts(options)
    if options.method:
        _checked(options.method, texts)


def explain(options: argparse.Namespace) -> None:
    take_after(options)
    check_suffix(options.out, (".png", ".jpg", ".jpeg"), "--out")
    check_suffix(options.map, (".npy",), "--map")
    _refuse_outputs(options)
    check_method(options)
    check_expected(options)
    question = question_of(options)
    image, model = open_both(options)
    from engine.explain.session import Session

    expected = _expected_class(options, image, model)
    how: dict[str, Any] = {"method": options.method, "options": method_options(options, model)}
    report = progress_line(sys.stderr)
    seen = as_edited(options, model, image)
    with Session(model, seen, exact=options.exact) as session:
        tell_cost(session.expected_words(options.layer, question=question, **how))
        how["progress"] = report
        try:
            if expected is None:
                found = session.explain(options.layer, options.target, question=question, **how)
                parts = {"": found}
            else:
                compared = session.compare(
                    expected, options.layer, options.target, score=question.score, **how
                )
                parts = compared.parts
        finally:
            report(1.0, "")  # clears the progress line
        top = session.predictions()
    _write(options, seen, model, parts, top)
    if not any(map(is_stdout, (options.json, options.out, options.map))):
        for part, explanation in parts.items():
            say_map(options, seen, part, explanation)
        if expected is not None and "contrast" not in parts:
            say("the expected class is the predicted one: there is no contrast")
        for part in parts:
            for path in _named(options, part):
                say(f"wrote {path}")
        say_of_image(image)
        for notice in dict.fromkeys(text for found in parts.values() for text in found.notices):
            say(notice)


def _refuse_outputs(options: argparse.Namespace) -> None:
    if options.expected is None:
        refuse_outputs(options, "out", "map", "json")
        return
    for part in COMPARED:
        own = argparse.Namespace(**vars(options))
        own.out, own.map = _part_of(options.out, part), _part_of(options.map, part)
        refuse_outputs(own, "out", "map", "json")


def _part_of(path: Path | None, part: str) -> Path | None:
    """The file of one of several maps: 'map.png' becomes 'map-contrast.png'."""
    if path is None or not part:
        return path
    return path.with_name(f"{path.stem}-{part}{path.suffix}")


def _named(options: argparse.Namespace, part: str) -> list[Path]:
    paths = (_part_of(path, part) for path in (options.out, options.map))
    return [path for path in paths if path is not None]


def _expected_class(options: argparse.Namespace, image: LoadedImage, model: Model) -> int | None:
    """The class that the options expect; None if they expect none. Raises TargetError."""
    if options.expected is None:
        return None
    from engine.targets.classes import find_class
    from engine.targets.deciding import class_of_folder

    labels = {label.casefold() for label in model.classes}
    if options.expected.casefold() == FOLDER and FOLDER not in labels:
        return class_of_folder(image.path, model.classes)
    return find_class(options.expected, model.classes)


def tell_cost(words: str) -> None:
    """Say how long a slow map will take, before it starts."""
    if words:
        tell(words)


def _write(
    options: argparse.Namespace,
    image: LoadedImage,
    model: Model,
    parts: Mapping[str, Explanation],
    top: Sequence[Prediction],
) -> None:
    """Write the files that the options name, for each of the maps."""
    from engine.export import files as export
    from engine.export.sidecar import sidecar
    from engine.passes.devices import versions
    from engine.records.views import View

    facts: dict[str, Any] = {}
    for part, explanation in parts.items():
        settings = settings_of(options, explanation)
        facts[part] = sidecar(
            image,
            explanation,
            model.info,
            top,
            settings,
            versions(),
            view=View.of(explanation, image, source_of(options).key, edits_of(options)),
            subject=options.patient,
        )
        out, array = _part_of(options.out, part), _part_of(options.map, part)
        if out is not None:
            picture = export.render(
                image,
                explanation,
                settings,
                caption=options.caption,
                colorbar=options.caption,
                subject=options.patient,
            )
            export.save_picture(out, picture)
        if array is not None:
            export.save_map(array, explanation.map)
    if options.json is not None:
        write_json(options.json, facts.get("") or {"contrast": None, **facts})


def say_map(
    options: argparse.Namespace, image: LoadedImage, part: str, explanation: Explanation
) -> None:
    """One line: image, layer, what the map is of, and the method."""
    target, asked = explanation.target, explanation.asked
    rows, columns = explanation.map.shape
    how = registry.described(explanation.method, explanation.options)
    known = target.probability
    number = target.said if known is None else f"{known:.1%}"
    subject = f"{target.label} ({number})"
    if asked.question != "class":
        subject = f"{explanation.subject} ({explanation.number})"
    elif asked.score is not Score.LOGIT:
        subject = f"{target.label} ({number}, by its {asked.score})"
    name = image.named(image.name, options.patient)
    say(
        f"{name}: {part + ', ' if part else ''}{place_words(explanation)} "
        f"({rows} x {columns}) for {subject}, {how}"
    )


def say_of_image(image: LoadedImage) -> None:
    """Which page it is, and which values are black and white, where there is a choice."""
    if image.pages > 1:
        say(f"page {image.page:,} of {image.pages:,}")
    if image.shown is not None:
        say(f"levels: {described(image.shown, image.depth)}")
    for notice in image.notices:
        say(notice)


def sweep(options: argparse.Namespace) -> None:
    if (options.out, options.sheet, options.json) == (None, None, None):
        options.out = Path("maps.npz")
    check_suffix(options.out, (".npz",), "--out")
    check_figure(options.sheet, "--sheet")
    refuse_outputs(options, "out", "sheet", "json")
    check_method(options)
    # Maps of layers differ by powers of ten: on one scale most of them would be dark.
    form, question = form_of(options, shared=False), question_of(options)
    image, model = open_both(options)
    from engine.comparing.running import in_order
    from engine.explain.session import Session
    from engine.export import files as export

    with Session(model, image, exact=options.exact) as session:
        explanations = session.sweep(
            options.target,
            method=options.method,
            options=method_options(options, model),
            question=question,
        )
        ordered = in_order(session, explanations)
        notices = session.notices
    if options.out is not None:
        export.save_maps(options.out, {name: e.map for name, e in explanations.items()})
    if options.sheet is not None:
        _write_sheet(options, form, image, ordered)
    if options.json is not None:
        _write_panes(options, image, ordered)
    if any(map(is_stdout, (options.out, options.sheet, options.json))):
        return
    label = next((f" for {e.subject}" for e in explanations.values()), "")
    say(f"{image.named(image.name, options.patient)}: {len(explanations)} layers{label}")
    for path in (options.out, options.sheet):
        if path is not None:
            say(f"wrote {path}")
    say_of_image(image)
    for notice in notices:
        say(notice)


def _write_panes(
    options: argparse.Namespace, image: LoadedImage, found: Sequence[Explanation]
) -> None:
    """What each of the maps of a sweep is of, as compare says it, for `explain --like`."""
    from engine.export.sidecar import pane_facts
    from engine.records.views import View

    key = source_of(options).key
    views = [(one, View.of(one, image, key)) for one in found]
    panes = [pane_facts(image, one.model, view, one) for one, view in views]
    write_json(options.json, {"panes": panes})


def _write_sheet(
    options: argparse.Namespace,
    form: FigureForm,
    image: LoadedImage,
    found: Sequence[Explanation],
) -> None:
    """The contact sheet of a sweep."""
    from engine.comparing.sheet import settings_for, sheet, shown
    from engine.figures.layout import columns_for, tile_pixels
    from engine.figures.saving import save_figure

    if not found:
        raise MethodError("no layer of this model has a map to show; choose another method")
    most = tile_pixels(columns_for(len(found), form), form)
    name = image.named(image.name, options.patient)
    items = [shown(image.pixels, one, name, one.model, most) for one in found]
    settings = display_of(options)
    if options.sign is None:
        settings = settings_for(found, settings)
    drawing = sheet(items, form, base=settings, title=f"{name}: {len(found)} layers")
    save_figure(options.sheet, drawing, form.dpi)
