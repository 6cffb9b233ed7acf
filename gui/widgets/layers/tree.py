"""The layer tree panel: filter, navigate with the arrow keys, click to explain."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QMimeData, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine.records.explanations import JOINT
from engine.records.models import LayerNode
from gui.toolkit import plain_text, theme
from gui.toolkit.controls.hint_card import HintCard
from gui.toolkit.controls.search_field import SearchField
from gui.toolkit.labels import ElidedLabel, label
from gui.toolkit.row_drag import RowDrag, compared
from gui.widgets.layers.menu import Fusing, menu_for
from gui.widgets.layers.model import LayerModel
from gui.widgets.layers.rows import Row, description, shape_text
from gui.widgets.layers.view import LayerView

GAP = theme.SPACE
_ROOM_FOR_HINT = 300
SMALL_TREE = 40
"""A new model with up to this many rows is shown fully expanded."""


class LayerTree(QWidget):
    """Panel 'Layers'.

    layer_chosen(address): the user selected an explainable row, or pressed it again; or several to
    be fused, by Ctrl, Shift or the menu, whose addresses it joins. For other rows, the reason is
    shown at the bottom. layout_chosen(layer, Layout or None): the layout for the output of a layer,
    None to detect it. channel_wanted(address): one of its channels is to be asked about.
    menu_filled(QMenu, address): the context menu of a row is about to be shown; more may be added.
    """

    layer_chosen = Signal(str)
    layout_chosen = Signal(str, object)
    menu_filled = Signal(QMenu, str)
    channel_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = LayerModel(self)
        self._expanded: set[str] | None = None
        self._left: str | None = None
        self._bare = ""
        self._unfusable = ""
        self._chosen_rows: tuple[str, ...] = ()
        self._silent = False
        self._card: HintCard | None = None
        self._title = ElidedLabel("dim")
        tip = "Words in a layer's name or type, such as 'layer4 relu'"
        self._filter = SearchField("Filter layers", tip)
        self._view = LayerView(self._model)
        self._message = label(role="dim")
        self._message.setWordWrap(True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setContentsMargins(24, 24, 24, 24)
        self._where = ElidedLabel("dim")
        self._note = label(role="dim")
        self._note.setWordWrap(True)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._message)
        self._stack.addWidget(self._view)
        self._lay_out()
        self._filter.textChanged.connect(self._apply_filter)
        self._filter.left.connect(self._enter_tree)
        self._filter.entered.connect(self._enter_tree)
        self._view.selectionModel().currentChanged.connect(self._moved)
        RowDrag(self._view, self._dragged)
        self._view.pressed_again.connect(self._chosen)
        self._view.menu_wanted.connect(self._show_menu)
        self._view.toggled.connect(lambda index: self._fuse(self._toggled(index), index))
        self._view.stretched.connect(lambda index: self._fuse(self._stretched(index), index))
        self.set_message("No model")

    def set_layers(self, layers: tuple[LayerNode, ...], title: str = "") -> None:
        """Show the layers of a model in the order of its modules; title is its name."""
        self._silent = True
        self._filter.clear()
        self._expanded = None
        self._model.set_layers(layers)
        self._silent = False
        self._title.show_text(title)
        self._view.fit_columns()
        if len(self._model.rows) <= SMALL_TREE:
            self._view.expandAll()
        default = next((node.name for node in layers if node.default and node.name), None)
        if default is not None:
            self._go_to(default)
            self._choose_rows((default,))
        self._filter.setEnabled(True)
        self._describe(None)
        self._stack.setCurrentWidget(self._view)

    def set_message(self, text: str) -> None:
        """Show text instead of the tree, such as 'No model'."""
        self._message.show_text(text)
        self._filter.setEnabled(False)
        self._title.clear()
        self._say("")
        self._stack.setCurrentWidget(self._message)

    def select(self, name: str) -> None:
        """Select the layer, or those that the name joins, and describe it, without a signal;
        set_explained marks it."""
        parts = self._model.parts(name)
        index = self._go_to(parts[-1])
        self._choose_rows(parts)
        if index.isValid():
            self._describe(self._model.row_at(index))

    def set_explained(self, name: str | None) -> None:
        """Mark the layer whose map is shown; the current row does not change."""
        self._model.explained = name
        self._view.viewport().update()

    def set_unavailable(self, reason: str, bare: str = "") -> None:
        """Say why no layer can be chosen, and grey all; '' makes them available again.

        bare: why they can be chosen but have no thumbnails; '' if they have.
        """
        if (reason, bare) == (self._model.unavailable, self._bare):
            return
        self._model.unavailable, self._bare = reason, bare
        self._view.viewport().update()
        self._describe(self._model.row_at(self._view.currentIndex()))

    def set_unfusable(self, reason: str) -> None:
        """Say why maps of several layers cannot be fused; '' where they can."""
        self._unfusable = reason

    def set_refused(self, reasons: Mapping[str, str]) -> None:
        """Say why single layers cannot be chosen, by name, and grey these alone."""
        if reasons == self._model.refused:
            return
        self._model.refused = reasons
        self._view.viewport().update()
        self._describe(self._model.row_at(self._view.currentIndex()))

    def current(self) -> str | None:
        """Address of the current row ('layer4', 'relu#0'), explainable or not."""
        row = self._model.row_at(self._view.currentIndex())
        return row.address if row else None

    def explained(self) -> str | None:
        """Address of the row marked as explained."""
        return self._model.explained

    def set_thumbnails(self, thumbnails: dict[str, QImage]) -> None:
        """Add thumbnails by address; those of other rows stay."""
        self._model.thumbnails.update(thumbnails)
        self._view.viewport().update()

    def clear_thumbnails(self) -> None:
        """Remove all thumbnails; their space stays reserved."""
        self._model.thumbnails.clear()
        self._view.viewport().update()

    def set_hint(self, hint: HintCard) -> None:
        """Add a hint below the rows, which is shown where it leaves rows to click."""
        self._card = hint
        self._hint.addWidget(hint)
        hint.set_room(self.height() >= _ROOM_FOR_HINT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._card is not None:
            self._card.set_room(self.height() >= _ROOM_FOR_HINT)

    def focus_filter(self) -> None:
        """Focus the filter field."""
        self._filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._filter.selectAll()

    def _lay_out(self) -> None:
        header = label("Layers", "header")
        header.setBuddy(self._filter)
        self._title.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        top = QHBoxLayout()
        top.setContentsMargins(8, 0, 8, 0)
        top.setSpacing(8)
        top.addWidget(header)
        top.addWidget(self._title, 1)
        middle = QHBoxLayout()
        middle.setContentsMargins(8, 0, 8, 0)
        middle.addWidget(self._filter)
        for below in (self._where, self._note):
            below.setContentsMargins(8, 0, 8, 0)
        self._note.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._note.setFixedHeight(2 * self._note.fontMetrics().lineSpacing())
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 8, 0, 4)
        box.setSpacing(GAP)
        box.addLayout(top)
        box.addLayout(middle)
        box.addWidget(self._stack, 1)
        self._hint = QHBoxLayout()
        self._hint.setContentsMargins(8, 0, 8, 0)
        box.addLayout(self._hint)
        box.addWidget(self._where)
        box.addWidget(self._note)
        self.setMinimumWidth(160)
        self.setAccessibleName("Layers")
        self.setProperty("panel", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusProxy(self._view)

    def _apply_filter(self, text: str) -> None:
        here = self.current()
        if self._expanded is None and text.strip():
            self._expanded = self._view.expanded_addresses()
            self._left = here
        self._silent = True
        matches = self._model.filter(text)
        if text.strip():
            self._view.expandAll()
        else:
            self._view.expand_addresses(self._expanded or set())
            self._expanded = None
        # The filter may have hidden the row that was current before.
        for address in (here, self._left, self._model.explained):
            if address is not None and self._model.index_of(address).isValid():
                self._reveal(address)
                self._view.setCurrentIndex(self._model.index_of(address))
                self._view.scrollTo(self._view.currentIndex())
                break
        self._silent = False
        if not self._model.rows:
            return
        self._message.show_text(f"No layer matches “{text.strip()}”")
        self._stack.setCurrentWidget(self._view if matches else self._message)

    def _enter_tree(self) -> None:
        self._view.setFocus(Qt.FocusReason.OtherFocusReason)
        if not self._view.currentIndex().isValid():
            self._view.setCurrentIndex(self._model.index(0, 0))

    def _go_to(self, address: str) -> QModelIndex:
        """Select a row without a signal. Otherwise Qt would select the first one on focus."""
        self._reveal(address)
        index = self._model.index_of(address)
        if index.isValid():
            self._silent = True
            self._view.setCurrentIndex(index)
            self._view.scrollTo(index)
            self._silent = False
        return index

    def _reveal(self, address: str) -> None:
        row = self._model.find(address)
        if row is None:
            return
        for above in reversed(list(row.ancestors())):
            self._view.expand(self._model.index_of(above.address))
        index = self._model.index_of(address)
        if index.isValid():
            self._view.scrollTo(index)

    def _moved(self, index: QModelIndex, _previous: QModelIndex) -> None:
        if not self._silent and index.isValid():
            self._chosen(index)

    def _chosen(self, index: QModelIndex) -> None:
        row = self._model.row_at(index)
        if row is None:
            return
        if self._model.can_be_had(row):
            self._choose_rows((row.address,))
            self._describe(row)
            self.layer_chosen.emit(row.address)
        else:
            self._describe(row)

    def _dragged(self, place: QPoint) -> QMimeData | None:
        row = self._model.row_at(self._view.indexAt(place))
        if row is None or not self._model.can_be_had(row):
            return None
        return compared("layer", row.address, row.address)

    def _show_menu(self, index: QModelIndex, place: QPoint) -> None:
        row = self._model.row_at(index)
        if row is not None:
            fusing = self._fusing(row, index)
            ask = self.channel_wanted.emit if row.node.explainable else None
            menu = menu_for(row.node, row.address, self.layout_chosen.emit, self, fusing, ask)
            self.menu_filled.emit(menu, row.address)
            menu.popup(place)

    # --- several layers --------------------------------------------------------------------------

    def _choose_rows(self, addresses: tuple[str, ...]) -> None:
        """Note which rows are chosen; several of them are to be fused."""
        self._chosen_rows = addresses
        self._model.together = frozenset(addresses if len(addresses) > 1 else ())
        self._view.viewport().update()

    def _toggled(self, index: QModelIndex) -> set[str]:
        """The chosen rows with this one, or without it; one at least stays."""
        row = self._model.row_at(index)
        chosen = set(self._chosen_rows) ^ ({row.address} if row is not None else set())
        return chosen or set(self._chosen_rows)

    def _stretched(self, index: QModelIndex) -> set[str]:
        """The rows from the current one to this one that can be explained."""
        shown = self._view.shown_between(self._view.currentIndex(), index)
        rows = (self._model.row_at(one) for one in shown)
        return {row.address for row in rows if row is not None and self._model.can_be_had(row)}

    def _fuse(self, addresses: set[str], index: QModelIndex) -> None:
        """Choose these rows, in the order of the tree, whose maps are to be fused."""
        pressed = self._model.row_at(index)
        if pressed is None or not self._model.can_be_had(pressed):
            self._describe(pressed)
            return
        if len(addresses) > 1 and self._unfusable:
            self._say(pressed.address, f"{self._unfusable}.")
            return
        rows = [row for row in self._model.rows if row.address in addresses]
        chosen = tuple(row.address for row in rows)
        if not chosen or chosen == self._chosen_rows:
            return
        self._go_to(pressed.address if pressed.address in addresses else chosen[-1])
        self._choose_rows(chosen)
        self._describe(self._model.row_at(self._view.currentIndex()))
        self.layer_chosen.emit(JOINT.join(chosen))

    def _fusing(self, row: Row, index: QModelIndex) -> Fusing | None:
        """What the menu of a row offers; None where nothing could be fused with it."""
        chosen = self._chosen_rows
        if not self._model.can_be_had(row) or chosen in ((), (row.address,)):
            return None
        text = f"Fuse with {JOINT.join(chosen)}"
        if row.address in chosen:
            text = "Leave out of the fused map"
        reason = f"{self._unfusable}." if self._unfusable else ""
        return Fusing(text, reason, lambda: self._fuse(self._toggled(index), index))

    def _describe(self, row: Row | None) -> None:
        together = row is not None and row.address in self._model.together
        if together and not self._model.unavailable:
            more = self._bare or "Ctrl+click adds a layer, or leaves it out"
            said = f"{len(self._chosen_rows)} layers, fused\n{more}"
            self._say(JOINT.join(self._chosen_rows), said)
        elif self._model.unavailable:
            self._say(row.address if row is not None else "", f"{self._model.unavailable}.")
        elif row is None:
            self._say("", self._bare)
        elif row.node.explainable and (reason := self._model.reason_against(row)):
            self._say(row.address, f"{reason[:1].upper()}{reason[1:]}.")
        elif row.node.explainable:
            told = f"{row.node.type} · {shape_text(row.node.shape)}"
            self._say(row.address, f"{told}\n{self._bare}" if self._bare else told)
        else:
            self._say(row.address, description(row))

    def _say(self, where: str, text: str = "") -> None:
        self._where.show_text(where)
        self._note.show_text(text)
        self._note.setToolTip(plain_text.tip(text))
