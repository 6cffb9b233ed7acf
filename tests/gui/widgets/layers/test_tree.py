"""The layer tree: rows, walking with keys and mouse, filter, marks, thumbnails, size."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QTreeView
from pytestqt.qtbot import QtBot

from engine.records.models import LayerNode, Layout
from gui.toolkit import theme
from gui.widgets.layers.model import LayerModel
from gui.widgets.layers.rows import Column, count_text, shape_text
from gui.widgets.layers.tree import LayerTree
from tests.work import python_calls


def node(
    name: str,
    type: str = "Conv2d",
    shape: tuple[int, ...] | None = (8, 7, 7),
    params: int = 10,
    calls: int = 1,
    reason: str = "",
    default: bool = False,
) -> LayerNode:
    layout = None if reason else Layout.CHANNELS_FIRST
    return LayerNode(name, type, shape, params, calls, not reason, reason, default, layout, None)


LAYERS = (
    node("", "Net", (10,), 1000, reason="no spatial output"),
    node("stem", "Sequential"),
    node("stem.0", "Conv2d"),
    node("stem.1", "ReLU", params=0),
    node("body", "Sequential", default=True),
    node("body.0", "Block"),
    node("body.0.conv", "Conv2d"),
    node("body.0.relu", "ReLU", params=0, calls=3),
    node("pool", "AdaptiveAvgPool2d", (8, 1, 1), 0, reason="no spatial output"),
    node("fc", "Linear", (10,), 90, reason="no spatial output"),
    node("aux", "Dropout", None, 0, calls=0, reason="not called"),
)


@pytest.fixture
def tree(qtbot: QtBot, qapp: QApplication) -> LayerTree:
    theme.apply(qapp, "dark")
    tree = LayerTree()
    qtbot.addWidget(tree)
    tree.set_layers(LAYERS, "Net")
    tree.resize(520, 600)
    with qtbot.waitExposed(tree):
        tree.show()
    return tree


def view_of(tree: LayerTree) -> QTreeView:
    view = tree.findChild(QTreeView)
    assert view is not None
    return view


def model_of(tree: LayerTree) -> LayerModel:
    model = view_of(tree).model()
    assert isinstance(model, LayerModel)
    return model


def visible(tree: LayerTree) -> list[str]:
    """Addresses of the rows that are on view, from the view itself."""
    view, model = view_of(tree), model_of(tree)
    names = []
    index = model.index(0, 0)
    while index.isValid():
        row = model.row_at(index)
        assert row is not None
        names.append(row.address)
        index = view.indexBelow(index)
    return names


def click(tree: LayerTree, address: str, x: int = 8) -> None:
    view = view_of(tree)
    rect = view.visualRect(model_of(tree).index_of(address))
    assert rect.isValid()
    place = QPoint(rect.left() + x, rect.center().y())
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def chosen(tree: LayerTree) -> list[str]:
    heard: list[str] = []
    tree.layer_chosen.connect(heard.append)
    return heard


def test_the_model_keeps_qts_rules(tree: LayerTree) -> None:
    model = model_of(tree)
    tester = QAbstractItemModelTester(
        model, QAbstractItemModelTester.FailureReportingMode.Fatal, model
    )
    for text in ("relu", "nothing like it", ""):
        model.filter(text)
    assert tester.model() is model


def test_a_small_network_is_fully_open_in_module_order_without_its_root(tree: LayerTree) -> None:
    assert visible(tree) == [
        "stem",
        "stem.0",
        "stem.1",
        "body",
        "body.0",
        "body.0.conv",
        "body.0.relu",
        "body.0.relu#0",
        "body.0.relu#1",
        "body.0.relu#2",
        "pool",
        "fc",
        "aux",
    ]


def test_cells(tree: LayerTree) -> None:
    model = model_of(tree)

    def cells(address: str) -> list[object]:
        index = model.index_of(address)
        return [index.siblingAtColumn(column).data() for column in Column]

    assert cells("body.0.conv") == ["conv", "Conv2d", "8 × 7 × 7", "10", ""]
    assert cells("body.0.relu#1") == ["#1", "", "", "", ""]
    assert cells("aux") == ["aux", "Dropout", "", "", ""]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, ""),
        (999, "999"),
        (1000, "1.0 k"),
        (9408, "9.4 k"),
        (215808, "216 k"),
        (999_499, "999 k"),
        (999_600, "1.0 M"),
        (2_359_296, "2.4 M"),
        (14_964_736, "15 M"),
        (6_000_000_000, "6.0 G"),
    ],
)
def test_parameter_counts(count: int, text: str) -> None:
    assert count_text(count) == text


def test_shapes() -> None:
    assert shape_text((2048, 7, 7)) == "2048 × 7 × 7"
    assert shape_text(None) == ""


def test_a_click_tells_once_and_a_second_click_again(tree: LayerTree) -> None:
    heard = chosen(tree)
    click(tree, "stem.0")
    assert heard == ["stem.0"]
    assert tree.current() == "stem.0"
    click(tree, "stem.0")
    assert heard == ["stem.0"] * 2
    click(tree, "body.0.relu#1")
    assert heard[-1] == "body.0.relu#1"


def test_a_double_click_and_enter_tell_once_each(tree: LayerTree) -> None:
    heard = chosen(tree)
    view = view_of(tree)
    rect = view.visualRect(model_of(tree).index_of("stem.0"))
    click(tree, "stem.0")
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    assert heard == ["stem.0"]
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert heard == ["stem.0"] * 2


def test_the_arrow_of_a_branch_only_opens_and_closes(tree: LayerTree) -> None:
    tree.select("stem")
    heard = chosen(tree)
    click(tree, "stem", x=-8)
    assert "stem.0" not in visible(tree)
    assert heard == []


def test_arrow_keys_walk_over_greyed_rows_and_say_why(tree: LayerTree) -> None:
    tree.select("body.0.relu#2")
    heard = chosen(tree)
    view = view_of(tree)
    view.setFocus()
    reasons = []
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        QTest.keyClick(view, key)
        reasons.append(tree._note.text().partition(": ")[2])
    assert reasons == ["no spatial output", "no spatial output", "not called", "no spatial output"]
    assert heard == []
    assert tree.current() == "fc"
    assert tree._note.text() == "Cannot be explained: no spatial output"
    assert tree._where.text() == "fc"


def test_reason_and_default_are_in_tooltip_and_accessible_description(tree: LayerTree) -> None:
    model = model_of(tree)
    pool = model.index_of("pool")
    assert "no spatial output" in pool.data(Qt.ItemDataRole.ToolTipRole)
    assert "no spatial output" in pool.data(Qt.ItemDataRole.AccessibleDescriptionRole)
    body = model.index_of("body")
    assert "Default layer" in body.data(Qt.ItemDataRole.ToolTipRole)
    relu = model.index_of("body.0.relu")
    assert "Called 3 times" in relu.data(Qt.ItemDataRole.ToolTipRole)


def test_select_is_silent_and_set_explained_leaves_the_person_where_they_are(
    tree: LayerTree,
) -> None:
    heard = chosen(tree)
    tree.select("body")
    assert (tree.current(), tree.explained()) == ("body", None)
    assert tree._where.text() == "body"
    click(tree, "stem.1")
    heard.clear()
    tree.set_explained("stem.0")
    assert (tree.current(), tree.explained()) == ("stem.1", "stem.0")
    assert heard == []


def test_filter_keeps_what_encloses_and_restores_what_was_open(
    qtbot: QtBot, tree: LayerTree
) -> None:
    view, model = view_of(tree), model_of(tree)
    tree.select("stem.0")
    view.collapse(model.index_of("body"))
    before = visible(tree)
    heard = chosen(tree)
    tree.focus_filter()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None)
    field = tree._filter
    QTest.keyClicks(field, "relu")
    assert visible(tree) == [
        "stem",
        "stem.1",
        "body",
        "body.0",
        "body.0.relu",
        "body.0.relu#0",
        "body.0.relu#1",
        "body.0.relu#2",
    ]
    field.setText("BODY conv2d")
    assert visible(tree) == ["body", "body.0", "body.0.conv"]
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == ""
    assert visible(tree) == before
    assert tree.current() == "stem.0"
    assert heard == []


def test_a_filter_without_matches_says_so_in_place(tree: LayerTree) -> None:
    tree._filter.setText("swin")
    assert not view_of(tree).isVisible()
    assert "swin" in tree._message.text()
    tree._filter.setText("")
    assert view_of(tree).isVisible()


def test_enter_in_the_filter_goes_to_the_tree(qtbot: QtBot, tree: LayerTree) -> None:
    tree.focus_filter()
    QTest.keyClicks(tree._filter, "conv")
    QTest.keyClick(tree._filter, Qt.Key.Key_Return)
    qtbot.waitUntil(view_of(tree).hasFocus)


def test_selecting_opens_the_path(tree: LayerTree) -> None:
    view, model = view_of(tree), model_of(tree)
    view.collapseAll()
    tree.select("body.0.relu#1")
    assert view.visualRect(model.index_of("body.0.relu#1")).isValid()
    assert "stem.0" not in visible(tree)


def test_message_replaces_the_tree(tree: LayerTree) -> None:
    tree.set_message("Loading engine…")
    assert not view_of(tree).isVisible()
    assert tree._message.text() == "Loading engine…"
    tree.set_layers(LAYERS, "Net")
    assert view_of(tree).isVisible()


def test_thumbnails_are_painted_in_their_fixed_place(qtbot: QtBot, tree: LayerTree) -> None:
    view, model = view_of(tree), model_of(tree)
    before = [view.visualRect(model.index_of(name)) for name in visible(tree)]
    red = QImage(24, 24, QImage.Format.Format_RGB888)
    red.fill(QColor("#ff0000"))
    tree.set_thumbnails({"stem.0": red})
    tree.set_thumbnails({"body.0.relu#0": red})

    def middle(address: str) -> str:
        rect = view.visualRect(model.index_of(address, Column.MAP))
        return view.viewport().grab().toImage().pixelColor(rect.center()).name()

    assert middle("stem.0") == middle("body.0.relu#0") == "#ff0000"
    assert middle("stem.1") != "#ff0000"
    assert [view.visualRect(model.index_of(name)) for name in visible(tree)] == before
    tree.clear_thumbnails()
    assert middle("stem.0") != "#ff0000"


@pytest.mark.parametrize("look", ["dark", "light"])
def test_the_explained_row_is_marked_apart_from_the_current_one(
    qapp: QApplication, tree: LayerTree, look: theme.Choice
) -> None:
    view, model = view_of(tree), model_of(tree)
    tree.select("stem.1")
    tree.set_explained("stem.0")
    theme.apply(qapp, look)
    tokens = theme.current()
    image = view.viewport().grab().toImage()

    def edge(address: str, x: int) -> str:
        return image.pixelColor(x, view.visualRect(model.index_of(address)).top() + 2).name()

    assert edge("stem.0", 1) == tokens.accent
    assert edge("stem.0", 8) == tokens.panel
    assert edge("stem.1", 8) == tokens.selection
    theme.apply(qapp, "dark")


def test_rows_are_28_high_and_columns_give_way_when_narrow(tree: LayerTree) -> None:
    view, model = view_of(tree), model_of(tree)
    assert view.visualRect(model.index_of("stem")).height() == 28
    assert not any(view.isColumnHidden(column) for column in Column)
    tree.resize(220, 600)
    hidden = {column for column in Column if view.isColumnHidden(column)}
    assert Column.PARAMS in hidden
    assert not hidden & {Column.NAME, Column.MAP}


def work_of_a_tree(qtbot: QtBot, blocks: int) -> tuple[int, int]:
    """What showing so many blocks of ten modules takes, and what finding modules in them."""
    layers = [node("", "Huge", reason="no spatial output")]
    for block in range(blocks):
        layers.append(node(f"block{block}", "Block"))
        layers += [node(f"block{block}.conv{i}") for i in range(9)]
    tree = LayerTree()
    qtbot.addWidget(tree)
    tree.resize(400, 600)
    tree.show()
    last = f"block{blocks - 1}.conv8"

    def show() -> None:
        tree.set_layers(tuple(layers), "Huge")
        tree.select(last)
        tree.grab()

    def find() -> None:
        tree._filter.setText("conv7")
        tree.grab()

    shown, found = python_calls(show), python_calls(find)
    assert tree.current() == last or not view_of(tree).currentIndex().isValid()
    return shown, found


def test_a_tree_of_3000_modules_is_no_more_work_for_each_than_a_small_one(qtbot: QtBot) -> None:
    small, large = work_of_a_tree(qtbot, 100), work_of_a_tree(qtbot, 300)
    assert large[0] < 3.3 * small[0]
    assert large[1] < 3.3 * small[1]


def test_root_index_is_nobody(tree: LayerTree) -> None:
    assert model_of(tree).row_at(QModelIndex()) is None
    assert not model_of(tree).index_of("nothing").isValid()


# --- several layers ------------------------------------------------------------------------------


def press(tree: LayerTree, address: str, keys: Qt.KeyboardModifier, right: bool = False) -> None:
    view = view_of(tree)
    rect = view.visualRect(model_of(tree).index_of(address))
    button = Qt.MouseButton.RightButton if right else Qt.MouseButton.LeftButton
    QTest.mouseClick(view.viewport(), button, keys, QPoint(rect.left() + 8, rect.center().y()))


CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def marked(tree: LayerTree) -> set[str]:
    """The rows that are painted as chosen, from their background."""
    view, model = view_of(tree), model_of(tree)
    picture = view.viewport().grab().toImage()
    wanted = QColor(theme.current().selection)
    found = set()
    for address in visible(tree):
        rect = view.visualRect(model.index_of(address))
        if picture.pixelColor(rect.right() - 2, rect.top() + 2) == wanted:
            found.add(address)
    return found


def test_ctrl_adds_a_layer_and_takes_it_away(tree: LayerTree) -> None:
    heard = chosen(tree)
    press(tree, "body.0.conv", CTRL)
    assert heard.pop() == "body + body.0.conv", "with the default layer, which is selected"
    assert (tree.current(), marked(tree)) == ("body.0.conv", {"body", "body.0.conv"})
    press(tree, "stem.0", CTRL)
    assert heard.pop() == "stem.0 + body + body.0.conv", "in the order of the tree"
    press(tree, "body.0.conv", CTRL)
    assert heard.pop() == "stem.0 + body"
    assert tree.current() in ("stem.0", "body")
    press(tree, "body", CTRL)
    assert (heard.pop(), marked(tree)) == ("stem.0", {"stem.0"})
    press(tree, "stem.0", CTRL)
    assert heard == [], "one stays"
    press(tree, "pool", CTRL)
    assert heard == [], "it cannot be explained"
    assert "Cannot be explained" in tree._note.text()
    click(tree, "stem.1")
    assert (heard, marked(tree)) == (["stem.1"], {"stem.1"})


def test_shift_takes_all_rows_on_the_way(tree: LayerTree) -> None:
    heard = chosen(tree)
    click(tree, "body.0.conv")
    heard.clear()
    press(tree, "fc", SHIFT)
    assert heard == [], "it cannot be explained itself"
    press(tree, "stem.1", SHIFT)
    assert heard == ["stem.1 + body + body.0 + body.0.conv"]
    view_of(tree).collapse(model_of(tree).index_of("body"))
    click(tree, "stem")
    press(tree, "body", SHIFT)
    assert heard[-1] == "stem + stem.0 + stem.1 + body", "not those that are folded away"


def test_a_right_press_explains_nothing(tree: LayerTree) -> None:
    heard = chosen(tree)
    press(tree, "stem.0", Qt.KeyboardModifier.NoModifier, right=True)
    assert (heard, tree.current()) == ([], "body")


def test_where_nothing_can_be_fused_the_reason_is_said(tree: LayerTree) -> None:
    heard = chosen(tree)
    tree.set_unfusable("CAM cannot fuse layers: it is for one")
    press(tree, "stem.0", CTRL)
    assert (heard, tree._note.text()) == ([], "CAM cannot fuse layers: it is for one.")
    assert (tree.current(), marked(tree)) == ("body", {"body"})
    tree.set_unfusable("")
    tree.set_unavailable("Saliency has no layer")
    press(tree, "stem.0", CTRL)
    assert heard == []


def test_all_explained_rows_are_marked(tree: LayerTree) -> None:
    tree.select("stem.1 + body")
    tree.set_explained("stem.1 + body")
    assert model_of(tree).explained_rows == ("stem.1", "body")
    assert (tree.current(), marked(tree)) == ("body", {"stem.1", "body"})
    index = model_of(tree).index_of("stem.1")
    role = Qt.ItemDataRole.AccessibleDescriptionRole
    assert model_of(tree).data(index, role) == "Fused with others"
    tree.set_layers(LAYERS, "Net")
    assert marked(tree) == {"body"}
