"""The page Layers: the maps of all layers as a film strip, first to last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from gui.toolkit import theme
from gui.toolkit.imaging import remark
from gui.toolkit.labels import label
from gui.widgets.inspector.tiles import Tile, TileView

SIDE = 24 * theme.SPACE


class FilmPage(QWidget):
    """layer_chosen(address): by click or Return."""

    layer_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.view = TileView("Maps of all layers", SIDE, film=True)
        self._message = label("", "dim")
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setWordWrap(True)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._message)
        self._stack.addWidget(self.view)
        box = QVBoxLayout(self)
        box.setContentsMargins(theme.SPACE, 0, theme.SPACE, 0)
        box.addWidget(self._stack)
        self.view.chosen.connect(self.layer_chosen)

    def set_message(self, text: str) -> None:
        """Show a text in place of the film."""
        self._message.show_text(text)
        self._stack.setCurrentWidget(self._message)

    def set_layers(self, layers: Sequence[tuple[str, str]]) -> None:
        """Set the layers, each (address, size of its map in words); pictures follow."""
        tiles = [Tile(name, name, size, f"{name}\n{size}") for name, size in layers]
        self.view.set_tiles(tiles, lambda _key, _side: None)
        self._stack.setCurrentWidget(self.view)

    def set_pictures(self, pictures: Mapping[str, QImage]) -> None:
        """Set the pictures by address; a remark on one takes the place of the map's size."""
        remarks = {key: remark(picture) for key, picture in pictures.items()}
        self.view.redraw(lambda key, _side: pictures.get(key), remarks)

    def mark(self, address: str) -> None:
        """Mark the layer that is explained."""
        self.view.mark(address)
