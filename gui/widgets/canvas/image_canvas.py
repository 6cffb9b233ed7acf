"""The image canvas: shows the image at full resolution, the map over its region, and texts."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFocusEvent, QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from engine.escaping import LINE
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.images import Region
from engine.records.levels import Depth
from engine.render.overlay import cell_at, value_at
from gui.toolkit import plain_text, theme
from gui.toolkit.imaging import Picture
from gui.widgets.canvas.busy import Busy
from gui.widgets.canvas.hud import Hud
from gui.widgets.canvas.items import OutlineItem, OverlayItem, PictureItem
from gui.widgets.canvas.lane import TitleLane
from gui.widgets.canvas.level_view import LevelView
from gui.widgets.canvas.places import busy_rect, legend_band, readout_rect
from gui.widgets.canvas.view import MARGIN, Sight
from gui.widgets.canvas.words import (
    Caption,
    Readout,
    caption_for,
    notice_for,
    scale_notice,
)

_BY_KEYBOARD = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)


class ImageCanvas(LevelView):
    """Shows a Picture and an Explanation of it.

    zoom_changed(float): screen pixels per image pixel. hovered(Readout | None): values under the
    pointer. bare_changed(bool): see show_bare.
    """

    hovered = Signal(object)
    bare_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture: Picture | None = None
        self._original: Picture | None = None
        self._sight: Sight | None = None
        self._explanation: Explanation | None = None
        self._display = DisplaySettings()
        self._bare = False
        self._overlay_visible = True
        self._captioned = self._barred = True
        self._bar_words: tuple[str, str] | None = None
        self._caption: Caption | None = None
        self._notice = ""
        self._message = ("", "")
        self._drop_hint = ""
        self._readout: Readout | None = None
        self._readout_area = QRect()
        self._keyboard_focus = False
        self._picture_item = PictureItem()
        self._overlay_item = OverlayItem()
        self._outline_item = OutlineItem()
        self._frame_item = OutlineItem(dashed=True)
        self._items = (
            self._picture_item,
            self._overlay_item,
            self._outline_item,
            self._frame_item,
        )
        for item in self._items:
            self.scene().addItem(item)
        self._busy = Busy(self)
        self._busy.begun.connect(self._busy_changed)
        self._busy.ended.connect(self._busy_changed)
        self._busy.moved.connect(self._move_busy_line)
        self.setMinimumSize(40 * theme.SPACE, 30 * theme.SPACE)
        self.set_band(self._band_height())
        self.setAccessibleName("Image")
        self.lane = TitleLane(self)
        self.lane.resized.connect(self._place_lane)

    # --- content ---------------------------------------------------------------------------------

    def show_picture(self, picture: Picture | None) -> None:
        """Show another image, fitted to the canvas; clears the explanation."""
        self._picture = picture
        self._picture_item.set_picture(picture)
        self.show_explanation(None)
        self.set_bounds(self._picture_item.bounds)

    def replace_picture(self, picture: Picture) -> None:
        """Show the same image anew, or another page of its size; zoom and explanation stay."""
        self._picture = picture
        self._picture_item.set_picture(picture)

    def show_values(self, depth: Depth | None, levels: str = "") -> None:
        super().show_values(depth, levels)
        self._describe()

    def show_explanation(self, explanation: Explanation | None) -> None:
        """Show a map over the image, and the outline of its region; None removes both."""
        self._explanation = explanation
        self._overlay_item.set_explanation(explanation, self._picture_item.bounds)
        self.set_region(explanation.region if explanation else None)
        self._describe()
        self.pointer_changed()

    def image_bounds(self) -> QRectF:
        """The rectangle of the image in the scene, whose units are its pixels."""
        return QRectF(self._picture_item.bounds)

    def set_region(self, region: Region | None) -> None:
        """Show the outline of the region that the model receives, with or without a map."""
        self._outline_item.set_region(region, self._picture_item.bounds)
        self.viewport().update()

    def set_frame(self, part: Region | None) -> None:
        """Show the frame of a crop on the whole image, with or without a map; None removes it."""
        self._frame_item.set_region(part, self._picture_item.bounds)
        self.viewport().update()

    def set_display(self, settings: DisplaySettings) -> None:
        """Apply display settings."""
        if settings == self._display:
            return
        self._display = settings
        self._overlay_item.set_display(settings)
        self._show_backdrop()
        self._describe()
        self.viewport().update()

    def set_message(self, title: str, detail: str = "") -> None:
        """Show a centred message while there is no image or map; '' clears it."""
        message = plain_text.paragraph(title), plain_text.paragraph(detail)
        if message == self._message:
            return
        self._message = message
        self._describe()
        self.viewport().update()

    def set_drop_hint(self, text: str) -> None:
        """Show what a drop would do, while files are dragged over the window; '' clears."""
        self._drop_hint = plain_text.line(text)
        self.viewport().update()

    def show_bare(self, bare: bool) -> None:
        """Show the original image, without map, outline and edits."""
        if bare != self._bare:
            self._bare = bare
            self._show_original(bare)
            self._update_visibility()
            self.bare_changed.emit(bare)

    def set_original(self, picture: Picture | None) -> None:
        """Set what show_bare shows in place of the picture, which has edits; None for one that has
        none."""
        if self._bare and picture is not self._original:
            self.show_bare(False)
        self._original = picture

    def _show_original(self, on: bool) -> None:
        original = self._original
        if original is None or self._picture is None:
            return
        if on:
            self._sight = self.sight()
        self._picture_item.set_picture(original if on else self._picture)
        if original.size != self._picture.size:
            # Of a crop, the whole.
            self.set_bounds(self._picture_item.bounds)
            if not on:
                self.look_at(self._sight)

    def set_overlay_visible(self, visible: bool) -> None:
        """Show or hide the map; the outline stays."""
        self._overlay_visible = visible
        self._describe()
        self._update_visibility()

    def set_busy(self, busy: bool) -> None:
        """Show that a new map is being computed, after a short delay to avoid flicker.

        The previous map is dimmed and a thin line moves along the top, until set_busy(False).
        """
        self._busy.set(busy)

    @property
    def cell(self) -> tuple[int, int] | None:
        """Row and column of the cell of the map under the pointer; None if there is none."""
        return self._readout.cell if self._readout is not None else None

    @property
    def picture_bounds(self) -> QRectF:
        """The rectangle of the shown image in the scene; empty without one."""
        return QRectF(self._picture_item.bounds)

    @property
    def busy_shown(self) -> bool:
        """Whether the busy line is visible."""
        return self._busy.shown

    def picture_with_overlay(self) -> QImage:
        """The visible part of the image as displayed, in screen pixels; null if there is none."""
        part = self.visible_rect().intersected(self._picture_item.bounds)
        if part.isEmpty():
            return QImage()
        width = max(1, round(part.width() * self.zoom))
        height = max(1, round(part.height() * self.zoom))
        image = QImage(width, height, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        self.scene().render(
            painter, QRectF(image.rect()), part, Qt.AspectRatioMode.IgnoreAspectRatio
        )
        painter.end()
        return image

    def _show_backdrop(self) -> None:
        self._picture_item.set_backdrop("colour" if self._bare else self._display.backdrop)

    def _place_lane(self) -> None:
        self.lane.setGeometry(0, 0, self.width(), self.lane.needed)
        self.setViewportMargins(0, self.lane.needed, 0, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_lane()

    def _band_height(self) -> int:
        """Height that a fitted image leaves free below it, for the colour bar."""
        return legend_band(self.font()) if self._barred else MARGIN

    def _update_visibility(self) -> None:
        self._show_backdrop()
        self._overlay_item.setVisible(self._overlay_visible and not self._bare)
        self._outline_item.setVisible(not self._bare)
        self._frame_item.setVisible(not self._bare)
        self.viewport().update()

    @Slot()
    def _busy_changed(self) -> None:
        self._overlay_item.set_dimmed(self._busy.shown)
        self.viewport().update()

    @Slot()
    def _move_busy_line(self) -> None:
        self.viewport().update(busy_rect(QRectF(self.viewport().rect())).toAlignedRect())

    def _describe(self) -> None:
        words, shown = [*self._message, self._levels], self._explanation
        self._caption, self._notice = None, ""
        if shown is not None:
            self._caption = caption_for(shown, self._display, self._overlay_visible)
            locked = scale_notice(shown, self._display) if self._captioned else ""
            self._notice = notice_for(shown, self._display) or locked
            words += [self._caption.text, self._notice]
        if self._captioned:
            notice = self._notice if self._overlay_visible else ""
            self.lane.show_words(self._caption, notice, kept=self._picture is not None)
        else:
            # Said above the pane: the pictures of several stand at one height.
            self.lane.show_words(None, "", kept=False)
        said = ". ".join(word.rstrip(".") for word in words if word)
        self.setAccessibleDescription(plain_text.line(said, LINE))

    # --- pointer ---------------------------------------------------------------------------------

    def view_changed(self) -> None:
        sight = self.visible_rect()
        for item in self._items:
            item.set_sight(sight)

    def pointer_changed(self) -> None:
        readout = self._read()
        if readout == self._readout:
            return
        self._readout = readout
        self.viewport().update(self._readout_area)
        self._readout_area = self._area_of_readout()
        self.viewport().update(self._readout_area)
        self.hovered.emit(readout)

    def _read(self) -> Readout | None:
        point = self._pointed()
        if point is None or not self._picture_item.bounds.contains(point):
            return None
        column, row = math.floor(point.x()), math.floor(point.y())
        if self._picture is None or column >= self._picture.width or row >= self._picture.height:
            return None
        raw = self.raw(column, row)
        if self._explanation is None:
            return Readout(column, row, None, None, raw)
        x, y = column + 0.5, row + 0.5
        return Readout(
            column, row, value_at(self._explanation, x, y), cell_at(self._explanation, x, y), raw
        )

    def _pointed(self) -> QPointF | None:
        """The place in the image whose values are shown; None for nowhere."""
        return self.pointer_position()

    def _area_of_readout(self) -> QRect:
        if self._readout is None or self._picture is None:
            return QRect()
        size = (self._picture.width, self._picture.height)
        area = readout_rect(
            self.viewport().rect(), self.font(), size, self._grid(), self._longest_raw
        )
        return area.toAlignedRect()

    def _grid(self) -> tuple[int, int] | None:
        """Rows and columns of the map, if the pointer is over it."""
        if self._explanation is None or self._readout is None or self._readout.cell is None:
            return None
        rows, columns = self._explanation.map.shape
        return rows, columns

    # --- painting --------------------------------------------------------------------------------

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        painter.fillRect(rect, QColor(theme.current().canvas))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        self._paint_hud(Hud(painter, self.viewport().rect(), self.font()))
        painter.end()

    def _paint_hud(self, hud: Hud) -> None:
        shown, picture = self._explanation, self._picture
        if shown is not None and self._overlay_visible and not self._bare and self._barred:
            hud.color_bar(shown, self._display, self._bar_words)
        if self._levels and picture is not None and not self._bare:
            hud.levels(self._levels)
        if self._readout is not None and picture is not None:
            size = picture.width, picture.height
            hud.readout(self._readout, size, self._grid(), self._longest_raw)
        if self._message[0]:
            hud.message(*self._message, on_picture=picture is not None)
        if self.busy_shown:
            hud.busy_line(self._busy.phase)
        if self._keyboard_focus and self.hasFocus():
            hud.focus_frame()
        if self._drop_hint:
            hud.drop_hint(self._drop_hint)
        self._paint_last(hud)

    def _paint_last(self, hud: Hud) -> None:
        """Paint what lies over everything else; for subclasses."""

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._keyboard_focus = event.reason() in _BY_KEYBOARD
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (
            QEvent.Type.PaletteChange,
            QEvent.Type.StyleChange,
            QEvent.Type.FontChange,
        ):
            self.set_band(self._band_height())
            self.viewport().update()
