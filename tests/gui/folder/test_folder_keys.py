"""The folder page without a mouse: keys go to what is in sight."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QToolButton

from engine.folders.index.typed import typed
from gui.state.folders import Filter
from gui.widgets.folder.chips import FilterBar
from tests.gui.folder.conftest import SHAPES, Reader
from tests.gui.texts import name_of

Key, Modifier = Qt.Key, Qt.KeyboardModifier


def test_ctrl_f_filters_the_rows_and_not_the_layers_behind_them(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    user.press(Key.Key_F, Modifier.ControlModifier)
    user.type("confidence < 0.9")
    user.press(Key.Key_Return)
    user.until(lambda: user.page.filters.chips() == ("confidence < 0.9",))
    assert all(one.text() == "" for one in user.program.window.tree.findChildren(QLineEdit))
    user.program.controller.folders.turn("picture")
    user.press(Key.Key_F, Modifier.ControlModifier)
    focus = QApplication.focusWidget()
    assert focus is not None
    assert user.program.window.tree.isAncestorOf(focus)


def test_a_search_of_the_other_page_brings_it_to_the_front(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    user.press(Key.Key_K, Modifier.ControlModifier)
    assert not user.program.window.on_folder
    focus = QApplication.focusWidget()
    assert focus is not None
    assert focus.isVisible()
    assert user.program.window.predictions.isAncestorOf(focus)


def test_what_is_wrong_with_a_condition_is_said_and_moves_nothing(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.program.window.resize(1024, 640)
    user.open_explained(scenes, index)
    user.until(user.page.histogram.isVisible)
    page, bar = user.page, user.page.filters
    user.press(Key.Key_F, Modifier.ControlModifier)
    user.type("confidence < 0.9")
    user.press(Key.Key_Return)
    user.until(lambda: len(bar.chips()) == 1)
    user.wait_rows()

    def places() -> list[QRect]:
        shown = (bar, bar.field, bar.count, bar.shape, page.rows.view, page.side)
        return [QRect(one.mapToGlobal(QPoint(0, 0)), one.size()) for one in shown]

    before = places()
    user.type("nonsense > 3")
    user.press(Key.Key_Return)
    user.until(bar.fault.isVisible)
    assert "no column is called" in bar.fault.text()
    assert places() == before
    window = user.program.window
    assert QRect(QPoint(0, 0), window.size()).contains(
        QRect(bar.fault.mapTo(window, QPoint(0, 0)), bar.fault.size())
    )
    assert bar.fault.height() >= bar.fault.heightForWidth(bar.fault.width())
    user.press(Key.Key_Backspace)
    user.until(lambda: not bar.fault.isVisible())


def test_the_offer_of_newer_rows_moves_nothing(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.program.window.resize(1024, 640)
    user.open_explained(scenes, index)
    folders, bar = user.program.controller.folders, user.page.filters
    for text in ("confidence < 0.99", "loss > 0.001"):
        folders.add_filter(Filter(text, (typed(text),)))
    user.until(lambda: len(bar.chips()) == 2)
    user.until(lambda: folders.listing is not None and folders.listing.view == folders.view)
    user.wait_rows()
    QApplication.processEvents()
    before = user.page.rows.view.mapToGlobal(QPoint(0, 0)), bar.size(), bar.shape.geometry()
    bar.set_newer("Update rows")
    user.settle()
    QApplication.processEvents()
    after = user.page.rows.view.mapToGlobal(QPoint(0, 0)), bar.size(), bar.shape.geometry()
    assert after == before
    with user.qtbot.waitSignal(bar.update_wanted):
        _offer(bar).click()


def test_tab_goes_from_the_field_to_its_chips(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    folders, bar = user.program.controller.folders, user.page.filters
    folders.add_filter(Filter("wrong", (typed("wrong"),)))
    folders.add_filter(Filter("loss > 0.1", (typed("loss > 0.1"),)))
    user.until(lambda: len(bar.chips()) == 2)
    user.press(Key.Key_F, Modifier.ControlModifier)
    names = []
    for _ in range(4):
        user.press(Key.Key_Tab)
        focus = QApplication.focusWidget()
        assert isinstance(focus, QToolButton | QPushButton)
        names.append(name_of(focus))
    assert names[:3] == ["wrong", "loss > 0.1", "Clear"]
    assert bar.shape.isAncestorOf(focus)


def _offer(bar: FilterBar) -> QToolButton:
    """The link that takes newer rows, if it is in sight."""
    (found,) = [
        one
        for one in bar.findChildren(QToolButton)
        if one.isVisible() and name_of(one) == "Update rows"
    ]
    return found


def test_a_brushed_range_is_called_as_its_column_is(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    user.until(user.page.histogram.isVisible)
    assert user.page.histogram.name == "Confidence"
    user.page.histogram.brushed.emit(0.25, 0.75)
    user.until(lambda: bool(user.page.filters.chips()))
    assert user.page.filters.chips() == ("confidence = 0.25..0.75",)
    assert user.program.controller.folders.view.filters[0].where[0].column == "probability"
