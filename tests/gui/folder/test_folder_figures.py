"""What the rows of a folder tell, in the real window: charts that filter, clusters, two models."""

from __future__ import annotations

import shutil
import threading
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

import engine
from engine.folders.index.store import IndexWriter
from engine.folders.index.where import Selection
from engine.folders.inputs.finding import Labels, find
from engine.folders.job import How
from engine.folders.run import Pace, Run
from gui.state.folders import RunState
from gui.toolkit import theme
from gui.toolkit.charts.chart import Area
from gui.widgets.folder.figures.lasso import within
from tests.engine.folders.scenes import write_scenes
from tests.gui.folder.conftest import SHAPES, Reader, indexed
from tests.gui.user import Key

LEFT = Qt.MouseButton.LeftButton


def wait_matrix(user: Reader, total: int) -> dict[tuple[int, int], int]:
    matrix = user.page.side.confusion.matrix
    user.until(lambda: sum(matrix.counts.values()) == total)
    return dict(matrix.counts)


def test_a_cell_of_the_matrix_filters_the_rows(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    counts = wait_matrix(user, 64)
    matrix = user.page.side.confusion.matrix
    classes = user.program.state.info.classes  # type: ignore[union-attr]
    pairs = list(zip(user.texts("label"), user.texts("prediction"), strict=True))
    for (true, said), count in counts.items():
        assert pairs.count((classes[true], classes[said])) == count
    ring, circle = classes.index("ring"), classes.index("circle")
    assert counts[ring, circle] >= 2
    place = matrix.shown.index(ring), matrix.shown.index(circle)
    QTest.mouseClick(matrix, LEFT, pos=matrix.cell_rect(*place).center())
    user.until(lambda: user.page.model.rowCount() == counts[ring, circle])
    user.wait_rows()
    assert set(user.texts("label")) == {"ring"}
    assert set(user.texts("prediction")) == {"circle"}
    assert user.page.filters.chips() == ("class of the label = ring", "prediction = circle")
    # By keyboard, the same cell takes the filter off again.
    wait_matrix(user, 64)
    matrix.setFocus()
    place = matrix.shown.index(ring), matrix.shown.index(circle)
    while matrix._cursor != place:
        row, column = matrix._cursor
        QTest.keyClick(matrix, Key.Key_Down if row < place[0] else Key.Key_Up) if row != place[
            0
        ] else QTest.keyClick(matrix, Key.Key_Right if column < place[1] else Key.Key_Left)
    QTest.keyClick(matrix, Key.Key_Return)
    user.until(lambda: user.page.model.rowCount() == 65)


def test_a_histogram_is_brushed_and_its_range_holds(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    chart = user.page.histogram
    user.until(lambda: int(chart.counts.sum()) == 64)
    spans = chart.spans()
    assert spans is not None
    metrics = QFontMetricsF(theme.tabular(theme.small(chart.font())))
    area = Area(QRectF(chart.rect()), spans, metrics, int(np.ceil(metrics.height())))
    low, high = float(chart.edges[30]), float(chart.edges[40])
    wanted = int(chart.counts[30:40].sum())
    middle = int(area.plot.center().y())
    QTest.mousePress(chart, LEFT, pos=QPoint(round(area.x(low)), middle))
    QTest.mouseMove(chart, QPoint(round(area.x((low + high) / 2)), middle))
    QTest.mouseMove(chart, QPoint(round(area.x(high)), middle))
    QTest.mouseRelease(chart, LEFT, pos=QPoint(round(area.x(high)), middle))
    user.until(lambda: user.page.model.rowCount() == wanted)
    # The chart shows all that the other filters leave, with the range marked.
    user.settle()
    assert int(chart.counts.sum()) == 64
    QTest.mouseClick(chart, LEFT, pos=QPoint(round(area.x(low)), middle))
    user.until(lambda: user.page.model.rowCount() == 65)


def test_mean_map_of_the_selected_rows(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    page, controller = user.page, user.program.controller
    page.side.kinds.setCurrentIndex(3)
    page.side.kinds.activated.emit(3)
    found: list[object] = []
    controller.folder_figures.ready.connect(lambda kind, value: found.append((kind, value)))
    table = page.rows.table
    for place in (0, 3, 4):
        spot = table.visualRect(page.model.index(place, 1)).center()
        QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.ControlModifier, spot)
    user.until(lambda: any(k == "mean" and v is not None and v[1] == 3 for k, v in found))  # type: ignore[misc]
    maps = []
    for place in (0, 3, 4):
        shown = controller.folders.rows.known(page.model.number_at(place))
        assert shown is not None
        assert shown.row is not None
        assert shown.row.map is not None
        positive = np.maximum(shown.row.map.astype(float), 0)
        maps.append(positive / positive.sum())
    value = next(v for k, v in reversed(found) if k == "mean" and v is not None)  # type: ignore[misc]
    np.testing.assert_allclose(value[0], np.mean(maps, axis=0), atol=1e-6)
    user.until(lambda: page.side.mean.picture.is_filled)
    # Images with half of their energy in the left half.
    shares = {}
    for place in range(page.model.rowCount()):
        number = page.model.number_at(place)
        shown = controller.folders.rows.known(number)
        if shown is not None and shown.row is not None and shown.row.map is not None:
            positive = np.maximum(shown.row.map.astype(float), 0)
            half = positive.shape[1] // 2
            shares[number] = positive[:, :half].sum() / positive.sum()
    wanted = {number for number, share in shares.items() if share >= 0.5}
    picture = page.side.mean.picture
    right, bottom = picture._shown().width() // 2, picture._shown().height() - 2
    QTest.mousePress(picture, LEFT, pos=QPoint(1, 1))
    QTest.mouseMove(picture, QPoint(20, 20))
    QTest.mouseMove(picture, QPoint(right, bottom))
    QTest.mouseRelease(picture, LEFT, pos=QPoint(right, bottom))
    user.until(lambda: "half of the energy" in "".join(page.filters.chips()))
    user.until(lambda: page.model.rowCount() < 65)
    listed = set(page.model.numbers.tolist())
    assert all(abs(shares[number] - 0.5) < 0.05 for number in listed ^ wanted)


def test_what_takes_longer_than_a_run_writes_comes_to_an_end(
    user: Reader, scenes: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chart that is being read is not begun anew with every row that a run writes."""
    from engine.folders.index.queries import Index

    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    wait_matrix(user, 64)
    figures, folders = user.program.controller.folder_figures, user.program.controller.folders
    begun, written = threading.Semaphore(0), threading.Event()
    read = Index.mean_map

    def slow(self: Index, job: int, selection: Selection) -> object:
        begun.release()
        assert written.wait(20)
        return read(self, job, selection)

    monkeypatch.setattr(Index, "mean_map", slow)
    came: list[str] = []
    figures.ready.connect(lambda kind, _value: came.append(kind))
    user.page.side.kinds.setCurrentIndex(3)
    user.page.side.kinds.activated.emit(3)
    user.until(lambda: begun.acquire(blocking=False))
    for _ in range(3):
        # As when rows were written.
        came.clear()
        with user.qtbot.waitSignal(figures._timer.timeout):
            folders.listed.emit()
    written.set()
    user.until(lambda: "mean" in came)
    assert not begun.acquire(blocking=False)
    # Once more, for the rows that came meanwhile.
    user.until(lambda: came.count("mean") == 2)
    assert begun.acquire(blocking=False)


def test_lasso_takes_what_is_inside() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 100, (2_000, 2))
    circle = [
        QPointF(50 + 30 * np.cos(a), 50 + 30 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 60)
    ]
    inside = within(points, circle)
    away = np.hypot(points[:, 0] - 50, points[:, 1] - 50)
    clear = np.abs(away - 30) > 0.2
    assert (inside == (away < 30))[clear].all()
    assert clear.sum() > 1_900


def test_a_lasso_is_drawn_by_keys(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    page = user.page
    page.side.kinds.setCurrentIndex(4)
    page.side.kinds.activated.emit(4)
    scatter = page.side.scatter
    user.until(lambda: scatter.is_filled)
    user.settle()
    titles, rows = scatter.rows()
    assert titles[0] == "image"
    x = np.array([float(row[1]) for row in rows])
    scatter.setFocus(Qt.FocusReason.TabFocusReason)

    def press(key: Qt.Key, times: int = 1) -> None:
        for _ in range(times):
            QTest.keyClick(scatter, key)

    # A box over the left half, from the upper left corner to the middle of the lower edge.
    press(Key.Key_Left, 11)
    press(Key.Key_Up, 11)
    press(Key.Key_Space)
    press(Key.Key_Right, 10)
    press(Key.Key_Down, 20)
    press(Key.Key_Space)
    assert "2 corners" in scatter.accessibleDescription()
    press(Key.Key_Return)
    left = int((x < (x.min() + x.max()) / 2).sum())
    assert 0 < left < len(x)
    user.until(lambda: page.filters.chips() == (f"lasso: {left} images",))
    user.until(lambda: page.model.rowCount() == left)
    # Three corners: the half below the diagonal of what is left; Escape drops them at first.
    user.until(lambda: len(scatter.rows()[1]) == left)
    press(Key.Key_Space)
    press(Key.Key_Escape)
    assert "0 corners" in scatter.accessibleDescription()
    assert user.program.controller.folders.page == "folder"
    press(Key.Key_Return)
    assert page.filters.chips() == (f"lasso: {left} images",)


def test_a_lasso_round_nothing_lists_what_was_listed(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    page = user.page
    page.side.kinds.setCurrentIndex(4)
    page.side.kinds.activated.emit(4)
    scatter = page.side.scatter
    user.until(lambda: len(scatter._numbers) > 0)

    def drag(*corners: tuple[float, float]) -> None:
        spots = [QPoint(round(x), round(y)) for x, y in corners]
        QTest.mousePress(scatter, LEFT, pos=spots[0])
        for spot in (*spots[1:], spots[0]):
            QTest.mouseMove(scatter, spot)
        QTest.mouseRelease(scatter, LEFT, pos=spots[-1])

    # Along a line, which has nothing inside.
    drag((20, 20), (60, 60), (40, 40))
    assert page.filters.chips() == ()
    plot = scatter._plot()
    drag(
        (plot.left() - 1, plot.top() - 1),
        (plot.right() + 2, plot.top() - 1),
        (plot.right() + 2, plot.bottom() + 2),
        (plot.left() - 1, plot.bottom() + 2),
    )
    user.until(lambda: page.filters.chips() == ("lasso: 64 images",))


def test_a_cluster_is_found_hidden_and_counted(
    user: Reader, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from engine.records.sources import ModelSource
    from gui.controllers.models import NamedModel

    folder = write_scenes(
        tmp_path_factory.mktemp("marked"), 75, marked=True, kinds=("star", "circle", "ring")
    )
    index = indexed(tmp_path_factory.mktemp("index") / "marked", folder, "demo:shortcut")
    user.start(model=NamedModel(ModelSource("demo:shortcut")))
    user.open_explained(folder, index)
    page, clustering = user.page, user.program.controller.clustering
    panel = user.look_for_clusters("star")
    assert clustering.clusters is not None
    flagged = [n for n, one in enumerate(clustering.clusters) if "fixed place" in one.flags]
    assert flagged
    # Each card has the colour of its points.
    painted = panel.scatter.grab().toImage()
    for place, card in enumerate(panel.cards):
        assert card.key is not None
        key = card.key.grab().toImage().pixelColor(2, 2)
        points = panel.scatter.places()[panel.scatter._groups == place]
        assert any(
            painted.pixelColor(*(round(float(at) * painted.devicePixelRatio()) for at in point))
            == key
            for point in points
        )
    QTest.mouseClick(panel.cards[flagged[0]].button, LEFT)
    user.until(lambda: bool(clustering.findings))
    hidden = clustering.findings[flagged[0]]
    size = clustering.clusters[flagged[0]].size
    assert hidden.size == size
    assert hidden.flipped >= 0.8 * size
    assert hidden.control <= 0.2 * size
    assert (
        f"turned {hidden.flipped} of {size} predictions" in panel.cards[flagged[0]].finding.text()
    )
    # Its images are listed by a click on it.
    QTest.mouseClick(panel.cards[flagged[0]], LEFT, pos=QPoint(4, 4))
    user.until(lambda: page.model.rowCount() == size)


def test_clusters_say_that_they_are_of_fewer_images(
    user: Reader, scenes: Path, tmp_path: Path
) -> None:
    """Another process goes on with the index, as a run of the window does."""
    out, model = tmp_path / "index", engine.load_model("demo:shapes")

    def run(most: int) -> None:
        with IndexWriter(out) as writer:
            writer.found(find([scenes], Labels(folders=True)))
            steps = Run(writer, model, How(), pace=Pace(readers=1, size=16)).steps()
            for _ in islice(steps, most):
                pass

    def words() -> str:
        return " ".join(one.text() for one in panel.findChildren(QLabel))

    run(1)
    user.start(model=SHAPES)
    user.program.controller.folders.open_paths([out])
    user.until(lambda: user.program.window.folder is not None)
    clustering = user.program.controller.clustering
    # Some circles are among the rings, which come later.
    panel = user.look_for_clusters("circle")
    assert "choose the class again" not in words()
    run(9)
    user.until(lambda: "choose the class again" in words())
    assert clustering.clusters is not None
    size = sum(one.size for one in clustering.clusters)
    panel.classes.activated.emit(panel.classes.currentIndex())
    user.until(lambda: "choose the class again" not in words())
    user.until(lambda: bool(panel.cards))
    assert sum(one.size for one in clustering.clusters) > size


def test_the_classes_need_no_sideways_scrolling_in_a_small_window(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.program.window.resize(1024, 640)
    user.open_explained(scenes, index)
    side = user.page.side
    side.kinds.setCurrentIndex(1)
    side.kinds.activated.emit(1)
    user.until(lambda: len(side.classes.rows()[1]) == 8)
    # More rows than there is room for, and wide ones, as of a network with many classes.
    rows = [(n, (f"class {n}", 1_000, 1.0, 1_000, 1.0)) for n in range(60)]
    side.classes.set_rows(rows)
    user.until(side.classes.verticalScrollBar().isVisible)
    user.settle()
    assert not side.classes.horizontalScrollBar().isVisible()


def test_two_models_on_one_folder(user: Reader, scenes: Path, index: Path, tmp_path: Path) -> None:
    from engine.records.sources import ModelSource

    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    assert not user.page.side.others.isVisibleTo(user.page.side.differs.parentWidget())
    before = dict(zip(user.texts("name"), user.texts("prediction"), strict=True))
    page, clustering = user.page, user.program.controller.clustering
    panel = user.look_for_clusters("hexagon")
    first = clustering.target, len(panel.cards)
    user.program.controller.models.open(ModelSource("demo:shortcut"))
    folders = user.program.controller.folders
    shortcut = ModelSource("demo:shortcut")
    user.until(lambda: user.program.state.model_source == shortcut)
    user.wait_explained()
    assert user.page.head.button.text() == "Explain with current"
    QTest.mouseClick(user.page.head.button, LEFT)
    user.until(lambda: folders.runs.state is RunState.DONE and len(folders.jobs) == 2)
    user.wait_done()
    # Groups and findings are those of the results on the screen, in a report as well.
    assert clustering.clusters is None
    assert not panel.cards
    assert panel.classes.currentIndex() == 0
    after = dict(zip(user.texts("name"), user.texts("prediction"), strict=True))
    differ = {name for name in before if before[name] != after[name]}
    page.side.kinds.setCurrentIndex(6)
    page.side.kinds.activated.emit(6)
    assert page.side.others.count() == 1
    # The only other one needs no choosing.
    assert page.side.others.currentIndex() == 0
    user.until(lambda: f"{len(differ)} of 64 images" in page.side.differs.text())
    rows = page.side.differences.figures.rows
    assert sum(int(values[1]) for _, values in rows) == len(differ)  # type: ignore[arg-type]
    # Back at the first model's results, its groups are there as they were.
    page.side.kinds.setCurrentIndex(5)
    page.side.kinds.activated.emit(5)
    folders.choose_job(folders.jobs[1][0] if folders.jobs[0] == folders.job else folders.jobs[0][0])
    assert (clustering.target, len(panel.cards)) == first
    # Another folder has nothing of this one, although there is nothing yet to compare it with.
    shutil.copytree(scenes / "ring", tmp_path / "other")
    user.open_folder(tmp_path / "other")
    assert page.side.differences.rows()[1] == []
    assert not page.side.others.isVisible()


def test_another_folder_has_nothing_of_the_charts_before(
    user: Reader, scenes: Path, index: Path, tmp_path: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    side = user.page.side
    filled = (
        lambda: side.scatter.is_filled,
        lambda: bool(side.classes.rows()[1]),
        lambda: side.reliability.spans() is not None,
        lambda: bool(side.confusion.matrix.counts),
        lambda: side.clusters.classes.count() > 1,
        lambda: side.mean.picture.is_filled,
    )
    for place, one in zip((4, 1, 2, 0, 5, 3), filled, strict=True):
        side.kinds.setCurrentIndex(place)
        side.kinds.activated.emit(place)
        user.until(one)
    (tmp_path / "empty").mkdir()
    user.program.controller.folders.open_paths([tmp_path / "empty"])
    assert [one() for one in filled] == [False] * len(filled)


def test_clusters_of_all_images_do_not_say_that_there_are_more(
    user: Reader, scenes: Path, index: Path
) -> None:
    """Also where they were found before the chart was looked at."""
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    page, clustering = user.page, user.program.controller.clustering
    clustering.find(0)
    user.until(lambda: clustering.clusters is not None)
    page.side.kinds.setCurrentIndex(5)
    page.side.kinds.activated.emit(5)
    panel = page.side.clusters
    user.until(lambda: panel.classes.count() > 1 and bool(panel.cards))
    assert panel.classes.currentData() == 0
    assert not any("choose" in one.text() for one in panel.findChildren(QLabel))
