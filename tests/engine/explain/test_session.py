"""Sessions: the right map whatever the network does, nothing changed by it, everything freed."""

from __future__ import annotations

import copy
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import engine
from engine import Session
from engine.errors import MethodError
from engine.images.preprocessing import prepare
from engine.inspection import memory
from engine.model import Model
from engine.records.explanations import Verdict
from engine.records.models import Layout
from tests.engine import networks, token_networks
from tests.engine.classifiers import all_activations_and_gradients, map_of
from tests.engine.networks import IMAGE, model_of, seeded
from tests.reference import reference_map

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]
TOLERANCE = 1e-5

HABITS: dict[str, Callable[[], nn.Module]] = {
    "plain": networks.Base,
    "in-place modules": networks.InplaceModule,
    "in-place addition": networks.InplaceAddition,
    "in-place functions": networks.InplaceFunction,
    "in-place on a view": networks.InplaceView,
    "in-place on the input": networks.InplaceInput,
    "reused modules": networks.Reused,
    "containers": networks.Containers,
    "inner tuple": lambda: networks.InnerTuple("tuple"),
    "inner list": lambda: networks.InnerTuple("list"),
    "inner dict": lambda: networks.InnerTuple("dict"),
    "inner named tuple": lambda: networks.InnerTuple("namedtuple"),
    "inner nesting": lambda: networks.InnerTuple("nested"),
    "network's tuple": lambda: networks.Returning(lambda y: (y, 2 * y)),
    "network's dict": lambda: networks.Returning(lambda y: {"count": 3, "logits": y, "aux": -y}),
    "network's named tuple": lambda: networks.Returning(lambda y: networks.Heads(y, -y)),
    "without parameters": networks.WithoutParameters,
    "layers that lead nowhere": networks.Untidy,
    "logits (1, C, 1, 1)": networks.ConvolutionalHead,
}


def close(found: np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


class FromClone(nn.Module):
    """Spares the reference a network that writes into its input."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Any:
        return self.inner(x.clone())


def expected_map(module: nn.Module, tensor: Tensor, name: str, target: int, k: int) -> np.ndarray:
    # A module that returns a structure returns its convolution's output in it.
    name = f"{name}.conv" if name == "structured" else name
    return reference_map(FromClone(module), tensor, f"inner.{name}", target, k)


def snapshot(module: nn.Module) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for name, p in module.named_parameters():
        state[name] = (p.detach().clone(), p.requires_grad, p.grad, id(p), p.data_ptr(), p._version)
    for name, b in module.named_buffers():
        state[name] = (b.detach().clone(), b.requires_grad, None, id(b), b.data_ptr(), b._version)
    for name, m in module.named_modules():
        state[f"mode of {name}"] = m.training
    return state


@contextmanager
def unchanged(module: nn.Module) -> Iterator[None]:
    """Parameters, buffers, their flags and gradients and every mode, bit for bit as before."""
    before = snapshot(module)
    yield
    after = snapshot(module)
    assert before.keys() == after.keys()
    for name, value in before.items():
        if isinstance(value, bool):
            assert value == after[name], name
            continue
        assert torch.equal(value[0], after[name][0]), name
        assert value[1:] == after[name][1:], name


@pytest.mark.parametrize("habit", HABITS)
def test_every_call_of_every_layer_equals_the_reference(habit: str, no_hooks: HookWatch) -> None:
    module = seeded(HABITS[habit]).eval()
    with unchanged(module), no_hooks(module):
        model = model_of(module)
        offered = [node for node in model.layers if node.explainable]
        assert len(offered) >= 2
        with Session(model, IMAGE) as session:
            tensor = session._work.input
            expected = {
                f"{node.name}#{k}": expected_map(module, tensor, node.name, 2, k)
                for node in offered
                for k in range(node.calls)
            }
            for address, wanted in expected.items():
                close(session.explain(address, 2).map, wanted)
        for address, wanted in expected.items():  # each with a graph of its own, from there on
            with Session(model, IMAGE, budget=0) as session:
                close(session.explain(address, 2).map, wanted)
        with Session(model, IMAGE) as session:
            swept = session.sweep(2)
            assert list(swept) == [node.name for node in offered]
            for node in offered:
                wanted = expected[f"{node.name}#{node.calls - 1}"]
                close(swept[node.name].map, wanted)
                np.testing.assert_array_equal(
                    session.explain(node.name, 2).map, swept[node.name].map
                )


def test_a_network_that_overwrites_what_its_gradient_needs(no_hooks: HookWatch) -> None:
    module = seeded(networks.Untrainable).eval()
    with unchanged(module), no_hooks(module):
        model = model_of(module)
        for budget in (None, 0):
            with Session(model, IMAGE, budget=budget) as session:
                with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                    reference_map(module, session._work.input, "stem", 2)
                expected = all_activations_and_gradients(
                    copy.deepcopy(module), session._work.input, 2
                )
                for node in session.layers:
                    for k in range(node.calls if node.explainable else 0):
                        activation, gradient = expected[node.name, k]
                        assert gradient is not None
                        found = session.explain(f"{node.name}#{k}", 2).map
                        close(found, map_of(activation, gradient, False).astype(np.float32))
        with Session(model, IMAGE) as session:
            assert set(session.sweep(2)) == {"stem", "middle", "last", "relu", "silu"}


@pytest.mark.parametrize("how", ["detach", "detach between", "no_grad", "uncut"])
def test_a_network_that_cuts_its_gradient_off(how: str, no_hooks: HookWatch) -> None:
    module = seeded(networks.Cut, how).eval()
    with unchanged(module), no_hooks(module):
        model = model_of(module)
        assert [n.name for n in model.layers if n.explainable] == ["stem", "middle", "last"]
        assert model.info.default_layer == "last"
        uncut = copy.deepcopy(module)
        uncut.how = "uncut"
        for budget in (None, 0):
            for name in ("stem", "middle", "last"):
                with Session(model, IMAGE, budget=budget) as session:
                    wanted = reference_map(uncut, session._work.input, name, 1)
                    close(session.explain(name, 1).map, wanted)
        with Session(model, IMAGE) as session:
            for name, explanation in session.sweep(1).items():
                close(explanation.map, reference_map(uncut, session._work.input, name, 1))
        assert torch.is_grad_enabled()


def test_predictions_are_the_networks_own() -> None:
    module = seeded(networks.Base).eval()
    with Session(model_of(module, classes=("a", "b", "c", "d")), IMAGE) as session:
        with torch.no_grad():
            logits = module(session._work.input)[0]
        order = logits.argsort(descending=True).tolist()
        found = session.predictions(k=9)
        assert [p.index for p in found] == order
        assert [p.label for p in found] == ["abcd"[i] for i in order]
        np.testing.assert_allclose([p.logit for p in found], logits[order], rtol=1e-6)
        np.testing.assert_allclose(
            [p.probability for p in found], logits.softmax(0)[order], rtol=1e-5
        )
        assert sum(p.probability for p in found) == pytest.approx(1)
        assert len(session.predictions(k=2)) == 2
        assert session.explain().target.index == order[0]
        with pytest.raises(ValueError, match="at least 1"):
            session.predictions(k=0)


@pytest.mark.parametrize("caller", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_whatever_gradient_mode_the_caller_is_in(caller: Any) -> None:
    module = seeded(networks.InplaceModule).eval()
    with Session(model_of(module), IMAGE) as session:
        expected = {n: reference_map(module, session._work.input, n, 1) for n in ("stem", "last")}
    with caller():
        grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        with Session(model_of(module), IMAGE) as session:
            assert session.predictions()
            for name, wanted in expected.items():
                close(session.explain(name, 1).map, wanted)
            close(session.sweep(1)["stem"].map, expected["stem"])
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == (grad, inference)


def test_a_session_opened_in_inference_mode_goes_on_outside() -> None:
    model = model_of(seeded(networks.Base))
    with torch.inference_mode():
        session = Session(model, IMAGE)
        first = session.explain("stem", 0).map
    with session:
        np.testing.assert_allclose(session.explain("middle", 0).map.shape, (24, 32))
        np.testing.assert_array_equal(session.sweep(0)["stem"].map, session.explain("stem", 0).map)
        close(session.explain("stem", 0).map, first)


def test_frozen_parameters_and_training_mode(no_hooks: HookWatch) -> None:
    module = seeded(
        lambda: nn.Sequential(
            nn.Conv2d(3, 6, 3),
            nn.BatchNorm2d(6),
            nn.Dropout(0.5),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 3),
        )
    )
    module[1].running_mean.normal_()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    module.train()
    module[2].eval()  # a mode of its own
    module[0].weight.grad = torch.ones_like(module[0].weight)
    with unchanged(module), no_hooks(module):
        model = model_of(module)
        with Session(model, IMAGE) as session:
            for name in ("0", "1", "2", "3"):
                close(
                    session.explain(name, 1).map,
                    reference_map(module, session._work.input, name, 1),
                )
            session.sweep()


@pytest.mark.parametrize("where", ["forward", "backward", "cancelled forward", "cancelled sweep"])
def test_nothing_is_left_behind_by_a_failure(where: str, no_hooks: HookWatch) -> None:
    module = seeded(networks.BrokenBackward if where == "backward" else networks.Failing)
    module.train()
    model = model_of(module)
    token = engine.CancelToken()
    with unchanged(module), no_hooks(module), Session(model, IMAGE) as session:
        if where == "forward":
            module.failures = [ValueError("an input of this kind\nis not wanted")]
            with pytest.raises(
                engine.ModelError, match=r"an input of this kind; see the log for details$"
            ):
                session.explain("stem")
        elif where == "backward":
            with pytest.raises(engine.ModelError, match="broken"):
                session.explain("stem")
            with pytest.raises(engine.ModelError, match="broken"):
                session.sweep()
        elif where == "cancelled forward":
            token.cancel()
            with pytest.raises(engine.Cancelled):
                session.explain("stem", cancel=token)
        else:
            with pytest.raises(engine.Cancelled):
                session.sweep(cancel=token, progress=lambda *_: token.cancel())
        if where == "backward":
            assert session.explain("middle").map.any()
        else:
            close(
                session.explain("stem", 0).map,
                reference_map(module, session._work.input, "stem", 0),
            )
            assert set(session.sweep()) == {"stem", "middle", "last"}
        assert torch.is_grad_enabled()


class OneModule(nn.Module):
    """Most of its operations are in one module, where no hook can stop them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.body = self.Body()
        self.head = nn.Linear(6, 4)

    class Body(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token: engine.CancelToken | None = None
            self.after = 0

        def forward(self, x: Tensor) -> Tensor:
            for step in range(6):
                x = (x * 1.1).relu() + 0.1
                if step == 2 and self.token is not None:
                    self.token.cancel()
                self.after += step > 2 and not x.is_meta
            return x

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(self.stem(x)).mean(dim=(2, 3)))
        return logits


@pytest.mark.parametrize("what", ["explain", "sweep", "predictions"])
def test_a_pass_that_may_take_long_stops_between_operations(what: str) -> None:
    """The first one of a network, and every one if they take long: torch prepares operations."""

    def cancelled(model: Model, token: engine.CancelToken) -> None:
        with Session(model, IMAGE) as session, pytest.raises(engine.Cancelled):
            getattr(session, what)(cancel=token)

    module = seeded(OneModule).eval()
    model, body = model_of(module), module.body
    body.token, body.after = engine.CancelToken(), 0
    cancelled(model, body.token)
    assert body.after == 0
    body.token = None
    with Session(model, IMAGE) as session:
        session.explain("stem")
    assert 0 < model.pass_seconds < 0.25
    # A short one is not slowed down by it, and stops after the module.
    body.token, body.after = engine.CancelToken(), 0
    cancelled(model, body.token)
    assert body.after == 3
    body.token, body.after, model.pass_seconds = engine.CancelToken(), 0, 0.3
    cancelled(model, body.token)
    assert body.after == 0


def test_the_map_is_the_same_whether_it_may_be_stopped_or_not() -> None:
    for make in (networks.Base, networks.InplaceAddition, token_networks.Library):
        module = seeded(make).eval()
        for cancel in (None, engine.CancelToken()):
            with Session(model_of(module), IMAGE) as session:
                found = session.explain(cancel=cancel)
                maps = {name: one.map for name, one in session.sweep(cancel=cancel).items()}
            if cancel is None:
                plain, swept = found, maps
        np.testing.assert_array_equal(found.map, plain.map)
        assert maps.keys() == swept.keys()
        for name, one in maps.items():
            np.testing.assert_array_equal(one, swept[name])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_other_floating_types_give_a_float32_map(dtype: torch.dtype) -> None:
    """As precise as the float32 network of the same, rounded, weights."""
    module = seeded(networks.InplaceModule).eval().to(dtype).float()
    with Session(model_of(copy.deepcopy(module)), IMAGE) as session:
        tensor = session._work.input
        expected = {name: reference_map(module, tensor, name, 1) for name in ("stem", "last")}
    with Session(model_of(module.to(dtype)), IMAGE) as session:
        for name, wanted in expected.items():
            close(session.explain(name, 1).map, wanted)


class TestVerdicts:
    def test_zero_head(self) -> None:
        module = seeded(networks.Base)
        nn.init.zeros_(module.head.weight)
        with Session(model_of(module), IMAGE) as session:
            explanation = session.explain("last")
        assert explanation.verdict is Verdict.ZERO_GRADIENT
        assert not explanation.map.any()
        assert any("gradient is zero" in notice for notice in explanation.notices)

    def test_nothing_positive(self) -> None:
        module = nn.Sequential(
            nn.Conv2d(3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2)
        )
        with torch.no_grad():
            module[4].weight.copy_(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
        with Session(model_of(module), IMAGE) as session:
            negative, positive = session.explain("1", 0), session.explain("1", 1)
        assert negative.verdict is Verdict.NOTHING_POSITIVE
        assert negative.map.min() < 0
        assert any("othing positive" in notice for notice in negative.notices)
        assert positive.verdict is Verdict.OK
        assert positive.notices == ()

    def test_nan_names_the_layer(self) -> None:
        module = seeded(networks.Base)
        with torch.no_grad():
            module.middle.weight[0] = float("nan")
        model = model_of(module)
        with Session(model, IMAGE) as session:
            with pytest.raises(engine.LayerError, match=r"'middle'.*not finite"):
                session.explain("middle", 0)
            assert "middle" not in session.sweep(0)
            assert any("not finite" in notice for notice in session.notices)


class TestForwardOnce:
    def test_passes_are_counted(self) -> None:
        module = seeded(networks.Counting)
        model = model_of(module)
        module.forwards = 0
        with Session(model, IMAGE) as session:
            session.explain()
            assert module.forwards == 1
            for target in range(4):
                session.explain(target=target)
            session.predictions()
            assert module.forwards == 1
            session.explain("stem")
            assert module.forwards == 2
            for name in ("stem", "middle", "last"):
                for target in range(4):
                    session.explain(name, target)
            for target in range(4):
                session.sweep(target)
            assert module.forwards == 2

    def test_layers_behind_the_second_take_no_pass_at_all(self) -> None:
        module = seeded(networks.Base)
        forwards, backwards = [0], [0]

        def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            forwards[0] += output.device.type != "meta"
            if output.requires_grad:
                output.register_hook(lambda _gradient: backwards.__setitem__(0, backwards[0] + 1))

        model = model_of(module)
        handle = module.register_forward_hook(note)
        tensor = prepare(IMAGE, model.preprocessing).tensor
        with Session(model, IMAGE) as session:
            session.explain("last", 1)
            session.explain("stem", 1)
            before = forwards[0], backwards[0]
            assert before == (2, 2)
            found = {name: session.explain(name, 1).map for name in ("middle", "last")}
            assert (forwards[0], backwards[0]) == before
        handle.remove()
        for name, one in found.items():
            close(one, reference_map(module, tensor, name, 1))

    def test_other_methods_of_the_layer_are_known_beforehand(self) -> None:
        module = seeded(networks.Counting)
        model = model_of(module)
        module.forwards = 0
        methods = ("hirescam", "layercam", "xgrad-cam", "grad-cam++", "eigen-cam", "eigengrad-cam")
        methods += ("finer-cam",)
        with Session(model, IMAGE) as session:
            session.explain_alike("stem", 1)
            assert module.forwards == 0, "there is no pass to take them from"
            session.explain("stem", 1)
            session.explain_alike("stem", 1)
            # Whatever is not known now would take another pass.
            session._work._release()
            ready = {name: session.explain("stem", 1, method=name).map for name in methods}
            assert module.forwards == 1
        for name in methods:
            with Session(model, IMAGE) as alone:
                close(ready[name], alone.explain("stem", 1, method=name).map)

    def test_a_sweep_first_is_one_pass(self) -> None:
        module = seeded(networks.Counting)
        model = model_of(module)
        module.forwards = 0
        with Session(model, IMAGE) as session:
            session.sweep()
            session.explain("stem", 3)
            session.predictions()
        assert module.forwards == 1

    def test_what_is_overwritten_is_known_beforehand(self) -> None:
        """No pass is repeated because a kept output turned out to be overwritten."""
        for make in (networks.InplaceModule, networks.InplaceView, networks.Reused):
            module = seeded(make)
            count = [0]

            def note(_module: nn.Module, inputs: tuple[Tensor], count: list[int] = count) -> None:
                # Passes without data, which find out what may be rewritten, do not count.
                count[0] += inputs[0].device.type != "meta"

            module.register_forward_pre_hook(note)
            model = model_of(module)
            for name in ("stem", "middle"):
                count[0] = 0
                with Session(model, IMAGE) as session:
                    session.explain(name)
                    assert count[0] == 1, (make.__name__, name)
                    session.sweep()
                    assert count[0] == 2, (make.__name__, name)


class TestMemory:
    @pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 2.0])
    def test_a_budget_changes_what_is_kept_and_not_the_maps(self, share: float) -> None:
        model = model_of(seeded(networks.Deep, 12))
        with Session(model, IMAGE) as session:
            expected = session.sweep(1)
        budget = int(share * memory.estimate(model.facts, None))
        with Session(model, IMAGE, budget=budget) as session:
            swept = session.sweep(1)
            for name, found in swept.items():
                close(found.map, expected[name].map)
            assert len(swept) == len(expected) or session.notices
            assert len(swept) >= int(min(share, 1.0) * 12) - 1
            for name, wanted in expected.items():
                close(session.explain(name, 1).map, wanted.map)

    def test_less_is_kept_within_a_budget(self) -> None:
        model = model_of(seeded(networks.Deep, 12))
        held: list[int] = []
        for budget in (None, 0):
            with Session(model, IMAGE, budget=budget) as session:
                session.explain("layers.9")
                session.explain("layers.8")
                held.append(
                    sum(type(o) is Tensor and o.shape == (1, 3, 24, 32) for o in gc.get_objects())
                )
        assert held[1] < held[0]

    def test_everything_is_freed_at_the_end(self) -> None:
        model = model_of(seeded(networks.InplaceModule))
        session = Session(model, IMAGE)
        explanation = session.explain("stem", 1)
        session.explain("middle", 1)
        session.sweep(2)
        assert session._work._full is not None
        kept = [weakref.ref(item.tensor) for item in session._work._full.kept.values()]
        nodes = [weakref.ref(session._work._full.logits)]
        assert kept
        session.close()
        session.close()
        # Without a collection: the graph must not wait for one.
        assert [ref() for ref in (*kept, *nodes) if ref() is not None] == []
        assert explanation.map.any()
        with pytest.raises(engine.ModelError, match="closed"):
            session.explain()

    def test_an_error_does_not_keep_the_graph(self) -> None:
        module = seeded(networks.BrokenBackward)
        session = Session(model_of(module), IMAGE)
        with session, pytest.raises(engine.ModelError) as caught:
            session.sweep()
        assert session._work._full is None
        del caught
        gc.collect()
        shapes = [tuple(o.shape) for o in gc.get_objects() if type(o) is Tensor]
        assert (1, 6, 24, 32) not in shapes

    @pytest.mark.parametrize("kind", [torch.OutOfMemoryError, MemoryError])
    def test_running_out_of_memory_once_is_survived_and_said(self, kind: type[Exception]) -> None:
        module = seeded(networks.Failing)
        model = model_of(module)
        module.failures = [kind("no memory for this")]
        with Session(model, IMAGE) as session:
            explanation = session.explain("stem", 1)
            close(explanation.map, reference_map(module, session._work.input, "stem", 1))
            assert any("out of memory" in notice for notice in explanation.notices)
            assert any("out of memory" in notice for notice in session.notices)
            session.explain("middle", 1)
            assert session._work._full is None, "after that, less is kept"
            assert "last" in session.sweep(1)

    def test_running_out_of_memory_always_is_an_error(self, no_hooks: HookWatch) -> None:
        module = seeded(networks.Failing)
        model = model_of(module)
        with no_hooks(module), Session(model, IMAGE) as session:
            module.failures = [torch.OutOfMemoryError("no memory") for _ in range(50)]
            with pytest.raises(engine.DeviceError, match="not enough memory"):
                session.explain("stem")
            assert len(module.failures) > 40, "gives up after a few tries"
            module.failures = []
            assert session.explain("stem").map.any()

    def test_allocators_own_words_count_as_out_of_memory(self) -> None:
        module = seeded(networks.Failing)
        model = model_of(module)
        said = "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"
        module.failures = [RuntimeError(said), RuntimeError("MPS backend out of memory")]
        with Session(model, IMAGE) as session, pytest.raises(engine.DeviceError):
            session.explain("stem")


class TestCancelling:
    @pytest.mark.parametrize("what", ["explain", "sweep", "predictions"])
    def test_from_another_thread_during_a_pass(self, what: str) -> None:
        module = seeded(networks.Deep, 40)
        model = model_of(module)
        module.reached, module.go_on = threading.Event(), threading.Event()
        token = engine.CancelToken()

        def cancel_in_the_middle() -> None:
            assert module.reached is not None
            assert module.go_on is not None
            assert module.reached.wait(20)
            token.cancel()
            module.go_on.set()

        thread = threading.Thread(target=cancel_in_the_middle)
        thread.start()
        with Session(model, IMAGE) as session:
            try:
                with pytest.raises(engine.Cancelled):
                    getattr(session, what)(cancel=token)
            finally:
                thread.join(20)
            assert module.done <= module.after, "it stopped at the layer after the cancellation"
            module.reached = None
            assert len(session.sweep()) == 40

    def test_while_one_layer_is_explained(self) -> None:
        """The token is set while the gradient is on its way from the head to the first layer."""
        model = model_of(seeded(networks.Deep, 30))
        token = engine.CancelToken()
        arrived: list[int] = []
        with Session(model, IMAGE) as session:
            session.sweep(0)
            assert session._work._full is not None
            handles: list[Any] = []
            for index in range(30):
                tensor: Any = session._work._full.kept[f"layers.{index}", 0].tensor

                def arrive(_gradient: Tensor, index: int = index) -> None:
                    arrived.append(index)
                    if index == 20:
                        token.cancel()

                handles.append(tensor.register_hook(arrive))
            with pytest.raises(engine.Cancelled):
                session.explain("layers.0", 1, cancel=token)
            assert min(arrived) in (19, 20)
            for handle in handles:
                handle.remove()
            assert session.explain("layers.0", 1).map.any()

    def test_during_the_backward_pass(self) -> None:
        token = engine.CancelToken()
        seen: list[float] = []

        def progress(fraction: float, text: str) -> None:
            seen.append(fraction)
            if len(seen) == 5:
                token.cancel()

        with Session(model_of(seeded(networks.Deep, 30)), IMAGE) as session:
            with pytest.raises(engine.Cancelled):
                session.sweep(cancel=token, progress=progress)
            assert len(seen) == 5
            fractions: list[float] = []
            session.sweep(progress=lambda fraction, _: fractions.append(fraction))
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0


class TestRefusals:
    @pytest.mark.parametrize(
        "make",
        [
            lambda _: "nothing of use",
            lambda _: None,
            lambda y: y.argmax(),
            lambda y: y[0],
            lambda y: y[:, :, None, None].expand(1, 4, 6, 6),
            lambda y: torch.cat([y, y]),
            lambda y: y[:, :0],
            lambda _: 1 / 0,
        ],
    )
    def test_networks_that_are_no_classifiers(self, make: Any) -> None:
        module = networks.Returning(make)
        with pytest.raises(engine.ModelError) as caught:
            model_of(module)
        assert "\n" not in str(caught.value)

    def test_network_for_another_input(self) -> None:
        with pytest.raises(engine.ModelError, match="does not run on an input of shape"):
            model_of(nn.Sequential(nn.Flatten(), nn.Linear(7, 2)))

    def test_reasons(self) -> None:
        model = model_of(networks.Untidy())
        reasons = {node.name: node.reason for node in model.layers}
        assert reasons["unused"].startswith("not called")
        assert reasons["constant"] == "does not depend on the image"
        assert reasons["dead_end"] == "no gradient reaches it"
        assert reasons["head"].startswith("no spatial output")
        with Session(model, IMAGE) as session:
            for name in ("unused", "constant", "dead_end", "head"):
                with pytest.raises(engine.LayerError, match=f"'{name}'.*{reasons[name][:8]}"):
                    session.explain(name)

    @pytest.mark.parametrize("target", [4, -1, 1000, "zebra", "4"])
    def test_class_that_does_not_exist(self, target: int | str) -> None:
        with Session(model_of(networks.Base()), IMAGE) as session:
            with pytest.raises(engine.TargetError):
                session.explain(target=target)
            with pytest.raises(engine.TargetError):
                session.sweep(target)

    def test_method_that_does_not_exist(self) -> None:
        with Session(model_of(networks.Base()), IMAGE) as session:
            for ask in (session.explain, session.sweep):
                with pytest.raises(MethodError, match=r"no method 'gradcam'.*grad-cam"):
                    ask(method="gradcam")

    def test_network_without_an_explainable_layer(self) -> None:
        module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 32, 4))
        with Session(model_of(module), IMAGE) as session:
            assert len(session.predictions()) == 4
            with pytest.raises(engine.LayerError, match="no layer can be explained"):
                session.explain()
            assert session.sweep() == {}


def test_the_record_says_what_was_done() -> None:
    model = model_of(networks.Base(), source="mine", classes=("a", "b", "c", "d"))
    with Session(model, IMAGE) as session:
        e = session.explain("middle", "C")
    assert (e.layer, e.target.index, e.target.label) == ("middle", 2, "c")
    assert (e.map.shape, e.shape, e.layout) == ((24, 32), (6, 24, 32), Layout.CHANNELS_FIRST)
    assert (e.image, e.image_size, e.model, e.device) == ("noise.png", (80, 60), "mine", "cpu")
    assert e.seconds.forward > 0
    assert e.seconds.explain > 0
    assert not e.map.flags.writeable
    row, column = np.unravel_index(e.map.argmax(), e.map.shape)
    x, y = e.peak
    assert x == pytest.approx((column + 0.5) * 80 / 32)
    assert y == pytest.approx((row + 0.5) * 60 / 24, abs=1.5)
