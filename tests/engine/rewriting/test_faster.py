"""What lies before the layer is computed in another form, and the map is the network's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import engine
from engine.model import Model
from engine.rewriting.faster import Seen
from engine.rewriting.packed import available
from tests.engine.explain.test_session import HABITS, HookWatch, close, expected_map, unchanged
from tests.engine.networks import IMAGE, model_of, seeded

pytestmark = pytest.mark.skipif(not available(), reason="this torch has no oneDNN operations")


class Normed(nn.Module):
    """Convolutions with norms and activations of every kind, in place and not."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential()
        kinds = (
            nn.ReLU(True),
            nn.SiLU(),
            nn.GELU("tanh"),
            nn.Hardswish(True),
            nn.ReLU6(),
            nn.GELU(),
        )
        for number, kind in enumerate(kinds):
            wide, groups = 3 if number == 0 else 8, 4 if number == 3 else 1
            layer = nn.Conv2d(wide, 8, 3, padding=1, groups=groups, bias=number % 2 == 0)
            self.body.append(nn.Sequential(layer, nn.BatchNorm2d(8), kind))
        self.last = nn.Conv2d(8, 8, 3, stride=2)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Any:
        return self.head(torch.tanh(self.last(self.body(x))).mean((2, 3)))


class Tangled(Normed):
    """What is read between a convolution and its norm."""

    def forward(self, x: Tensor) -> Any:
        first = self.body[0][0](x)
        x = self.body[0][2](self.body[0][1](first)) + first
        return self.head(torch.tanh(self.last(self.body[1:](x))).mean((2, 3)))


class Listed(Normed):
    """Layers that are called by another way than their name."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = [(part[0], part[1], part[2]) for part in self.body]

    def forward(self, x: Tensor) -> Any:
        for index, (layer, norm, activation) in enumerate(self.parts):
            x = activation(self.body[index][1](layer(x)) if index % 2 else norm(layer(x)))
        return self.head(torch.tanh(self.last(x)).mean((2, 3)))


class ReadByHand(Normed):
    """Weights that are read beside their layer's own call."""

    def forward(self, x: Tensor) -> Any:
        layer = self.body[0][0]
        x = functional.conv2d(x, layer.weight, layer.bias, padding=1)
        x = self.body[1:](self.body[0][1](x))
        return self.head(torch.tanh(self.last(x)).mean((2, 3)))


class TwoNames(Normed):
    def __init__(self) -> None:
        super().__init__()
        self.same = self.body[2][0]

    def forward(self, x: Tensor) -> Any:
        x = self.body[1](self.body[0](x))
        x = self.body[3:](self.body[2][2](self.body[2][1](self.same(x))))
        return self.head(torch.tanh(self.last(x)).mean((2, 3)))


class Viewed(Normed):
    """Views that another memory format does not allow."""

    def forward(self, x: Tensor) -> Any:
        x = self.body(x)
        x = self.last(x.view(x.size(0), -1).view(x.size()))
        return self.head(torch.tanh(x).mean((2, 3)))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    **HABITS,
    "norms": Normed,
    "between layer and norm": Tangled,
    "by a list": Listed,
    "by hand": ReadByHand,
    "two names": TwoNames,
    "views": Viewed,
}


def trained(network: nn.Module) -> nn.Module:
    """As after training: no norm is the identity."""
    generator = torch.Generator().manual_seed(5)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor in (part.running_mean, part.weight, part.bias):
                assert tensor is not None
                tensor.data.uniform_(-1, 1, generator=generator)
            assert part.running_var is not None
            part.running_var.uniform_(0.2, 2, generator=generator)
    return network


def explained(model: Model, layer: str, times: int = 3, **how: Any) -> list[np.ndarray[Any, Any]]:
    """The maps of one layer in so many sessions, the later of which may be rewritten."""
    found = []
    for _ in range(times):
        with engine.Session(model, IMAGE, **how) as session:
            found.append(session.explain(layer, 1).map)
    return found


def layers(model: Model) -> Iterable[str]:
    return [node.name for node in model.layers if node.explainable]


@pytest.mark.parametrize("habit", NETWORKS)
def test_the_map_of_every_layer_is_the_networks_own(habit: str, no_hooks: HookWatch) -> None:
    network = trained(seeded(NETWORKS[habit])).train()
    with unchanged(network), no_hooks(network):
        model = model_of(network)
        for layer in layers(model):
            maps = explained(model, layer)
            with engine.Session(model, IMAGE) as session:
                expected = expected_map(network, session._work.input, layer, 1, -1)
            for found in maps:
                close(found, expected)


@pytest.mark.parametrize(
    ("habit", "layers"),
    [("norms", 7), ("between layer and norm", 7), ("two names", 6), ("by a list", 7)],
)
def test_what_is_rewritten(habit: str, layers: int) -> None:
    model = model_of(trained(seeded(NETWORKS[habit])))
    (first,) = explained(model, "last", 1)
    assert model.faster.bytes == 0, "the first image waits for nothing"
    explained(model, "last", 2)
    assert len(model.faster._layers) == layers
    assert model.faster.bytes == sum(
        4 * part.weight.numel()
        for name, part in model.module.named_modules()
        if isinstance(part, nn.Conv2d)
        and (name,) in {chain.names[:1] for chain in model.faster._layers}
    )
    (again,) = explained(model, "last", 1)
    (exact,) = explained(model, "last", 1, exact=True)
    np.testing.assert_array_equal(exact, first)
    close(again, first)


def test_a_network_that_needs_its_own_memory_format_is_not_rewritten() -> None:
    model = model_of(trained(seeded(Viewed)))
    maps = explained(model, "last")
    assert "view" in model.faster.why_not
    for found in maps[1:]:
        np.testing.assert_array_equal(found, maps[0])


def test_other_numbers_end_it() -> None:
    model = model_of(trained(seeded(Normed)))
    explained(model, "last", 1)
    form = model.faster.before(("last", 0), 1 << 40)
    assert form is not None
    one, near = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 2.00001]])
    for other in (torch.tensor([[1.0, 2.0001]]), torch.tensor([[1.0, float("nan")]])):
        with pytest.raises(ArithmeticError, match="rounding"):
            form.check(Seen(one, one, one), Seen(one, other, one))
        assert not form.checked
    form.check(Seen(one, near, torch.zeros(1)), Seen(near, one, torch.zeros(1)))
    assert form.checked


def test_a_tie_in_a_window_does_not() -> None:
    """A maximum of two equal numbers hands the gradient to either."""
    model = model_of(trained(seeded(Normed)))
    explained(model, "last", 1)
    form = model.faster.before(("last", 0), 1 << 40)
    assert form is not None
    same, gradient = torch.ones(1, 2), torch.zeros(1, 5000)
    gradient[0, 0] = 1.0
    for apart, accepted in ((1, True), (9, False)):
        other = gradient.roll(1, dims=1)
        other[0, 10 : 10 + apart] = 1.0
        if accepted:
            form.check(Seen(same, gradient, same), Seen(same, other, same))
        else:
            with pytest.raises(ArithmeticError, match="rounding"):
                form.check(Seen(same, gradient, same), Seen(same, other, same))


def test_a_network_that_amplifies_rounding_is_not_rewritten() -> None:
    """A norm that takes away nearly all of what the convolution has added."""
    network: Any = seeded(Normed)
    layer, norm = network.body[0][0], network.body[0][1]
    layer.bias.data.fill_(1e5)
    norm.running_mean.fill_(1e5)
    norm.running_var.fill_(0.1)
    model = model_of(network)
    maps = explained(model, "last")
    assert "rounding" in model.faster.why_not
    for found in maps[1:]:
        np.testing.assert_array_equal(found, maps[0])


def test_little_memory_is_not_spent_on_it() -> None:
    model = model_of(trained(seeded(Normed)))
    maps = explained(model, "last", budget=0)
    assert model.faster.bytes == 0
    np.testing.assert_array_equal(maps[0], maps[-1])


class Counted(engine.CancelToken):
    """A token that is set when it is asked for the nth time."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit, self.asked = limit, 0

    def raise_if_cancelled(self) -> None:
        self.asked += 1
        if self.asked >= self.limit:
            self.cancel()
        super().raise_if_cancelled()


def asked(network: nn.Module, limit: int) -> tuple[int, bool]:
    """How often the second session, which rewrites, asks whether it is to stop; whether it did.

    The sessions after it are as good as they would have been without.
    """
    model, token = model_of(network), Counted(limit)
    (own,) = explained(model, "last", times=1)
    stopped = False
    with engine.Session(model, IMAGE) as session:
        try:
            session.explain("last", 1, cancel=token)
        except engine.Cancelled:
            stopped = True
    for found in explained(model, "last", times=3):
        close(found, own)
    assert model.faster.bytes > 0, "it was rewritten after all"
    return token.asked, stopped


def test_rewriting_can_be_abandoned_between_any_two_layers() -> None:
    """It takes as long as some passes, in which a user may well have clicked something else."""
    network = trained(seeded(Normed)).eval()
    whole, stopped = asked(network, 10_000)
    assert not stopped
    again, model = Counted(10_000), model_of(network)
    # The first pass of a network asks between all operations.
    explained(model, "last", times=1)
    with engine.Session(model, IMAGE, exact=True) as session:
        session.explain("last", 1, cancel=again)
    # Beside the passes: each operation of the plan, and each layer.
    assert whole > again.asked + 6 + 10
    for limit in range(1, whole + 1, 5):
        count, stopped = asked(network, limit)
        assert (count, stopped) == (limit, True)
