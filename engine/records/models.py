"""What is open: a model, its layers, its classes and what its output means."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.records.asked import CLASS, Question
from engine.records.images import Preprocessing
from engine.records.options import DEFAULT_METHOD, Value


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
    default: whether this is the layer that is explained when none is named. branches: of how many
        branches the default layer is one, where no single layer sees all that the network sees.
    layout: the axes of an explainable output, else None.
    grid: (rows, columns) of its map, else None.
    output: which part of what it returns is explained, where that is a tuple or mapping
        ('output 0 of 2'); else ''.
    pooled: whether its output is averaged over space and read by one linear layer, and no more.
    place: of the output in the order in which a pass makes them; modules that return the same one
        share it. influences: the places of the outputs that it may change, its own among them: bit
        p for place p. scored: whether it is the last one whose channels are the classes.
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
    branches: int = 1
    pooled: bool = False
    place: int = 0
    influences: int = -1
    scored: bool = False

    @property
    def channels(self) -> int:
        """Channels of an explainable output; 0 for another."""
        if self.shape is None or self.layout is None:
            return 0
        return self.shape[0 if self.layout is Layout.CHANNELS_FIRST else -1]

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


def percent_text(probability: float) -> str:
    """0.9713 as '97.1 %'; what would round to none or all as '< 0.1 %' or '> 99.9 %'."""
    if 0 < probability < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= probability < 1:
        return "> 99.9 %"
    return f"{100 * probability:.1f} %"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class of the network's output.

    index: position in the logits. label: its name, or 'class N' when none is known.
    logit: the score before softmax, or the value. probability: softmax of the logits, 0 to 1; None
    where the network returns values (Scores.VALUES).
    """

    index: int
    label: str
    logit: float
    probability: float | None

    @property
    def said(self) -> str:
        """The probability as '97.1 %', or the value as '34.72'."""
        if self.probability is None:
            return f"{self.logit:.4g}".replace("-", "\u2212")
        return percent_text(self.probability)


class Scores(StrEnum):
    """What the numbers of a network's output are, and so how they become probabilities.

    CLASSES: logits of which one class is true (softmax). LABELS: logits each true or not by itself
    (sigmoid). SIDES: a single logit, shown as two classes, 'negative' with its score negated and
    'positive' (sigmoid). VALUES: no probabilities at all, such as an age (regression).
    """

    CLASSES = "one of several classes"
    LABELS = "several independent labels"
    SIDES = "two sides of one score"
    VALUES = "values"


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


class Origin(StrEnum):
    """Where the preprocessing comes from.

    PROFILE: a saved or given profile. FILE: the model's files or published metadata. ASSUMED: no
    source specifies it. CHOSEN: the user, by options, in the window or from Python.
    """

    PROFILE = "profile"
    FILE = "file"
    ASSUMED = "assumed"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is open: everything about a model that can be said without torch.

    source: the demo ('demo:shapes') or the name of the architecture ('resnet50'); weights: the
    weights file or published entry, weights_sha256 its checksum; device: 'cpu', 'cuda:0', 'mps';
    classes: the labels in order of the logits; notices: sentences that the user should see (a
    fallback to another device, say).
    preprocessing_origin, classes_origin: where they were found, 'assumed' where nothing told.
    preprocessing_from: the same in one word.
    output: which part of the network's output is explained, and as what; outputs: the places of
    all its tensors that could be; output_widths: how many numbers each has.
    method, method_options: what explains it where no method is named. question: what the window
    asks first; it may be one that the model cannot answer.
    other_weights: the keys of other networks in the weights file.
    arithmetic: 'computed in float32' if its weights are stored in 16 bits, else ''.
    no_attention: why its attention cannot be mapped; '' if it can. no_hooks: why only methods that
    need no hook can explain it; '' if others can.
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
    output_widths: tuple[int, ...] = ()
    classes_origin: str = ""
    method: str = DEFAULT_METHOD
    method_options: tuple[tuple[str, Value], ...] = ()
    question: Question = CLASS
    other_weights: tuple[str, ...] = ()
    preprocessing_from: Origin = Origin.CHOSEN
    arithmetic: str = ""
    no_attention: str = ""
    no_hooks: str = ""

    @property
    def name(self) -> str:
        """The title with the weights file that tells one checkpoint from another: 'resnet50 ·
        best.pth'."""
        return named(self.title, self.weights)

    @property
    def counted(self) -> str:
        """'5 classes', or '1 value' where the network returns values."""
        count, values = len(self.classes), self.output.scores is Scores.VALUES
        if values:
            return f"{count:,} value" if count == 1 else f"{count:,} values"
        return f"{count:,} class" if count == 1 else f"{count:,} classes"


@functools.lru_cache(maxsize=64)
def named(title: str, weights: str) -> str:
    """A title with the name of the weights file, unless that says nothing more.

    weights: path of the file; the name of a published entry adds nothing.
    """
    path = Path(weights)
    known = (path.stem, path.name, path.parent.name)
    if not path.is_absolute() or title in known:
        return title
    return f"{title} · {path.name}"
