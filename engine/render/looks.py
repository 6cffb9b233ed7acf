"""Looks by name: settings that go together, the program's own and those of well-known figures.

And contour levels as they are typed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from engine.records.display import DisplaySettings

_MOST_LEVELS = 20


@dataclass(frozen=True, slots=True)
class Look:
    """A named look. title: for menus. summary: what it shows, in a sentence."""

    slug: str
    title: str
    summary: str
    settings: DisplaySettings


LOOKS: tuple[Look, ...] = (
    Look(
        "fading",
        "Fading",
        "The stronger the value, the less of the image shows through; clear at zero.",
        DisplaySettings(),
    ),
    Look(
        "veil",
        "Even veil",
        "The whole region is coloured at half opacity, also where the map is zero.",
        DisplaySettings(opacity=0.5, fade=False),
    ),
    Look(
        "jet",
        "Jet, 40 %",
        "The classic look of Grad-CAM: jet at 40 % over the photograph.",
        DisplaySettings(opacity=0.4, colormap="jet", fade=False),
    ),
    Look(
        "jet-squared",
        "Jet of squares, 40 %",
        "Jet of the squared map at 40 %: only the strongest parts are not blue.",
        DisplaySettings(opacity=0.4, colormap="jet", gamma=2.0, fade=False),
    ),
    Look(
        "coolwarm-edges",
        "Coolwarm over edges",
        "Blue to red over the edges of the image in place of the image itself.",
        DisplaySettings(opacity=0.6, colormap="coolwarm", fade=False, backdrop="edges"),
    ),
)
"""All looks, the default first."""


def find(slug: str) -> Look:
    """The look of a slug. Raises ValueError for others."""
    for look in LOOKS:
        if look.slug == slug:
            return look
    raise ValueError(f"unknown look {slug!r}; choose from {', '.join(k.slug for k in LOOKS)}")


def with_look(settings: DisplaySettings, slug: str) -> DisplaySettings:
    """The settings in a look. What says which values are shown stays: sign, cells, scale, and
    contours."""
    return replace(
        find(slug).settings,
        sign=settings.sign,
        interpolation=settings.interpolation,
        end=settings.end,
        contours=settings.contours,
    )


def look_of(settings: DisplaySettings) -> str:
    """The slug of the look that the settings have; '' for one of the user's own."""
    return next((k.slug for k in LOOKS if with_look(settings, k.slug) == settings), "")


def contour_levels(text: str) -> tuple[float, ...]:
    """Levels typed in percent of the scale's end, as in '25, 50, 75', as ascending fractions.

    '' is none. Raises ValueError with what to write.
    """
    words = text.replace("%", " ").replace(",", " ").replace(";", " ").split()
    try:
        found = sorted({round(float(word) / 100, 4) for word in words})
    except (ValueError, OverflowError):
        found = [math.nan]
    if not all(0.0 < level < 1.0 for level in found) or len(found) > _MOST_LEVELS:
        raise ValueError(
            f"{text.strip()!r} are no contour levels; write up to {_MOST_LEVELS} numbers between "
            "0 and 100, as in 25, 50, 75"
        )
    return tuple(found)


def contour_text(levels: tuple[float, ...]) -> str:
    """Levels as they are typed: '25, 50, 75'."""
    return ", ".join(f"{level * 100:g}" for level in levels)
