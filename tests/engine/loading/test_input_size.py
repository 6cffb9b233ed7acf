"""The input size and channels of networks that say neither."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.errors import Cancelled, ChoiceNeeded, ModelError
from engine.lazy import torchvision as vision
from engine.loading.input_hints import channel_counts
from engine.loading.input_size import FoundInput, find_input
from engine.progress import CancelToken
from engine.questions import WhichInput

FILE = Path("net.pth")


def block(inside: int, outside: int, stride: int = 2) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, 1), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)
    )


def pooled(*widths: int, classes: int = 4) -> nn.Module:
    blocks = [block(a, b) for a, b in pairwise(widths)]
    return nn.Sequential(
        *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], classes)
    )


def xray() -> nn.Module:
    """The head sees all of an 8 x 8 grid: other sizes give a map, or do not run."""
    widths = (3, 4, 8, 8, 16, 32)
    blocks = [block(a, b) for a, b in pairwise(widths)]
    return nn.Sequential(*blocks, nn.Conv2d(32, 1, 8), nn.Dropout(0.5), nn.Sigmoid())


class Digits(nn.Module):
    """28 x 28 grey, flattened by a view that fits other sizes as several rows."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 10, 5)
        self.second = nn.Conv2d(10, 20, 5)
        self.hidden = nn.Linear(320, 50)
        self.head = nn.Linear(50, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(functional.max_pool2d(self.first(x), 2))
        x = functional.relu(functional.max_pool2d(self.second(x), 2))
        x = functional.relu(self.hidden(x.view(-1, 320)))
        return functional.log_softmax(self.head(x), dim=1)


class Patches(nn.Module):
    """A vision transformer's beginning and end; prefix: how many tokens are no patches."""

    def __init__(self, side: int, patch: int, prefix: int, *, linear: bool = False) -> None:
        super().__init__()
        self.patch = patch
        self.embed: nn.Module = nn.Conv2d(3, 24, patch, patch)
        if linear:
            self.embed = nn.Sequential(nn.Unfold(patch, stride=patch), Turned())
            self.project = nn.Linear(3 * patch * patch, 24)
        self.linear = linear
        self.extra = nn.Parameter(torch.zeros(1, prefix, 24))
        self.pos_embed = nn.Parameter(torch.zeros(1, prefix + (side // patch) ** 2, 24))
        self.relative_position_bias = nn.Parameter(torch.zeros(169, 24))
        self.head = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(self.embed(x)) if self.linear else self.embed(x).flatten(2).mT
        return self.head((torch.cat([self.extra, x], 1) + self.pos_embed).mean(1))


class Turned(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mT


class NeedsData(nn.Module):
    """Looks at its values, which a copy without data has not; devices are named in the code."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        if x.sum().item() > 1e9:
            return x
        return self.inner(x.to(torch.device("cpu")))


class Answers(nn.Module):
    """Its logits come in a container, beside other things."""

    def __init__(self, wrap: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.stem = block(3, 8)
        self.head = nn.Linear(8, 3)
        self.wrap = wrap

    def forward(self, x: Tensor) -> Any:
        features = self.stem(x)
        return self.wrap(features, self.head(features.mean((2, 3))))


@dataclass
class Output:
    features: Tensor
    logits: Tensor
    loss: Tensor | None = None


class Repeats(nn.Module):
    """Grey outside, colour inside."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = pooled(3, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.repeat(1, 3, 1, 1))


def flattened(side: int, width: int, *strides: int) -> nn.Module:
    """A network for side x width; padding keeps each block at the exact fraction."""
    rows, columns, inside = side, width, 3
    blocks = []
    for stride in strides:
        blocks.append(block(inside, 8, stride))
        rows, columns, inside = -(-rows // stride), -(-columns // stride), 8
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(8 * rows * columns, 6))


FIXED: dict[str, tuple[Callable[[], nn.Module], int, tuple[int, int]]] = {
    "x-rays": (xray, 3, (256, 256)),
    "digits": (Digits, 1, (28, 28)),
    "LeNet on colour": (
        lambda: nn.Sequential(
            *(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU()),
            *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 10)),
        ),
        3,
        (32, 32),
    ),
    "linear layers only, grey": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
        1,
        (28, 28),
    ),
    "linear layers only, colour": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 48 * 48, 10)),
        3,
        (48, 48),
    ),
    "299": (lambda: flattened(299, 299, 2, 2, 2), 3, (299, 299)),
    "384": (lambda: flattened(384, 384, 4, 4), 3, (384, 384)),
    "small pictures": (lambda: flattened(32, 32, 1, 2, 2), 3, (32, 32)),
    "no square": (lambda: flattened(96, 128, 2, 2, 2), 3, (96, 128)),
    "an unusual side": (lambda: flattened(150, 150, 2), 3, (150, 150)),
    "a pool of the whole grid": (
        lambda: nn.Sequential(
            block(3, 8, 1), block(8, 8), block(8, 8), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(8, 2)
        ),
        3,
        (32, 32),
    ),
    "a discriminator": (
        lambda: nn.Sequential(
            *(nn.Conv2d(3, 8, 4, 2, 1), nn.Conv2d(8, 8, 4, 2, 1), nn.Conv2d(8, 8, 4, 2, 1)),
            *(nn.Conv2d(8, 8, 4, 2, 1), nn.Conv2d(8, 1, 4), nn.Sigmoid()),
        ),
        3,
        (64, 64),
    ),
    "class token": (lambda: Patches(224, 16, 1), 3, (224, 224)),
    "larger": (lambda: Patches(384, 16, 1), 3, (384, 384)),
    "class token and registers": (lambda: Patches(224, 14, 5), 3, (224, 224)),
    "two tokens": (lambda: Patches(112, 16, 2), 3, (112, 112)),
    "no token": (lambda: Patches(64, 8, 0), 3, (64, 64)),
    "linear patches": (lambda: Patches(96, 8, 1, linear=True), 3, (96, 96)),
    "needs data": (lambda: NeedsData(Digits()), 1, (28, 28)),
    "bfloat16": (lambda: xray().to(torch.bfloat16), 3, (256, 256)),
}


@pytest.mark.parametrize("name", FIXED)
def test_fixed_sizes_are_found(name: str) -> None:
    make, channels, size = FIXED[name]
    assert find_input(make().eval(), FILE) == FoundInput(channels, size, assumed=False)


ANY: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "colour": (lambda: pooled(3, 8, 16), 3),
    "grey": (lambda: pooled(1, 8, 16), 1),
    "four channels": (lambda: pooled(4, 8), 4),
    "grouped": (lambda: nn.Sequential(nn.Conv2d(6, 6, 3, groups=3), pooled(6, 8)), 6),
    "grey made colour": (Repeats, 1),
    "one convolution as head": (
        lambda: nn.Sequential(block(3, 8), nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 5, 1)),
        3,
    ),
    "a tuple": (lambda: Answers(lambda features, logits: (features, logits)), 3),
    "a mapping": (lambda: Answers(lambda f, logits: {"features": f, "logits": logits}), 3),
    "a dataclass": (lambda: Answers(Output), 3),
    "in training mode": (lambda: pooled(3, 8).train(), 3),
    "wrapped": (lambda: nn.DataParallel(pooled(3, 8)), 3),
}


@pytest.mark.parametrize("name", ANY)
def test_networks_that_take_any_size(name: str) -> None:
    make, channels = ANY[name]
    assert find_input(make(), FILE) == FoundInput(channels, (224, 224), assumed=True)


@pytest.mark.parametrize(
    ("name", "fixed"), [("vit_b_32", True), ("swin_t", False), ("maxvit_t", True)]
)
def test_transformers_of_torchvision(name: str, fixed: bool) -> None:
    with torch.device("meta"):
        module = vision.load().models.get_model(name, weights=None)
    assert find_input(module, FILE) == FoundInput(3, (224, 224), assumed=not fixed)


def test_what_is_known_is_used() -> None:
    assert find_input(pooled(3, 8), FILE, preferred=[(96, 128)]) == FoundInput(3, (96, 128), False)
    assert find_input(xray(), FILE, preferred=[(224, 224)]).size == (256, 256)
    assert find_input(Repeats(), FILE, channels=1).channels == 1


def test_what_the_user_says_is_taken_or_refused() -> None:
    assert find_input(pooled(3, 8), FILE, told=(96, 128)) == FoundInput(3, (96, 128), False)
    assert find_input(Repeats(), FILE, told=(40, 40)).channels == 1
    with pytest.raises(ModelError, match=r"does not run on 1 x 30 x 64 \(.+\)"):
        find_input(Digits(), FILE, told=(30, 64))
    with pytest.raises(ModelError, match="4 maps of 64 x 64"):
        find_input(UNet(), FILE, told=(64, 64))


def test_nothing_of_the_network_changes(
    no_hooks: Callable[[nn.Module], Any],
) -> None:
    for module in (Digits().train(), NeedsData(Digits()).eval()):
        before = copy.deepcopy(module.state_dict())
        modes = [part.training for part in module.modules()]
        with no_hooks(module):
            find_input(module, FILE)
        assert [part.training for part in module.modules()] == modes
        after = module.state_dict()
        assert all(torch.equal(before[key], after[key]) for key in before)
        assert all(p.grad is None and p.requires_grad for p in module.parameters())


def test_channels_of_the_first_convolution_come_first() -> None:
    assert channel_counts(pooled(4, 8)) == [4, 3, 1]
    assert channel_counts(pooled(1, 8)) == [1, 3]
    assert channel_counts(nn.Linear(4, 4)) == [3, 1]


class Refuses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("never\nand nowhere")


class Late(nn.Module):
    """Runs its modules, then gives up at any size."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.convolution(x)
        raise ValueError("the picture is of the wrong kind")


class Asserts(nn.Module):
    """Says nothing of the size that it wants, which none of the usual ones is."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convolution(x).mean((2, 3))
        if x.shape[-1] != 700:
            raise AssertionError
        return y


class OnTheCard(Late):
    def forward(self, x: Tensor) -> Tensor:
        self.convolution(x)
        raise AssertionError("Torch not compiled with CUDA enabled")


@pytest.mark.parametrize(
    ("make", "words"),
    [(Refuses, "ValueError: never"), (Late, "of the wrong kind"), (OnTheCard, "not compiled with")],
)
def test_an_error_that_no_size_changes_is_named_with_its_line(
    make: Callable[[], nn.Module], words: str
) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        find_input(make(), FILE)
    assert not isinstance(caught.value, ChoiceNeeded)
    assert "test_input_size.py, line" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["image_size", "img_size", "input_size"])
def test_a_size_that_the_network_keeps_is_taken_first(name: str) -> None:
    network = Asserts()
    setattr(network, name, (3, 700, 700) if name == "input_size" else 700)
    assert find_input(network, FILE) == FoundInput(3, (700, 700), assumed=False)


def test_sizes_of_kernels_may_be_lists() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 16, 16), nn.Conv2d(8, 4, 14), nn.Flatten(2))
    network[0].kernel_size, network[0].stride = [16, 16], [16, 16]  # type: ignore[assignment]
    network[1].kernel_size, network[1].stride = [14, 14], [1, 1]  # type: ignore[assignment]
    assert find_input(network, FILE).size == (224, 224)


@pytest.mark.timeout(30)
def test_a_question_where_nothing_runs() -> None:
    with pytest.raises(ChoiceNeeded, match=r"\(test_input_size.py, line \d+: Assertion") as caught:
        find_input(Asserts(), FILE)
    question = caught.value.question
    assert isinstance(question, WhichInput)
    assert question.path == FILE
    assert (224, 224) in question.tried
    assert "\n" not in str(caught.value)
    assert "--input" in str(caught.value)


def test_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        find_input(pooled(3, 8), FILE, cancel=token)


class Calls(nn.Module):
    """Calls back between two modules."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self.act = act
        self.first = nn.Conv2d(3, 3, 3)
        self.later = nn.Conv2d(3, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        self.act()
        return self.later(x)


def test_cancelled_within_a_pass() -> None:
    token = CancelToken()
    calls = []

    def act() -> None:
        calls.append(1)
        token.cancel()

    with pytest.raises(Cancelled):
        find_input(Calls(act), FILE, cancel=token)
    assert len(calls) == 1


# ------------------------------------------------------------------ no classifiers


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = block(3, 8)
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(self.down(x))


class Two(nn.Module):
    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        raise AssertionError("must not run")


class Named(nn.Module):
    def forward(self, image: Tensor, *, age: Tensor, weight: float = 1.0) -> Tensor:
        raise AssertionError("must not run")


class Returns(nn.Module):
    def __init__(self, make: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 4, 4)
        self.make = make

    def forward(self, x: Tensor) -> Any:
        return self.make(self.convolution(x))


class SegformerForSemanticSegmentation(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        raise AssertionError("must not run")


def torchvision(group: str, name: str, **options: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        with torch.device("meta"):
            models: Any = vision.load().models
            module: nn.Module = getattr(getattr(models, group), name)(**options)
        return module

    return make


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "two inputs": (Two, r"wants a second input besides the image \(mask\), which is not"),
    "a keyword input": (Named, r"wants a second input besides the image \(age\), which is not"),
    "segmentation": (UNet, "4 maps of 224 x 224, as segmentation models do"),
    "coarse segmentation": (
        lambda: nn.Sequential(block(3, 8), block(8, 8), block(8, 8), nn.Conv2d(8, 21, 1)),
        "21 maps of 28 x 28, as segmentation",
    ),
    "very coarse": (
        lambda: nn.Sequential(block(3, 8), *(block(8, 8) for _ in range(4)), nn.Conv2d(8, 21, 1)),
        "21 maps of 7 x 7",
    ),
    "torchvision's segmentation": (
        torchvision("segmentation", "lraspp_mobilenet_v3_large", weights_backbone=None),
        r"a segmentation model \(LRASPP\)",
    ),
    "torchvision's detection": (
        torchvision("detection", "ssdlite320_mobilenet_v3_large", weights_backbone=None),
        r"a detection model \(SSD\)",
    ),
    "torchvision's video": (torchvision("video", "r3d_18"), "a video classifier"),
    "by its name": (SegformerForSemanticSegmentation, "a segmentation model"),
    "volumes": (lambda: nn.Sequential(nn.Conv3d(1, 4, 3)), "volumes or videos"),
    "boxes": (
        lambda: Returns(lambda x: {"boxes": x[:, :4].flatten(2), "scores": x.flatten(2)}),
        "it returns boxes, as detection models do",
    ),
    "a mapping of maps": (lambda: Returns(lambda x: {"out": x}), "8 maps of 56 x 56"),
    "a sequence": (
        lambda: Returns(lambda x: x.flatten(2)),
        r"returns shape \(1, 8, 3136\) instead",
    ),
    "integers": (lambda: Returns(lambda x: x.flatten(1).argmax(1)), "no floating-point tensor"),
    "nothing": (lambda: Returns(lambda _: None), "no floating-point tensor"),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_classifier_is_named(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(ModelError, match=words) as caught:
        find_input(make(), FILE)
    assert not isinstance(caught.value, ChoiceNeeded)
    assert str(caught.value).startswith("net.pth: ")
    assert "\n" not in str(caught.value)


def test_optional_inputs_do_not_count() -> None:
    class Optional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = pooled(3, 8)

        def forward(
            self, x: Tensor, labels: Tensor | None = None, *rest: Tensor, **more: Mapping[str, Any]
        ) -> Tensor:
            return self.inner(x)

    assert find_input(Optional(), FILE).assumed


class Uncopyable(nn.Module):
    """Holds something that deepcopy refuses, as exported networks and loggers do."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Digits()
        self.handle = (number for number in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def test_a_network_that_cannot_be_copied_is_tried_itself() -> None:
    assert find_input(Uncopyable().eval(), FILE) == FoundInput(1, (28, 28), assumed=False)


class Bare(nn.Module):
    """A convolution without its type, as in networks that were exported."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, 2, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight).mean((2, 3))


def test_channels_of_a_bare_weight() -> None:
    assert find_input(Bare(), FILE) == FoundInput(2, (224, 224), assumed=True)
