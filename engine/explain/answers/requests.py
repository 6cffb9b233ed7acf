"""What a session is asked for: a method, a layer and a question that fit each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import MethodError, TargetError
from engine.explain.answers.places import Place, places_of
from engine.explain.asking import Asking, asking_of, before
from engine.explain.kept_passes import Computation
from engine.methods.costs import counted_shape, counted_words, expected_of_all
from engine.methods.registry import METHODS, Chosen, requested
from engine.model import Model
from engine.records.asked import Asked, Question
from engine.records.explanations import Explanation
from engine.records.models import Prediction
from engine.targets.classes import find_class
from engine.targets.refusals import no_influence, refusal


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """how: the method with its options. places: the layers, none for a method that has none."""

    how: Chosen
    places: tuple[Place, ...]
    asking: Asking

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """What decides on the number of passes: of each layer's output, or of the input."""
        model = self.asking.work.model
        input_shape, method = model.facts.input_shape[1:], self.how.method
        if not self.places:
            return (counted_shape(method, input_shape, None),)
        named = {node.name: node for node in model.layers}
        nodes = (named[place.call[0]] for place in self.places)
        return tuple(counted_shape(method, input_shape, node) for node in nodes)

    @property
    def passes(self) -> tuple[int, int]:
        """The forward and backward passes that it takes at most."""
        return expected_of_all(self.how, self.shapes)

    def words(self, seconds: float) -> str:
        """'225 forward passes, about 6 s' where it takes more than a few passes, else ''.

        seconds: of one forward pass; 0 for the words without the time.
        """
        return counted_words(self.how, self.passes, seconds)


@dataclass(frozen=True, slots=True)
class Decided:
    """A request in plain values, with what the network's answer decides: layers: as addressed."""

    how: Chosen
    asked: Asked
    layers: tuple[str, ...]
    target: Prediction


def request_of(
    work: Computation,
    layer: str | Sequence[str] | None,
    target: int | str | None,
    method: str,
    options: Mapping[str, object] | None,
    question: Question,
) -> Request:
    """The request of explain. Raises LayerError, MethodError, TargetError."""
    how = method_of(work.model, method, options)
    places: tuple[Place, ...] = ()
    if how.method.layered:
        places = places_of(work.model, layer, how)
    elif layer is not None:
        raise MethodError(f"{how.method.no_layer}; name none, or choose another method")
    asking = asking_for(work, target, question, how)
    for place in places:
        if not before(work.model.facts, (place.source,), asking.call):
            order = list(work.model.facts.calls)
            assert asking.call is not None
            is_later = order.index(place.source) > order.index(asking.call)
            raise TargetError(no_influence(place.name, asking.layer, is_later=is_later))
    return Request(how, places, asking)


def request_again(work: Computation, explanation: Explanation) -> Request:
    """The request of an explanation, for the class that was explained. Raises as request_of."""
    asked = explanation.asked
    return request_of(
        work,
        explanation.fused or explanation.layer or None,
        asked.target,
        explanation.method,
        dict(explanation.options),
        Question(asked.question, asked.against, asked.score, asked.unit, asked.cell),
    )


def method_of(model: Model, slug: str, options: Mapping[str, object] | None) -> Chosen:
    """The requested method, or the model's own. Raises MethodError."""
    how = requested(model.method, slug, options)
    if model.no_hooks and not how.method.hookless:
        can = " or ".join(method.slug for method in METHODS if method.hookless)
        raise MethodError(f"{how.method.title}: {model.no_hooks}; choose {can}")
    return how


def swept_method_of(model: Model, slug: str, options: Mapping[str, object] | None) -> Chosen:
    """The same for a sweep. Raises MethodError, also for a method that cannot be swept."""
    how = method_of(model, slug, options)
    if not how.method.swept:
        why = how.method.no_layer or f"{how.method.title} is computed for one layer at a time"
        raise MethodError(f"{why}; a sweep of all layers needs another method")
    return how


def asking_for(
    work: Computation, target: int | str | None, question: Question, how: Chosen
) -> Asking:
    """What was asked. Raises TargetError, and LayerError for a unit of a layer without one."""
    model = work.model
    index = None if target is None else find_class(target, model.classes)
    asking = asking_of(work, question, index, how)
    reason = refusal(question, how.method, model.info, model.layers)
    if reason:
        raise TargetError(reason)
    asking.known()  # another class that does not exist is refused before there is a pass
    return asking
