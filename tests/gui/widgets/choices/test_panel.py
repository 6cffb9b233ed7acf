"""The drop-down panel: what is found, what keys and mouse do, where it opens, how it is filled."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QMainWindow,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from gui.toolkit import theme
from gui.toolkit.controls.panel_button import PanelButton
from gui.widgets.choices.panel import ChoicePanel
from gui.widgets.choices.rows import Choice, best, sought

Key = Qt.Key

ROWS = (
    Choice("b", "Beta-Map", "Fine detail.", "1 backward", section="Recent", chosen=True),
    Choice("a", "Alpha", "The usual first look.", "no pass", section="Maps", words="alpha-map"),
    Choice("b", "Beta-Map", "Fine detail.", "1 backward", section="Maps", chosen=True),
    Choice("b++", "Beta-Map++", "More of it.", "17 passes", section="Maps", more="Options…"),
    Choice("c", "Gamma", reason="Not here: no cells.", section="Others", more="Options…"),
    Choice("d", "Delta", "What remains.", section="Others", tip="All about <b>it</b>"),
)


class Bench:
    """A window with a button in its toolbar and the panel that belongs to it."""

    def __init__(self, qtbot: QtBot) -> None:
        self.window = QMainWindow()
        qtbot.addWidget(self.window)
        self.button = PanelButton("method")
        room = QWidget()
        row = QHBoxLayout(room)
        row.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
        row.addWidget(self.button)
        self.window.setCentralWidget(room)
        self.button.show()
        self.button.show_text("Beta-Map")
        self.panel = ChoicePanel("Methods", "Search methods", self.window)
        self.chosen: list[str] = []
        self.more: list[str] = []
        self.filled = 0
        self.panel.opening.connect(self._fill)
        self.panel.chosen.connect(self.chosen.append)
        self.panel.more.connect(self.more.append)
        self.button.clicked.connect(lambda: self.panel.open_below(self.button))
        self.window.resize(900, 600)
        with qtbot.waitExposed(self.window):
            self.window.show()

    def _fill(self) -> None:
        self.filled += 1
        self.panel.show_rows(ROWS)

    @property
    def view(self) -> QListView:
        found = self.panel.findChild(QListView)
        assert isinstance(found, QListView)
        return found

    @property
    def field(self) -> QLineEdit:
        found = self.panel.findChild(QLineEdit)
        assert isinstance(found, QLineEdit)
        return found

    @property
    def texts(self) -> list[str]:
        model = self.view.model()
        return [str(model.index(n, 0).data()) for n in range(model.rowCount())]

    @property
    def current(self) -> str:
        return str(self.view.currentIndex().data())

    def open(self) -> None:
        QTest.mouseClick(self.button, Qt.MouseButton.LeftButton)
        assert self.panel.isVisible()

    def press(self, *keys: Qt.Key) -> None:
        for key in keys:
            QTest.keyClick(self.field, key)

    def type(self, text: str) -> None:
        QTest.keyClicks(self.field, text)

    def middle(self, row: int) -> QPoint:
        return self.view.visualRect(self.view.model().index(row, 0)).center()

    def click(self, row: int) -> None:
        left = Qt.MouseButton.LeftButton
        QTest.mouseClick(self.view.viewport(), left, pos=self.middle(row))


@pytest.fixture
def bench(qtbot: QtBot) -> Bench:
    return Bench(qtbot)


def test_it_is_filled_when_it_opens_and_stands_below_its_button(bench: Bench) -> None:
    assert bench.filled == 0
    bench.open()
    assert bench.filled == 1
    assert bench.texts == [
        *("Recent", "Beta-Map"),
        *("Maps", "Alpha", "Beta-Map", "Beta-Map++"),
        *("Others", "Gamma", "Delta"),
    ]
    window, panel = bench.window.geometry(), bench.panel.geometry()
    below = bench.button.mapToGlobal(QPoint(0, bench.button.height())).y()
    assert 0 <= panel.top() - below <= 4
    assert panel.left() >= window.left()
    assert panel.right() <= window.right()
    assert panel.height() <= 0.7 * window.height()
    assert bench.current == "Beta-Map"
    bench.panel.close()
    bench.window.resize(900, 300)
    bench.open()
    assert bench.panel.height() <= 0.7 * 300
    assert bench.view.verticalScrollBar().maximum() > 0


def test_arrows_pass_headings_and_enter_chooses(bench: Bench) -> None:
    bench.open()
    walked = []
    for _ in range(7):
        walked.append(bench.current)
        bench.press(Key.Key_Down)
    assert walked == ["Beta-Map", "Alpha", "Beta-Map", "Beta-Map++", "Gamma", "Delta", "Delta"]
    bench.press(Key.Key_Up)
    assert bench.current == "Gamma"
    bench.press(Key.Key_Return)
    assert bench.chosen == []
    assert bench.panel.isVisible()
    bench.press(Key.Key_PageUp)
    assert bench.current == "Beta-Map"
    bench.press(Key.Key_PageDown)
    assert bench.current == "Delta"
    bench.press(Key.Key_Enter)
    assert bench.chosen == ["d"]
    assert not bench.panel.isVisible()


def test_typing_searches_title_slug_and_line(bench: Bench) -> None:
    bench.open()
    bench.type("bEtamap")
    assert bench.texts == ["Maps", "Beta-Map", "Beta-Map++"]
    assert bench.current == "Beta-Map"
    bench.type("++")
    assert bench.texts == ["Maps", "Beta-Map++"]
    bench.press(Key.Key_Escape)
    assert bench.panel.isVisible()
    assert len(bench.texts) == 9
    for text, found in (("usual", "Alpha"), ("alpha-m", "Alpha"), ("remains what", "Delta")):
        bench.field.clear()
        bench.type(text)
        assert bench.current == found
    bench.field.clear()
    bench.type("xyz")
    assert bench.texts == []
    bench.press(Key.Key_Return)
    assert bench.chosen == []
    bench.press(Key.Key_Escape, Key.Key_Escape)
    assert not bench.panel.isVisible()


def test_it_takes_the_height_of_what_is_found(bench: Bench) -> None:
    bench.open()
    top, high = bench.panel.y(), bench.panel.height()
    bench.type("delta")
    assert bench.panel.height() < high
    assert bench.panel.y() == top
    assert bench.view.verticalScrollBar().maximum() == 0
    bench.field.clear()
    assert bench.panel.height() == high


def test_the_mouse_moves_the_highlight_and_chooses(bench: Bench) -> None:
    bench.open()
    QTest.mouseMove(bench.view.viewport(), bench.middle(8))
    assert bench.current == "Delta"
    QTest.mouseMove(bench.view.viewport(), bench.middle(6))
    assert bench.current == "Delta"
    bench.click(6)
    bench.click(7)
    assert bench.chosen == []
    assert bench.panel.isVisible()
    bench.click(3)
    assert bench.chosen == ["a"]
    assert not bench.panel.isVisible()
    assert not bench.button.isDown()


def test_the_link_of_a_row(bench: Bench) -> None:
    bench.open()
    row = bench.view.model().index(5, 0)
    delegate = bench.panel._list._painter
    choice = bench.panel._model.at(row)
    assert choice is not None
    link = delegate.more_rect(bench.view.visualRect(row), bench.view.font(), choice)
    assert bench.view.visualRect(row).contains(link)
    QTest.mouseClick(bench.view.viewport(), Qt.MouseButton.LeftButton, pos=link.center())
    assert (bench.more, bench.chosen) == (["b++"], [])
    assert bench.panel.isVisible()
    # Right opens it as well, unless the cursor has a way to go in the search.
    bench.press(Key.Key_Right)
    assert bench.more == ["b++"] * 2
    bench.type("beta-map++")
    bench.press(Key.Key_Home, Key.Key_Right)
    assert bench.more == ["b++"] * 2
    bench.press(Key.Key_End, Key.Key_Right)
    assert bench.more == ["b++"] * 3
    # What cannot be had has no options either.
    bench.field.clear()
    bench.type("gamma")
    bench.press(Key.Key_Down, Key.Key_Right)
    assert bench.more == ["b++"] * 3


def test_a_form_and_the_way_back(bench: Bench) -> None:
    bench.open()
    bench.type("beta")
    form = QToolButton()
    bench.panel.show_form("Beta-Map++", form)
    assert form.isVisible()
    assert not bench.field.isVisible()
    QTest.keyClick(form, Key.Key_Escape)
    assert bench.field.isVisible()
    assert not form.isVisible()
    assert bench.texts == ["Maps", "Beta-Map", "Beta-Map++"]
    assert bench.panel.isVisible()
    bench.press(Key.Key_Escape, Key.Key_Escape)
    assert not bench.panel.isVisible()
    bench.open()
    assert len(bench.texts) == 9


def test_other_rows_behind_one(bench: Bench) -> None:
    taken: list[str] = []
    names = ("ring", "star", "string")

    def find(text: str) -> list[Choice]:
        return [Choice(n, n) for n in names if text in n]

    bench.open()
    bench.panel.show_list("Against", "Find class", find, taken.append)
    assert bench.texts == ["", "ring", "star", "string"][1:]
    bench.type("ring")
    assert bench.texts == ["ring", "string"]
    bench.press(Key.Key_Escape, Key.Key_Escape)
    assert len(bench.texts) == 9
    bench.panel.show_list("Against", "Find class", find, taken.append)
    bench.type("str")
    bench.press(Key.Key_Return)
    assert (taken, bench.chosen) == (["string"], [])
    assert not bench.panel.isVisible()
    bench.open()
    assert len(bench.texts) == 9
    assert bench.field.placeholderText() == "Search methods"


def test_a_held_enter_chooses_once(bench: Bench) -> None:
    taken: list[str] = []
    bench.open()
    bench.panel.more.connect(
        lambda _id: bench.panel.show_list("A", "B", lambda _t: [Choice("x", "x")], taken.append)
    )
    rows = [Choice("a", "Alpha", more="Other…", leads=True)]
    bench.panel.show_rows(rows)
    bench.panel._list.go(0)
    for held in (False, True, True):
        none = Qt.KeyboardModifier.NoModifier
        event = QKeyEvent(QEvent.Type.KeyPress, Key.Key_Return, none, "\r", held)
        QApplication.sendEvent(bench.field, event)
    assert bench.texts == ["x"]
    assert taken == []
    bench.press(Key.Key_Return)
    assert taken == ["x"]


def test_a_press_on_the_button_closes_it_and_does_not_open_it_again(bench: Bench) -> None:
    bench.open()
    on_button = bench.button.mapToGlobal(bench.button.rect().center())
    place = bench.panel.mapFromGlobal(on_button)
    QTest.mousePress(bench.panel, Qt.MouseButton.LeftButton, pos=place)
    assert bench.panel.testAttribute(Qt.WidgetAttribute.WA_NoMouseReplay)
    elsewhere = bench.panel.mapFromGlobal(bench.window.mapToGlobal(QPoint(20, 200)))
    QTest.mousePress(bench.panel, Qt.MouseButton.LeftButton, pos=elsewhere)
    assert not bench.panel.testAttribute(Qt.WidgetAttribute.WA_NoMouseReplay)


def test_new_numbers_arrive_in_place(bench: Bench) -> None:
    bench.open()
    bench.press(Key.Key_Down, Key.Key_Down, Key.Key_Down)
    before = bench.view.currentIndex().row()
    rows = [Choice(r.id, r.title, r.line, "no pass", section=r.section) for r in ROWS]
    bench.panel.show_rows(rows)
    assert bench.view.currentIndex().row() == before
    assert "no pass" in str(bench.view.currentIndex().data(Qt.ItemDataRole.AccessibleTextRole))


def test_screen_readers_hear_all_of_a_row(bench: Bench) -> None:
    bench.open()
    model, role = bench.view.model(), Qt.ItemDataRole.AccessibleTextRole
    said = [str(model.index(n, 0).data(role)) for n in range(model.rowCount())]
    assert said[1] == "Beta-Map, in use, 1 backward, Fine detail."
    assert said[7] == "Gamma, not available: Not here: no cells."
    assert said[6] == "Others"
    for widget in (bench.panel, bench.view, bench.field):
        assert widget.accessibleName()
    tip = str(model.index(8, 0).data(Qt.ItemDataRole.ToolTipRole))
    assert "&lt;b&gt;" in tip
    assert model.index(7, 0).data(Qt.ItemDataRole.ToolTipRole) == "Not here: no cells."


def test_a_screen_reader_follows_the_highlight(bench: Bench) -> None:
    bench.open()
    QAccessible.setActive(True)
    try:
        bench.press(Key.Key_Down)
        bench.type("delta")
        assert bench.current == "Delta"
    finally:
        QAccessible.setActive(False)


@pytest.mark.parametrize("look", ["dark", "light"])
def test_every_text_is_readable_on_its_ground(look: str) -> None:
    tokens = theme.DARK if look == "dark" else theme.LIGHT
    for ground in (tokens.panel, tokens.selection):
        for ink in (tokens.text, tokens.text_dim):
            assert theme.contrast(ink, ground) >= 4.5


def test_search_by_itself() -> None:
    assert [row.id for row in sought(ROWS, "")] == ["a", "b", "b++", "c", "d"]
    assert best(sought(ROWS, "map"), "map") == 0
    assert best([ROWS[4]], "gamma") == -1
    assert best([], "") == -1
