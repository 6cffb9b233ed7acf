"""Converts NumPy pixels to QImages. Everything here may run off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect, QRectF, QSize
from PySide6.QtGui import QImage

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.records.display import DisplaySettings
from engine.records.explanations import FloatMap
from engine.records.images import Pixels
from engine.render.backdrop import EDGE_SIDE, edges
from engine.render.painting import colorize
from engine.render.values import nothing_words

_SMALLEST_LEVEL = 512
_REMARK = "remark"
_SIGN = (128, 128, 128)
_GROUND = 40
"""The opacity of what is behind the sign, of 255."""

# Qt scales images in 16.16 fixed point, which a wider image would overflow.
_PAINTER_LIMIT = 32_000


def to_qimage(pixels: Pixels) -> QImage:
    """A QImage that owns its pixels, in a format that Qt paints fast.

    pixels: uint8 (height, width, 3), RGB, or (height, width, 4), RGBA with straight alpha.
    Raises ValueError for any other array.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise ValueError(f"expected uint8 (h, w, 3 or 4), got {pixels.dtype} {pixels.shape}")
    height, width, channels = pixels.shape
    data = np.ascontiguousarray(pixels)
    if channels == 4:
        source = QImage.Format.Format_RGBA8888
        # The conversion copies; the borrowed buffer is released before this function returns.
        return QImage(data.data, width, height, data.strides[0], source).convertToFormat(
            QImage.Format.Format_ARGB32_Premultiplied
        )
    image = QImage(width, height, QImage.Format.Format_RGB32)
    if not image.isNull():
        # Qt's own conversion holds the GIL and blocks the GUI thread: 0.3 s for 100 megapixels.
        # The bytes of a 32-bit pixel are blue, green, red, 255.
        cv2.cvtColor(data, cv2.COLOR_RGB2BGRA, dst=_rows(image))
    return image


def indexed_image(places: Pixels, table: Pixels) -> QImage:
    """A QImage that owns its pixels, in a format that Qt paints fast.

    places: uint8 (height, width), on the table. table: uint8 (256, 4), RGBA with straight alpha.
    """
    height, width = places.shape
    data = np.ascontiguousarray(places)
    image = QImage(data.data, width, height, data.strides[0], QImage.Format.Format_Indexed8)
    red, green, blue, alpha = table.astype(np.uint32).T
    image.setColorTable((alpha << 24 | red << 16 | green << 8 | blue).tolist())
    # The conversion copies; the borrowed buffer is released before this function returns.
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


def _fitted(width: int, height: int, size: int) -> tuple[int, int]:
    longest = max(width, height)
    return max(1, round(width * size / longest)), max(1, round(height * size / longest))


def thumbnail(pixels: Pixels, size: int) -> QImage:
    """The whole image, scaled to `size` device pixels on its longest side."""
    height, width = pixels.shape[:2]
    fitted = _fitted(width, height, size)
    shrinks = fitted[0] <= width and fitted[1] <= height
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(pixels), fitted, interpolation=method)
    return to_qimage(small)


def map_thumbnail(map: FloatMap, display: DisplaySettings, size: int) -> QImage:
    """A heat map alone, coloured by `display`, with `size` device pixels on its longest side.

    A map that shows nothing is a sign for that, which no dark map looks like; remark says so.
    """
    rows, columns = map.shape
    fitted = _fitted(columns, rows, size)
    nothing = nothing_words(map, display)
    if not nothing:
        return to_qimage(colorize(map, display, fitted))
    sign = to_qimage(_nothing_sign(*fitted))
    sign.setText(_REMARK, nothing)
    return sign


def remark(thumbnail: QImage) -> str:
    """What has to be said beside the thumbnail of a map, as in 'nothing positive'; '' if nothing
    has."""
    return thumbnail.text(_REMARK)


def _nothing_sign(width: int, height: int) -> Pixels:
    """A circle with a stroke through it on a faint ground: uint8 (height, width, 4), RGBA.

    The grey can be told from the panels of both themes. The sign grows slower than its picture.
    """
    pixels = np.full((height, width, 4), (*_SIGN, _GROUND), np.uint8)
    middle, radius = (width // 2, height // 2), max(1, round(1.2 * min(width, height) ** 0.5))
    thick, reach = max(1, round(radius / 8)), round(radius * 1.1)
    ink = (*_SIGN, 255)
    cv2.circle(pixels, middle, radius, ink, thick, cv2.LINE_AA)
    ends = (
        (middle[0] - reach, middle[1] + reach),
        (middle[0] + reach, middle[1] - reach),
    )
    cv2.line(pixels, *ends, ink, thick, cv2.LINE_AA)
    return pixels


def grey_part(image: QImage, part: QRect) -> QImage:
    """A part of a level in grey, as engine.render.backdrop has it."""
    left, top, right, bottom = part.left(), part.top(), part.right() + 1, part.bottom() + 1
    rows = _seen(image)[top:bottom, left:right]
    luma = cv2.cvtColor(np.ascontiguousarray(rows), cv2.COLOR_BGRA2GRAY)
    result = QImage(part.size(), QImage.Format.Format_RGB32)
    cv2.cvtColor(luma, cv2.COLOR_GRAY2BGRA, dst=_rows(result))
    return result


def edge_picture(picture: Picture) -> QImage:
    """The edges of a picture, white on black, at the size of engine.render.backdrop."""
    fine = [level for level in picture.levels if max(level.width(), level.height()) >= EDGE_SIDE]
    level = fine[-1] if fine else picture.levels[0]
    found = edges(cv2.cvtColor(_seen(level), cv2.COLOR_BGRA2RGB))
    result = QImage(found.shape[1], found.shape[0], QImage.Format.Format_RGB32)
    cv2.cvtColor(found, cv2.COLOR_GRAY2BGRA, dst=_rows(result))
    return result


def _rows(image: QImage) -> Pixels:
    """The pixels of a 32-bit image of its own, (height, width, 4), blue first, to be written."""
    flat: Pixels = np.frombuffer(image.bits(), np.uint8)
    return flat.reshape(image.height(), image.width(), 4)


def _seen(image: QImage) -> Pixels:
    """Like _rows, to be read: an image that others share is not copied."""
    flat: Pixels = np.frombuffer(image.constBits(), np.uint8)
    return flat.reshape(image.height(), image.width(), 4)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image pyramid, so that painting never touches more pixels than the screen shows.

    levels[0] is the image itself, each next level has half the width and height, down to about
    512 pixels. Immutable: build it on any thread, paint it on the GUI thread.
    """

    levels: tuple[QImage, ...]

    @classmethod
    def build(cls, pixels: Pixels) -> Picture:
        """Build the pyramid of uint8 (height, width, 3) RGB pixels; slow, 16/3 bytes per pixel."""
        levels = [to_qimage(pixels)]
        current = np.ascontiguousarray(pixels)
        while max(current.shape[:2]) > 2 * _SMALLEST_LEVEL and min(current.shape[:2]) >= 2:
            height, width = current.shape[:2]
            half = ((width + 1) // 2, (height + 1) // 2)
            current = cv2.resize(current, half, interpolation=cv2.INTER_AREA)
            levels.append(to_qimage(current))
        return cls(tuple(levels))

    @property
    def width(self) -> int:
        return self.levels[0].width()

    @property
    def height(self) -> int:
        return self.levels[0].height()

    @property
    def size(self) -> QSize:
        return self.levels[0].size()

    def part(self, visible: QRectF, scale: float) -> tuple[QImage, QRectF, QRectF]:
        """What to paint: (image, source rectangle in it, target rectangle on the picture).

        visible: in picture pixels. scale: device pixels per picture pixel. The level chosen has at
        least one pixel, and fewer than four, for each device pixel; the source covers whole pixels
        and one more on each side, for the interpolation at its edge.
        """
        index = 0
        while index + 1 < len(self.levels) and scale * 2 ** (index + 1) < 1.0 + 1e-6:
            index += 1
        level = self.levels[index]
        across, down = level.width() / self.width, level.height() / self.height
        mapped = QRectF(
            visible.x() * across,
            visible.y() * down,
            visible.width() * across,
            visible.height() * down,
        )
        whole = mapped.toAlignedRect().adjusted(-1, -1, 1, 1).intersected(level.rect())
        target = QRectF(
            whole.x() / across, whole.y() / down, whole.width() / across, whole.height() / down
        )
        if max(level.width(), level.height()) > _PAINTER_LIMIT:
            return level.copy(whole), QRectF(0, 0, whole.width(), whole.height()), target
        return level, QRectF(whole), target
