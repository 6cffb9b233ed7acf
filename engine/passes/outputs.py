"""Finds the logits in a network's output, and how to interpret its numbers.

A network that ends in a softmax or a sigmoid returns probabilities. Their gradient mixes the
classes and vanishes where the network is confident, and Grad-CAM is defined on the score before the
softmax (Selvaraju et al. 2017, section 3). So that score is recovered: the input of the call that
produced the output.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.passes.endings import Endings, computed_back, maker
from engine.passes.heads import is_unit_norm, widest_head
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


@dataclass(frozen=True, slots=True)
class Reading:
    """How a network's output is interpreted.

    form: the chosen interpretation. places: of all tensors that could be logits, and the number of
    elements of each. reachable: whether the input of the final softmax or sigmoid can be recovered;
    otherwise it is computed back from the probabilities (up to a constant, for a softmax).
    heads: the places that could as well have been chosen. embedding: the output is a vector of unit
    length. guessed: only that it is unbounded makes a single number a value.
    """

    form: OutputForm
    places: dict[str, int]
    reachable: bool = True
    heads: tuple[str, ...] = ()
    embedding: bool = False
    guessed: bool = False

    @property
    def width(self) -> int:
        """The number of elements of the chosen tensor."""
        return self.places[self.form.place]

    @property
    def classes(self) -> int:
        """The number of classes to explain: two sides, or one per element."""
        return 2 if self.form.scores is Scores.SIDES else self.width

    @property
    def notices(self) -> tuple[str, ...]:
        """Notices for the user about the network's output."""
        return (*self.doubts, self._ending_notice) if self._ending_notice else self.doubts

    @property
    def doubts(self) -> tuple[str, ...]:
        """Those of the notices that say what was chosen, where another choice would make sense."""
        said = (self._chosen_notice, self._meaning_notice)
        return tuple(text for text in said if text)

    @property
    def _chosen_notice(self) -> str:
        if len(self.heads) < 2:
            return ""
        widths = [self.places[place] for place in self.heads]
        why = "The widest" if widths.count(max(widths)) == 1 else "The first of the widest"
        return (
            f"The network has {len(self.heads)} outputs ({', '.join(self.heads)}). {why}, "
            f"{self.form.place}, is explained; choose another in Input and output, or with "
            "--output."
        )

    @property
    def _meaning_notice(self) -> str:
        if self.embedding:
            return (
                "The network's output has length 1, so it is probably an embedding and not the "
                "scores of classes; a map shows what changes one of its numbers."
            )
        if self.guessed:
            return (
                "The network returns one number without bounds, which is shown as a value. If it "
                "answers a yes/no question, choose Binary under Input and output."
            )
        return ""

    @property
    def _ending_notice(self) -> str:
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

    def logits(self, output: Any, endings: Endings | None, images: int = 1) -> Tensor:
        """The scores to be explained, (images, classes), on the graph.

        endings: those of the pass that returned the output. images: how many it got. Raises
        ModelError if the form of the output has changed since the network was opened.
        """
        tensor = dict(tensors_in(output)).get(self.form.place)
        if tensor is None or not _may_be_logits(tensor, images):
            raise ModelError(
                "the form of the network's output has changed since it was opened; open it again"
            )
        kind = self.form.ends_in
        if kind:
            before = endings.before(tensor, kind) if endings is not None else None
            if before is None and self.reachable:
                _log.warning("the %s that the network ended in was not found again", kind)
            tensor = before if before is not None else computed_back(tensor, kind)
        rows = tensor.reshape(images, -1)
        return torch.cat([-rows, rows], dim=1) if self.form.scores is Scores.SIDES else rows


def find(
    output: Any,
    endings: Endings | None = None,
    wanted: OutputForm | str | None = None,
    names: int = 0,
) -> Reading:
    """How to read what a network returned for one image.

    Candidates are the tensors of shape (1, C) or (1, C, 1, 1) in tuples, lists, mappings and
    dataclasses, or, if there are none, single numbers. Preferred is the one with as many elements
    as there are class names, then by its name (logits, out, ...), then the widest head
    (heads.widest_head).
    wanted: the place and scores chosen by the user, or only the place. names: number of class
    names, 0 for unknown.
    Raises ModelError if there is no candidate, or not the wanted one.
    """
    fitting = _candidates(output)
    place = wanted if isinstance(wanted, str) else ""
    heads: tuple[str, ...] = ()
    if isinstance(wanted, OutputForm):
        place = wanted.place
    elif wanted is None:
        place, heads = _chosen(fitting, names)
    if place not in fitting:
        choices = ", ".join(f"'{known}'" for known in fitting)
        raise ModelError(f"the network returns nothing at '{place}'; choose the output {choices}")
    tensor = fitting[place]
    _, ends_in = maker(tensor)
    width = tensor.numel()
    told = wanted.scores if isinstance(wanted, OutputForm) else None
    scores = told or _scores(width, ends_in, names)
    if not _is_possible(scores, width):
        raise ModelError(
            f"the network's output has {width} {'value' if width == 1 else 'values'}, which "
            f"cannot be '{scores}'; choose another interpretation"
        )
    before = endings.before(tensor, ends_in) if endings is not None and ends_in else None
    return Reading(
        form=OutputForm(place, scores, ends_in),
        places={known: tensor.numel() for known, tensor in fitting.items()},
        reachable=before is not None or not ends_in,
        heads=heads,
        embedding=width > 1 and is_unit_norm(tensor),
        guessed=scores is Scores.VALUES and told is None,
    )


def _candidates(output: Any) -> dict[str, Tensor]:
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
    return fitting


def is_usual(name: str) -> bool:
    """Whether an output's name only says that it is the output ('logits')."""
    return name.lower() in _NAMES


def _may_be_logits(tensor: Tensor, images: int = 1) -> bool:
    if tensor.ndim < 2:
        return tensor.numel() == images  # one score for each, squeezed
    if tensor.shape[0] != images:
        return False
    width = tensor.shape[1]
    return 1 <= width <= MOST_CLASSES and images * width == tensor.numel()


def _chosen(fitting: dict[str, Tensor], names: int) -> tuple[str, tuple[str, ...]]:
    """The chosen place, and the places between which only the width decided."""
    named = {place: t for place, t in fitting.items() if names and t.numel() == names} or fitting

    def rank(place: str) -> int:
        last = place.rpartition(".")[2].lower()
        if last in _NAMES:
            return _NAMES.index(last)
        return len(_NAMES) + (1 if last.startswith(_LAST) else 0)

    best = min(map(rank, named))
    return widest_head({place: t for place, t in named.items() if rank(place) == best})


def _scores(width: int, ends_in: str, names: int) -> Scores:
    if width == 1:
        return Scores.SIDES if ends_in == "sigmoid" or names == 2 else Scores.VALUES
    return Scores.LABELS if ends_in == "sigmoid" else Scores.CLASSES


def _is_possible(scores: Scores, width: int) -> bool:
    if scores is Scores.VALUES:
        return True
    return (scores is Scores.SIDES) == (width == 1)
