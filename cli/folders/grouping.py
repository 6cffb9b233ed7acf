"""The command clusters: groups of images by what the network looked at, and what hiding it does."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cli.entry import progress_line, require_stdout, tell
from cli.folders.destinations import check_json
from cli.opening import opened
from cli.options import source_of
from cli.output import say, write_json
from engine.errors import ModelError
from engine.files.destinations import is_stdout

if TYPE_CHECKING:
    from engine.folders.clusters.finding import Cluster
    from engine.folders.clusters.hiding import Hidden
    from engine.folders.index.queries import Index
    from engine.folders.records import Job
    from engine.model import Model


def clusters(options: argparse.Namespace) -> None:
    check_json(options, options.folder)
    if options.json is None:
        require_stdout()
    from engine.folders.clusters.finding import clusters_of
    from engine.folders.index.queries import Index
    from engine.targets.classes import find_class

    report = progress_line(sys.stderr)
    with Index(options.folder) as index:
        job, about = index.job()
        index.check(job)
        target = None if options.target is None else find_class(options.target, about.classes)
        model = _model(options, about) if options.hide else None
        try:
            found = clusters_of(index, job, target, progress=report)
            hidden = _hidden(index, job, model, found, report)
        finally:
            report(1.0, "")  # clears the progress line
        facts = [
            _facts(one, way, [shown.path for shown in index.rows(job, one.inputs)])
            for one, way in zip(found, hidden, strict=True)
        ]
    if not found:
        of = "" if target is None else f" that is predicted as '{about.classes[target]}'"
        tell(f"warning: no clusters: no image{of} has a map with anything positive")
    if options.json is not None:
        content = {"model": about.model, "layer": about.layer or None, "method": about.method}
        write_json(options.json, {**content, "clusters": facts})
    if not is_stdout(options.json):
        for one, way in zip(found, hidden, strict=True):
            _say(one, way)


def _model(options: argparse.Namespace, about: Job) -> Model:
    """The model that is named, else the one that the index was made with."""
    from engine.folders.clusters.hiding import check_model
    from engine.records.sources import ModelSource

    known = about.facts.get("source")
    options.image = None
    if options.model is not None or not known:
        source = source_of(options)
    else:
        try:
            source = ModelSource.from_key(str(known))
        except ValueError as error:
            raise ModelError(f"{options.folder}: {error}; name the model with --model") from None
    model = opened(source, options)
    check_model(model, about)
    return model


def _hidden(
    index: Index, job: int, model: Model | None, found: Sequence[Cluster], report: Any
) -> list[Hidden | None]:
    if model is None:
        return [None] * len(found)
    from engine.folders.clusters.hiding import hide

    hidden: list[Hidden | None] = []
    for place, one in enumerate(found):
        report(place / len(found), f"hiding: {one.label}, cluster {one.number + 1}")
        way = hide(index, job, model, one)
        if way.size < one.size:
            report(1.0, "")
            tell(
                f"warning: {one.label} {one.number + 1}: {one.size - way.size:,} of {one.size:,} "
                "images have changed or cannot be read any more, and nothing was hidden in them"
            )
        hidden.append(way)
    return hidden


def _facts(one: Cluster, way: Hidden | None, paths: list[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "class": one.label,
        "cluster": one.number,
        "size": one.size,
        "purity": one.purity,
        "label": one.common or None,
        "flags": list(one.flags),
        "focus": one.focus,
        "apart": one.apart,
        "silhouette": one.silhouette,
        "corners": None if math.isnan(one.corners) else one.corners,
        "border": None if math.isnan(one.border) else one.border,
        "flipped": None if way is None else way.flipped,
        "mean_map": [[float(value) for value in row] for row in one.mean],
        "images": paths,
    }
    if way is not None:
        facts |= {"of": way.size, "control": way.control}
    return facts


def _say(one: Cluster, way: Hidden | None) -> None:
    images = f"{one.size:,} image{'' if one.size == 1 else 's'}"
    cells = [f"{one.label} {one.number + 1}", images]
    if one.purity is not None:
        cells.append(f"{one.purity:.0%} {one.common}")
    if way is not None:
        cells.append(way.words)
    say(*cells, ", ".join(one.flags))
