"""What a map costs, in the few words that a row of a menu has room for."""

from __future__ import annotations

from collections.abc import Sequence

from engine.methods.method import Family, Need
from engine.methods.registry import Chosen, duration, expected_of_all

# From so many on, passes are counted without saying which they are.
_FEW = 5


def cost_of_all(
    chosen: Chosen, shapes: Sequence[tuple[int, ...]], forward: float, *, ran: bool
) -> str:
    """'no pass', '1 backward', '512 passes · about 3 s'; '' where it is not known beforehand.

    shapes: of each layer, as engine.methods.registry.expected takes one; the maps of several are
    fused. forward: seconds of one forward pass, 0 if unknown. ran: the network has run on this
    image, and that pass serves methods of layers.
    """
    passes, back = expected_of_all(chosen, shapes)
    if not passes + back:
        return ""
    if ran and chosen.method.family in (Family.GRADIENT, Family.ACTIVATION) and passes == 1:
        passes = 0
    if passes + back >= _FEW:
        # How much of the network follows the layer is known once it has been run.
        about = "at most" if Need.LAYER_PASSES in chosen.method.needs else "about"
        seconds = forward * (passes + 2 * back)
        time = f" · {about} {duration(seconds)}" if seconds >= 1 else ""
        return f"{passes + back:,} passes{time}"
    if not passes:
        return f"{back} backward" if back else "no pass"
    return f"{passes + back} passes" if passes + back > 1 else "1 forward"
