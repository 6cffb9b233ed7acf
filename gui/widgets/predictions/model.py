"""The Qt item model of classes with their probabilities, and the search in all classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

from engine.lazy.numpy import np
from engine.records.models import Prediction
from gui.toolkit import plain_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

Index = QModelIndex | QPersistentModelIndex
Scores: TypeAlias = "NDArray[np.floating]"
ROOT = QModelIndex()
PAGE = 200
"""Number of rows that are passed to the view at a time; more follow on scrolling."""


def percent_text(probability: float) -> str:
    """0.9713 as '97.1 %'; values that would round to zero as '< 0.1 %'."""
    if 0 < probability < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= probability < 1:
        return "> 99.9 %"
    return f"{100 * probability:.1f} %"


def logit_text(logit: float) -> str:
    """12.44 as '12.4', with a typographic minus sign."""
    # Adding zero removes the sign of a rounded −0.0.
    return f"{round(logit, 1) + 0.0:.1f}".replace("-", "\u2212")


class ClassModel(QAbstractListModel):
    """Some classes as rows. Labels and numbers of all classes are stored beside them.

    numbered: a row ends with the class index instead of the logit.
    """

    def __init__(self, parent: QObject | None = None, numbered: bool = False) -> None:
        super().__init__(parent)
        self.numbered = numbered
        self.explained: int | None = None
        self.ranks: Mapping[int, int] = {}
        self._rows: list[int] = []
        self._shown = 0
        self._classes: tuple[str, ...] = ()
        self._lower: list[str] = []
        self._known: dict[int, Prediction] = {}
        self._scores: Scores | None = None
        self._order: list[int] = []

    def set_classes(self, classes: tuple[str, ...]) -> None:
        """Set the labels of all classes; clears all numbers and rows."""
        self._classes = classes
        self._lower = [label.lower() for label in classes]
        self._known = {}
        self.set_scores(None)
        self.show([], None)

    def know(self, predictions: Sequence[Prediction]) -> None:
        """Store labels and numbers; several predictions replace all stored ones."""
        if len(predictions) > 1:
            self._known = {}
        self._known.update({prediction.index: prediction for prediction in predictions})

    def set_scores(self, probabilities: Scores | None) -> None:
        """Set the probabilities of all classes: float (classes,)."""
        self._scores = probabilities
        if probabilities is None:
            self._order = list(range(len(self._classes)))
        else:
            self._order = np.argsort(-probabilities, kind="stable").tolist()

    @property
    def barred(self) -> bool:
        """Whether rows have a probability bar: always, except in a search without scores."""
        return not self.numbered or self._scores is not None

    def show(
        self, rows: list[int], explained: int | None, ranks: Mapping[int, int] | None = None
    ) -> None:
        """Show these classes; ranks: the shortcut key of a class."""
        self.ranks = ranks or {}
        if rows != self._rows:
            self.beginResetModel()
            self._rows = rows
            self._shown = min(len(rows), PAGE)
            self.endResetModel()
        self.mark(explained)

    def mark(self, explained: int | None) -> None:
        """Mark the explained class; the rows stay."""
        self.explained = explained
        if self._shown:
            self.dataChanged.emit(self.index(0, 0), self.index(self._shown - 1, 0))

    def search(self, text: str) -> list[int]:
        """Classes whose label contains every word of text, or whose index is text.

        First the class with that index, then labels that start with text, then by probability.
        """
        words = text.lower().split()
        whole = " ".join(words)
        labels = self._lower
        found: list[int] = self._order
        for word in words:
            found = [i for i in found if word in labels[i]]
        if len(found) < len(labels):
            first = [i for i in found if labels[i].startswith(whole)]
            begun = set(first)
            found = first + [i for i in found if i not in begun]
        if whole.isdecimal() and len(whole) < 10 and int(whole) < len(labels):
            wanted = int(whole)
            found = [wanted] + [i for i in found if i != wanted]
        return found

    def class_at(self, index: Index) -> int | None:
        """The class of a row."""
        return self._rows[index.row()] if index.isValid() else None

    def label(self, index: int) -> str:
        """The label of a class."""
        known = self._known.get(index)
        if known is not None:
            return known.label
        return self._classes[index] if index < len(self._classes) else f"class {index}"

    def shown_label(self, index: int) -> str:
        """The label of a class, with invisible characters made visible."""
        return plain_text.line(self.label(index))

    def probability(self, index: int) -> float | None:
        """The probability of a class, if known."""
        known = self._known.get(index)
        if known is not None:
            return known.probability
        return float(self._scores[index]) if self._scores is not None else None

    def logit(self, index: int) -> float | None:
        """The logit of a class, if known."""
        known = self._known.get(index)
        return known.logit if known is not None else None

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else self._shown

    def canFetchMore(self, parent: Index) -> bool:
        return not parent.isValid() and self._shown < len(self._rows)

    def fetchMore(self, parent: Index) -> None:
        if not self.canFetchMore(parent):
            return
        more = min(self._shown + PAGE, len(self._rows))
        self.beginInsertRows(QModelIndex(), self._shown, more - 1)
        self._shown = more
        self.endInsertRows()

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        number = self.class_at(index)
        if number is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.shown_label(number)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            probability = self.probability(number)
            words = [self.shown_label(number)]
            return ", ".join(words if probability is None else [*words, percent_text(probability)])
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_text.tip(self._tooltip(number))
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return self._tooltip(number).replace("\n", ", ")
        return None

    def _tooltip(self, number: int) -> str:
        lines = [self.shown_label(number), f"Class {number}"]
        probability, logit = self.probability(number), self.logit(number)
        if probability is not None:
            lines.append(f"Probability {percent_text(probability)}")
        if logit is not None:
            lines.append(f"Logit {logit_text(logit)}")
        if number == self.explained:
            lines.append("Explained")
        return "\n".join(lines)
