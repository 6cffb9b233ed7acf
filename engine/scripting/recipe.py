"""What a script has to say: plain values, without torch. Nothing here is text of a script yet,
except for how the network is made, which differs from one kind of model to the next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ExportError
from engine.methods.registry import Chosen, find
from engine.records.asked import Asked
from engine.records.explanations import Explanation
from engine.records.images import Preprocessing
from engine.records.models import Layout, Scores


class NoScript(ExportError):
    """A map cannot be made again by a short script; reason: why, in one clause."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no script can be written: {reason}; export the map and its JSON instead")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which map is wanted, with everything decided. layer: as addressed; '' for a method without
    one. label: of the class that is asked about. fused: whether the layers are several."""

    how: Chosen
    asked: Asked
    layer: str
    label: str
    fused: bool = False

    @classmethod
    def of(cls, explanation: Explanation) -> Wanted:
        """The map of an explanation."""
        return cls(
            Chosen(find(explanation.method), explanation.options),
            explanation.asked,
            explanation.layer,
            explanation.target.label,
            bool(explanation.fused),
        )


@dataclass(frozen=True, slots=True)
class NetworkText:
    """How a script makes the network, on the CPU, with its weights.

    constants: lines that name its files. definitions: what is defined before load_network, each
    without blank lines around it. build: the lines of load_network that end with 'network' made and
    filled. modules: what has to be imported for it, of torch ('nn') and of Python ('json').
    torchvision: whether it needs that.
    """

    constants: tuple[str, ...]
    definitions: tuple[str, ...]
    build: tuple[str, ...]
    modules: tuple[str, ...] = ()
    torchvision: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The output that is mapped.

    call: which of the module's calls, from 0; calls: how many there are. first: whether the module
    returns a tuple, whose first member it is. prefix: tokens before those of the grid.
    """

    layer: str
    call: int
    calls: int
    layout: Layout
    grid: tuple[int, int]
    prefix: int = 0
    first: bool = False


@dataclass(frozen=True, slots=True)
class Levelled:
    """Values of an image whose black and white are set, as the script finds them.

    low, high: the values of black and white. inverted: low is white. channels: 1, or 3 for RGB.
    floats: some may be NaN, which is black. curved: the file beside the script has what a curve of
    the image's own file made of them.
    """

    low: float
    high: float
    inverted: bool
    channels: int
    floats: bool
    curved: bool = False


@dataclass(frozen=True, slots=True)
class Attending:
    """How a network attends.

    functions: of torch that compute the attention, as a script names them. grid: (rows, columns) of
    its tokens; prefix: tokens before those of the grid. from_class: the network reads its first
    token. blocks: names of the modules that end in an attention's block each, in order; () where
    the network's own score is that of all.
    """

    functions: tuple[str, ...]
    grid: tuple[int, int]
    prefix: int
    from_class: bool
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """One map.

    image: its file, or the name of one beside the script; size: (width, height), upright; page:
    from 1, pages: how many it has. place:
    None for a method of pixels. output: from what the network returns to its logits, as in
    '["logits"]'; '' for the tensor itself. label: of the class that was asked about, for a comment.
    shape: of the map, (rows, columns). deeper: names of further layers whose maps belong to it.
    attending: for a method of a whole network's attention. levelled: for an image of which the
    network gets more than 8 bits.
    """

    image: Path | str
    size: tuple[int, int]
    preprocessing: Preprocessing
    network: NetworkText
    place: Place | None
    how: Chosen
    asked: Asked
    scores: Scores
    label: str
    shape: tuple[int, int]
    output: str = ""
    page: int = 1
    pages: int = 1
    deeper: tuple[str, ...] = ()
    attending: Attending | None = None
    levelled: Levelled | None = None


def literal(text: str) -> str:
    """The text as a string literal of Python, in double quotes where that needs no escapes."""
    written = repr(text)
    if written.startswith("'") and '"' not in written:
        return f'"{written[1:-1]}"'
    return written
