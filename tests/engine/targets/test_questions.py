"""The table of questions, scores by hand, what is decided, what is refused, and what is said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import TargetError
from engine.images.presets import PRESETS
from engine.methods.registry import find as method
from engine.records.asked import Asked, Cell, Question, Score, Unit
from engine.records.images import Preprocessing
from engine.records.models import LayerNode, Layout, ModelInfo, OutputForm, Scores
from engine.targets import questions, words
from engine.targets.deciding import class_of_folder, decided
from engine.targets.questions import QUESTIONS
from engine.targets.refusals import is_sum_of_logits, refusal, unsuitable
from engine.targets.scores import score_of
from engine.targets.typed import checked, parse_cell, parse_unit

CLASSES = ("circle", "ring", "star")
Z = np.array([0.5, -1.0, 2.0])


def scored(asked: Asked, scores: Scores, z: Sequence[float] = tuple(Z)) -> float:
    return float(score_of(asked, scores)(torch.tensor([list(z)], dtype=torch.float64)))


# --- the table -----------------------------------------------------------------------------------


def test_the_table_for_programs_and_for_people() -> None:
    told = json.loads(json.dumps(questions.facts_all()))
    assert [row["slug"] for row in told] == [row.slug for row in QUESTIONS]
    assert told[1]["needs"] == ["another class"]
    lines = questions.lines()
    assert max(map(len, lines)) < 80
    heads = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert heads == [row.slug for row in QUESTIONS]


def test_a_wrong_name_gets_the_nearest() -> None:
    assert questions.find(" Contrast ").slug == "contrast"
    with pytest.raises(TargetError, match="did you mean contrast"):
        questions.find("contrasts")
    with pytest.raises(TargetError, match="choose class, contrast"):
        questions.find("xyzzy")


# --- scores --------------------------------------------------------------------------------------

P = np.exp(Z) / np.exp(Z).sum()
S = 1 / (1 + np.exp(-Z))

SCORES = [
    (Asked("class", 2), Scores.CLASSES, Z[2]),
    (Asked("class", 2, score=Score.LOG_PROBABILITY), Scores.CLASSES, np.log(P[2])),
    (Asked("class", 2, score=Score.PROBABILITY), Scores.CLASSES, P[2]),
    (Asked("class", 2, score=Score.PROBABILITY), Scores.LABELS, S[2]),
    (Asked("class", 2, score=Score.LOG_PROBABILITY), Scores.LABELS, np.log(S[2])),
    (Asked("contrast", 2, 0), Scores.CLASSES, 1.5),
    (Asked("contrast", 2, 0, Score.PROBABILITY), Scores.CLASSES, P[2] - P[0]),
    (Asked("margin", 2, 0, Score.LOG_PROBABILITY), Scores.LABELS, np.log(S[2] / S[0])),
    (Asked("counterfactual", 1), Scores.VALUES, 1.0),
    (Asked("rest", 2), Scores.CLASSES, np.log(np.exp(0.5) + np.exp(-1.0))),
    (Asked("rest", 2, score=Score.LOG_PROBABILITY), Scores.CLASSES, np.log(1 - P[2])),
    (Asked("rest", 2, score=Score.PROBABILITY), Scores.CLASSES, 1 - P[2]),
    (Asked("rest", 2), Scores.LABELS, -0.25),
    (Asked("rest", 2, score=Score.PROBABILITY), Scores.LABELS, (S[0] + S[1]) / 2),
    (Asked("entropy", score=None), Scores.CLASSES, -(P * np.log(P)).sum()),
    (
        Asked("entropy", score=None),
        Scores.LABELS,
        -(S * np.log(S) + (1 - S) * np.log(1 - S)).sum(),
    ),
]


@pytest.mark.parametrize(("asked", "scores", "wanted"), SCORES)
def test_scores_by_hand(asked: Asked, scores: Scores, wanted: float) -> None:
    assert scored(asked, scores) == pytest.approx(wanted, rel=1e-12)


def test_two_sides_are_one_decision() -> None:
    s = 1 / (1 + np.exp(-3.0))
    entropy = -(s * np.log(s) + (1 - s) * np.log(1 - s))
    assert scored(Asked("entropy", score=None), Scores.SIDES, (-3.0, 3.0)) == pytest.approx(entropy)
    assert scored(Asked("rest", 1), Scores.SIDES, (-3.0, 3.0)) == -3.0


def test_nothing_is_lost_where_the_network_is_certain() -> None:
    certain = (100.0, 0.0, 0.0)
    rest = scored(Asked("rest", 0, score=Score.LOG_PROBABILITY), Scores.CLASSES, certain)
    assert rest == pytest.approx(np.log(2) - 100)
    logits = torch.tensor([certain], requires_grad=True)  # float32
    score_of(Asked("entropy", score=None), Scores.CLASSES)(logits).sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_each_image_of_a_batch_has_its_own_score() -> None:
    rows = torch.randn(5, 4, dtype=torch.float64)
    for asked in (Asked("class", 1), Asked("rest", 1), Asked("entropy", score=None)):
        together = score_of(asked, Scores.CLASSES)(rows)
        alone = [float(score_of(asked, Scores.CLASSES)(row[None])) for row in rows]
        assert together.tolist() == pytest.approx(alone)


# --- what is decided -----------------------------------------------------------------------------


def decide(
    question: Question,
    target: int | None = None,
    logits: Any = Z,
    scores: Scores = Scores.CLASSES,
    default: Score = Score.LOGIT,
) -> Asked | None:
    return decided(question, target, default, scores, CLASSES, logits)


def test_what_the_logits_decide() -> None:
    assert decide(Question()) == Asked("class", 2)
    assert decide(Question(), logits=None) is None
    assert decide(Question(), 1, None) == Asked("class", 1)
    assert decide(Question("contrast")) == Asked("contrast", 2, 0)
    assert decide(Question("contrast"), 0) == Asked("contrast", 0, 2)
    assert decide(Question("contrast"), 0, None) is None
    assert decide(Question("contrast", against="Ring"), 0, None) == Asked("contrast", 0, 1)
    assert decide(Question("margin"), 1) == Asked("margin", 2, 0)
    assert decide(Question("margin"), 1, None) is None
    assert decide(Question("entropy"), 1, None) == Asked("entropy", score=None)
    unit = Unit("layer3", 4)
    assert decide(Question("unit", unit=unit), 1, None) == Asked("unit", score=None, unit=unit)
    cell = Question("cell", cell=(1, 2))
    assert decide(cell, 1, None) == Asked("cell", 1, score=None, cell=(1, 2))


def test_a_named_score_wins_over_the_methods_and_values_have_one_alone() -> None:
    usual = decide(Question(), default=Score.PROBABILITY)
    assert usual == Asked("class", 2, score=Score.PROBABILITY)
    assert decide(Question(score=Score.LOGIT), default=Score.PROBABILITY) == Asked("class", 2)
    value = decide(Question(), scores=Scores.VALUES, default=Score.PROBABILITY)
    assert value == Asked("class", 2)


def test_a_question_without_what_it_needs() -> None:
    for question, said in (
        (Question("unit"), "needs a unit, as in layer3:17"),
        (Question("cell"), "needs an output cell, as in 3,4"),
        (Question("rest", against=1), "takes no other class; ask 'contrast'"),
        (Question("class", unit=Unit("a", 0)), "takes no unit; ask 'unit'"),
        (Question("unit", unit=Unit("a", 0), cell=(0, 0)), "takes no output cell; ask 'cell'"),
    ):
        with pytest.raises(TargetError, match=said):
            checked(question)
    with pytest.raises(TargetError, match="there is no class 'ringg'; did you mean ring"):
        decide(Question("contrast", against="ringg"), 0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("layer3:17", Unit("layer3", 17)),
        ("layer3.0.conv1#2:17:4,5", Unit("layer3.0.conv1#2", 17, (4, 5))),
        ("a:1:2", Unit("a:1", 2)),
    ],
)
def test_units_as_they_are_typed(text: str, wanted: Unit) -> None:
    assert parse_unit(text) == wanted
    assert wanted.address == text


@pytest.mark.parametrize(
    "text", ["", "layer3", "layer3:", ":3", "layer3:x", "a:1:2,", "a:-1", "a:²"]
)
def test_what_is_no_unit(text: str) -> None:
    with pytest.raises(TargetError, match="as in layer3:17"):
        parse_unit(text)


def test_cells_as_they_are_typed() -> None:
    assert parse_cell(" 3,4 ") == (3, 4)
    for text in ("3", "3;4", "3,", "-1,2", "9" * 5000 + ",1"):
        with pytest.raises(TargetError, match="as in 3,4"):
            parse_cell(text)


def test_the_class_that_a_folder_is_called_by(tmp_path: Path) -> None:
    names = ("ring", "tiger cat", "Star", "star")
    for folder, wanted in (("Ring", 0), ("tiger_cat", 1)):
        assert class_of_folder(tmp_path / folder / "1.png", names) == wanted
    for folder in ("star", "other"):  # two are called so, none is
        with pytest.raises(TargetError, match=f"folder '{folder}'"):
            class_of_folder(tmp_path / folder / "1.png", names)
    with pytest.raises(TargetError, match="folder ''"):
        class_of_folder(None, names)


# --- what is refused -----------------------------------------------------------------------------


def info(scores: Scores = Scores.CLASSES, count: int = 3, no_hooks: str = "") -> ModelInfo:
    how: Preprocessing = next(iter(PRESETS.values()))
    return ModelInfo(
        *("module", "net", "Net", "", "cpu", tuple(f"class {i}" for i in range(count)), 1, how),
        default_layer="b",
        output=OutputForm("", scores),
        no_hooks=no_hooks,
    )


def node(name: str, place: int, scored: bool = False) -> LayerNode:
    return LayerNode(
        *(name, "Conv2d", (8, 4, 5), 1, 1, True, "", False, Layout.CHANNELS_FIRST, (4, 5)),
        place=place,
        scored=scored,
    )


LAYERS = (node("a", 0), node("b", 1), node("c", 2, scored=True))


def test_what_makes_no_sense_for_a_network() -> None:
    values = info(Scores.VALUES)
    for slug in ("rest", "margin", "entropy"):
        assert "returns values; choose" in unsuitable(Question(slug), values)
    for slug in ("class", "contrast", "counterfactual"):
        assert unsuitable(Question(slug), values) == ""
    assert "choose the score logit" in unsuitable(Question(score=Score.PROBABILITY), values)
    assert unsuitable(Question(score=Score.LOGIT), values) == ""
    assert "one number" in unsuitable(Question("contrast"), info(Scores.VALUES, 1))
    assert "ask it without" in unsuitable(Question("entropy", score=Score.LOGIT), info())
    assert "no map of class scores" in unsuitable(Question("cell", cell=(0, 0)), info(), LAYERS[:2])
    for slug in ("unit", "cell"):
        assert "takes no hooks, so that" in unsuitable(
            Question(slug), info(no_hooks="an archive takes no hooks")
        )
    for row in QUESTIONS:
        for scores in (Scores.CLASSES, Scores.LABELS, Scores.SIDES):
            assert unsuitable(Question(row.slug), info(scores), LAYERS) == ""


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        (Unit("d", 0), "there is no layer 'd'"),
        (Unit("a", 8), "no channel 8; choose one from 0 to 7"),
        (Unit("a#0", 7, (4, 0)), "no cell 4,0; choose a row from 0 to 3 and a column from 0 to 4"),
        (Unit("a#0", 7, (3, 4)), ""),
    ],
)
def test_units_that_do_not_exist(unit: Unit, said: str) -> None:
    found = unsuitable(Question("unit", unit=unit), info(), LAYERS)
    assert said in found
    assert bool(said) is bool(found)


@pytest.mark.parametrize(("cell", "fits"), [((3, 4), True), ((4, 4), False), ((3, 5), False)])
def test_output_cells(cell: Cell, fits: bool) -> None:
    assert (unsuitable(Question("cell", cell=cell), info(), LAYERS) == "") is fits


def test_what_methods_cannot_answer() -> None:
    contrast, unit = Question("contrast"), Question("unit", unit=Unit("b", 1))

    def said(slug: str, question: Question, scores: Scores = Scores.CLASSES) -> str:
        return refusal(question, method(slug), info(scores), LAYERS)

    assert "same for every question" in said("eigen-cam", contrast)
    assert "same for every question" in said("fem", Question(score=Score.PROBABILITY))
    assert said("eigen-cam", Question()) == said("eigen-cam", Question(score=Score.LOGIT)) == ""
    assert "compares the class with others itself" in said("finer-cam", contrast)
    assert said("finer-cam", Question()) == ""
    for question in (
        Question("entropy"),
        Question("rest"),
        Question(score=Score.PROBABILITY),
        unit,
    ):
        assert "needs a sum of logits" in said("cam", question)
    assert said("cam", contrast) == said("cam", Question("rest"), Scores.LABELS) == ""
    for slug in (
        *("grad-cam", "score-cam", "ablation-cam"),
        *("occlusion", "integrated-gradients", "legrad"),
    ):
        assert said(slug, unit) == said(slug, contrast) == said(slug, Question("entropy")) == ""


def test_layers_after_a_unit() -> None:
    unit, cell = Question("unit", unit=Unit("b", 1)), Question("cell", cell=(0, 0))
    grad_cam = method("grad-cam")
    for layer, refused in zip(LAYERS, (False, False, True), strict=True):
        assert bool(refusal(unit, grad_cam, info(), LAYERS, layer)) is refused
        assert refusal(cell, grad_cam, info(), LAYERS, layer) == ""
    after = node("d", 3)
    assert "'d' comes after 'c'" in refusal(cell, grad_cam, info(), (*LAYERS, after), after)


def test_sums_of_logits() -> None:
    assert is_sum_of_logits(Question("margin"), info())
    assert not is_sum_of_logits(Question("rest"), info())
    assert is_sum_of_logits(Question("rest"), info(Scores.LABELS))
    assert not is_sum_of_logits(Question("class", score=Score.LOG_PROBABILITY), info())


# --- what is said --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "subject", "number"),
    [
        (Asked("class", 2), "star", "logit \u22120.5"),
        (Asked("class", 2, score=Score.PROBABILITY), "star", "probability \u22120.5"),
        (Asked("contrast", 2, 1), "star against ring", "difference of logits \u22120.5"),
        (Asked("counterfactual", 2), "evidence against star", "negative logit \u22120.5"),
        (
            Asked("rest", 2),
            "everything but star",
            "log-sum-exp of the other logits \u22120.5",
        ),
        (
            Asked("rest", 2, score=Score.LOG_PROBABILITY),
            "everything but star",
            "their log-probability \u22120.5",
        ),
        (Asked("entropy", score=None), "uncertainty (entropy)", "\u22120.5 nats"),
        (
            Asked("margin", 2, 1, Score.PROBABILITY),
            "star and ring, the first two: margin",
            "difference of probabilities \u22120.5",
        ),
        (
            Asked("unit", score=None, unit=Unit("layer3", 17)),
            "layer3, channel 17",
            "mean \u22120.5",
        ),
        (
            Asked("unit", score=None, unit=Unit("layer3", 17, (3, 4))),
            "layer3, channel 17 at 3,4",
            "output \u22120.5",
        ),
        (
            Asked("cell", 2, score=None, cell=(3, 4)),
            "star at output cell 3,4",
            "logit \u22120.5",
        ),
    ],
)
def test_captions(asked: Asked, subject: str, number: str) -> None:
    assert words.subject(asked, CLASSES) == subject
    assert words.number(asked, Scores.CLASSES, -0.5) == number
    rises, falls = words.signs(asked, Scores.CLASSES, CLASSES)
    assert rises != falls


def test_values_are_called_so() -> None:
    assert words.number(Asked("contrast", 2, 1), Scores.VALUES, 3) == "difference of values 3"
    assert words.signs(Asked("counterfactual", 2), Scores.VALUES, CLASSES) == (
        "lowers the value",
        "raises the value",
    )
    assert words.number(Asked("rest", 2), Scores.LABELS, 3) == "mean of the other logits 3"
