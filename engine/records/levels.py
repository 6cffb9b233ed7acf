"""The values of images with more than 8 bits, and which of them are shown as black and white."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Values: TypeAlias = "NDArray[Any]"


class LevelsMode(StrEnum):
    """How the values of black and white are chosen.

    AUTO: the range that the file states, else the extremes; 8-bit images as torchvision reads them.
    TYPE: the range of the data type. FILE: the range that the file states. EXTREMES: the lowest and
    highest finite value. PERCENTILES, WINDOW: set by hand. TORCHVISION: as torchvision and Pillow
    reduce to 8 bits.
    """

    AUTO = "auto"
    TYPE = "type"
    FILE = "file"
    EXTREMES = "minmax"
    PERCENTILES = "percentiles"
    WINDOW = "window"
    TORCHVISION = "torchvision"


@dataclass(frozen=True, slots=True)
class Levels:
    """A choice of black and white.

    low, high: percentages (0 to 100) for PERCENTILES, values for WINDOW; 0 otherwise.
    """

    mode: LevelsMode = LevelsMode.AUTO
    low: float = 0.0
    high: float = 0.0


AUTO = Levels()


@dataclass(frozen=True, slots=True)
class Applied:
    """The levels used for one image.

    low, high: the values shown as black and white. mode: never AUTO. asked: what was requested; it
    differs from mode for AUTO, and for a range that the file does not state. assumed: neither the
    user nor the file has said so.
    """

    mode: LevelsMode
    low: float
    high: float
    asked: LevelsMode = LevelsMode.AUTO
    assumed: bool = False


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Depth:
    """The values of an image as its file holds them, upright.

    values: (height, width) or (height, width, 3), RGB; uint8, uint16, int16, uint32, int32 or
        float32.
    span: the range of the data type; for floats 0 to 1.
    own: the range that the file states, None if it states none. own_name: what the file calls it.
    curve: float32 (n,), 0 to 1, the brightness at n equidistant values across own; None for a
        straight line.
    extremes: lowest and highest finite value, without padding; None if there is none.
    not_finite: the number of values that are NaN or infinite.
    inverted: the lowest value is white.
    padding: (lowest, highest) value that only fills the frame, None for none.
    unit: of the values ('HU'), or ''.
    """

    values: Values
    span: tuple[float, float]
    own: tuple[float, float] | None = None
    own_name: str = "range of the file"
    curve: NDArray[np.float32] | None = None
    extremes: tuple[float, float] | None = None
    not_finite: int = 0
    inverted: bool = False
    padding: tuple[float, float] | None = None
    unit: str = ""
