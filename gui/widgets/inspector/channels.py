"""The page Channels: a gallery of the layer's channels, a histogram, and their strongest images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import plain_text, theme
from gui.toolkit.charts.charts import Histogram
from gui.toolkit.controls.segments import Segments
from gui.toolkit.labels import ElidedLabel, label
from gui.widgets.inspector.tiles import Draw, Tile, TileView

SIDE = 16 * theme.SPACE
_STRONGEST_SIDE = 14 * theme.SPACE
_CHART_WIDTH = 60 * theme.SPACE
_STRONGEST_WIDTH = 56 * theme.SPACE

KINDS: Final = (
    ("activation", "Feature maps", "What each channel responds to"),
    ("gradient", "Gradients", "What a change of each cell changes about the class"),
    ("weighted", "Weight × activation", "What each channel adds to the Grad-CAM map"),
)
SORTS: Final = (
    ("contribution", "By contribution"),
    ("weight", "By weight"),
    ("activation", "By activation"),
    ("gradient", "By gradient"),
)
_RELU: Final = (
    ("before", "Before ReLU", "With what is below zero"),
    ("after", "After ReLU", "What is below zero is zero"),
)


class ChannelsPage(QWidget):
    """changed: kind, order, ReLU or scale is another. channel_chosen(index). image_chosen(key): one
    of the strongest."""

    changed = Signal()
    channel_chosen = Signal(int)
    image_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.kinds = Segments("Show", KINDS)
        self.relu = Segments("ReLU", _RELU)
        self.sort = QComboBox()
        self.one_scale = QCheckBox("One scale")
        self._words = ElidedLabel("dim")
        self._message = label("", "dim")
        self.gallery = TileView("Channels", SIDE)
        self.histogram = Histogram("Channel weights", "weight", "channels")
        self.strongest = TileView("Strongest images", _STRONGEST_SIDE)
        self._strongest_words = ElidedLabel("dim")
        self._side = QWidget()
        self._stack = QStackedWidget()
        self._lay_out()
        self._connect()

    def set_message(self, text: str) -> None:
        """Show a text in place of the gallery."""
        self._message.show_text(text)
        self._stack.setCurrentIndex(0)
        self.histogram.setVisible(False)
        self._words.show_text("")
        self.show_strongest("", (), lambda _key, _side: None)

    def set_channels(self, words: str, tiles: Sequence[Tile], draw: Draw) -> None:
        """Show channels; words: of which layer and class."""
        before = self.gallery.marked()
        self._words.show_text(words)
        self.gallery.set_tiles(tiles, draw)
        self.gallery.mark(before)
        self.histogram.setVisible(True)
        self._stack.setCurrentIndex(1)

    def mark(self, index: int | None) -> None:
        """Mark the channel that is on the canvas; None for none."""
        self.gallery.mark("" if index is None else str(index))

    def show_strongest(self, words: str, tiles: Sequence[Tile], draw: Draw) -> None:
        """Show the images on which a channel is strongest; without words, nothing."""
        self._side.setVisible(bool(words))
        self._strongest_words.show_text(words)
        keys = tuple(tile.key for tile in tiles)
        if keys != self.strongest.listed():
            self.strongest.set_tiles(tiles, draw)
        else:
            self.strongest.redraw(draw)

    @property
    def kind(self) -> str:
        """What is shown: the first value of a row in KINDS."""
        return self.kinds.current()

    @property
    def after_relu(self) -> bool:
        return self.relu.current() == "after"

    @property
    def order(self) -> str:
        """What the channels are sorted by: the first value of a row in SORTS."""
        return str(self.sort.currentData())

    @property
    def on_one_scale(self) -> bool:
        return self.one_scale.isChecked()

    def _lay_out(self) -> None:
        for name, title in SORTS:
            self.sort.addItem(plain_text.entry(title), name)
        self.sort.setAccessibleName("Order of the channels")
        self.one_scale.setToolTip(plain_text.tip("Colour all channels by the same values"))
        self.kinds.show_choice("activation")
        self.relu.show_choice("before")
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setWordWrap(True)
        head = QHBoxLayout()
        head.setContentsMargins(2 * theme.SPACE, theme.SPACE, 2 * theme.SPACE, theme.SPACE)
        head.setSpacing(3 * theme.SPACE)
        for widget in (self.kinds, self.relu, self.sort, self.one_scale):
            head.addWidget(widget)
        head.addWidget(self._words, 1)
        self._stack.addWidget(self._message)
        self._stack.addWidget(self.gallery)
        self.histogram.setFixedWidth(_CHART_WIDTH)
        side = QVBoxLayout(self._side)
        side.setContentsMargins(2 * theme.SPACE, 0, 0, 0)
        side.setSpacing(0)
        side.addWidget(self._strongest_words)
        side.addWidget(self.strongest, 1)
        self._side.setFixedWidth(_STRONGEST_WIDTH)
        body = QHBoxLayout()
        body.setContentsMargins(theme.SPACE, 0, theme.SPACE, 0)
        body.setSpacing(theme.SPACE)
        body.addWidget(self._stack, 1)
        body.addWidget(self.histogram)
        body.addWidget(self._side)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addLayout(body, 1)

    def _connect(self) -> None:
        self.kinds.chosen.connect(lambda _value: self.changed.emit())
        self.relu.chosen.connect(lambda _value: self.changed.emit())
        self.sort.currentIndexChanged.connect(lambda _place: self.changed.emit())
        self.one_scale.toggled.connect(lambda _on: self.changed.emit())
        self.gallery.chosen.connect(lambda key: self.channel_chosen.emit(int(key)))
        self.strongest.chosen.connect(self.image_chosen)
