"""The report of a folder: numbers, what was mistaken for what, clusters and findings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from engine.lazy.numpy import np
from engine.render.painting import colorize
from engine.version import NAME, VERSION
from gui.jobs.files.writing import write_bytes

if TYPE_CHECKING:
    from engine.folders.clusters.finding import Cluster
    from engine.folders.clusters.hiding import Hidden
    from engine.folders.index.where import Selection
    from engine.folders.records import Job
    from engine.records.display import DisplaySettings
    from engine.records.explanations import FloatMap
    from engine.records.workbench.reports import Sheet
    from engine.reports.blocks import Block, Shot
    from gui.jobs.lanes import Watch

_MOST_MISTAKES = 25
_SIDE = 320


@dataclass(frozen=True, slots=True, eq=False)
class FolderReport:
    """What a report is about. folder: of the index. filters: in words. found: clusters, with what
    hiding their regions came to where that was tried. paper: of a PDF."""

    folder: Path
    title: str
    job: tuple[int, Job]
    selection: Selection
    filters: tuple[str, ...]
    found: tuple[tuple[Cluster, Hidden | None], ...]
    display: DisplaySettings
    paper: Sheet


def write_folder_report(task: FolderReport, path: Path, watch: Watch) -> Path:
    """Write a report as HTML or PDF, by the suffix.

    Raises ExportError, HookscopeError, Cancelled.
    """
    from engine.methods.registry import title_of
    from engine.reports.blocks import Report
    from engine.reports.saving import report_bytes

    watch.report(0.0, "reading the index")
    blocks = tuple(_blocks(task, watch))
    watch.cancel.raise_if_cancelled()
    watch.report(0.7, f"writing {path.name}")
    about = task.job[1]
    line = f"{_bare(about.model)}, {about.layer or 'whole network'}, {title_of(about.method)}"
    made = Report(task.title, line, blocks)
    return write_bytes(path, report_bytes(path.suffix.lower(), made, task.paper))


def _blocks(task: FolderReport, watch: Watch) -> list[Block]:
    from engine.folders.index.queries import Index
    from engine.reports.blocks import Heading, Paragraph, Pictures

    number, _ = task.job
    with Index(task.folder) as index:
        blocks: list[Block] = [Heading("Images"), _facts(task, index)]
        watch.cancel.raise_if_cancelled()
        blocks += _mistakes(task, index.confusion(number, task.selection))
        mean = index.mean_map(number, task.selection)
    if mean is not None:
        shot = _shot(task, mean[0], f"Mean map of {mean[1]:,} images", ())
        blocks += [Heading("Where the network looked"), Pictures((shot,))]
    if task.found:
        label = task.found[0][0].label
        blocks += [
            Heading(f"Clusters of what was predicted as {label}"),
            Paragraph(
                "Images that were judged by about the same place are one group. A fixed place is "
                "one that images of other classes are not judged by.",
                quiet=True,
            ),
            Pictures(tuple(_cluster(task, *one) for one in task.found)),
        ]
    return blocks


def _facts(task: FolderReport, index: object) -> Block:
    from engine.folders.index.queries import Index
    from engine.reports.blocks import Facts

    assert isinstance(index, Index)
    counts = index.counts(task.job[0], task.selection)
    rows = [("Images", f"{counts.images:,}"), ("Explained", f"{counts.done:,}")]
    if task.filters:
        rows.insert(0, ("Only those with", "; ".join(task.filters)))
    if counts.unreadable:
        rows.append(("Cannot be read", f"{counts.unreadable:,}"))
    if counts.accuracy is not None:
        share = 100 * counts.accuracy
        rows.append(("Right", f"{counts.correct:,} of {counts.labelled:,} ({share:.1f} %)"))
    facts = task.job[1].facts
    rows.append(("Model", _bare(task.job[1].model)))
    rows += [("Weights", _bare(facts["weights"]))] if facts.get("weights") else []
    sha256 = facts.get("weights_sha256")
    rows += [("SHA-256 of the weights", sha256)] if sha256 else []
    rows.append((NAME, VERSION))
    return Facts(tuple(rows))


def _bare(path: str) -> str:
    """The name of a file without its folders, which say more about a person than about a model."""
    return PurePath(path.replace("\\", "/")).name


def _mistakes(task: FolderReport, counts: dict[tuple[int, int], int]) -> list[Block]:
    from engine.reports.blocks import Heading, Table

    names = task.job[1].classes
    wrong = sorted(
        ((count, true, said) for (true, said), count in counts.items() if true != said),
        key=lambda one: (-one[0], one[1:]),
    )
    if not wrong:
        return []
    rows = tuple((names[t], names[s], f"{c:,}") for c, t, s in wrong[:_MOST_MISTAKES])
    return [
        Heading("Mistakes, the most frequent first"),
        Table(("Label", "Prediction", "Images"), rows, (0.4, 0.4, 0.2), numbers=(2,)),
    ]


def _cluster(task: FolderReport, cluster: Cluster, hidden: Hidden | None) -> Shot:
    lines = [f"{cluster.size:,} images"]
    if cluster.purity is not None:
        lines[0] += f", {100 * cluster.purity:.0f} % labelled {cluster.common}"
    if cluster.flags:
        lines.append(f"Flagged: {', '.join(cluster.flags)}")
    if hidden is not None:
        lines.append(f"{hidden.words[:1].upper()}{hidden.words[1:]}.")
    title = f"{cluster.label}, group {cluster.number + 1}"
    return _shot(task, cluster.mean, title, tuple(lines))


def _shot(task: FolderReport, map: FloatMap, title: str, lines: tuple[str, ...]) -> Shot:
    from engine.reports.blocks import Shot

    rows, columns = map.shape
    scale = _SIDE / max(rows, columns)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    return Shot(np.ascontiguousarray(colorize(map, task.display, size)), title, lines)
