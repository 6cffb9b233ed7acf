"""What is written beside figures and charts, so that each of their maps can be asked for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from engine.records.display import DisplaySettings
from engine.records.figures import FigureForm
from engine.records.workbench.trust import TrustSettings
from engine.render.looks import look_of
from engine.version import NAME, VERSION


def figure_facts(
    panes: Sequence[Mapping[str, Any]],
    form: FigureForm,
    display: DisplaySettings,
    *,
    columns: int | None = None,
    difference: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A figure as `explain --like FILE --pane N` takes it, ready for JSON.

    panes: the facts of each map (export.files.pane_facts), in the order of the figure. display: how
    they are drawn, with the end of a scale that they share. columns: how many are in a row, None
    for as many as suit them. difference: of two maps, the numbers of comparing.difference.
    """
    content: dict[str, Any] = {
        "panes": list(panes),
        "columns": columns,
        "scale": {"shared": form.shared, "sign": display.sign, "end": display.end},
        "figure": form.facts,
        "display": {**asdict(display), "look": look_of(display) or None},
        "program": {"name": NAME, "version": VERSION},
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if difference is not None:
        content["difference"] = dict(difference)
    return content


def folder_chart_facts(
    chart: Mapping[str, Any],
    folder: Mapping[str, Any],
    images: Mapping[str, Any],
    job: Mapping[str, Any],
    *,
    clusters: Sequence[Mapping[str, Any]] | None = None,
    versions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A chart of the images of a folder, ready for JSON.

    chart: what it shows, with its values. folder: which one, and its index. images: which of its
    images the chart is of. job: by what they were computed. clusters: of what it shows, None where
    it shows none. versions: of the libraries.
    """
    content: dict[str, Any] = {
        "chart": dict(chart),
        "folder": dict(folder),
        "images": dict(images),
        "job": dict(job),
        "program": {"name": NAME, "version": VERSION},
        "versions": dict(versions or {}),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if clusters is not None:
        content["clusters"] = [dict(one) for one in clusters]
    return content


def chart_facts(
    pane: Mapping[str, Any],
    name: str,
    axes: tuple[str, str],
    *,
    channel: str = "",
    trust: TrustSettings | None = None,
) -> dict[str, Any]:
    """A chart of one map as `explain --like FILE` takes it, ready for JSON.

    pane: the facts of the map (export.files.pane_facts). name: what the chart shows. axes: what is
    across and what is up. channel: the one whose values they are in place of the map's, '' for
    none. trust: how figures of trust were computed; None where it shows none.
    """
    content: dict[str, Any] = {
        **pane,
        "chart": {"name": name, "across": axes[0], "up": axes[1], "channel": channel or None},
        "program": {"name": NAME, "version": VERSION},
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if trust is not None:
        content["trust"] = asdict(trust)
    return content
