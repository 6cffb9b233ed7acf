"""The panel 'Predictions': the top classes, and a search in all classes."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine.records.models import Prediction
from gui.toolkit import theme
from gui.toolkit.controls.search_field import SearchField
from gui.toolkit.labels import label
from gui.widgets.predictions.class_list import ClassList
from gui.widgets.predictions.delegate import row_height
from gui.widgets.predictions.expected import ExpectedLine
from gui.widgets.predictions.head import Head
from gui.widgets.predictions.menu import Wishes, menu_for
from gui.widgets.predictions.model import Before, ClassModel, Scores

TOP = 5
"""Number of predictions shown; an explained class that is not among them gets another row."""


class PredictionPanel(QWidget):
    """class_chosen(index): explain this class; index is that of its logit.

    The context menu of a class: contrast_wanted(index): why this class and not the explained one.
    counter_wanted(index): what speaks against it. expectation_set(index or None): the image is of
    this class, or of none that is known. menu_filled(QMenu, index): it is about to be shown; more
    may be added to it. head: the title, which says that a class is pinned. expected: the line about
    the expected class.
    """

    class_chosen = Signal(int)
    contrast_wanted = Signal(int)
    counter_wanted = Signal(int)
    expectation_set = Signal(object)
    menu_filled = Signal(QMenu, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._predictions: tuple[Prediction, ...] = ()
        self._explained: int | None = None
        self._extra: int | None = None
        self._model = ClassModel(self)
        self._found = ClassModel(self, numbered=True)
        self._list = ClassList(self._model, "Predicted classes", at_once=True)
        self._results = ClassList(self._found, "Classes found", at_once=False)
        self._search = SearchField("Find class", "Part of a class name, or its index")
        self._search.setEnabled(False)
        self.head, self.expected = Head(), ExpectedLine()
        self._expected: int | None = None
        self._refusals = ("", "")
        self._message = label(role="dim")
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setWordWrap(True)
        self._stack = QStackedWidget()
        for page in (self._message, self._list, self._results):
            self._stack.addWidget(page)
        self._empty = "No image"
        self._lay_out()
        for view in (self._list, self._results):
            view.menu_wanted.connect(self._show_menu)
        self._list.chosen.connect(self._choose)
        self._results.chosen.connect(self._choose_found)
        self._search.textChanged.connect(self._find)
        self._search.entered.connect(self._choose_first)
        self._search.left.connect(self._leave_search)
        self.set_message("No image")

    def set_classes(self, classes: tuple[str, ...]) -> None:
        """Set the labels of all classes in logit order; clears predictions and scores."""
        self._predictions, self._explained, self._extra = (), None, None
        self._model.set_classes(classes)
        self._found.set_classes(classes)
        self._search.clear()
        self._search.setEnabled(bool(classes))
        self._show_rows()

    def set_predictions(self, predictions: tuple[Prediction, ...]) -> None:
        """Set the top classes, best first. Five are shown; more are reached with keys 6 to 9."""
        # An extra class keeps its row only while it is explained.
        self._predictions, self._extra = predictions, None
        self._model.know(predictions)
        self._found.know(predictions)
        self._empty = ""
        self._show_rows()

    def set_scores(self, probabilities: Scores | None) -> None:
        """Set the probabilities of all classes, float (classes,); they order search results."""
        self._model.set_scores(probabilities)
        self._found.set_scores(probabilities)
        here = self._results.current_class()
        self._find(self._search.text(), here)

    def set_before(self, before: Before) -> None:
        """Set what the numbers were before the image was edited, as ClassModel.set_before."""
        for model in (self._model, self._found):
            model.set_before(before)
            model.mark(self._explained)

    def show_live(self, logits: Scores, probabilities: Scores) -> None:
        """Show these numbers, float (classes,) each, in the rows that there are."""
        for model in (self._model, self._found):
            model.set_live(logits, probabilities)

    def select(self, index: int | None, prediction: Prediction | None = None) -> None:
        """Mark the explained class, without a signal; None marks nothing.

        prediction: the numbers of a class that is not among the predictions.
        """
        self._explained = index
        if index not in [known.index for known in self._predictions[:TOP]]:
            self._extra = index
        if prediction is not None:
            self._model.know((prediction,))
            self._found.know((prediction,))
        self._show_rows()

    def selected(self) -> int | None:
        """The index of the class marked as explained."""
        return self._explained

    def choose_rank(self, rank: int) -> None:
        """Choose the prediction of this rank, 1 being the top class; no effect if there is none."""
        if 1 <= rank <= len(self._predictions):
            self._choose(self._predictions[rank - 1].index)

    def step(self, by: int) -> None:
        """Choose the prediction `by` rows further down (by > 0) or up; stops at the ends."""
        order = [prediction.index for prediction in self._predictions]
        if not order:
            return
        here = order.index(self._explained) if self._explained in order else len(order)
        there = min(max(here + by, 0), len(order) - 1)
        if order[there] != self._explained:
            self._choose(order[there])

    def set_message(self, text: str) -> None:
        """Show text instead of the predictions, such as 'No image'; '' shows them again."""
        self._empty = text
        self._message.show_text(text)
        self._show_page()

    def keep_rows(self, count: int) -> None:
        """Have room for so many predictions at least."""
        self._stack.setMinimumHeight(count * row_height(self.font()))

    def focus_search(self) -> None:
        """Focus the search field."""
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def _lay_out(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 8, 0, 4)
        box.setSpacing(theme.SPACE)
        box.addWidget(self.head)
        box.addWidget(self.expected)
        box.addWidget(self._stack, 1)
        row = QVBoxLayout()
        row.setContentsMargins(8, 0, 8, 0)
        row.addWidget(self._search)
        box.addLayout(row)
        self.keep_rows(3)
        self.setMinimumWidth(176)
        self.setAccessibleName("Predictions")
        self.setProperty("panel", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusProxy(self._list)

    def _show_rows(self) -> None:
        rows = [prediction.index for prediction in self._predictions[:TOP]]
        extra = self._extra if self._explained in rows else self._explained
        if extra is not None and extra not in rows:
            rows.append(extra)
        ranks = {prediction.index: rank for rank, prediction in enumerate(self._predictions, 1)}
        self._model.show(rows, self._explained, ranks)
        self._found.mark(self._explained)
        if self._explained is not None and self._explained in rows:
            self._list.move_silently(rows.index(self._explained))
        self._show_page()

    def _show_page(self) -> None:
        if self._search.text().strip() and self._found.rowCount():
            self._stack.setCurrentWidget(self._results)
        elif self._search.text().strip():
            self._message.show_text(f"No class matches “{self._search.text().strip()}”")
            self._stack.setCurrentWidget(self._message)
        elif self._empty or not self._model.rowCount():
            self._message.show_text(self._empty)
            self._stack.setCurrentWidget(self._message)
        else:
            self._stack.setCurrentWidget(self._list)

    def _find(self, text: str, here: int | None = None) -> None:
        """Search again; the current row becomes that of the class `here`, else the first."""
        found = self._found.search(text) if text.strip() else []
        self._found.show(found, self._explained)
        self._results.move_silently(found.index(here) if here in found else 0)
        self._show_page()

    def set_expected(self, index: int | None) -> None:
        """Set the class that the image is said to be of; its row says so."""
        self._expected = index
        self._model.set_expected(index)
        self._found.set_expected(index)

    def set_refusals(self, contrast: str, counter: str) -> None:
        """Set why the context menu's two questions cannot be asked; '' if they can."""
        self._refusals = (contrast, counter)

    def _show_menu(self, index: int, place: QPoint) -> None:
        wishes = Wishes(
            self.class_chosen.emit,
            self.contrast_wanted.emit,
            self.counter_wanted.emit,
            self.expectation_set.emit,
            *self._refusals,
        )
        menu = menu_for(index, self._explained, self._expected, wishes, self)
        self.menu_filled.emit(menu, index)
        menu.popup(place)

    def _choose(self, index: int) -> None:
        self.select(index)
        self.class_chosen.emit(index)

    def _choose_found(self, index: int) -> None:
        self._search.clear()
        self._choose(index)
        self._list.setFocus(Qt.FocusReason.OtherFocusReason)

    def _choose_first(self) -> None:
        index = self._results.current_class()
        if self._search.text().strip() and index is not None:
            self._choose_found(index)

    def _leave_search(self) -> None:
        page = self._stack.currentWidget()
        if page is not None and page is not self._message:
            page.setFocus(Qt.FocusReason.OtherFocusReason)
