"""Display settings of a map; a separate module, since the first paint needs no other record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sign = Literal["positive", "negative", "signed"]
Interpolation = Literal["smooth", "grid"]


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """How a map is coloured. Changing any of these never runs the network.

    opacity: 0 (image only) to 1 (colours only). colormap: a name of overlay.COLORMAPS.
    gamma: exponent applied to the scaled value (0 to 1); above 1 narrows the bright areas.
    end: magnitude at the end of the colour scale, for several maps on one scale; None for the
        map's own. Values beyond it have the colour of the end.
    """

    opacity: float = 0.5
    colormap: str = "inferno"
    interpolation: Interpolation = "smooth"
    gamma: float = 1.0
    sign: Sign = "positive"
    end: float | None = None
