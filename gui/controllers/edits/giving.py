"""Gives an image other edits, and has it shown and explained with them."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from engine.records.edits import Edits
from gui.controllers.edits.live import Live
from gui.controllers.edits.making import Making
from gui.controllers.explaining import Explainer
from gui.controllers.images import Images
from gui.state.images import OpenImage
from gui.state.notices import NoticeKind
from gui.state.state import State


class Giver(QObject):
    """Writes OpenImage.edits. given(OpenImage): it has other edits, which nobody knows of yet."""

    given = Signal(object)

    def __init__(
        self,
        state: State,
        images: Images,
        explainer: Explainer,
        making: Making,
        live: Live,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._images = images
        self._explainer = explainer
        self._making = making
        self._live = live
        making.made.connect(self._made)

    def show(self, image: OpenImage, edits: Edits) -> None:
        """Give an image these edits, and show it."""
        state = self._state
        if image.key not in state.images:
            state.notify(NoticeKind.INFO, f"{image.title or 'The image'} is no longer open.")
            return
        if state.current_key != image.key:
            self._images.select(image.key)
        self.write(image, edits)

    def write(self, image: OpenImage, edits: Edits) -> None:
        """Give an image these edits, whether it is shown or not."""
        state, before = self._state, image.done
        image.edits = edits
        self.given.emit(image)
        state.edits_changed.emit(image.key)
        shown = any(pane.current_key == image.key and not pane.original for pane in state.panes)
        if not shown:
            return
        if image.done != before or state.answer is None or state.pane.computing:
            self._void(image)
        self._making.follow()
        if image.loaded_with(image.done) is not None:
            # Nothing has to be made: it is the original again, or what was made last.
            state.image_updated.emit(image.key)
            self._made(image.key)

    def _void(self, image: OpenImage) -> None:
        """What is known of an image does not hold any more; its map stays until the new one."""
        state = self._state
        for pane in state.panes:
            if pane.current_key == image.key and not pane.original:
                self._explainer.void(None if pane is state.pane else pane)
                pane.answer = pane.sweep = None
        if state.pane.current_key == image.key and not state.pane.original:
            state.sweep_changed.emit()

    def _made(self, key: str) -> None:
        """Explain what is there now. A map of another frame would lie in the wrong place."""
        state = self._state
        self._live.forget()
        for pane in state.panes:
            loaded, shown = state.loaded_of(pane), pane.explanation
            if pane.current_key != key or loaded is None or shown is None:
                continue
            if shown.image_size != (loaded.width, loaded.height):
                pane.explanation = None
        if state.current_key == key and not state.pane.original:
            self._explainer.explain()
