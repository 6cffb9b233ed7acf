"""Closes images, and opens them again with what was chosen for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from engine.records.sources import ModelSource
from gui.controllers.strip.reading import Reader
from gui.controllers.undo.history import History
from gui.state.images import OpenImage
from gui.state.notices import REOPEN
from gui.state.state import State

_MOST_CLOSED = 10
"""How often closing can be undone."""


@dataclass(frozen=True, slots=True, eq=False)
class _Closed:
    """Images that were closed at once. order: the keys of all that were open, as they stood.
    current: the key of the one that was shown, None if it was another; layer: that was selected
    then, with this model."""

    images: list[OpenImage]
    order: tuple[str, ...]
    current: str | None
    layer: str | None
    model: ModelSource | None


class Closing(QObject):
    """Takes images out of the state, and puts them back. select: makes an image the current one.

    none_left: the last image was closed. reopened(layer): images that were closed are open again,
    and this layer was selected then; None for the default one.
    """

    none_left = Signal()
    reopened = Signal(object)

    def __init__(
        self,
        state: State,
        history: History,
        reader: Reader,
        select: Callable[[str], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._history = history
        self._reader = reader
        self._select = select
        self._closed: list[_Closed] = []

    def close(self, keys: Sequence[str]) -> None:
        """Close images at once, which undo and reopen bring back together."""
        state = self._state
        closing = [state.images[key] for key in keys if key in state.images]
        if not closing:
            return
        keys = [image.key for image in closing]
        current = state.current_key if state.current_key in keys else None
        closed = _Closed(closing, tuple(state.images), current, state.layer, state.model_source)
        self._close(closed)
        self._history.do(
            f"close {_counted(closed)}",
            lambda: self._close(closed),
            lambda: self._bring_back(closed, stay=True),
            done=True,
        )

    @property
    def can_reopen(self) -> bool:
        """Whether images were closed that can be opened again."""
        return bool(self._closed)

    def reopen(self) -> None:
        """Open the images again that were closed last, with what was chosen for them."""
        if not self._closed:
            return
        closed = self._closed[-1]
        self._bring_back(closed)
        self._history.do(
            f"reopen {_counted(closed)}",
            lambda: self._bring_back(closed),
            lambda: self._close(closed),
            done=True,
        )

    def _close(self, closed: _Closed) -> None:
        self._closed.append(closed)
        del self._closed[:-_MOST_CLOSED]
        there = [image.key for image in closed.images if image.key in self._state.images]
        # The current one goes last, so that no other is read on the way.
        for key in sorted(there, key=lambda key: key == self._state.current_key):
            self._close_one(key)

    def _close_one(self, key: str) -> None:
        state = self._state
        image = state.images[key]
        if key == state.current_key:
            state.note_left()
        if image.path is not None:
            # It can be read again.
            image.let_go()
        keys = list(state.images)
        place = keys.index(key)
        del state.images[key]
        self._reader.forget(key)
        state.image_removed.emit(key)
        if key != state.current_key:
            return
        keys.remove(key)
        if keys:
            self._select(keys[min(place, len(keys) - 1)])
            return
        state.current_key = None
        self.none_left.emit()
        state.current_changed.emit()

    def _bring_back(self, closed: _Closed, *, stay: bool = False) -> None:
        """Open images again, and show one of them. stay: where none of them was shown when they
        were closed, what is shown now stays."""
        if closed in self._closed:
            self._closed.remove(closed)
        self._state.withdraw(REOPEN)
        state = self._state
        known = state.keys_by_path
        images = [one for one in closed.images if one.path is None or one.path not in known]
        for image in self._put_back(closed, images):
            state.image_added.emit(image.key)
            if image.path is not None:
                self._reader.thumbnail(image.key, image.path)
            elif image.loaded is not None:
                self._reader.draw_thumbnail(image.key, image.loaded)
        keys = [image.key for image in images]
        if stay and closed.current is None and state.current_key is not None:
            return
        if keys:
            self._select(closed.current if closed.current in keys else keys[0])
            if closed.current in keys and closed.model == state.model_source:
                self.reopened.emit(closed.layer)
        else:
            state.current_changed.emit()

    def _put_back(self, closed: _Closed, images: list[OpenImage]) -> list[OpenImage]:
        """Put images where they stood, each behind the open one that it stood behind; returns them
        in their order."""
        state = self._state
        coming = {image.key: image for image in images}
        behind: dict[str | None, list[str]] = {}
        before = None
        for key in closed.order:
            if key in coming:
                behind.setdefault(before, []).append(key)
            elif key in state.images:
                before = key
        order = list(behind.get(None, ()))
        for key in state.images:
            order += [key, *behind.get(key, ())]
        known = {**state.images, **coming}
        state.images.clear()
        state.images.update({key: known[key] for key in order})
        return [coming[key] for key in order if key in coming]


def _counted(closed: _Closed) -> str:
    count = len(closed.images)
    return "image" if count == 1 else f"{count:,} images"
