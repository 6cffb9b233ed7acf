"""What is asked of a session's image: decided by the network's answer where the user leaves it so,
and made into what passes derive."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.errors import TargetError
from engine.explain.compared import target_of
from engine.explain.kept_passes import Computation
from engine.inspection.default_layer import score_map
from engine.inspection.facts import Inspection
from engine.inspection.influence import leading_to
from engine.inspection.layer_tree import parse_layer
from engine.inspection.spatial_axes import Axes
from engine.methods.registry import Chosen
from engine.model import Model
from engine.passes.backward import ForwardPass, OfOutput, Target
from engine.passes.hooks import Call
from engine.records.asked import Asked, Cell, Question, Score
from engine.records.models import Layout, Prediction, Scores
from engine.targets.deciding import decided
from engine.targets.refusals import no_influence
from engine.targets.scores import score_of
from engine.targets.typed import checked


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """One question about the image of a computation.

    question: a checked one. index: the class, None for the one with the highest logit. default: the
    score where the question names none. call: whose output the question is about, None if it is
    about the logits. decided: what is asked, whatever the network answers.
    """

    work: Computation
    question: Question
    index: int | None
    default: Score = Score.LOGIT
    call: Call | None = None
    decided: Asked | None = None

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls whose outputs every pass has to keep."""
        return () if self.call is None else (self.call,)

    @property
    def layer(self) -> str:
        """The name of the layer that the question is about; '' if it is about the logits."""
        if self.question.unit is not None:
            return self.question.unit.layer
        return "" if self.call is None else self.call[0]

    @property
    def _scores(self) -> Scores:
        return self.work.model.facts.reading.form.scores

    def known(self) -> Asked | None:
        """What is asked, or None if only a pass can decide it."""
        if self.decided is not None:
            return self.decided
        classes = self.work.model.classes
        return decided(
            self.question, self.index, self.default, self._scores, classes, self.work.logits
        )

    def asked(self) -> Asked:
        """What is asked; after a pass, or if known without one. Raises TargetError."""
        found = self.known()
        assert found is not None
        return found

    def of(self, asked: Asked) -> Asking:
        """The question of one class by itself, of which this one is made."""
        question = Question(score=asked.score)
        return replace(self, question=question, index=asked.target, decided=None)

    def of_copy(self, work: Computation, *, mirrored: bool) -> Asking:
        """The same of another copy of the image, whatever the network answers there: of the same
        classes, and of the cell at the same place in the image."""
        asked = self.asked()
        if mirrored and self.call is not None:
            axes = self.work.model.facts.calls[self.call].axes
            assert axes is not None  # only spatial outputs are taken
            asked = _mirrored(asked, axes.grid[1])
        return replace(self, work=work, decided=asked)

    def prediction(self) -> Prediction:
        """The class that is asked about; for a question about none, the one that was given, or the
        one with the highest logit."""
        assert self.work.logits is not None
        chosen = self.asked().target if self.index is None else self.index
        chosen = int(np.argmax(self.work.logits)) if chosen is None else chosen
        return self.work.model.predictions(self.work.logits, [chosen])[0]

    def target(self, how: Chosen, done: ForwardPass | None = None) -> Target:
        """What passes derive for a method; there must have been a pass.

        done: one that is about to be derived, in which the output's number is noted.
        """
        asked = self.asked()
        assert self.work.logits is not None
        if self.call is not None:
            self._note(asked, done)
            return OfOutput(self.call, self.of_batch())
        if asked.question == "class" and asked.score is Score.LOGIT:
            assert asked.target is not None
            return target_of(how, self.work.logits, asked.target)
        return score_of(asked, self._scores)

    def of_batch(self) -> Callable[[Tensor], Tensor]:
        """From the logits of a batch, or from what `call` returns for it, to (n,)."""
        asked = self.asked()
        if self.call is None:
            return score_of(asked, self._scores)
        facts = self.work.model.facts
        axes = facts.calls[self.call].axes
        assert axes is not None  # only spatial outputs are taken
        if asked.unit is not None:
            return _channel(axes, asked.unit.channel, asked.unit.cell, 1.0)
        assert asked.target is not None
        if self._scores is Scores.SIDES:
            # One channel, of which the two classes are the sides.
            return _channel(axes, 0, asked.cell, 1.0 if asked.target else -1.0)
        return _channel(axes, asked.target, asked.cell, 1.0)

    def value(self) -> float:
        """The number that is explained; there must have been a pass."""
        asked = self.asked()
        if self.call is None:
            assert self.work.logits is not None
            return float(self.of_batch()(torch.from_numpy(self.work.logits)[None]))
        if asked not in self.work.values:
            self._note(asked, self.work.pass_with(self.call, None))
        return self.work.values[asked]

    def value_of(self, done: ForwardPass, image: int) -> float:
        """The number that is explained of one image of a batch's pass, whose logits are known."""
        if self.call is None:
            return self.value()
        with torch.no_grad():
            own = done.kept[self.call].tensor.detach()[image : image + 1]
            return float(self.of_batch()(own))

    def at_first_order(self) -> float:
        """What the score is to the first order in the logits, without its constant: itself, for
        sums of logits and for outputs of a layer."""
        if self.call is not None:
            return self.value()
        with torch.inference_mode(False), torch.enable_grad():
            logits = torch.from_numpy(self.work.logits)[None].requires_grad_()
            (slopes,) = torch.autograd.grad(self.of_batch()(logits).sum(), [logits])
            return float((slopes * logits.detach()).sum())

    def _note(self, asked: Asked, done: ForwardPass | None) -> None:
        if done is None or self.call is None:
            return
        kept = done.kept.get(self.call)
        if kept is None:
            # It was made before the graph starts, or beside it.
            raise TargetError(no_influence("that is explained", self.layer, is_later=True))
        with torch.no_grad():
            self.work.values[asked] = float(self.of_batch()(kept.tensor.detach()))


def asking_of(work: Computation, question: Question, index: int | None, how: Chosen) -> Asking:
    """What is asked, with the call that it is about.

    Raises TargetError for a question that lacks something, LayerError for a unit of a layer that
    cannot be explained.
    """
    facts = work.model.facts
    question = checked(question)
    call = None
    if question.unit is not None:
        call = facts.calls[_unit_call(work.model, question.unit.layer)].source
    elif question.cell is not None:
        call = score_map(facts)
    return Asking(work, question, index, how.method.score, call)


def before(facts: Inspection, among: Collection[Call], call: Call | None) -> Collection[Call]:
    """Those of the calls that another one may depend on: made no later, and leading to it; all of
    them for None."""
    if call is None:
        return among
    return leading_to(facts, call).intersection(among)


def _mirrored(asked: Asked, columns: int) -> Asked:
    def other(cell: Cell | None) -> Cell | None:
        return None if cell is None else (cell[0], columns - 1 - cell[1])

    unit = asked.unit
    return replace(
        asked,
        cell=other(asked.cell),
        unit=None if unit is None else replace(unit, cell=other(unit.cell)),
    )


def _unit_call(model: Model, layer: str) -> Call:
    return parse_layer(layer, model.facts, tuple(node.name for node in model.layers))


def _channel(
    axes: Axes, channel: int, cell: Cell | None, factor: float
) -> Callable[[Tensor], Tensor]:
    """From an output (n, ...) of these axes to one of its channels: the mean, or one cell."""

    def taken(output: Tensor) -> Tensor:
        if axes.layout is Layout.CHANNELS_FIRST:
            own = output[:, channel]
        elif axes.layout is Layout.CHANNELS_LAST:
            own = output[..., channel]
        else:
            own = output[:, axes.prefix :, channel].reshape(len(output), *axes.grid)
        own = own.mean(dim=(1, 2)) if cell is None else own[:, cell[0], cell[1]]
        return own * factor

    return taken
