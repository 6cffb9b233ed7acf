"""The inspector in the real window: its drawer, layers, channels and numbers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QTabBar, QWidget

import engine
from cli import commands
from engine.formats.demo import SCENES
from engine.methods.modifiers import value_title
from engine.records.channels import Channels
from engine.records.sources import ModelSource
from engine.render.profile import profile
from gui.app.program import Program
from gui.controllers.inspector.inspecting import ONE_LAYER, STOPPED
from gui.controllers.models import NamedModel
from gui.jobs.lanes import Job
from gui.state.records import SweepAnswer
from gui.toolkit.charts.chart import Chart
from gui.widgets.inspector.drawer import TITLES, Drawer
from gui.widgets.inspector.tiles import TileView
from tests.gui.user import WAIT_MS, Key, Modifier, User, child

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture(scope="module")
def session() -> Iterator[engine.Session]:
    """The demo's first picture and its network through the engine's public interface."""
    image = engine.load_image(SCENES[0].path)
    with engine.Session(engine.load_model("demo:shapes"), image) as session:
        yield session


def drawer(user: User) -> Drawer:
    return user.program.window.drawer


def open_page(user: User, page: str) -> None:
    """Switch the inspector on by key, and click the tab of a page."""
    window = user.program.window
    if not user.program.window.actions_by_id["inspector"].isChecked():
        user.press(Key.Key_I)
    tabs = child(window.drawer, QTabBar)
    place = list(TITLES).index(page)
    if tabs.currentIndex() != place:
        QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(place).center())
    assert window.drawer.current == page


def click_tile(view: TileView, key: str) -> None:
    index = view.model().index(view.listed().index(key), 0)
    view.scrollTo(index)
    QTest.mouseClick(view.viewport(), LEFT, pos=view.visualRect(index).center())


def wait_channels(user: User) -> None:
    inspections = user.program.controller.inspections
    user.until(lambda: inspections.gallery is not None)
    user.until(lambda: bool(drawer(user).channels.gallery.listed()))


def wait_channel(user: User, index: int) -> None:
    inspections = user.program.controller.inspections
    user.until(lambda: inspections.shown is not None and inspections.channel == index)


def caption(program: Program) -> str:
    return program.window.canvas.accessibleDescription()


def on_canvas(program: Program) -> np.ndarray:
    shown = program.window.canvas._explanation
    assert shown is not None
    return np.asarray(shown.map)


def looks(user: User) -> QImage:
    return user.program.window.canvas.grab().toImage()


# --- the drawer ----------------------------------------------------------------------------------


def test_closed_there_is_nothing_more_than_the_strip(user: User) -> None:
    program = user.start()
    window = program.window
    assert window.drawer.height() == window.strip.height()
    assert not child(window.drawer, QTabBar).isVisible()
    assert not window.drawer.filled
    user.press(Key.Key_I)
    assert child(window.drawer, QTabBar).isVisible()
    assert window.drawer.current == "layers"
    assert not window.strip.isVisible()
    user.press(Key.Key_I)
    assert window.strip.isVisible()
    user.until(lambda: window.drawer.height() == window.strip.height())


def test_a_click_on_the_open_tab_folds_it(user: User) -> None:
    program = user.start()
    open_page(user, "numbers")
    tabs = child(program.window.drawer, QTabBar)
    high = program.window.drawer.height()
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(tabs.currentIndex()).center())
    user.until(lambda: program.window.drawer.height() < high / 2)
    assert program.window.drawer.current == ""
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(tabs.currentIndex()).center())
    assert program.window.drawer.current == "numbers"


def test_the_next_start_opens_what_was_open(user: User) -> None:
    program = user.start()
    open_page(user, "numbers")
    grip = next(part for part in drawer(user).children() if part.objectName() == "grip")
    before = drawer(user).numbers.height()
    QTest.mousePress(grip, LEFT, pos=QPoint(200, 2))  # type: ignore[call-overload]
    QTest.mouseMove(grip, QPoint(200, -38))  # type: ignore[call-overload]
    QTest.mouseRelease(grip, LEFT, pos=QPoint(200, -38))  # type: ignore[call-overload]
    user.until(lambda: drawer(user).numbers.height() > before)
    high = drawer(user).numbers.height()
    user.leave()
    program = user.start()
    assert program.window.drawer.current == "numbers"
    user.until(lambda: drawer(user).numbers.height() == high)
    assert drawer(user).numbers.table.cells.rowCount() > 0


@pytest.mark.parametrize("size", [(1024, 640), (1280, 800), (2560, 1440)])
def test_the_canvas_keeps_half_of_the_window(user: User, size: tuple[int, int]) -> None:
    program = user.start()
    program.window.resize(*size)
    for page in ("layers", "channels", "numbers"):
        open_page(user, page)
        drawer(user).set_page_height(5_000)
        user.until(lambda: program.window.canvas.height() >= size[1] // 2)
        assert program.window.width() == size[0]


def test_nothing_is_computed_while_the_drawer_is_closed(user: User) -> None:
    program = user.start()
    done: list[str] = []
    for lane in (program.controller.engine_lane, program.controller.file_lane):
        lane.busy_changed.connect(lambda job: done.append(job.title if job is not None else ""))
    open_page(user, "channels")
    wait_channels(user)
    assert any(title.startswith("Channels of") for title in done)
    tabs = child(drawer(user), QTabBar)
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(tabs.currentIndex()).center())
    done.clear()
    for layer in ("layer2", "layer3"):
        program.controller.choose_layer(layer)
        user.wait_layer(layer)
        user.settle()
    assert not [title for title in done if "hannel" in title or "layers" in title]
    program.window.actions_by_id["panels"].trigger()
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(tabs.currentIndex()).center())
    assert drawer(user).current == ""
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(tabs.currentIndex()).center())
    program.window.actions_by_id["panels"].trigger()
    # What is explained by then is shown as soon as it is looked at.
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(tabs.currentIndex()).center())
    inspections = program.controller.inspections
    user.until(
        lambda: inspections.gallery is not None and inspections.gallery.request.layer == "layer3"
    )


def test_by_keyboard_alone(user: User) -> None:
    """From the tabs to every control of a page, to a channel and back."""
    program = user.start(sweep=True)
    user.press(Key.Key_I)
    assert isinstance(QApplication.focusWidget(), QTabBar)
    user.until(lambda: len(drawer(user).film.view.listed()) > 10)

    def go_to(*wanted: QWidget) -> None:
        left = set(wanted)
        for _ in range(12):
            user.press(Key.Key_Tab)
            left.discard(QApplication.focusWidget())  # type: ignore[arg-type]
            if not left:
                return
        raise AssertionError(left)

    film = drawer(user).film.view
    go_to(film)
    before = film.listed().index(user.layer)
    user.press(Key.Key_Left)
    user.wait_layer(film.listed()[before - 1])
    child(drawer(user), QTabBar).setFocus()
    user.press(Key.Key_Right)
    wait_channels(user)
    page = drawer(user).channels
    go_to(page.sort, page.one_scale, page.gallery)
    user.press(Key.Key_Right)
    wait_channel(user, int(page.gallery.listed()[1]))
    assert f"channel {page.gallery.listed()[1]}" in caption(program)
    user.press(Key.Key_Escape)
    assert program.controller.inspections.shown is None
    child(drawer(user), QTabBar).setFocus()
    user.press(Key.Key_Right)
    numbers = drawer(user).numbers
    go_to(numbers.table, numbers.histogram, numbers.row, numbers.profile)


# --- layers --------------------------------------------------------------------------------------


def test_the_film_has_the_sweep_first_to_last(user: User) -> None:
    program = user.start(sweep=True)
    open_page(user, "layers")
    film = drawer(user).film.view
    user.until(lambda: len(film.listed()) > 10)
    names = film.listed()
    places = {node.name: node.place for node in program.state.layers}
    order = [places[name.partition("#")[0]] for name in names]
    assert order == sorted(order)
    sweep = program.state.sweep
    assert sweep is not None
    maps = {id(one.map) for one in sweep.explanations.values()}
    assert len(names) == len(maps)
    assert film.marked() == user.layer == "layer4"
    click_tile(film, "layer2")
    user.wait_layer("layer2")
    assert film.marked() == "layer2"
    assert program.window.tree.current() == "layer2"


def label_of(sweep: SweepAnswer | None) -> str:
    return next(iter(sweep.explanations.values())).target.label if sweep is not None else ""


def test_a_layer_with_nothing_to_show_says_so(user: User) -> None:
    """In the film and in the tree: a black tile would look like a map."""
    program = user.start(sweep=True)
    open_page(user, "layers")
    film, state = drawer(user).film.view, program.state
    user.until(lambda: len(film.listed()) > 10)
    layer, description = "maxpool", Qt.ItemDataRole.AccessibleDescriptionRole

    def said() -> tuple[str, str]:
        tile = film.model().index(film.listed().index(layer), 0)
        row = program.window.tree._model.index_of(layer)
        tip = str(user.tree().model().data(row, Qt.ItemDataRole.ToolTipRole))
        return str(film.model().data(tile, description)), tip

    # A class against which this layer has no evidence.
    user.press(Key.Key_4)
    user.until(lambda: label_of(state.sweep) == "square")
    assert state.sweep is not None
    assert state.sweep.explanations[layer].map.min() >= 0.0
    user.settle()
    assert "nothing" not in " ".join(said()).lower()
    user.press(Key.Key_N, Modifier.ShiftModifier)
    user.until(lambda: said()[0] == "nothing negative")
    tile = film.model().index(film.listed().index(layer), 0)
    whole = str(film.model().data(tile, Qt.ItemDataRole.ToolTipRole))
    assert "nothing negative" in whole, "a narrow tile has no room for it"
    user.until(lambda: "Nothing negative." in said()[1])
    user.press(Key.Key_P, Modifier.ShiftModifier)
    user.until(lambda: "nothing" not in " ".join(said()).lower())


def test_the_film_says_why_it_is_empty(user: User) -> None:
    program = user.start(sweep=False)
    open_page(user, "layers")
    assert "Press T" in drawer(user).film._message.text()
    user.press(Key.Key_T)
    user.until(lambda: len(drawer(user).film.view.listed()) > 10)
    program.controller.choose_method("saliency")
    user.until(lambda: "Saliency" in drawer(user).film._message.text())


# --- channels ------------------------------------------------------------------------------------


def order(channels: Channels, by: str) -> list[str]:
    return [str(index) for index in channels.order(by)]  # type: ignore[arg-type]


def test_all_channels_in_every_order(user: User, session: engine.Session) -> None:
    user.start()
    open_page(user, "channels")
    wait_channels(user)
    page = drawer(user).channels
    wanted = session.channels()
    assert list(page.gallery.listed()) == order(wanted, "contribution")
    for by in ("weight", "activation", "gradient", "contribution"):
        page.sort.setCurrentIndex(page.sort.findData(by))
        assert list(page.gallery.listed()) == order(wanted, by)
        first = page.gallery.model().index(0, 0)
        tip = str(first.data(Qt.ItemDataRole.ToolTipRole))
        values = {
            "weight": wanted.weights,
            "activation": wanted.activations,
            "gradient": wanted.gradients,
            "contribution": wanted.contributions,
        }
        for name, numbers in values.items():
            said = float(tip.split(f"{name} ")[1].split("\n")[0])
            assert said == pytest.approx(numbers[wanted.order(by)[0]], rel=1e-4)  # type: ignore[arg-type]
    assert page.histogram.counts.sum() == len(wanted.weights)


@pytest.mark.parametrize("layer", ["layer4", "conv1"])
def test_what_a_tile_shows(user: User, session: engine.Session, layer: str) -> None:
    program = user.start()
    if layer != user.layer:
        program.controller.choose_layer(layer)
        user.wait_layer(layer)
    open_page(user, "channels")
    wait_channels(user)
    gallery = program.controller.inspections.gallery
    assert gallery is not None
    wanted = session.channel_maps(range(len(gallery.peaks)), layer, session.predictions(1)[0].index)
    for index in (0, 5):
        size = gallery.tile(index, "activation").shape
        for kind, maps in (
            ("activation", wanted.activations),
            ("gradient", wanted.gradients),
            ("weighted", wanted.weighted),
        ):
            tile = gallery.tile(index, kind)  # type: ignore[arg-type]
            assert tile.shape == maps.shape[1:] == size
            np.testing.assert_allclose(tile, maps[index], rtol=1e-3, atol=1e-4 * np.abs(maps).max())
    np.testing.assert_allclose(
        gallery.peaks, wanted.activations.max(axis=(1, 2)), rtol=1e-4, atol=1e-5
    )


def picture(user: User, key: str) -> QImage:
    view = drawer(user).channels.gallery
    drawn = view._tiles.picture(key, view.side)
    assert drawn is not None
    return drawn


def test_kind_relu_and_scale_change_the_pictures(user: User) -> None:
    user.start()
    open_page(user, "channels")
    wait_channels(user)
    page = drawer(user).channels
    seen = {}
    for kind in ("activation", "gradient", "weighted"):
        page.kinds.choose(kind)
        for relu in ("before", "after"):
            page.relu.choose(relu)
            seen[kind, relu] = picture(user, page.gallery.listed()[-1])
    assert seen["activation", "before"] != seen["activation", "after"]
    assert seen["gradient", "before"] != seen["weighted", "before"]
    page.kinds.choose("activation")
    gallery = user.program.controller.inspections.gallery
    assert gallery is not None
    strongest = str(int(gallery.activations.max(axis=(1, 2)).argmax()))
    weakest = str(int(gallery.activations.max(axis=(1, 2)).argmin()))
    alone = picture(user, strongest), picture(user, weakest)
    page.one_scale.click()
    assert picture(user, strongest) == alone[0]
    assert picture(user, weakest) != alone[1]


def test_a_channel_on_the_image_and_back(user: User, session: engine.Session) -> None:
    program = user.start()
    whole, before = on_canvas(program), looks(user)
    open_page(user, "channels")
    wait_channels(user)
    page = drawer(user).channels
    index = int(page.gallery.listed()[1])
    wanted = session.channel_maps([index])
    user.settle()
    fitted = looks(user)
    assert fitted != before
    canvas = program.window.canvas
    middle = canvas.viewport().rect().center()
    for way in ("Esc", "click on the image", "click on the channel"):
        click_tile(page.gallery, str(index))
        wait_channel(user, index)
        assert f"channel {index}, feature map" in caption(program)
        assert "not the map of star" in caption(program)
        np.testing.assert_allclose(on_canvas(program), wanted.activations[0], rtol=1e-3, atol=1e-4)
        assert page.gallery.marked() == str(index)
        assert looks(user) != fitted
        # A drag moves the image and leaves the channel.
        QTest.mousePress(canvas.viewport(), LEFT, pos=middle)
        QTest.mouseMove(canvas.viewport(), middle + QPoint(40, 0))
        QTest.mouseRelease(canvas.viewport(), LEFT, pos=middle + QPoint(40, 0))
        canvas.fit()
        assert f"channel {index}" in caption(program)
        if way == "Esc":
            user.press(Key.Key_Escape)
        elif way == "click on the image":
            QTest.mouseClick(canvas.viewport(), LEFT, pos=middle)
        else:
            click_tile(page.gallery, str(index))
        user.until(lambda: "channel" not in caption(program))
        np.testing.assert_array_equal(on_canvas(program), whole)
        assert page.gallery.marked() == ""
    # Another kind, and without what is below zero.
    click_tile(page.gallery, str(index))
    wait_channel(user, index)
    page.kinds.choose("weighted")
    user.until(lambda: "weight × activation" in caption(program))
    page.relu.choose("after")
    user.until(lambda: "after ReLU" in caption(program))
    np.testing.assert_allclose(
        on_canvas(program), np.maximum(wanted.weighted[0], 0), rtol=1e-3, atol=1e-6
    )
    user.press(Key.Key_2)
    user.until(lambda: "ring" in caption(program) and "channel" not in caption(program))


def test_channels_follow_class_and_layer(user: User) -> None:
    program = user.start()
    open_page(user, "channels")
    wait_channels(user)
    inspections = program.controller.inspections
    user.press(Key.Key_2)
    second = program.state.answer.predictions[1].index if program.state.answer else -1
    user.until(
        lambda: inspections.gallery is not None and inspections.gallery.request.target == second
    )
    program.controller.choose_layer("layer2")
    user.until(
        lambda: inspections.gallery is not None and inspections.gallery.request.layer == "layer2"
    )
    program.controller.choose_layer("layer3 + layer4")
    user.until(lambda: inspections.problem == ONE_LAYER)
    assert drawer(user).channels._message.text() == ONE_LAYER


def test_channels_are_stopped_and_asked_for_again(user: User) -> None:
    program = user.start()
    lane = program.controller.engine_lane
    lane.submit(Job("held", lambda _watch: user.gate.wait(WAIT_MS / 1000)))
    open_page(user, "channels")
    inspections = program.controller.inspections
    assert inspections.busy
    assert "Computing" in drawer(user).channels._message.text()
    user.press(Key.Key_Escape)
    user.until(lambda: inspections.problem == STOPPED)
    user.gate.set()
    user.settle()
    assert inspections.gallery is None
    user.press(Key.Key_2)
    wait_channels(user)


def test_the_strongest_images_of_a_channel(user: User) -> None:
    paths = [scene.path for scene in SCENES[:4]]
    program = user.start(*paths, model=NamedModel(ModelSource("demo:shapes")))
    program.controller.choose_layer("layer3")
    user.wait_layer("layer3")
    open_page(user, "channels")
    wait_channels(user)
    page, inspections = drawer(user).channels, program.controller.inspections
    index = int(page.gallery.listed()[0])
    click_tile(page.gallery, str(index))
    wait_channel(user, index)
    user.until(lambda: inspections.strongest.progress == (4, 4))
    model = engine.load_model("demo:shapes")
    peaks = {}
    for path in paths:
        with engine.Session(model, engine.load_image(path)) as session:
            peaks[path.name] = float(session.channel_maps([index], "layer3").activations.max())
    wanted = sorted(peaks, key=lambda name: -peaks[name])
    keys = page.strongest.listed()
    assert [program.state.images[key].name for key in keys] == wanted
    for row, name in enumerate(wanted):
        _, value = inspections.strongest.ranked(index)[row]
        assert value == pytest.approx(peaks[name], rel=1e-3)
    # Another channel of the layer needs no more passes.
    other = int(page.gallery.listed()[3])
    click_tile(page.gallery, str(other))
    wait_channel(user, other)
    assert inspections.strongest.progress == (4, 4)
    assert len(inspections.strongest.ranked(other)) == 4
    # A click on one of them goes there, and shows the same channel on it.
    there = page.strongest.listed()[-1]
    click_tile(page.strongest, there)
    user.until(lambda: program.state.current_key == there)
    wait_channel(user, other)
    assert f"channel {other}" in caption(program)
    assert inspections.gallery is not None
    assert inspections.gallery.request.image == there
    # Back on the map, no more images are looked at.
    user.press(Key.Key_Escape)
    assert inspections.shown is None
    assert not inspections.strongest.running


# --- numbers -------------------------------------------------------------------------------------


def test_the_cells_as_a_table(user: User, session: engine.Session) -> None:
    program = user.start()
    open_page(user, "numbers")
    table, wanted = drawer(user).numbers.table, session.explain().map
    assert (table.cells.rowCount(), table.cells.columnCount()) == wanted.shape
    table.setFocus()
    table.selectAll()
    board = QGuiApplication.clipboard()
    user.press(Key.Key_C, Modifier.ControlModifier)
    copied = [line.split("\t") for line in board.text().splitlines()]
    np.testing.assert_array_equal(np.array(copied, np.float32), on_canvas(program))
    np.testing.assert_allclose(on_canvas(program), wanted, rtol=1e-3, atol=1e-5)
    table.clearSelection()
    table.setCurrentIndex(table.cells.index(3, 2))
    user.press(Key.Key_C, Modifier.ControlModifier)
    assert np.float32(board.text()) == on_canvas(program)[3, 2]
    assert not table.cells.index(3, 2).parent().isValid()
    assert table.cells.rowCount(QModelIndex(table.cells.index(0, 0))) == 0
    histogram = drawer(user).numbers.histogram
    assert histogram.counts.sum() == wanted.size
    below = histogram.counts[histogram.edges[1:] <= 0].sum()
    assert below == (on_canvas(program) < 0).sum()


def test_the_inspector_speaks_of_the_active_pane(user: User) -> None:
    """Numbers, a line that is drawn there, and a channel that is seen on its image."""
    program = user.start()
    open_page(user, "numbers")
    comparer, state = program.controller.comparer, program.state
    comparer.compare_class(1)
    user.until(lambda: all(pane.explanation for pane in state.panes))
    user.settle()
    for number in (1, 0, 1):
        comparer.activate(state.panes[number].number)
        user.settle()
        shown = state.panes[number].explanation
        assert shown is not None
        assert state.explanation is shown
        page, canvas = drawer(user).numbers, program.window.canvas
        assert shown.target.label in page._words.text()
        page.draw.click()
        start, end = QPoint(60, 60), QPoint(180, 120)
        QTest.mousePress(canvas.viewport(), LEFT, pos=start)
        QTest.mouseMove(canvas.viewport(), QPoint(100, 80))
        QTest.mouseMove(canvas.viewport(), end)
        QTest.mouseRelease(canvas.viewport(), LEFT, pos=end)
        first, last = canvas.mapToScene(start), canvas.mapToScene(end)
        wanted = profile(shown, (first.x(), first.y()), (last.x(), last.y()), "smooth")
        np.testing.assert_allclose(page.profile.heights, wanted.values)


def test_a_profile_along_a_drawn_line(user: User) -> None:
    program = user.start()
    open_page(user, "numbers")
    page, canvas = drawer(user).numbers, program.window.canvas
    user.settle()
    before = looks(user)
    sight = canvas.visible_rect()
    page.draw.click()
    start, end = QPoint(150, 120), QPoint(420, 260)
    QTest.mousePress(canvas.viewport(), LEFT, pos=start)
    QTest.mouseMove(canvas.viewport(), QPoint(300, 200))
    QTest.mouseMove(canvas.viewport(), end)
    QTest.mouseRelease(canvas.viewport(), LEFT, pos=end)
    assert canvas.visible_rect() == sight
    assert not page.draw.isChecked()
    first, last = canvas.mapToScene(start), canvas.mapToScene(end)
    shown = program.state.explanation
    assert shown is not None
    wanted = profile(shown, (first.x(), first.y()), (last.x(), last.y()), "smooth")
    np.testing.assert_allclose(page.profile.places, wanted.distances)
    np.testing.assert_allclose(page.profile.heights, wanted.values)
    assert looks(user) != before
    # The next map is read along the same line, the next image has none.
    user.press(Key.Key_2)
    user.until(lambda: user.target != shown.target.index)
    user.settle()
    assert not np.allclose(page.profile.heights, wanted.values, equal_nan=True)
    page.none.click()
    assert not page.profile.places.size
    page.row.click()
    assert program.state.explanation is not None
    assert page.profile.heights.max() == pytest.approx(program.state.explanation.map.max())
    program.controller.images.step(1)
    user.wait_explained()
    assert not page.profile.places.size
    page.draw.click()
    user.press(Key.Key_Escape)
    assert not page.draw.isChecked()


def test_a_profile_along_a_line_by_keyboard_alone(user: User) -> None:
    program = user.start()
    user.press(Key.Key_I)
    while drawer(user).current != "numbers":
        user.press(Key.Key_Right)
    user.settle()
    page, inspections = drawer(user).numbers, program.controller.inspections
    shown = program.state.explanation
    assert shown is not None
    region, (rows, columns) = shown.region, shown.map.shape
    for _ in range(20):
        user.press(Key.Key_Tab)
        if page.draw.hasFocus():
            break
    user.press(Key.Key_Space)
    assert program.window.canvas.hasFocus()
    user.press(Key.Key_Up)  # the first key lays a line
    (x, y) = shown.peak
    start, end = (region.x, y), (region.x + region.width, y)
    assert inspections.line == (start, end)
    assert page.profile.heights.max() == pytest.approx(shown.map.max())
    user.press(Key.Key_Down)
    user.press(Key.Key_Left, Modifier.ShiftModifier)
    user.press(Key.Key_Up, Modifier.ShiftModifier)
    cell = region.width / columns, region.height / rows
    wanted = (start[0], y + cell[1]), (end[0] - cell[0], y)
    assert inspections.line is not None
    np.testing.assert_allclose(inspections.line, wanted)
    along = profile(shown, *wanted, "smooth")
    np.testing.assert_allclose(page.profile.heights, along.values)
    user.press(Key.Key_Return)
    assert page.draw.hasFocus()
    assert not page.draw.isChecked()
    user.press(Key.Key_Tab)
    user.press(Key.Key_Tab)
    user.press(Key.Key_Tab)
    assert page.diagonal.hasFocus()
    user.press(Key.Key_Space)
    (left, top), (right, bottom) = inspections.line
    assert right - left == pytest.approx(bottom - top)
    assert (x - left) == pytest.approx(y - top)
    assert page.profile.heights.max() == pytest.approx(shown.map.max(), rel=0.01)


def test_numbers_are_those_of_the_channel_on_the_image(user: User) -> None:
    program = user.start()
    open_page(user, "channels")
    wait_channels(user)
    page = drawer(user).channels
    index = int(page.gallery.listed()[0])
    click_tile(page.gallery, str(index))
    wait_channel(user, index)
    open_page(user, "numbers")
    np.testing.assert_array_equal(drawer(user).numbers.table.cells.map, on_canvas(program))
    assert f"channel {index}" in drawer(user).numbers._words.text()
    user.press(Key.Key_Escape)
    shown = program.state.explanation
    assert shown is not None
    np.testing.assert_array_equal(drawer(user).numbers.table.cells.map, shown.map)


# --- charts --------------------------------------------------------------------------------------


def save(user: User, chart: Chart, what: str, path: Path) -> None:
    menu = chart.menu()
    next(a for a in menu.actions() if a.text() == f"Save {what}…").trigger()
    menu.close()
    dialog = user.dialog(QFileDialog)
    dialog.fileSelected.emit(str(path))
    dialog.close()
    dialog.deleteLater()
    user.until(path.exists)
    user.settle()


def test_a_chart_is_read_copied_and_saved(user: User, tmp_path: Path) -> None:
    user.start()
    open_page(user, "numbers")
    page = drawer(user).numbers
    page.row.click()
    for chart in (page.histogram, page.profile):
        QTest.mouseMove(chart, QPoint(chart.width() // 2, chart.height() // 2))
        assert ":" in chart.said
        menu = chart.menu()
        next(a for a in menu.actions() if a.text() == "Copy values").trigger()
        rows = list(csv.reader(io.StringIO(QGuiApplication.clipboard().text()), delimiter="\t"))
        next(a for a in menu.actions() if a.text() == "Copy picture").trigger()
        assert not QGuiApplication.clipboard().image().isNull()
        menu.close()
        if chart is page.histogram:
            assert sum(float(row[2]) for row in rows[1:]) == page.histogram.counts.sum()
        else:
            heights = np.array([float(row[1] or "nan") for row in rows[1:]])
            np.testing.assert_allclose(heights, page.profile.heights, rtol=1e-6)
    picture = tmp_path / "chart.png"
    save(user, page.profile, "picture", picture)
    assert QImage(str(picture)).width() == 1280
    drawing = tmp_path / "chart.svg"
    save(user, page.profile, "picture", drawing)
    text = drawing.read_text("utf-8")
    assert "<svg" in text
    assert "Profile" in text
    values = tmp_path / "chart.csv"
    save(user, page.histogram, "values", values)
    assert values.read_text("utf-8").startswith("from,to,cells\n")


def test_a_chart_says_how_its_map_is_repeated(user: User, tmp_path: Path) -> None:
    program = user.start()
    open_page(user, "numbers")
    page = drawer(user).numbers
    page.row.click()
    save(user, page.profile, "picture", tmp_path / "profile.png")
    facts = json.loads((tmp_path / "profile.json").read_text("utf-8"))
    assert facts["chart"]["name"] == page.profile.name
    assert "trust" not in facts
    out = tmp_path / "map.npy"
    facts_file = str(tmp_path / "profile.json")
    assert commands.main(["explain", "--like", facts_file, "--map", str(out)]) == 0
    shown = program.state.explanation
    assert shown is not None
    assert np.array_equal(np.load(out), shown.map)
    # The next chart of this name takes the place of the last one, and of nothing else.
    save(user, page.profile, "values", tmp_path / "profile.csv")
    assert json.loads((tmp_path / "profile.json").read_text("utf-8"))["chart"] == facts["chart"]
    (tmp_path / "mine.json").write_text("{}", "utf-8")
    save(user, page.histogram, "picture", tmp_path / "mine.png")
    assert (tmp_path / "mine.json").read_text("utf-8") == "{}"
    assert "mine.json is another file" in program.window.notice.text


def test_the_colour_bar_names_the_numbers_of_a_channel(user: User) -> None:
    program = user.start()
    assert program.state.explanation is not None
    assert value_title(program.state.explanation) == "Grad-CAM value"
    open_page(user, "channels")
    wait_channels(user)
    page, inspections = drawer(user).channels, program.controller.inspections
    for kind, words in (
        ("gradient", "Gradient"),
        ("weighted", "Weight × activation"),
        ("activation", "Activation"),
    ):
        page.kinds.choose(kind)
        click_tile(page.gallery, page.gallery.listed()[0])
        user.until(lambda words=words: getattr(inspections.shown, "measured", "") == words)  # type: ignore[misc]
        assert inspections.shown is not None
        assert value_title(inspections.shown) == words
        user.press(Key.Key_Escape)
