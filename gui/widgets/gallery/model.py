"""The gallery as a Qt table model: one row for each model, sorted and filtered by a proxy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication

from engine.formats.torchvision.gallery import PublishedModel, PublishedWeights
from gui.toolkit import plain_text, theme

ROW_HEIGHT = 28

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole


class Column(IntEnum):
    NAME = 0
    ACCURACY = 1
    PARAMETERS = 2
    SIZE = 3
    DISK = 4


_TITLES = {
    Column.NAME: ("Name", "Name of the architecture in torchvision"),
    Column.ACCURACY: ("Top-1", "Top-1 accuracy on ImageNet, in percent"),
    Column.PARAMETERS: ("Params", "Number of parameters, in millions"),
    Column.SIZE: ("MB", "Size of the default weights, in megabytes"),
    Column.DISK: ("On disk", "Whether weights are on this computer"),
}


class GalleryModel(QAbstractTableModel):
    """PublishedModels as rows."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._models: tuple[PublishedModel, ...] = ()
        self._figures = theme.tabular(QGuiApplication.font())
        self._height = max(ROW_HEIGHT, QFontMetrics(self._figures).height() + 2 * theme.SPACE)
        self._mark = theme.icon("on-disk")

    def set_models(self, models: Sequence[PublishedModel]) -> None:
        """Show these; if the names are the same as before, rows are only repainted."""
        same = [model.name for model in models] == [model.name for model in self._models]
        if same:
            self._models = tuple(models)
            last = self.index(len(models) - 1, Column.DISK)
            self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self._models = tuple(models)
        self.endResetModel()

    def model_at(self, row: int) -> PublishedModel:
        return self._models[row]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._models)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        title, tip = _TITLES[Column(section)]
        if role == Role.DisplayRole:
            return title
        if role == Role.ToolTipRole:
            return plain_text.tip(tip)
        if role == Role.InitialSortOrderRole and section in (Column.ACCURACY, Column.DISK):
            return Qt.SortOrder.DescendingOrder
        return _alignment(Column(section)) if role == Role.TextAlignmentRole else None

    def data(self, index: Index, role: int = 0) -> Any:
        model, column = self._models[index.row()], Column(index.column())
        match role:
            case Role.DisplayRole:
                return plain_text.line(_text(model, column))
            case Role.UserRole:
                return _sort_key(model, column)
            case Role.TextAlignmentRole:
                return _alignment(column)
            case Role.FontRole:
                return self._figures if column is not Column.NAME else QFont()
            case Role.DecorationRole if column is Column.DISK and on_disk(model):
                return self._mark
            case Role.AccessibleTextRole:
                return plain_text.line(_spoken(model, column))
            case Role.SizeHintRole:
                return QSize(0, self._height)
        return None


class GalleryRows(QSortFilterProxyModel):
    """Filters by words in the name and by what is on disk."""

    def __init__(self, source: GalleryModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._gallery = source
        self._words: tuple[str, ...] = ()
        self._only_on_disk = False
        self.setSortRole(Role.UserRole)
        self.setSourceModel(source)

    def set_words(self, text: str) -> None:
        """Show names that contain every word of text."""
        self._words = tuple(text.lower().split())
        self.invalidate()

    def set_only_on_disk(self, on: bool) -> None:
        self._only_on_disk = on
        self.invalidate()

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """The header text, with an arrow in the sorted column."""
        given = super().headerData(section, orientation, role)
        if role != Role.DisplayRole or section != self.sortColumn():
            return given
        arrow = "↑" if self.sortOrder() is Qt.SortOrder.AscendingOrder else "↓"
        return f"{given} {arrow}" if section == Column.NAME else f"{arrow} {given}"

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        super().sort(column, order)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(Column) - 1)

    def model_at(self, row: int) -> PublishedModel:
        return self._gallery.model_at(self.mapToSource(self.index(row, 0)).row())

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:  # noqa: ARG002
        model = self._gallery.model_at(source_row)
        return all(word in model.name for word in self._words) and (
            on_disk(model) or not self._only_on_disk
        )


def on_disk(model: PublishedModel) -> bool:
    """Whether any of its weights are on this computer."""
    return any(weights.on_disk for weights in model.weights)


def _text(model: PublishedModel, column: Column) -> str:
    weights = model.default
    match column:
        case Column.NAME:
            return model.name
        case Column.ACCURACY:
            return f"{weights.top1:.1f}"
        case Column.PARAMETERS:
            return f"{model.parameters / 1e6:.1f} M"
        case Column.SIZE:
            return f"{weights.megabytes:,.0f}"
        case Column.DISK:
            return "" if on_disk(model) or not weights.partial else percent(weights)


def _spoken(model: PublishedModel, column: Column) -> str:
    text = _text(model, column)
    match column:
        case Column.NAME:
            return text
        case Column.ACCURACY:
            return f"{text} percent top-1 accuracy"
        case Column.PARAMETERS:
            return f"{text.removesuffix(' M')} million parameters"
        case Column.SIZE:
            return f"{text} megabytes"
        case Column.DISK:
            return "on disk" if on_disk(model) else f"{text} on disk" if text else "not on disk"


def _sort_key(model: PublishedModel, column: Column) -> str | float:
    keys: dict[Column, str | float] = {
        # resnet18 comes before resnet101.
        Column.NAME: re.sub(r"\d+", lambda digits: digits[0].zfill(4), model.name),
        Column.ACCURACY: model.default.top1,
        Column.PARAMETERS: float(model.parameters),
        Column.SIZE: float(model.default.size),
        Column.DISK: 2.0 if on_disk(model) else model.default.partial / model.default.size,
    }
    return keys[column]


def percent(weights: PublishedWeights) -> str:
    """The part of the weights that is already downloaded, in percent."""
    return f"{min(99, round(100 * weights.partial / weights.size))} %"


def _alignment(column: Column) -> Qt.AlignmentFlag:
    sideways = {Column.NAME: Qt.AlignmentFlag.AlignLeft, Column.DISK: Qt.AlignmentFlag.AlignHCenter}
    return sideways.get(column, Qt.AlignmentFlag.AlignRight) | Qt.AlignmentFlag.AlignVCenter
