"""What a map costs: the passes that it takes, counted beforehand, and words for them.

Plain values, without torch and without numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from engine.methods.method import Family, Method, Need
from engine.methods.modifiers import copies
from engine.methods.registry import Chosen, imported

if TYPE_CHECKING:
    from engine.records.models import LayerNode
    from engine.records.options import Value

# Passes that are not worth a word about which they are, or how long they take.
_FEW = 5


def expected(chosen: Chosen, shape: tuple[int, ...]) -> tuple[int, int]:
    """The forward and backward passes of a map, known before any of them.

    shape: (channels, rows, columns) of the network's input; of the layer's output for a method of
    layers in another family than PIXEL. For a method whose row says neither 'counted' nor a number
    of passes, (0, 0). Of copies of the image, those of all.
    """
    passes, back = _expected_once(chosen, shape)
    return copies(chosen) * passes, copies(chosen) * back


def _expected_once(chosen: Chosen, shape: tuple[int, ...]) -> tuple[int, int]:
    method = chosen.method
    if method.counted:
        counted = cast(
            "Callable[[Mapping[str, Value], tuple[int, ...]], tuple[int, int]]",
            imported(method.counted),
        )
        return counted(dict(chosen.options), shape)
    words = {word[-1:]: word[:-1] for word in method.passes.split()}
    if not all(number.isdecimal() for number in words.values()):
        return 0, 0
    return int(words.get("f", "0")), int(words.get("b", "0"))


def expected_of_all(chosen: Chosen, shapes: Sequence[tuple[int, ...]]) -> tuple[int, int]:
    """The same of several layers whose maps are fused, by the shape of each, or of one.

    By a method that can be swept, one pass serves all of them.
    """
    counts = [expected(chosen, shape) for shape in shapes]
    if chosen.method.swept:
        return max(counts)
    return sum(passes for passes, _ in counts), sum(back for _, back in counts)


def expected_words(chosen: Chosen, shape: tuple[int, ...], forward: float) -> str:
    """'225 forward passes, about 6 s', for a map that takes more than a few passes; else ''.

    forward: seconds of one forward pass, 0 if unknown. A backward pass is taken for two of them.
    """
    return counted_words(chosen, expected(chosen, shape), forward)


def counted_words(chosen: Chosen, counts: tuple[int, int], forward: float) -> str:
    """The same for a number of forward and backward passes, as expected_of_all gives them."""
    passes, back = counts
    if passes + back < _FEW:
        return ""
    said = f"{passes:,} forward" + (f" and {back:,} backward" if back else "") + " passes"
    if Need.LAYER_PASSES in chosen.method.needs:
        said = f"{passes:,} passes from the layer on"
    time = _time(chosen, counts, forward)
    return f"{said}, {time}" if time else said


def _time(chosen: Chosen, counts: tuple[int, int], forward: float) -> str:
    """'about 6 s', 'at most 26 s'; '' for less than a second."""
    seconds = forward * (counts[0] + 2 * counts[1])
    # How much of the network follows the layer is known once it has been run.
    about = "at most" if Need.LAYER_PASSES in chosen.method.needs else "about"
    return f"{about} {duration(seconds)}" if seconds >= 1 else ""


def counted_shape(
    method: Method, input_shape: tuple[int, ...], layer: LayerNode | None
) -> tuple[int, ...]:
    """The shape that decides on a method's passes: of a layer's output, or of the input.

    input_shape: (channels, rows, columns). layer: the one that is explained, None if unknown.
    """
    if not method.layered or method.family is Family.PIXEL or layer is None:
        return input_shape
    return (layer.channels, *layer.grid) if layer.grid is not None else input_shape


def cost_of_all(
    chosen: Chosen, shapes: Sequence[tuple[int, ...]], forward: float, *, ran: bool
) -> str:
    """'no pass', '1 backward', '512 passes · about 3 s'; '' where it is not known beforehand.

    shapes: of each layer, as expected takes one; the maps of several are fused. forward: seconds of
    one forward pass, 0 if unknown. ran: the network has run on this image, and that pass serves
    methods of layers.
    """
    passes, back = expected_of_all(chosen, shapes)
    if not passes + back:
        return ""
    if ran and chosen.method.family in (Family.GRADIENT, Family.ACTIVATION) and passes == 1:
        passes = 0
    if passes + back >= _FEW:
        said, time = f"{passes + back:,} passes", _time(chosen, (passes, back), forward)
        return f"{said} · {time}" if time else said
    if not passes:
        return f"{back} backward" if back else "no pass"
    return f"{passes + back} passes" if passes + back > 1 else "1 forward"


def duration(seconds: float) -> str:
    """'3 s', '2 min'."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
