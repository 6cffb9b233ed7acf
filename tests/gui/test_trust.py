"""The page Trust in the real window: sentences, charts, stopping, and what the user marks."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

import engine
from engine.formats.demo import SCENES
from engine.metrics.alone import free_figures
from engine.metrics.running import measure
from engine.metrics.table import FREE, MARKED, NAMES, find
from engine.records.workbench.trust import Box, Fill, TrustSettings
from gui.controllers.inspector.trusting import GROUPS, Trusting
from gui.widgets.inspector.trust import FILLS, TrustPage
from tests.gui.test_inspector import open_page, save
from tests.gui.user import Key, User

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


@pytest.fixture
def page(user: User) -> TrustPage:
    """The open page, with the quickest filling."""
    user.start()
    open_page(user, "trust")
    found = user.program.window.drawer.trust
    place = [fill for fill, *_ in FILLS].index(Fill.MEAN)
    found.fill.setCurrentIndex(place)
    found.fill.activated.emit(place)
    return found


def trusting(user: User) -> Trusting:
    return user.program.controller.trusting


def wait_measured(user: User) -> None:
    user.until(lambda: not trusting(user).busy)
    user.settle()


def said(page: TrustPage, name: str) -> str:
    return page.rows[name].verdict.text()


def test_free_figures_are_there_at_once_and_the_others_wait(
    user: User, page: TrustPage, session: engine.Session
) -> None:
    for figure in free_figures(session.explain()):
        assert said(page, figure.name) == figure.verdict
    for name in NAMES:
        if name not in FREE:
            assert said(page, name) == find(name).summary
    assert not any(page.rows[name].isVisible() for name in MARKED)
    assert not page.bar.isVisible()
    assert user.program.controller.engine_lane.running is None


def test_everything_is_measured_and_read_in_sentences_and_curves(
    user: User, page: TrustPage, session: engine.Session
) -> None:
    parts: list[float] = []
    trusting(user).progressed.connect(lambda part, _words: parts.append(part))
    QTest.mouseClick(page.measure, LEFT)
    assert page.bar.isVisible()
    assert page.stop.isVisible()
    assert "Being measured" in said(page, "agreement")
    wait_measured(user)
    assert not page.bar.isVisible()
    assert parts == sorted(parts)
    assert 0 < parts[-1] <= 1
    wanted = measure(session, session.explain(), GROUPS[0], TrustSettings(fill=Fill.MEAN))
    for figure in wanted:
        assert said(page, figure.name) == figure.verdict
    for name in NAMES:
        assert said(page, name) not in ("", find(name).summary)

    # Deletion comes first; its curves are those of the engine, and can be read off.
    shown = trusting(user).figures["deletion"]
    assert page.lines.curves == tuple(one for one in shown.curves if one.axis == "logit")
    QTest.mouseMove(page.lines, QPoint(page.lines.width() // 2, page.lines.height() // 2))
    assert re.search(r"\d+ %: this map .*, random orders .* ± ", page.lines.said)
    assert page.axes is not None
    page.axes.choose("probability")
    assert {one.axis for one in page.lines.curves} == {"probability"}

    # A click on another row shows its chart.
    row = page.rows["agreement"]
    QTest.mouseClick(row, LEFT, pos=QPoint(4, 4))
    assert row.selected
    assert not page.rows["deletion"].selected
    assert page.bars.isVisible()
    assert page.bars.bars == trusting(user).figures["agreement"].curves[0]


def test_what_a_figure_cannot_tell_is_one_click_away(user: User, page: TrustPage) -> None:
    row = page.rows["deletion"]
    assert not row.limits.isVisible()
    QTest.mouseClick(row.more, LEFT)
    assert row.limits.isVisible()
    assert find("deletion").cannot in row.limits.text().replace("\n", " ")
    QTest.mouseClick(row.more, LEFT)
    assert not row.limits.isVisible()


def test_it_stops_and_goes_on_where_it_stopped(user: User, page: TrustPage) -> None:
    QTest.mouseClick(page.measure, LEFT)
    user.until(lambda: set(GROUPS[0]) <= trusting(user).figures.keys())
    QTest.mouseClick(page.stop, LEFT)
    assert not trusting(user).busy
    assert not page.bar.isVisible()
    user.settle()
    known = trusting(user).figures
    assert "agreement" not in known
    assert said(page, "agreement") == find("agreement").summary
    QTest.mouseClick(page.measure, LEFT)
    assert trusting(user).under_way[0] not in known
    assert not set(GROUPS[0]) & set(trusting(user).under_way)
    trusting(user).stop()
    user.settle()
    assert trusting(user).figures["deletion"] is known["deletion"]


def test_the_keyboard_stays_on_the_button_that_measures_and_stops(
    user: User, page: TrustPage
) -> None:
    page.measure.setFocus()
    user.press(Key.Key_Space)
    user.until(page.stop.isVisible)
    assert page.stop.hasFocus()
    user.press(Key.Key_Space)
    user.until(page.measure.isVisible)
    assert page.measure.hasFocus()
    assert page.measure.isEnabled()
    user.settle()


def test_another_layer_stops_it_and_each_view_keeps_its_figures(
    user: User, page: TrustPage
) -> None:
    QTest.mouseClick(page.measure, LEFT)
    user.until(lambda: "deletion" in trusting(user).figures)
    before = trusting(user).figures["deletion"]
    user.program.controller.choose_layer("layer3")
    user.wait_layer("layer3")
    user.settle()
    assert not trusting(user).busy
    assert "deletion" not in trusting(user).figures
    assert said(page, "deletion") == find("deletion").summary
    user.program.controller.choose_layer("layer4")
    user.wait_layer("layer4")
    user.settle()
    assert trusting(user).figures["deletion"] is before
    assert said(page, "deletion") == before.verdict


def test_escape_and_another_page_stop_it(user: User, page: TrustPage) -> None:
    window = user.program.window
    QTest.mouseClick(page.measure, LEFT)
    window.canvas.setFocus()
    user.press(Key.Key_Escape)
    assert not trusting(user).busy
    user.settle()
    QTest.mouseClick(page.measure, LEFT)
    assert trusting(user).busy
    open_page(user, "numbers")
    assert not trusting(user).busy
    user.settle()


def test_another_filling_measures_anew(user: User, page: TrustPage) -> None:
    QTest.mouseClick(page.measure, LEFT)
    user.until(lambda: "deletion" in trusting(user).figures)
    page.stop.click()
    user.settle()
    page.fill.setCurrentIndex(1)
    page.fill.activated.emit(1)
    assert "deletion" not in trusting(user).figures
    assert trusting(user).fill is FILLS[1][0]


def drag(user: User, page: TrustPage, box: Box) -> None:
    """Draw a rectangle on the image, given in its pixels."""
    canvas = user.program.window.canvas
    page.draw_action.trigger()
    corners = (box.x, box.y), (box.x + box.width, box.y + box.height)
    start, end = (canvas.mapFromScene(QPointF(*corner)) for corner in corners)
    QTest.mousePress(canvas.viewport(), LEFT, pos=start)
    QTest.mouseMove(canvas.viewport(), (start + end) / 2)
    QTest.mouseRelease(canvas.viewport(), LEFT, pos=end)


def test_a_rectangle_is_drawn_and_the_map_is_compared_with_it(user: User, page: TrustPage) -> None:
    shown = user.program.state.explanation
    assert shown is not None
    (x, y), wide = shown.peak, user.program.state.current.loaded.width / 6  # type: ignore[union-attr]
    drag(user, page, Box(x - wide, y - wide, 2 * wide, 2 * wide))
    user.until(lambda: page.rows["pointing"].isVisible() and "pointing" in trusting(user).figures)
    assert not page.draw_action.isChecked()
    assert trusting(user).figures["pointing"].value == 1.0
    assert "lies in what was marked" in said(page, "pointing")
    (drawn,) = user.program.window.box_tool.rectangles
    assert drawn.contains(QPointF(x, y))
    before = trusting(user).figures["iou"].value
    page.threshold.setValue(90)
    user.until(lambda: trusting(user).figures.get("iou") is not None)
    user.until(lambda: trusting(user).figures["iou"].value != before)
    page.clear_action.trigger()
    assert not page.rows["pointing"].isVisible()
    assert user.program.window.box_tool.rectangles == ()


def test_boxes_are_loaded_and_a_bad_file_is_one_notice(
    user: User, page: TrustPage, tmp_path: Path
) -> None:
    good, bad = tmp_path / "scene.txt", tmp_path / "scene.xml"
    good.write_text("0 0.5 0.5 1 1\n", encoding="utf-8")
    bad.write_text("<annotation><object/></annotation>", encoding="utf-8")
    for path in (bad, good):
        page.load_action.trigger()
        dialog = user.dialog(QFileDialog)
        dialog.fileSelected.emit(str(path))
        dialog.close()
        dialog.deleteLater()
        user.settle()
        if path is bad:
            assert "no box of four numbers" in user.program.window.notice.text
            assert trusting(user).marked is None
            user.until(lambda: not user.program.window.findChildren(QFileDialog))
    user.until(lambda: "box-energy" in trusting(user).figures)
    assert trusting(user).figures["box-energy"].value == pytest.approx(1.0)


def test_curves_are_copied_and_saved(user: User, page: TrustPage, tmp_path: Path) -> None:
    QTest.mouseClick(page.measure, LEFT)
    user.until(lambda: "deletion" in trusting(user).figures)
    page.stop.click()
    user.settle()
    menu = page.lines.menu()
    next(a for a in menu.actions() if a.text() == "Copy values").trigger()
    menu.close()
    rows = list(csv.reader(io.StringIO(QGuiApplication.clipboard().text()), delimiter="\t"))
    figure = trusting(user).figures["deletion"]
    own = next(one for one in figure.curves if one.axis == "logit")
    assert rows[0][1] == "this map (logit)"
    assert [float(row[1]) for row in rows[1:]] == pytest.approx(list(own.y))
    for suffix, begins in ((".svg", b"<?xml"), (".pdf", b"%PDF-"), (".png", b"\x89PNG")):
        file = tmp_path / f"curve{suffix}"
        save(user, page.lines, "picture", file)
        assert file.read_bytes().startswith(begins)
    facts = json.loads((tmp_path / "curve.json").read_text(encoding="utf-8"))
    assert facts["view"]["method"] == "grad-cam"
    assert facts["trust"]["fill"] == Fill.MEAN.value
    bars = tmp_path / "bars.csv"
    page.choose("border-energy")
    save(user, page.bars, "values", bars)
    names = [line.split(",")[0] for line in bars.read_text(encoding="utf-8").splitlines()]
    assert names == ["name", "border", "top left", "top right", "bottom left", "bottom right"]


def test_what_is_remembered_goes_with_its_image(user: User, page: TrustPage) -> None:
    QTest.mouseClick(page.measure, LEFT)
    user.until(lambda: "deletion" in trusting(user).figures)
    page.stop.click()
    trusting(user).mark(Box(0, 0, 50, 50))
    key = user.program.state.current_key
    assert key is not None
    user.program.controller.images.close(key)
    user.wait_explained()
    assert not any(request.image == key for request in trusting(user)._known)
    assert key not in trusting(user)._marks
