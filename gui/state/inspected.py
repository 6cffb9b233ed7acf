"""What the inspector asks of the engine and shows: the channels of a layer, and their images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from engine.lazy.numpy import np
from engine.records.channels import Channels
from engine.records.explanations import Explanation, FloatMap, Verdict
from gui.state.records import Request

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["activation", "gradient", "weighted"]
"""What is shown of a channel: its feature map, its gradient, or weight times activation."""


_TITLES: dict[Kind, str] = {
    "activation": "feature map",
    "gradient": "gradient",
    "weighted": "weight × activation",
}
_MEASURED: dict[Kind, str] = {
    "activation": "Activation",
    "gradient": "Gradient",
    "weighted": "Weight × activation",
}
_SIGNS: dict[Kind, tuple[str, str]] = {
    "activation": ("above zero", "below zero"),
    "gradient": ("raises the class", "lowers the class"),
    "weighted": ("for the class", "against the class"),
}


@dataclass(frozen=True, slots=True, eq=False)
class ChannelGallery:
    """All channels of a layer, in numbers and small enough to be looked at side by side.

    activations, gradients: float32 (channels, rows, columns), signed and unscaled; averaged down
    where the layer's own maps are larger than a tile. peaks: float32 (channels,), the largest
    activation of each in any cell of the layer's own map.
    """

    request: Request
    channels: Channels
    activations: NDArray[np.float32]
    gradients: NDArray[np.float32]
    peaks: NDArray[np.float32]

    def tile(self, index: int, kind: Kind) -> NDArray[np.float32]:
        """One channel, signed: float32 (rows, columns)."""
        if kind == "gradient":
            found: NDArray[np.float32] = self.gradients[index]
            return found
        found = self.activations[index]
        return found * np.float32(self.channels.weights[index]) if kind == "weighted" else found

    def end(self, kind: Kind, *, positive: bool) -> float:
        """The largest magnitude of any tile; positive: of the values above zero."""
        maps = self.gradients if kind == "gradient" else self.activations
        low, high = maps.min(axis=(1, 2)), maps.max(axis=(1, 2))
        if kind == "weighted":
            ends = self.channels.weights * low, self.channels.weights * high
            low, high = np.minimum(*ends), np.maximum(*ends)
        most = float(high.max(initial=0.0))
        return max(0.0, most if positive else max(most, -float(low.min(initial=0.0))))


def as_map(
    gallery: ChannelGallery, index: int, kind: Kind, values: FloatMap, *, relu: bool
) -> Explanation:
    """One channel as a map that says what it is. values: float32 (rows, columns)."""
    whole = gallery.channels.explanation
    after = ", after ReLU" if relu else ""
    return replace(
        whole,
        map=np.maximum(values, 0) if relu else values,
        verdict=Verdict.OK,
        notices=(),
        asked=replace(whole.asked, question="channel"),
        subject=f"channel {index}, {_TITLES[kind]}{after}",
        number=f"(not the map of {whole.target.label})",
        signs=_SIGNS[kind],
        measured=_MEASURED[kind],
    )
