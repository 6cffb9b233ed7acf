"""The channels of a layer: what each has to do with a Grad-CAM map, in numbers and cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from engine.lazy.numpy import np
from engine.records.explanations import Explanation

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Doubles: TypeAlias = "NDArray[np.float64]"

By = Literal["contribution", "weight", "activation", "gradient"]


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """A layer's channels for one class on one image; every array is float64 (channels,).

    explanation: by Grad-CAM. weights: Grad-CAM's. activations, gradients: means over the cells.
    contributions: weight times the sum of the activation over the cells, so that they sum to the
    sum of the map.
    """

    explanation: Explanation
    weights: _Doubles
    activations: _Doubles
    gradients: _Doubles
    contributions: _Doubles

    def order(self, by: By = "contribution", top: int | None = None) -> tuple[int, ...]:
        """The channels by falling signed values, at most so many; equal ones by their index."""
        values = {
            "contribution": self.contributions,
            "weight": self.weights,
            "activation": self.activations,
            "gradient": self.gradients,
        }[by]
        return tuple(int(index) for index in np.argsort(-values, kind="stable")[:top])

    def facts(self, by: By = "contribution", top: int | None = None) -> list[dict[str, Any]]:
        """The channels in that order, ready for JSON."""
        return [
            {
                "index": index,
                "weight": float(self.weights[index]),
                "activation": float(self.activations[index]),
                "gradient": float(self.gradients[index]),
                "contribution": float(self.contributions[index]),
            }
            for index in self.order(by, top)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class ChannelMaps:
    """Some channels of a layer cell by cell.

    channels: their indices. activations, gradients: float32 (number of channels, rows, columns), as
    the layer returned them, signed and unscaled. weights: Grad-CAM's, float32, one for each.
    """

    channels: tuple[int, ...]
    activations: NDArray[np.float32]
    gradients: NDArray[np.float32]
    weights: NDArray[np.float32]

    @property
    def weighted(self) -> NDArray[np.float32]:
        """Weight times activation: of all channels, they sum to the Grad-CAM map."""
        return self.weights[:, None, None] * self.activations
