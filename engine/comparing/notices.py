"""What the maps of a figure have to say, each with those that it is said of."""

from __future__ import annotations

from collections.abc import Sequence

from engine.comparing.sheet import Shown, names_of

_NAMED = 3
"""So many maps are named, and the others counted."""


def notices_of(items: Sequence[Shown]) -> tuple[str, ...]:
    """The notices of all maps, each once; what is not said of all ends with whose it is."""
    whose: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        for notice in dict.fromkeys(item.explanation.notices):
            whose.setdefault(notice, []).append(place)
    names = names_of(items) if whose else []
    return tuple(
        notice
        if len(places) == len(items)
        else f"{notice.rstrip('.')} ({_listed([names[place] for place in places])})"
        for notice, places in whose.items()
    )


def _listed(names: Sequence[str]) -> str:
    shown = list(dict.fromkeys(names))
    rest = len(shown) - _NAMED
    # One more takes no more room than saying so.
    if rest <= 1:
        return ", ".join(shown)
    return f"{', '.join(shown[:_NAMED])} and {rest:,} more"
