"""What a session does with a method beyond its formula: passes, options, refusals, what it says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import engine
from engine import Session
from engine.errors import MethodError
from engine.inspection import memory
from engine.methods.registry import METHODS, Need, choose
from engine.records.explanations import Verdict
from tests.engine import networks
from tests.engine.explain.test_session import unchanged
from tests.engine.networks import IMAGE, model_of, seeded

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]
# Those that every layer can have.
SWEPT = [method for method in METHODS if method.swept and not method.pooled]
SLUGS = [method.slug for method in SWEPT]
GRADIENT = [method.slug for method in SWEPT if Need.GRADIENT in method.needs]
BLIND = [method.slug for method in SWEPT if not method.class_dependent]


pytestmark = pytest.mark.usefixtures("one_thread")


class _Passing(torch.autograd.Function):
    """Hands a tensor on, and notes when a gradient comes back through it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, place: str, seen: list[str]) -> Tensor:
        ctx.place, ctx.seen = place, seen
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        ctx.seen.append(ctx.place)
        return gradients[0], None, None


class Watched(networks.Counting):
    """Counts its forward passes, and where gradients came through: before each of its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "meta":
            self.forwards += 1
        x = torch.tanh(self.stem(x))
        x = torch.tanh(self.middle(_Passing.apply(x, "before middle", self.seen)))
        return self.finish(_Passing.apply(x, "before last", self.seen))

    def spent(self) -> tuple[int, list[str]]:
        """Forward passes and gradients since this was last asked."""
        found = self.forwards, list(self.seen)
        self.forwards = 0
        self.seen.clear()
        return found


@pytest.fixture
def watched() -> Watched:
    return seeded(Watched)  # type: ignore[no-any-return]


def flat(*layers: nn.Module, channels: int) -> nn.Sequential:
    """A network of these layers, averaged over space, with four classes."""
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 4))
    return nn.Sequential(*layers, *head).eval()


class TestPasses:
    @pytest.mark.parametrize("slug", BLIND)
    def test_a_class_blind_map_is_found_once_for_all_classes(
        self, watched: Watched, slug: str
    ) -> None:
        model = model_of(watched)
        watched.spent()
        with Session(model, IMAGE) as session:
            first = session.explain("middle", 0, method=slug)
            assert watched.spent() == (1, []), "one forward pass and no gradient"
            second = session.explain("middle", 3, method=slug)
            assert second.map is first.map, "the map is not even reduced again"
            assert (first.target.index, second.target.index) == (0, 3)
            assert watched.spent() == (0, [])
            swept = session.sweep(0, method=slug)
            assert watched.spent() == (1, []), "every output is kept by one more pass"
            again = session.sweep(1, method=slug)
            assert watched.spent() == (0, [])
        for name in ("stem", "middle", "last"):
            np.testing.assert_array_equal(swept[name].map, again[name].map)
        assert again["stem"].target.index == 1
        assert first.map.any()

    @pytest.mark.parametrize("slug", GRADIENT)
    def test_another_class_is_a_backward_pass_that_ends_at_the_layer(
        self, watched: Watched, slug: str
    ) -> None:
        model = model_of(watched)
        watched.spent()
        with Session(model, IMAGE) as session:
            first = session.explain("middle", 0, method=slug)
            assert watched.spent() == (1, ["before last"])
            second = session.explain("middle", 3, method=slug)
            assert watched.spent() == (0, ["before last"])
            assert not np.array_equal(first.map, second.map)
            session.sweep(0, method=slug)
            assert watched.spent() == (1, ["before last", "before middle"])
            session.sweep(1, method=slug)
            assert watched.spent() == (0, ["before last", "before middle"])
            session.explain("last", 1, method=slug)
            assert watched.spent() == (0, [])

    def test_another_method_runs_the_network_no_more(self, watched: Watched) -> None:
        model = model_of(watched)
        with Session(model, IMAGE) as session:
            session.sweep(0)
            watched.spent()
            for slug in SLUGS[1:]:
                session.sweep(0, method=slug)
                backward = ["before last", "before middle"] if slug in GRADIENT else []
                assert watched.spent() == (0, backward), slug
            # All of them are still there, the first one too.
            for slug in SLUGS:
                session.explain("middle", 0, method=slug)
            assert watched.spent() == (0, [])

    @pytest.mark.parametrize("slug", SLUGS)
    def test_nothing_is_left_behind(self, slug: str, no_hooks: HookWatch) -> None:
        """No hook on a module or a tensor, no parameter touched; of a cancelled sweep neither."""
        module = seeded(networks.Reused).eval()
        token = engine.CancelToken()
        with unchanged(module), no_hooks(module), Session(model_of(module), IMAGE) as session:
            session.explain("stem", 1, method=slug)
            with pytest.raises(engine.Cancelled):
                session.sweep(2, method=slug, cancel=token, progress=lambda *_: token.cancel())
            with pytest.raises(engine.Cancelled):
                session.explain("middle#1", 3, method=slug, cancel=token)
            session.sweep(2, method=slug)
            kept = session._work.full_pass(None).kept
            assert len(kept) >= 6
            assert not any(one.tensor._backward_hooks for one in kept.values())
            assert torch.is_grad_enabled()

    def test_a_sweep_tells_how_far_it_is(self) -> None:
        for slug in ("eigen-cam", "grad-cam++"):
            told: list[float] = []
            with Session(model_of(seeded(networks.Deep, 5)), IMAGE) as session:
                session.sweep(
                    method=slug, progress=lambda part, _text, told=told: told.append(part)
                )
            assert told == sorted(told)
            assert len(told) == 5
            assert told[-1] == 1.0


class TestBudget:
    @pytest.mark.parametrize("slug", ["eigen-cam", "fem", "grad-cam++", "hirescam"])
    def test_what_does_not_fit_is_left_out_and_told(self, slug: str) -> None:
        model = model_of(seeded(networks.Deep, 12))
        budget = memory.estimate(model.facts, ("layers.8", 0))
        with Session(model, IMAGE) as whole:
            expected = whole.sweep(1, method=slug)
            assert whole.notices == ()
        with Session(model, IMAGE, budget=budget) as session:
            swept = session.sweep(1, method=slug)
            assert list(swept) == [f"layers.{i}" for i in range(8, 12)]
            assert [n for n in session.notices if n.startswith("8 layers did not fit")]
            clicked = session.explain("layers.2", 1, method=slug)
        for name, found in (*swept.items(), ("layers.2", clicked)):
            wanted = expected[name].map
            assert wanted.any()
            largest = np.abs(wanted).max()
            np.testing.assert_allclose(found.map, wanted, rtol=0, atol=1e-4 * largest)

    @pytest.mark.parametrize("slug", ["random-cam", "grad-cam++"])
    def test_no_budget_at_all(self, slug: str) -> None:
        model = model_of(seeded(networks.Deep, 6))
        with Session(model, IMAGE) as whole:
            expected = whole.sweep(method=slug)
        with Session(model, IMAGE, budget=0) as session:
            swept = session.sweep(method=slug)
            assert len(swept) < len(expected)
            assert session.notices
            for name, wanted in expected.items():
                found = session.explain(name, method=slug)
                assert found.target == wanted.target
                largest = np.abs(wanted.map).max()
                np.testing.assert_allclose(found.map, wanted.map, rtol=0, atol=1e-4 * largest)


class TestOptions:
    def test_equal_seeds_give_equal_maps_and_others_do_not(self) -> None:
        model = model_of(seeded(networks.Base))
        with Session(model, IMAGE) as session:
            three = session.explain("middle", 0, method="random-cam", options={"seed": 3})
            four = session.explain("middle", 0, method="random-cam", options={"seed": 4})
            plain = session.explain("middle", 0, method="random-cam")
            swept = session.sweep(0, method="random-cam", options={"seed": 3})["middle"]
        with Session(model, IMAGE) as later:
            again = later.explain("middle", 0, method="random-cam", options={"seed": 3})
        np.testing.assert_array_equal(three.map, again.map)
        np.testing.assert_array_equal(three.map, swept.map)
        assert np.abs(three.map - four.map).max() > 0.1 * np.abs(three.map).max()
        assert not np.array_equal(plain.map, three.map)
        assert three.options == swept.options == (("seed", 3),)
        assert plain.options == (("seed", 0),)

    @pytest.mark.parametrize(
        ("slug", "options", "words"),
        [
            ("random-cam", {"seed": -1}, "random-cam: seed is a whole number from 0 to"),
            ("random-cam", {"seed": 0.5}, "seed is a whole number"),
            ("random-cam", {"seed": "a\nb" * 200}, "seed is a whole number"),
            ("random-cam", {"sed": 1}, "random-cam has no option 'sed'; choose seed"),
            ("hirescam", {"seed": 1}, "hirescam has no option 'seed'; choose augment"),
            ("eigen-cam", {"eigen": True}, "eigen-cam cannot have the option eigen: its map is"),
            ("hirescam", {"fuse": "sum"}, "fuse is one of mean, max, product, not 'sum'"),
            ("", {"seed": 1}, "grad-cam has no option 'seed'"),
            ("grad-cam+", {}, r"did you mean .*grad-cam\+\+"),
        ],
    )
    def test_wrong_ones_are_one_line_and_run_nothing(
        self, watched: Watched, slug: str, options: dict[str, object], words: str
    ) -> None:
        model = model_of(watched)
        watched.spent()
        with Session(model, IMAGE) as session:
            for ask in (session.explain, session.sweep):
                with pytest.raises(MethodError, match=words) as caught:
                    ask(method=slug, options=options)
                assert "\n" not in str(caught.value)
                assert len(str(caught.value)) < 200
        assert watched.spent() == (0, [])

    def test_the_models_own_method_explains_where_none_is_named(self) -> None:
        model = model_of(seeded(networks.Base), method=choose("random-cam", {"seed": 9}))
        with Session(model, IMAGE) as session:
            own = session.explain("middle", 0)
            assert (own.method, own.options) == ("random-cam", (("seed", 9),))
            named = session.explain("middle", 0, method="random-cam", options={"seed": 9})
            np.testing.assert_array_equal(own.map, named.map)
            # An option without a method is one of the model's own method.
            other = session.explain("middle", 0, options={"seed": 8})
            assert (other.method, other.options) == ("random-cam", (("seed", 8),))
            assert session.explain("middle", 0, method="grad-cam").options == ()
            # A method that is named does not take over what was set for the model.
            assert session.explain(method="random-cam").options == (("seed", 0),)
            assert {e.method for e in session.sweep(0).values()} == {"random-cam"}


class TestRefusals:
    def test_eigen_cam_of_one_channel(self) -> None:
        module = seeded(lambda: flat(nn.Conv2d(3, 1, 1), nn.Conv2d(1, 4, 3), channels=4))
        with Session(model_of(module), IMAGE) as session:
            with pytest.raises(MethodError, match=r"layer '0'.*2 channels.*has 1") as caught:
                session.explain("0", method="eigen-cam")
            assert "\n" not in str(caught.value)
            assert list(session.sweep(method="eigen-cam")) == ["1"]
            assert session.notices == ()
            assert list(session.sweep(method="fem")) == ["0", "1"]
            assert session.explain("1", method="eigen-cam").map.any()

    def test_fem_of_a_grid_of_four(self) -> None:
        module = seeded(
            lambda: flat(
                nn.Conv2d(3, 4, 1),
                nn.AdaptiveAvgPool2d(2),
                nn.Conv2d(4, 4, 1),
                nn.Upsample(scale_factor=2),
                channels=4,
            )
        )
        with Session(model_of(module), IMAGE) as session:
            offered = [node.name for node in session.layers if node.explainable]
            grids = {node.name: node.grid for node in session.layers}
            small = [name for name in offered if grids[name] == (2, 2)]
            assert small
            for name in small:
                with pytest.raises(MethodError, match=rf"layer '{name}'.*5 cells.*has 4"):
                    session.explain(name, method="fem")
                with pytest.raises(MethodError, match=rf"layer '{name}#0'"):
                    session.explain(f"{name}#0", method="fem")
            told: list[float] = []
            maps = session.sweep(method="fem", progress=lambda part, _text: told.append(part))
            assert list(maps) == [n for n in offered if n not in small]
            assert len(told) == len(maps), "what is left out is not computed either"
            assert session.notices == ()
            # After the refusal as before: the layer has every other method.
            for slug in SLUGS:
                if slug != "fem":
                    assert list(session.sweep(method=slug)) == offered, slug

    def test_a_network_of_which_no_layer_can_have_it(self) -> None:
        module = seeded(lambda: flat(nn.Conv2d(3, 1, 1), nn.Tanh(), channels=1))
        with Session(model_of(module), IMAGE) as session:
            assert session.sweep(method="eigen-cam") == {}
            assert session.notices == ()
            assert len(session.predictions()) == 4


class TestWords:
    def test_a_zero_gradient(self) -> None:
        module = seeded(networks.Base)
        nn.init.zeros_(module.head.weight)
        with Session(model_of(module), IMAGE) as session:
            for slug in GRADIENT:
                found = session.explain("middle", 0, method=slug)
                assert found.verdict is Verdict.ZERO_GRADIENT, slug
                assert not found.map.any()
                assert found.notices == (
                    "The gradient is zero: this layer does not affect the class for this image.",
                )
                assert session.sweep(0, method=slug)["middle"].verdict is Verdict.ZERO_GRADIENT
            for slug in BLIND:
                assert session.explain("middle", 0, method=slug).verdict is Verdict.OK, slug

    def test_a_zero_activation(self) -> None:
        module = seeded(lambda: flat(nn.Conv2d(3, 4, 1), nn.ReLU(), channels=4))
        with torch.no_grad():
            module[0].weight.zero_()
            module[0].bias.fill_(-1.0)
        with Session(model_of(module), IMAGE) as session:
            for slug in BLIND:
                found = session.explain("1", 0, method=slug)
                assert found.verdict is Verdict.ZERO_ACTIVATION, slug
                assert not found.map.any()
                assert found.notices == ("The layer's output is zero: there is nothing to map.",)
                assert session.sweep(0, method=slug)["1"].verdict is Verdict.ZERO_ACTIVATION
            # What comes before the ReLU is not zero.
            assert (
                session.explain("0", 0, method="eigen-cam").verdict is not Verdict.ZERO_ACTIVATION
            )

    def test_nothing_positive(self) -> None:
        module = seeded(lambda: flat(nn.Conv2d(3, 4, 1), nn.ReLU(), channels=4))
        with torch.no_grad():
            module[4].weight[0] = -1.0
        with Session(model_of(module), IMAGE) as session:
            signed = session.explain("1", 0, method="hirescam")
            unsigned = session.explain("1", 0, method="grad-cam-elementwise")
        assert (signed.verdict, unsigned.verdict) == (Verdict.NOTHING_POSITIVE,) * 2
        assert signed.map.min() < 0 == unsigned.map.min()
        assert signed.notices == (
            "Nothing positive: look at the negative side, or choose another layer or class.",
        )
        assert unsigned.notices == ("Nothing positive: choose another layer or class.",)

    def test_nothing_positive_whatever_the_class(self) -> None:
        """Another class would be no help: the map is the same."""
        module = seeded(lambda: flat(nn.Conv2d(3, 4, 1), nn.Softplus(), channels=4))
        with torch.no_grad():
            module[0].bias.fill_(-9.0)
            module[0].weight.mul_(0.1)
        with Session(model_of(module), IMAGE) as session:
            found = session.explain("0", 0, method="fem")
        assert found.map.max() <= 0
        assert found.map.min() < 0
        assert found.verdict is Verdict.NOTHING_POSITIVE
        assert found.notices == (
            "Nothing positive: look at the negative side, or choose another layer.",
        )

    def test_channels_whose_values_cancel_out_are_counted(self) -> None:
        """An instance normalisation leaves every channel with a sum of zero."""
        module = seeded(
            lambda: flat(nn.Conv2d(3, 5, 3, padding=1), nn.InstanceNorm2d(5), nn.ReLU(), channels=5)
        ).double()
        said = "5 channels were left out: their values cancel out, and their sum is a divisor."
        with Session(model_of(module), IMAGE) as session:
            found = session.explain("1", 0, method="xgrad-cam")
            swept = session.sweep(0, method="xgrad-cam")
        assert said in found.notices
        assert not found.map.any()
        assert swept["1"].notices == found.notices
        assert swept["2"].notices == (), "what is said of one layer is not said of another"
        assert swept["2"].map.any()
