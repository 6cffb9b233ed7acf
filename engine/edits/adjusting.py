"""Changes of a whole image: moved, its values changed, blurred, compressed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from engine.edits.changes import CHANGES
from engine.edits.planes import Plane, in_bytes, in_units, like
from engine.errors import EditError
from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.progress import CancelToken
from engine.records.edits import Change, Changing

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BAND = 1 << 20
"""Pixels that are changed between two looks at the cancel token."""

_LUMA = (0.299, 0.587, 0.114)
"""ITU-R 601-2, as in preprocessing."""

_WARP_LIMIT = 32_766
_JPEG_LIMIT = 65_500
"""Longest sides that OpenCV turns, and writes as JPEG, in pixels."""

_BLOCK = 16
"""Rows of a block of JPEG, colours included."""

_KERNEL = 8.0
"""Standard deviation in pixels from which a blur is computed at a smaller size."""


def changed(picture: Plane, change: Change, cancel: CancelToken | None = None) -> Plane:
    """The picture changed, as engine/edits/changes.py says; itself for the neutral amount.

    Raises EditError for sides that are too long for the change, and Cancelled.
    """
    reach = CHANGES[change.what]
    amount = min(max(change.amount, reach.low), reach.high)
    if amount == reach.neutral:
        return picture
    if change.what in _CURVES:
        return _by_value(picture, _CURVES[change.what], amount, cancel)
    if change.what is Changing.HUE:
        return _by_band(picture, lambda band: _hue(band, amount), cancel)
    if change.what is Changing.GREY:
        return _by_band(picture, lambda band: _grey(band, amount / 100), cancel)
    if change.what is Changing.NOISE:
        random = np.random.default_rng(change.seed)
        return _by_band(picture, lambda band: _noisy(band, amount / 100, random), cancel)
    if change.what is Changing.BLUR:
        return blurred(picture, amount / 100 * min(picture.shape[:2]))
    if change.what is Changing.JPEG:
        return _compressed(picture, round(amount), cancel)
    return _MOVES[change.what](picture, amount, cancel)


def blurred(picture: Plane, sigma: float) -> Plane:
    """By a Gaussian of this standard deviation in pixels, mirrored at the edges.

    A wide one is computed at a smaller size, whose own blur is taken off: to a grey level.
    """
    height, width = picture.shape[:2]
    factor = min(int(sigma / (_KERNEL / 2)), height // 2, width // 2)
    if sigma < _KERNEL or factor < 2:
        narrow: Plane = cv2.GaussianBlur(picture, (0, 0), sigma)
        return narrow
    size = math.ceil(width / factor), math.ceil(height / factor)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    across, down = width / size[0], height / size[1]
    # The mean over a cell has a variance of 1/12 of its square, interpolating between cells 1/6.
    sigmas = [math.sqrt(max(sigma**2 / cell**2 - 0.25, 0.01)) for cell in (across, down)]
    soft = cv2.GaussianBlur(small, (0, 0), sigmas[0], sigmaY=sigmas[1])
    if picture.dtype == np.uint8:
        soft = np.rint(soft).astype(np.uint8)
    wide: Plane = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    return wide


def _shift(picture: Plane, amount: float, axis: int) -> Plane:
    length = picture.shape[axis]
    by = math.floor(amount / 100 * length + 0.5)
    if by == 0:
        return picture
    # At most half of the image leaves it: something is left whose edge is repeated.
    kept = slice(0, length - by) if by > 0 else slice(-by, length)
    rest = picture[kept] if axis == 0 else picture[:, kept]
    ends = (max(by, 0), max(-by, 0))
    return _bordered(rest, ends if axis == 0 else (0, 0), ends if axis == 1 else (0, 0))


def _bordered(picture: Plane, rows: tuple[int, int], columns: tuple[int, int]) -> Plane:
    """With rows and columns added (before, after) that repeat the edge."""
    result: Plane = cv2.copyMakeBorder(picture, *rows, *columns, cv2.BORDER_REPLICATE)
    return result


def _rotated(picture: Plane, degrees: float, cancel: CancelToken | None) -> Plane:
    height, width = picture.shape[:2]
    # OpenCV turns anticlockwise, and has the centre of the first pixel at 0.
    move = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0)
    return _warped(picture, move, cancel)


def _scaled(picture: Plane, percent: float, cancel: CancelToken | None) -> Plane:
    factor = 1 + percent / 100
    height, width = picture.shape[:2]
    if factor > 1:
        move = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 0.0, factor)
        return _warped(picture, move, cancel)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    return _bordered(small, (top, height - size[1] - top), (left, width - size[0] - left))


def _warped(picture: Plane, move: NDArray[np.float64], cancel: CancelToken | None) -> Plane:
    """In squares, each from the part of the picture that it is of: OpenCV takes a time for all that
    it is given, and computes places in single precision, which is the better for small numbers."""
    height, width = picture.shape[:2]
    if max(height, width) > _WARP_LIMIT:
        raise EditError(
            f"{width:,} x {height:,} pixels are too many to rotate or enlarge an image; "
            f"crop it to {_WARP_LIMIT:,} a side first"
        )
    back = cv2.invertAffineTransform(move)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    result = np.empty_like(picture)
    side = math.isqrt(_BAND)
    for top, left in itertools.product(range(0, height, side), range(0, width, side)):
        if cancel is not None:
            cancel.raise_if_cancelled()
        part = result[top : top + side, left : left + side]
        rows, columns = part.shape[:2]
        ends = itertools.product((left, left + columns - 1), (top, top + rows - 1), (1,))
        places = np.array(list(ends), np.float64) @ back.T
        # With the pixels around, so that an edge is repeated at the edges of the picture alone.
        first = (np.floor(places.min(axis=0)).astype(int) - 2).clip(0, (width - 1, height - 1))
        last = (np.ceil(places.max(axis=0)).astype(int) + 3).clip(first + 1, (width, height))
        here = back.copy()
        here[:, 2] = back @ (left, top, 1) - first
        seen = picture[first[1] : last[1], first[0] : last[0]]
        part[:] = cv2.warpAffine(
            seen, here, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
    return result


_MOVES: dict[Changing, Callable[[Plane, float, CancelToken | None], Plane]] = {
    Changing.SHIFT_X: lambda picture, amount, _: _shift(picture, amount, 1),
    Changing.SHIFT_Y: lambda picture, amount, _: _shift(picture, amount, 0),
    Changing.FLIP_X: lambda picture, _, __: np.ascontiguousarray(picture[:, ::-1]),
    Changing.FLIP_Y: lambda picture, _, __: np.ascontiguousarray(picture[::-1]),
    Changing.ROTATE: _rotated,
    Changing.SCALE: _scaled,
}

_Curve = Callable[["NDArray[np.float64]", float], "NDArray[np.float64]"]
_CURVES: dict[Changing, _Curve] = {
    Changing.BRIGHTNESS: lambda unit, amount: unit + amount / 100,
    Changing.CONTRAST: lambda unit, amount: (unit - 0.5) * (1 + amount / 100) + 0.5,
    Changing.GAMMA: lambda unit, amount: unit ** (2.0**-amount),
}
"""From values of 0 to 1 to others, which are then limited to that range."""


def _by_value(picture: Plane, curve: _Curve, amount: float, cancel: CancelToken | None) -> Plane:
    if picture.dtype == np.uint8:
        unit = curve(np.arange(256) / 255, amount).clip(0, 1)
        table = np.rint(unit * 255).astype(np.uint8)
        result: Plane = cv2.LUT(picture, table)
        return result
    return _by_band(picture, lambda band: curve(band, amount).clip(0, 1), cancel)


def _by_band(picture: Plane, work: Callable[[Plane], Plane], cancel: CancelToken | None) -> Plane:
    """The values from work, which gets float32 from 0 to 1, a band of rows at a time."""
    result = np.empty_like(picture)
    for rows in _bands(picture, cancel):
        band = in_units(picture[rows])
        result[rows] = like(np.asarray(work(band), np.float32).clip(0, 1), picture)
    return result


def _bands(picture: Plane, cancel: CancelToken | None) -> Iterator[slice]:
    height, width = picture.shape[:2]
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        if cancel is not None:
            cancel.raise_if_cancelled()
        yield slice(top, top + rows)


def _hue(band: Plane, degrees: float) -> Plane:
    turned: Plane = cv2.cvtColor(band, cv2.COLOR_RGB2HSV)
    turned[..., 0] = (turned[..., 0] + np.float32(degrees)) % np.float32(360)
    result: Plane = cv2.cvtColor(turned, cv2.COLOR_HSV2RGB)
    return result


def _grey(band: Plane, share: float) -> Plane:
    grey = (band @ np.array(_LUMA, np.float32))[..., None]
    return np.asarray(band + (grey - band) * np.float32(share))


def _noisy(band: Plane, sigma: float, random: np.random.Generator) -> Plane:
    return np.asarray(band + random.standard_normal(band.shape, np.float32) * np.float32(sigma))


def _compressed(picture: Plane, quality: int, cancel: CancelToken | None) -> Plane:
    """As by one file. Its blocks know nothing of each other, but for colours, which are smoothed
    over the next row: a band that begins with a block and has one more above and below is the same
    part of it."""
    height, width = picture.shape[:2]
    if max(height, width) > _JPEG_LIMIT:
        raise EditError(
            f"{width:,} x {height:,} pixels are beyond the JPEG limit of {_JPEG_LIMIT:,} a side; "
            "crop the image first"
        )
    result = np.empty_like(picture)
    options = [int(cv2.IMWRITE_JPEG_QUALITY), quality]
    rows = max(1, _BAND // width // _BLOCK) * _BLOCK
    for top in range(0, height, rows):
        if cancel is not None:
            cancel.raise_if_cancelled()
        bottom, start = min(top + rows, height), max(0, top - _BLOCK)
        pixels = in_bytes(picture[start : bottom + _BLOCK])
        done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
        assert done
        back = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        result[top:bottom] = like(back[top - start : bottom - start], picture)
    return result
