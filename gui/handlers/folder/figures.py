"""Handles the gestures on the charts of the folder page: most of them filter the rows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from engine.folders.index.typed import in_words
from engine.folders.index.where import Where
from gui.controllers.controller import Controller
from gui.controllers.folder.chart_facts import CLUSTERS, MODELS, ChartFacts
from gui.controllers.folder.figures import HISTOGRAM
from gui.handlers.chart_saving import ask
from gui.settings import table
from gui.settings.store import Settings
from gui.state.folders import Filter
from gui.state.state import State
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.lazy.numpy import np
    from gui.jobs.folder.figures import Difference
    from gui.toolkit.charts.figure import Figure
    from gui.widgets.folder.figures.tables import FigureTable
    from gui.widgets.folder.page import FolderPage


class FigureGestures(QObject):
    """Connects the charts when the page is made."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._controller = controller
        self._settings = settings
        self._folders = controller.folders
        self._figures = controller.folder_figures
        self._clustering = controller.clustering
        self._facts = ChartFacts(self._folders, self._figures, self._clustering)
        self._kinds: dict[Figure | FigureTable, str] = {}
        window.folder_made.connect(self._connect)
        self._folders.changed.connect(self._mark_column)
        settings.changed.connect(self._setting_changed)

    @property
    def _page(self) -> FolderPage:
        page = self._window.folder
        assert page is not None
        return page

    def _connect(self) -> None:
        page, side = self._page, self._page.side
        page.histogram.brushed.connect(self._brushed)
        page.histogram.unbrushed.connect(lambda: self._take_off(self._figures.column))
        page.rows.selected.connect(self._selected)
        side.kind_chosen.connect(self._show_kind)
        self._figures.show(self._settings.get(table.FOLDER_CHART))
        side.axes_chosen.connect(self._figures.show_axes)
        side.other_chosen.connect(self._figures.compare)
        side.confusion.chosen.connect(self._cell_chosen)
        side.classes.chosen.connect(self._class_chosen)
        side.reliability.picked.connect(self._bin_picked)
        side.scatter.lassoed.connect(self._lassoed)
        side.mean.picture.drawn.connect(self._figures.look_in_box)
        self._figures.ready.connect(self._box_found)
        side.differences.chosen.connect(self._difference_chosen)
        clusters, clustering = side.clusters, self._clustering
        clusters.class_chosen.connect(clustering.find)
        clusters.hide_wanted.connect(clustering.hide)
        clusters.stop_wanted.connect(clustering.stop)
        clusters.chosen.connect(self._cluster_chosen)
        clusters.scatter.lassoed.connect(self._lassoed)
        self._kinds = {
            page.histogram: HISTOGRAM,
            side.confusion.matrix: "confusion",
            side.reliability: "reliability",
            side.mean.picture: "mean",
            side.scatter: "scatter",
            clusters.scatter: CLUSTERS,
            side.classes: "classes",
            side.differences: MODELS,
        }
        for chart in self._kinds:
            chart.save_wanted.connect(self._save)
        clusters.save_wanted.connect(self._save)

    def _show_kind(self, kind: str) -> None:
        self._settings.set(table.FOLDER_CHART, kind)

    def _setting_changed(self, key: str) -> None:
        """A session brings its own chart to the front, as a choice does."""
        if key == table.FOLDER_CHART.key and self._window.folder is not None:
            self._figures.show(self._settings.get(table.FOLDER_CHART))

    def _mark_column(self) -> None:
        self._figures.show_column(self._folders.view.order)

    # --- filters ---------------------------------------------------------------------------------

    def _brushed(self, low: float, high: float) -> None:
        column = self._figures.column
        where = Where(column, low=low, high=high)
        self._replace((column,), Filter(self._words(where)[0], (where,)))

    def _take_off(self, *columns: str) -> None:
        """Drop the filters on columns."""
        kept = [own for own in self._folders.view.filters if not _is_on(own, columns)]
        self._folders.set_filters(kept)

    def _replace(self, columns: tuple[str, ...], *added: Filter) -> None:
        """Put filters in place of those on columns."""
        kept = [own for own in self._folders.view.filters if not _is_on(own, columns)]
        self._folders.set_filters([*kept, *added])

    def _words(self, *wheres: Where) -> list[str]:
        classes = self._folders.job[1].classes if self._folders.job is not None else ()
        return [in_words(where, classes) for where in wheres]

    def _cell_chosen(self, label: int, prediction: int) -> None:
        """Only what is labelled and predicted so; the same again takes it off."""
        wheres = []
        if label >= 0:
            wheres.append(Where("class_label", among=(label,)))
        if prediction >= 0:
            wheres.append(Where("prediction", among=(prediction,)))
        added = [
            Filter(words, (where,))
            for words, where in zip(self._words(*wheres), wheres, strict=True)
        ]
        known = {own.text for own in self._folders.view.filters}
        if all(own.text in known for own in added):
            self._take_off("class_label", "prediction")
        else:
            self._replace(("class_label", "prediction"), *added)

    def _class_chosen(self, number: object) -> None:
        assert isinstance(number, int)
        self._cell_chosen(number, -1)

    def _bin_picked(self, low: float, high: float) -> None:
        where = Where("probability", low=low, high=high)
        self._replace(("probability",), Filter(self._words(where)[0], (where,)))

    def _lassoed(self, numbers: NDArray[np.int64]) -> None:
        self._only("lasso", numbers)

    def _box_found(self, kind: str, numbers: NDArray[np.int64] | None) -> None:
        if kind == "box" and numbers is not None:
            self._only("half of the energy in the box", numbers)

    def _only(self, name: str, numbers: NDArray[np.int64]) -> None:
        """List these inputs alone."""
        kept = [own for own in self._folders.view.filters if own.lasting]
        count = f"{len(numbers):,} image{'' if len(numbers) == 1 else 's'}"
        chosen = Filter(f"{name}: {count}", numbers=tuple(numbers.tolist()))
        self._folders.set_filters([*kept, chosen])

    def _cluster_chosen(self, place: int) -> None:
        if self._clustering.clusters is not None:
            cluster = self._clustering.clusters[place]
            self._only(f"{cluster.label}, group {cluster.number + 1}", cluster.inputs)

    def _difference_chosen(self, place: object) -> None:
        assert isinstance(place, int)
        found: Difference = self._figures.differences[place]
        self._only(f"differ, {found.label or 'without label'}", found.numbers)

    def _selected(self) -> None:
        numbers = self._page.rows.selected_numbers()
        # One row alone is where the keyboard is, not a selection; all are what is listed anyway.
        several = 1 < len(numbers) < self._page.model.rowCount()
        chosen = numbers if several else numbers[:0]
        self._figures.choose(chosen)
        self._folders.rows.note_selected(chosen)

    # --- saving ----------------------------------------------------------------------------------

    def _save(self, chart: Figure | FigureTable, what: str) -> None:
        """Ask where, and write a chart as a picture or as values."""
        ask(self._window, self._settings, chart, what, partial(self._write, chart))

    def _write(self, chart: Figure | FigureTable, path: Path, data: bytes) -> None:
        # A mean map in the list of clusters is one of theirs.
        kind = self._kinds.get(chart, CLUSTERS)
        engine = self._state.engine
        facts = self._facts.of(
            kind,
            chart.name,
            (chart.across, chart.up),
            chart.rows(),
            engine.versions if engine is not None else {},
        )
        self._controller.charts.write(path, data, facts)


def _is_on(own: Filter, columns: tuple[str, ...]) -> bool:
    """Whether a filter is on one of these columns alone."""
    return own.lasting and all(where.column in columns for where in own.where)
