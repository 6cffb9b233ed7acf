"""Small networks, each with one habit that trips tools for class activation maps."""

from __future__ import annotations

import threading
from collections import namedtuple
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model import Model
from engine.records.images import LoadedImage, Preprocessing
from tests.engine.classifiers import picture

SMALL = Preprocessing(24, (24, 32), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
IMAGE: LoadedImage = picture(seed=5, width=80, height=60)


class Base(nn.Module):
    """Stem, middle, head; what happens between them is the subclass's."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.middle = nn.Conv2d(6, 6, 3, padding=1)
        self.last = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8, classes)

    def finish(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.tanh(self.last(x)).mean(dim=(2, 3)))
        return logits

    def forward(self, x: Tensor) -> Any:
        return self.finish(torch.tanh(self.middle(torch.tanh(self.stem(x)))))


class InplaceModule(Base):
    """In-place modules after each layer, two of them chained."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.silu = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.finish(self.relu(self.silu(self.middle(self.relu(self.stem(x))))))


class Untrainable(InplaceModule):
    """Overwrites what the gradient of its ReLU needs: it runs, and autograd refuses it."""

    def forward(self, x: Tensor) -> Tensor:
        return self.finish(self.silu(self.relu(self.middle(self.silu(self.relu(self.stem(x)))))))


class InplaceAddition(Base):
    def forward(self, x: Tensor) -> Tensor:
        identity = torch.tanh(self.stem(x))
        out = self.middle(identity)
        out += identity
        return self.finish(functional.relu(out))


class InplaceFunction(Base):
    def forward(self, x: Tensor) -> Tensor:
        stem = self.stem(x)
        functional.relu(stem, inplace=True)
        middle = self.middle(stem)
        middle.mul_(2.0).add_(0.1)
        return self.finish(middle)


class InplaceView(Base):
    """Writes into a slice of a layer's output."""

    def forward(self, x: Tensor) -> Tensor:
        stem = self.stem(x)
        stem[:, 2:4].mul_(3.0)
        middle = self.middle(stem)
        middle.flatten(2)[:, :, ::2].neg_()
        return self.finish(middle)


class InplaceInput(Base):
    """Normalises its input in place, as some networks from notebooks do."""

    def forward(self, x: Tensor) -> Tensor:
        x.mul_(0.5)
        x += 0.1
        return super().forward(x)


class Reused(Base):
    """Calls one convolution three times, one activation four times, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.stem(x))
        for _ in range(3):
            x = self.act(self.middle(x))
        return self.finish(x)


class Containers(Base):
    """Containers, an Identity and a Dropout that return the very tensor that their child did."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Sequential(nn.Conv2d(6, 6, 1), nn.SiLU(inplace=True)), nn.Identity(), nn.Dropout()
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.block(self.stem(x))
        x += 1.0
        return self.finish(x)


Pair = namedtuple("Pair", ["features", "extra"])
Heads = namedtuple("Heads", ["first", "second"])


class ReturnsTuple(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.conv = nn.Conv2d(6, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Any:
        out = self.conv(x)
        extra = out.mean(dim=(2, 3))
        return {
            "tuple": (out, extra),
            "list": [out, extra],
            "dict": {"features": out, "extra": extra},
            "namedtuple": Pair(out, extra),
            "nested": ({"size": torch.tensor(3), "features": out}, extra),
        }[self.kind]


class InnerTuple(Base):
    """A module in the middle returns a structure, whose tensor is then changed in place."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.structured = ReturnsTuple(kind)

    def forward(self, x: Tensor) -> Tensor:
        out = self.structured(torch.tanh(self.stem(x)))
        if self.kind == "nested":
            features = out[0]["features"]
        else:
            features = out["features"] if self.kind == "dict" else out[0]
        features.relu_()
        return self.finish(features)


class Returning(Base):
    """Returns what it is told to make of its logits."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def forward(self, x: Tensor) -> Any:
        return self.make(super().forward(x))


class WithoutParameters(nn.Module):
    """Class scores are the means of three colours over the halves of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2)
        self.act = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.pool(x))
        return torch.cat([x[:, :, :3].mean((2, 3)), x[:, :, 3:].mean((2, 3))], dim=1)


class Untidy(Base):
    """Has a layer that is not called, one that ignores the picture, and one that ends nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Conv2d(3, 3, 1)
        self.constant = nn.Conv2d(1, 6, 1)
        self.dead_end = nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        stem = self.stem(x)
        self.dead_end(stem)
        grid = torch.ones(1, 1, stem.shape[2], stem.shape[3], dtype=x.dtype, device=x.device)
        return self.finish(stem + self.constant(grid))


class Cut(Base):
    """Fine-tuned with a frozen backbone: its gradient is cut off in the network's own code."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "detach":
            return self.finish(torch.tanh(self.middle(torch.tanh(self.stem(x)))).detach())
        if self.how == "detach between":
            return self.finish(torch.tanh(self.middle(torch.tanh(self.stem(x)).detach())))
        if self.how == "uncut":
            return self.finish(torch.tanh(self.middle(torch.tanh(self.stem(x)))))
        with torch.no_grad():
            x = torch.tanh(self.middle(torch.tanh(self.stem(x))))
        return self.finish(x)


class ConvolutionalHead(nn.Sequential):
    """Logits of shape (1, 4, 1, 1)."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(6, 4, 1),
            nn.AdaptiveAvgPool2d(1),
        )


class Counting(Base):
    """Counts its forward passes over real data."""

    def __init__(self) -> None:
        super().__init__()
        self.forwards = 0

    def forward(self, x: Tensor) -> Any:
        if x.device.type != "meta":
            self.forwards += 1
        return super().forward(x)


class Passes:
    """Counts forward passes of a network, and backward passes of torch."""

    def __init__(self, module: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
        self._module = module
        self._backward = 0
        real = torch.autograd.grad

        def counted(*arguments: Any, **options: Any) -> Any:
            self._backward += 1
            return real(*arguments, **options)

        monkeypatch.setattr(torch.autograd, "grad", counted)

    def since(self) -> tuple[int, int]:
        made = self._module.forwards, self._backward
        self._module.forwards = self._backward = 0
        return made


class Failing(Base):
    """Raises what `failures` holds, one a forward pass, between stem and middle."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[Exception] = []

    def forward(self, x: Tensor) -> Any:
        stem = torch.tanh(self.stem(x))
        if x.device.type != "meta" and self.failures:
            raise self.failures.pop(0)
        return self.finish(torch.tanh(self.middle(stem)))


class FailsBackward(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(_ctx: Any, *_gradients: Tensor) -> Any:
        raise RuntimeError("the backward pass of this operation is broken")


class BrokenBackward(Base):
    """Its gradient cannot be computed before the middle."""

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.stem(x))
        return self.finish(self.middle(FailsBackward.apply(x)))


class Deep(nn.Module):
    """Many layers. `gate`, when set, is told of every layer's start and may wait there."""

    def __init__(self, depth: int = 40) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(depth)))
        self.head = nn.Linear(3, 4)
        self.reached: threading.Event | None = None
        self.go_on: threading.Event | None = None
        self.after = depth // 2
        self.done = 0

    def forward(self, x: Tensor) -> Tensor:
        self.done = 0
        for layer in self.layers:
            if self.done == self.after and self.reached is not None and x.device.type != "meta":
                self.reached.set()
                assert self.go_on is not None
                assert self.go_on.wait(20)
            x = torch.tanh(layer(x))
            self.done += 1
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


def model_of(module: nn.Module, **options: Any) -> Model:
    return Model(module, preprocessing=SMALL, **options)


def seeded(make: Any, *arguments: Any, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return make(*arguments)


def one_of_each_layer() -> list[nn.Module]:
    """Takes (1, 8, 16, 16), and each of them what the one before gives."""
    return [
        nn.Conv2d(8, 12, (3, 5), stride=(1, 2), padding="valid", dilation=(2, 1), groups=4),
        nn.Conv2d(12, 8, 3, padding=1, padding_mode="reflect", bias=False),
        nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1, output_padding=1),
        nn.BatchNorm2d(8, eps=1e-3, momentum=None),
        nn.BatchNorm2d(8, affine=False),
        nn.BatchNorm2d(8, track_running_stats=False),
        nn.GroupNorm(4, 8),
        nn.InstanceNorm2d(8, affine=True),
        nn.LocalResponseNorm(3),
        nn.LayerNorm(12),
        nn.RMSNorm(12),
        *(nn.ReLU(inplace=True), nn.ReLU6(), nn.SiLU(), nn.Mish(), nn.SELU(), nn.Hardswish()),
        *(nn.Hardsigmoid(), nn.Sigmoid(), nn.Tanh(), nn.LogSigmoid(), nn.Softsign()),
        *(nn.LeakyReLU(0.2), nn.PReLU(8), nn.ELU(0.5), nn.CELU(2.0), nn.GELU("tanh")),
        *(nn.Hardtanh(-2, 3), nn.Threshold(0.1, 0.0), nn.Softplus(2.0), nn.Softshrink(0.1)),
        *(nn.Hardshrink(0.1), nn.Tanhshrink(), nn.Softmax2d(), nn.Softmax(1), nn.Softmin(1)),
        nn.MaxPool2d(3, stride=1, padding=1, dilation=1, ceil_mode=True),
        nn.AvgPool2d((2, 2), stride=1, padding=1, count_include_pad=False, divisor_override=3),
        nn.LPPool2d(2.0, 2, stride=1),
        *(nn.ZeroPad2d(1), nn.ReflectionPad2d((1, 0, 0, 1)), nn.ReplicationPad2d(1)),
        *(nn.CircularPad2d(1), nn.ConstantPad2d((1, 1, 0, 0), 0.5)),
        *(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), nn.PixelShuffle(2)),
        *(nn.PixelUnshuffle(2), nn.ChannelShuffle(2), nn.GLU(1), nn.Dropout2d(), nn.Dropout(0.1)),
        *(nn.AlphaDropout(), nn.FeatureAlphaDropout(), nn.Identity()),
        *(nn.AdaptiveMaxPool2d((4, None)), nn.AdaptiveAvgPool2d(2)),
        *(nn.Flatten(), nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2)),
        *(nn.MaxPool1d(2, return_indices=False), nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(2)),
        *(nn.Flatten(), nn.Linear(4, 5), nn.LogSoftmax(dim=1)),
    ]
