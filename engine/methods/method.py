"""What a row of the table of methods says. Plain values, without torch and without numpy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.methods.options import Option
from engine.records.asked import Score


class Family(StrEnum):
    """What a method looks at."""

    GRADIENT = "gradient of a layer"
    ACTIVATION = "activation of a layer"
    PERTURBATION = "perturbation"
    PIXEL = "pixels of the input"
    ATTENTION = "attention"


class Need(StrEnum):
    """What has to be computed for a method before it is called."""

    ACTIVATION = "activation"
    GRADIENT = "gradient"
    CURVATURE = "second derivative along the activation"
    DEEPER = "maps of deeper layers"
    LAYER_PASSES = "passes from the layer on"
    INPUT_PASSES = "passes from the input on"
    ATTENTION = "attention"
    ATTENTION_GRADIENT = "gradient of the attention"
    INPUT_GRADIENT = "gradient of the input"
    INPUT_GRADIENTS = "gradients of further inputs"
    GUIDED_GRADIENT = "guided gradient of the input"
    BIASES = "biases and their gradients"


_ALONE = frozenset({Need.LAYER_PASSES, Need.INPUT_PASSES, Need.CURVATURE, Need.DEEPER})
"""What is computed for one layer at a time."""


@dataclass(frozen=True, slots=True)
class Method:
    """One row.

    slug: the name by which it is asked for. title: as its authors write it.
    summary: one line, what it is good for. paper: authors, year and where to find it.
    equation: the formula, and its number in the paper where that is certain. A is the activation,
        G the gradient of the score by it, Z the number of cells, k a channel, S_k the sum of A_k.
    class_dependent: whether another class has another map. signed: whether a map can be negative
        anywhere.
    cost: in words. passes: forward (f) and backward (b) passes, '1f 1b'.
    function: 'module:function', from MethodInput to MethodMap; from PixelInput in the family PIXEL,
        from AttentionInput in ATTENTION.
    least_channels, least_cells: of a layer that the method can be had for; least_reason: why.
    most_cells: of such a layer, 0 for any number; most_reason: why. pooled: it has to be what the
        network averages over space and reads by one linear layer.
    compared: 'module:function', from logits, class and options to the coefficients of the sum of
        logits that is explained in place of the class's own; '' for a method that compares none.
    layered: whether it maps one layer at a time, which is then asked for.
    caution: what has to be said beside each of its maps, in a few words.
    counted: 'module:function', from options and the input's shape to the numbers of forward and
        backward passes, where options decide on them; '' where passes says them. Of a method of
        layers in a family other than PIXEL, from the shape (C, h, w) of the layer's output.
    weights: 'module:function', from a gradient (C, h, w) and a layout to Weights, of a method whose
        map is the sum of the channels by them; '' for any other.
    score: what it takes of a class where nothing else is asked for. linear: whether the map of a
        sum of scores is the sum of their maps; linear_at: the options that must be at their
        defaults for that.
    refuses: (name, reason) for each option that methods share and this one cannot have; it has
        the others of rows.shared.SHARED, which the registry adds to its options.
    steep: whether it divides by sums that may nearly cancel out, so that its maps may move by many
        times the rounding in which two ways to compute the network differ.
    """

    slug: str
    title: str
    family: Family
    summary: str
    paper: str
    equation: str
    needs: tuple[Need, ...]
    class_dependent: bool
    signed: bool
    cost: str
    passes: str
    function: str
    options: tuple[Option, ...] = ()
    least_channels: int = 1
    least_cells: int = 1
    least_reason: str = ""
    layered: bool = True
    caution: str = ""
    counted: str = ""
    most_cells: int = 0
    most_reason: str = ""
    pooled: bool = False
    compared: str = ""
    score: Score = Score.LOGIT
    linear: bool = False
    linear_at: tuple[str, ...] = ()
    weights: str = ""
    refuses: tuple[tuple[str, str], ...] = ()
    steep: bool = False

    @property
    def hookless(self) -> bool:
        """Whether it explains any network that can be run, without a hook or a gradient."""
        return self.needs == (Need.INPUT_PASSES,)

    @property
    def swept(self) -> bool:
        """Whether one sweep maps all layers by it."""
        return self.layered and self.family is not Family.PIXEL and not _ALONE & set(self.needs)

    @property
    def place(self) -> str:
        """What it maps where it has no layer, in two words; '' if it has one."""
        if self.layered:
            return ""
        return "input pixels" if self.family is Family.PIXEL else "all attention"

    @property
    def no_layer(self) -> str:
        """Why it has no layer, in words; '' if it has one."""
        if self.layered:
            return ""
        maps = "the whole network's attention"
        if self.family is Family.PIXEL:
            maps = "the pixels of the network's input"
        return f"{self.title} has no layer: it maps {maps}"


ACTIVATION = (Need.ACTIVATION,)
BOTH = (Need.ACTIVATION, Need.GRADIENT)
FORWARD = "one forward pass"
BACKWARD = "one forward and one backward pass"
"""Needs and costs that many rows share."""
