"""Shows the hints of the first start, each in the panel it is about.

A hint is dismissed permanently by its cross, and when its advice was followed: by a click on a
layer, and by an image or a model of the user's own. The
third hint is the invitation of the first scene, over the image (gui/presenters/notices.py).
"""

from __future__ import annotations

from PySide6.QtCore import QObject

from engine.formats.demo import TITLES
from gui.settings import table
from gui.settings.store import Settings
from gui.state.state import State
from gui.toolkit.controls.hint_card import HintCard
from gui.window.main_window import MainWindow

LAYERS = "Click any layer to see its heat map."
OWN_FILES = "Drop your own images or model anywhere on this window."

_OF_LAYERS, _OF_FILES = "layers", "own files"
FIRST_HINTS = (_OF_LAYERS, _OF_FILES)
"""The names under which settings.hint_seen stores that they were dismissed."""

_BESIDE = 216


class FirstHints(QObject):
    """Puts the cards into the panels and stores which were dismissed."""

    def __init__(self, window: MainWindow, state: State, settings: Settings) -> None:
        super().__init__(window)
        self._state = state
        self._settings = settings
        layers, own_files = HintCard(LAYERS), HintCard(OWN_FILES, _BESIDE)
        window.tree.set_hint(layers)
        window.strip.set_hint(own_files)
        window.strip.folded_changed.connect(own_files.set_flat)
        own_files.set_flat(window.strip.folded)
        self._cards = {_OF_LAYERS: layers, _OF_FILES: own_files}
        for name, card in self._cards.items():
            card.closed.connect(lambda name=name: settings.mark_hint_seen(name))
        window.tree.layer_chosen.connect(self._layer_chosen)
        settings.changed.connect(self._changed)
        state.image_added.connect(self._image_added)
        state.model_changed.connect(self._model_changed)
        self._show()

    def _layer_chosen(self) -> None:
        self._settings.mark_hint_seen(_OF_LAYERS)

    def _image_added(self, key: str) -> None:
        if self._state.images[key].scene is None:
            self._settings.mark_hint_seen(_OF_FILES)

    def _model_changed(self) -> None:
        source = self._state.model_source
        if source is not None and source.spec not in TITLES:
            self._settings.mark_hint_seen(_OF_FILES)

    def _changed(self, key: str) -> None:
        # After a reset of all settings, they are shown again.
        if key == table.HINTS_SEEN.key:
            self._show()

    def _show(self) -> None:
        for name, card in self._cards.items():
            card.setVisible(not self._settings.hint_seen(name))
