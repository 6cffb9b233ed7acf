"""Comparing in the real window: panes beside each other, each with a map of its own."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QModelIndex, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QDrag, QDropEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QLabel,
    QListView,
    QMenu,
    QPushButton,
    QToolButton,
)
from pytestqt.qtbot import QtBot

import engine
from engine.formats.demo import SCENES
from engine.loading.adjustments import Adjustment
from engine.records.explanations import Explanation
from engine.records.sources import ModelSource
from gui.controllers.models import NamedModel
from gui.settings import table
from gui.state.panes import MOST_PANES, Pane
from gui.toolkit.labels import ElidedLabel
from gui.toolkit.row_drag import compared
from gui.widgets.canvas.panes.fitting import Part
from gui.widgets.canvas.panes.pane_header import Heading, PaneHeader
from gui.widgets.dialogs.consent import ConsentDialog
from tests.gui.jobs.test_engine_worker import network
from tests.gui.texts import name_of
from tests.gui.user import Key, Modifier, User, child


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def panes(user: User) -> list[Pane]:
    return user.program.state.panes


def wait_panes(user: User, count: int) -> list[Pane]:
    """So many panes, each with its map."""

    def there() -> bool:
        found = panes(user)
        shown = all(p.bare or (p.explanation is not None and not p.computing) for p in found)
        return len(found) == count and shown

    user.until(there)
    user.settle()
    return panes(user)


def alone(
    pane: Pane, image: Path = SCENES[0].path, model: str = "demo:shapes", **asked: Any
) -> Explanation:
    """What a session of its own finds."""
    with engine.Session(engine.load_model(model), engine.load_image(image)) as session:
        return session.explain(asked.pop("layer", None), asked.pop("target", None), **asked)


def same(found: Explanation | None, wanted: Explanation) -> None:
    assert found is not None
    assert (found.layer, found.method, found.target.index) == (
        wanted.layer,
        wanted.method,
        wanted.target.index,
    )
    peak = np.abs(wanted.map).max()
    np.testing.assert_allclose(found.map, wanted.map, rtol=0, atol=1e-5 * peak)


def predicted(user: User, rank: int) -> int:
    answer = user.program.state.answer
    assert answer is not None
    return answer.predictions[rank - 1].index


def test_c_and_a_digit_show_another_class_beside_the_first(user: User) -> None:
    program = user.start()
    first = program.state.explanation
    ring = predicted(user, 2)
    user.press(Key.Key_C)
    assert program.state.picking
    user.press(Key.Key_2)
    one, two = wait_panes(user, 2)
    assert one.explanation is first
    assert program.state.pane is one, "the first stays the one that the panels speak of"
    assert program.state.target != ring
    same(two.explanation, alone(two, target=ring))
    assert program.window.predictions.selected() == one.explanation.target.index
    assert len(program.window.panes.headings) == 2
    assert not program.window.panes.scale.isHidden()


def compare(user: User, *choices: str) -> list[Pane]:
    """Compare what is shown with these, each 'kind value'."""
    comparer = user.program.controller.comparer
    for count, choice in enumerate(choices, len(panes(user)) + 1):
        kind, _, value = choice.partition(" ")
        if kind == "class":
            comparer.compare_class(int(value))
        elif kind == "layer":
            comparer.compare_layer(value)
        elif kind == "method":
            comparer.compare_method(value)
        elif kind == "image":
            comparer.compare_image(list(user.program.state.images)[int(value)])
        elif kind == "model":
            comparer.compare_model(ModelSource(value))
        else:
            comparer.compare_bare()
        wait_panes(user, count)
    return panes(user)


def test_each_pane_has_the_map_that_a_session_of_its_own_finds(user: User) -> None:
    """Of classes, layers, methods, images and models, all beside each other."""
    program = user.start()
    first, other = compare(user, "class 3")
    same(first.explanation, alone(first))
    same(other.explanation, alone(other, target=3))
    made = compare(user, "layer layer2", "method layercam", "image 1", "model demo:shortcut")
    same(made[2].explanation, alone(made[2], layer="layer2"))
    same(made[3].explanation, alone(made[3], method="layercam"))
    same(made[4].explanation, alone(made[4], image=SCENES[1].path))
    same(made[5].explanation, alone(made[5], model="demo:shortcut"))
    assert program.state.pane is first
    assert [view.method for view in program.state.views] == [
        "grad-cam",
        "grad-cam",
        "grad-cam",
        "layercam",
        "grad-cam",
        "grad-cam",
    ]
    assert {view.model for view in program.state.views} == {"demo:shapes", "demo:shortcut"}


def test_what_panes_share_changes_in_all_of_them(user: User) -> None:
    program = user.start()
    one, two, third = compare(user, "class 3", "layer layer2")
    program.controller.choose_layer("layer3")
    wait_panes(user, 3)
    user.until(lambda: two.explanation is not None and two.explanation.layer == "layer3")
    same(one.explanation, alone(one, layer="layer3"))
    same(two.explanation, alone(two, layer="layer3", target=3))
    same(third.explanation, alone(third, layer="layer2"))
    program.controller.images.step(1)
    user.until(lambda: all(p.current_key == "image-2" for p in panes(user)))
    wait_panes(user, 3)
    same(two.explanation, alone(two, image=SCENES[1].path, layer="layer3", target=3))
    same(third.explanation, alone(third, image=SCENES[1].path, layer="layer2"))


def test_a_released_selection_changes_in_the_active_pane_alone(user: User) -> None:
    program = user.start()
    _one, two = compare(user, "class 3")
    program.controller.comparer.link(selection=False)
    program.controller.choose_layer("layer2")
    user.wait_layer("layer2")
    wait_panes(user, 2)
    assert two.explanation is not None
    assert two.explanation.layer == "layer4"


def test_escape_goes_back_to_one_pane_and_loses_nothing(user: User) -> None:
    program = user.start()
    before = compare(user, "class 3", "layer layer2")
    maps = [pane.explanation for pane in before]
    program.controller.comparer.activate(before[1].number)
    user.settle()
    user.press(Key.Key_Escape)
    assert panes(user) == [before[1]]
    assert program.state.explanation is maps[1]
    assert program.window.panes.headings == []
    assert program.window.panes.scale.isHidden()
    user.settle()
    user.press(Key.Key_X, Modifier.ShiftModifier)
    assert panes(user) == before
    assert [pane.explanation for pane in panes(user)] == maps
    assert program.state.pane is before[1]


def test_escape_while_picking_compares_with_nothing(user: User) -> None:
    program = user.start()
    user.press(Key.Key_C)
    user.press(Key.Key_Escape)
    assert not program.state.picking
    program.controller.choose_layer("layer2")
    user.wait_layer("layer2")
    assert len(panes(user)) == 1


def test_a_click_on_a_pane_makes_it_active_and_the_panels_speak_of_it(user: User) -> None:
    program = user.start()
    one, two = compare(user, "class 3")
    side = program.window.panes.canvases[two.number]
    QTest.mouseClick(side.viewport(), Qt.MouseButton.LeftButton)
    user.until(lambda: program.state.pane is two)
    assert program.window.predictions.selected() == 3
    assert program.window.panes.canvases[two.number] is program.window.canvas
    program.controller.choose_class(4)
    user.until(lambda: user.target == 4 and not program.state.computing)
    same(two.explanation, alone(two, target=4))
    assert one.target is None


def test_an_answer_of_a_pane_that_has_changed_since_is_dropped(user: User) -> None:
    program = user.start()
    _one, two = compare(user, "class 3")
    late = two.answer
    assert late is not None
    two.target = 5
    program.controller.explainer.explain_other(two)
    assert two.computing
    program.controller.explainer._answered(late)
    assert two.computing
    wait_panes(user, 2)
    same(two.explanation, alone(two, target=5))


def test_zoom_and_place_are_those_of_all_panes_until_released(user: User) -> None:
    program = user.start()
    _one, two = compare(user, "class 3")
    side = program.window.panes.canvases[two.number]
    canvas = program.window.canvas
    canvas.zoom_at(3.0, QPoint(20, 30))
    assert side.relative_sight() == canvas.relative_sight()
    side.pan(QPointF(12, -7))
    assert side.relative_sight() == canvas.relative_sight()
    program.controller.comparer.link(zoom=False)
    before = side.relative_sight()
    canvas.fit()
    assert side.relative_sight() == before


def test_the_pointer_is_shown_in_all_panes(user: User) -> None:
    program = user.start()
    _one, two = compare(user, "class 3")
    canvas, side = program.window.canvas, program.window.panes.canvases[two.number]
    QTest.mouseMove(canvas.viewport(), canvas.viewport().rect().center() + QPoint(5, 9))
    user.until(lambda: canvas._readout is not None)
    assert side._readout is not None
    assert canvas._readout is not None
    assert (side._readout.x, side._readout.y) == (canvas._readout.x, canvas._readout.y)
    assert side._readout.value != canvas._readout.value


def test_one_scale_ends_at_the_largest_value_of_all_panes(user: User) -> None:
    program = user.start()
    compare(user, "class 3", "layer layer2")
    shown = [pane.explanation for pane in panes(user)]
    ends = [float(np.maximum(one.map, 0).max()) for one in shown if one is not None]
    canvases = program.window.panes.canvases.values()
    (end,) = {canvas._display.end for canvas in canvases}
    assert end == pytest.approx(max(ends))
    assert program.window.panes.scale.words[1] == "one scale for all panes"
    program.controller.comparer.link(scale=False)
    assert {canvas._display.end for canvas in canvases} == {None}
    assert program.window.panes.scale.isHidden()


def test_a_locked_scale_stays_for_other_images_and_sessions(user: User) -> None:
    program = user.start()
    end = float(program.state.explanation.map.max())  # type: ignore[union-attr]
    program.window.actions_by_id["lock_scale"].trigger()
    program.controller.images.step(1)
    user.wait_explained()
    assert program.window.canvas._display.end == pytest.approx(end)
    user.leave()
    program = user.start()
    assert program.window.canvas._display.end == pytest.approx(end)
    program.window.actions_by_id["lock_scale"].trigger()
    assert program.settings.get(table.SCALE_END) == 0.0
    assert program.window.canvas._display.end is None


def test_the_predictions_say_that_a_class_is_pinned(user: User) -> None:
    program = user.start()
    head = program.window.predictions.head
    (button,) = head.findChildren(QToolButton)
    assert not button.isVisible()
    user.press(Key.Key_P)
    assert button.isVisible()
    assert "star" in button.toolTip()
    user.press(Key.Key_2)  # what is pinned then is the class that is chosen
    user.until(lambda: user.target == predicted(user, 2))
    assert "ring" in button.toolTip()
    user.press(Key.Key_PageDown)
    user.wait_explained()
    assert "ring" in button.toolTip()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert program.state.pinned is None
    assert not button.isVisible()
    assert not program.window.actions_by_id["pin_class"].isChecked()


def test_a_map_that_hardly_shows_on_the_locked_scale_says_so(user: User) -> None:
    program = user.start()
    assert "Hardly visible" not in user.said
    user.press(Key.Key_L)
    program.controller.choose_layer("layer1")
    user.wait_layer("layer1")
    shown = program.state.explanation
    assert shown is not None
    assert shown.map.max() < 0.05 * program.settings.display().end
    user.until(lambda: "Hardly visible" in user.said)
    user.press(Key.Key_L)
    user.until(lambda: "Hardly visible" not in user.said)


def test_a_pinned_class_is_kept_from_image_to_image(user: User) -> None:
    program = user.start()
    program.controller.choose_class(3)
    user.until(lambda: user.target == 3)
    user.press(Key.Key_P)
    program.controller.images.step(1)
    user.wait_explained()
    assert user.target == 3
    user.press(Key.Key_P)
    program.controller.images.step(1)
    user.wait_explained()
    assert user.target == predicted(user, 1)


def test_there_are_at_most_nine_panes(user: User) -> None:
    program = user.start()
    compare(user, *(f"class {index}" for index in range(8)))
    assert len(panes(user)) == MOST_PANES
    program.controller.comparer.compare_class(1)
    assert len(panes(user)) == MOST_PANES
    areas = [canvas.geometry() for canvas in program.window.panes.canvases.values()]
    assert all(area.width() > 100 and area.height() > 80 for area in areas)
    for place, area in enumerate(areas):
        assert not any(area.intersects(other) for other in areas[place + 1 :])


def test_the_bare_image_has_no_map(user: User) -> None:
    program = user.start()
    _one, two = compare(user, "bare")
    canvas = program.window.panes.canvases[two.number]
    assert not canvas._overlay_item.isVisible()
    assert program.window.panes.headings[1].endswith("original")
    program.controller.comparer.activate(two.number)
    assert not program.window.canvas._overlay_item.isVisible()


def test_closing_the_image_of_a_pane_closes_the_pane(user: User) -> None:
    program = user.start()
    compare(user, "image 1", "image 2")
    program.controller.images.close("image-2")
    assert [pane.current_key for pane in panes(user)] == ["image-1", "image-3"]


def test_a_swipe_shows_each_pane_on_its_side_of_the_divider(user: User) -> None:
    program = user.start()
    compare(user, "class 3")
    user.press(Key.Key_W)
    first, second = program.window.panes.canvases.values()
    assert first.geometry() == second.geometry()
    assert first.relative_sight() == second.relative_sight()
    divider = program.window.panes.divider
    assert divider.isVisible()
    divider.move_to(0.25)
    width = first.width()
    assert first.mask().boundingRect().right() + 1 == pytest.approx(width / 4, abs=1)
    assert second.mask().boundingRect().left() == pytest.approx(width / 4, abs=1)
    user.press(Key.Key_W)
    assert not divider.isVisible()
    assert not first.geometry().intersects(second.geometry())
    assert first.mask().isEmpty()


def test_the_divider_is_reached_and_moved_by_keys(user: User) -> None:
    program = user.start()
    compare(user, f"class {predicted(user, 2)}")
    user.press(Key.Key_W)
    divider = program.window.panes.divider
    user.until(divider.isVisible)
    for _ in range(60):
        if QApplication.focusWidget() is divider:
            break
        QTest.keyClick(QApplication.focusWidget(), Key.Key_Tab)
    assert QApplication.focusWidget() is divider
    QTest.keyClick(divider, Key.Key_Right)
    assert divider.part > 0.5
    QTest.keyClick(divider, Key.Key_Left, Modifier.ShiftModifier)
    assert divider.part < 0.45
    QTest.keyClick(divider, Key.Key_Home)
    assert divider.part == 0.0
    QTest.keyClick(divider, Key.Key_End)
    assert divider.part == 1.0
    # What else is under a key is so here as well.
    QTest.keyClick(divider, Key.Key_W)
    assert not program.state.swiped


def test_the_difference_is_one_map_minus_the_other_with_numbers(user: User) -> None:
    program = user.start()
    one, two = compare(user, "class 3")
    user.press(Key.Key_D, Modifier.ShiftModifier)
    canvas = program.window.panes.canvases[0]
    assert canvas._explanation is not None
    assert one.explanation is not None
    assert two.explanation is not None
    wanted = one.explanation.map - two.explanation.map
    np.testing.assert_allclose(canvas._explanation.map, wanted, atol=1e-7)
    assert canvas._display.sign == "signed"
    assert canvas._display.end is None
    r = np.corrcoef(one.explanation.map.ravel(), two.explanation.map.ravel())[0, 1]
    heading = program.window.panes.headings[2]
    assert f"correlation {r:.2f}".replace("-", "−") in heading
    top = round(0.2 * wanted.size)
    tops = [
        set(np.argsort(-shown.map, axis=None)[:top].tolist())
        for shown in (one.explanation, two.explanation)
    ]
    assert f"IoU {len(tops[0] & tops[1]) / len(tops[0] | tops[1]):.2f}" in heading
    program.controller.comparer.close(two.number)
    assert len(program.window.panes.canvases) == 1


def test_someone_who_wants_one_map_sees_no_more_than_before(user: User) -> None:
    program = user.start()
    window = program.window
    assert window.panes.headings == []
    assert window.panes.scale.isHidden()
    assert window.panes.divider.isHidden()
    assert window.canvas.geometry() == window.panes.rect()
    assert window.canvas._display == program.settings.display()


def drag_row(view: QAbstractItemView, row: QModelIndex, monkeypatch: Any) -> list[QMimeData]:
    """Press on a row and pull it away; what is dragged then."""
    dragged: list[QMimeData] = []
    monkeypatch.setattr(
        QDrag, "exec", lambda drag, _actions: dragged.append(drag.mimeData()) or Qt.DropAction(0)
    )
    start = view.visualRect(row).center()
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=start)
    away = QPointF(start + QPoint(0, 60))
    left = Qt.MouseButton.LeftButton
    event = QMouseEvent(
        QEvent.Type.MouseMove, away, view.viewport().mapToGlobal(away), left, left, Modifier(0)
    )
    QApplication.sendEvent(view.viewport(), event)
    QTest.mouseRelease(view.viewport(), left, pos=away.toPoint())
    return dragged


def test_rows_are_dragged_onto_the_picture_and_choose_nothing_meanwhile(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = user.start()
    window = program.window
    shown = program.state.explanation
    (classes,) = (v for v in window.predictions.findChildren(QListView) if v.isVisible())
    strip = child(window.strip, QListView)
    rows = (
        (classes, classes.model().index(1, 0)),
        (user.tree(), user.tree().model().index(4, 0)),
        (strip, strip.model().index(1, 0)),
    )
    for count, (view, row) in enumerate(rows, 2):
        (data,) = drag_row(view, row, monkeypatch)
        assert program.state.explanation is shown
        copied = QMimeData()
        for kind in data.formats():
            copied.setData(kind, data.data(kind))
        assert user.drop(copied, on=window).startswith("Compare with ")
        wait_panes(user, count)
    _one, by_class, by_layer, by_image = panes(user)
    assert by_class.target == predicted(user, 2)
    assert by_layer.layer == "layer1"
    assert by_image.current_key == "image-2"
    assert program.state.explanation is shown


def test_the_line_above_a_pane_says_that_its_map_shows_nothing(user: User) -> None:
    program = user.start()
    program.controller.choose_layer("maxpool")
    user.wait_layer("maxpool")
    user.press(Key.Key_C)
    user.press(Key.Key_4)
    _star, square = wait_panes(user, 2)
    assert square.explanation is not None
    assert square.explanation.map.min() >= 0.0
    user.press(Key.Key_N, Modifier.ShiftModifier)

    def said() -> list[str]:
        headers = [h for h in program.window.panes.findChildren(PaneHeader) if h.isVisible()]
        return [one.text() for header in headers for one in header.findChildren(QLabel)]

    user.until(lambda: "nothing negative" in said())
    assert any(text.startswith("min ") for text in said())


def test_a_method_is_dragged_from_its_panel_which_makes_room(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = user.start()
    window, panel = program.window, program.window.methods
    shown = program.state.explanation
    QTest.mouseClick(window.method_button, Qt.MouseButton.LeftButton)
    user.until(panel.isVisible)
    rows = child(panel, QListView)
    model = rows.model()
    titles = [str(model.index(row, 0).data()) for row in range(model.rowCount())]
    row = model.index(titles.index("LayerCAM"), 0)
    rows.scrollTo(row)
    (data,) = drag_row(rows, row, monkeypatch)
    assert not panel.isVisible()
    assert program.state.explanation is shown
    copied = QMimeData()
    for kind in data.formats():
        copied.setData(kind, data.data(kind))
    assert user.drop(copied, on=window) == "Compare with LayerCAM"
    wait_panes(user, 2)
    assert [pane.method for pane in panes(user)] == ["grad-cam", "layercam"]


def test_the_line_above_a_pane_says_which_it_is_before_its_value(qtbot: QtBot) -> None:
    header = PaneHeader(None)  # type: ignore[arg-type]
    qtbot.addWidget(header)
    header.show_heading(
        Heading(3, "Ring and star  ·  star 56.2 %  ·  layer1", "max 0.00217"), False
    )
    header.resize(600, header.sizeHint().height())
    header.show()
    text = header.findChildren(ElidedLabel)[0]
    (value,) = (one for one in header.findChildren(QLabel) if one.text() == "max 0.00217")
    assert value.isVisible()
    wide = text.fontMetrics().horizontalAdvance(text.text())
    header.resize(wide + 120, header.height())
    QApplication.processEvents()
    assert not value.isVisible()
    assert text.width() >= wide
    assert "max 0.00217" in text.toolTip()  # at hand all the same
    # What all panes show is given up before the value.
    apart = "Ring and star  ·  star 56.2 %"
    parts = Part("Ring and star"), Part("star 56.2 %")
    header.show_heading(Heading(3, f"{apart}  ·  layer1", "max 0.00217", apart=parts), False)
    assert value.isVisible()
    QApplication.processEvents()
    assert text.width() >= text.fontMetrics().horizontalAdvance(apart)


def test_the_line_above_a_narrow_pane_has_something_of_all_that_tells_it_apart(
    qtbot: QtBot,
) -> None:
    header = PaneHeader(None)  # type: ignore[arg-type]
    qtbot.addWidget(header)
    elephant = Part("African elephant  93.8 %", "African elephant", ends=False)
    parts = Part("img11.jpg"), elephant, Part("blocks")
    whole = "img11.jpg  ·  African elephant  93.8 %  ·  blocks"
    header.show_heading(Heading(9, whole, "max 0.6", apart=parts), False)
    text = header.findChildren(ElidedLabel)[0]
    header.show()
    for width in range(500, 150, -5):
        header.set_two_lines(header.crowded(width))
        header.resize(width, header.sizeHint().height())
        QApplication.processEvents()
        lines = header.shown.split("\n")
        assert all(text.fontMetrics().horizontalAdvance(line) <= text.width() for line in lines)
        assert lines[0].startswith("img11.jpg")
        assert lines[-1].endswith("blocks")
        assert " Af" in f" {header.shown}".replace("\n", " "), "words are cut at their ends"
        assert whole in text.toolTip()
    assert len(lines) == 2
    header.set_two_lines(False)
    header.resize(500, header.height())
    QApplication.processEvents()
    assert header.shown == header.text == whole


def test_nine_panes_in_a_small_window_say_what_tells_them_apart(user: User) -> None:
    scenes = (scene.path for scene in SCENES[:3])
    program = user.start(*scenes, model=NamedModel(ModelSource("demo:shapes")))
    window = program.window
    window.resize(1024, 640)
    compare(user, "image 1", "image 2", "class 3", "class 4", "layer layer1", "layer layer2.0")
    compare(user, "method layercam", "layer layer2.0.conv1")
    wait_panes(user, 9)
    headers = [h for h in window.panes.findChildren(PaneHeader) if h.isVisible()]
    assert len(headers) == 9
    said = {header.shown for header in headers}
    assert len(said) == 9, "two of them cannot be told apart"
    for header, pane in zip(headers, panes(user), strict=True):
        assert pane.explanation is not None
        assert pane.explanation.target.label in header.shown
        room = header.findChildren(ElidedLabel)[0]
        for line in header.shown.split("\n"):
            assert room.fontMetrics().horizontalAdvance(line) <= room.width()


def test_panes_that_are_alike_lose_the_percentage_before_a_letter(user: User) -> None:
    program = user.start(model=NamedModel(ModelSource("demo:shapes")))
    window, key = program.window, program.state.current_key
    assert key is not None
    for _ in range(3):
        program.controller.comparer.compare_image(key)
    wait_panes(user, 4)
    header = next(h for h in window.panes.findChildren(PaneHeader) if h.isVisible())
    assert header.text.startswith("star  56.2 %  ·  layer4")
    metrics = header.findChildren(ElidedLabel)[0].fontMetrics()
    header.resize(metrics.horizontalAdvance("star · layer4") + 80, header.height())
    assert header.shown == "star · layer4"


def test_a_row_that_is_dropped_beside_the_picture_compares_with_nothing(user: User) -> None:
    program = user.start()
    window = program.window
    place = QPointF(window.tree.mapTo(window, window.tree.rect().center()))
    left, copy = Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    event = QDropEvent(place, copy, compared("layer", "layer1", "layer1"), left, Modifier(0))
    QApplication.sendEvent(window, event)
    assert len(panes(user)) == 1


def test_menus_of_a_class_and_a_layer_compare_with_them(user: User) -> None:
    program = user.start()
    window = program.window
    (classes,) = (v for v in window.predictions.findChildren(QListView) if v.isVisible())
    places = (
        (classes, classes.model().index(1, 0), "Compare with this class"),
        (user.tree(), user.tree().model().index(4, 0), "Compare with this layer"),
    )
    for count, (view, row, words) in enumerate(places, 2):
        place = view.visualRect(row).center()
        event = QContextMenuEvent(
            QContextMenuEvent.Reason.Mouse, place, view.viewport().mapToGlobal(place)
        )
        QApplication.sendEvent(view.viewport(), event)
        menu = next(m for m in window.findChildren(QMenu) if m.isVisible())
        next(action for action in menu.actions() if name_of(action) == words).trigger()
        menu.close()
        wait_panes(user, count)
    _one, two, three = panes(user)
    assert (two.target, three.layer) == (predicted(user, 2), "layer1")


def test_c_and_a_model_open_it_beside_the_other(user: User) -> None:
    program = user.start()
    user.press(Key.Key_C)
    program.window.actions_by_id["demo_shortcut"].trigger()
    one, two = wait_panes(user, 2)
    assert program.state.pane is one
    assert program.state.model_source == ModelSource("demo:shapes")
    assert two.model_source == ModelSource("demo:shortcut")
    assert program.window.panes.headings[1].startswith("demo:shortcut")
    program.controller.comparer.activate(two.number)
    assert program.state.info is two.info
    program.controller.choose_layer("layer2")
    wait_panes(user, 2)
    user.until(lambda: one.explanation is not None and one.explanation.layer == "layer2")
    same(two.explanation, alone(two, model="demo:shortcut", layer="layer2"))
    same(one.explanation, alone(one, layer="layer2"))


def test_a_model_that_cannot_be_opened_beside_leaves_one_pane(user: User, tmp_path: Path) -> None:
    program = user.start()
    program.controller.comparer.compare_model(ModelSource(str(tmp_path / "none.pth")))
    user.until(lambda: bool(program.window.notice.text))
    user.settle()
    assert len(panes(user)) == 1
    assert program.state.model_source == ModelSource("demo:shapes")
    # The next one that is opened takes the place of the current one again.
    program.window.actions_by_id["demo_shortcut"].trigger()
    user.until(lambda: program.state.model_source == ModelSource("demo:shortcut"))
    assert len(panes(user)) == 1


def test_an_export_has_the_scale_that_is_on_the_screen(user: User) -> None:
    program = user.start()
    compare(user, "class 3")
    program.controller.comparer.activate(panes(user)[1].number)
    task = program.controller.exports.task()
    assert task is not None
    first = panes(user)[0].explanation
    assert first is not None
    assert task.display.end == pytest.approx(float(first.map.max()))


def test_display_settings_and_the_exact_computation_hold_for_all_panes(user: User) -> None:
    program = user.start()
    _one, two = compare(user, "class 3")
    before = two.explanation
    program.window.actions_by_id["colormap_viridis"].trigger()
    canvases = program.window.panes.canvases.values()
    assert {canvas._display.colormap for canvas in canvases} == {"viridis"}
    assert two.explanation is before, "nothing is computed"
    program.settings.set(table.EXACT, True)
    user.until(lambda: two.explanation is not before and not two.computing)
    assert two.answer is not None
    assert two.answer.request.exact


def test_a_sweep_of_the_active_pane_leaves_the_sessions_of_the_others(user: User) -> None:
    program = user.start(sweep=True)
    user.until(lambda: program.state.sweep is not None)
    _one, two = compare(user, "image 1")
    program.controller.choose_class(3)
    user.until(lambda: program.state.sweep is not None and program.state.sweep.target == 3)
    user.settle()
    kept = program.controller._worker.open.sessions
    assert {session.image for session in kept} == {"image-1", "image-2"}
    program.controller.comparer.activate(two.number)
    user.press(Key.Key_Escape)
    user.until(lambda: len(panes(user)) == 1)
    user.settle()
    assert [session.image for session in program.controller._worker.open.sessions] == ["image-2"]


@pytest.mark.parametrize("linked", [True, False])
def test_another_active_pane_changes_nothing_of_what_is_looked_at(user: User, linked: bool) -> None:
    program = user.start()
    program.controller.comparer.link(zoom=linked)
    one, two = compare(user, "image 1")
    window = program.window
    window.panes.canvases[one.number].zoom_at(4.0, QPoint(30, 30))
    window.panes.canvases[two.number].zoom_at(2.0, QPoint(50, 20))
    before = {n: canvas.relative_sight() for n, canvas in window.panes.canvases.items()}
    assert (before[one.number] == before[two.number]) is linked
    program.controller.comparer.activate(two.number)
    user.settle()
    for number, canvas in window.panes.canvases.items():
        zoom, place = canvas.relative_sight() or (0.0, QPointF())
        wanted, there = before[number] or (0.0, QPointF())
        assert zoom == pytest.approx(wanted)
        assert (place.x(), place.y()) == pytest.approx((there.x(), there.y()), abs=1e-3)


def test_the_heat_map_is_hidden_in_all_panes(user: User) -> None:
    program = user.start()
    compare(user, "class 3")
    user.press(Key.Key_O)
    canvases = program.window.panes.canvases
    assert not any(canvas._overlay_item.isVisible() for canvas in canvases.values())


def test_a_closed_pane_keeps_nothing(user: User) -> None:
    program = user.start()
    one, two = compare(user, "image 1")
    canvas = program.window.panes.canvases[two.number]
    program.controller.comparer.close(two.number)
    assert canvas._picture is None
    assert canvas._explanation is None
    gone = weakref.ref(canvas)
    del canvas

    def collected() -> bool:
        gc.collect()
        return gone() is None

    user.until(collected)
    assert one.explanation is program.state.explanation


def test_a_row_of_the_methods_compares_by_its_menu(user: User) -> None:
    program = user.start()
    panel = program.window.methods
    QTest.mouseClick(program.window.method_button, Qt.MouseButton.LeftButton)
    user.until(panel.isVisible)
    view = child(panel, QListView)
    model = view.model()
    row = next(
        model.index(number, 0)
        for number in range(model.rowCount())
        if "LayerCAM" in str(model.index(number, 0).data())
    )
    view.scrollTo(row)
    place = view.visualRect(row).center()
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse, place, view.viewport().mapToGlobal(place)
    )
    QApplication.sendEvent(view.viewport(), event)
    (menu,) = panel.findChildren(QMenu)
    menu.actions()[0].trigger()
    menu.close()
    _one, two = wait_panes(user, 2)
    same(two.explanation, alone(two, method="layercam"))
    assert program.state.method == "grad-cam"
    assert not panel.isVisible()


def test_a_model_that_asks_first_opens_beside_once_it_is_trusted(
    user: User, tmp_path: Path
) -> None:
    path = network(tmp_path, "net")
    program = user.start()
    source = ModelSource(str(path), input="3x32x32")
    comparer = program.controller.comparer
    comparer.compare_model(source)
    user.dialog(ConsentDialog).reject()
    user.until(lambda: not program.window.findChildren(ConsentDialog))
    assert len(panes(user)) == 1
    comparer.compare_model(source)
    dialog = user.dialog(ConsentDialog)
    (button,) = (b for b in dialog.findChildren(QPushButton) if b.text() == "Trust and open")
    button.click()
    one, two = wait_panes(user, 2)
    assert (one.model_source, two.model_source) == (ModelSource("demo:shapes"), source)
    assert two.layer is None
    assert two.target is None


def test_a_change_of_the_input_holds_for_all_panes_of_the_model(user: User) -> None:
    program = user.start()
    one, two, other = compare(user, "class 3", "model demo:shortcut")
    kept = other.explanation
    info = program.state.info
    assert info is not None
    smaller = replace(info.preprocessing, resize=96, crop=(96, 96))
    program.controller.models.adjust(Adjustment(preprocessing=smaller))
    user.until(lambda: one.explanation is not None and one.explanation.map.shape == (12, 12))
    wait_panes(user, 3)
    assert two.explanation is not None
    assert two.explanation.map.shape == (12, 12)
    assert two.target == 3
    assert other.explanation is kept


@pytest.mark.parametrize("way", ["swipe", "difference"])
def test_what_two_panes_show_ends_with_a_third(user: User, way: str) -> None:
    program = user.start()
    compare(user, "class 3")
    program.window.actions_by_id[way].trigger()
    compare(user, "class 4")
    window = program.window
    assert len(window.panes.canvases) == 3
    assert not window.panes.divider.isVisible()
    assert not window.actions_by_id[way].isChecked()
    assert not window.actions_by_id[way].isEnabled()
    assert all(canvas.mask().isEmpty() for canvas in window.panes.canvases.values())


def test_a_pane_of_a_file_that_cannot_be_read_says_so(user: User, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    program = user.start(SCENES[0].path, bad)
    program.controller.comparer.compare_image("image-2")
    canvas = program.window.panes.canvases[2]
    user.until(lambda: canvas._message[0] == "Cannot open this image")
    user.settle()
    assert program.state.explanation is not None
    assert not program.state.computing


def test_the_thumbnails_follow_the_active_pane_while_nothing_runs(user: User) -> None:
    program = user.start(sweep=True)
    _one, two = compare(user, "class 1")
    sweeper, lane = program.controller.sweeper, program.controller.engine_lane
    user.until(lambda: program.state.sweep is not None)
    # No end of a job is still to be followed by a sweep.
    user.until(lambda: lane.running is None and not sweeper._timer.isActive())
    program.controller.comparer.activate(two.number)
    user.until(lambda: program.state.sweep is not None)
    assert program.state.sweep is not None
    assert program.state.sweep.target == 1
