"""From the values of an image to black and white: the levels, and what is shown with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from engine.lazy.numpy import np
from engine.records.images import LoadedImage, Pixels
from engine.records.levels import Applied, Depth, Levels, LevelsMode, Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BAND = 1 << 20
"""Values converted at once."""

_Found = dict[tuple[float, float], tuple[float, float]]
_percentiles_of: WeakKeyDictionary[Depth, _Found] = WeakKeyDictionary()

_AS_THEY_ARE = (LevelsMode.AUTO, LevelsMode.TYPE, LevelsMode.FILE, LevelsMode.TORCHVISION)
"""What leaves the pixels of an 8-bit image unchanged."""


def effective(image: LoadedImage, policy: Levels) -> Levels:
    """The levels asked for: those of the image, or else those of the preprocessing."""
    return policy if image.levels.mode is LevelsMode.AUTO else image.levels


def applied_to(image: LoadedImage, policy: Levels) -> Applied | None:
    """The levels that an image gets; None for an 8-bit image that stays as it is."""
    asked = effective(image, policy)
    if image.depth is None and asked.mode in _AS_THEY_ARE:
        return None
    return resolve(depth_of(image), asked)


def keeps_bytes(policy: Levels) -> bool:
    """Whether images of 8 bits stay as they are with these levels."""
    return policy.mode in _AS_THEY_ARE


def with_levels(image: LoadedImage, policy: Levels) -> LoadedImage:
    """The image with pixels that show these levels; the same one if they do already."""
    applied = applied_to(image, policy)
    if applied is None or applied == image.shown:
        return image
    depth = depth_of(image)
    return replace(image, pixels=to_bytes(depth, applied), depth=depth, shown=applied)


def depth_of(image: LoadedImage) -> Depth:
    """The values of an image; the pixels themselves if it has 8 bits."""
    return image.depth if image.depth is not None else of_bytes(image.pixels)


def of_bytes(pixels: Pixels) -> Depth:
    ends = float(pixels.min()), float(pixels.max())
    return Depth(pixels, (0.0, 255.0), extremes=ends)


def measured(values: Values, padding: tuple[float, float] | None = None) -> tuple[float, ...]:
    """(lowest, highest, count of values that are not finite), over finite values that are not
    padding; only (count,) if there is none."""
    low, high, odd = np.inf, -np.inf, 0
    for band in _bands(values):
        kept = band[np.isfinite(band)] if band.dtype.kind == "f" else band.reshape(-1)
        odd += band.size - kept.size
        if padding is not None:
            kept = kept[(kept < padding[0]) | (kept > padding[1])]
        if kept.size:
            low, high = min(low, float(kept.min())), max(high, float(kept.max()))
    return (low, high, odd) if low <= high else (odd,)


def resolve(depth: Depth, asked: Levels) -> Applied:
    """The values shown as black and white for a choice of levels."""
    mode = asked.mode
    if mode is LevelsMode.AUTO and depth.own is None and depth.values.dtype == np.uint8:
        mode = LevelsMode.TYPE
    elif mode in (LevelsMode.AUTO, LevelsMode.FILE):
        mode = LevelsMode.EXTREMES if depth.own is None else LevelsMode.FILE
    if mode is LevelsMode.WINDOW:
        low, high = asked.low, asked.high
    elif mode is LevelsMode.PERCENTILES:
        low, high = _percentiles(depth, asked.low, asked.high)
    elif mode is LevelsMode.EXTREMES:
        low, high = depth.extremes or (0.0, 0.0)
    elif mode is LevelsMode.FILE and depth.own is not None:
        low, high = depth.own
    else:
        low, high = depth.span
    assumed = mode is LevelsMode.EXTREMES and asked.mode is not mode
    return Applied(mode, low, high, asked.mode, assumed)


def is_in_bytes(depth: Depth, applied: Applied) -> bool:
    """Whether these levels reduce the values to 8 bits, or leave 8 bits as they are."""
    whole = (applied.low, applied.high) == (0.0, 255.0) and not _is_curved(depth, applied)
    return applied.mode is LevelsMode.TORCHVISION or (whole and depth.values.dtype == np.uint8)


def to_bytes(depth: Depth, applied: Applied) -> Pixels:
    """The image to display: uint8 (height, width, 3), RGB."""
    values = depth.values
    if is_in_bytes(depth, applied):
        small = _reduced(values)
        if depth.inverted and applied.mode is not LevelsMode.TORCHVISION:
            small = 255 - small
        return small if small.ndim == 3 else np.repeat(small[..., None], 3, axis=2)
    result = np.empty((*values.shape[:2], 3), np.uint8)
    # Two bytes have 65,536 values: a table is faster than computing each pixel.
    table = _table(depth, applied)
    small_table = None if table is None else np.rint(table * 255).astype(np.uint8)
    rows = _rows(values)
    for top in range(0, len(values), rows):
        band = values[top : top + rows]
        if small_table is None:
            shown = np.rint(_unit_of(band, depth, applied) * 255).astype(np.uint8)
        else:
            shown = small_table[_places(band)]
        result[top : top + rows] = shown if shown.ndim == 3 else shown[..., None]
    return result


def to_unit(depth: Depth, applied: Applied) -> NDArray[np.float32]:
    """Values from 0 (black) to 1 (white), in the shape of depth.values; NaN becomes black."""
    values = depth.values
    table = _table(depth, applied)
    if table is not None:
        return table.astype(np.float32)[_places(values)]
    result = np.empty(values.shape, np.float32)
    rows = _rows(values)
    for top in range(0, len(values), rows):
        result[top : top + rows] = _unit_of(values[top : top + rows], depth, applied)
    return result


def _is_curved(depth: Depth, applied: Applied) -> bool:
    return applied.mode is LevelsMode.FILE and depth.curve is not None


def _unit_of(values: Values, depth: Depth, applied: Applied) -> NDArray[np.float64]:
    exact = values.astype(np.float64)
    if applied.high > applied.low:
        unit = (exact - applied.low) / (applied.high - applied.low)
    else:
        unit = (exact > applied.low).astype(np.float64)
    unit = unit.clip(0.0, 1.0)
    if _is_curved(depth, applied) and depth.curve is not None:
        last = len(depth.curve) - 1
        unit = np.interp(unit * last, np.arange(last + 1), depth.curve.astype(np.float64))
    if depth.inverted:
        unit = 1.0 - unit
    return np.where(np.isnan(exact), 0.0, unit)


def _table(depth: Depth, applied: Applied) -> NDArray[np.float64] | None:
    """The brightness of every value of a one- or two-byte type, by its bits; None for others."""
    dtype = depth.values.dtype
    if dtype.itemsize > 2:
        return None
    bits = np.arange(1 << (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}")
    return _unit_of(bits.view(dtype), depth, applied)


def _places(values: Values) -> Values:
    return values.view(f"u{values.dtype.itemsize}")


def _reduced(values: Values) -> Pixels:
    """Values of more than 8 bits reduced to 8 bits, as in torchvision's dtype conversion."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return (values >> 8).astype(np.uint8)
    if values.dtype.kind == "f":
        floats = np.nan_to_num(values)
        scale = 255.0 if floats.max(initial=0.0) <= 1.0 else 1.0
        return np.asarray((floats * scale).clip(0, 255).astype(np.uint8))
    whole = values.astype(np.int64)
    if whole.max(initial=0) > 255:
        whole >>= 8
    return np.asarray(np.clip(whole, 0, 255).astype(np.uint8))


def _percentiles(depth: Depth, low: float, high: float) -> tuple[float, float]:
    """As numpy.percentile, over finite values that are not padding; (0, 0) if there is none."""
    known = _percentiles_of.setdefault(depth, {})
    if (low, high) not in known:
        known[low, high] = _percentiles_afresh(depth, (low, high))
    return known[low, high]


def _percentiles_afresh(depth: Depth, percents: tuple[float, float]) -> tuple[float, float]:
    values, padding = depth.values.reshape(-1), depth.padding
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if padding is not None:
        values = values[(values < padding[0]) | (values > padding[1])]
    if not values.size:
        return 0.0, 0.0
    if values.dtype.itemsize > 2:
        low, high = np.percentile(values, percents)
        return float(low), float(high)
    # Counting is several times faster than sorting.
    dtype = values.dtype
    counts = np.bincount(_places(values), minlength=1 << (8 * dtype.itemsize))
    domain = np.arange(len(counts), dtype=f"u{dtype.itemsize}").view(dtype).astype(np.float64)
    order = np.argsort(domain)
    upto = np.cumsum(counts[order])
    found = []
    for percent in percents:
        rank = percent / 100 * (values.size - 1)
        below, above = np.floor(rank), np.ceil(rank)
        first, second = domain[order][np.searchsorted(upto, [below, above], side="right")]
        found.append(float(first + (second - first) * (rank - below)))
    return found[0], found[1]


def _rows(values: Values) -> int:
    return max(1, _BAND // max(1, values[:1].size))


def _bands(values: Values) -> Iterator[Values]:
    rows = _rows(values)
    for top in range(0, len(values), rows):
        yield values[top : top + rows]
