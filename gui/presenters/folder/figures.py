"""Shows what all rows of a folder tell: charts, tables, clusters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from engine.lazy.numpy import np
from gui.controllers.folder.clustering import Clustering
from gui.controllers.folder.figures import HISTOGRAM, FolderFigures
from gui.controllers.folder.folders import Folders
from gui.jobs.folder.reading import title_of
from gui.presenters.folder.names import job_name
from gui.settings.store import Settings
from gui.toolkit.imaging import map_thumbnail
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QImage

    from engine.folders.clusters.finding import Cluster
    from engine.folders.records import Job
    from engine.records.explanations import FloatMap
    from gui.jobs.folder.figures import ClassFigures, Difference
    from gui.widgets.folder.page import FolderPage

_MAP_SIDE = 256
_INDEPENDENT = "LABELS"
_NO_LABELS = (
    "None of the listed images has both a prediction and a label that is a class of the network."
)
_SEVERAL = "This network gives independent labels, which have no confusion matrix. See Classes."


class FigurePresenter(QObject):
    """Fills the charts beside the rows when their contents are there."""

    def __init__(
        self,
        window: MainWindow,
        folders: Folders,
        figures: FolderFigures,
        clustering: Clustering,
        settings: Settings,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._folders = folders
        self._figures = figures
        self._clustering = clustering
        self._settings = settings
        self._mean: Any = None
        figures.ready.connect(self._show)
        clustering.changed.connect(self._show_clusters)
        folders.opened.connect(self._clear)
        folders.changed.connect(self._show_jobs)
        settings.changed.connect(self._setting_changed)
        self._shown: dict[str, Callable[[Any], None]] = {
            HISTOGRAM: self._show_histogram,
            "confusion": self._show_confusion,
            "classes": self._show_classes,
            "reliability": self._show_reliability,
            "mean": self._show_mean,
            "scatter": self._show_scatter,
            "clusters": self._show_predicted,
            "models": self._show_differences,
        }

    @property
    def _page(self) -> FolderPage | None:
        return self._window.folder

    @property
    def _about(self) -> Job | None:
        return self._folders.job[1] if self._folders.job is not None else None

    def _clear(self) -> None:
        """Nothing of another folder stays, in front or behind."""
        for kind in self._shown:
            if kind != HISTOGRAM:
                self._show(kind, None)

    def _show(self, kind: str, value: object) -> None:
        if self._page is not None and kind in self._shown:
            self._shown[kind](value)

    def _show_histogram(self, found: Any) -> None:
        page = self._page
        assert page is not None
        page.histogram.setVisible(found is not None)
        if found is None:
            return
        column, counts, edges = found
        page.histogram.set_counts(title_of(column), counts, edges)
        own = [one for one in self._folders.view.selection.where if one.column == column]
        low = max((one.low for one in own if one.low is not None), default=None)
        high = min((one.high for one in own if one.high is not None), default=None)
        if (low is None and high is None) or not len(page.histogram.edges):
            page.histogram.set_range(None)
        else:
            left, right = float(edges[0]), float(edges[-1])
            page.histogram.set_range(
                (left if low is None else low, right if high is None else high)
            )

    def _show_confusion(self, found: Any) -> None:
        about = self._about
        assert self._page is not None
        message = "" if found else _NO_LABELS
        if about is not None and about.scores == _INDEPENDENT:
            message = _SEVERAL
        classes = about.classes if about is not None else ()
        self._page.side.confusion.set_counts(found or {}, classes, message)
        chosen = {one.column: one.among for one in self._folders.view.selection.where}
        cell = [
            own[0] if own is not None and isinstance(own[0], int) else -1
            for own in (chosen.get("class_label"), chosen.get("prediction"))
        ]
        self._page.side.confusion.matrix.mark(cell[0], cell[1])

    def _show_classes(self, found: list[ClassFigures] | None) -> None:
        about = self._about
        assert self._page is not None
        rows = [] if found is None or about is None else [_class_row(one, about) for one in found]
        self._page.side.classes.set_rows(rows)

    def _show_reliability(self, found: Any) -> None:
        if self._page is not None:
            none = np.zeros(0, np.int64), np.zeros(0), np.zeros(0)
            self._page.side.reliability.set_bins(*(found or none))

    def _show_mean(self, found: Any) -> None:
        assert self._page is not None
        self._mean = found
        if found is None:
            self._page.side.mean.set_map(None, "No map of these images has anything positive.")
            return
        map, count = found
        whose = "the selected" if len(self._figures.chosen) else "the listed"
        words = f"Mean of the maps of {count:,} of {whose} images, each with the sum 1."
        self._page.side.mean.set_map(self._drawn(map), words, map)

    def _show_scatter(self, found: Any) -> None:
        assert self._page is not None
        across, up = (title_of(name) for name in self._figures.axes)
        numbers, points = found or (np.zeros(0, np.int64), np.zeros((0, 2)))
        self._page.side.scatter.set_points(numbers, points, axes=(across, up))

    def _drawn(self, map: FloatMap) -> QImage:
        # A mean of maps that sum to 1 has nothing to do with a scale that is locked.
        return map_thumbnail(map, replace(self._settings.display(), end=None), _MAP_SIDE)

    # --- two models ------------------------------------------------------------------------------

    def _show_jobs(self) -> None:
        page, folders = self._page, self._folders
        if page is None:
            return
        own = folders.job[0] if folders.job is not None else None
        others = [(number, job_name(job)) for number, job in folders.jobs if number != own]
        known = [page.side.others.itemData(n) for n in range(page.side.others.count())]
        compared = self._figures.compared
        shown = compared[0] if compared is not None else None
        if [number for number, _ in others] != known or page.side.others.currentData() != shown:
            page.side.set_others(others, shown)
        if not others:
            page.side.differs.show_text(
                "Open another model, and press 'Explain with current' to compare the two here."
            )

    def _show_differences(self, found: tuple[int, list[Difference]] | None) -> None:
        page = self._page
        if page is None:
            return
        if found is None:
            page.side.differences.set_rows([])
            return
        common, rows = found
        differ = sum(len(one.numbers) for one in rows)
        first, other = sum(one.first for one in rows), sum(one.other for one in rows)
        page.side.differs.show_text(
            f"{differ:,} of {common:,} images are predicted differently: {first:,} that only the "
            f"one shown gets right, {other:,} that only the other does."
        )
        page.side.differences.set_rows(
            [
                (place, (one.label or "without label", len(one.numbers), one.first, one.other))
                for place, one in enumerate(rows)
            ]
        )

    # --- clusters --------------------------------------------------------------------------------

    def _show_predicted(self, found: Any) -> None:
        about = self._about
        assert self._page is not None
        classes = [
            (int(number), f"{about.classes[int(number)]} ({count:,})")
            for number, count in found or ()
            if number is not None and about is not None
        ]
        self._page.side.clusters.set_classes(classes, self._clustering.target)
        self._show_clusters()

    def _show_clusters(self) -> None:
        page, clustering = self._page, self._clustering
        if page is None:
            return
        panel = page.side.clusters
        if clustering.work is not None:
            if clustering.clusters is None:
                panel.set_clusters((), "", can_hide="")
            panel.set_work(*clustering.work)
            return
        panel.set_work(None)
        found = clustering.clusters
        if found is None:
            panel.set_clusters((), _ABOUT_CLUSTERS, can_hide="")
            return
        count = "1 group" if len(found) == 1 else f"{len(found)} groups"
        flagged = sum(bool(one.flags) for one in found)
        words = f"{count} by what the network looked at"
        words += f", {flagged} flagged." if flagged else ", none flagged."
        words += _GROWN if clustering.grown else ""
        rows = [self._row(place, one) for place, one in enumerate(found)]
        panel.set_clusters(rows, words, can_hide=clustering.cannot_hide)
        self._scatter_clusters(found)

    def _row(self, place: int, cluster: Cluster) -> Any:
        from engine.folders.clusters.judging import FLAGS
        from gui.widgets.folder.figures.clusters import ClusterRow

        hidden = self._clustering.findings.get(place)
        facts = f"{cluster.size:,} images"
        if cluster.purity is not None:
            facts += f"; {100 * cluster.purity:.0f} % labelled {cluster.common}"
        facts += f"; {100 * cluster.focus:.0f} % of the energy in a tenth of the map"
        return ClusterRow(
            self._drawn(cluster.mean),
            cluster.mean,
            f"{cluster.label}, group {cluster.number + 1}",
            facts,
            ", ".join(cluster.flags),
            "\n".join(f"{flag}: {FLAGS[flag]}" for flag in cluster.flags),
            "" if hidden is None else f"{hidden.words[:1].upper()}{hidden.words[1:]}.",
            place if len(self._clustering.clusters or ()) > 1 else None,
        )

    def _scatter_clusters(self, found: list[Cluster]) -> None:
        assert self._page is not None
        if found:
            self._page.side.clusters.scatter.set_points(
                np.concatenate([one.inputs for one in found]),
                np.concatenate([one.points for one in found]),
                np.concatenate([np.full(one.size, place) for place, one in enumerate(found)]),
            )

    def _setting_changed(self, key: str) -> None:
        if key.startswith("display/") and self._page is not None:
            if self._mean is not None:
                self._show_mean(self._mean)
            if self._clustering.clusters:
                self._show_clusters()


_GROWN = " More of its images were explained since; choose the class again to include them."
_ABOUT_CLUSTERS = (
    "Images that the network judged by about the same place are one group. A group that is judged "
    "by a fixed place, which other classes are not, may be a shortcut."
)


def _class_row(one: ClassFigures, about: Job) -> Any:
    recall = one.right / one.images if one.images else None
    precision = one.right / one.predicted if one.predicted else None
    return one.number, (about.classes[one.number], one.images, recall, one.predicted, precision)
