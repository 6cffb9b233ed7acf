"""Networks as the usual families are built, small enough that every layer of all can be tried."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.engine import networks, token_networks


def _norm(channels: int) -> nn.BatchNorm2d:
    """With moments as after some training, so that it is no identity."""
    norm = nn.BatchNorm2d(channels)
    with torch.no_grad():
        norm.running_mean.normal_(std=0.2)
        norm.running_var.uniform_(0.5, 1.5)
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(std=0.2)
    return norm


class _Residual(nn.Module):
    """One ReLU in place, called twice; `out += identity` overwrites what the last norm gave."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, 2, 1, bias=False)
        self.bn1 = _norm(outer)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn2 = _norm(outer)
        self.downsample = nn.Sequential(nn.Conv2d(inner, outer, 1, 2), _norm(outer))

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += self.downsample(x)
        result: Tensor = self.relu(out)
        return result


class _Dense(nn.Module):
    """Adds channels to those before it, as DenseNet's layers do."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(channels, growth, 3, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(self.relu(self.norm(x)))], dim=1)


class _ChannelsLast(nn.Module):
    """ConvNeXt's block: depthwise, then norm and linear layers over (1, H, W, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.wide = nn.Linear(channels, 2 * channels)
        self.act = nn.GELU()
        self.narrow = nn.Linear(2 * channels, channels)
        self.scale = nn.Parameter(torch.rand(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.scale * self.narrow(self.act(self.wide(y)))
        return x + y.permute(0, 3, 1, 2)


class _SqueezeExcite(nn.Module):
    """MobileNet's inverted residual, whose channels are scaled by what is in all of the picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = nn.Sequential(
            nn.Conv2d(channels, 12, 1, bias=False), _norm(12), nn.Hardswish(inplace=True)
        )
        self.depthwise = nn.Sequential(
            nn.Conv2d(12, 12, 3, padding=1, groups=12), _norm(12), nn.ReLU6(inplace=True)
        )
        self.squeeze = nn.Conv2d(12, 4, 1)
        self.excite = nn.Conv2d(4, 12, 1)
        self.project = nn.Sequential(nn.Conv2d(12, channels, 1, bias=False), _norm(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(self.expand(x))
        scale = functional.adaptive_avg_pool2d(y, 1)
        y = y * functional.hardsigmoid(self.excite(functional.relu(self.squeeze(scale))))
        result: Tensor = x + self.project(y)
        return result


def _head(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 4)]


def _resnet() -> nn.Module:
    stem = [nn.Conv2d(3, 6, 3, padding=1, bias=False), _norm(6), nn.ReLU(inplace=True)]
    return nn.Sequential(
        *stem, nn.MaxPool2d(3, 1, 1), _Residual(6, 8), _Residual(8, 10), *_head(10)
    )


def _vgg() -> nn.Module:
    features = nn.Sequential(
        *(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace=True)),
    )
    pool = nn.AdaptiveAvgPool2d((3, 4))
    rest = (nn.Linear(96, 16), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(16, 4))
    return nn.Sequential(features, pool, nn.Flatten(), *rest)


def _densenet() -> nn.Module:
    block = nn.Sequential(_Dense(6, 4), _Dense(10, 4), _Dense(14, 4))
    transition = nn.Sequential(_norm(18), nn.ReLU(inplace=True), nn.Conv2d(18, 8, 1))
    tail = (nn.AvgPool2d(2), _Dense(8, 4), _norm(12), nn.ReLU(inplace=True))
    return nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), block, transition, *tail, *_head(12))


def _convnext() -> nn.Module:
    blocks = nn.Sequential(_ChannelsLast(8), _ChannelsLast(8))
    return nn.Sequential(nn.Conv2d(3, 8, 4, 4), blocks, *_head(8))


def _mobilenet() -> nn.Module:
    stem = (nn.Conv2d(3, 8, 3, 2, 1, bias=False), _norm(8), nn.Hardswish(inplace=True))
    return nn.Sequential(*stem, _SqueezeExcite(8), _SqueezeExcite(8), *_head(8))


FAMILIES: dict[str, Callable[[], nn.Module]] = {
    "resnet": _resnet,
    "vgg": _vgg,
    "densenet": _densenet,
    "convnext, channels last": _convnext,
    "mobilenet, squeeze and excite": _mobilenet,
    "vit, class token": lambda: token_networks.Tokens(prefix=1),
    "swin, windows and merging": token_networks.Shifting,
    "a module called three times": networks.Reused,
    "in-place operations after layers": networks.InplaceFunction,
    "in-place on views": networks.InplaceView,
}
