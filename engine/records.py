"""Frozen records that cross the engine's border: numpy arrays and plain values, never a tensor.


Coordinates are in pixels of the original image after its EXIF orientation was applied, x to the
right and y down, with (0, 0) at the outer corner of the top-left pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from engine.display import DisplaySettings as DisplaySettings
from engine.display import Interpolation as Interpolation
from engine.display import Sign as Sign
from engine.lazy.numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray


FloatMap: TypeAlias = "NDArray[np.float32]"
Pixels: TypeAlias = "NDArray[np.uint8]"

MAX_PIXELS = 300_000_000
"""Largest picture that is opened, in pixels: 17,000 x 17,000, about 900 MB as RGB."""


@dataclass(frozen=True, slots=True)
class Region:
    """The rectangle of the original image that the network saw, in original pixels.

    It may be fractional, since resizing seldom ends on whole pixels.
    """

    x: float
    y: float
    width: float
    height: float


class Layout(StrEnum):
    """Which axes of an output are channels and space.

    TOKENS: a sequence, whose tokens after the first few (class and register tokens) are the cells
    of a grid, row by row.
    """

    CHANNELS_FIRST = "B C H W"
    CHANNELS_LAST = "B H W C"
    TOKENS = "B N C"


@dataclass(frozen=True, slots=True)
class LayerNode:
    """One named module of the network: a row of the model tree.

    name: the qualified name as in torch's named_modules ('layer4.1.conv2'); '' is the network.
    type: the module's class name.
    shape: shape of the last call's output without the batch axis, e.g. (2048, 7, 7); None when
        the module was not called or returned no tensor.
    params: number of parameters, those of its children included.
    calls: how often one forward pass calls it; call k is addressed as 'NAME#k', NAME alone is
        the last.
    explainable: whether a class activation map can be drawn for it.
    reason: why not, in words; '' when explainable.
    default: whether this is the layer that is explained when none is named.
    layout: the axes of an explainable output, else None.
    grid: (rows, columns) of its map, else None.
    output: which part of what it returns is explained, where that is a tuple or mapping
        ('output 0 of 2'); else ''.
    """

    name: str
    type: str
    shape: tuple[int, ...] | None
    params: int
    calls: int
    explainable: bool
    reason: str
    default: bool
    layout: Layout | None = None
    grid: tuple[int, int] | None = None
    output: str = ""

    @property
    def parent(self) -> str | None:
        """Name of the enclosing module; None for the network itself."""
        if not self.name:
            return None
        return self.name.rpartition(".")[0]

    @property
    def label(self) -> str:
        """The last part of the name, as shown in a tree."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class of the network's output.

    index: position in the logits. label: its name, or 'class N' when none is known.
    logit: the score before softmax. probability: softmax of the logits, 0 to 1.
    """

    index: int
    label: str
    logit: float
    probability: float


class Channels(StrEnum):
    """The order of the colours that the network was trained with."""

    RGB = "RGB"
    BGR = "BGR"
    GREY = "grey"


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Image to network input: resize, crop the centre, scale the values, normalise.

    resize: an int is the length of the shorter side afterwards, (height, width) the exact size,
        None leaves the picture as it is. letterbox: the proportions are kept within (height,
        width), and the rest is filled with grey.
    crop: (height, width) of the centre crop, which is what the network gets; padded where the
        picture is smaller.
    mean, std: per channel, in units of range. As many as the network has channels.
    interpolation: 'nearest', 'bilinear' or 'bicubic'; antialias as in torchvision's resize.
    range: what 0 and 255 of a picture become before mean and std.
    """

    resize: int | tuple[int, int] | None
    crop: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"
    antialias: bool = True
    letterbox: bool = False
    channels: Channels = Channels.RGB
    range: tuple[float, float] = (0.0, 1.0)


class Scores(StrEnum):
    """What the numbers of a network's output are, and so how they become probabilities.

    CLASSES: logits of which one class is true (softmax). LABELS: logits each true or not by itself
    (sigmoid). SIDES: a single logit, shown as two classes, 'negative' with its score negated and
    'positive' (sigmoid).
    """

    CLASSES = "one of several classes"
    LABELS = "several independent labels"
    SIDES = "two sides of one score"


@dataclass(frozen=True, slots=True)
class OutputForm:
    """Where the logits are in what a network returns, and what they mean.

    place: '' where the network returns the tensor itself, else the way to it through tuples and
        mappings, as in 'logits' or '0'. scores: what the numbers are.
    ends_in: 'softmax', 'log_softmax' or 'sigmoid' where the network ends in it (what came before
        it is then taken for the logits), '' where it does not.
    """

    place: str = ""
    scores: Scores = Scores.CLASSES
    ends_in: str = ""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is open: everything about a model that can be said without torch.

    source: the demo ('demo:shapes') or the name of the architecture ('resnet50'); weights: the
    weights file or published entry, weights_sha256 its checksum; device: 'cpu', 'cuda:0', 'mps';
    classes: the labels in order of the logits; notices: sentences that the user should see (a
    fallback to another device, say).
    preprocessing_origin, classes_origin: where they were found, 'assumed' where nothing told.
    output: which part of the network's output is explained, and as what; outputs: the places of
    all its tensors that could be.
    """

    source: str
    title: str
    architecture: str
    weights: str
    device: str
    classes: tuple[str, ...]
    parameters: int
    preprocessing: Preprocessing
    default_layer: str
    notices: tuple[str, ...] = ()
    weights_sha256: str = ""
    preprocessing_origin: str = ""
    output: OutputForm = OutputForm()
    outputs: tuple[str, ...] = ("",)
    classes_origin: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedImage:
    """An image ready to be explained.

    pixels: uint8 (height, width, 3), RGB, EXIF orientation applied.
    path: the file it came from; None for pasted or generated images.
    mode: Pillow's name of the file's own pixel format ('L', 'CMYK', 'I;16'), for information.
    """

    name: str
    pixels: Pixels
    path: Path | None = None
    mode: str = "RGB"

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])


class Verdict(StrEnum):
    """Whether a map shows anything, and if not, why."""

    OK = "ok"
    NOTHING_POSITIVE = "nothing positive"
    ZERO_GRADIENT = "gradient is zero"


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall-clock seconds of the forward pass, and of what the explanation added to it: the
    backward pass, or a layer's equal share of it in a sweep."""

    forward: float
    explain: float


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The class activation map of one layer for one class on one image.

    map: float32 (rows, columns), signed, on the layer's own grid: no ReLU, no scaling. Row 0,
        column 0 covers the top-left corner of region.
    layer: as addressed, 'layer4' or 'layer4.0.relu#1'.
    target: the explained class.
    shape: shape of the layer's output without the batch axis.
    region: where the map lies on the original image; image_size: (width, height) of it.
    verdict: whether the map shows anything; notices: sentences for the user.
    """

    layer: str
    target: Prediction
    map: FloatMap
    shape: tuple[int, ...]
    layout: Layout
    region: Region
    image: str
    image_size: tuple[int, int]
    model: str
    device: str
    seconds: Seconds
    method: str = "grad-cam"
    verdict: Verdict = Verdict.OK
    notices: tuple[str, ...] = ()

    @property
    def peak(self) -> tuple[float, float]:
        """(x, y) on the original image of the centre of the map's largest cell."""
        rows, columns = self.map.shape
        row, column = divmod(int(np.argmax(self.map)), columns)
        return (
            self.region.x + (column + 0.5) / columns * self.region.width,
            self.region.y + (row + 0.5) / rows * self.region.height,
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What the window asks of the engine; an answer of an older generation is dropped.

    image and model are keys of what is open. layer None means the model's default layer, target
    None the class with the highest logit.
    """

    generation: int
    image: str
    model: str
    layer: str | None = None
    target: int | None = None
    method: str = "grad-cam"
