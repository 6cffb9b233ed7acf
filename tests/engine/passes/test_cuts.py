"""Checkpointed networks: every layer as in the same network without checkpoints."""

from __future__ import annotations

import copy
import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils import checkpoint as checkpoints
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from engine.explain.session import Session
from engine.images.preprocessing import prepare
from engine.passes.cuts import uncheckpointed
from tests.engine.networks import IMAGE, SMALL, model_of
from tests.reference import reference_map


def plainly(part: Any, x: Tensor) -> Any:
    return part(x)


def reentrant(part: Any, x: Tensor) -> Any:
    return checkpoint(part, x, use_reentrant=True)


def not_reentrant(part: Any, x: Tensor) -> Any:
    return checkpoint(part, x, use_reentrant=False)


def in_segments(part: Any, x: Tensor) -> Any:
    return checkpoint_sequential(part, 2, x, use_reentrant=True)


class _CheckpointFunction(torch.autograd.Function):
    """As networks bring it along: a copy from the time before torch had its own."""

    @staticmethod
    def forward(ctx: Any, run_function: Any, length: int, *given: Any) -> Any:
        ctx.run_function = run_function
        ctx.input_tensors = list(given[:length])
        ctx.input_params = list(given[length:])
        ctx.save_for_backward(*given[:length])
        with torch.no_grad():
            return ctx.run_function(*ctx.input_tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        inputs = [x.detach().requires_grad_(True) for x in ctx.input_tensors]
        with torch.enable_grad():
            outputs = ctx.run_function(*inputs)
        found = torch.autograd.grad(
            outputs, inputs + ctx.input_params, gradients, allow_unused=True
        )
        return (None, None, *found)


def brought_along(part: nn.Module, x: Tensor) -> Any:
    return _CheckpointFunction.apply(part, 1, x, *part.parameters())


class Saving(nn.Module):
    """A stem, two checkpointed stages with dropout and in-place modules, and a head."""

    def __init__(self, through: Any) -> None:
        super().__init__()
        self.through = through
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.first = nn.Sequential(
            nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Conv2d(6, 8, 3, 2, 1)
        )
        self.second = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU())
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.stem(x))
        x = self.through(self.second, self.through(self.first, x))
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


FORMS = [reentrant, not_reentrant, in_segments, brought_along]


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> tuple[Saving, Saving]:
    """A network that saves memory, in training mode as it was left, and the same without."""
    torch.manual_seed(4)
    saving = Saving(request.param)
    plain = Saving(plainly)
    plain.load_state_dict(copy.deepcopy(saving.state_dict()))
    return saving.train(), plain.eval()


@pytest.mark.parametrize("pair", FORMS, indirect=True)
def test_every_layer_by_click_and_by_sweep(pair: tuple[Saving, Saving]) -> None:
    saving, plain = pair
    before = copy.deepcopy(saving.state_dict())
    model = model_of(saving)
    tensor = prepare(IMAGE, SMALL).tensor
    names = [node.name for node in model.layers if node.explainable]
    # In segments, the modules are called and the containers are not.
    others = ("", "head", "first", "second") if saving.through is in_segments else ("", "head")
    assert names == [name for name, _ in plain.named_modules() if name not in others]
    for target in (0, 3):
        with Session(model, IMAGE) as swept:
            maps = swept.sweep(target)
        assert list(maps) == names
        for name in names:
            expected = reference_map(plain, tensor, name, target)
            with Session(model, IMAGE) as session:
                clicked = session.explain(name, target).map
                session.explain("stem", target)  # its graph holds the checkpointed parts
                again = session.explain(name, target).map
            for found in (clicked, again, maps[name].map):
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5, err_msg=name)
    assert saving.training
    for key, value in saving.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_torch_is_as_before_also_after_a_failure() -> None:
    apply = vars(torch.autograd.Function)["apply"]
    generator = checkpoints._checkpoint_without_reentrant_generator
    with pytest.raises(ZeroDivisionError), uncheckpointed(), uncheckpointed():
        raise ZeroDivisionError
    assert vars(torch.autograd.Function)["apply"] is apply
    assert checkpoints._checkpoint_without_reentrant_generator is generator


def test_another_thread_goes_on_saving_memory() -> None:
    """Someone who trains beside an explanation keeps the checkpoints' second run."""
    runs: list[str] = []

    def part(x: Tensor) -> Tensor:
        runs.append(threading.current_thread().name)
        return x * x

    def train(form: Any) -> None:
        form(part, torch.ones(2, requires_grad=True)).sum().backward()

    with uncheckpointed():
        for form in (reentrant, not_reentrant):
            runs.clear()
            train(form)
            assert len(runs) == 1
            runs.clear()
            other = threading.Thread(target=train, args=(form,), name="training")
            other.start()
            other.join()
            assert len(runs) == 2
            assert runs[0] == "training"


def test_other_functions_are_left_alone() -> None:
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(_ctx: Any, x: Tensor) -> Tensor:
            return x * 1.0

        @staticmethod
        def backward(_ctx: Any, gradient: Tensor) -> Tensor:
            return 2 * gradient

    x = torch.ones(1, requires_grad=True)
    with uncheckpointed():
        Doubled.apply(x).backward()
    assert x.grad is not None
    assert x.grad.item() == 2
