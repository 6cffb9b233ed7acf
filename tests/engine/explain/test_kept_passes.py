"""What a computation does with memory, with devices, with hooks and with the maps it has found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import engine
from engine import Session
from engine.explain.answers import known
from engine.inspection import memory
from engine.passes.memory.budget import is_out_of_memory
from engine.progress import CancelToken
from tests.engine import networks
from tests.engine.networks import IMAGE, model_of, seeded
from tests.reference import reference_map


class Float64Watch(TorchFunctionMode):
    """Notes every operation that turns something into float64 which .cpu() did not give."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[Tensor] = []
        self.widened = 0
        self.astray: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", str(func))
        if name == "cpu":
            self.fetched.append(result)
        if isinstance(result, Tensor) and result.dtype == torch.float64:
            given = [a for a in args if isinstance(a, Tensor) and a.dtype != torch.float64]
            self.widened += len(given)
            if any(all(tensor is not known for known in self.fetched) for tensor in given):
                self.astray.append(name)
        return result


def test_only_what_is_on_the_cpu_becomes_float64() -> None:
    """Apple's devices know no float64: it would be an error there."""
    model = model_of(seeded(networks.Base))
    with Session(model, IMAGE) as session, Float64Watch() as watch:
        session.explain("last", 1)
        session.sweep(1)
        session.predictions()
    assert watch.widened == 1, "the logits"
    assert watch.astray == []


class Roomless(networks.Base):
    """A network for which no device but the CPU has room."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def to(self, *args: Any, **options: Any) -> Any:
        if torch.device(args[0]).type != "cpu":
            raise self.error
        return super().to(*args, **options)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("MPS backend out of memory")],
)
def test_a_model_goes_to_the_cpu_where_its_device_has_no_room(error: Exception) -> None:
    module = seeded(Roomless, error)
    model = model_of(module, device="cuda")
    assert model.device == torch.device("cpu")
    assert model.info.device == "cpu"
    assert len(model.info.notices) == 1
    assert "cuda does not have enough memory" in model.info.notices[0]
    with Session(model, IMAGE) as session:
        wanted = reference_map(module, session._work.input, "stem", 1)
        np.testing.assert_allclose(session.explain("stem", 1).map, wanted, atol=1e-6)


def test_another_failure_of_a_device_is_not_taken_for_a_lack_of_room() -> None:
    with pytest.raises(RuntimeError, match="driver"):
        model_of(seeded(Roomless, RuntimeError("the driver is too old")), device="cuda")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: not enough memory"
        ),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    ],
)
def test_every_systems_words_for_no_memory_are_known(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED"),
        ValueError("out of memory"),
        RuntimeError("shape '[3]' is invalid for input of size 4"),
    ],
)
def test_other_errors_are_not_a_lack_of_memory(error: BaseException) -> None:
    assert not is_out_of_memory(error)


def test_the_maps_of_the_classes_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with Session(model_of(seeded(networks.Base, 8)), IMAGE) as session:
        monkeypatch.setattr(known, "_KEPT", 3 * session.explain("last", 0).map.nbytes)
        found = {target: session.explain("last", target).map for target in range(3)}
        session.explain("last", 0)
        found |= {target: session.explain("last", target).map for target in range(3, 5)}
        for target in (0, 3, 4):
            assert session.explain("last", target).map is found[target]
        again = session.explain("last", 1).map
        assert again is not found[1]
        np.testing.assert_array_equal(again, found[1])
        assert session.explain("last", 0).map is not found[0]


def test_a_sweep_that_fits_only_the_tail_counts_what_it_left_out() -> None:
    model = model_of(seeded(networks.Deep, 12))
    budget = memory.estimate(model.facts, ("layers.8", 0))
    with Session(model, IMAGE) as whole:
        expected = whole.sweep(1)
        assert whole.notices == ()
    with Session(model, IMAGE, budget=budget) as session:
        swept = session.sweep(1)
        missing = [name for name in expected if name not in swept]
        assert missing == [f"layers.{i}" for i in range(8)]
        assert any(notice.startswith("8 layers did not fit") for notice in session.notices)
        found = session.explain("layers.2", 1)
        np.testing.assert_allclose(found.map, expected["layers.2"].map, rtol=0, atol=1e-6)


class Overflow(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 1e38 * 1e38


class Overflowing(networks.Base):
    """One layer's values are infinite; the logits, behind tanh, are not."""

    def __init__(self) -> None:
        super().__init__()
        self.overflow = Overflow()

    def forward(self, x: Tensor) -> Any:
        return self.finish(torch.tanh(self.overflow(self.middle(torch.tanh(self.stem(x))))))


def test_a_sweep_says_which_maps_are_not_finite_apart_from_those_that_did_not_fit() -> None:
    with Session(model_of(seeded(Overflowing)), IMAGE) as session:
        swept = session.sweep(1)
        assert "overflow" not in swept
        assert "last" in swept
        (notice,) = session.notices
        assert "not finite" in notice
        assert notice.startswith("1 layer")
        with pytest.raises(engine.LayerError, match="not finite"):
            session.explain("overflow", 1)


class Nested(nn.Module):
    """Convolutions four levels down, as in a large network; notes the hooks while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(*(nn.Sequential(self._block(), self._block()) for _ in range(4)))
        self.head = nn.Linear(3, 4)
        self.hooked: list[set[str]] = []
        self.token: CancelToken | None = None
        self.run: list[int] = []

    def _block(self) -> nn.Module:
        return nn.Sequential(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh()), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "meta":
            self.hooked.append({n for n, m in self.named_modules() if m._forward_hooks})
        for place, stage in enumerate(self.body):
            if self.token is not None:
                self.run.append(place)
                if place == 1:
                    self.token.cancel()
            x = stage(x)
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


def test_a_first_explanation_hooks_only_what_it_needs() -> None:
    module = seeded(Nested)
    model = model_of(module)
    module.hooked.clear()
    with Session(model, IMAGE) as session:
        session.explain("body.2.0.0.0", 1)
    (hooked,) = module.hooked
    assert hooked == {"body", "head", *(f"body.{i}" for i in range(4)), "body.2.0.0.0"}


class Blocks(nn.Module):
    """What takes long is the many blocks of one module two levels down, as in a ViT of torchvision:
    the token is set while the second of them runs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 3, 3)
        self.encoder = nn.Sequential(nn.Sequential(*(self._block() for _ in range(12))), nn.Tanh())
        self.head = nn.Linear(3, 4)
        self.token = CancelToken()
        self.run: list[int] = []
        for place, block in enumerate(self.encoder[0]):
            block.register_forward_pre_hook(lambda *_, place=place: self._begun(place))

    def _block(self) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh(), nn.Conv2d(3, 3, 1))

    def _begun(self, place: int) -> None:
        if self.armed:
            self.run.append(place)
            if place == 1:
                self.token.cancel()

    armed = False

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(self.stem(x)).mean(dim=(2, 3)))
        return logits


def test_cancelling_stops_between_the_blocks_of_one_large_module() -> None:
    module = seeded(Blocks)
    model = model_of(module)
    module.armed = True
    with Session(model, IMAGE) as session, pytest.raises(engine.Cancelled):
        session.explain("encoder", 1, cancel=module.token)
    assert module.run == [0, 1]
    assert not any(part._forward_hooks for part in module.modules())


def test_cancelling_stops_between_the_few_modules_that_are_hooked() -> None:
    module = seeded(Nested)
    model = model_of(module)
    module.token = CancelToken()
    with Session(model, IMAGE) as session, pytest.raises(engine.Cancelled):
        session.explain("body.3.0.0.0", 1, cancel=module.token)
    assert module.run == [0, 1]
    assert not any(part._forward_hooks for part in module.modules())
