"""What is written beside a chart of the folder page: which images it is of, and how they were
explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.keeping.spans import spans_text
from gui.controllers.folder.clustering import Clustering
from gui.controllers.folder.figures import HISTOGRAM, FolderFigures
from gui.controllers.folder.folders import Folders
from gui.state.folders import Filter

if TYPE_CHECKING:
    from pathlib import Path

    from engine.folders.clusters.finding import Cluster
    from engine.folders.clusters.hiding import Hidden
    from engine.folders.records import Job

MOST_ROWS = 10_000
"""Values of a chart that its JSON has; of more, only how many there are."""

CLUSTERS, MODELS = "clusters", "models"


class ChartFacts:
    """Knows what the charts of the page show."""

    def __init__(self, folders: Folders, figures: FolderFigures, clustering: Clustering) -> None:
        self._folders = folders
        self._figures = figures
        self._clustering = clustering

    def of(
        self,
        kind: str,
        name: str,
        axes: tuple[str, str],
        table: tuple[Sequence[str], Sequence[Sequence[float | str | None]]],
        versions: Mapping[str, str],
    ) -> dict[str, Any] | None:
        """What a chart is, ready for JSON; None where nothing was computed.

        kind: which chart of the page. name: its title. table: column titles and rows of what it
        shows. versions: of the libraries.
        """
        from engine.export.figures import folder_chart_facts

        about = self._job(kind)
        if self._folders.folder is None or about is None:
            return None
        return folder_chart_facts(
            self._chart(kind, name, axes, table),
            self._folder(self._folders.folder),
            self._images(kind, about),
            {
                **about.facts,
                "key": about.key,
                "scores": about.scores,
                "classes": list(about.classes),
            },
            clusters=self._clusters() if kind == CLUSTERS else None,
            versions=versions,
        )

    def _chart(
        self,
        kind: str,
        name: str,
        axes: tuple[str, str],
        table: tuple[Sequence[str], Sequence[Sequence[float | str | None]]],
    ) -> dict[str, Any]:
        """What the chart itself shows."""
        titles, rows = table
        chart: dict[str, Any] = {
            "kind": kind,
            "name": name,
            "across": axes[0],
            "up": axes[1],
            "columns": list(titles),
            "count": len(rows),
            "rows": [list(map(_plain, row)) for row in rows] if len(rows) <= MOST_ROWS else None,
        }
        if kind == MODELS:
            other = self._figures.bases[kind].other
            chart["other"] = None if other is None else {**other.facts, "key": other.key}
        return chart

    def _folder(self, folder: Path) -> dict[str, Any]:
        """The folder and its index."""
        return {
            "title": self._folders.title,
            "paths": [str(path.absolute()) for path in self._folders.paths or (folder,)],
            "index": str(folder),
            "identity": self._folders.identity,
        }

    def _job(self, kind: str) -> Job | None:
        """By what the images of a chart were explained; None where it shows none."""
        if kind == CLUSTERS:
            return self._folders.job[1] if self._folders.job is not None else None
        basis = self._figures.bases.get(kind)
        return basis.job if basis is not None else None

    def _images(self, kind: str, about: Job) -> dict[str, Any]:
        """Which images a chart is of."""
        if kind == CLUSTERS:
            target = self._clustering.target
            predicted = about.classes[target] if target is not None else None
            return {"filters": [], "chosen": [], "prediction": predicted}
        basis = self._figures.bases[kind]
        if kind == "mean" and len(basis.chosen):
            one = {"words": "selected rows", "images": spans_text(basis.chosen)}
            return {"filters": [], "chosen": [one]}
        left_out: dict[str, tuple[str, ...]] = {
            HISTOGRAM: (basis.column,),
            "confusion": ("class_label", "prediction"),
            "classes": ("class_label", "prediction"),
        }
        filters = [own for own in basis.view.filters if not _is_on(own, left_out.get(kind, ()))]
        return {
            "filters": [own.text for own in filters if own.numbers is None],
            "chosen": [
                {"words": own.text, "images": spans_text(own.numbers)}
                for own in filters
                if own.numbers is not None
            ],
        }

    def _clusters(self) -> list[dict[str, Any]]:
        clustering = self._clustering
        return [
            _cluster(one, clustering.findings.get(place))
            for place, one in enumerate(clustering.clusters or ())
        ]


def _is_on(own: Filter, columns: tuple[str, ...]) -> bool:
    return bool(own.where) and all(where.column in columns for where in own.where)


def _cluster(cluster: Cluster, hidden: Hidden | None) -> dict[str, Any]:
    return {
        "class": cluster.label,
        "group": cluster.number,
        "size": cluster.size,
        "images": spans_text(cluster.inputs),
        "purity": cluster.purity,
        "common": cluster.common,
        "focus": float(cluster.focus),
        "apart": cluster.apart,
        "silhouette": float(cluster.silhouette),
        "flags": list(cluster.flags),
        "mean": cluster.mean.astype(float).tolist(),
        "hiding": None
        if hidden is None
        else {"size": hidden.size, "flipped": hidden.flipped, "control": hidden.control},
    }


def _plain(value: float | str | None) -> float | str | None:
    """As JSON has it, which knows no NaN."""
    return None if value != value else value
