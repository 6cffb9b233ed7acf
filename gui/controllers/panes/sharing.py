"""What panes share: their links, what two of them show together, a scale and a pinned class."""

from __future__ import annotations

from dataclasses import replace

from gui.settings.store import Settings
from gui.settings.table import SCALE_END
from gui.state.notices import NoticeKind
from gui.state.scale import shared_end
from gui.state.state import State


class Sharing:
    """Fills what the state has of all panes."""

    def __init__(self, state: State, settings: Settings) -> None:
        self._state = state
        self._settings = settings

    def link(self, **changes: bool) -> None:
        """Link or release what Links names."""
        self._state.links = replace(self._state.links, **changes)
        self._state.panes_changed.emit()

    def swipe(self, on: bool) -> None:
        """Show two panes over each other with a divider, or side by side."""
        self._show_two(swiped=on)

    def differ(self, on: bool) -> None:
        """Show the difference of two panes beside them, or not."""
        self._show_two(differing=on)

    def _show_two(self, *, swiped: bool = False, differing: bool = False) -> None:
        state = self._state
        if (swiped or differing) and len(state.panes) != 2:
            state.notify(NoticeKind.INFO, "This takes two panes: press C, then choose one thing.")
            swiped = differing = False
        state.swiped, state.differing = swiped, differing
        state.panes_changed.emit()

    def end_of_two(self) -> None:
        """What two panes can show ends with another number of them; panes_changed is to follow."""
        if len(self._state.panes) != 2:
            self._state.swiped = self._state.differing = False

    def lock_scale(self, on: bool) -> None:
        """Keep the end of the colour scale from now on, or let it follow the maps again."""
        state, settings = self._state, self._settings
        end = shared_end(state.panes, replace(settings.display(), end=None)) if on else None
        settings.set(SCALE_END, float(end or 0.0))

    def pin_class(self, on: bool) -> None:
        """Keep the explained class from image to image, or no longer."""
        shown = self._state.explained_class
        if on and shown is not None:
            self.pin_index(shown.index)
            return
        self._state.pinned = None
        self._state.pinned_changed.emit()

    def pin_index(self, index: int) -> None:
        """Keep the class of this index from image to image; whoever asks explains it as well."""
        state = self._state
        if state.info is not None:
            state.pinned = state.info.classes[index]
            state.choose_target(index)
