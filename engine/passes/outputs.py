"""Finds the logits in a network's output, and how to interpret its numbers.

A network that ends in a softmax or a sigmoid returns probabilities. Their gradient mixes the
classes and vanishes where the network is confident, and Grad-CAM is defined on the score before the
softmax (Selvaraju et al. 2017, section 3). So that score is recovered: the input of the call that
produced the output.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from engine.errors import ModelError
from engine.passes.hooks import tensors_in
from engine.records.models import OutputForm, Scores

MOST_CLASSES = 1_000_000
"""Most classes that are accepted, since each gets a name and a score."""

_log = logging.getLogger(__name__)

# The most likely first. Other names come after these, in their own order.
_NAMES = (
    *("logits", "logit", "class_logits", "cls_logits", "scores", "score", "out", "output"),
    *("outputs", "pred", "preds", "prediction", "predictions", "y_hat", "y", "cls", "main"),
    *("probs", "probabilities"),
)
_LAST = ("aux", "loss", "hidden", "feature", "embed", "attention", "pool", "last_hidden")

# Functions that a network may end in, and their names for display.
_ENDS: dict[Any, str] = {
    **dict.fromkeys(
        (torch.softmax, Tensor.softmax, functional.softmax, torch.special.softmax), "softmax"
    ),
    **dict.fromkeys(
        (
            *(torch.log_softmax, Tensor.log_softmax, functional.log_softmax),
            torch.special.log_softmax,
        ),
        "log_softmax",
    ),
    **dict.fromkeys((torch.sigmoid, Tensor.sigmoid, torch.special.expit), "sigmoid"),
    **dict.fromkeys((torch.sigmoid_, Tensor.sigmoid_, torch.ops.aten.sigmoid_), "sigmoid"),
    # As they appear in exported programs.
    **dict.fromkeys((torch.ops.aten.softmax, torch.ops.aten._softmax), "softmax"),
    **dict.fromkeys((torch.ops.aten.log_softmax, torch.ops.aten._log_softmax), "log_softmax"),
    torch.ops.aten.sigmoid: "sigmoid",
}
_IN_PLACE = (torch.sigmoid_, Tensor.sigmoid_, torch.ops.aten.sigmoid_)
_NODES = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}
# Operations that keep the values, by autograd's names.
_VIEWS = (
    *("View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Alias", "Clone", "ToCopy"),
    *("Permute", "Transpose", "T", "Select", "Slice", "Expand"),
)
_REMEMBERED = 8


class Endings(TorchFunctionMode):
    """Remembers the last calls of softmax, log_softmax and sigmoid with input and output."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: deque[tuple[str, Tensor, Tensor, object, int]] = deque(maxlen=_REMEMBERED)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        family = getattr(func, "overloadpacket", func)
        kind = _ENDS.get(family)
        if kind is None:
            return func(*args, **(kwargs or {}))
        given = args[0] if args else (kwargs or {}).get("input")
        if family in _IN_PLACE and isinstance(given, Tensor):
            given = given.clone()
        made = func(*args, **(kwargs or {}))
        if isinstance(given, Tensor) and isinstance(made, Tensor):
            self._seen.append((kind, given, made, made.grad_fn, made._version))
        return made

    def before(self, tensor: Tensor, kind: str) -> Tensor | None:
        """The input of the call of that kind that produced the tensor's values, or None."""
        node, _ = _maker(tensor)
        for known, given, made, made_by, version in reversed(self._seen):
            if known != kind or given.numel() != tensor.numel():
                continue
            same = made_by is node if node is not None else _same_numbers(tensor, made, version)
            if same:
                return given
        return None


@dataclass(frozen=True, slots=True)
class Reading:
    """How a network's output is interpreted.

    form: the chosen interpretation. places: of all tensors that could be logits. width: number of
    elements of the chosen one. reachable: whether the input of the final softmax or sigmoid can be
    recovered; otherwise it is computed back from the probabilities (up to a constant, for a
    softmax).
    """

    form: OutputForm
    places: tuple[str, ...]
    width: int
    reachable: bool = True

    @property
    def classes(self) -> int:
        """The number of classes to explain: two sides, or one per element."""
        return 2 if self.form.scores is Scores.SIDES else self.width

    @property
    def notice(self) -> str:
        """A notice for the user about the network's final activation; '' if there is none."""
        kind = self.form.ends_in.replace("_", "-")
        if not kind:
            return ""
        if self.reachable:
            return f"The network ends in a {kind}; its input (the logits) is explained."
        how = {
            "softmax": "the logarithm of the probabilities is explained",
            "log-softmax": "the log-probabilities are explained",
            "sigmoid": "the score is computed back from the probabilities",
        }[kind]
        return f"The network ends in a {kind} whose input cannot be recovered; {how}."

    @contextmanager
    def watching(self) -> Iterator[Endings | None]:
        """Record the final activations, if needed."""
        if not self.form.ends_in or not self.reachable:
            yield None
            return
        with Endings() as endings:
            yield endings

    def logits(self, output: Any, endings: Endings | None) -> Tensor:
        """The scores to be explained, (1, classes), on the graph.

        endings: those of the pass that returned the output. Raises ModelError if the form of the
        output has changed since the network was opened.
        """
        tensor = dict(tensors_in(output)).get(self.form.place)
        if tensor is None or not _may_be_logits(tensor):
            raise ModelError(
                "the form of the network's output has changed since it was opened; open it again"
            )
        kind = self.form.ends_in
        if kind:
            before = endings.before(tensor, kind) if endings is not None else None
            if before is None and self.reachable:
                _log.warning("the %s that the network ended in was not found again", kind)
            tensor = before if before is not None else _computed_back(tensor, kind)
            tensor = tensor.reshape(1, -1)
        row = tensor.reshape(1, -1)
        return torch.cat([-row, row], dim=1) if self.form.scores is Scores.SIDES else row


def find(
    output: Any, endings: Endings | None = None, wanted: OutputForm | None = None, names: int = 0
) -> Reading:
    """How to read what a network returned for one image.

    Candidates are the tensors of shape (1, C) or (1, C, 1, 1) in tuples, lists, mappings and
    dataclasses, or, if there are none, single numbers. Preferred is the one with as many elements
    as there are class names, then by its name (logits, out, ...), then the first.
    wanted: the place and scores chosen by the user. names: number of class names, 0 for unknown.
    Raises ModelError if there is no candidate, or not the wanted one.
    """
    tensors = dict(tensors_in(output))
    fitting = {place: tensor for place, tensor in tensors.items() if _may_be_logits(tensor)}
    rows = {place: tensor for place, tensor in fitting.items() if tensor.ndim >= 2}
    # A single number beside a row is a loss.
    fitting = rows or fitting
    if not tensors:
        raise ModelError(
            "the network returned no floating-point tensor; only image classifiers can be explained"
        )
    if not fitting:
        shapes = " and ".join(str(tuple(tensor.shape)) for tensor in list(tensors.values())[:3])
        raise ModelError(
            f"the network returned shape {shapes} instead of (1, classes); "
            "only image classifiers can be explained"
        )
    place = _chosen(fitting, names) if wanted is None else wanted.place
    if place not in fitting:
        choices = ", ".join(f"'{known}'" for known in fitting)
        raise ModelError(f"the network returns nothing at '{place}'; choose the output {choices}")
    tensor = fitting[place]
    _, ends_in = _maker(tensor)
    width = tensor.numel()
    scores = _scores(width, ends_in) if wanted is None else wanted.scores
    if (scores is Scores.SIDES) != (width == 1):
        raise ModelError(
            f"the network's output has {width} {'value' if width == 1 else 'values'}, which "
            f"cannot be '{scores}'; choose another interpretation"
        )
    before = endings.before(tensor, ends_in) if endings is not None and ends_in else None
    form = OutputForm(place, scores, ends_in)
    return Reading(form, tuple(fitting), width, before is not None or not ends_in)


def _may_be_logits(tensor: Tensor) -> bool:
    if tensor.ndim < 2:
        return tensor.numel() == 1  # one score, squeezed
    if tensor.shape[0] != 1:
        return False
    return 1 <= tensor.shape[1] == tensor.numel() <= MOST_CLASSES


def _chosen(fitting: dict[str, Tensor], names: int) -> str:
    named = [place for place, tensor in fitting.items() if names and tensor.numel() == names]

    def rank(place: str) -> int:
        last = place.rpartition(".")[2].lower()
        if last in _NAMES:
            return _NAMES.index(last)
        return len(_NAMES) + (1 if last.startswith(_LAST) else 0)

    return min(named or fitting, key=rank)


def _scores(width: int, ends_in: str) -> Scores:
    if width == 1:
        return Scores.SIDES
    return Scores.LABELS if ends_in == "sigmoid" else Scores.CLASSES


def _maker(tensor: Tensor) -> tuple[Any, str]:
    """The autograd node of the softmax or sigmoid that produced the tensor, and its kind; (None,
    '') if there is none. Operations that only change the shape are skipped."""
    node: Any = tensor.grad_fn
    while node is not None:
        name = type(node).__name__.partition("Backward")[0]
        if name in _NODES:
            return node, _NODES[name]
        if name not in _VIEWS:
            return None, ""
        node = node.next_functions[0][0]
    return None, ""


def _same_numbers(tensor: Tensor, made: Tensor, version: int) -> bool:
    """For tensors without a graph: whether one is the other or a view of it, unchanged."""
    if made._version != version:
        return False
    own = tensor._base if tensor._base is not None else tensor
    return own is made or own is made._base


def _computed_back(tensor: Tensor, kind: str) -> Tensor:
    """Scores with these probabilities; for a softmax, those whose exponentials sum to 1."""
    values = tensor.float()
    if kind == "softmax":
        return values.clamp_min(torch.finfo(values.dtype).tiny).log()
    if kind == "sigmoid":
        return torch.logit(values, eps=torch.finfo(values.dtype).eps)
    return values
