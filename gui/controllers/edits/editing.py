"""Edits of the current image: added, changed, switched off and undone.

A step that is finished goes onto the stack of what can be undone. What is still being drawn is a
draft: the edits as they would be. The network's answer to it follows at once (gui/controllers/
edits/live.py), its pixels and its map when the hand rests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from engine.records.edits import MOST_EDITS, NO_EDITS, Crop, Edit, Edits, Paste, Point, Rectangle
from gui.controllers.edits.cutting import cut_out
from gui.controllers.edits.giving import Giver
from gui.controllers.edits.live import Live
from gui.controllers.edits.making import Making
from gui.controllers.explaining import Explainer
from gui.controllers.images import Images
from gui.controllers.panes.comparing import Comparer
from gui.controllers.undo.history import History
from gui.state.images import OpenImage
from gui.state.notices import NoticeKind
from gui.state.state import State

REST_MS = 250
"""The hand rests when it has not moved for so long."""


class Editor(QObject):
    """drafted: the draft is another one. selected_changed: another edit of the list is selected, or
    none."""

    drafted = Signal()
    selected_changed = Signal()

    def __init__(
        self,
        state: State,
        history: History,
        images: Images,
        explainer: Explainer,
        comparer: Comparer,
        making: Making,
        live: Live,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._history = history
        self._explainer = explainer
        self._comparer = comparer
        self._making = making
        self._live = live
        self._draft: tuple[str, Edits, Edits] | None = None
        """The image's key, its edits before, and the draft."""
        self.selected = -1
        """The place of the selected edit; -1 for none."""
        self.copied: tuple[str, Rectangle, int] | None = None
        """Path or name of an image, a part of it, and its page."""
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._rested)
        self._giver = Giver(state, images, explainer, making, live, self)
        self._giver.given.connect(self._trim)
        state.current_changed.connect(self._left)

    # --- what is there ---------------------------------------------------------------------------

    @property
    def edits(self) -> Edits:
        """The edits of the current image, as the draft would have them."""
        if self._draft is not None:
            return self._draft[2]
        image = self._state.current
        return image.edits if image is not None else NO_EDITS

    @property
    def drafting(self) -> bool:
        """Whether something is being drawn."""
        return self._draft is not None

    @property
    def chosen(self) -> Edit | None:
        """The selected edit."""
        steps = self.edits.steps
        return steps[self.selected] if 0 <= self.selected < len(steps) else None

    def select(self, place: int) -> None:
        """Select an edit; -1 for none."""
        if place != self.selected:
            self.selected = place
            self.selected_changed.emit()

    def _trim(self, image: OpenImage) -> None:
        """The selected edit may not be there any more."""
        if image is self._state.current and self.selected >= len(image.edits.steps):
            self.select(-1)

    # --- finished steps --------------------------------------------------------------------------

    def add(self, edit: Edit, words: str) -> None:
        """Add an edit after all others. words: for the menu, as in History.do."""
        self.set(Edits((*self.edits.steps, edit)), words)
        self.select(len(self.edits.steps) - 1)

    def put(self, place: int, edit: Edit, words: str) -> None:
        """Put an edit in the place of another one."""
        self.set(exchanged(self.edits, place, edit), words)

    def remove(self, place: int, words: str = "remove edit") -> None:
        """Remove an edit."""
        steps = self.edits.steps
        self.set(Edits(steps[:place] + steps[place + 1 :]), words)

    def switch(self, place: int, on: bool) -> None:
        """Switch an edit on or off."""
        edit: Edit = replace(self.edits.steps[place], on=on)
        self.put(place, edit, "switch edit on" if on else "switch edit off")

    def clear(self) -> None:
        """Remove all edits."""
        self.set(NO_EDITS, "remove all edits")

    def set(self, edits: Edits, words: str) -> None:
        """Give the current image these edits, as one step."""
        image = self._state.current
        if image is None or self._too_many(edits):
            return
        self._draft = None
        self._rest.stop()
        self._step(image, image.edits, edits, words)

    def crop(self, part: Rectangle) -> None:
        """Leave only a part of the image, and show the whole beside it."""
        image = self._state.current
        if image is None:
            return
        self._draft = None
        before = image.edits
        steps = tuple(edit for edit in before.steps if not isinstance(edit, Crop))
        after = Edits((*steps, Crop(part)))
        if self._too_many(after):
            return
        beside = not any(pane.original for pane in self._state.panes)

        def do() -> None:
            self._giver.show(image, after)
            if beside and len(self._state.panes) == 1:
                self._comparer.compare_original(first=True)

        def undo() -> None:
            self._giver.show(image, before)
            others = [pane for pane in self._state.others if pane.original]
            # The one that this step opened, also where other edits stay.
            if beside and others:
                self._comparer.close(others[0].number)

        self._history.do("crop", do, undo)
        self.select(len(after.steps) - 1)

    def _too_many(self, edits: Edits) -> bool:
        """Whether these could not be opened again; says so."""
        if len(edits.steps) <= MOST_EDITS:
            return False
        self._state.notify(
            NoticeKind.INFO,
            f"An image has at most {MOST_EDITS:,} edits. Remove some of them first.",
        )
        return True

    def copy_part(self, part: Rectangle) -> None:
        """Keep a part of the current image, to be pasted on others."""
        image = self._state.current
        if image is None:
            return
        if image.path is not None:
            self.copied = str(image.path), part, image.page
        else:
            found = cut_out(image, part)
            if found is None:
                return
            name, piece, inner = found
            self._state.pieces.setdefault(name, piece)
            self.copied = name, inner, 1
        size = f"{round(part.width)} × {round(part.height)}"
        self._state.notify(
            NoticeKind.INFO,
            f"Copied {size} pixels. Show another image, and press Shift+Y to paste them there.",
        )

    def paste_part(self, middle: Point) -> None:
        """Paste the part that was copied last, with its middle here, in pixels of the image."""
        if self.copied is None:
            self._state.notify(
                NoticeKind.INFO, "Copy a part of an image first: press Y, and draw a rectangle."
            )
            return
        source, part, page = self.copied
        at = middle[0] - part.width / 2, middle[1] - part.height / 2
        self.add(Paste(source, part, at, page=page), "paste part")

    def give_others(self, keys: Sequence[str]) -> None:
        """Give other images the edits of the current one."""
        edits = self.edits
        if self._too_many(edits):
            return
        images = [self._state.images[key] for key in keys if key in self._state.images]
        before = {image.key: image.edits for image in images}

        def do() -> None:
            for image in images:
                self._giver.write(image, edits)

        def undo() -> None:
            for image in images:
                self._giver.write(image, before[image.key])

        if images:
            self._history.do("apply edits to other images", do, undo)
            words = "1 other image" if len(images) == 1 else f"{len(images):,} other images"
            self._state.notify(NoticeKind.INFO, f"Applied the edits to {words}.")

    def take(self, key: str, edits: Edits, words: str) -> None:
        """Give an image these edits, as one step; nothing if it has been closed."""
        image = self._state.images.get(key)
        if image is not None and not self._too_many(edits):
            self._step(image, image.edits, edits, words)

    def _step(
        self, image: OpenImage, before: Edits, after: Edits, words: str, joins: str = ""
    ) -> None:
        if before == after:
            self._giver.show(image, after)
            return
        show = self._giver.show
        self._history.do(
            words, lambda: show(image, after), lambda: show(image, before), joins=joins
        )

    # --- drafts ----------------------------------------------------------------------------------

    def draft(self, edits: Edits, *, rest: bool = True) -> None:
        """Show what edits would be like, while the user still draws. rest: their pixels and their
        map follow when the hand rests."""
        image = self._state.current
        if image is None or self._too_many(edits):
            return
        before = self._draft[1] if self._draft is not None else image.edits
        if self._draft is not None and self._draft[2] == edits:
            return
        self._draft = image.key, before, edits
        self._rest.start() if rest else self._rest.stop()
        self._making.stop(image.key)
        self._explainer.void()
        self._live.ask(image, Edits(edits.active))
        self.drafted.emit()

    def finish(self, words: str, joins: str = "") -> None:
        """What was drafted is an edit from now on, which can be undone. joins: as in History.do."""
        if self._draft is None:
            return
        key, before, after = self._draft
        image = self._state.images.get(key)
        self._draft = None
        self._rest.stop()
        if image is not None:
            self._step(image, before, after, words, f"{joins} {key}" if joins else "")

    def abandon(self) -> None:
        """Drop the draft."""
        if self._draft is None:
            return
        key, before, _ = self._draft
        self._draft = None
        self._rest.stop()
        image = self._state.images.get(key)
        if image is not None:
            self._giver.show(image, before)

    def _rested(self) -> None:
        if self._draft is not None:
            key, _, edits = self._draft
            image = self._state.images.get(key)
            if image is not None:
                self._giver.show(image, edits)

    def _left(self) -> None:
        """Another image is shown: what was drawn on this one is finished."""
        self.select(-1)
        if self._draft is None or self._state.current_key == self._draft[0]:
            return
        key, before, after = self._draft
        self._draft = None
        self._rest.stop()
        image, show = self._state.images.get(key), self._giver.show
        if image is not None and before != after:
            # Without going back to it.
            self._giver.write(image, after)
            self._history.do(
                "edit image", lambda: show(image, after), lambda: show(image, before), done=True
            )


def exchanged(edits: Edits, place: int, edit: Edit) -> Edits:
    """The edits with another one at a place."""
    return Edits((*edits.steps[:place], edit, *edits.steps[place + 1 :]))
