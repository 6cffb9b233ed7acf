"""A question in words: what a map is of, what number was explained, and what its signs mean."""

from __future__ import annotations

from collections.abc import Sequence

from engine.records.asked import Asked, Score
from engine.records.models import Scores

_MANY = {
    Score.LOGIT: "logits",
    Score.LOG_PROBABILITY: "log-probabilities",
    Score.PROBABILITY: "probabilities",
}


def subject(asked: Asked, classes: Sequence[str]) -> str:
    """What the map is of: 'star', 'star against ring', 'layer3, channel 17 at 3,4'."""
    name = classes[asked.target] if asked.target is not None else ""
    other = classes[asked.against] if asked.against is not None else ""
    if asked.unit is not None:
        unit = asked.unit
        where = f" at {unit.cell[0]},{unit.cell[1]}" if unit.cell is not None else ""
        return f"{unit.layer}, channel {unit.channel}{where}"
    if asked.cell is not None:
        return f"{name} at output cell {asked.cell[0]},{asked.cell[1]}"
    return {
        "class": name,
        "contrast": f"{name} against {other}",
        "counterfactual": f"evidence against {name}",
        "rest": f"everything but {name}",
        "entropy": "uncertainty (entropy)",
        "margin": f"{name} and {other}, the first two: margin",
    }[asked.question]


def number(asked: Asked, scores: Scores, value: float) -> str:
    """The number that was explained: 'logit 8.31', 'difference of logits 5.2', '0.012 nats'."""
    said = f"{value:.3g}".replace("-", "\u2212")
    if asked.question == "entropy":
        return f"{said} nats"
    return f"{_score(asked, scores)} {said}"


def _score(asked: Asked, scores: Scores) -> str:
    if asked.unit is not None:
        return "mean" if asked.unit.cell is None else "output"
    score = asked.score or Score.LOGIT
    one, many = score.value, _MANY[score]
    if scores is Scores.VALUES:
        one, many = "value", "values"
    if asked.question in ("contrast", "margin"):
        return f"difference of {many}"
    if asked.question == "counterfactual":
        return f"negative {one}"
    if asked.question != "rest":
        return one
    if scores is not Scores.CLASSES:
        return f"mean of the other {many}"
    return "log-sum-exp of the other logits" if score is Score.LOGIT else f"their {one}"


def signs(asked: Asked, scores: Scores, classes: Sequence[str]) -> tuple[str, str]:
    """What positive and what negative values of the map are."""
    if asked.unit is not None:
        return "raises the channel", "lowers the channel"
    if asked.question == "entropy":
        return "raises the uncertainty", "lowers the uncertainty"
    if asked.question in ("contrast", "margin"):
        assert asked.target is not None
        assert asked.against is not None
        one, other = classes[asked.target], classes[asked.against]
        return f"for {one} rather than {other}", f"for {other} rather than {one}"
    if asked.question == "rest":
        return "evidence for other classes", "evidence against other classes"
    pair = ("evidence for the class", "evidence against the class")
    if scores is Scores.VALUES:
        pair = ("raises the value", "lowers the value")
    if asked.question == "counterfactual":
        return pair[1], pair[0]
    if asked.question == "cell":
        return f"{pair[0]} at that cell", f"{pair[1]} at that cell"
    return pair
