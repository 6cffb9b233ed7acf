"""Computes the numbers beside a colour bar: round values and their positions."""

from __future__ import annotations

import math

_PLAIN = (1e-3, 1e5)
"""Magnitudes written without an exponent."""


def ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """At most `most` round values (1, 2 or 5 times a power of ten apart), from low towards high.

    low may be the larger one. Empty if the range is empty or not finite.
    """
    span = abs(high - low)
    if not math.isfinite(span) or span == 0.0 or most < 1:
        return ()
    bottom, top = min(low, high), max(low, high)
    slack = span * 1e-6
    for exponent in range(math.floor(math.log10(span)) - 2, math.ceil(math.log10(span)) + 2):
        for mantissa in (1, 2, 5):
            step = mantissa * 10.0**exponent
            first, last = math.ceil((bottom - slack) / step), math.floor((top + slack) / step)
            if 0 < last - first + 1 <= most:
                found = tuple(float(f"{n * step:.12g}") for n in range(first, last + 1))
                return found if low <= high else found[::-1]
    return ()


def number_text(value: float, decimals: int | None = None) -> str:
    """A map value as short text: '0.83', '12.4', '−3.1e-5', with a true minus sign.

    decimals: fixed number of decimals, to align several numbers; None for three significant digits.
    """
    if value == 0:
        return "0"
    size = abs(value)
    if not math.isfinite(value):
        text = str(size)
    elif _PLAIN[0] <= size < _PLAIN[1]:
        if decimals is not None:
            text = f"{size:.{decimals}f}"
        else:
            text = f"{size:.{_decimals(size)}f}"
            text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa, _, exponent = f"{size:.1e}".partition("e")
        text = f"{mantissa}e{int(exponent)}"
    return f"−{text}" if value < 0 else text


def _decimals(value: float) -> int:
    """Decimals that show three significant digits of value."""
    size = abs(value)
    if not math.isfinite(size) or size < _PLAIN[0]:
        return 0
    return min(5, max(0, 2 - math.floor(math.log10(size))))


def marks(low: float, high: float, spacing: float) -> tuple[tuple[float, str], ...]:
    """The numbers beside a colour bar as (place, text), with place 0 at low and 1 at high.

    Both ends, and round values between them with at least spacing (a fraction of the bar) to every
    other number. All have as many decimals as the ends, except zero, written as '0'.
    """
    if low == high:
        return ((0.0, number_text(low)),)
    values = [(0.0, low), (1.0, high)]
    if low < 0.0 < high:
        values.append((-low / (high - low), 0.0))
    for value in ticks(low, high, max(2, min(6, math.floor(1 / spacing)))):
        place = (value - low) / (high - low)
        if all(abs(place - other) >= spacing for other, _ in values):
            values.append((place, value))
    decimals = max(_decimals(low), _decimals(high))
    return tuple((place, number_text(value, decimals)) for place, value in sorted(values))
