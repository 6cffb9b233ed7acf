"""Questions: each score by its formula, each way to its map, and no pass for what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine import Session
from engine.errors import HookscopeError, MethodError, TargetError
from engine.inspection import memory
from engine.methods.registry import METHODS, Family, Method, find, shares_gradient
from engine.model import Model
from engine.records.asked import Asked, Question, Score, Unit
from engine.records.explanations import Explanation
from engine.records.models import Layout, OutputForm, Scores
from engine.targets.questions import QUESTIONS
from engine.targets.refusals import refusal
from tests.engine import networks, token_networks
from tests.engine.networks import IMAGE, model_of, seeded

Array = NDArray[np.float64]
LAYER, TARGET, OTHER = "middle", 1, 2
FEW: dict[str, dict[str, object]] = {
    "rise": {"masks": 6},
    "integrated-gradients": {"steps": 3},
    **{slug: {"n": 2} for slug in ("smooth-grad-cam++", "smoothgrad", "ss-cam", "is-cam")},
    "occlusion": {"window": 12, "stride": 12},
}

ASKED = {
    "class": Question(),
    "class, log-probability": Question(score=Score.LOG_PROBABILITY),
    "class, probability": Question(score=Score.PROBABILITY),
    "contrast": Question("contrast", against=OTHER),
    "contrast, probability": Question("contrast", against=OTHER, score=Score.PROBABILITY),
    "counterfactual": Question("counterfactual"),
    "rest": Question("rest"),
    "rest, log-probability": Question("rest", score=Score.LOG_PROBABILITY),
    "rest, probability": Question("rest", score=Score.PROBABILITY),
    "margin": Question("margin"),
    "margin, log-probability": Question("margin", score=Score.LOG_PROBABILITY),
    "entropy": Question("entropy"),
}


pytestmark = pytest.mark.usefixtures("one_thread")


def double(make: Any = networks.Base, *arguments: Any, **options: Any) -> Model:
    return model_of(seeded(make, *arguments).double().eval(), **options)


def of_kind(scores: Scores) -> Model:
    """A network whose output has that meaning, and logits that are far from each other."""
    count = 1 if scores is Scores.SIDES else 4
    module = seeded(networks.Base, count).double().eval()
    with torch.no_grad():
        module.head.bias.copy_(torch.linspace(0.3, 1.6, count))
        module.head.weight.mul_(4)
    return model_of(module, output=OutputForm("", scores))


def close(found: Explanation | NDArray[Any], wanted: NDArray[Any], part: float = 1e-5) -> None:
    map = found.map if isinstance(found, Explanation) else found
    assert map.shape == wanted.shape
    largest = np.abs(wanted).max()
    assert largest > 0, "zero says nothing"
    np.testing.assert_allclose(map, wanted, rtol=0, atol=part * largest)


def class_maps(model: Model, method: str = "grad-cam") -> tuple[list[Array], Array]:
    """The map of every class's logit, each in a session of its own, and the logits."""
    maps = []
    for target in range(len(model.classes)):
        with Session(model, IMAGE) as session:
            maps.append(session.explain(LAYER, target, method=method).map.astype(np.float64))
            logits = session.logits
    return maps, logits


def mixed(maps: list[Array], weights: Array) -> Array:
    return np.asarray(sum(weight * map for weight, map in zip(weights, maps, strict=True)))


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def slopes(name: str, scores: Scores, z: Array) -> Array:
    """d score / d z by hand, for the class TARGET against OTHER."""
    one = np.eye(len(z))
    question, _, score = name.partition(", ")
    target, other = TARGET, OTHER if len(z) > 2 else 1 - TARGET
    if question == "margin":
        target, other = (int(index) for index in np.argsort(-z)[:2])
    exclusive = scores is Scores.CLASSES
    p = softmax(z) if exclusive else 1 / (1 + np.exp(-z))
    if question == "entropy":
        if exclusive:
            entropy = -(p * np.log(p)).sum()
            return np.asarray(-p * (np.log(p) + entropy))
        own = -z * p * (1 - p)
        # Of a single decision, the two sides have one entropy.
        return np.asarray(own * one[1]) if scores is Scores.SIDES else np.asarray(own)
    # d s_k / d z for each k.
    each = one
    if score == "log-probability":
        each = one - p if exclusive else one * (1 - p)
    elif score == "probability":
        each = p[:, None] * (one - p) if exclusive else one * (p * (1 - p))
    if question == "rest":
        others = [k for k in range(len(z)) if k != target]
        if not exclusive:
            return np.asarray(each[others].mean(axis=0))
        shares = np.zeros(len(z))
        shares[others] = softmax(z[others])
        if score == "log-probability":
            return np.asarray(shares - p)
        return -each[target] if score == "probability" else shares
    if question == "counterfactual":
        return -each[target]
    return np.asarray(each[target] - (0 if question == "class" else each[other]))


@pytest.mark.parametrize("scores", [Scores.CLASSES, Scores.LABELS, Scores.SIDES])
@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("method", ["grad-cam", "hirescam"])
def test_every_score_by_its_formula(name: str, scores: Scores, method: str) -> None:
    model = of_kind(scores)
    maps, logits = class_maps(model, method)
    question = ASKED[name]
    if question.against is not None and scores is Scores.SIDES:
        question = Question("contrast", against=0, score=question.score)
    wanted = mixed(maps, slopes(name, scores, logits))
    with Session(model, IMAGE) as session:
        close(session.explain(LAYER, TARGET, method=method, question=question), wanted)
    with Session(model, IMAGE) as session:  # where maps of classes are known
        for target in range(len(model.classes)):
            session.explain(LAYER, target, method=method)
        close(session.explain(LAYER, TARGET, method=method, question=question), wanted)


def test_a_contrast_before_average_pooling_is_that_of_the_weights() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )
    torch.manual_seed(3)
    module = module.double().eval()
    model = model_of(module)
    with Session(model, IMAGE) as session:
        a = module[1](module[0](session._work.input))[0].detach()
        weights = module[4].weight.detach()
        wanted = torch.einsum("k,khw->hw", weights[TARGET] - weights[OTHER], a).numpy()
        question = Question("contrast", against=OTHER)
        close(session.explain("1", TARGET, method="cam", question=question), wanted)
        found = session.explain("1", TARGET, question=question)
        close(found, wanted / a[0].numel())
        z = session.logits
    assert found.value == pytest.approx(z[TARGET] - z[OTHER])
    assert found.against is not None
    assert (found.target.index, found.against.index) == (TARGET, OTHER)
    assert found.asked == Asked("contrast", TARGET, OTHER)
    assert found.sentence == f"class 1 against class 2, {found.number}"


def test_the_other_class_is_the_most_probable_one_unless_it_is_named() -> None:
    model = double()
    with Session(model, IMAGE) as session:
        first, second, third = (p.index for p in session.predictions(3))
        found = session.explain(LAYER, question=Question("contrast"))
        assert (found.asked.target, found.asked.against) == (first, second)
        found = session.explain(LAYER, second, question=Question("contrast"))
        assert (found.asked.target, found.asked.against) == (second, first)
        named = Question("contrast", against=f"CLASS {third}")
        assert session.explain(LAYER, first, question=named).asked.against == third
        with pytest.raises(TargetError, match="against itself"):
            session.explain(LAYER, third, question=named)
    with Session(model, IMAGE) as fresh, pytest.raises(TargetError, match="against itself"):
        fresh.explain(LAYER, question=Question("contrast", against=first))


# --- outputs of layers ---------------------------------------------------------------------------


def by_hand(
    model: Model, tensor: Tensor, layer: str, asked: str, score: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """What the layer returned, and the derivative by it of a score made of another's output."""
    outputs: dict[str, Tensor] = {}
    handles = [
        model.module.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: outputs.setdefault(name, out) * 1
        )
        for name in {layer, asked}
    ]
    try:
        with torch.enable_grad():
            model.module(tensor.clone().requires_grad_())
            (gradient,) = torch.autograd.grad(score(outputs[asked]), [outputs[layer]])
    finally:
        for handle in handles:
            handle.remove()
    return outputs[layer].detach(), gradient


def first(tensor: Tensor, layout: Layout | None, grid: tuple[int, int] | None) -> Tensor:
    """(C, h, w)."""
    single = tensor[0]
    if layout is Layout.TOKENS:
        assert grid is not None
        single = single[len(single) - grid[0] * grid[1] :].unflatten(0, grid)
    return single if layout is Layout.CHANNELS_FIRST else single.permute(2, 0, 1)


UNITS: dict[str, tuple[Callable[[], nn.Module], str, str]] = {
    "channels first": (networks.Base, "stem", "last"),
    "in place": (networks.InplaceAddition, "stem", "middle"),
    "tokens": (token_networks.Tokens, "patches", "blocks.0"),
}


@pytest.mark.parametrize("kind", UNITS)
@pytest.mark.parametrize("cell", [None, (2, 3)])
@pytest.mark.parametrize("swept", [False, True])
def test_a_unit_is_the_output_of_its_channel(
    kind: str, cell: tuple[int, int] | None, swept: bool
) -> None:
    make, layer, asked = UNITS[kind]
    model = double(make)
    nodes = {node.name: node for node in model.layers}

    def score(output: Tensor) -> Tensor:
        own = first(output, nodes[asked].layout, nodes[asked].grid)[3]
        return own.mean() if cell is None else own[cell]

    with Session(model, IMAGE) as session:
        tensor = session._work.input
        question = Question("unit", unit=Unit(asked, 3, cell))
        if swept:
            maps = session.sweep(question=question)
            places = {name: node.place for name, node in nodes.items() if node.explainable}
            assert set(maps) == {n for n, at in places.items() if at <= places[asked]}
            found = maps[layer]
        else:
            found = session.explain(layer, question=question)
        a, g = by_hand(model, tensor, layer, asked, score)
    at = nodes[layer]
    a, g = (first(part, at.layout, at.grid) for part in (a, g))
    close(found, (g.mean(dim=(1, 2))[:, None, None] * a).sum(dim=0).numpy())
    assert found.asked.unit == Unit(asked, 3, cell)
    assert found.target.index == int(np.argmax(session_logits(model)))


def session_logits(model: Model) -> Array:
    with Session(model, IMAGE) as session:
        return session.logits


def test_a_unit_of_a_known_convolution() -> None:
    """The mean of a 1 x 1 convolution's channel is the sum of its weights times mean inputs."""
    module = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(5, 6, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    torch.manual_seed(1)
    model = model_of(module.double().eval())
    with Session(model, IMAGE) as session:
        a = module[0](session._work.input)[0].detach()
        weight = module[1].weight[4, :, 0, 0].detach()
        bias = module[1].bias[4].item()
        wanted = torch.einsum("k,khw->hw", weight, a)
        found = session.explain("0", question=Question("unit", unit=Unit("1", 4)))
        close(found, wanted.numpy() / wanted.numel())
        assert found.value == pytest.approx(wanted.mean().item() + bias)
        assert found.sentence == f"1, channel 4, {found.number}"
        # Of the layer itself, the map is the channel.
        own = session.explain("1", question=Question("unit", unit=Unit("1", 4)))
        close(own, (wanted.numpy() + bias) / wanted.numel())
        one = session.explain("0", question=Question("unit", unit=Unit("1", 4, (1, 2))))
        assert one.value == pytest.approx(wanted[1, 2].item() + bias)


@pytest.mark.parametrize("sides", [False, True])
def test_an_output_cell_is_the_class_at_one_place(sides: bool) -> None:
    module = seeded(networks.ConvolutionalHead)
    if sides:
        module[2] = nn.Conv2d(6, 1, 1)
    module = module.double().eval()
    form = OutputForm("", Scores.SIDES) if sides else None
    model = model_of(module, output=form)
    assert [node.name for node in model.layers if node.scored] == ["2"]
    channel, sign = (0, 1.0 if TARGET else -1.0) if sides else (TARGET, 1.0)
    with Session(model, IMAGE) as session:
        tensor = session._work.input
        a, g = by_hand(model, tensor, "0", "2", lambda out: sign * out[0, channel, 5, 6])
        found = session.explain(
            "0", TARGET, method="hirescam", question=Question("cell", cell=(5, 6))
        )
        close(found, (a * g)[0].sum(dim=0).numpy())
        assert found.target.index == TARGET
        assert "at output cell 5,6" in found.sentence
        if sides:
            other = session.explain(
                "0", 0, method="hirescam", question=Question("cell", cell=(5, 6))
            )
            close(other, -found.map)


def ablated(
    model: Model, tensor: Tensor, layer: str, asked: str, score: Callable[[Tensor], Tensor]
) -> Array:
    """Ablation-CAM written out: whole passes in which a hook puts one channel at zero."""
    nodes = {node.name: node for node in model.layers}
    at, seen = nodes[layer], {}
    prefix = 0
    if at.layout is Layout.TOKENS:
        assert at.grid is not None
        assert at.shape is not None
        prefix = at.shape[0] - at.grid[0] * at.grid[1]

    def run(channel: int | None) -> tuple[float, Tensor]:
        def off(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            seen[layer] = output.clone()
            changed = output.clone()
            if channel is not None and at.layout is Layout.TOKENS:
                changed[:, prefix:, channel] = 0
            elif channel is not None:
                changed[:, channel] = 0
            seen[asked] = changed.clone()  # where it is the same layer
            return changed

        def note(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            seen[asked] = output.clone()

        handles = [model.module.get_submodule(layer).register_forward_hook(off)]
        if asked != layer:
            handles.append(model.module.get_submodule(asked).register_forward_hook(note))
        try:
            with torch.no_grad():
                model.module(tensor.clone())
        finally:
            for handle in handles:
                handle.remove()
        return float(score(seen[asked])), seen[layer]

    y, output = run(None)
    a = first(output, at.layout, at.grid)
    weights = torch.tensor([y - run(channel)[0] for channel in range(len(a))], dtype=a.dtype)
    return (weights[:, None, None] * a).sum(dim=0).numpy()  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", [*UNITS, "itself", "earlier call"])
@pytest.mark.parametrize("cell", [None, (2, 3)])
@pytest.mark.parametrize("batch", [1, 4])
def test_ablation_cam_of_a_unit(kind: str, cell: tuple[int, int] | None, batch: int) -> None:
    make, layer, asked = {
        **UNITS,
        "itself": (networks.Base, "middle", "middle"),
        "earlier call": (networks.InplaceAddition, "stem", "stem"),
    }[kind]
    model = double(make)
    nodes = {node.name: node for node in model.layers}

    def score(output: Tensor) -> Tensor:
        own = first(output, nodes[asked].layout, nodes[asked].grid)[3]
        return own.mean() if cell is None else own[cell]

    with Session(model, IMAGE) as session:
        tensor = session._work.input
        found = session.explain(
            layer,
            method="ablation-cam",
            options={"batch": batch},
            question=Question("unit", unit=Unit(asked, 3, cell)),
        )
    close(found, ablated(model, tensor, layer, asked, score))


def test_passes_for_a_unit_run_from_the_layer_to_it() -> None:
    images = {"stem": 0, "middle": 0, "last": 0}
    module = seeded(networks.Base)

    def counting(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            images[name] += len(inputs[0]) if inputs[0].device.type != "meta" else 0

        return hook

    model = model_of(module)
    question = Question("unit", unit=Unit("middle", 2))
    with Session(model, IMAGE) as session:
        session.explain("stem", TARGET, question=question)
        handles = [module.get_submodule(n).register_forward_pre_hook(counting(n)) for n in images]
        session.explain("stem", TARGET, method="ablation-cam", question=question)
        # Six channels, one pass as it is, one whole to compare with, and a pair from the layer on.
        assert images["middle"] == 6 + 1 + 1 + 2
        assert images["stem"] == 3, "the two whole ones, and one to record"
        assert images["last"] == 0
    for handle in handles:
        handle.remove()


def test_an_output_cell_by_ablation_cam() -> None:
    model = double(networks.ConvolutionalHead)
    with Session(model, IMAGE) as session:
        tensor = session._work.input
        question = Question("cell", cell=(5, 6))
        found = session.explain("0", TARGET, method="ablation-cam", question=question)
    close(found, ablated(model, tensor, "0", "2", lambda out: out[0, TARGET, 5, 6]))


def test_a_layer_that_does_not_lead_to_the_unit_is_refused() -> None:
    with Session(double(), IMAGE) as session:
        question = Question("unit", unit=Unit("stem", 2))
        with pytest.raises(TargetError, match="'last' comes after 'stem'"):
            session.explain("last", question=question)
        for unit, words in (
            (Unit("stem", 6), "choose one from 0 to 5"),
            (Unit("stem", 2, (24, 0)), "a row from 0 to 23 and a column from 0 to 31"),
        ):
            with pytest.raises(TargetError, match=words):
                session.explain("stem", question=Question("unit", unit=unit))
        for question, words in (
            (Question("unit"), "needs a unit"),
            (Question("cell"), "needs an output cell"),
            (Question("class", against=1), "ask 'contrast'"),
            (Question("entropy", score=Score.LOGIT), "number of its own"),
            (Question("contrasts"), "did you mean contrast"),
        ):
            with pytest.raises(TargetError, match=words):
                session.explain("stem", question=question)


# --- every method --------------------------------------------------------------------------------


def ways(model: Model) -> dict[str, Question]:
    spatial = [node for node in model.layers if node.grid is not None and node.place > 0]
    # Of tokens, one that comes after an attention.
    unit = next((node for node in spatial if node.name == "blocks.0"), spatial[0])
    return {
        **ASKED,
        "unit": Question("unit", unit=Unit(unit.name, 1)),
        "unit's cell": Question("unit", unit=Unit(unit.name, 1, (1, 1))),
        "cell": Question("cell", cell=(1, 1)),
    }


MATRIX: dict[str, Callable[[], nn.Module]] = {
    "convolutions": networks.ConvolutionalHead,
    "tokens": token_networks.Tokens,
}


@pytest.mark.parametrize("kind", MATRIX)
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.slug)
def test_every_method_answers_or_says_why_not(kind: str, method: Method) -> None:
    model = model_of(seeded(MATRIX[kind]).eval())
    options = FEW.get(method.slug)
    layer = {"convolutions": "0", "tokens": "patches"}[kind] if method.layered else None
    node = next((node for node in model.layers if node.name == layer), None)
    # CAM wants average pooling and a linear layer right after it, and attention wants tokens.
    fits = not method.pooled and (kind == "tokens" or method.family is not Family.ATTENTION)
    answered = 0
    for name, question in ways(model).items():
        reason = refusal(question, method, model.info, model.layers, node)
        with Session(model, IMAGE) as session:

            def ask(session: Session = session, question: Question = question) -> Explanation:
                return session.explain(
                    layer, TARGET, method=method.slug, options=options, question=question
                )

            if reason:
                with pytest.raises(HookscopeError) as raised:
                    ask()
                assert "\n" not in str(raised.value), name
                assert "choose" in reason, name
                if isinstance(raised.value, TargetError):
                    assert str(raised.value) == reason, name
                continue
            if not fits:
                with pytest.raises(MethodError):
                    ask()
                continue
            found = ask()
        assert np.isfinite(found.map).all(), name
        assert found.value is not None, name
        assert found.number in found.sentence, name
        answered += 1
    blind = not method.class_dependent or bool(method.compared)
    if fits:
        assert answered >= (1 if blind else 12)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.slug)
def test_those_that_are_linear_are_marked(method: Method) -> None:
    if not method.class_dependent or method.compared:
        assert not method.linear
        return
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )
    torch.manual_seed(2)
    model = model_of(module.double().eval())
    layer: str | None = "3" if method.layered else None
    if method.family is Family.ATTENTION:
        model, layer = double(token_networks.Tokens), None
    options = FEW.get(method.slug)

    def alone(target: int, question: Question) -> Array:
        with Session(model, IMAGE) as session:
            found = session.explain(
                layer, target, method=method.slug, options=options, question=question
            )
        return found.map.astype(np.float64)

    one, other = alone(TARGET, Question()), alone(OTHER, Question())
    contrast = alone(TARGET, Question("contrast", against=OTHER))
    largest = max(np.abs(one).max(), np.abs(other).max())
    far = np.abs(contrast - (one - other)).max() / largest
    assert bool(far < 1e-4) == method.linear, far


SWEPT = ("grad-cam", "xgrad-cam", "layercam", "eigengrad-cam")


@pytest.mark.parametrize("method", SWEPT)
def test_a_sweep_equals_a_click_for_each_question(method: str) -> None:
    model = double(networks.ConvolutionalHead)
    for name, question in ways(model).items():
        with Session(model, IMAGE) as swept:
            maps = swept.sweep(TARGET, method=method, question=question)
        assert maps, name
        for layer, found in maps.items():
            with Session(model, IMAGE) as clicked:
                alone = clicked.explain(layer, TARGET, method=method, question=question)
            largest = np.abs(alone.map).max()
            np.testing.assert_allclose(found.map, alone.map, rtol=0, atol=1e-5 * largest)
            assert found.asked == alone.asked
            assert found.value == pytest.approx(alone.value)
            assert (found.subject, found.signs) == (alone.subject, alone.signs)


def test_a_sweep_in_little_memory_has_the_layers_from_which_it_fits() -> None:
    model = double()
    question = Question("unit", unit=Unit("last", 1))
    with Session(model, IMAGE) as session:
        whole = session.sweep(question=question)
    room = memory.estimate(model.facts, ("middle", 0))
    with Session(model, IMAGE, budget=room) as session:
        frugal = session.sweep(question=question)
        assert "1 layer did not fit" in session.notices[0]
    assert set(whole) - set(frugal) == {"stem"}
    for name, found in frugal.items():
        close(found, whole[name].map)


# --- passes --------------------------------------------------------------------------------------


@pytest.fixture
def counting() -> Any:
    return seeded(networks.Counting).double().eval()


def test_what_follows_from_known_maps_takes_no_pass(
    counting: networks.Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(counting)
    passes = networks.Passes(counting, monkeypatch)
    contrast = Question("contrast", against=OTHER)
    with Session(model, IMAGE) as session:
        session.explain(LAYER, TARGET)
        passes.since()
        session.explain(LAYER, TARGET, question=contrast)
        assert passes.since() == (0, 1), "of the other class alone"
        known = session.explain(LAYER, OTHER)
        mirrored = session.explain(LAYER, OTHER, question=Question("contrast", against=TARGET))
        against = session.explain(LAYER, OTHER, question=Question("counterfactual"))
        assert passes.since() == (0, 0)
        np.testing.assert_array_equal(against.map, -known.map)
        np.testing.assert_array_equal(
            mirrored.map, -session.explain(LAYER, TARGET, question=contrast).map
        )
        first, second = (p.index for p in session.predictions(2))
        session.explain(LAYER, first)
        session.explain(LAYER, second)
        passes.since()
        session.explain(LAYER, question=Question("margin"))
        assert passes.since() == (0, 0)
        session.explain(LAYER, TARGET, question=contrast, method="layercam")
        assert passes.since() == (0, 1), "LayerCAM is not linear"
        session.explain(LAYER, TARGET, question=Question("contrast", 0, Score.PROBABILITY))
        assert passes.since() == (0, 1), "a score of its own, of which nothing is known"
    with Session(model, IMAGE) as session:
        passes.since()
        session.explain(LAYER, TARGET, question=contrast)
        assert passes.since() == (1, 1), "where nothing is known, it is asked by itself"


def test_sweeps_of_two_classes_make_that_of_their_contrast(
    counting: networks.Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(counting)
    passes = networks.Passes(counting, monkeypatch)
    contrast = Question("contrast", against=OTHER)
    with Session(model, IMAGE) as session:
        one = session.sweep(TARGET)
        passes.since()
        maps = session.sweep(TARGET, question=contrast)
        assert passes.since() == (0, 1)
        other = session.sweep(OTHER)
        assert passes.since() == (0, 0)
        for name, found in maps.items():
            close(found, one[name].map - other[name].map)
        assert session.explain("stem", TARGET, question=contrast).map is maps["stem"].map


def test_slow_methods_put_contrasts_together_as_well(
    counting: networks.Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(counting)
    passes = networks.Passes(counting, monkeypatch)
    with Session(model, IMAGE) as session:
        for slug in ("occlusion", "integrated-gradients", "score-cam", "ablation-cam"):
            layer = LAYER if find(slug).layered else None
            how: dict[str, Any] = {"method": slug, "options": FEW.get(slug)}
            one, other = (session.explain(layer, index, **how) for index in (TARGET, OTHER))
            passes.since()
            found = session.explain(layer, TARGET, question=Question("contrast", OTHER), **how)
            assert passes.since() == (0, 0), slug
            close(found, one.map - other.map)
            if slug == "integrated-gradients":
                # Of the combined map, not of one of its parts.
                (said,) = found.notices
                assert f"sums to {found.map.sum(dtype=np.float64):.4g}"[:14] in said
        how = {"method": "score-cam", "options": {"softmax": True}}
        for index in (TARGET, OTHER):
            session.explain(LAYER, index, **how)
        passes.since()
        session.explain(LAYER, TARGET, question=Question("contrast", OTHER), **how)
        assert passes.since()[0] > 0, "a softmax over channels is not linear"


def test_predicted_against_expected(
    counting: networks.Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(counting)
    passes = networks.Passes(counting, monkeypatch)
    with Session(model, IMAGE) as session:
        predicted, *_, last = (p.index for p in session.predictions(4))
        passes.since()
        found = session.compare(last, LAYER)
        assert passes.since() == (1, 2)
        assert list(found.parts) == ["predicted", "expected", "contrast"]
        assert found.contrast is not None
        assert found.contrast.asked == Asked("contrast", predicted, last)
        close(found.contrast, found.predicted.map - found.expected.map)
        assert [found.predicted.target.index, found.expected.target.index] == [predicted, last]
        same = session.compare(f"class {predicted}", LAYER)
        assert same.contrast is None
        assert list(same.parts) == ["predicted", "expected"]
        chosen = session.compare(0, LAYER, 1, score=Score.PROBABILITY)
        assert chosen.contrast is not None
        assert chosen.contrast.asked == Asked("contrast", 1, 0, Score.PROBABILITY)


def test_score_cam_takes_the_probability_unless_another_score_is_asked_for() -> None:
    model = of_kind(Scores.CLASSES)
    with Session(model, IMAGE) as session:
        usual = session.explain(LAYER, TARGET, method="score-cam")
        named = session.explain(
            LAYER, TARGET, method="score-cam", question=Question(score=Score.PROBABILITY)
        )
        logit = session.explain(
            LAYER, TARGET, method="score-cam", question=Question(score=Score.LOGIT)
        )
        assert named.map is usual.map
        assert usual.asked.score is Score.PROBABILITY
        assert np.abs(usual.map - logit.map).max() > 0.1 * np.abs(logit.map).max()
        assert usual.value == pytest.approx(usual.target.probability)
        assert logit.value == pytest.approx(logit.target.logit)


def test_expected_passes_and_words() -> None:
    model = double()
    with Session(model, IMAGE) as session:
        contrast = Question("contrast")
        assert session.expected(LAYER, question=contrast) == (1, 1)
        assert session.expected_words(LAYER, question=contrast) == ""
        words = session.expected_words(method="occlusion", question=contrast)
        assert words.endswith(" forward passes")
        with pytest.raises(TargetError, match="the same for every question"):
            session.expected(LAYER, method="eigen-cam", question=contrast)


def test_there_is_a_question_for_each_row() -> None:
    asked = {question.slug for question in ASKED.values()}
    assert asked | {"unit", "cell"} == {row.slug for row in QUESTIONS}


@pytest.mark.parametrize("layer", [LAYER, "stem"])
def test_other_methods_of_the_same_layer_take_no_pass(
    counting: networks.Counting, monkeypatch: pytest.MonkeyPatch, layer: str
) -> None:
    """The gradient is kept with the graph: by the first click on a layer, and by a second's."""
    model = model_of(counting)
    cheap = [m.slug for m in METHODS if shares_gradient(m)]
    cheap.remove("cam")  # for a layer before average pooling
    assert {"hirescam", "layercam", "xgrad-cam", "grad-cam++"} <= set(cheap)
    expected = {}
    for slug in cheap:
        with Session(model, IMAGE, exact=True) as session:
            expected[slug] = session.explain(layer, TARGET, method=slug).map
    passes = networks.Passes(counting, monkeypatch)
    with Session(model, IMAGE) as session:
        session.explain(LAYER, TARGET)
        session.explain(layer, TARGET)
        session.sweep(TARGET)  # as the window does for the thumbnails
        passes.since()
        found = {slug: session.explain(layer, TARGET, method=slug).map for slug in cheap}
        assert passes.since() == (0, 0)
        last = session.explain(layer, TARGET, method="layercam")
        assert session.has_gradient(last)
        other = session.explain(layer, OTHER, method="layercam")
        assert session.has_gradient(other)
        assert not session.has_gradient(last), "of the latest alone"
        assert passes.since() == (0, 1), "of another class"
        session.explain(layer, TARGET, method="finer-cam")
        assert passes.since() == (0, 1), "of classes compared"
    for slug in cheap:
        close_maps(found[slug], expected[slug])


def close_maps(found: Array, expected: Array) -> None:
    assert np.abs(found - expected).max() <= 1e-9 * np.abs(expected).max()
