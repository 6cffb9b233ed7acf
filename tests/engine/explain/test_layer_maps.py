"""Methods that take more than a layer's activation and gradient, beside plain forms of them.

On every call of every layer of small networks of ten families, in float64, against the whole
network run once for each channel (tests.layer_formulas); and against closed forms.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import engine
from engine import Session
from engine.errors import MethodError
from engine.explain.drivers.layer_maps import deeper_layers
from engine.methods.costs import expected, expected_words
from engine.methods.layers.masked import NO_PROBABILITIES
from engine.methods.registry import METHODS, choose, find, refusal_for
from engine.model import Model
from engine.records.explanations import Verdict
from engine.records.models import LayerNode, Layout, Scores
from tests import formulas, layer_formulas
from tests.engine import networks, token_networks
from tests.engine.explain.test_session import unchanged
from tests.engine.families import FAMILIES
from tests.engine.networks import IMAGE, model_of, seeded
from tests.formulas import Array
from tests.layer_formulas import Layer

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]
ALONE = [m.slug for m in METHODS if m.layered and not m.swept and m.family.name != "PIXEL"]
FEW: dict[str, dict[str, object]] = {
    "smooth-grad-cam++": {"n": 2},
    "ss-cam": {"n": 2},
    "is-cam": {"n": 2},
}
TARGET = 2
TOLERANCE = 1e-4


pytestmark = pytest.mark.usefixtures("one_thread")


def layer_of(module: nn.Module, session: Session, node: LayerNode, k: int = -1) -> Layer:
    words = {Layout.CHANNELS_FIRST: "first", Layout.CHANNELS_LAST: "last", Layout.TOKENS: "tokens"}
    assert node.layout is not None
    assert node.grid is not None
    call = k if k >= 0 else node.calls - 1
    image = session._work.input
    return Layer(module, image, node.name, call, TARGET, words[node.layout], node.grid)


def close(found: Array, wanted: Array, tolerance: float = TOLERANCE) -> bool:
    assert found.shape == wanted.shape
    largest = float(np.abs(wanted).max())
    return float(np.abs(found.astype(np.float64) - wanted).max()) <= tolerance * largest


def calls_of(model: Model) -> list[tuple[LayerNode, int]]:
    return [(node, k) for node in model.layers if node.explainable for k in range(node.calls)]


def node_of(model: Model, name: str) -> LayerNode:
    return next(node for node in model.layers if node.name == name)


@pytest.mark.parametrize("slug", ["score-cam", "is-cam", "ablation-cam"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_call_of_every_layer_equals_the_plain_form(
    family: str, slug: str, no_hooks: HookWatch
) -> None:
    module = seeded(FAMILIES[family]).double().eval()
    model = model_of(module)
    forms: dict[str, Callable[[Layer], Array]] = {
        "score-cam": layer_formulas.score_cam,
        "is-cam": lambda layer: layer_formulas.score_cam(layer, (0.5, 1.0)),
        "ablation-cam": layer_formulas.ablation_cam,
    }
    shown = 0
    with unchanged(module), no_hooks(module), Session(model, IMAGE) as session:
        for node, k in calls_of(model):
            found = session.explain(
                f"{node.name}#{k}", TARGET, method=slug, options=FEW.get(slug, {})
            )
            wanted = forms[slug](layer_of(module, session, node, k))
            assert found.map.dtype == np.float32
            assert close(found.map, wanted), (node.name, k)
            shown += bool(wanted.any())
    assert shown >= 3


@pytest.mark.parametrize("family", FAMILIES)
def test_the_second_derivative_equals_differences_of_gradients(family: str) -> None:
    module = seeded(FAMILIES[family]).double().eval()
    model = model_of(module)
    curved = 0
    with unchanged(module), Session(model, IMAGE) as session:
        for node, k in calls_of(model):
            layer = layer_of(module, session, node, k)
            if float(layer.a.abs().min()) < 1e-7:
                continue  # a difference across a ReLU's corner is none of its derivatives
            found = session.explain(f"{node.name}#{k}", TARGET, method="shapleycam").map
            assert close(found, layer_formulas.shapley_cam(layer)), (node.name, k)
            plain = session.explain(f"{node.name}#{k}", TARGET).map
            curved += not np.allclose(found, plain, rtol=1e-3, atol=1e-5 * np.abs(plain).max())
    # Others have ReLUs and sums alone: their gradient does not depend on the activation.
    smooth = (
        "convnext",
        "vit",
        "swin",
        "mobilenet",
        "a module called",
        "in-place op",
        "in-place on",
    )
    assert (curved > 0) is family.startswith(smooth)


@pytest.mark.parametrize("base", ["grad-cam", "hirescam", "layercam", "grad-cam++"])
@pytest.mark.parametrize("mean", ["weighted", "plain"])
def test_finer_cam_is_the_base_for_another_score(base: str, mean: str) -> None:
    module = seeded(networks.Base, 7).double().eval()
    model = model_of(module)
    options = {"base": base, "mean": mean, "references": 3, "alpha": 0.8, "gamma": 0.5}
    with Session(model, IMAGE) as session:
        for name in ("stem", "middle", "last"):
            layer = layer_of(module, session, node_of(model, name))
            logits = layer.logits.detach().numpy()
            near = sorted(set(range(7)) - {TARGET}, key=lambda i: abs(logits[i] - logits[TARGET]))[
                :3
            ]
            if mean == "weighted":
                chances = np.exp(logits) / np.exp(logits).sum()
                weights = 0.8 * chances[near] / chances[near].sum()
            else:
                weights = np.full(3, 0.5 / 3)

            def finer(y: Tensor, near: list[int] = near, weights: Array = weights) -> Tensor:
                return y[TARGET] - (y[near] * torch.from_numpy(weights)).sum()

            a, g = layer.a.detach().numpy(), layer.gradient(layer.image, finer).numpy()
            found = session.explain(name, TARGET, method="finer-cam", options=options)
            assert close(found.map, formulas.FORMULAS[base](a, g)), name
            assert f"Compared with {', '.join(f'class {i}' for i in near)}." in found.notices
        swept = session.sweep(TARGET, method="finer-cam", options=options)
        np.testing.assert_array_equal(swept["last"].map, found.map)


@pytest.mark.parametrize("base", ["grad-cam", "hirescam"])
@pytest.mark.parametrize("mean", ["weighted", "plain"])
def test_finer_cam_is_linear_in_the_classes(base: str, mean: str) -> None:
    """The map of a difference is the difference of maps, where the method is linear in G."""
    module = seeded(networks.Base, 5).double().eval()
    options = {"base": base, "mean": mean, "references": 2}
    with Session(model_of(module), IMAGE) as session:
        session.predictions()
        logits = session._work.logits.tolist()
        one, other = sorted(
            set(range(5)) - {TARGET}, key=lambda i: abs(logits[i] - logits[TARGET])
        )[:2]
        parts = {i: session.explain("middle", i, method=base).map.astype(float) for i in range(5)}
        p, q = np.exp(logits[one]), np.exp(logits[other])
        if mean == "weighted":
            wanted = parts[TARGET] - (p * parts[one] + q * parts[other]) / (p + q)
        else:
            wanted = parts[TARGET] - 0.6 * (parts[one] + parts[other]) / 2
        found = session.explain("middle", TARGET, method="finer-cam", options=options)
        assert close(found.map, wanted)


def test_finer_cam_where_there_are_fewer_classes_than_references() -> None:
    two = seeded(networks.Base, 2).double().eval()
    with Session(model_of(two), IMAGE) as session:
        first, second = (session.explain("last", i).map for i in (0, 1))
        found = session.explain("last", 0, method="finer-cam")
        assert close(found.map, first.astype(float) - second)
        assert found.notices == ("Compared with class 1.",)
    one = seeded(networks.Base, 1).double().eval()
    model = model_of(one)
    assert model.facts.reading.form.scores is Scores.VALUES
    with Session(model, IMAGE) as session, pytest.raises(MethodError, match="one number") as said:
        session.explain("last", 0, method="finer-cam")
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("base", ["grad-cam++", "grad-cam"])
def test_refine_cam_is_a_product(base: str) -> None:
    """Of the layer's map and those of the last layers of the grids after it, each over its peak."""
    module = seeded(
        lambda: nn.Sequential(
            *(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
            *(nn.Flatten(), nn.Linear(8, 4)),
        )
    ).double()
    model = model_of(module)
    assert deeper_layers(model.facts, ("0", 0)) == (("3", 0), ("5", 0), ("8", 0))
    assert deeper_layers(model.facts, ("8", 0)) == ()
    with Session(model, IMAGE) as session:
        maps = {name: session.explain(name, TARGET, method=base).map for name in "0358"}
        wanted = np.ones((24, 32))
        for found in maps.values():
            part = torch.from_numpy(np.maximum(found, 0).astype(float) / found.max())
            fine = functional.interpolate(part[None, None], size=(24, 32), mode="bilinear")
            wanted *= fine[0, 0].numpy()
        refined = session.explain("0", TARGET, method="refine-cam", options={"base": base})
        assert close(refined.map, wanted)
        assert wanted.max() > 0.01
        assert refined.map.min() >= 0
        last = session.explain("8", TARGET, method="refine-cam", options={"base": base})
        assert close(last.map, np.maximum(maps["8"], 0).astype(float) / maps["8"].max())


class Pooled(nn.Module):
    """What CAM was defined for, with the pooling and the linear layer in one of several forms."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.relu = nn.ReLU()
        self.how = how
        self.pool: nn.Module = nn.AdaptiveAvgPool2d(1)
        self.one = nn.Conv2d(8, 4, 1)
        self.head = nn.Linear(8, 1 if how == "single" else 4)
        self.wide = nn.Linear(8 * 12 * 16, 4)
        self.second = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(8)
        self.drop = nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        a = self.relu(self.conv(x))
        last = a.permute(0, 2, 3, 1)
        forms: dict[str, Callable[[], Tensor]] = {
            "module": lambda: self.head(self.pool(a).flatten(1)),
            "mean": lambda: self.head(a.mean((2, 3))),
            "mean, negative axes": lambda: self.head(a.mean([-1, -2])),
            "two means": lambda: self.head(a.mean(3).mean(2)),
            "flat mean": lambda: self.head(a.flatten(2).mean(-1)),
            "function": lambda: self.head(functional.adaptive_avg_pool2d(a, 1)[:, :, 0, 0]),
            "window": lambda: self.head(functional.avg_pool2d(a, (12, 16)).flatten(1)),
            "channels last": lambda: self.head(last.mean((1, 2))),
            "a 1 x 1 convolution": lambda: self.one(self.pool(a)).flatten(1),
            "matrix product": lambda: a.mean((2, 3)) @ self.head.weight.t(),
            "dropout": lambda: self.head(self.drop(self.pool(a)).squeeze(-1).squeeze(-1)),
            "single": lambda: self.head(a.mean((2, 3))),
            "softmax": lambda: self.head(a.mean((2, 3))).softmax(1),
            "no pooling": lambda: self.wide(a.flatten(1)),
            "maximum": lambda: self.head(a.amax((2, 3))),
            "a convolution first": lambda: self.second(self.one(a).mean((2, 3))),
            "two layers": lambda: self.second(self.head(a.mean((2, 3))).relu()),
            "a norm between": lambda: self.head(self.norm(a.mean((2, 3)))),
            "a quarter": lambda: self.head(functional.avg_pool2d(a, 6, 12).mean((2, 3))),
        }
        return forms[self.how]()


POOLED = (
    *("module", "mean", "mean, negative axes", "two means", "flat mean", "function", "window"),
    *("channels last", "a 1 x 1 convolution", "matrix product", "dropout", "single", "softmax"),
)


@pytest.mark.parametrize("how", POOLED)
def test_cam_in_every_form_of_its_head(how: str) -> None:
    module = seeded(Pooled, how).double().eval()
    options: dict[str, Any] = {"classes": ("healthy", "sick")} if how == "single" else {}
    model = model_of(module, **options)
    assert [node.name for node in model.layers if node.pooled] == ["relu"]
    weight = module.one.weight[:, :, 0, 0] if "convolution" in how else module.head.weight
    target = 0 if how == "single" else TARGET
    with Session(model, IMAGE) as session:
        a = Layer(module, session._work.input, "relu", 0, 0).a
        row = weight[target] if how != "single" else -weight[0]
        wanted = np.einsum("k,kij->ij", row.detach().numpy(), a.detach().numpy())
        found = session.explain("relu", target, method="cam")
        assert close(found.map, wanted)
        plain = session.explain("relu", target).map
        assert close(found.map, plain.astype(float) * 12 * 16)
        assert list(session.sweep(target, method="cam")) == ["relu"]


@pytest.mark.parametrize(
    "how",
    ["no pooling", "maximum", "two layers", "a norm between", "a convolution first", "a quarter"],
)
def test_cam_is_refused_elsewhere_in_one_line(how: str) -> None:
    model = model_of(seeded(Pooled, how).double().eval())
    assert not any(node.pooled for node in model.layers if node.name == "relu")
    with Session(model, IMAGE) as session:
        with pytest.raises(MethodError, match="global average pooling and one linear") as said:
            session.explain("relu", TARGET, method="cam")
        assert "\n" not in str(said.value)
    assert "pooling" in refusal_for(find("cam"), node_of(model, "relu"))


def test_cam_of_tokens() -> None:
    """A mean over all tokens is a pooling, one over those after a class token is not."""
    for prefix, pooled in ((0, ["norm"]), (2, [])):
        module = seeded(token_networks.Tokens, prefix, "mean").double().eval()
        model = model_of(module)
        assert [node.name for node in model.layers if node.pooled] == pooled
    module = seeded(token_networks.Tokens, 0, "mean").double().eval()
    with Session(model_of(module), IMAGE) as session:
        a = Layer(module, session._work.input, "norm", 0, TARGET, "tokens", (6, 8)).a.detach()
        weights = module.head.weight[TARGET].detach().numpy()
        wanted = np.einsum("k,kij->ij", weights, a.numpy())
        assert close(session.explain("norm", TARGET, method="cam").map, wanted)


class Rectified(nn.Module):
    """Smooth Grad-CAM++ needs a gradient that changes with the image; ReLUs and a product do it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8 * 12 * 16, 4)

    def forward(self, x: Tensor) -> Tensor:
        a = functional.relu(self.second(functional.relu(self.first(x))))
        logits: Tensor = self.head((a * a).flatten(1))
        return logits


def test_smooth_grad_cam_plus_plus() -> None:
    module = seeded(Rectified).double().eval()
    model = model_of(module)
    options = {"n": 5, "sigma": 0.3, "seed": 4}
    with Session(model, IMAGE) as session:
        for name in ("first", "second"):
            layer = layer_of(module, session, node_of(model, name))
            image = layer.image
            generator = torch.Generator().manual_seed(4)
            spread = 0.3 * float(image.max() - image.min())
            noise = [torch.randn(image.shape[1:], generator=generator) for _ in range(5)]
            many = [layer.gradient(image + spread * part.double()).numpy() for part in noise]
            powers = [np.mean([g**i for g in many], axis=0) for i in (1, 2, 3)]
            a = layer.a.detach().numpy()
            total = a.sum(axis=(1, 2), keepdims=True)
            below = 2 * powers[1] + total * powers[2]
            alpha = np.divide(powers[1], below, out=np.zeros_like(below), where=below != 0)
            weights = (alpha * np.maximum(powers[0], 0)).sum(axis=(1, 2))
            wanted = np.einsum("k,kij->ij", weights, a)
            found = session.explain(name, TARGET, method="smooth-grad-cam++", options=options)
            assert close(found.map, wanted), name
            other = session.explain(
                name, TARGET, method="smooth-grad-cam++", options=options | {"seed": 5}
            )
            assert not close(other.map, wanted, 1e-3)


@pytest.mark.parametrize("family", ["resnet", "convnext, channels last", "vit, class token"])
def test_without_noise_the_smooth_form_is_the_plain_one(family: str) -> None:
    module = seeded(FAMILIES[family]).double().eval()
    model = model_of(module)
    with Session(model, IMAGE) as session:
        for node, k in calls_of(model):
            name = f"{node.name}#{k}"
            plain = session.explain(name, TARGET, method="grad-cam++").map
            smooth = session.explain(
                name, TARGET, method="smooth-grad-cam++", options={"sigma": 0, "n": 3}
            )
            assert close(smooth.map, plain.astype(float)), name


class Squares(nn.Module):
    """y = sum over k of W_k mean(A_k)^2: the Hessian is known."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.conv(x).mean((2, 3)) ** 2)
        return logits


def test_shapleycam_in_closed_form() -> None:
    """G is 2 W_k mean(A_k) / Z and H A the same again, so that half of Grad-CAM is left."""
    with Session(model_of(seeded(Squares).double()), IMAGE) as session:
        half = session.explain("conv", TARGET, method="shapleycam").map
        plain = session.explain("conv", TARGET, method="grad-cam").map
    assert close(half, plain.astype(float) / 2)
    assert plain.any()


def test_shapleycam_equals_grad_cam_where_the_gradient_is_constant() -> None:
    """In networks of ReLUs, and where nothing but a linear layer follows."""
    for make in (lambda: Pooled("mean"), Rectangles):
        module = seeded(make).double().eval()
        with Session(model_of(module), IMAGE) as session:
            for node in session.layers:
                if node.explainable:
                    plain = session.explain(node.name, TARGET).map
                    found = session.explain(node.name, TARGET, method="shapleycam").map
                    assert close(found, plain.astype(float), 1e-12), node.name


class Rectangles(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(1120, 4)),
        )


def test_shapleycam_of_a_fused_attention() -> None:
    """torch's fused attention has no second derivative; the map is there nevertheless."""
    module = seeded(token_networks.Library).double().eval()
    model = model_of(module)
    with unchanged(module), Session(model, IMAGE) as session:
        node = node_of(model, "encoder.layers.1.norm1")
        layer = layer_of(module, session, node)
        found = session.explain(node.name, TARGET, method="shapleycam").map
        assert close(found, layer_formulas.shapley_cam(layer))
        assert not close(found, session.explain(node.name, TARGET).map.astype(float), 1e-3)


class Once(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(_ctx: Any, *gradients: Tensor) -> Any:
        return gradients[0]


class OnceOnly(networks.Base):
    def forward(self, x: Tensor) -> Tensor:
        return self.finish(torch.tanh(Once.apply(self.middle(torch.tanh(self.stem(x))))))


def test_shapleycam_where_there_is_no_second_derivative() -> None:
    with Session(model_of(seeded(OnceOnly)), IMAGE) as session:
        with pytest.raises(MethodError, match="no second derivative") as said:
            session.explain("middle", TARGET, method="shapleycam")
        assert "\n" not in str(said.value)
        assert session.explain("middle", TARGET).map.any()
        assert session.explain("last", TARGET, method="shapleycam").map.any()


class Linear(nn.Module):
    """Nothing but matrices: masks that are known have probabilities that are known."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 1)
        self.matrix = nn.Linear(5 * 24 * 32, 4)
        with torch.no_grad():
            self.matrix.weight.mul_(3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.matrix(self.conv(x).flatten(1))
        return logits


def test_score_cam_of_a_linear_network() -> None:
    module = seeded(Linear).double()
    with Session(model_of(module), IMAGE) as session:
        image = session._work.input[0].numpy()
        found = session.explain("conv", TARGET, method="score-cam").map
        soft = session.explain("conv", TARGET, method="score-cam", options={"softmax": True}).map
    kernel = module.conv.weight[:, :, 0, 0].detach().numpy()
    offset = module.conv.bias.detach().numpy()[:, None, None]
    a = np.einsum("kc,cij->kij", kernel, image) + offset
    low, high = a.min(axis=(1, 2), keepdims=True), a.max(axis=(1, 2), keepdims=True)
    chances = []
    for mask in (a - low) / (high - low):
        hidden = np.einsum("kc,cij->kij", kernel, image * mask) + offset
        logits = module.matrix.weight.detach().numpy() @ hidden.ravel()
        logits += module.matrix.bias.detach().numpy()
        chances.append(np.exp(logits[TARGET]) / np.exp(logits).sum())
    assert max(chances) > 1.2 * min(chances)
    assert close(found, np.einsum("k,kij->ij", np.array(chances), a))
    shares = np.exp(chances) / np.exp(chances).sum()
    assert close(soft, np.einsum("k,kij->ij", shares, a))


@pytest.mark.parametrize(
    ("slug", "options"), [("ss-cam", {"sigma": 0, "n": 1}), ("is-cam", {"n": 1})]
)
def test_without_noise_or_ramp_it_is_score_cam(slug: str, options: dict[str, object]) -> None:
    with Session(model_of(seeded(networks.Base)), IMAGE) as session:
        for name in ("stem", "last"):
            for softmax in (False, True):
                plain = session.explain(
                    name, TARGET, method="score-cam", options={"softmax": softmax}
                )
                other = session.explain(
                    name, TARGET, method=slug, options=options | {"softmax": softmax}
                )
                assert close(other.map, plain.map.astype(float), 1e-6)


def test_ss_cam_with_noise_stays_within_the_range_of_the_image() -> None:
    module = seeded(networks.Base).double().eval()
    model = model_of(module)
    options = {"n": 3, "sigma": 0.4, "seed": 7}
    with Session(model, IMAGE) as session:
        layer = layer_of(module, session, node_of(model, "last"))
        generator = torch.Generator().manual_seed(7)
        weights = []
        for channel in range(len(layer.a)):
            mask, total = layer_formulas.scaled(layer.mask(channel)), 0.0
            for _ in range(3):
                noise = torch.randn(mask.shape, generator=generator).double()
                wild = layer_formulas.scaled(mask + 0.4 * noise)
                assert wild.min() == 0
                assert wild.max() == 1
                total += layer.probability(layer.image * wild)
            weights.append(total / 3)
        found = session.explain("last", TARGET, method="ss-cam", options=options)
        assert close(found.map, layer_formulas.weighed(layer, weights))


def test_ablation_cam_of_a_pooled_head() -> None:
    """Without channel k the score lacks W_k mean(A_k)."""
    module = seeded(Pooled, "mean").double().eval()
    with Session(model_of(module), IMAGE) as session:
        a = Layer(module, session._work.input, "relu", 0, TARGET).a.detach().numpy()
        weights = module.head.weight[TARGET].detach().numpy() * a.mean(axis=(1, 2))
        found = session.explain("relu", TARGET, method="ablation-cam").map
    assert close(found, np.einsum("k,kij->ij", weights, a))


class Watched(networks.Base):
    """Counts images through its stem and through its last layer; two channels are constant."""

    def __init__(self) -> None:
        super().__init__()
        self.images = {"stem": 0, "last": 0}
        with torch.no_grad():
            self.middle.weight[:2] = 0
            self.middle.bias[:2] = torch.tensor([0.0, 0.7])

    def count(self, name: str, x: Tensor) -> Tensor:
        if x.device.type != "meta":
            self.images[name] += len(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        a = torch.tanh(self.stem(self.count("stem", x)))
        a = self.middle(a)
        return self.finish(self.count("last", a))


def test_channels_that_are_zero_are_skipped() -> None:
    module = seeded(Watched)
    with Session(model_of(module), IMAGE) as session:
        session.explain("middle", TARGET)
        module.images = {"stem": 0, "last": 0}
        session.explain("middle", TARGET, method="ablation-cam")
    # Five of six channels, and to compare the two ways one whole pass and a pair from the layer on.
    assert module.images["last"] == 5 + 1 + 2


def test_what_comes_before_is_not_computed_again() -> None:
    calls = {"stem": 0, "middle": 0, "last": 0}
    module = seeded(networks.Base)

    def counting(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            calls[name] += len(inputs[0]) if inputs[0].device.type != "meta" else 0

        return hook

    model = model_of(module)
    handles = [module.get_submodule(n).register_forward_pre_hook(counting(n)) for n in calls]
    with Session(model, IMAGE) as session:
        session.explain("middle", TARGET)
        calls.update(dict.fromkeys(calls, 0))
        session.explain("middle", TARGET, method="ablation-cam")
        assert calls["stem"] == 2, "one whole pass to compare with, one to record"
        assert calls["last"] == 6 + 1 + 2
        calls.update(dict.fromkeys(calls, 0))
        session.explain("last", TARGET, method="ablation-cam")
        assert calls["stem"] <= 3
        assert calls["middle"] <= 3
    for handle in handles:
        handle.remove()


def test_constant_channels_are_no_masks() -> None:
    module = seeded(Watched)
    with Session(model_of(module), IMAGE) as session:
        session.explain("middle", TARGET)
        module.images = {"stem": 0, "last": 0}
        found = session.explain("middle", TARGET, method="score-cam")
        # Four masks, and a pair to see whether the network takes several images at once.
        assert module.images["stem"] == 4 + 2
        assert found.map.any()


class FixedBatch(networks.Base):
    """Takes one image alone."""

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.stem(x)).view(1, 6, *x.shape[2:])
        return self.finish(torch.tanh(self.middle(x)).view(1, 6, *x.shape[2:]))


class Mixed(networks.Base):
    """Mixes up the images of a batch without an error."""

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.stem(x))
        x = x - x.mean(dim=0, keepdim=True) / 2 - x.mean() / 4
        return self.finish(torch.tanh(self.middle(x)))


class Shared(networks.Base):
    """One activation under two names, one of them inside a block that is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)
        self.block = nn.Sequential(nn.Conv2d(6, 6, 1), self.act)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.block(self.act(self.stem(x))))
        return self.finish(self.act(self.middle(x)))


class Written(networks.Base):
    """What comes before the layer is read again after it, and was written into in between."""

    def forward(self, x: Tensor) -> Tensor:
        stem = self.stem(x)
        middle = self.middle(torch.tanh(stem))
        stem.mul_(0.5)
        last = self.last(middle)
        last += stem[:, :1, ::2, ::2]
        logits: Tensor = self.head(torch.tanh(last).mean(dim=(2, 3)))
        return logits


class Chooses(networks.Base):
    """What it does after the layer depends on the values before it."""

    def forward(self, x: Tensor) -> Tensor:
        stem = torch.tanh(self.stem(x))
        middle = torch.tanh(self.middle(stem))
        if x.device.type != "meta" and float(stem.detach().sum()) > 0:
            middle = middle * 2
        return self.finish(middle * stem.mean(dim=(1, 2, 3), keepdim=True))


STRANGE: dict[str, Callable[[], nn.Module]] = {
    "one image alone": FixedBatch,
    "images mixed up": Mixed,
    "an activation of two names": Shared,
    "written in between": Written,
    "data-dependent": Chooses,
    "in-place modules": networks.InplaceModule,
    "in-place addition": networks.InplaceAddition,
    "untrainable": networks.Untrainable,
    "containers": networks.Containers,
    "cut off gradients": lambda: networks.Cut("detach between"),
    "a tuple inside": lambda: networks.InnerTuple("nested"),
    "a batch norm in training mode": lambda: nn.Sequential(
        *(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 8, 3)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)),
    ).train(),
}


@pytest.mark.parametrize("slug", ["score-cam", "ablation-cam", "smooth-grad-cam++"])
@pytest.mark.parametrize("kind", STRANGE)
def test_networks_with_habits(kind: str, slug: str, no_hooks: HookWatch) -> None:
    module = seeded(STRANGE[kind])
    model = model_of(module)
    options = {"n": 2, "sigma": 0.0} if slug == "smooth-grad-cam++" else {}
    with unchanged(module), no_hooks(module), Session(model, IMAGE) as session:
        for node, k in calls_of(model):
            name = f"{node.name}#{k}"
            found = session.explain(name, TARGET, method=slug, options=options).map
            if slug == "smooth-grad-cam++":
                wanted = session.explain(name, TARGET, method="grad-cam++").map.astype(float)
                if float(np.abs(wanted).max()) > 0 and node.name != "1":
                    assert close(found, wanted, 1e-3), name
                continue
            layer = layer_of(module, session, node, k)
            form = getattr(layer_formulas, slug.replace("-", "_"))
            wanted = form(layer)
            # A difference of scores keeps fewer digits than they do.
            assert np.abs(found - wanted).max() <= 2e-4 * np.abs(wanted).max() + 1e-6, name


def test_a_single_score_and_values() -> None:
    sides = seeded(lambda: nn.Sequential(networks.Base(1), nn.Sigmoid())).double().eval()
    with Session(model_of(sides), IMAGE) as session:
        down, up = (session.explain("0.last", i, method="score-cam").map for i in (0, 1))
        layer = Layer(sides, session._work.input, "0.last", 0, 0)
        weights = []
        for channel in range(len(layer.a)):
            masked = layer.image * layer_formulas.scaled(layer.mask(channel))
            with torch.no_grad():
                weights.append(float(sides(masked)))
        assert close(up, layer_formulas.weighed(layer, weights))
        assert close(down, layer_formulas.weighed(layer, [1 - weight for weight in weights]))
        lost = session.explain("0.last", 1, method="ablation-cam").map
        assert close(session.explain("0.last", 0, method="ablation-cam").map, -lost.astype(float))
    value = seeded(networks.Base, 1).double().eval()
    with Session(model_of(value), IMAGE) as session:
        found = session.explain("last", 0, method="score-cam")
        assert NO_PROBABILITIES in found.notices
        assert found.map.any()


class TestConduct:
    @pytest.mark.parametrize("slug", ALONE)
    def test_a_sweep_is_refused_before_anything_runs(self, slug: str) -> None:
        module = seeded(networks.Counting)
        model = model_of(module)
        module.forwards = 0
        with Session(model, IMAGE) as session:
            with pytest.raises(MethodError, match="one layer at a time; a sweep of all") as said:
                session.sweep(method=slug)
            assert "\n" not in str(said.value)
        assert module.forwards == 0

    @pytest.mark.parametrize("slug", ALONE)
    def test_a_map_that_is_known_costs_nothing(self, slug: str) -> None:
        module = seeded(networks.Counting)
        with Session(model_of(module), IMAGE) as session:
            first = session.explain("last", 1, method=slug, options=FEW.get(slug, {}))
            module.forwards = 0
            again = session.explain("last", 1, method=slug, options=FEW.get(slug, {}))
            assert again.map is first.map
            assert module.forwards == 0

    @pytest.mark.parametrize("slug", ["score-cam", "ss-cam", "is-cam", "ablation-cam"])
    def test_it_is_abandoned_between_two_operations(self, slug: str, no_hooks: HookWatch) -> None:
        module = seeded(networks.Reused).eval()
        token = engine.CancelToken()
        told: list[float] = []

        def report(part: float, _text: str) -> None:
            told.append(part)
            if part > 0:
                token.cancel()

        with unchanged(module), no_hooks(module), Session(model_of(module), IMAGE) as session:
            options = FEW.get(slug, {}) | {"batch": 1}
            with pytest.raises(engine.Cancelled):
                session.explain(
                    "stem", 1, method=slug, options=options, cancel=token, progress=report
                )
            assert sum(part > 0 for part in told) == 1, "not another batch was run"
            assert session.explain("stem", 1, method=slug, options=options).map.any()

    def test_progress_goes_up_to_the_end(self) -> None:
        told: list[tuple[float, str]] = []
        with Session(model_of(seeded(networks.Base)), IMAGE) as session:
            session.explain(
                "middle",
                1,
                method="is-cam",
                options={"n": 3, "batch": 2},
                progress=lambda part, text: told.append((part, text)),
            )
        parts = [part for part, _ in told]
        assert parts == sorted(parts)
        assert parts[-1] == 1.0
        assert len(parts) >= 9
        assert all("IS-CAM" in text for _, text in told)

    @pytest.mark.parametrize("slug", ALONE)
    def test_a_small_budget_gives_the_same(self, slug: str) -> None:
        module = seeded(networks.Base)
        with Session(model_of(module), IMAGE) as session:
            wanted = session.explain("middle", 1, method=slug, options=FEW.get(slug, {})).map
        with Session(model_of(module), IMAGE, budget=0) as session:
            found = session.explain("middle", 1, method=slug, options=FEW.get(slug, {})).map
        assert close(found, wanted.astype(float))

    def test_batches_of_any_size_give_the_same(self) -> None:
        module = seeded(FAMILIES["resnet"]).eval()
        with Session(model_of(module), IMAGE) as session:
            for slug in ("score-cam", "ablation-cam", "is-cam", "smooth-grad-cam++"):
                one, many = (
                    session.explain(
                        "4", 1, method=slug, options={"batch": size} | FEW.get(slug, {})
                    ).map
                    for size in (1, 64)
                )
                assert close(many, one.astype(float))

    def test_a_faster_form_gives_the_same(self) -> None:
        """Masks enough that the network is rewritten for them."""
        module = seeded(FAMILIES["resnet"]).eval()
        maps = []
        for exact in (True, False):
            model = model_of(module)
            with Session(model, IMAGE, exact=exact) as session:
                options = {"n": 20}
                maps.append(session.explain("5", 1, method="is-cam", options=options).map)
                rewritten = bool(model.faster.bytes)
        assert rewritten or model.faster.why_not
        assert close(maps[1], maps[0].astype(float))

    def test_nothing_has_an_effect(self) -> None:
        module = seeded(networks.Base)
        nn.init.zeros_(module.head.weight)
        with Session(model_of(module), IMAGE) as session:
            found = session.explain("middle", 0, method="ablation-cam")
        assert found.verdict is Verdict.NO_EFFECT
        assert found.notices == (
            "No channel of this layer changes the score of the class for this image.",
        )

    def test_kernel_pca_of_many_cells_is_refused_in_words(self) -> None:
        module = seeded(lambda: nn.Sequential(nn.Upsample(scale_factor=2), networks.Base()))
        with Session(model_of(module), IMAGE) as session:
            with pytest.raises(MethodError, match="at most 784 cells, and this layer has 3072"):
                session.explain("1.stem", 0, method="kpca-cam")
            assert "1.stem" not in session.sweep(0, method="kpca-cam")
            assert session.explain("1.last", 0, method="kpca-cam").map.any()


def test_the_expected_cost_is_known() -> None:
    shape = (512, 7, 7)
    assert expected(choose("score-cam"), shape) == (512, 0)
    assert expected(choose("ss-cam", {"n": 4}), shape) == (2048, 0)
    assert expected(choose("is-cam"), shape) == (5120, 0)
    assert expected(choose("ablation-cam"), shape) == (512, 0)
    assert expected(choose("smooth-grad-cam++", {"n": 6}), shape) == (7, 6)
    assert expected(choose("shapleycam"), shape) == (1, 2)
    assert expected(choose("finer-cam"), shape) == (1, 1)
    assert expected_words(choose("score-cam"), shape, 0.025) == "512 forward passes, about 13 s"
