"""What a method that maps the input's pixels is given: the image, gradients, and further passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor


class Passes(Protocol):
    """Further passes of the network, over inputs that the method makes, for one score.

    Inputs are (C, h, w) each, on the image's device; they are run in batches as large as memory and
    prompt cancellation allow, and results come in the same order, a batch at a time.
    """

    def scores(self, inputs: Iterable[Tensor]) -> Iterator[Tensor]:
        """The score for each input: float64 (n,), batch by batch. No graph is kept."""

    def gradients(self, inputs: Iterable[Tensor]) -> Iterator[Tensor]:
        """d score / d input for each input: (n, C, h, w), batch by batch."""


@dataclass(frozen=True, slots=True, eq=False)
class BiasMap:
    """What the biases of one layer add to the score.

    map: (rows, columns), their magnitudes as fullgrad.scaled leaves them, summed over channels;
        None where the layer's output is not spatial. total: their signed sum.
    """

    map: Tensor | None
    total: float


@dataclass(frozen=True, slots=True, eq=False)
class PixelInput:
    """One image as the network receives it, for one score.

    image: (C, h, w), preprocessed, on the network's device and in its type.
    score: what is explained. first_order: the same to the first order in the logits, without its
        constant, where a method asks for biases; they are equal for a sum of logits.
    options: one value for each option of the method's row.
    gradient: d score / d image, of the same shape, or the guided one where the row asks for that;
        None where it asks for neither. passes: None where the row asks for none.
    reference: an image without content by its name: 'zero', 'black', 'white', 'mean' or 'blur'.
    layer_map: the Grad-CAM of a layer, (rows, columns), for a method that fuses it with the pixels.
    biases: for a method that asks for them, those of all layers. relus: through how many ReLUs
        a guided gradient came.
    """

    image: Tensor
    score: float
    options: Mapping[str, object] = field(default_factory=dict)
    gradient: Tensor | None = None
    passes: Passes | None = None
    reference: Callable[[str], Tensor] | None = None
    layer_map: Tensor | None = None
    biases: tuple[BiasMap, ...] = ()
    first_order: float | None = None
    relus: int = 0
