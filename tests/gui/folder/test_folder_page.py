"""A folder as a page of the real window: dropped, explained, filtered, and its rows opened."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

import engine
from gui.state.folders import RunState
from gui.state.notices import AS_PAGE
from gui.toolkit.controls.segments import Segments
from tests.gui.folder.conftest import SHAPES, Reader
from tests.gui.user import Key, Modifier, files

LEFT = Qt.MouseButton.LeftButton


def type_filter(user: Reader, text: str) -> None:
    field = user.page.filters.field
    field.setFocus()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Key.Key_Return)


def wait_count(user: Reader, count: int) -> None:
    user.until(lambda: user.page.model.rowCount() == count)
    user.wait_rows()


def test_nobody_who_wants_one_heat_map_sees_a_folder(user: Reader) -> None:
    window = user.start(model=SHAPES).window
    assert window.folder is None
    assert window.toolbar.switch is None
    assert not window.actions_by_id["folder_page"].isEnabled()
    user.press(Key.Key_F2)
    assert user.program.controller.folders.page == "picture"


def test_a_folder_is_explained_and_its_rows_are_the_networks(user: Reader, scenes: Path) -> None:
    user.start(model=SHAPES)
    user.open_folder(scenes)
    folders = user.program.controller.folders
    assert user.page.isVisible()
    assert user.page.model.rowCount() == 65
    names, predictions = user.texts("name"), user.texts("prediction")
    labels, results = user.texts("label"), user.texts("correct")
    broken = names.index(str(Path("star", "broken.jpg")))
    assert predictions[broken] == ""
    assert user.texts("error")[broken]
    for place in (0, 20, 50):
        model = engine.load_model("demo:shapes")
        with engine.Session(model, engine.load_image(scenes / names[place])) as session:
            (top,) = session.predictions(1)
        assert predictions[place] == top.label
        assert user.texts("probability")[place] == f"{100 * top.probability:.1f} %"
        assert labels[place] == Path(names[place]).parent.name
        assert results[place] == ("right" if top.label == labels[place] else "wrong")
    # Nothing is written into the folder itself.
    assert folders.folder is not None
    assert scenes not in folders.folder.parents
    assert not (scenes / "index.sqlite").exists()


def test_pictures_have_their_heat_map(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    model = user.page.model
    number = model.number_at(0)
    shown = user.program.controller.folders.rows.known
    user.until(lambda: (row := shown(number)) is not None and row.row is not None)
    user.settle()
    user.until(lambda: model.picture(number) is not None)
    user.settle()
    image = model.picture(number)
    assert image is not None
    rgb = image.convertToFormat(image.Format.Format_RGB888)
    pixels = np.frombuffer(rgb.constBits(), np.uint8).reshape(rgb.height(), -1)
    pixels = pixels[:, : 3 * rgb.width()].reshape(rgb.height(), rgb.width(), 3).astype(float)
    bare = engine.load_image(scenes / user.texts("name")[0]).pixels.astype(float)
    changed = np.abs(pixels - bare).mean(axis=2)
    row = shown(number)
    assert row is not None
    assert row.row is not None
    assert row.row.map is not None
    map = row.row.map
    hot, cold = np.unravel_index(map.argmax(), map.shape), map <= 0
    side = pixels.shape[0] // map.shape[0]
    cells = changed.reshape(map.shape[0], side, map.shape[1], side).mean(axis=(1, 3))
    assert cells[hot] > 20
    # Grey lines of the smooth map end half a cell away.
    inside = cold[1:-1, 1:-1] & cold[:-2, 1:-1] & cold[2:, 1:-1] & cold[1:-1, :-2] & cold[1:-1, 2:]
    assert cells[1:-1, 1:-1][inside].max(initial=0.0) < 2


def test_filters_hold_together_and_are_taken_off(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    values = sorted(float(text) for text in user.texts("entropy") if text)
    limit = (values[30] + values[31]) / 2
    assert values[30] < limit < values[31]
    type_filter(user, f"entropy < {limit}")
    wait_count(user, 31)
    assert sorted(float(text) for text in user.texts("entropy")) == values[:31]
    type_filter(user, "label = star")
    user.until(lambda: user.page.model.rowCount() < 31)
    user.wait_rows()
    assert set(user.texts("label")) == {"star"}
    assert user.page.filters.chips() == (f"entropy < {limit}", "label = star")
    type_filter(user, "colour = 1")
    assert user.page.filters.chips() == (f"entropy < {limit}", "label = star")
    assert "no column is called 'colour'" in user.page.filters.field.toolTip()
    user.page.filters.field.clear()
    user.program.controller.folders.set_filters(())
    wait_count(user, 65)
    type_filter(user, "unreadable")
    wait_count(user, 1)
    assert user.texts("name") == [str(Path("star", "broken.jpg"))]


def test_a_header_sorts_by_its_column(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    table = user.page.rows.table
    header = table.horizontalHeader()
    column = 1 + [own.name for own in user.page.model.columns].index("entropy")
    place = QPoint(header.sectionViewportPosition(column) + 10, header.height() // 2)
    for reverse in (False, True):
        before = user.page.model.numbers
        QTest.mouseClick(header.viewport(), LEFT, pos=place)
        user.until(lambda before=before: user.page.model.numbers is not before)
        user.wait_rows()
        values = [float(text) for text in user.texts("entropy") if text]
        assert values == sorted(values, reverse=reverse)
        assert user.texts("entropy")[-1] == ""
        assert len(user.page.rows.selected_places()) <= 1


def test_sorted_and_filtered_rows_are_seen_from_the_first(
    user: Reader, scenes: Path, index: Path
) -> None:
    """Wherever the rows were scrolled to, and although the row that was opened is elsewhere now."""
    user.start(model=SHAPES)
    user.program.window.resize(1024, 640)
    user.open_explained(scenes, index)
    folders, table = user.program.controller.folders, user.page.rows.table

    def looked_at(change: Callable[[], None]) -> int:
        before = user.page.model.numbers
        change()
        user.until(lambda: user.page.model.numbers is not before)
        user.wait_rows()
        return table.rowAt(0)

    table.setCurrentIndex(user.page.model.index(0, 1))
    assert looked_at(lambda: folders.set_order("loss", down=True)) == 0
    table.scrollToBottom()
    assert table.rowAt(0) > 0
    # The first row is not among those that are listed now, so that there is none to stay at.
    first, *labels = user.texts("label")
    others = ", ".join(sorted({label for label in labels if label != first}))
    table.setCurrentIndex(user.page.model.index(0, 1))
    table.scrollToBottom()
    assert looked_at(lambda: type_filter(user, f"label = {others}")) == 0
    # One that is stays in sight.
    last = user.page.model.rowCount() - 1
    table.setCurrentIndex(user.page.model.index(last, 1))
    kept = user.page.model.number_at(last)
    assert looked_at(lambda: folders.set_filters(())) > 0
    place = user.page.model.place_of(kept)
    assert place in user.page.rows.in_sight()


def test_a_row_is_opened_on_the_first_page_and_left_again(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    view = user.page.rows.table
    view.setFocus()
    view.setCurrentIndex(user.page.model.index(9, 0))
    name = user.texts("name")[9]
    user.press(Key.Key_Return)
    user.until(lambda: user.program.controller.folders.page == "picture")
    user.wait_explained()
    state = user.program.state
    # The demo scenes make room for it.
    assert user.names == [Path(name).name]
    assert state.current is not None
    assert state.current.path == scenes / name
    assert state.explanation is not None
    assert state.explanation.layer == "layer4"
    row = user.program.controller.folders.rows.known(user.page.model.number_at(9))
    assert row is not None
    assert row.row is not None
    np.testing.assert_allclose(row.row.map, state.explanation.map, atol=1e-5)
    user.press(Key.Key_Escape)
    assert user.program.controller.folders.page == "folder"
    assert view.currentIndex().row() == 9
    assert view.hasFocus()
    # Once back, Esc has nothing to leave.
    user.press(Key.Key_F2)
    assert user.program.controller.folders.page == "picture"
    user.press(Key.Key_Escape)
    assert user.program.controller.folders.page == "picture"


def test_keys_of_the_picture_do_nothing_on_the_page(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    program = user.program
    current, layer = program.state.current_key, program.state.layer
    bar = user.page.rows.table.verticalScrollBar()
    user.page.rows.table.setFocus()
    user.until(user.page.rows.table.hasFocus)
    for key in (Key.Key_O, Key.Key_G, Key.Key_2, Key.Key_E, Key.Key_Plus):
        user.press(key)
    user.page.focus_rows()
    user.press(Key.Key_PageDown)
    user.until(lambda: bar.value() > 0)
    assert program.window.actions_by_id["overlay"].isChecked()
    assert not program.window.actions_by_id["grid"].isChecked()
    assert (program.state.current_key, program.state.layer) == (current, layer)
    assert program.state.target is None


def test_a_large_folder_that_is_dropped_is_offered_as_a_page(user: Reader, scenes: Path) -> None:
    user.start(model=SHAPES)
    user.drop(files(scenes))
    notice = user.program.window.notice
    user.until(lambda: AS_PAGE in (notice._action[0],))
    user.settle()
    QTest.mouseClick(notice._button, LEFT)
    user.wait_done()
    assert user.page.isVisible()
    switch = user.program.window.toolbar.switch
    assert isinstance(switch, Segments)
    switch._buttons["picture"].click()
    assert not user.page.isVisible()
    switch._buttons["folder"].click()
    assert user.page.isVisible()


def test_a_run_is_paused_and_goes_on_without_computing_again(user: Reader, scenes: Path) -> None:
    user.start(model=SHAPES)
    folders = user.program.controller.folders
    folders.open_paths([scenes])
    user.until(lambda: folders.runs.progress is not None and folders.runs.progress.done > 0)
    if folders.runs.state is RunState.RUNNING:
        user.page.head.button.click()
        assert folders.runs.state is RunState.PAUSED
        user.settle()
    done = folders.runs.progress.done
    user.settle()
    assert folders.runs.progress.done == done
    if done < 65:
        user.page.head.button.click()
        user.wait_done()
        assert folders.runs.progress is not None
        assert folders.runs.progress.computed <= 65 - done


def test_an_index_of_the_command_line_is_opened_by_a_drop(
    user: Reader, index: Path, tmp_path: Path
) -> None:
    user.start(model=SHAPES)
    out = tmp_path / "out"
    shutil.copytree(index, out)
    user.drop(files(out))
    user.until(lambda: user.program.window.folder is not None)
    wait_count(user, 65)
    assert user.page.head.button.isHidden()
    assert set(user.texts("prediction")) >= {"star", ""}
    assert user.program.controller.folders.runs.state is RunState.IDLE


def test_selection_stays_with_its_rows_in_table_and_grid(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    rows = user.page.rows
    table = rows.table
    for place, modifier in ((2, Modifier.NoModifier), (5, Modifier.ControlModifier)):
        spot = table.visualRect(user.page.model.index(place, 1)).center()
        QTest.mouseClick(table.viewport(), LEFT, modifier, spot)
    chosen = {user.page.model.number_at(place) for place in (2, 5)}
    assert rows.selected_places() == [2, 5]
    user.page.filters.shape._buttons["grid"].click()
    assert rows.grid.isVisible()
    assert {index.row() for index in rows.grid.selectedIndexes()} == {2, 5}
    user.program.controller.folders.set_order("entropy", down=True)
    user.until(lambda: user.page.model.place_of(min(chosen)) != 2)
    user.wait_rows()
    assert {user.page.model.number_at(place) for place in rows.selected_places()} == chosen


def test_the_title_of_a_sorted_column_stays_whole(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    table, model = user.page.rows.table, user.page.model
    header = table.horizontalHeader()
    for place, column in enumerate(model.columns, start=1):
        user.page.rows.set_order(column.name, down=True)
        title = model.headerData(place, Qt.Orientation.Horizontal)
        assert title != column.title
        needed = header.fontMetrics().horizontalAdvance(title)
        assert needed < header.sectionSize(place), column.name
