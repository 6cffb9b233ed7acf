"""The command report: an image, what a model says of it and why, as one HTML or PDF file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from cli.arguments import (
    Parser,
    add_exact,
    add_image,
    add_method_options,
    add_model,
    add_patient,
    add_several,
)
from cli.asking import add_asked, question_of
from cli.entry import progress_line, tell
from cli.explaining import option_texts
from cli.looking import add_look, settings_of
from cli.opening import open_both
from cli.options import source_of
from cli.output import check_suffix, refuse_outputs, say
from engine.errors import ExportError, MethodError
from engine.files import regular, suffixes
from engine.files.destinations import is_stdout
from engine.methods import registry
from engine.metrics import table
from engine.records.options import Value
from engine.records.workbench.reports import Included, Mapped, Sheet, Subject

if TYPE_CHECKING:
    from engine.explain.session import Session
    from engine.progress import Report as Progress
    from engine.records.explanations import Explanation
    from engine.records.workbench.trust import TrustFigure

SUFFIXES = (".html", ".htm", ".pdf")
_LARGEST_WORDS = 1_000_000


def add_report(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command's parser to those of the others."""
    report = commands.add_parser(
        "report",
        help="write a report about an image: prediction, maps, settings, checksums",
        description="One HTML file that loads nothing, or a PDF. It names files without their "
        "folders, and has neither the metadata of the image nor, without --patient, what a DICOM "
        "file says about the patient. Each option below that ends in '...' takes one value or "
        "more; there is a map for each combination. In place of an image, a session "
        "(.hookscope): all of its panes.",
    )
    add_image(report)
    add_model(report)
    add_several(report, "--layer", "layers", "L", "layer name (default: the model's default layer)")
    add_several(report, "--class", "targets", "C", "index or label (default: the top class)")
    add_asked(report)
    add_several(
        report,
        "--method",
        "methods",
        "S",
        "as listed by 'methods' (default: the model's saved method, else grad-cam)",
    )
    add_method_options(report)
    add_exact(report)
    report.add_argument("--out", type=Path, required=True, help="write to this .html or .pdf file")
    report.add_argument(
        "--paper",
        choices=get_args(Sheet),
        default="a4",
        help="the paper that it is printed on (default: a4)",
    )
    report.add_argument(
        "--words", metavar="TEXT|FILE", help="your own words at the beginning, or a .txt or .md "
        "file with them"
    )  # fmt: skip
    report.add_argument("--title", default="", help="(default: the name of the image)")
    report.add_argument(
        "--trust-figures",
        metavar="NAMES",
        nargs="?",
        const="",
        help="with figures of how far each map can be believed, as 'trust --only' names them; all "
        "of them without NAMES, which takes long",
    )
    add_patient(report)
    add_look(report)
    report.set_defaults(work=write_report)


def write_report(options: argparse.Namespace) -> None:
    check_suffix(options.out, SUFFIXES, "--out")
    refuse_outputs(options, "out")
    words = _words(options.words)
    _check_methods(options)
    figures = _figures(options)
    from engine.passes.devices import versions
    from engine.reports.contents import report
    from engine.reports.saving import save_report

    if options.image is not None and suffixes.is_session(options.image):
        subjects = _of_session(options, figures)
    else:
        subjects = (_subject(options, figures),)
    included = Included(patient=options.patient)
    made = report(subjects, included, words=words, title=options.title, versions=versions())
    save_report(options.out, made, options.paper)
    changes = (subject.change(patient=options.patient) for subject in subjects)
    for change in dict.fromkeys(changes):
        if change:
            tell(change)
    if not is_stdout(options.out):
        say(f"wrote {options.out}")


def _of_session(options: argparse.Namespace, figures: Sequence[str] | None) -> tuple[Subject, ...]:
    """The maps of a session's panes. Raises ExportError for options that it answers itself."""
    own = ("layers", "targets", "methods", "model", "option")
    named = next((name for name in own if getattr(options, name)), "")
    if named:
        spelled = {"layers": "layer", "targets": "class", "methods": "method"}.get(named, named)
        raise ExportError(
            f"{options.image}: a session says itself what its maps are of; leave out --{spelled}"
        )
    if options.trust:
        raise ExportError(
            f"{options.image}: --trust is for files that you name, and a session names others; "
            "open the session in the window and agree there"
        )
    from engine.files.trust import Trust, store_file
    from engine.lazy.pytorch import load as load_torch

    load_torch()
    from engine.reports.of_session import subjects_of

    report = progress_line(sys.stderr)
    try:
        return subjects_of(
            options.image,
            # A session may come from a stranger: of what it names, that alone runs code which was
            # agreed to in the window.
            Trust(store=store_file()),
            lambda session, one: _measured(session, one, figures, report),
            device=options.device,
            patience=options.patience,
            exact=options.exact,
            progress=report,
        )
    finally:
        report(1.0, "")  # clears the progress line


def _words(given: str | None) -> str:
    """The words themselves, or those of a file that is named. Raises ExportError."""
    if given is None:
        return ""
    path = Path(given)
    if path.suffix.lower() not in (".txt", ".md"):
        return given
    try:
        return regular.read(path, ExportError, _LARGEST_WORDS).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ExportError(f"{path}: is no text in UTF-8; save it as such") from error


def _check_methods(options: argparse.Namespace) -> None:
    """Reject methods and options that there are not before the work starts."""
    rows = [registry.find(slug) for slug in options.methods]
    for name, text in option_texts(options).items():
        known = [row for row in rows if any(each.name == name for each in row.options)]
        for row in known:
            registry.parse_options(row, {name: text})
        if rows and not known:
            raise MethodError(
                f"--option {name}: no option of {', '.join(row.slug for row in rows)}"
            )


def _figures(options: argparse.Namespace) -> tuple[str, ...] | None:
    """The names of the figures to compute; None for none of them. Raises HookscopeError."""
    if options.trust_figures is None:
        return None
    only = tuple(name for name in options.trust_figures.split(",") if name.strip())
    return table.wanted_names(only, marked=False)


def _subject(options: argparse.Namespace, figures: Sequence[str] | None) -> Subject:
    """The image with its maps."""
    question = question_of(options)
    image, model = open_both(options)
    from engine.comparing.running import explained
    from engine.explain.session import Session
    from engine.records.views import View

    report = progress_line(sys.stderr)
    key = source_of(options).key
    with Session(model, image, exact=options.exact) as session:
        views = [
            View(
                str(image.path or image.name),
                key,
                layer if registry.find(method or model.method.method.slug).layered else None,
                target,
                question,
                method,
                tuple(_options(method or model.method.method.slug, options).items()),
                image.page,
            )
            for target in options.targets or [None]
            for method in options.methods or [""]
            for layer in options.layers or [None]
        ]
        try:
            found = explained(session, list(dict.fromkeys(views)), progress=report)
            trust = [_measured(session, one, figures, report) for one in found]
        finally:
            report(1.0, "")  # clears the progress line
        top = session.predictions()
    maps = tuple(
        Mapped(one, settings_of(options, one), figures)
        for one, figures in zip(found, trust, strict=True)
    )
    return Subject(image, model.info, top, maps)


def _options(slug: str, options: argparse.Namespace) -> dict[str, Value]:
    """Those of the given options that a method has."""
    method = registry.find(slug)
    known = {option.name for option in method.options}
    texts = {name: text for name, text in option_texts(options).items() if name in known}
    named = registry.parse_options(method, texts)
    return {name: named[name] for name in texts if name in named}


def _measured(
    session: Session, explanation: Explanation, figures: Sequence[str] | None, report: Progress
) -> tuple[TrustFigure, ...]:
    if figures is None:
        return ()
    from engine.metrics.running import measure

    return tuple(measure(session, explanation, figures, progress=report))
