"""What a method is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from engine.records.models import Layout


@dataclass(frozen=True, slots=True, eq=False)
class MethodInput:
    """One output of one layer for one image, and its gradient.

    activation: (C, h, w), float32 or float64, channels first whatever the layer's own order; it may
        be a view of memory that is ordered otherwise. Of a sequence, the cells of the grid alone.
    gradient: d score / d activation, of the same shape, type and device; None for a method whose
        row does not ask for it.
    layout: the order of the layer's own output, since rounding differs with it.
    options: one value for each option of the method's row, as registry.check_options returns them.
    """

    activation: Tensor
    gradient: Tensor | None
    layout: Layout
    options: Mapping[str, object] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True, eq=False)
class MethodMap:
    """A map fresh from its method.

    map: float32 (h, w), signed and unscaled, on the activation's device.
    anything: boolean scalar; False where what the map is made of is zero (the gradient, or for a
        method without one the activation), so that the map is zero for want of anything to show.
        It stays on the device: reading it would make every layer of a sweep wait.
    counts: what there is to say about the computation; most methods have nothing. said: sentences
        of those that know them already.
    """

    map: Tensor
    anything: Tensor
    counts: tuple[Counted, ...] = ()
    said: tuple[str, ...] = ()
