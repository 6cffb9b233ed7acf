"""The result of an explanation: a map, its context, and whether it shows anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from engine.lazy.numpy import np
from engine.records.images import Region
from engine.records.models import Layout, Prediction
from engine.records.options import DEFAULT_METHOD, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray


FloatMap: TypeAlias = "NDArray[np.float32]"


class Verdict(StrEnum):
    """Whether a map shows anything, and if not, why."""

    OK = "ok"
    NOTHING_POSITIVE = "nothing positive"
    ZERO_GRADIENT = "gradient is zero"
    ZERO_ACTIVATION = "activation is zero"
    NO_EFFECT = "no channel has an effect"


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall-clock seconds of the forward pass, and of the explanation on top of it: the backward
    pass, or a layer's equal share of it in a sweep."""

    forward: float
    explain: float


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The map of one layer, or of the input's pixels, for one class on one image.

    map: float32 (rows, columns), signed, on the layer's own grid, or that of the network's input:
        no ReLU, no scaling. Row 0, column 0 covers the top-left corner of region.
    layer: as addressed, 'layer4' or 'layer4.0.relu#1'; '' for a method that has no layer.
    target: the explained class.
    shape: shape of the layer's output without the batch axis; without a layer, of the input.
    layout: of the layer's output; None without a layer.
    region: the area of the original image covered by the map; image_size: its (width, height).
    method: slug of the method used; options: a value for each of its options.
    verdict: whether the map shows anything; notices: sentences for the user.
    arithmetic: as in ModelInfo.
    """

    layer: str
    target: Prediction
    map: FloatMap
    shape: tuple[int, ...]
    layout: Layout | None
    region: Region
    image: str
    image_size: tuple[int, int]
    model: str
    device: str
    seconds: Seconds
    method: str = DEFAULT_METHOD
    verdict: Verdict = Verdict.OK
    notices: tuple[str, ...] = ()
    options: tuple[tuple[str, Value], ...] = ()
    arithmetic: str = ""

    @property
    def peak(self) -> tuple[float, float]:
        """(x, y) on the original image of the centre of the map's largest cell."""
        rows, columns = self.map.shape
        row, column = divmod(int(np.argmax(self.map)), columns)
        return (
            self.region.x + (column + 0.5) / columns * self.region.width,
            self.region.y + (row + 0.5) / rows * self.region.height,
        )
