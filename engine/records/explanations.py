"""The result of an explanation: a map, its context, and whether it shows anything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from engine.lazy.numpy import np
from engine.records.asked import Asked
from engine.records.images import Region
from engine.records.models import Layout, Prediction
from engine.records.options import DEFAULT_METHOD, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray


FloatMap: TypeAlias = "NDArray[np.float32]"


JOINT = " + "
"""What stands between the names of layers whose maps are fused: 'layer3 + layer4'."""


def layers_in(address: str, names: Collection[str]) -> tuple[str, ...]:
    """The layers that an address names: one, or several that JOINT joins.

    names: those of all layers; one that has the address for its own name is that layer.
    """
    if JOINT not in address or address.partition("#")[0] in names:
        return (address,)
    return tuple(part.strip() for part in address.split(JOINT))


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
    layer: as addressed, 'layer4' or 'layer4.0.relu#1'; '' for a method that has no layer. Of a map
        fused from several, all of them, 'layer3 + layer4'; fused: their names, () for one layer.
    target: the explained class; for a question about none, the one that was chosen, or predicted.
    shape: shape of the layer's output without the batch axis; without a layer, of the input; of
        several layers, of the map.
    layout: of the layer's output; None without a layer, and of several.
    region: the area of the original image covered by the map; image_size: its (width, height).
    method: slug of the method used; options: a value for each of its options.
    verdict: whether the map shows anything; notices: sentences for the user.
    arithmetic: as in ModelInfo.
    asked: the question that the map answers; against: the other class of a contrast or margin.
    value: the number that was explained. subject, number: both in words, 'star against ring' and
        'difference of logits 5.2'. signs: what positive and what negative values are.
    measured: what the numbers are, where they are not the method's: 'Activation'.
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
    asked: Asked = field(default_factory=Asked)
    against: Prediction | None = None
    value: float | None = None
    subject: str = ""
    number: str = ""
    signs: tuple[str, str] = ("evidence for the class", "evidence against the class")
    fused: tuple[str, ...] = ()
    measured: str = ""

    @property
    def sentence(self) -> str:
        """What the map is of, with its number: 'star, logit 8.31'."""
        return f"{self.subject or self.target.label}, {self.number or self.target.said}"

    @property
    def peak(self) -> tuple[float, float]:
        """(x, y) on the original image of the centre of the map's largest cell."""
        rows, columns = self.map.shape
        row, column = divmod(int(np.argmax(self.map)), columns)
        return (
            self.region.x + (column + 0.5) / columns * self.region.width,
            self.region.y + (row + 0.5) / rows * self.region.height,
        )


COMPARED = ("predicted", "expected", "contrast")
"""The names of the explanations of a Comparison."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the network predicted beside what was expected of it, by one method and layer.

    contrast: of the predicted class against the expected one; None where they are the same.
    """

    predicted: Explanation
    expected: Explanation
    contrast: Explanation | None

    @property
    def parts(self) -> dict[str, Explanation]:
        """The explanations by the names in COMPARED; the contrast, if there is one."""
        found = (self.predicted, self.expected, self.contrast)
        return {name: one for name, one in zip(COMPARED, found, strict=True) if one is not None}
