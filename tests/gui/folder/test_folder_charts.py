"""Charts of the folder page as files, with a JSON beside each that says how to come by it again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QImage

from engine.folders.index.queries import Index
from engine.folders.index.store import IndexWriter
from engine.folders.index.typed import typed
from engine.folders.index.where import Selection, Where
from engine.folders.job import How
from engine.folders.run import Run
from engine.keeping.spans import numbers_in
from engine.loading.load import load_model
from engine.version import VERSION
from gui.state.folders import Filter
from gui.toolkit.charts.figure import Figure
from gui.widgets.folder.figures.side import KINDS
from tests.gui.folder.conftest import SHAPES, Reader
from tests.gui.folder.test_folder_menus import answer, choose


@pytest.fixture
def opened(user: Reader, scenes: Path, index: Path) -> Reader:
    """A folder of which only images with some confidence are listed, chosen by hand and typed."""
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    folders, model = user.program.controller.folders, user.page.model
    some = tuple(model.numbers[5:50].tolist())
    folders.set_filters(
        [Filter("confidence >= 0.1", (typed("confidence >= 0.1"),)), Filter("lasso", numbers=some)]
    )
    user.until(lambda: 0 < model.rowCount() <= 45)
    user.wait_rows()
    return user


def shown(user: Reader, kind: str) -> Figure:
    side = user.page.side
    place = [own for own, _ in KINDS].index(kind)
    side.kinds.setCurrentIndex(place)
    side.kinds.activated.emit(place)
    figures: dict[str, Figure] = {
        "confusion": side.confusion.matrix,
        "reliability": side.reliability,
        "mean": side.mean.picture,
        "scatter": side.scatter,
        "clusters": side.clusters.scatter,
    }
    if kind == "clusters":
        user.until(lambda: side.clusters.classes.count() > 1)
        side.clusters.classes.setCurrentIndex(1)
        side.clusters.classes.activated.emit(1)
        user.until(lambda: bool(side.clusters.cards))
    bases, folders = user.program.controller.folder_figures.bases, user.program.controller.folders
    if kind != "clusters":
        user.until(lambda: kind in bases and bases[kind].view == folders.view)
    user.until(lambda: figures[kind].is_filled)
    return figures[kind]


def saved(user: Reader, figure: Figure, what: str, path: Path) -> dict[str, Any]:
    """Save from the figure's menu; the JSON beside it."""
    choose(user, figure.menu(), f"Save {what}")
    answer(user, path)
    beside = path.with_suffix(".json")
    user.until(lambda: user.program.window.notice.text == f"Saved {path.name}")
    content: dict[str, Any] = json.loads(beside.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("kind", ["confusion", "reliability", "mean", "scatter"])
def test_it_says_what_it_is_of(opened: Reader, scenes: Path, tmp_path: Path, kind: str) -> None:
    user, folders = opened, opened.program.controller.folders
    figure = shown(user, kind)
    facts = saved(user, figure, "picture", tmp_path / "chart.png")
    assert QImage(str(tmp_path / "chart.png")).width() > 100
    assert folders.job is not None
    assert facts["program"]["version"] == VERSION
    assert facts["versions"]["torch"]
    assert facts["folder"]["paths"] == [str(scenes)]
    assert facts["job"]["key"] == folders.job[1].key
    assert (facts["job"]["layer"], facts["job"]["method"]) == ("layer4", "grad-cam")
    assert len(facts["job"]["weights_sha256"]) == 64
    assert facts["chart"]["kind"] == kind
    # Whoever has the index finds the same images by what is said of them.
    images = facts["images"]
    where = tuple(typed(text, folders.job[1].classes) for text in images["filters"])
    (chosen,) = images["chosen"]
    again = Selection(where, numbers_in(chosen["images"], "images"))
    with Index(Path(facts["folder"]["index"])) as index:
        assert index.identity == facts["folder"]["identity"]
        listed = index.numbers(folders.job[0], again)
    assert sorted(listed) == sorted(user.page.model.numbers)
    # The values are those that are saved as CSV, in full.
    saved(user, figure, "values", tmp_path / "values.csv")
    with (tmp_path / "values.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == facts["chart"]["columns"]
    assert len(rows) - 1 == facts["chart"]["count"] == len(facts["chart"]["rows"])


def test_the_matrix_is_of_all_cells_although_one_is_chosen(opened: Reader, tmp_path: Path) -> None:
    user, folders = opened, opened.program.controller.folders
    folders.set_filters([Filter("prediction = star", (typed("prediction = star", ["star"]),))])
    figure = shown(user, "confusion")
    facts = saved(user, figure, "picture", tmp_path / "chart.svg")
    assert (tmp_path / "chart.svg").read_bytes().lstrip().startswith(b"<?xml")
    assert facts["images"] == {"filters": [], "chosen": []}
    assert folders.job is not None
    assert folders.folder is not None
    with Index(folders.folder) as index:
        cells = index.confusion(folders.job[0])
    names = folders.job[1].classes
    wanted = sorted([names[a], names[b], n] for (a, b), n in cells.items())
    assert sorted(facts["chart"]["rows"]) == wanted


def test_tables_are_saved_with_what_they_are_of(
    opened: Reader, scenes: Path, tmp_path: Path
) -> None:
    user, folders = opened, opened.program.controller.folders
    assert folders.folder is not None
    assert folders.job is not None
    with IndexWriter(folders.folder) as writer:
        for _ in Run(writer, load_model("demo:shortcut"), How()).steps():
            pass
    user.until(lambda: len(folders.jobs) == 2)
    ours = folders.job[0]
    other = next(job for number, job in folders.jobs if number != ours)
    side = user.page.side
    for kind, table in (("classes", side.classes), ("models", side.differences)):
        place = [own for own, _ in KINDS].index(kind)
        side.kinds.setCurrentIndex(place)
        side.kinds.activated.emit(place)
        user.until(lambda table=table: bool(table.rows()[1]))
        user.settle()
        choose(user, table.menu(), "Save values")
        path = tmp_path / f"{kind}.csv"
        answer(user, path)
        user.until(lambda path=path: user.program.window.notice.text == f"Saved {path.name}")
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert rows[0] == facts["chart"]["columns"] == list(table.rows()[0])
        assert len(rows) - 1 == facts["chart"]["count"] == len(table.rows()[1])
        assert facts["chart"]["kind"] == kind
        assert len(facts["images"]["chosen"]) == 1
        assert facts["job"]["key"] == folders.job[1].key
    assert facts["chart"]["other"]["key"] == other.key
    # Of the images that are listed, those of which the two say different things.
    with Index(folders.folder) as index:
        selection = Selection(numbers=tuple(user.page.model.numbers.tolist()))
        numbers = index.numbers(ours, selection)
        theirs = next(number for number, _ in folders.jobs if number != ours)
        one, two = (
            {row.number: row.row.prediction for row in index.rows(job, numbers) if row.row}
            for job in (ours, theirs)
        )
    assert sum(int(row[1]) for row in rows[1:]) == sum(one[n] != two[n] for n in one)


def test_a_mean_map_is_of_the_selected_rows(opened: Reader, tmp_path: Path) -> None:
    user, folders = opened, opened.program.controller.folders
    figure = shown(user, "mean")
    numbers = user.page.model.numbers[:3]
    user.page.rows.select_numbers(numbers, None)
    bases = user.program.controller.folder_figures.bases
    user.until(lambda: len(bases["mean"].chosen) == 3)
    facts = saved(user, figure, "picture", tmp_path / "chart.pdf")
    assert (tmp_path / "chart.pdf").read_bytes().startswith(b"%PDF")
    (chosen,) = facts["images"]["chosen"]
    assert numbers_in(chosen["images"], "images") == tuple(sorted(numbers.tolist()))
    assert folders.job is not None
    assert folders.folder is not None
    with Index(folders.folder) as index:
        found = index.mean_map(folders.job[0], Selection(numbers=tuple(numbers.tolist())))
    assert found is not None
    values = [value for _, _, value in facts["chart"]["rows"]]
    assert values == pytest.approx(found[0].ravel().tolist(), abs=1e-9)


def test_clusters_are_in_it_and_each_mean_map_can_be_saved(opened: Reader, tmp_path: Path) -> None:
    user, clustering = opened, opened.program.controller.clustering
    folders = user.program.controller.folders
    figure = shown(user, "clusters")
    facts = saved(user, figure, "picture", tmp_path / "groups.png")
    assert clustering.clusters is not None
    assert folders.job is not None
    assert folders.folder is not None
    assert clustering.target is not None
    assert facts["images"]["prediction"] == folders.job[1].classes[clustering.target]
    with Index(folders.folder) as index:
        predicted = index.numbers(
            folders.job[0], Selection((Where("prediction", among=(clustering.target,)),))
        )
    named = [numbers_in(one["images"], "images") for one in facts["clusters"]]
    assert sorted(number for one in named for number in one) == sorted(predicted)
    assert [one["size"] for one in facts["clusters"]] == [len(one) for one in named]
    picture = user.page.side.clusters.cards[0].picture
    facts = saved(user, picture, "values", tmp_path / "group.csv")
    assert facts["chart"]["name"].startswith("Mean map of")
    values = [value for _, _, value in facts["chart"]["rows"]]
    assert values == pytest.approx(clustering.clusters[0].mean.ravel().tolist(), abs=1e-9)


def test_nothing_is_saved_of_an_empty_chart(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    user.program.controller.folders.set_filters([Filter("unreadable", (typed("unreadable"),))])
    user.until(lambda: user.page.model.rowCount() == 1)
    matrix = user.page.side.confusion.matrix
    user.until(lambda: not matrix.is_filled)
    assert not any(action.isEnabled() for action in matrix.menu().actions() if action.text())
