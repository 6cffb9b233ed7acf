"""The Qt item model of classes with their probabilities, and the search in all classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

from engine.lazy.numpy import np
from engine.records.models import Prediction, percent_text
from gui.toolkit import plain_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

Index = QModelIndex | QPersistentModelIndex
Scores: TypeAlias = "NDArray[np.floating]"
ROOT = QModelIndex()
MOST_DECIMALS = 6
PAGE = 200
"""Number of rows that are passed to the view at a time; more follow on scrolling."""


Before: TypeAlias = "tuple[Scores, Scores] | None"


@dataclass(frozen=True, slots=True)
class Change:
    """What edits change for a class. probability: None where there are none."""

    logit: float
    probability: float | None

    @property
    def texts(self) -> tuple[str, str]:
        """The changes of probability, '▲ +12.3 pp' or '' for none, and of the logit, '▼ −4.1'.

        pp: percentage points. An arrow and a sign say the direction without a colour.
        """
        points = 0.0 if self.probability is None else 100 * self.probability
        shown = "" if self.probability is None else f"{_signed(points, 1)} pp"
        return shown, _signed(self.logit, 1)


def _signed(value: float, decimals: int) -> str:
    rounded = round(value, decimals) + 0.0
    if rounded == 0:
        return f"± {abs(rounded):.{decimals}f}"
    arrow, sign = ("\u25b2", "+") if rounded > 0 else ("\u25bc", "\u2212")
    return f"{arrow} {sign}{abs(rounded):.{decimals}f}"


def logit_text(logit: float, decimals: int = 1) -> str:
    """12.44 as '12.4', with a typographic minus sign."""
    # Adding zero removes the sign of a rounded −0.0.
    return f"{round(logit, decimals) + 0.0:.{decimals}f}".replace("-", "\u2212")


def decimals_of(logits: Iterable[float]) -> int:
    """The fewest decimals, 1 to 6, with which different logits read differently."""
    different = {logit for logit in logits if np.isfinite(logit)}
    for decimals in range(1, MOST_DECIMALS):
        if len({logit_text(logit, decimals) for logit in different}) == len(different):
            return decimals
    return MOST_DECIMALS


class ClassModel(QAbstractListModel):
    """Some classes as rows. Labels and numbers of all classes are stored beside them.

    numbered: a row ends with the class index instead of the logit.
    """

    def __init__(self, parent: QObject | None = None, numbered: bool = False) -> None:
        super().__init__(parent)
        self.numbered = numbered
        self.explained: int | None = None
        self.expected: int | None = None
        self.ranks: Mapping[int, int] = {}
        self._rows: list[int] = []
        self._shown = 0
        self._classes: tuple[str, ...] = ()
        self._lower: list[str] = []
        self._known: dict[int, Prediction] = {}
        self._decimals = 1
        self._scores: Scores | None = None
        self._order: list[int] = []
        self._before: Before = None

    def set_before(self, before: Before) -> None:
        """Set what the numbers were before the image was edited: logits and probabilities of all
        classes, float (classes,) each, NaN where there are none; None for an image as it is."""
        self._before = before

    def set_live(self, logits: Scores, probabilities: Scores) -> None:
        """Set the numbers of all classes whose numbers are stored; the rows stay."""
        for index, known in self._known.items():
            if index < len(logits):
                probability = None if np.isnan(probabilities[index]) else probabilities[index]
                self._known[index] = replace(
                    known,
                    logit=float(logits[index]),
                    probability=None if probability is None else float(probability),
                )
        self._scores = probabilities
        if self._shown:
            self.dataChanged.emit(self.index(0, 0), self.index(self._shown - 1, 0))

    def change_of(self, index: int) -> Change | None:
        """What the edits change for a class; None for an image as it is, or unknown numbers."""
        known = self._known.get(index)
        if known is None or self._before is None or index >= len(self._before[0]):
            return None
        logit = known.logit - float(self._before[0][index])
        was = float(self._before[1][index])
        unknown = known.probability is None or np.isnan(was)
        return Change(logit, None if unknown else (known.probability or 0.0) - was)

    def set_classes(self, classes: tuple[str, ...]) -> None:
        """Set the labels of all classes; clears all numbers and rows."""
        self._classes = classes
        self._lower = [label.lower() for label in classes]
        self._known = {}
        self._before = None
        self.set_scores(None)
        self.show([], None)

    def know(self, predictions: Sequence[Prediction]) -> None:
        """Store labels and numbers; several predictions replace all stored ones."""
        if len(predictions) > 1:
            self._known = {}
        self._known.update({prediction.index: prediction for prediction in predictions})
        self._decimals = decimals_of(known.logit for known in self._known.values())

    def set_scores(self, probabilities: Scores | None) -> None:
        """Set the probabilities of all classes: float (classes,), NaN where there are none."""
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

    def set_expected(self, expected: int | None) -> None:
        """Set the class that the image is said to be of; its tooltip says so."""
        self.expected = expected

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
        """The probability of a class, if known and if the network has probabilities."""
        known = self._known.get(index)
        if known is not None:
            return known.probability
        if self._scores is None or np.isnan(self._scores[index]):
            return None
        return float(self._scores[index])

    def number_text(self, index: int) -> str:
        """The probability of a class, or its value where there are none; '' if unknown."""
        probability = self.probability(index)
        if probability is not None:
            return percent_text(probability)
        known = self._known.get(index)
        return known.said if known is not None else ""

    def logit_text(self, index: int) -> str:
        """The logit of a class beside its probability, if known; else ''."""
        known = self._known.get(index)
        if known is None or known.probability is None:
            return ""
        return logit_text(known.logit, self._decimals)

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
            change = self.change_of(number)
            changed = "" if change is None else f"change {change.texts[0] or change.texts[1]}"
            words = (self.shown_label(number), self.number_text(number), changed)
            return ", ".join(word for word in words if word)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_text.tip(self._tooltip(number))
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return self._tooltip(number).replace("\n", ", ")
        return None

    def _tooltip(self, number: int) -> str:
        lines = [self.shown_label(number), f"Class {number}"]
        text, logit = self.number_text(number), self.logit_text(number)
        if text:
            name = "Value" if self.probability(number) is None else "Probability"
            lines.append(f"{name} {text}")
        if logit:
            lines.append(f"Logit {logit}")
        change = self.change_of(number)
        if change is not None:
            probability, raw = change.texts
            if probability:
                lines.append(f"Change of probability {probability}")
            lines.append(f"Change of logit {raw}")
        if number == self.explained:
            lines.append("Explained")
        if number == self.expected:
            lines.append("Expected")
        return "\n".join(lines)
