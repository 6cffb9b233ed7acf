"""Maps of the input's pixels against closed forms: linear networks, sums, forms written out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

import engine
from engine import Session
from engine.errors import MethodError
from engine.images.preprocessing import prepare
from engine.methods.costs import expected, expected_words
from engine.methods.pixels.gradients import NO_RELU, without_content
from engine.methods.pixels.inputs import PixelInput
from engine.methods.pixels.masking import rise_masks
from engine.methods.registry import METHODS, choose
from engine.model import Model
from engine.records.explanations import Explanation, Verdict
from engine.records.images import LoadedImage, Preprocessing
from tests.engine import networks
from tests.engine.explain.test_session import unchanged
from tests.engine.networks import IMAGE, SMALL, model_of, seeded

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]
Array = NDArray[np.float64]
PIXEL = [m.slug for m in METHODS if m.family.name == "PIXEL"]
UNLAYERED = [slug for slug in PIXEL if slug != "guided-grad-cam"]
FEW: dict[str, dict[str, object]] = {
    "smoothgrad": {"n": 3},
    "integrated-gradients": {"steps": 3},
    "occlusion": {"window": 8},
    "rise": {"masks": 8},
}
ROWS, COLUMNS = SMALL.crop


pytestmark = pytest.mark.usefixtures("one_thread")


class Linear(nn.Module):
    """One matrix, and whatever is made of what it returns."""

    def __init__(self, make: Callable[[Tensor], Any] = lambda y: y) -> None:
        super().__init__()
        self.matrix = nn.Linear(3 * ROWS * COLUMNS, 4)
        self.make = make

    def forward(self, x: Tensor) -> Any:
        return self.make(self.matrix(x.flatten(1)))

    def weights(self, target: int) -> Array:
        return np.asarray(self.matrix.weight[target].detach()).reshape(3, ROWS, COLUMNS)


class Rectified(nn.Module):
    """Convolutions and ReLUs, without biases if so wanted."""

    def __init__(self, bias: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1, bias=bias)
        self.second = nn.Conv2d(6, 8, 3, stride=2, bias=bias)
        self.head = nn.Linear(8, 4, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.second(functional.relu(self.first(x))))
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


@pytest.fixture
def linear() -> Linear:
    return seeded(Linear).double().eval()  # type: ignore[no-any-return]


def seen() -> Array:
    """The picture as the networks receive it: float64 (3, h, w)."""
    return np.asarray(prepare(IMAGE, SMALL).tensor[0].double())


def score_of(module: nn.Module, x: Array | Tensor, target: int) -> float:
    with torch.no_grad():
        made: Tensor = module(torch.as_tensor(x)[None])
    return float(made[0, target])


def explained(module: nn.Module, slug: str, target: int = 1, **options: object) -> Explanation:
    with Session(model_of(module), IMAGE) as session:
        return session.explain(target=target, method=slug, options=options)


def near(found: NDArray[Any], wanted: NDArray[Any], tolerance: float = 1e-6) -> None:
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


class TestLinearNetworks:
    """Where the gradient is the matrix, every method of gradients is a line of algebra."""

    def test_saliency_is_the_largest_weight(self, linear: Linear) -> None:
        for target in (0, 3):
            found = explained(linear, "saliency", target)
            near(found.map, np.abs(linear.weights(target)).max(axis=0))

    def test_gradient_times_input_sums_to_the_score_but_for_the_bias(self, linear: Linear) -> None:
        found = explained(linear, "grad-x-input")
        near(found.map, (linear.weights(1) * seen()).sum(axis=0))
        bias = float(linear.matrix.bias.detach()[1])
        assert found.map.sum(dtype=np.float64) == pytest.approx(found.target.logit - bias, rel=1e-5)

    @pytest.mark.parametrize("sigma", [0.0, 0.15, 5.0])
    def test_smoothgrad_sees_one_gradient_whatever_the_noise(
        self, linear: Linear, sigma: float
    ) -> None:
        found = explained(linear, "smoothgrad", sigma=sigma, n=3)
        near(found.map, np.abs(linear.weights(1)).max(axis=0))

    @pytest.mark.parametrize("baseline", ["zero", "black", "white", "mean", "blur"])
    def test_integrated_gradients_are_exact_in_one_step(
        self, linear: Linear, baseline: str
    ) -> None:
        found = explained(linear, "integrated-gradients", steps=1, baseline=baseline)
        x = seen()
        start = reference(baseline, x)
        near(found.map, (linear.weights(1) * (x - start)).sum(axis=0), 1e-5)
        rise = score_of(linear, x, 1) - score_of(linear, start, 1)
        assert found.map.sum(dtype=np.float64) == pytest.approx(rise, rel=1e-4)
        (said,) = found.notices
        assert said.endswith("from the baseline (0.0% apart).")

    @pytest.mark.parametrize("fill", ["zero", "black", "white", "mean", "blur"])
    @pytest.mark.parametrize(("window", "stride"), [(8, 8), (8, 4), (5, 3), (24, 24), (1, 1)])
    def test_occlusion_is_the_mean_over_windows_of_what_they_hide(
        self, linear: Linear, fill: str, window: int, stride: int
    ) -> None:
        if window == 1 and fill != "zero":
            pytest.skip("768 windows once are enough")
        found = explained(linear, "occlusion", window=window, stride=stride, fill=fill)
        hidden = (linear.weights(1) * (seen() - reference(fill, seen()))).sum(axis=0)
        summed, covered = np.zeros((ROWS, COLUMNS)), np.zeros((ROWS, COLUMNS))
        for top in sorted({min(t, ROWS - window) for t in range(0, ROWS, stride)}):
            for left in sorted({min(c, COLUMNS - window) for c in range(0, COLUMNS, stride)}):
                here = slice(top, top + window), slice(left, left + window)
                summed[here] += hidden[here].sum()
                covered[here] += 1
        assert covered.min() >= 1
        near(found.map, summed / covered, 1e-5)

    def test_rise_with_its_masks(self, linear: Linear) -> None:
        options: dict[str, Any] = {"masks": 40, "probability": 0.3, "grid": 5, "seed": 7}
        found = explained(linear, "rise", fill="white", **options)
        x, white = seen(), reference("white", seen())
        given = PixelInput(torch.as_tensor(x), 0.0, options | {"fill": "white"})
        masks = [np.asarray(mask) for mask in rise_masks(given, 40)]
        flat = linear.weights(1), float(linear.matrix.bias.detach()[1])
        scores = [(flat[0] * (x * m + white * (1 - m))).sum() + flat[1] for m in masks]
        mean = np.mean(scores)
        wanted = sum((y - mean) * m for y, m in zip(scores, masks, strict=True)) / (40 * 0.3)
        near(found.map, np.asarray(wanted), 1e-5)
        assert min(m.min() for m in masks) >= 0
        assert max(m.max() for m in masks) <= 1
        assert np.mean(masks) == pytest.approx(0.3, abs=0.05)
        assert not np.array_equal(masks[0], masks[1])


def reference(name: str, x: Array) -> Array:
    """The image without content, written out: SMALL has a mean of 0.5 and a deviation of 0.25."""
    if name == "zero":
        return np.zeros_like(x)
    if name in ("black", "white"):
        return np.full_like(x, -2.0 if name == "black" else 2.0)
    if name == "mean":
        return np.broadcast_to(x.mean(axis=(1, 2), keepdims=True), x.shape).copy()
    return np.asarray(without_content(torch.as_tensor(x), "blur"))


class TestGradients:
    def test_saliency_is_what_a_small_change_does(self) -> None:
        module = seeded(networks.Base).double().eval()
        found = explained(module, "saliency", 2)
        x = torch.as_tensor(seen())
        for row, column in ((0, 0), (5, 17), (23, 31)):
            slopes = []
            for channel in range(3):
                ends = []
                for step in (1e-5, -1e-5):
                    moved = x.clone()
                    moved[channel, row, column] += step
                    ends.append(score_of(module, moved, 2))
                slopes.append(abs(ends[0] - ends[1]) / 2e-5)
            assert found.map[row, column] == pytest.approx(max(slopes), rel=1e-4)

    def test_gradient_times_input_sums_to_the_score_without_biases(self) -> None:
        found = explained(seeded(Rectified).double().eval(), "grad-x-input", 3)
        assert found.map.sum(dtype=np.float64) == pytest.approx(found.target.logit, rel=1e-4)

    def test_integrated_gradients_sum_to_the_rise_of_the_score(self) -> None:
        module = seeded(networks.Base).double().eval()
        x = seen()
        gaps = []
        for steps in (2, 64):
            found = explained(module, "integrated-gradients", 0, steps=steps, baseline="black")
            rise = score_of(module, x, 0) - score_of(module, np.full_like(x, -2.0), 0)
            gaps.append(abs(found.map.sum(dtype=np.float64) - rise) / abs(rise))
            (said,) = found.notices
            assert f"({gaps[-1]:.1%} apart)" in said
        assert gaps[1] < 1e-3 < gaps[0]

    def test_smoothgrad_without_noise_is_saliency(self) -> None:
        module = seeded(networks.Base).eval()
        smooth = explained(module, "smoothgrad", sigma=0, n=2)
        near(smooth.map, explained(module, "saliency").map, 1e-5)

    def test_smoothgrad_is_the_gradients_mean(self) -> None:
        module = seeded(networks.Base).double().eval()
        found = explained(module, "smoothgrad", sigma=0.3, n=5, seed=11)
        x = torch.as_tensor(seen())
        generator = torch.Generator().manual_seed(11)
        total = torch.zeros_like(x)
        for _ in range(5):
            noise = torch.randn(x.shape, generator=generator).double()
            noisy = (x + 0.3 * (x.max() - x.min()) * noise)[None].requires_grad_()
            total += torch.autograd.grad(module(noisy)[0, 1], [noisy])[0][0]
        near(found.map, np.asarray((total / 5).abs().amax(dim=0)), 1e-5)
        other = explained(module, "smoothgrad", sigma=0.3, n=5, seed=12)
        assert np.abs(other.map - found.map).max() > 0.01 * found.map.max()

    def test_guided_grad_cam_is_the_product_of_both(self) -> None:
        module = seeded(lambda: Rectified(bias=True)).eval()
        model = model_of(module)
        with Session(model, IMAGE) as session:
            for layer in ("second", "first", None):
                fused = session.explain(layer, 2, method="guided-grad-cam")
                coarse = session.explain(layer, 2)
                fine = session.explain(target=2, method="guided-backprop")
                assert fused.layer == coarse.layer != ""
                assert fused.map.shape == (ROWS, COLUMNS)
                large = functional.interpolate(
                    torch.as_tensor(coarse.map.copy()).clamp(min=0)[None, None],
                    (ROWS, COLUMNS),
                    mode="bilinear",
                )
                near(fused.map, fine.map * large[0, 0].numpy(), 1e-5)
                assert fused.shape == coarse.shape


class Spelled(Rectified):
    """The same ReLUs in another form."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__(bias=True)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.second(self.act(self.first(x))))
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "function": functional.relu,
    "function in place": lambda x: functional.relu(x, inplace=True),
    "method": lambda x: x.relu_(),
    "clamp": lambda x: x.clamp(min=0),
    "clamp in place": lambda x: x.clamp_(min=0),
    "clamp_min": lambda x: x.clamp_min(0),
    "clamp by a tensor": lambda x: x.clamp(min=torch.zeros((), dtype=x.dtype)),
    "threshold": nn.Threshold(0, 0, inplace=True),
    "relu6": nn.ReLU6(),
    "hardtanh": lambda x: functional.hardtanh(x, 0, 99),
    "hardtanh in place": nn.Hardtanh(0, 99, inplace=True),
    "leaky, not at all": nn.LeakyReLU(0.0),
    "maximum": lambda x: torch.maximum(x, torch.zeros((), dtype=x.dtype)),
    "of the exporter": torch.ops.aten.relu.default,
}


class TestGuided:
    @pytest.mark.parametrize("form", FORMS)
    def test_every_form_of_a_relu_gives_the_same(self, form: str, no_hooks: HookWatch) -> None:
        module = seeded(Spelled, FORMS[form]).double().eval()
        with unchanged(module), no_hooks(module):
            found = explained(module, "guided-backprop", 2)
        near(found.map, self.written_out(module, 2), 1e-5)
        assert found.notices == ()

    @staticmethod
    def written_out(module: Spelled, target: int) -> Array:
        x = torch.as_tensor(seen())[None]
        with torch.no_grad():
            first = module.first(x)
            second = module.second(first.relu())
            cells = second[0, 0].numel()
            g = module.head.weight[target][None, :, None, None] / cells
            g = g.expand_as(second)
            g = g * (g > 0) * (second > 0)
            g = functional.conv_transpose2d(g, module.second.weight, stride=2)
            # What the stride leaves out at the edge has no gradient.
            g = functional.pad(g, (0, first.shape[3] - g.shape[3], 0, first.shape[2] - g.shape[2]))
            g = g * (g > 0) * (first > 0)
            g = functional.conv_transpose2d(g, module.first.weight, padding=1)
        return np.asarray(g[0].sum(dim=0))

    def test_it_is_not_the_plain_gradient(self) -> None:
        module = seeded(Spelled, functional.relu).double().eval()
        x = torch.as_tensor(seen())[None].requires_grad_()
        (plain,) = torch.autograd.grad(module(x)[0, 2], [x])
        far = np.abs(plain[0].sum(dim=0).numpy() - explained(module, "guided-backprop", 2).map)
        assert far.max() > 0.1 * np.abs(plain.numpy()).max()

    def test_a_gradient_after_it_is_plain_again(self) -> None:
        """Both come from one kept graph, whose guided nodes must not stay guided."""
        module = seeded(Spelled, functional.relu).eval()
        before = explained(module, "saliency", 2)
        with Session(model_of(module), IMAGE) as session:
            session.explain(target=2, method="guided-backprop")
            near(session.explain(target=2, method="saliency").map, before.map)

    def test_a_network_without_relus_is_told(self) -> None:
        module = seeded(networks.Base).eval()
        found = explained(module, "guided-backprop")
        assert found.notices == (NO_RELU,)


class Normalised(nn.Module):
    """Every kind of bias that a ReLU network has."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 8, 3, stride=2, bias=False)
        self.plain = nn.BatchNorm2d(8, affine=False)
        self.shift = nn.Parameter(torch.randn(1, 8, 1, 1))
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.hidden = nn.Linear(4, 5)
        self.head = nn.Linear(5, 4)
        for norm in (self.norm, self.plain):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2.0)
        nn.init.normal_(self.norm.weight)
        nn.init.normal_(self.norm.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.first(x)), inplace=True)
        x = self.plain(self.second(x))
        x += self.shift
        x = functional.max_pool2d(x.relu_() + 0.25, 2)
        x = functional.relu(functional.conv2d(x, torch.eye(8)[:, :, None, None].to(x), self.own()))
        x = functional.relu(self.up(x)).mean(dim=(2, 3))
        logits: Tensor = self.head(functional.relu(self.hidden(x))) - 0.5
        return logits

    def own(self) -> Tensor:
        return self.shift.flatten() * 0.3


class TestFullGrad:
    @pytest.mark.parametrize("frozen", [False, True])
    def test_pixels_and_biases_sum_to_the_score(self, frozen: bool, no_hooks: HookWatch) -> None:
        module = seeded(Normalised).double().eval()
        module.requires_grad_(not frozen)
        with unchanged(module), no_hooks(module), Session(model_of(module), IMAGE) as session:
            for target in (0, 3):
                found = session.explain(target=target, method="fullgrad")
                assert found.notices == (), "it would say how far it is off"
                assert found.map.min() >= 0 < found.map.max()

    def test_a_network_that_is_not_made_of_relus_is_told(self) -> None:
        found = explained(seeded(networks.Base).eval(), "fullgrad")
        (said,) = found.notices
        assert said.startswith("Pixels and biases sum to ")
        assert "not all of this network is made of ReLUs and biases" in said

    def test_each_layer_is_scaled_once_over_all_its_channels(self) -> None:
        module = seeded(lambda: Rectified(bias=True)).double().eval()
        found = explained(module, "fullgrad", 2)
        x = torch.as_tensor(seen())[None].requires_grad_()
        first = module.first(x)
        second = module.second(first.relu())
        logit = module.head(second.relu().mean(dim=(2, 3)))[0, 2]
        gradients = torch.autograd.grad(logit, [x, first, second])

        def psi(part: Tensor) -> Tensor:
            size = part.detach().abs()
            return (size - size.min()) / (size.max() - size.min())

        wanted = psi(x * gradients[0]).sum(dim=1)
        for layer, gradient in zip((module.first, module.second), gradients[1:], strict=True):
            part = psi(layer.bias[None, :, None, None] * gradient).sum(dim=1, keepdim=True)
            wanted += functional.interpolate(part, (ROWS, COLUMNS), mode="bilinear")[:, 0]
        near(found.map, wanted[0].numpy(), 1e-5)


class TestMasks:
    def test_a_network_that_ignores_the_picture_has_no_map(self) -> None:
        """The expectation is removed: otherwise RISE would show how often a pixel was visible."""
        module = seeded(Linear).eval()
        with torch.no_grad():
            module.matrix.weight.zero_()
        for slug in ("rise", "occlusion"):
            found = explained(module, slug, **FEW[slug])
            assert not found.map.any()
            assert found.verdict is Verdict.ZERO_GRADIENT
            assert found.notices == ("The map is zero: no pixel of this image affects the class.",)

    def test_seeds(self) -> None:
        module = seeded(networks.Base).eval()
        one = explained(module, "rise", masks=12, seed=1)
        near(explained(module, "rise", masks=12, seed=1).map, one.map, 0)
        other = explained(module, "rise", masks=12, seed=2)
        assert np.abs(other.map - one.map).max() > 0.05 * np.abs(one.map).max()

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"window": 25}, "the window is at most 24, the input's shorter side, not 25"),
            ({"window": 6, "stride": 7}, "the stride is at most 6, the window, not 7"),
            ({"stride": 4}, "the stride is at most 3, the window, not 4"),
            ({"window": -1}, "window is a whole number from 0 to"),
            ({"fill": "blue"}, "fill is one of zero, black, white, mean, blur, not 'blue'"),
        ],
    )
    def test_windows_that_do_not_fit(self, options: dict[str, object], words: str) -> None:
        with pytest.raises(MethodError, match=words) as caught:
            explained(seeded(networks.Base).eval(), "occlusion", **options)
        assert "\n" not in str(caught.value)


class TestExpectedPasses:
    @pytest.mark.parametrize("slug", UNLAYERED)
    def test_as_many_as_were_expected(self, slug: str) -> None:
        module = seeded(networks.Counting).eval()
        model = model_of(module)
        with Session(model, IMAGE, exact=True) as session:
            session.predictions()
            module.forwards = 0
            options = {**FEW.get(slug, {}), **({"batch": 1} if slug in FEW else {})}
            session.explain(target=0, method=slug, options=options)
            forward, _ = expected(choose(slug, options), (3, ROWS, COLUMNS))
            assert module.forwards == forward
            session.explain(target=0, method=slug, options=options)
            assert module.forwards == forward, "what is known is not computed again"

    def test_what_is_said_of_them(self) -> None:
        shape = (3, 224, 224)
        assert expected_words(choose("saliency"), shape, 0.1) == ""
        assert expected_words(choose("occlusion"), shape, 0.02) == "225 forward passes, about 4 s"
        steps = choose("integrated-gradients", {"steps": 100})
        assert expected_words(steps, shape, 2.0) == (
            "101 forward and 100 backward passes, about 10 min"
        )
        assert expected_words(choose("rise"), shape, 0.0) == "1,000 forward passes"
        assert expected(choose("guided-grad-cam"), shape) == (1, 2)
        assert expected(choose("grad-cam"), shape) == (1, 1)


class TestBatches:
    @pytest.mark.parametrize("slug", FEW)
    def test_batches_change_nothing(self, slug: str) -> None:
        module = seeded(networks.Base).double().eval()
        one, many = (explained(module, slug, **{**FEW[slug], "batch": size}) for size in (1, 64))
        near(one.map, many.map, 1e-5)

    @pytest.mark.parametrize("slug", FEW)
    @pytest.mark.parametrize(
        "make",
        [
            lambda x: x - 0.5 * x.mean(dim=0, keepdim=True),
            lambda x: x.reshape(1, -1, *x.shape[2:])[:, :6],
        ],
        ids=["mixes", "takes one"],
    )
    def test_a_network_that_takes_no_batch_is_run_one_by_one(
        self, slug: str, make: Callable[[Tensor], Tensor]
    ) -> None:
        class Odd(networks.Base):
            def forward(self, x: Tensor) -> Any:
                return self.finish(torch.tanh(self.middle(make(self.stem(x)))))

        module = seeded(Odd).double().eval()
        alone = explained(module, slug, **{**FEW[slug], "batch": 1})
        near(explained(module, slug, **{**FEW[slug], "batch": 8}).map, alone.map, 1e-5)

    def test_nothing_but_memory_limits_them(self) -> None:
        module = seeded(networks.Base).eval()
        wanted = explained(module, "integrated-gradients", steps=6)
        with Session(model_of(module), IMAGE, budget=0) as session:
            found = session.explain(target=1, method="integrated-gradients", options={"steps": 6})
        near(found.map, wanted.map, 1e-5)


class TestCancelling:
    @pytest.mark.parametrize("slug", FEW)
    def test_it_stops_between_batches(self, slug: str) -> None:
        module = seeded(networks.Counting).eval()
        token = engine.CancelToken()
        told: list[float] = []

        def report(fraction: float, _text: str) -> None:
            told.append(fraction)
            token.cancel()

        with Session(model_of(module), IMAGE) as session:
            session.predictions()
            module.forwards = 0
            with pytest.raises(engine.Cancelled):
                session.explain(
                    target=0,
                    method=slug,
                    options={**FEW[slug], "batch": 1},
                    cancel=token,
                    progress=report,
                )
            assert module.forwards == 1
            assert len(told) == 1
            assert 0 < told[0] < 1
            # Nothing of it is kept, and the session is as good as before.
            done = session.explain(target=0, method=slug, options=FEW[slug])
        assert done.map.any()

    @pytest.mark.parametrize("slug", [*FEW, "saliency", "guided-backprop", "fullgrad"])
    def test_it_stops_between_two_operations(self, slug: str) -> None:
        """There is no module between them whose hook could ask."""
        token = engine.CancelToken()

        class Stops(networks.Base):
            def forward(self, x: Tensor) -> Any:
                stem = self.stem(x)
                if x.device.type != "meta" and armed:
                    token.cancel()
                stem = stem + 1
                if x.device.type != "meta":
                    passed.append(True)
                return self.finish(stem)

        armed: list[bool] = []
        passed: list[bool] = []
        model = model_of(seeded(Stops).eval())
        with Session(model, IMAGE) as session:
            session.predictions()
            armed.append(True)
            passed.clear()
            with pytest.raises(engine.Cancelled):
                session.explain(target=0, method=slug, options=FEW.get(slug), cancel=token)
        assert passed == []

    def test_progress_ends_with_everything(self) -> None:
        for slug, options in FEW.items():
            told: list[float] = []
            with Session(model_of(seeded(networks.Base).eval()), IMAGE) as session:
                session.explain(
                    method=slug,
                    options=options,
                    progress=lambda part, _text, told=told: told.append(part),
                )
            assert told == sorted(told)
            assert told[-1] == 1.0, slug


HABITS: dict[str, Callable[[], nn.Module]] = {
    "in-place modules": networks.InplaceModule,
    "overwrites what its gradient needs": networks.Untrainable,
    "in-place addition": networks.InplaceAddition,
    "in-place on a view": networks.InplaceView,
    "in-place on the input": networks.InplaceInput,
    "reused modules": networks.Reused,
    "dict": lambda: networks.Returning(lambda y: {"count": 3, "logits": y, "aux": -y}),
    "detached": lambda: networks.Cut("detach"),
    "no_grad": lambda: networks.Cut("no_grad"),
    "logits (n, C, 1, 1)": networks.ConvolutionalHead,
}


class TestNetworks:
    """Right whatever the network does; and nothing of it is changed."""

    @pytest.mark.parametrize("habit", HABITS)
    @pytest.mark.parametrize("slug", PIXEL)
    def test_every_habit(self, habit: str, slug: str, no_hooks: HookWatch) -> None:
        module = seeded(HABITS[habit]).double().eval()
        with unchanged(module), no_hooks(module), Session(model_of(module), IMAGE) as session:
            found = session.explain(target=2, method=slug, options=FEW.get(slug))
            assert found.map.shape == (ROWS, COLUMNS)
            if slug == "grad-x-input":
                x = torch.as_tensor(seen())
                step = 1e-6
                read = session.model.facts.reading.logits
                with torch.no_grad():
                    made = [module((x * f)[None].clone()) for f in (1 + step, 1 - step)]
                ends = [float(read(output, None)[0, 2]) for output in made]
                slope = (ends[0] - ends[1]) / (2 * step)
                assert found.map.sum(dtype=np.float64) == pytest.approx(slope, rel=1e-4)

    @pytest.mark.parametrize("slug", UNLAYERED)
    def test_a_softmax_at_the_end_changes_nothing(self, slug: str) -> None:
        """The score is the logit, in batches as well."""
        plain = seeded(Linear).eval()
        ends = seeded(lambda: Linear(lambda y: y.softmax(dim=1))).eval()
        wanted = explained(plain, slug, **FEW.get(slug, {}))
        near(explained(ends, slug, **FEW.get(slug, {})).map, wanted.map, 1e-4)

    @pytest.mark.parametrize("slug", UNLAYERED)
    def test_two_sides_of_one_number(self, slug: str) -> None:
        module = seeded(lambda: Linear(lambda y: y[:, :1].sigmoid())).double().eval()
        with Session(model_of(module), IMAGE) as session:
            against, speaks = (
                session.explain(target=side, method=slug, options=FEW.get(slug)) for side in (0, 1)
            )
        row = next(m for m in METHODS if m.slug == slug)
        near(against.map, -speaks.map if row.signed else speaks.map, 1e-5)
        assert np.abs(speaks.map).max() > 0

    @pytest.mark.parametrize("slug", UNLAYERED)
    def test_sixteen_bits_are_computed_in_float32(self, slug: str) -> None:
        half = seeded(networks.Base).half().eval()
        single = copy.deepcopy(half).float()
        found, wanted = (explained(m, slug, **FEW.get(slug, {})) for m in (half, single))
        near(found.map, wanted.map, 1e-5)
        assert found.arithmetic == "computed in float32"

    @pytest.mark.parametrize("slug", PIXEL)
    def test_beside_the_faster_forms(self, slug: str) -> None:
        """What comes before a layer may be rewritten for its clicks; pixels need all of it."""
        module = seeded(Normalised).eval()
        model = model_of(module)
        for _ in range(3):
            with Session(model, IMAGE) as session:
                session.explain(target=1)
                found = session.explain(target=1, method=slug, options=FEW.get(slug))
        with Session(model, IMAGE, exact=True) as session:
            wanted = session.explain(target=1, method=slug, options=FEW.get(slug))
        near(found.map, wanted.map, 1e-4)

    @pytest.mark.parametrize("slug", PIXEL)
    @pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
    def test_whatever_mode_the_caller_is_in(self, slug: str, mode: Any) -> None:
        module = seeded(networks.Base).eval()
        wanted = explained(module, slug, **FEW.get(slug, {}))
        with mode():
            near(explained(module, slug, **FEW.get(slug, {})).map, wanted.map, 1e-4)

    def test_the_top_class_where_none_is_named(self) -> None:
        with Session(model_of(seeded(networks.Base).eval()), IMAGE) as session:
            for slug in PIXEL:
                found = session.explain(method=slug, options=FEW.get(slug))
                assert found.target == session.predictions(1)[0]


class TestPlaces:
    """A map lies where the pixels came from, whatever was cut off or added."""

    @pytest.mark.parametrize(
        "how",
        [
            Preprocessing(40, (32, 32), (0.5,) * 3, (0.5,) * 3),
            Preprocessing((30, 50), (30, 50), (0.5,) * 3, (0.5,) * 3),
            Preprocessing((48, 48), (48, 48), (0.5,) * 3, (0.5,) * 3, letterbox=True),
            Preprocessing(None, (120, 120), (0.5,) * 3, (0.5,) * 3),
        ],
        ids=["cropped", "squeezed", "letterboxed", "padded"],
    )
    @pytest.mark.parametrize("slug", ["grad-x-input", "integrated-gradients", "occlusion", "rise"])
    def test_a_red_square_is_found(self, how: Preprocessing, slug: str) -> None:
        class Red(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.pick = nn.Conv2d(3, 2, 1, bias=False)
                with torch.no_grad():
                    self.pick.weight[:, :, 0, 0] = torch.tensor([[1.0, -1, -1], [-1, 1, 1]])

            def forward(self, x: Tensor) -> Tensor:
                return functional.relu(self.pick(x) - 1).mean(dim=(2, 3))

        pixels = np.full((60, 100, 3), 128, np.uint8)
        pixels[20:32, 56:70] = (255, 0, 0)
        model = Model(Red(), preprocessing=how)
        options: dict[str, object] = {"occlusion": {"window": 4}, "rise": {"masks": 400}}.get(
            slug, {}
        )
        with Session(model, LoadedImage("red.png", pixels)) as session:
            found = session.explain(target=0, method=slug, options=options)
        assert found.map.shape == how.crop
        x, y = found.peak
        assert 53 < x < 73
        assert 17 < y < 35
        assert found.region == prepare(LoadedImage("red.png", pixels), how).region


class TestWords:
    @pytest.mark.parametrize("slug", UNLAYERED)
    def test_a_layer_is_refused(self, slug: str) -> None:
        with Session(model_of(seeded(networks.Base)), IMAGE) as session:
            for layer in ("middle", "no such layer", "last convolution"):
                with pytest.raises(MethodError, match="has no layer: it maps the pixels") as caught:
                    session.explain(layer, method=slug)
                assert "\n" not in str(caught.value)
            with pytest.raises(MethodError, match="a sweep of all layers needs another"):
                session.sweep(method=slug)
            found = session.explain(method=slug, options=FEW.get(slug))
        assert (found.layer, found.layout, found.shape) == ("", None, (3, ROWS, COLUMNS))
        assert found.method == slug

    def test_a_model_whose_own_method_has_no_layer(self) -> None:
        model = model_of(seeded(networks.Base), method=choose("saliency"))
        with Session(model, IMAGE) as session:
            assert session.explain().method == "saliency"
            assert session.explain("middle", method="grad-cam").layer == "middle"
            with pytest.raises(MethodError, match="Saliency has no layer"):
                session.explain("middle")

    def test_a_network_without_explainable_layers_has_these_maps(self) -> None:
        module = seeded(Linear).eval()
        with Session(model_of(module), IMAGE) as session:
            assert not any(node.explainable for node in session.layers)
            for slug in UNLAYERED:
                assert session.explain(method=slug, options=FEW.get(slug)).map.any()
