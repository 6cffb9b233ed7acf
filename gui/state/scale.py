"""The colour scale that several panes share."""

from __future__ import annotations

from collections.abc import Iterable

from engine.records.display import DisplaySettings
from engine.render.overlay import share_of, value_range
from gui.state.panes import Pane


def shared_end(panes: Iterable[Pane], display: DisplaySettings) -> float | None:
    """The magnitude at the end of one scale for the maps of all panes: that of the settings where
    they have one, else the largest that a scale of its own would end at; None without a map."""
    if display.end is not None:
        return display.end
    shown = [p.explanation for p in panes if p.explanation is not None and not p.bare]
    ends = [abs(value_range(one.map, display, share_of(one))[1]) for one in shown]
    largest = max(ends, default=0.0)
    return largest if largest > 0.0 else None
