"""The Qt item model of the layer tree: rows by dotted name, calls of reused modules, filter."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QImage

from engine.records.explanations import layers_in
from engine.records.models import LayerNode
from gui.toolkit import plain_text
from gui.toolkit.imaging import remark
from gui.widgets.layers.rows import TITLES, Column, Row, cell_text, description, tooltip

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()


class LayerModel(QAbstractItemModel):
    """The layers that pass the filter. Thumbnails and marks are stored beside the rows.

    unavailable: why no layer can be chosen now; '' if they can. refused: why single ones cannot, by
    name; of a module that is called several times, its last call. explained: the address whose map
    is shown. together: the rows that are chosen to be fused, none for a single one.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []
        self.thumbnails: dict[str, QImage] = {}
        self.explained: str | None = None
        self.together: frozenset[str] = frozenset()
        self.unavailable = ""
        self.refused: Mapping[str, str] = {}
        self._top: list[Row] = []
        self._all_top: list[Row] = []
        self._by_address: dict[str, Row] = {}

    def set_layers(self, layers: tuple[LayerNode, ...]) -> None:
        """Replace all layers. The model itself (name '') gets no row."""
        self.beginResetModel()
        self.rows, self._all_top, self._by_address = [], [], {}
        self.thumbnails, self.explained, self.together = {}, None, frozenset()
        for node in layers:
            if node.name:
                self._add(node)
        self._show(None)
        self.endResetModel()

    def filter(self, text: str) -> int:
        """Keep the rows whose name or type contains every word of text, and their ancestors.

        Returns the number of matching rows; an empty text matches all.
        """
        words = text.lower().split()
        self.beginResetModel()
        kept: set[int] | None = None
        matches = len(self.rows)
        if words:
            found = [row for row in self.rows if _matches(row, words)]
            matches = len(found)
            kept = {row.id for row in found}
            for row in found:
                kept.update(above.id for above in row.ancestors())
        self._show(kept)
        self.endResetModel()
        return matches

    @property
    def explained_rows(self) -> tuple[str, ...]:
        """The addresses of the rows whose map is shown: several of a fused map."""
        return () if self.explained is None else self.parts(self.explained)

    def parts(self, address: str) -> tuple[str, ...]:
        """The addresses of the rows that an address names: several of a fused map."""
        return layers_in(address, self._by_address)

    def row_at(self, index: Index) -> Row | None:
        """The row of an index; None for the invisible root."""
        return self.rows[index.internalId()] if index.isValid() else None

    def find(self, address: str) -> Row | None:
        """The row of an address, whether it passes the filter or not."""
        return self._by_address.get(address)

    def index_of(self, address: str, column: int = 0) -> QModelIndex:
        """The index of an address; invalid if no such row passes the filter."""
        row = self.find(address)
        if row is None or not self._shown(row):
            return QModelIndex()
        return self.createIndex(row.place, column, row.id)

    def index(self, row: int, column: int, parent: Index = ROOT) -> QModelIndex:
        siblings = self._children(parent)
        if not (0 <= row < len(siblings) and 0 <= column < len(Column)):
            return QModelIndex()
        return self.createIndex(row, column, siblings[row].id)

    def parent(self, index: Index) -> QModelIndex:  # type: ignore[override]
        row = self.row_at(index)
        if row is None or row.parent is None:
            return QModelIndex()
        return self.createIndex(row.parent.place, 0, row.parent.id)

    def rowCount(self, parent: Index = ROOT) -> int:
        return len(self._children(parent)) if parent.column() <= 0 else 0

    def columnCount(self, parent: Index = ROOT) -> int:  # noqa: ARG002
        return len(Column)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return TITLES[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            right = section in (Column.SHAPE, Column.PARAMS)
            side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.row_at(index)
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(row, Column(index.column()))
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_text.tip(self._told(row))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{plain_text.line(row.address)}, {plain_text.line(row.node.type)}"
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            fused = "Fused with others" if row.address in self.together else ""
            nothing = self._remark(row)
            said = ". ".join(filter(None, (description(row), fused, nothing.capitalize())))
            return self.reason_against(row) or said
        return None

    def reason_against(self, row: Row) -> str:
        """Why an explainable row cannot be chosen now; '' if it can."""
        if self.unavailable or row.is_call:
            return self.unavailable
        return self.refused.get(row.node.name, "")

    def can_be_had(self, row: Row) -> bool:
        """Whether a row can be chosen."""
        return row.node.explainable and not self.reason_against(row)

    def _told(self, row: Row) -> str:
        reason = self.reason_against(row)
        said = reason or self._remark(row)
        return f"{tooltip(row)}\n{_sentence(said)}" if said else tooltip(row)

    def _remark(self, row: Row) -> str:
        thumbnail = self.thumbnails.get(row.address)
        return remark(thumbnail) if thumbnail is not None else ""

    def _add(self, node: LayerNode) -> None:
        parent: Row | None = None
        above = node.parent
        while above and parent is None:
            parent = self._by_address.get(above)
            above = above.rpartition(".")[0]
        label = node.name[len(parent.address) + 1 :] if parent else node.name
        row = self._append(node, node.name, label, parent)
        if node.calls > 1:
            for call in range(node.calls):
                self._append(node, f"{node.name}#{call}", f"#{call}", row)

    def _append(self, node: LayerNode, address: str, label: str, parent: Row | None) -> Row:
        row = Row(node, address, label, len(self.rows), parent)
        self.rows.append(row)
        self._by_address[address] = row
        (parent.all_children if parent else self._all_top).append(row)
        return row

    def _show(self, kept: set[int] | None) -> None:
        for row in self.rows:
            row.children = _kept(row.all_children, kept)
        self._top = _kept(self._all_top, kept)
        for siblings in (self._top, *(row.children for row in self.rows)):
            for place, row in enumerate(siblings):
                row.place = place

    def _children(self, parent: Index) -> list[Row]:
        row = self.row_at(parent)
        return row.children if row else self._top

    def _shown(self, row: Row) -> bool:
        siblings = row.parent.children if row.parent else self._top
        return row.place < len(siblings) and siblings[row.place] is row


def _sentence(reason: str) -> str:
    return f"{plain_text.line(reason[:1].upper() + reason[1:])}."


def _matches(row: Row, words: list[str]) -> bool:
    text = f"{row.address} {row.node.type}".lower()
    return all(word in text for word in words)


def _kept(rows: list[Row], kept: set[int] | None) -> list[Row]:
    return list(rows) if kept is None else [row for row in rows if row.id in kept]
