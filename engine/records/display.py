"""Display settings of a map; a separate module, since the first paint needs no other record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Sign = Literal["positive", "negative", "signed"]
Interpolation = Literal["smooth", "grid"]
Backdrop = Literal["colour", "grey", "edges"]


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """How a map is coloured. Changing any of these never runs the network.

    opacity: 0 (image only) to 1 (colours only). colormap: a name of overlay.COLORMAPS.
    gamma: exponent applied to the scaled value (0 to 1); above 1 narrows the bright areas.
    end: magnitude at the end of the colour scale, for several maps on one scale; None for the
        map's own. Values beyond it have the colour of the end.
    fade: the opacity is that of the scale's end and falls to 0 with the value; otherwise it is the
        same everywhere.
    backdrop: what is under the map: the image, the image in grey, or its edges.
    contours: levels of contour lines, as fractions (0 to 1) of the scale's end, on both sides of
        zero where both signs are shown.
    """

    opacity: float = 0.7
    colormap: str = "inferno"
    interpolation: Interpolation = "smooth"
    gamma: float = 1.0
    sign: Sign = "positive"
    end: float | None = None
    fade: bool = True
    backdrop: Backdrop = "colour"
    contours: tuple[float, ...] = ()

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> DisplaySettings:
        """The settings of these facts, as asdict gives them; what is missing has its usual value.

        Facts that it does not know are left out. Raises ValueError for a value of another type.
        """
        usual, found = cls(), {}
        for field in fields(cls):
            if field.name not in facts:
                continue
            value, own = facts[field.name], getattr(usual, field.name)
            if field.name == "end" and value is None:
                continue
            if isinstance(own, tuple) and isinstance(value, list):
                value = tuple(float(each) for each in value)
            elif (isinstance(own, float) or own is None) and type(value) in (int, float):
                value = float(value)
            elif type(value) is not type(own):
                raise ValueError(f"{field.name}: {value!r} is no setting of the display")
            found[field.name] = value
        return cls(**found)
