"""What a network tells about its input is tried first; errors that no size mends are told."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.errors import ChoiceNeeded, ModelError
from engine.loading import input_trials
from engine.loading.input_size import FoundInput, find_input
from engine.passes.memory.allocation import Bounded
from engine.reader import client

FILE = Path("net.pth")

tried: list[tuple[int, ...]] = []
"""The shapes of all inputs of Checked and Broken networks, on whichever device."""


@pytest.fixture(autouse=True)
def _nothing_tried() -> Iterator[None]:
    tried.clear()
    yield
    tried.clear()


class Checked(nn.Module):
    """Accepts one size alone, and says nothing where another is given."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, 5)
        self.wanted = height, width

    def forward(self, x: Tensor) -> Tensor:
        tried.append(tuple(x.shape))
        if tuple(x.shape[2:]) != self.wanted:
            raise AssertionError
        return self.fc(self.conv(x).mean((2, 3)))


def told(name: str, value: object, height: int = 90, width: int = 90) -> nn.Module:
    network = Checked(height, width)
    setattr(network, name, value)
    return network


def told_inside() -> nn.Module:
    network = Checked(90, 90)
    network.conv.img_size = (90, 90)  # type: ignore[assignment]
    return network


class ByDefault(Checked):
    def __init__(self, num_classes: int = 5, input_size: int = 90) -> None:
        super().__init__(input_size, input_size)


class OfTheClass(Checked):
    image_size = 90


TOLD: dict[str, tuple[Callable[[], nn.Module], tuple[int, int]]] = {
    "an attribute": (lambda: told("image_size", 90), (90, 90)),
    "a pair": (lambda: told("img_size", (90, 120), 90, 120), (90, 120)),
    "with channels": (lambda: told("input_shape", [3, 90, 120], 90, 120), (90, 120)),
    "channels last": (lambda: told("input_shape", (90, 120, 3), 90, 120), (90, 120)),
    "a mapping": (
        lambda: told("image_size", {"height": 90, "width": 120}, 90, 120),
        (90, 120),
    ),
    "a dictionary of settings": (lambda: told("config", {"img_size": 90}), (90, 90)),
    "a configuration": (lambda: told("config", SimpleNamespace(image_size=90)), (90, 90)),
    "the vision part of one": (
        lambda: told("config", SimpleNamespace(vision_config=SimpleNamespace(image_size=90))),
        (90, 90),
    ),
    "published settings": (lambda: told("default_cfg", {"input_size": (3, 90, 90)}), (90, 90)),
    "a part": (told_inside, (90, 90)),
    "the class": (lambda: OfTheClass(90, 90), (90, 90)),
    "the constructor": (ByDefault, (90, 90)),
    "wrapped": (lambda: nn.DataParallel(told("image_size", 90)), (90, 90)),
}


@pytest.mark.parametrize("name", TOLD)
def test_a_size_that_the_network_tells_is_the_only_one_tried(name: str) -> None:
    make, size = TOLD[name]
    assert find_input(make().eval(), FILE) == FoundInput(3, size, assumed=False)
    assert set(tried) == {(1, 3, *size)}


@pytest.mark.parametrize("value", [(), "90", None, 3.5, [None, 90], {"shortest_edge": 90}, -90])
def test_what_is_no_size_is_passed_over(value: object) -> None:
    assert find_input(told("image_size", value, 96, 96), FILE).size == (96, 96)


def test_a_property_of_the_network_is_not_run() -> None:
    class Careful(Checked):
        @property
        def image_size(self) -> int:
            raise OSError("no file")

    assert find_input(Careful(96, 96), FILE).size == (96, 96)


def test_the_position_embedding_counts_more_than_a_default_of_the_constructor() -> None:
    class Interpolating(nn.Module):
        """A transformer for any size, built for another one than usual."""

        def __init__(self, img_size: int = 224) -> None:
            super().__init__()
            self.embed = nn.Conv2d(3, 24, 16, 16)
            self.pos_embed = nn.Parameter(torch.zeros(1, 24, img_size // 16, img_size // 16))
            self.head = nn.Linear(24, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = self.embed(x)
            x = x + functional.interpolate(self.pos_embed, x.shape[2:])
            return self.head(x.mean((2, 3)))

    assert find_input(Interpolating(384), FILE) == FoundInput(3, (384, 384), assumed=False)


def test_a_size_that_nobody_tells_is_found_where_the_code_only_asserts_it() -> None:
    assert find_input(Checked(117, 117), FILE).size == (117, 117)


def reshaped(*shape: int) -> nn.Module:
    """A network that begins with a reshape to a fixed shape, as converted ones do."""

    class Reshaped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.fc = nn.Linear(8, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = x.reshape(*shape)
            x = x if x.shape[1] == 3 else x.permute(0, 3, 1, 2)
            return self.fc(self.conv(x).mean((2, 3)))

    return Reshaped()


@pytest.mark.parametrize("shape", [(-1, 3, 52, 77), (1, 3, 52, 77), (-1, 52, 77, 3)])
def test_a_fixed_reshape_of_the_input_tells_its_size(shape: tuple[int, ...]) -> None:
    assert find_input(reshaped(*shape), FILE) == FoundInput(3, (52, 77), assumed=False)


@pytest.mark.parametrize(
    "words", ["wants 90 x 123", "must be (90, 123)", "doesn't match model (90*123)"]
)
def test_an_error_that_names_the_size_is_believed(words: str) -> None:
    class Saying(Checked):
        def forward(self, x: Tensor) -> Tensor:
            if tuple(x.shape[2:]) != self.wanted:
                raise ValueError(f"the image has {x.shape[2]} rows; {words}")
            return super().forward(x)

    assert find_input(Saying(90, 123), FILE).size == (90, 123)


def test_sizes_of_layers_may_be_lists() -> None:
    """Converters build layers with lists where torch has tuples."""
    network = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, 2, 1), nn.MaxPool2d([2, 2], [2, 2]), nn.ReLU()),  # type: ignore[arg-type]
        *(nn.AvgPool2d([8, 8]), nn.Conv2d(8, 5, 1)),  # type: ignore[arg-type]
    )
    network[0].kernel_size, network[0].stride = [3, 3], [2, 2]  # type: ignore[assignment]
    network[0].padding, network[0].dilation = [1, 1], [1, 1]  # type: ignore[assignment]
    assert find_input(network, FILE).size == (32, 32)


# ------------------------------------------------------------------ errors of no size


class Broken(nn.Module):
    def __init__(self, fail: Callable[[nn.Module, Tensor], Any]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, 5)
        self.fail = fail

    def forward(self, x: Tensor, age: Tensor | None = None) -> Any:
        tried.append(tuple(x.shape))
        x = self.conv(x)
        return self.fail(self, x)


def misspelt(network: Any, x: Tensor) -> Any:
    return network.fcc(x)


def undefined(network: nn.Module, x: Tensor) -> Any:
    return head(x)  # type: ignore[name-defined]  # noqa: F821


def mistaken(network: Any, x: Tensor) -> Any:
    return network.fc(x.mean((2, 3)), 3)


def unfitting(network: Any, x: Tensor) -> Any:
    return nn.Linear(9, 3)(x.mean((2, 3)))


def on_cuda(network: Any, x: Tensor) -> Any:
    return network.fc(x.mean((2, 3))) + torch.zeros(5).cuda()


def with_age(network: Any, x: Tensor) -> Any:
    age: Any = None
    return network.fc(x.mean((2, 3))) + age


def line_of(function: Callable[..., Any]) -> int:
    """The number of its last line."""
    lines, first = inspect.getsourcelines(function)
    return first + len(lines) - 1


NOT_THE_SIZE: dict[str, tuple[Callable[..., Any], str]] = {
    "a misspelt layer": (misspelt, "AttributeError: 'Broken' object has no attribute 'fcc'"),
    "an undefined name": (undefined, "NameError: name 'head' is not defined"),
    "a wrong call": (mistaken, "TypeError: "),
    "layers that do not fit": (unfitting, "9.*3"),
    "an input that is optional": (with_age, r"wants a second input \(age\), although"),
    "a device in the code": (
        on_cuda,
        r"moves data to a device other than .* write .to\(x.device\)",
    ),
}


@pytest.mark.skipif(torch.cuda.is_available(), reason="one of the errors is that there is no CUDA")
@pytest.mark.parametrize("name", NOT_THE_SIZE)
def test_an_error_that_no_size_changes_is_told_with_its_line(name: str) -> None:
    fail, words = NOT_THE_SIZE[name]
    for how in ({}, {"told": (64, 64)}):
        with pytest.raises(ModelError, match=words) as caught:
            find_input(Broken(fail), FILE, **how)  # type: ignore[arg-type]
        assert not isinstance(caught.value, ChoiceNeeded)
        message = str(caught.value)
        assert message.startswith("net.pth: ")
        assert f"({Path(__file__).name}, line {line_of(fail)}: " in message
        assert "\n" not in message
    assert len(tried) < 30, "few sizes suffice"


def test_inputs_that_are_gathered_are_told_as_the_error_that_they_cause() -> None:
    class Gathering(nn.Module):
        def forward(self, *inputs: Tensor) -> Tensor:
            image, age = inputs
            return image + age

    with pytest.raises(ModelError, match=r"not enough values to unpack \(expected 2, got 1\)"):
        find_input(Gathering(), FILE)


# ------------------------------------------------------------------ the machine's load


def test_the_search_uses_up_no_patience() -> None:
    """However slow the machine is: the limit of time is that of the file's reading."""
    with client.reading(patience=0.0):
        assert find_input(Checked(117, 117), FILE).size == (117, 117)
    spent = 0.05
    with client.reading(patience=spent):
        find_input(Checked(117, 117), FILE)
        client.raise_if_late()


class Values(nn.Module):
    """Reads its values, and never returns one row."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        assert x.sum().item() > 1e9
        return x


def test_passes_with_data_are_limited_by_their_work(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    for most in (10**6, 10**9):
        monkeypatch.setattr(input_trials, "_MOST_REAL_WORK", most)
        with pytest.raises(ChoiceNeeded) as caught:
            find_input(Values(), FILE)
        asked.append(len(caught.value.question.tried))  # type: ignore[union-attr]
    assert asked[0] < asked[1]


def test_work_is_that_of_the_products_and_elements() -> None:
    conv, x = nn.Conv2d(3, 8, 5), torch.zeros(1, 3, 20, 20)
    with torch.no_grad(), Bounded(1 << 30) as bound:
        y = conv(x)
        of_the_convolution = bound.work
        y + y
    assert of_the_convolution == 2 * (16 * 16 * 8) * (3 * 5 * 5)
    assert bound.work - of_the_convolution == 16 * 16 * 8


def test_too_many_calls_in_one_pass_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            while True:
                x = self.act(x)

    monkeypatch.setattr(input_trials, "_MOST_CALLS", 1000)
    with pytest.raises(ModelError, match="calls its modules more than 1,000 times"):
        find_input(Endless(), FILE)


# ------------------------------------------------------------------ small images


def cifar(classes: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, stride, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()),
        *(nn.Conv2d(8, 8, 3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)),
    )


@pytest.mark.parametrize(
    ("classes", "stride", "side"), [(10, 1, 32), (100, 1, 32), (10, 2, 224), (7, 1, 224)]
)
def test_networks_built_for_small_images_get_them(classes: int, stride: int, side: int) -> None:
    found = find_input(cifar(classes, stride), FILE)
    assert found == FoundInput(3, (side, side), assumed=True)
