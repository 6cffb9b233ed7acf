"""The command batch: it finds images, explains what is missing, and writes what the index tells."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.entry import progress_line, tell
from cli.explaining import check_method, option_texts
from cli.folders.destinations import check_files, check_json
from cli.folders.reports import say_summary
from cli.opening import opened
from cli.options import source_of, trusted_files
from cli.output import say, write_json
from engine.errors import ExportError, HookscopeError, ModelError
from engine.files import presence, suffixes
from engine.files.destinations import is_stdout
from engine.methods import registry

if TYPE_CHECKING:
    from engine.folders.index.store import IndexWriter
    from engine.folders.job import How
    from engine.folders.records import Progress
    from engine.folders.run import Pace, Run
    from engine.model import Model
    from engine.records.sources import ModelSource


def batch(options: argparse.Namespace) -> None:
    _take_model(options)
    _check(options)
    from engine.folders.index.store import IndexWriter
    from engine.folders.run import Pace, Run
    from engine.folders.shards import Explainer

    # The demo for photographs, unless a model is named or all are the program's own scenes.
    options.image = options.paths[0]
    report = progress_line(sys.stderr)
    with IndexWriter(options.out) as writer:
        if writer.journal_words:
            tell(writer.journal_words)
        source = source_of(options)
        model = opened(source, options)
        how = _how(options, model)
        # What the model does not have is said here, and leaves the list of inputs as it was.
        Explainer(model, how)
        given = _found(options, writer)
        pace = Pace(options.workers, options.size, options.patience)
        run = Run(writer, model, how, given=given, pace=pace, source=source)
        _tell_labels(options, run)
        try:
            for progress in _steps(options, run, pace, source):
                report(_fraction(progress), progress.words)
        finally:
            report(1.0, "")  # clears the progress line
        written, facts = _written(options, writer.folder, run.number, report)
    if options.json is not None:
        write_json(options.json, {**facts, "files": [str(path) for path in written]})
    if not is_stdout(options.json):
        for path in written:
            say(f"wrote {path}")
        say_summary(facts)


def _steps(
    options: argparse.Namespace, run: Run, pace: Pace, source: ModelSource
) -> Iterator[Progress]:
    """The shards, computed here or by the workers of a scheduler."""
    if options.scheduler is None:
        return run.steps()
    from engine.folders.spread.run import spread_steps

    trusted = trusted_files(options)
    return spread_steps(run, options.scheduler, source, trusted, pace, options.device)


def _take_model(options: argparse.Namespace) -> None:
    """The last of several paths may be the model: a file of one, or a name that is no path."""
    *others, last = options.paths
    text = str(last)
    file = suffixes.is_model(last) and presence.is_file(last)
    name = ":" in text or not (last.suffix or last.parent.name)
    if others and options.model is None and (file or (name and not presence.exists(last))):
        options.paths, options.model = others, text


def _check(options: argparse.Namespace) -> None:
    """Reject what cannot be used before the work starts."""
    for path in options.paths:
        if suffixes.is_model(path) and presence.is_file(path):
            raise ModelError(f"{path}: this is a model, not an image; name it with --model")
    if presence.exists(options.out) and not presence.is_folder(options.out):
        raise ExportError(f"cannot write {options.out}: --out is a folder, and this is a file")
    if str(options.out) == "-":
        raise ExportError("cannot write -: --out is a folder for several files; name one")
    if options.out.absolute().resolve() in [path.absolute().resolve() for path in options.paths]:
        # Which is left out of what is searched, so that there would be no images at all.
        raise ExportError(
            f"cannot write {options.out}: the images are in this folder; name one of its own for "
            f"the results, as in {options.out / 'explained'}"
        )
    check_json(options, options.out)
    check_files(options, options.out, options.paths)
    check_method(options)
    if options.scheduler is not None:
        from engine.folders.spread.scheduler import check_address

        check_address(options.scheduler)


def _how(options: argparse.Namespace, model: Model) -> How:
    from engine.folders.job import How

    method = registry.find(options.method or model.method.method.slug)
    values = registry.parse_options(method, option_texts(options))
    # At their defaults, too, where they are named: the model's own method may have others.
    named = {option.name: option.default for option in method.options} | dict(values)
    given = {name: named[name] for name in option_texts(options)}
    return How(
        layer=tuple(options.layer),
        method=options.method,
        options=tuple(given.items()),
        policy=options.target,
        exact=options.exact,
    )


def _found(options: argparse.Namespace, writer: IndexWriter) -> dict[str, int | str]:
    """Put the images of the paths into the index; what the labels are said to be."""
    from engine.folders.inputs.finding import Overlooked, find, labels_from

    overlooked, patience = Overlooked(), options.patience
    labels, given = labels_from(options.labels, patience=patience, overlooked=overlooked)
    sources: Iterable[Any] = find(
        options.paths, labels, skip=options.out, patience=patience, overlooked=overlooked
    )
    if options.limit is not None:
        sources = islice(sources, options.limit)
    count = writer.found(sources)
    if not count:
        names = ", ".join(str(path) for path in options.paths[:3])
        raise HookscopeError(f"{names}: no images found; name images, folders, or a .csv of paths")
    for line in overlooked.lines:
        tell(f"warning: {line}")
    return given


def _tell_labels(options: argparse.Namespace, run: Any) -> None:
    match = run.match
    if match.verdict in ("partial", "unmatched"):
        tell(f"warning: {match.words}")
    elif match.verdict == "none" and (options.labels is not None or options.target == "label"):
        where = "the paths" if options.labels is None else options.labels
        words = f"no image has a label; see how {where} names images and labels"
        if options.target == "label":
            words += "; the predicted class is explained"
        tell(f"warning: {words}")


def _written(
    options: argparse.Namespace, folder: Path, job: int, report: Any
) -> tuple[list[Path], dict[str, Any]]:
    """Write all files beside the index; which ones, and the summary."""
    from engine.folders.index import schema
    from engine.folders.index.queries import Index
    from engine.folders.outputs import page, pictures, table
    from engine.folders.summary import summary
    from engine.records.display import DisplaySettings

    with Index(folder) as index:
        index.check(job)
        written = table.write_tables(index, job, folder)
        written.append(page.write_page(index, job, folder))
        if options.overlays or options.maps:
            needed = pictures.estimated_bytes(
                index, job, overlays=options.overlays, maps=options.maps
            )
            tell(f"overlays and maps take about {max(0.1, needed / 1e6):,.1f} MB")
            pictures.check_room(folder, needed)
        try:
            if options.maps:
                for progress in pictures.write_maps(index, job, folder):
                    report(_fraction(progress), f"maps: {progress.done:,} of {progress.total:,}")
                written.append(folder / schema.MAPS)
            if options.overlays:
                settings, readers = DisplaySettings(), options.workers or 2
                for progress in pictures.write_overlays(
                    index, job, folder, settings, readers=readers
                ):
                    report(_fraction(progress), f"overlays: {progress.done:,}")
                written.append(folder / schema.OVERLAYS)
        finally:
            report(1.0, "")
        return written, summary(index, job)


def _fraction(progress: Progress) -> float:
    # Not 1 before the end, which clears the line.
    return min(0.999, progress.done / max(1, progress.total))
