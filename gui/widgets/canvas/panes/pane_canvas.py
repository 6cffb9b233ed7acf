"""The canvas of one pane: what several panes share is shown outside it, and the pointer's place in
another pane inside it."""

from __future__ import annotations

from PySide6.QtCore import QPointF

from gui.toolkit import plain_text
from gui.widgets.canvas.hud import Hud
from gui.widgets.canvas.image_canvas import ImageCanvas


class PaneCanvas(ImageCanvas):
    """An ImageCanvas that may be one of several."""

    # Asked for before the base class is complete.
    _plain = False
    _ghost: QPointF | None = None
    _prompt = ""

    def set_parts(self, *, caption: bool, bar: bool) -> None:
        """Choose whether the caption, and the colour bar, belong to this canvas."""
        if (caption, bar) != (self._captioned, self._barred):
            self._captioned, self._barred = caption, bar
            self.set_band(self._band_height())
            self._describe()
            self.viewport().update()

    def set_bar_words(self, words: tuple[str, str] | None) -> None:
        """Say of what the values beside the colour bar are, and what they say; None for the map's
        own words."""
        self._bar_words = words
        self.viewport().update()

    def set_prompt(self, text: str) -> None:
        """Ask for something at the top of the picture; '' for nothing."""
        self._prompt = plain_text.line(text)
        self.viewport().update()

    def set_plain(self, plain: bool) -> None:
        """Show the image alone, without map and outline, for as long as this is set."""
        if plain != self._plain:
            self._plain = plain
            self._update_visibility()

    def set_ghost(self, place: QPointF | None) -> None:
        """Show the values at a place given as fractions of the image, where the pointer is in
        another pane; None for nowhere."""
        if place != self._ghost:
            self._ghost = place
            self.pointer_changed()
            self.viewport().update()

    def pointed_fractions(self) -> QPointF | None:
        """Where the pointer is in the image, for set_ghost; None outside it."""
        point, bounds = self.pointer_position(), self._picture_item.bounds
        if point is None or not bounds.contains(point):
            return None
        return QPointF(point.x() / bounds.width(), point.y() / bounds.height())

    def _ghost_point(self) -> QPointF | None:
        bounds = self._picture_item.bounds
        if self._ghost is None or bounds.isEmpty():
            return None
        return QPointF(self._ghost.x() * bounds.width(), self._ghost.y() * bounds.height())

    def _pointed(self) -> QPointF | None:
        point = super()._pointed()
        return point if point is not None else self._ghost_point()

    def _update_visibility(self) -> None:
        super()._update_visibility()
        if self._plain:
            self._overlay_item.setVisible(False)
            self._outline_item.setVisible(False)

    def _paint_hud(self, hud: Hud) -> None:
        if self._plain:
            shown, self._explanation = self._explanation, None
            super()._paint_hud(hud)
            self._explanation = shown
        else:
            super()._paint_hud(hud)

    def _paint_last(self, hud: Hud) -> None:
        point = self._ghost_point()
        if point is not None and self.pointer_position() is None:
            hud.cross(self.viewportTransform().map(point))
        if self._prompt:
            hud.prompt(self._prompt)
