"""Levels as text: the notation of the command line, and what is said of them."""

from __future__ import annotations

import math

from engine.errors import ImageError
from engine.records.levels import Applied, Depth, Levels, LevelsMode

USUAL_PERCENTILES = (1.0, 99.0)

SPEC = "auto, type, file, minmax, percentiles[:LOW,HIGH], window:CENTRE,WIDTH or torchvision"
"""The notation, for a help text."""

_TITLES = {
    LevelsMode.TYPE: "whole range of the type",
    LevelsMode.EXTREMES: "minimum to maximum",
    LevelsMode.PERCENTILES: "percentiles",
    LevelsMode.WINDOW: "window",
    LevelsMode.TORCHVISION: "as torchvision does",
}


def parse(text: str) -> Levels:
    """The levels that a text in the notation of SPEC names. Raises ImageError."""
    name, colon, rest = text.strip().lower().partition(":")
    try:
        mode = LevelsMode(name)
        numbers = [float(part) for part in rest.split(",")] if colon else []
    except ValueError:
        raise ImageError(f"--levels {text}: write {SPEC}") from None
    if mode is LevelsMode.PERCENTILES:
        levels = Levels(mode, *(numbers or USUAL_PERCENTILES)) if len(numbers) in (0, 2) else None
    elif mode is LevelsMode.WINDOW:
        levels = window(*numbers) if len(numbers) == 2 else None
    else:
        levels = None if colon else Levels(mode)
    if levels is None:
        raise ImageError(f"--levels {text}: write {SPEC}")
    if fault := fault_of(levels):
        raise ImageError(f"--levels {text}: {fault}")
    return levels


def spelled(levels: Levels) -> str:
    """The levels in the notation of SPEC, which parse reads."""
    if levels.mode is LevelsMode.PERCENTILES:
        return f"{levels.mode}:{levels.low!r},{levels.high!r}"
    if levels.mode is LevelsMode.WINDOW:
        centre, width = (levels.low + levels.high) / 2, levels.high - levels.low
        return f"{levels.mode}:{centre!r},{width!r}"
    return levels.mode.value


def window(centre: float, width: float) -> Levels:
    """The levels of a window, from centre - width / 2 to centre + width / 2."""
    return Levels(LevelsMode.WINDOW, centre - width / 2, centre + width / 2)


def fault_of(levels: Levels) -> str:
    """What is wrong with these levels, in a few words; '' if they are valid."""
    low, high = levels.low, levels.high
    if not (math.isfinite(low) and math.isfinite(high)):
        return "levels must be finite numbers"
    if levels.mode is LevelsMode.PERCENTILES and not 0 <= low < high <= 100:
        return "percentiles must be from 0 to 100, the lower one first"
    if levels.mode is LevelsMode.WINDOW and low >= high:
        return "the width of a window must be greater than 0"
    return ""


def number(value: float) -> str:
    """A value in few characters, with a minus sign and thousands separators."""
    if value == round(value) and abs(value) < 1e15:
        return f"{value:,.0f}".replace("-", "\u2212")
    return f"{value:.4g}".replace("-", "\u2212")


def described(applied: Applied, depth: Depth | None) -> str:
    """What is shown as black and white, and whether that was assumed.

    'window of the file, −160 to 240 HU'; 'minimum to maximum, 0 to 4,071 (assumed)'.
    """
    if applied.mode is LevelsMode.TORCHVISION:
        return "8 bits, as torchvision does"
    title = _TITLES.get(applied.mode, "")
    unit = ""
    if depth is not None:
        title = title or depth.own_name
        unit = f" {depth.unit}" if depth.unit else ""
    text = f"{title}, {number(applied.low)} to {number(applied.high)}{unit}"
    if applied.asked is LevelsMode.FILE and applied.mode is not applied.asked:
        return f"{text} (assumed, since the file states no range)"
    return f"{text} (assumed)" if applied.assumed else text
