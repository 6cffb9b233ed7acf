"""Predictions: choosing by mouse, arrows and rank; the search over all classes."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QListView
from pytestqt.qtbot import QtBot

from engine.records.models import Prediction, percent_text
from gui.widgets.predictions.model import ClassModel, logit_text
from gui.widgets.predictions.panel import PredictionPanel
from tests.work import python_calls

CLASSES = ("circle", "ring", "star", "cross", "square", "hexagon", "triangle", "crescent")
TOP = tuple(
    Prediction(index, CLASSES[index], 9.0 - rank, 0.9 / 10**rank)
    for rank, index in enumerate((2, 0, 5, 1, 7))
)


@pytest.fixture
def panel(qtbot: QtBot) -> PredictionPanel:
    panel = PredictionPanel()
    qtbot.addWidget(panel)
    panel.set_classes(CLASSES)
    panel.set_predictions(TOP)
    panel.select(2)
    panel.resize(280, 400)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def lists(panel: PredictionPanel) -> tuple[QListView, QListView]:
    return panel._list, panel._results


def rows(view: QListView) -> list[str]:
    model = view.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def press(view: QListView, row: int) -> None:
    rect = view.visualRect(view.model().index(row, 0))
    QTest.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(rect.left() + 40, rect.center().y())
    )


def heard(panel: PredictionPanel) -> list[int]:
    indices: list[int] = []
    panel.class_chosen.connect(indices.append)
    return indices


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.9713, "97.1 %"),
        (1.0, "100.0 %"),
        (0.99999, "> 99.9 %"),
        (0.0004, "< 0.1 %"),
        (0.0, "0.0 %"),
        (0.0006, "0.1 %"),
    ],
)
def test_percentages(probability: float, text: str) -> None:
    assert percent_text(probability) == text


@pytest.mark.parametrize(
    ("logits", "texts"),
    [
        ((12.44, 3.21, -0.5), ["12.4", "3.2", "−0.5"]),
        ((0.0125, 0.0119, 0.0031), ["0.013", "0.012", "0.003"]),
        ((7.314, 7.311, 7.316), ["7.314", "7.311", "7.316"]),
        ((2.0, 2.0, 1.0), ["2.0", "2.0", "1.0"]),  # equal logits stay equal
        ((1.00000001, 1.0, 0.5), ["1.000000", "1.000000", "0.500000"]),
        ((float("inf"), 2.25, 2.24), ["inf", "2.25", "2.24"]),
    ],
)
def test_logits_have_enough_digits_to_tell_classes_apart(
    logits: tuple[float, ...], texts: list[str]
) -> None:
    model = ClassModel()
    model.set_classes(CLASSES)
    model.know([Prediction(i, CLASSES[i], logit, 1 / 3) for i, logit in enumerate(logits)])
    assert [model.logit_text(i) for i in range(len(logits))] == texts
    # A class from the search is told apart from those as well.
    model.know([Prediction(6, CLASSES[6], logits[1] + 0.04, 0.1)])
    assert len({model.logit_text(1), model.logit_text(6)}) == 2


def test_values_are_shown_without_probabilities(panel: PredictionPanel) -> None:
    """As of a regression: no percent, no bar, no second number."""
    panel.set_classes(("age",))
    panel.set_predictions((Prediction(0, "age", 34.7213, None),))
    panel.set_scores(np.array([np.nan]))
    panel.select(0)
    view = lists(panel)[0]
    index = view.model().index(0, 0)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "age, 34.72"
    tip = index.data(Qt.ItemDataRole.ToolTipRole)
    assert "Value 34.72" in tip
    assert "Probability" not in tip
    assert "Logit" not in tip
    picture = view.grab()
    assert not picture.isNull()


def test_logits_have_a_true_minus() -> None:
    assert logit_text(-3.21) == "−3.2"
    assert logit_text(12.44) == "12.4"


def test_rows_are_the_predictions_in_order(panel: PredictionPanel) -> None:
    assert rows(panel._list) == ["star", "circle", "hexagon", "ring", "crescent"]
    assert panel.selected() == 2


def test_a_click_tells_once_and_again_on_the_same_row(panel: PredictionPanel) -> None:
    indices = heard(panel)
    press(panel._list, 1)
    assert indices == [0]
    assert panel.selected() == 0
    press(panel._list, 1)
    assert indices == [0, 0]


def test_arrows_and_enter_choose(panel: PredictionPanel) -> None:
    indices = heard(panel)
    panel._list.setFocus()
    QTest.keyClick(panel._list, Qt.Key.Key_Down)
    QTest.keyClick(panel._list, Qt.Key.Key_Down)
    QTest.keyClick(panel._list, Qt.Key.Key_Return)
    assert indices == [0, 5, 5]


def test_ranks_and_steps(panel: PredictionPanel) -> None:
    indices = heard(panel)
    panel.choose_rank(3)
    panel.choose_rank(0)
    panel.choose_rank(9)
    panel.step(1)
    panel.step(-1)
    panel.step(-9)
    panel.step(-1)
    assert indices == [5, 1, 5, 2]


def test_selecting_is_silent(panel: PredictionPanel) -> None:
    indices = heard(panel)
    panel.select(7)
    panel.select(3)
    panel.select(None)
    assert indices == []


def test_a_class_beyond_the_top_gets_an_extra_row_without_a_jump(panel: PredictionPanel) -> None:
    height = panel.sizeHint().height()
    panel.select(6, Prediction(6, "triangle", -4.0, 0.0001))
    assert rows(panel._list)[-1] == "triangle"
    assert panel.sizeHint().height() == height
    indices = heard(panel)
    press(panel._list, 0)
    assert rows(panel._list)[-1] == "triangle"
    press(panel._list, 5)
    assert indices == [2, 6]
    tip = panel._list.model().index(5, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "Explained" in tip
    assert "−4.0" in tip
    panel.set_predictions(TOP)
    panel.select(2)
    assert len(rows(panel._list)) == 5


def test_search_shows_all_classes_in_place_and_enter_chooses(
    qtbot: QtBot, panel: PredictionPanel
) -> None:
    indices = heard(panel)
    panel.focus_search()
    qtbot.waitUntil(panel._search.hasFocus)
    QTest.keyClicks(panel._search, "r")
    assert panel._results.isVisible()
    assert not panel._list.isVisible()
    assert set(rows(panel._results)) == {c for c in CLASSES if "r" in c}
    assert rows(panel._results)[0] == "ring"
    QTest.keyClicks(panel._search, "iang")
    assert rows(panel._results) == ["triangle"]
    QTest.keyClick(panel._search, Qt.Key.Key_Return)
    assert indices == [6]
    assert panel._search.text() == ""
    assert panel._list.isVisible()
    assert rows(panel._list)[-1] == "triangle"


def test_walking_the_results_chooses_nothing_before_enter(panel: PredictionPanel) -> None:
    indices = heard(panel)
    panel._search.setText("c")
    results = panel._results
    QTest.keyClick(panel._search, Qt.Key.Key_Down)
    QTest.keyClick(results, Qt.Key.Key_Down)
    assert indices == []
    wanted = results.currentIndex().data()
    QTest.keyClick(results, Qt.Key.Key_Return)
    assert [CLASSES[index] for index in indices] == [wanted]


def test_a_click_on_a_result_chooses_it(panel: PredictionPanel) -> None:
    indices = heard(panel)
    panel._search.setText("cr")
    press(panel._results, 1)
    assert indices == [7]


def test_search_by_index_and_without_matches(panel: PredictionPanel) -> None:
    panel._search.setText("6")
    assert rows(panel._results) == ["triangle"]
    panel._search.setText("zebra")
    assert "zebra" in panel._message.text()
    assert panel._message.isVisible()
    QTest.keyClick(panel._search, Qt.Key.Key_Return)
    QTest.keyClick(panel._search, Qt.Key.Key_Escape)
    assert panel._list.isVisible()


def test_scores_order_the_search(panel: PredictionPanel) -> None:
    scores = np.linspace(0, 0.2, len(CLASSES), dtype=np.float32)
    panel.set_scores(scores)
    panel._search.setText("s")
    found = rows(panel._results)
    assert set(found[:2]) == {"star", "square"}
    order = [CLASSES.index(label) for label in found[2:]]
    assert [scores[index] for index in order] == sorted((scores[i] for i in order), reverse=True)


def test_an_answer_leaves_the_search_where_it_was(panel: PredictionPanel) -> None:
    panel.set_scores(np.linspace(0, 0.2, len(CLASSES), dtype=np.float32))
    panel._search.setText("r")
    QTest.keyClick(panel._search, Qt.Key.Key_Down)
    QTest.keyClick(panel._results, Qt.Key.Key_Down)
    QTest.keyClick(panel._results, Qt.Key.Key_Down)
    here = panel._results.currentIndex().data()
    assert panel._results.currentIndex().row() == 2
    indices = heard(panel)
    panel.set_predictions(TOP)
    panel.set_scores(np.linspace(0, 0.2, len(CLASSES), dtype=np.float32))
    assert panel._results.currentIndex().row() == 2
    panel.set_scores(np.linspace(0.2, 0, len(CLASSES), dtype=np.float32))
    assert panel._results.currentIndex().data() == here
    QTest.keyClick(panel._results, Qt.Key.Key_Return)
    assert [CLASSES[index] for index in indices] == [here]


def test_a_result_far_down_the_list_is_kept_too(qtbot: QtBot) -> None:
    panel = PredictionPanel()
    qtbot.addWidget(panel)
    panel.set_classes(tuple(f"kind {i}" for i in range(1000)))
    panel.set_scores(np.linspace(1, 0, 1000))
    panel.show()
    panel._search.setText("kind")
    QTest.keyClick(panel._results, Qt.Key.Key_Down)
    here = panel._results.currentIndex().data()
    panel.set_scores(np.linspace(0, 1, 1000))
    assert panel._results.currentIndex().data() == here


def test_the_extra_row_stays_while_its_class_is_explained(panel: PredictionPanel) -> None:
    panel.select(6, Prediction(6, "triangle", -4.0, 0.0001))
    panel.set_predictions(TOP)
    assert rows(panel._list)[-1] == "triangle"
    assert panel._list.currentIndex().row() == 5
    panel.set_predictions(TOP[:4])
    assert rows(panel._list) == ["star", "circle", "hexagon", "ring", "triangle"]


def test_the_model_keeps_qts_rules(qtbot: QtBot) -> None:
    model = ClassModel()
    tester = QAbstractItemModelTester(
        model, QAbstractItemModelTester.FailureReportingMode.Fatal, model
    )
    model.set_classes(CLASSES)
    model.show([1, 2], 1)
    model.show([3], None)
    assert tester.model() is model


def work_of_searching(qtbot: QtBot, count: int) -> int:
    panel = PredictionPanel()
    qtbot.addWidget(panel)
    panel.set_classes(tuple(f"kind {i} of thing" for i in range(count)))
    panel.set_scores(np.random.default_rng(0).random(count))
    panel.show()

    def search() -> None:
        for text in ("t", "th", "thing", "thing 7", "kind 77", f"kind {count - 1}"):
            panel._search.setText(text)
            panel.grab()

    calls = python_calls(search)
    assert panel._results.model().rowCount() == 1
    return calls


def test_21000_classes_are_searched_while_typing(qtbot: QtBot) -> None:
    few, many = work_of_searching(qtbot, 7_000), work_of_searching(qtbot, 21_000)
    assert many < 1.5 * few


def test_a_long_result_is_reached_to_its_end_by_scrolling(qtbot: QtBot) -> None:
    panel = PredictionPanel()
    qtbot.addWidget(panel)
    panel.set_classes(tuple(f"kind {i}" for i in range(1000)))
    panel.show()
    panel._search.setText("kind")
    bar = panel._results.verticalScrollBar()
    for _ in range(10):
        bar.setValue(bar.maximum())
        panel.grab()
    assert panel._results.model().rowCount() == 1000
    panel._search.setText("")
    panel._search.setText("kind")
    for _ in range(12):
        QTest.keyClick(panel._results, Qt.Key.Key_End)
    assert panel._results.currentIndex().row() == 999


def test_messages(panel: PredictionPanel) -> None:
    panel.set_message("Computing…")
    assert panel._message.isVisible()
    panel.set_predictions(TOP)
    assert panel._list.isVisible()
    panel.set_classes(())
    assert not panel._list.isVisible()
    assert not panel._search.isEnabled()


def test_changes_have_an_arrow_and_a_sign_beside_the_colour(panel: PredictionPanel) -> None:
    logits, probabilities = np.zeros(8), np.zeros(8)
    logits[2], probabilities[2] = 7.5, 0.5
    logits[0], probabilities[0] = 9.25, 0.2
    logits[5], probabilities[5] = 7.0, 0.009
    assert panel._model.change_of(2) is None
    panel.set_before((logits, probabilities))
    found = {index: panel._model.change_of(index) for index in (2, 0, 5)}
    texts = {index: change.texts for index, change in found.items() if change is not None}
    assert texts == {
        2: ("▲ +40.0 pp", "▲ +1.5"),
        0: ("▼ −11.0 pp", "▼ −1.2"),
        5: ("± 0.0 pp", "± 0.0"),
    }
    index = panel._model.index(0, 0)
    assert "change ▲ +40.0 pp" in index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert "Change of logit ▲ +1.5" in index.data(Qt.ItemDataRole.ToolTipRole)
    panel.set_before(None)
    assert panel._model.change_of(2) is None


def test_live_numbers_leave_the_rows_where_they_are(panel: PredictionPanel) -> None:
    view, _ = lists(panel)
    before = rows(view)
    panel.show_live(np.arange(8.0), np.arange(8.0) / 28)
    assert rows(view) == before
    assert panel._model.number_text(7) == "25.0 %"
    assert panel._model.logit_text(7) == "7.0"
