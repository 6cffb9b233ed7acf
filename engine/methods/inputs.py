"""What a method is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from engine.records.models import Layout


class LayerPasses(Protocol):
    """Further passes of the network for one score, in batches, on the device of the activation.

    Inputs are run as many at once as memory and prompt cancellation allow; results come in the same
    order, a batch at a time. They are counted for the progress.
    """

    def scores(self, images: Iterable[Tensor]) -> Iterator[Tensor]:
        """The score for each image (channels, H, W): float64 (n,) on the CPU."""

    def scores_from_layer(self, activations: Iterable[Tensor]) -> Iterator[Tensor]:
        """The score with each of these in place of the activation (C, h, w): float64 (n,)
        on the CPU. What comes before the layer is not computed again where that can be helped."""

    def layer_gradients(self, images: Iterable[Tensor]) -> Iterator[Tensor]:
        """d score / d activation for each image (channels, H, W): (n, C, h, w)."""


@dataclass(frozen=True, slots=True, eq=False)
class MethodInput:
    """One output of one layer for one image, and its gradient.

    activation: (C, h, w), float32 or float64, channels first whatever the layer's own order; it may
        be a view of memory that is ordered otherwise. Of a sequence, the cells of the grid alone.
    gradient: d score / d activation, of the same shape, type and device; None for a method whose
        row does not ask for it.
    layout: the order of the layer's own output, since rounding differs with it.
    options: values of the options of the method's row, as registry.check_options returns them.
    The rest is None where the method's row does not ask for it. curvature: H A, the derivative of
        the gradient along the activation, of its shape. image: (channels, H, W), as the network
        receives it. score: what is explained. passes: further ones. deeper: the maps (rows,
        columns) of deeper layers, float32, each on its own grid. probable: whether the output has
        probabilities.
    """

    activation: Tensor
    gradient: Tensor | None
    layout: Layout
    options: Mapping[str, object] = field(default_factory=dict)
    curvature: Tensor | None = None
    image: Tensor | None = None
    score: float | None = None
    passes: LayerPasses | None = None
    deeper: tuple[Tensor, ...] = ()
    probable: bool = True

    def whole(self, name: str) -> int:
        """The option of that name, a whole number."""
        value = self.options[name]
        if not isinstance(value, int):
            raise TypeError(f"{name} is {value!r}")
        return value

    def is_on(self, name: str) -> bool:
        """Whether a switch is on; one that methods share is off where it is not given."""
        return bool(self.options.get(name, False))

    def number(self, name: str) -> float:
        """The option of that name, a number."""
        value = self.options[name]
        if not isinstance(value, int | float):
            raise TypeError(f"{name} is {value!r}")
        return float(value)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """How often something worth telling happened.

    count: integer scalar, on the map's device. one, many: the sentence for a count of one and of
        more, the latter with '{count}' in the number's place.
    """

    count: Tensor
    one: str
    many: str

    def sentence(self) -> str:
        """The sentence for the count, '' for none. Waits for the device."""
        count = int(self.count)
        if count == 0:
            return ""
        return self.one if count == 1 else self.many.format(count=count)


@dataclass(frozen=True, slots=True)
class Sums:
    """What a map sums to, and by how much the score rises from an image without content, which a
    complete method makes equal."""

    total: float
    rise: float

    def scaled(self, factor: float) -> Sums:
        return Sums(factor * self.total, factor * self.rise)

    def plus(self, other: Sums) -> Sums:
        return Sums(self.total + other.total, self.rise + other.rise)

    @property
    def sentence(self) -> str:
        size = abs(self.rise) or abs(self.total)
        gap = abs(self.total - self.rise) / size if size > 0 else 0.0
        return (
            f"The map sums to {self.total:.4g}, the score rises by {self.rise:.4g} from the "
            f"baseline ({gap:.1%} apart)."
        )


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What a gradient amounts to for a method that weighs whole channels by it.

    channels: one factor for each channel of the activation, float32 (C,). least: what the largest
    of them must exceed to be more than rounding, a scalar; None where nothing cancels out.
    """

    channels: Tensor
    least: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MethodMap:
    """A map fresh from its method.

    map: float32 (h, w), signed and unscaled, on the activation's device.
    anything: boolean scalar; False where what the map is made of is zero (the gradient, or for a
        method without one the activation), so that the map is zero for want of anything to show.
        It stays on the device: reading it would make every layer of a sweep wait.
    counts: what there is to say about the computation; most methods have nothing. said: sentences
        of those that know them already. sums: of a method that is complete. doubtful: whether
        rounding decides on it, where that was looked at.
    """

    map: Tensor
    anything: Tensor
    counts: tuple[Counted, ...] = ()
    said: tuple[str, ...] = ()
    sums: Sums | None = None
    doubtful: bool = False
