"""Many images in one pass: the answers are those of a session for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.errors import Cancelled, LayerError, MethodError, TargetError
from engine.explain.batches import Answer, Batches
from engine.explain.session import Session
from engine.model import Model
from engine.progress import CancelToken
from engine.records.asked import CLASS, Question, Score, Unit
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage, Preprocessing
from tests.engine import classifiers, networks
from tests.engine.families import FAMILIES

SIZE = (24, 32)
HOW = Preprocessing(24, SIZE, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25))


def model_of(module: nn.Module) -> Model:
    torch.manual_seed(0)
    for parameter in module.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.3)
    return Model(module.eval(), preprocessing=HOW, source="it")


def pictures(count: int) -> list[LoadedImage]:
    return [classifiers.picture(seed=seed, width=60, height=40) for seed in range(count)]


def alone(
    model: Model,
    image: LoadedImage,
    layer: str | None,
    target: int | None,
    method: str = "",
    **how: Any,
) -> tuple[Explanation, np.ndarray]:
    with Session(model, image, exact=True) as session:
        return session.explain(layer, target, method=method, **how), session.logits


def check(
    model: Model,
    answers: Sequence[Answer],
    images: Sequence[LoadedImage],
    layer: str | None = None,
    targets: Sequence[int | None] | None = None,
    method: str = "",
    **how: Any,
) -> None:
    assert len(answers) == len(images)
    for answer, image, target in zip(answers, images, targets or [None] * len(images), strict=True):
        expected, logits = alone(model, image, layer, target, method, **how)
        found = answer.explanation
        assert found is not None
        assert answer.logits is not None
        peak = np.abs(expected.map).max()
        assert np.abs(found.map - expected.map).max() <= 1e-4 * peak
        np.testing.assert_allclose(answer.logits, logits, rtol=1e-4, atol=1e-4)
        assert found.target.index == expected.target.index
        assert found.target.logit == pytest.approx(expected.target.logit, rel=1e-4, abs=1e-4)
        assert found.value == pytest.approx(expected.value, rel=1e-4, abs=1e-4)
        for name in (
            *("layer", "shape", "region", "image_size", "method", "options", "verdict", "layout"),
            *("asked", "subject", "signs", "number"),
        ):
            assert getattr(found, name) == getattr(expected, name), name


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family(family: str) -> None:
    model = model_of(FAMILIES[family]())
    images = pictures(7)
    for node in [node for node in model.layers if node.explainable][::3]:
        batches = Batches(model, node.name, size=3)
        check(model, [*batches.explain(images)], images, node.name)
        # That network has the number of images in its code.
        assert batches.size == (1 if family.startswith("swin") else 3)


@pytest.mark.parametrize("method", ["layercam", "xgrad-cam", "eigen-cam", "grad-cam++"])
def test_other_methods(method: str) -> None:
    model = model_of(FAMILIES["resnet"]())
    images = pictures(4)
    answers = [*Batches(model, method=method, size=4).explain(images)]
    check(model, answers, images, method=method)


def test_a_class_for_each() -> None:
    model = model_of(FAMILIES["resnet"]())
    images, targets = pictures(5), [0, None, 2, 1, None]
    answers = [*Batches(model, size=2).explain(images, targets)]
    check(model, answers, images, targets=targets)
    named = [*Batches(model, size=2).explain(images[:1], [model.classes[2]])]
    assert named[0].explanation is not None
    assert named[0].explanation.target.index == 2


ASKED = {
    "log-probability": Question(score=Score.LOG_PROBABILITY),
    "probability": Question(score=Score.PROBABILITY),
    "contrast": Question("contrast"),
    "contrast, probability": Question("contrast", score=Score.PROBABILITY),
    "counterfactual": Question("counterfactual"),
    "rest": Question("rest"),
    "margin": Question("margin"),
    "entropy": Question("entropy"),
    "unit": Question("unit", unit=Unit("LATER", 2)),
    "unit's cell": Question("unit", unit=Unit("LATER", 2, (1, 1))),
}


@pytest.mark.parametrize("family", ["resnet", "vit, class token"])
@pytest.mark.parametrize("method", ["grad-cam", "layercam", "grad-cam++"])
@pytest.mark.parametrize("name", ASKED)
def test_every_question(family: str, method: str, name: str) -> None:
    model = model_of(FAMILIES[family]())
    images, targets = pictures(5), [0, None, 2, 1, None]
    layers = sorted((n for n in model.layers if n.explainable), key=lambda node: node.place)
    first = layers[len(layers) // 3]
    after = [n.name for n in layers if n.place > first.place and first.influences >> n.place & 1]
    layer, later = first.name, after[len(after) // 2]
    question = ASKED[name]
    if question.unit is not None:
        question = replace(question, unit=replace(question.unit, layer=later))
    batches = Batches(model, layer, method=method, question=question, size=3)
    answers = [*batches.explain(images, targets)]
    check(model, answers, images, layer, targets, method, question=question)
    # The quotient of Grad-CAM++ may amplify rounding, so that its images are computed one by one.
    assert batches.size == 3 or method == "grad-cam++"


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("score-cam", {"batch": 4}),
        ("ablation-cam", {"batch": 4}),
        ("smooth-grad-cam++", {"n": 2}),
        ("finer-cam", {}),
        ("eigengrad-cam", {}),
    ],
)
def test_questions_of_methods_with_passes_and_options(
    method: str, options: dict[str, object]
) -> None:
    model = model_of(FAMILIES["resnet"]())
    images = pictures(2)
    question = CLASS if method == "finer-cam" else Question("contrast", score=Score.PROBABILITY)
    batches = Batches(model, method=method, options=options, question=question, size=2)
    answers = [*batches.explain(images)]
    check(model, answers, images, method=method, options=options, question=question)


def test_an_output_cell_of_each() -> None:
    model = model_of(networks.ConvolutionalHead())
    images, targets = pictures(4), [0, None, 2, 1]
    question = Question("cell", cell=(5, 6))
    batches = Batches(model, "0", method="hirescam", question=question, size=4)
    check(
        *(model, [*batches.explain(images, targets)], images, "0", targets, "hirescam"),
        question=question,
    )
    assert batches.size == 4


@pytest.mark.parametrize("size", [1, 3])
def test_a_question_that_one_image_cannot_be_asked(size: int) -> None:
    model = model_of(FAMILIES["resnet"]())
    images, targets = pictures(3), [0, 1, 2]
    question = Question("contrast", against=1)
    batches = Batches(model, question=question, size=size)
    answers = [*batches.explain(images, targets)]
    assert [answer.explanation is None for answer in answers] == [False, True, False]
    assert isinstance(answers[1].error, TargetError)
    assert "against itself" in str(answers[1].error)
    assert answers[1].logits is not None
    rest = [answers[0], answers[2]]
    check(model, rest, [images[0], images[2]], targets=[0, 2], question=question)


def test_questions_that_cannot_be_asked_are_refused_at_once() -> None:
    model = model_of(FAMILIES["resnet"]())
    first = next(node.name for node in model.layers if node.explainable)
    for question, words in (
        (Question("unit"), "needs a unit"),
        (Question("unit", unit=Unit(first, 10_000)), "no channel 10000"),
        (Question("unit", unit=Unit(first, 0)), "comes after"),
        (Question("cell", cell=(0, 0)), "no map of class scores"),
    ):
        with pytest.raises(TargetError, match=words):
            Batches(model, question=question)
    with pytest.raises(TargetError, match="same for every question"):
        Batches(model, method="eigen-cam", question=Question("entropy"))


def test_later_batches_are_computed_in_a_faster_form() -> None:
    model = model_of(FAMILIES["resnet"]())
    images = pictures(9)
    answers = [*Batches(model, size=3).explain(images)]
    assert model.faster.bytes > 0
    check(model, answers, images)
    exact = model_of(FAMILIES["resnet"]())
    assert [*Batches(exact, size=3, exact=True).explain(images)]
    assert exact.faster.bytes == 0


class _OneOnly(nn.Module):
    """It has the number of images in its code, as many exported networks have."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).mean((2, 3)).view(1, 4))


class _Mixing(_OneOnly):
    """An image's logits depend on the others of its batch."""

    def forward(self, x: Tensor) -> Tensor:
        centred = self.conv(x) - 0.5 * self.conv(x).mean(0, keepdim=True)
        return self.fc(centred.mean((2, 3)))


class _Heavy(_OneOnly):
    """It needs more memory for three images than there is."""

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return self.fc(self.conv(x).mean((2, 3)))


class _Dividing(_OneOnly):
    """Its gradient is infinite for an image that is black throughout."""

    def forward(self, x: Tensor) -> Tensor:
        light = (x + 1).flatten(1).amax(1)[:, None, None, None]
        return self.fc((self.conv(x) / light.relu()).mean((2, 3)))


@pytest.mark.parametrize(("kind", "left"), [(_OneOnly, 1), (_Mixing, 1), (_Heavy, 2)])
def test_networks_that_take_no_batches(kind: type[nn.Module], left: int) -> None:
    model = model_of(kind())
    images = pictures(5)
    batches = Batches(model, "conv", size=5)
    answers = [*batches.explain(images)]
    assert batches.size == left
    check(model, answers, images, "conv")


def test_one_image_that_has_no_map() -> None:
    model = model_of(_Dividing())
    # Standardised by (x - 0.5) / 0.2 and the like, so that black is not 0 but -1 or less.
    black = LoadedImage("black.png", np.zeros((40, 60, 3), dtype=np.uint8))
    images = [*pictures(2), black, *pictures(1)]
    answers = [*Batches(model, "conv", size=4).explain(images, [1] * 4)]
    assert [isinstance(answer.error, LayerError) for answer in answers] == [
        False,
        False,
        True,
        False,
    ]
    assert answers[2].explanation is None
    good = [0, 1, 3]
    check(model, [answers[i] for i in good], [images[i] for i in good], "conv", [1] * 3)


def test_one_image_that_cannot_be_prepared() -> None:
    model = model_of(_OneOnly())
    thread = LoadedImage("thread.png", np.zeros((1, 60_000, 3), dtype=np.uint8))
    model = model.configured(preprocessing=Preprocessing(4000, SIZE, HOW.mean, HOW.std))
    answers = [*Batches(model, "conv", size=2).explain([thread, *pictures(1)])]
    assert "thread.png" in str(answers[0].error)
    assert answers[1].explanation is not None


def test_what_cannot_be_asked_for() -> None:
    model = model_of(FAMILIES["resnet"]())
    with pytest.raises(LayerError, match="no layer"):
        Batches(model, "nowhere")
    with pytest.raises(MethodError):
        Batches(model, method="nothing-cam")
    batches = Batches(model, size=2)
    with pytest.raises(TargetError):
        list(batches.explain(pictures(2), ["nothing", None]))
    with pytest.raises(ValueError, match="targets"):
        list(batches.explain(pictures(2), [None]))
    assert list(batches.explain([])) == []


def test_it_stops_between_batches() -> None:
    model = model_of(FAMILIES["resnet"]())
    token = CancelToken()
    answers = Batches(model, size=2).explain(pictures(6), cancel=token)
    assert next(answers).explanation is not None
    assert next(answers).explanation is not None
    token.cancel()
    with pytest.raises(Cancelled):
        next(answers)


def test_as_many_as_fit_by_default() -> None:
    assert 1 <= Batches(model_of(FAMILIES["resnet"]())).size <= 16
