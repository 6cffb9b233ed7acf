"""The command what-if: what the network says of an image that is cropped, hidden in part, or
changed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.arguments import Parser, add_exact, add_image, add_json, add_method, add_model, add_patient
from cli.asking import add_question, question_of
from cli.entry import progress_line
from cli.explaining import check_method, method_options, option_texts, say_of_image
from cli.opening import open_both
from cli.options import source_of
from cli.output import check_suffix, refuse_outputs, say, write_json
from engine.errors import EditError
from engine.files.destinations import is_stdout
from engine.records.asked import CLASS
from engine.records.edits import Crop, Edits, Fill, Filling, Hide, Hottest, Rectangle

if TYPE_CHECKING:
    from engine.edits.apply import Others
    from engine.edits.told import Told
    from engine.model import Model
    from engine.records.images import LoadedImage
    from engine.records.models import Prediction
    from engine.records.workbench.what_if import WhatIf

_FILLS = (Fill.INPAINT, Fill.BLUR, Fill.MEAN, Fill.GREY)
"""Those of the command line; a file of edits may have the others."""

_BOX = "X,Y,W,H"


def add_what_if(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command's parser to those of the others."""
    parser = commands.add_parser(
        "what-if",
        help="say what a model predicts when an image is cropped, hidden in part or changed",
        description="Predictions before an edit and after it, with the change of the logit and the "
        "probability of one class. X, Y, W and H are pixels from the top-left corner of the image.",
    )
    add_image(parser)
    add_model(parser, spelled={"crop": "network-crop"})
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--crop", dest="part", type=_box, metavar=_BOX, help="only this part of the image is left"
    )
    what.add_argument("--hide", type=_box, metavar=_BOX, help="this part of the image is filled")
    what.add_argument(
        "--hide-hottest",
        type=_percent,
        metavar="P",
        help="the P %% of the pixels of the region that the network sees with the highest values "
        "of a map are filled",
    )
    what.add_argument(
        "--keep-hottest", type=_percent, metavar="P", help="all but these pixels are filled"
    )
    what.add_argument("--edits", type=Path, metavar="FILE", help="edits of an earlier --json FILE")
    parser.add_argument(
        "--fill",
        choices=[fill.value for fill in _FILLS],
        help="what takes the place of hidden pixels (default: inpaint)",
    )
    add_question(parser)
    parser.add_argument(
        "--layer",
        metavar="NAME",
        help="of the map that says what is hottest (default: the model's default layer)",
    )
    add_method(parser)
    add_exact(parser)
    parser.add_argument("--out", type=Path, help="write the edited image as .png or .jpg")
    add_json(parser)
    add_patient(parser)
    parser.set_defaults(work=what_if)


def what_if(options: argparse.Namespace) -> None:
    check_suffix(options.out, (".png", ".jpg", ".jpeg"), "--out")
    refuse_outputs(options, "out", "json")
    _check_needless(options)
    check_method(options)
    question = question_of(options)
    given = _given(options)
    image, model = open_both(options)
    _check_touched(options, image)
    from engine.edits.reading import others_in
    from engine.effects.compared import what_if as compared

    edits = given if given is not None else _hottest(options, model, question)
    folder = None if options.edits is None else options.edits.parent
    others = others_in(folder, levels=model.preprocessing.levels, patience=options.patience)
    report = progress_line(sys.stderr)
    try:
        found = compared(
            model,
            image,
            edits,
            options.target,
            others=others,
            exact=options.exact,
            progress=report,
        )
    finally:
        report(1.0, "")  # clears the progress line
    if options.out is not None:
        from engine.export.files import save_picture

        save_picture(options.out, found.image.pixels)
    if options.json is not None:
        written = _told(options, found, others)
        write_json(options.json, _facts(options, image, model, found, written), written.names)
    if not any(map(is_stdout, (options.json, options.out))):
        _say(options, image, found)


def _box(text: str) -> Rectangle:
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text} is no rectangle; write {_BOX} in pixels, as in 40,30,200,100 (the crop of "
            "the network's input is --network-crop here)"
        ) from None
    if not all(-_FAR < each < _FAR for each in (x, y, width, height)):
        raise argparse.ArgumentTypeError(f"{text}: each is a number of pixels, below {_FAR:,.0f}")
    if width <= 0 or height <= 0:
        raise argparse.ArgumentTypeError(f"{text}: width and height are above 0")
    return Rectangle(x, y, width, height)


_FAR = 1e9


def _percent(text: str) -> float:
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise argparse.ArgumentTypeError(f"{text} is no percentage above 0, at most 100")
    return percent


def _check_needless(options: argparse.Namespace) -> None:
    """Reject options that would do nothing. Raises EditError."""
    if options.fill is not None and (options.part is not None or options.edits is not None):
        raise EditError(
            "--fill is for --hide, --hide-hottest and --keep-hottest; a crop fills nothing, and "
            "edits of a file say what they fill with"
        )
    if options.hide_hottest is not None or options.keep_hottest is not None:
        return
    of_map = ("layer", "method", "option", "question", "against", "score", "unit", "cell")
    for name in of_map:
        if getattr(options, name):
            raise EditError(
                f"--{name} is for the map of --hide-hottest and --keep-hottest; leave it out"
            )


def _given(options: argparse.Namespace) -> Edits | None:
    """The edits, if they can be known without a model. Raises EditError for an unfit file."""
    if options.edits is not None:
        from engine.edits.reading import read_edits

        return read_edits(options.edits, [options.image] if options.image is not None else [])
    if options.part is not None:
        return Edits((Crop(options.part),))
    if options.hide is not None:
        return Edits((Hide(options.hide, _filling(options)),))
    return None


def _filling(options: argparse.Namespace) -> Filling:
    return Filling(Fill(options.fill)) if options.fill is not None else Filling()


def _hottest(options: argparse.Namespace, model: Model, question: Any) -> Edits:
    """Edits by the hottest pixels of a map of the class that is asked about."""
    target: int | str | None = None
    if options.target is not None:
        from engine.targets.classes import find_class

        index = find_class(options.target, model.classes)
        label = model.classes[index]
        target = label if model.classes.count(label) == 1 else index
    percent = options.hide_hottest if options.keep_hottest is None else options.keep_hottest
    method = options.method or (model.method.method.slug if option_texts(options) else "")
    shape = Hottest(
        percent,
        options.layer,
        target,
        question or CLASS,
        method,
        tuple(method_options(options, model).items()),
    )
    return Edits((Hide(shape, _filling(options), keep=options.keep_hottest is not None),))


def _check_touched(options: argparse.Namespace, image: LoadedImage) -> None:
    """Raises EditError for a rectangle without a pixel of the image."""
    from engine.edits.shapes import mask_of

    if options.hide is None or mask_of(options.hide, (image.height, image.width)).any():
        return
    raise EditError(
        f"{image.named(image.name, options.patient)}: --hide names no pixel of the image, which "
        f"has {image.width:,} x {image.height:,}"
    )


def _told(options: argparse.Namespace, found: WhatIf, others: Others) -> Told:
    """The edits as they are written: without patients, those of the switched off ones included."""
    from engine.edits.told import Told, told, with_sources

    if options.patient:
        return Told(found.edits, {})
    return told(found.edits, with_sources(found.image, found.edits, others))


def _facts(
    options: argparse.Namespace, image: LoadedImage, model: Model, found: WhatIf, written: Told
) -> dict[str, Any]:
    from engine.export.sidecar import prediction_facts, view_facts
    from engine.records.views import View

    def listed(predictions: Sequence[Prediction]) -> dict[str, Any]:
        return {"predictions": [prediction_facts(one) for one in predictions]}

    region = found.region
    called = str(image.path or image.name)
    view = View(
        called,
        source_of(options).key,
        target=found.target.index,
        page=image.page,
        edits=written.edits,
    )
    again = view_facts(view, found.image, subject=options.patient)
    return {
        "image": image.named(called, options.patient),
        "page": image.page,
        "model": model.source,
        "class": {"index": found.target.index, "label": found.target.label},
        "target": {
            "before": prediction_facts(found.target),
            "after": prediction_facts(found.changed),
        },
        "before": listed(found.before),
        "after": listed(found.after),
        "change": {"logit": found.logit, "probability": found.probability},
        "edits": again["edits"],
        "region": [region.x, region.y, region.width, region.height],
        # The edited image is of the patients of what is pasted, too.
        "view": again,
    }


def _say(options: argparse.Namespace, image: LoadedImage, found: WhatIf) -> None:
    from engine.edits.words import described

    say(image.named(image.name, options.patient) + ":")
    for step in found.edits.active:
        say(f"  {found.image.named(described(step), options.patient)}")
    say("", "before", "after", "change")
    for name, texts in _lines(found):
        say(name, *texts)
    for word, top in (("before", found.before), ("after", found.after)):
        say(f"{word}: " + ", ".join(f"{one.label} {one.said}" for one in top))
    if options.out is not None:
        say(f"wrote {options.out}")
    say_of_image(image)


def _lines(found: WhatIf) -> list[tuple[str, tuple[str, ...]]]:
    """The numbers of the class, before and after, with their change."""
    one, other = found.target, found.changed
    lines: list[tuple[str, tuple[str, ...]]] = []
    if one.probability is not None and other.probability is not None:
        change = f"{100 * (other.probability - one.probability):+.1f} points"
        lines.append((f"{one.label}: probability", (one.said, other.said, _signed(change))))
    numbers = (f"{one.logit:.4g}", f"{other.logit:.4g}", f"{found.logit:+.4g}")
    name = "value" if one.probability is None else "logit"
    lines.append((f"{one.label}: {name}", tuple(_signed(number) for number in numbers)))
    return lines


def _signed(text: str) -> str:
    return text.replace("-", "\u2212")
