"""Why a question cannot be asked of a model, a method or a layer: the one place that says so.

Plain values, without torch: the window greys a row by the sentence with which the engine refuses.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.methods.method import Method
from engine.records.asked import Question, Score, Unit
from engine.records.models import LayerNode, ModelInfo, Scores
from engine.targets.questions import find


def refusal(
    question: Question,
    method: Method,
    info: ModelInfo,
    layers: Sequence[LayerNode] = (),
    layer: LayerNode | None = None,
) -> str:
    """Why the method cannot answer the question for this model, in one line with the way out.

    '' where it can. layers: those of the model. layer: the one that is explained, None if none is,
    or all are. A question that lacks its unit, cell or other class is judged without.
    """
    return (
        unsuitable(question, info, layers)
        or _by_method(question, method, info)
        or _by_layer(question, layers, layer)
    )


def unsuitable(question: Question, info: ModelInfo, layers: Sequence[LayerNode] = ()) -> str:
    """Why the question makes no sense for the model, whatever the method; '' if it does."""
    row, scores = find(question.slug), info.output.scores
    if scores is Scores.VALUES:
        if row.slug in ("rest", "margin", "entropy"):
            return (
                f"{row.title} compares classes, and this network returns values; choose the "
                "question class or contrast"
            )
        if question.score not in (None, Score.LOGIT):
            return (
                "this network returns values, which have no probabilities; choose the score logit"
            )
    if len(info.classes) < 2 and row.against:
        return (
            f"{row.title} compares two classes, and this network's output is one number; choose "
            "another question"
        )
    if question.score is not None and not row.scored:
        return f"{row.title} has a number of its own; ask it without a score"
    if row.unit and info.no_hooks:
        return f"{info.no_hooks}, so that no channel can be seen; choose another question"
    if row.unit and question.unit is not None and layers:
        return _of_unit(question.unit, layers)
    return _of_cell(question, info, layers) if row.cell else ""


def score_layer(layers: Sequence[LayerNode]) -> LayerNode | None:
    """The last layer whose channels are the classes, for the question of one output cell."""
    return next((node for node in layers if node.scored), None)


def is_sum_of_logits(question: Question, info: ModelInfo) -> bool:
    """Whether the score is a sum of logits, each times a number."""
    row = find(question.slug)
    if not row.scored or question.score not in (None, Score.LOGIT):
        return False
    return row.slug != "rest" or info.output.scores is not Scores.CLASSES


def node_of(unit: Unit, layers: Sequence[LayerNode]) -> LayerNode | None:
    """The layer of a unit, whichever of its calls; None if there is no such layer."""
    name = unit.layer.partition("#")[0]
    return next((node for node in layers if node.name == name), None)


def _of_unit(unit: Unit, layers: Sequence[LayerNode]) -> str:
    node = node_of(unit, layers)
    if node is None:
        return f"there is no layer '{unit.layer}'; see the list of layers"
    if node.grid is None:
        return f"layer '{unit.layer}' has no channels to ask for: {node.reason}; choose another"
    if not 0 <= unit.channel < node.channels:
        return (
            f"layer '{unit.layer}' has no channel {unit.channel}; choose one from 0 to "
            f"{node.channels - 1}"
        )
    return _outside(f"layer '{unit.layer}'", unit.cell, node.grid)


def _of_cell(question: Question, info: ModelInfo, layers: Sequence[LayerNode]) -> str:
    if info.no_hooks:
        return f"{info.no_hooks}, so that no output cell can be seen; choose another question"
    node = score_layer(layers)
    if node is None or node.grid is None:
        if not layers:
            return ""
        return (
            "this network has no map of class scores, whose channels would be the classes; choose "
            "another question"
        )
    return _outside("the network's output", question.cell, node.grid)


def _outside(what: str, cell: tuple[int, int] | None, grid: tuple[int, int]) -> str:
    rows, columns = grid
    if cell is None or (0 <= cell[0] < rows and 0 <= cell[1] < columns):
        return ""
    return (
        f"{what} has no cell {cell[0]},{cell[1]}; choose a row from 0 to {rows - 1} and a column "
        f"from 0 to {columns - 1}"
    )


def _by_method(question: Question, method: Method, info: ModelInfo) -> str:
    row = find(question.slug)
    if row.slug == "class" and question.score in (None, method.score):
        return ""
    if not method.class_dependent:
        return (
            f"{method.title} is the same for every question, since it looks at no score; choose "
            "another method"
        )
    if method.compared:
        return f"{method.title} compares the class with others itself; choose another method"
    if method.pooled and (row.unit or row.cell or not is_sum_of_logits(question, info)):
        return (
            f"{method.title} puts together the weights of classes, and needs a sum of logits; "
            "choose another method"
        )
    return ""


def refused_layers(question: Question, layers: Sequence[LayerNode]) -> dict[str, str]:
    """Why layers have no influence on the output that is asked about, by their names.

    Of a module that is called several times, what holds for its last call.
    """
    asked = _asked(question, layers)
    if asked is None:
        return {}
    reasons = ((node.name, _between(question, asked, node)) for node in layers if node.explainable)
    return {name: reason for name, reason in reasons if reason}


def _by_layer(question: Question, layers: Sequence[LayerNode], layer: LayerNode | None) -> str:
    asked = _asked(question, layers)
    return "" if asked is None or layer is None else _between(question, asked, layer)


def _asked(question: Question, layers: Sequence[LayerNode]) -> LayerNode | None:
    """The layer whose output the question is about; None where it is about the logits."""
    if question.slug == "cell":
        return score_layer(layers)
    return node_of(question.unit, layers) if question.unit is not None else None


def _between(question: Question, asked: LayerNode, layer: LayerNode) -> str:
    is_later = layer.place > asked.place
    if not is_later and layer.influences >> asked.place & 1:
        return ""
    name = asked.name if question.unit is None else question.unit.layer
    return no_influence(layer.name, name, is_later=is_later)


def no_influence(layer: str, asked: str, *, is_later: bool) -> str:
    """What to say of a layer that cannot change the output that is asked about."""
    if is_later:
        return (
            f"layer '{layer}' comes after '{asked}', which it cannot change; choose a layer that "
            "comes before it"
        )
    return (
        f"layer '{layer}' does not lead to '{asked}', which it cannot change; choose a layer that "
        "does"
    )
