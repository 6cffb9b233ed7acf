"""What is explained, as a function of a script: from what the network returns to one number."""

from __future__ import annotations

from collections.abc import Iterator

from engine.records.asked import Asked, Score
from engine.records.models import Scores
from engine.scripting.recipe import NoScript, Recipe

_WORDS = {
    Score.LOGIT: "logit",
    Score.LOG_PROBABILITY: "log-probability",
    Score.PROBABILITY: "probability",
}


def score(recipe: Recipe) -> str:
    """The function score. Raises NoScript for a question that is not about logits."""
    lines = ["def score(output):", f'    """{_title(recipe)}"""']
    lines += [f"    {line}" for line in _lines(recipe)]
    return "\n".join(lines) + "\n"


def constants(recipe: Recipe, label: str) -> tuple[str, ...]:
    """The lines that name the classes. label: of the class, for a comment."""
    asked = recipe.asked
    lines = []
    if asked.target is not None:
        lines.append(f"CLASS = {asked.target}  # {label}")
    if asked.against is not None:
        lines.append(f"OTHER_CLASS = {asked.against}")
    return tuple(lines)


def needs_functional(recipe: Recipe) -> bool:
    """Whether it uses torch.nn.functional."""
    return any("functional." in line for line in _lines(recipe))


def _title(recipe: Recipe) -> str:
    asked = recipe.asked
    if recipe.how.method.slug == "finer-cam":
        return "The logit of the class beyond those of the classes that come nearest to it."
    if asked.question == "entropy":
        return "The entropy of the answer: how unsure the network is."
    kind = _WORDS[asked.score or Score.LOGIT]
    if recipe.scores is Scores.VALUES:
        kind = "value"
    return {
        "class": f"The {kind} of the class.",
        "counterfactual": f"The {kind} of the class, negated: what speaks against it.",
        "contrast": f"The {kind} of the class minus that of the other class.",
        "margin": f"The {kind} of the class minus that of the other class.",
        "rest": f"The {kind} of all classes but this one.",
    }[asked.question]


def _lines(recipe: Recipe) -> Iterator[str]:
    asked = recipe.asked
    if asked.unit is not None or asked.cell is not None:
        raise NoScript("the question is about an output of a layer, not about a class")
    logits = _logits(recipe)
    if recipe.how.method.slug == "finer-cam":
        yield f"logits = {logits}"
        yield from _finer(recipe)
    elif asked.question == "entropy":
        yield f"logits = {logits}.double()"
        yield from _entropy(recipe.scores)
    elif asked.question == "rest":
        yield f"logits = {logits}.double()"
        yield from _rest(asked, recipe.scores)
    else:
        yield from _of_classes(asked, recipe.scores, logits)


def _logits(recipe: Recipe) -> str:
    where = f"output{recipe.output}"
    if recipe.scores is Scores.SIDES:
        return f"torch.cat([-{where}.flatten(), {where}.flatten()])"
    return f"{where}.flatten()"


def _each(asked: Asked, scores: Scores, logits: str) -> str:
    """An expression for the score of each class."""
    if asked.score in (None, Score.LOGIT):
        return logits
    wide = f"{logits}.double()"
    if scores is Scores.CLASSES:
        return f"{wide}.{'log_' if asked.score is Score.LOG_PROBABILITY else ''}softmax(dim=0)"
    if asked.score is Score.LOG_PROBABILITY:
        return f"functional.logsigmoid({wide})"
    return f"{wide}.sigmoid()"


def _of_classes(asked: Asked, scores: Scores, logits: str) -> Iterator[str]:
    each = _each(asked, scores, logits)
    if asked.question in ("contrast", "margin"):
        yield f"scores = {each}"
        yield "return scores[CLASS] - scores[OTHER_CLASS]"
    else:
        yield f"return {'-' if asked.question == 'counterfactual' else ''}{each}[CLASS]"


def _finer(recipe: Recipe) -> Iterator[str]:
    options = dict(recipe.how.options)
    count = int(options["references"])
    yield "# The class itself has a distance of 0, and comes first."
    yield f"near = (logits - logits[CLASS]).abs().argsort(stable=True)[1:{count + 1}]"
    if options["mean"] == "weighted":
        yield "weights = logits[near].detach().softmax(dim=0)"
        mean, strength = "(weights * logits[near]).sum()", options["alpha"]
    else:
        mean, strength = "logits[near].mean()", options["gamma"]
    yield f"return logits[CLASS] - {strength} * {mean}"


def _rest(asked: Asked, scores: Scores) -> Iterator[str]:
    yield "others = torch.arange(len(logits)) != CLASS"
    if scores is not Scores.CLASSES:
        yield f"return {_each(asked, scores, 'logits')}[others].mean()"
    elif asked.score in (None, Score.LOGIT):
        yield "return logits[others].logsumexp(dim=0)"
    else:
        yield "logs = logits[others].logsumexp(dim=0) - logits.logsumexp(dim=0)"
        yield "return logs" + ("" if asked.score is Score.LOG_PROBABILITY else ".exp()")


def _entropy(scores: Scores) -> Iterator[str]:
    if scores is Scores.CLASSES:
        yield "logs = logits.log_softmax(dim=0)"
        yield "return -(logs.exp() * logs).sum()"
        return
    if scores is Scores.SIDES:
        yield "logits = logits[1:]  # one decision, of which these are the sides"
    yield "yes, no = functional.logsigmoid(logits), functional.logsigmoid(-logits)"
    yield "return -(yes.exp() * yes + no.exp() * no).sum()"
