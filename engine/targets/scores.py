"""The score of a question: from the logits of a batch, (n, classes), to a number for each image.

All can be derived. What is no sum of logits is computed in the widest type that the device has.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from engine.methods.blocks import widest
from engine.records.asked import Asked, Score
from engine.records.models import Scores

LogitScore = Callable[[Tensor], Tensor]
"""(n, classes) to (n,)."""


def score_of(asked: Asked, scores: Scores) -> LogitScore:
    """The score of a question about logits; scores: what these are.

    class: s_c. contrast and margin: s_a - s_b. counterfactual: -s_c. rest, of classes that exclude
    each other: log sum of exp of the other logits, log(1 - p_c) or 1 - p_c; of others: the mean of
    the other s_k. entropy: that of the softmax; of independent classes, the sum of their own. s is
    the logit, the log-probability or the probability.
    Raises ValueError for a question that is not about logits.
    """
    if asked.question == "entropy":
        return lambda logits: _entropy(_wide(logits), scores)
    if asked.question == "rest":
        return lambda logits: _rest(logits, asked, scores)
    parts = parts_of(asked)
    if not parts:
        raise ValueError(f"{asked.question} is not about logits")
    if asked.score is Score.LOGIT:
        indices = [index for index, _ in parts]
        factors = [factor for _, factor in parts]

        def summed(logits: Tensor) -> Tensor:
            return (logits[:, indices] * logits.new_tensor(factors)).sum(dim=1)

        return summed

    def combined(logits: Tensor) -> Tensor:
        own = _each(logits, asked.score, scores)
        found = own.new_zeros(len(own))
        for index, factor in parts:
            found = found + factor * own[:, index]
        return found

    return combined


def parts_of(asked: Asked) -> tuple[tuple[int, float], ...]:
    """The (class, factor) pairs of a score that is a sum over one or two classes; () of others."""
    if asked.target is None:
        return ()
    if asked.question == "class":
        return ((asked.target, 1.0),)
    if asked.question == "counterfactual":
        return ((asked.target, -1.0),)
    if asked.question in ("contrast", "margin") and asked.against is not None:
        return ((asked.target, 1.0), (asked.against, -1.0))
    return ()


def _each(logits: Tensor, score: Score | None, scores: Scores) -> Tensor:
    """(n, classes): the score of each class by itself."""
    if score is Score.LOGIT or score is None:
        return logits
    wide = _wide(logits)
    if scores is Scores.CLASSES:
        logs = wide.log_softmax(dim=1)
        return logs if score is Score.LOG_PROBABILITY else logs.exp()
    return functional.logsigmoid(wide) if score is Score.LOG_PROBABILITY else wide.sigmoid()


def _rest(logits: Tensor, asked: Asked, scores: Scores) -> Tensor:
    keep = [index for index in range(logits.shape[1]) if index != asked.target]
    if scores is not Scores.CLASSES:
        return _each(logits, asked.score, scores)[:, keep].mean(dim=1)
    wide = _wide(logits)
    others = wide[:, keep].logsumexp(dim=1)
    if asked.score is Score.LOGIT:
        return others
    # Not by way of p_c, of which nothing is left of 1 where the network is certain.
    logs = others - wide.logsumexp(dim=1)
    return logs if asked.score is Score.LOG_PROBABILITY else logs.exp()


def _entropy(wide: Tensor, scores: Scores) -> Tensor:
    if scores is Scores.CLASSES:
        logs = wide.log_softmax(dim=1)
        return -(logs.exp() * logs).sum(dim=1)
    if scores is Scores.SIDES:
        # One decision, of which the two columns are the sides.
        wide = wide[:, 1:]
    yes, no = functional.logsigmoid(wide), functional.logsigmoid(-wide)
    return -(yes.exp() * yes + no.exp() * no).sum(dim=1)


def _wide(logits: Tensor) -> Tensor:
    return logits.to(widest(logits.device))
