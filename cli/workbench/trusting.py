"""The command trust: how far a map can be believed, in figures and sentences."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.arguments import Parser, add_exact, add_image, add_json, add_method, add_model, add_patient
from cli.asking import add_question, question_of
from cli.entry import progress_line
from cli.explaining import check_method, method_options, say_map, say_of_image
from cli.opening import open_both
from cli.options import source_of
from cli.output import refuse_outputs, say, write_json
from engine.files.destinations import is_stdout
from engine.metrics import table
from engine.records.workbench.trust import ORDERS, Fill, TrustSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.records.explanations import Explanation
    from engine.records.images import LoadedImage
    from engine.records.workbench.trust import TrustFigure


def add_trust(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command's parser to those of the others."""
    usual = TrustSettings()
    trust = commands.add_parser(
        "trust",
        help="say how far the map of a layer can be believed",
        description="Figures about one map, each with what it says in words. Without --only, all "
        f"of them: {', '.join(table.NAMES)}; with --boxes also {', '.join(table.MARKED)}.",
    )
    add_image(trust)
    add_model(trust)
    trust.add_argument(
        "--layer",
        action="append",
        metavar="NAME",
        help="layer name, or NAME#k for its call k (default: the model's default layer); repeat it "
        "for a map fused from several",
    )
    add_question(trust)
    add_method(trust)
    add_exact(trust)
    trust.add_argument(
        "--only", metavar="NAMES", default="", help="these figures alone, separated by commas"
    )
    trust.add_argument(
        "--seed", type=_seed, default=usual.seed, metavar="N", help="of everything that is random"
    )
    trust.add_argument(
        "--fill",
        choices=[fill.value for fill in Fill],
        default=usual.fill.value,
        help="what takes the place of hidden cells in deletion and insertion "
        f"(default: {usual.fill.value})",
    )
    trust.add_argument(
        "--orders",
        type=_orders,
        default=usual.orders,
        metavar="N",
        help=f"random orders to compare with, at least {ORDERS} (default: {usual.orders})",
    )
    trust.add_argument(
        "--boxes",
        type=Path,
        metavar="FILE",
        help="what ought to be found in the image: VOC XML, COCO JSON, YOLO .txt or a mask as PNG",
    )
    trust.add_argument(
        "--threshold",
        type=_share,
        default=usual.threshold,
        metavar="T",
        help="part of the map's maximum above which a cell belongs to its box (default: "
        f"{usual.threshold:g})",
    )
    add_json(trust)
    add_patient(trust)
    trust.set_defaults(work=trust_command)


def trust_command(options: argparse.Namespace) -> None:
    refuse_outputs(options, "json")
    check_method(options)
    only = tuple(name for name in options.only.split(",") if name.strip())
    names = table.wanted_names(only, marked=options.boxes is not None)
    question = question_of(options)
    image, model = open_both(options)
    from engine.explain.session import Session
    from engine.metrics.alone import notes_on
    from engine.metrics.annotations import load_marked
    from engine.metrics.localisation import localised
    from engine.metrics.running import measure

    marked = load_marked(options.boxes, image) if options.boxes is not None else None
    settings = TrustSettings(
        seed=options.seed,
        fill=Fill(options.fill),
        orders=options.orders,
        threshold=options.threshold,
    )
    report = progress_line(sys.stderr)
    with Session(model, image, exact=options.exact) as session:
        try:
            explanation = session.explain(
                options.layer,
                options.target,
                method=options.method,
                options=method_options(options, model),
                question=question,
                progress=report,
            )
            alone = [name for name in names if name not in table.MARKED]
            figures: list[TrustFigure] = []
            if alone:
                figures = list(measure(session, explanation, alone, settings, progress=report))
        finally:
            report(1.0, "")  # clears the progress line
    if marked is not None:
        found = localised(explanation, marked, settings.threshold)
        figures += [figure for figure in found if figure.name in names]
    notes = notes_on(explanation)
    if options.json is not None:
        from engine.export.sidecar import view_facts
        from engine.records.views import View

        view = View.of(explanation, image, source_of(options).key)
        again = view_facts(view, image, subject=options.patient)
        content = _facts(explanation, figures, notes, settings) | {"view": again}
        write_json(options.json, content)
    if not is_stdout(options.json):
        _say(options, image, explanation, figures, notes)


def _facts(
    explanation: Explanation,
    figures: Sequence[TrustFigure],
    notes: Sequence[str],
    settings: TrustSettings,
) -> dict[str, Any]:
    target = explanation.target
    return {
        "layer": explanation.layer,
        "method": explanation.method,
        "options": dict(explanation.options),
        "class": {"index": target.index, "label": target.label},
        "subject": explanation.subject,
        "seed": settings.seed,
        "fill": settings.fill.value,
        "orders": settings.orders,
        "notes": list(notes),
        "figures": [
            figure.facts | {"cannot_tell": table.find(figure.name).cannot} for figure in figures
        ],
    }


def _say(
    options: argparse.Namespace,
    image: LoadedImage,
    explanation: Explanation,
    figures: Sequence[TrustFigure],
    notes: Sequence[str],
) -> None:
    say_map(options, image, "", explanation)
    for note in notes:
        say(note)
    for figure in figures:
        say(f"{figure.title}: {figure.verdict}")
    say_of_image(image)
    for notice in explanation.notices:
        say(notice)


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**31:
        raise argparse.ArgumentTypeError(f"{text} is not a seed; name a whole number from 0")
    return seed


def _orders(text: str) -> int:
    count = int(text)
    if not ORDERS <= count <= 1000:
        raise argparse.ArgumentTypeError(f"{text}: name {ORDERS} to 1000 random orders")
    return count


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return share
