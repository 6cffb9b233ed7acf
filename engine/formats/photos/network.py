"""EfficientNet-Lite0 (Tan and Le 2019, 'EfficientNet', in the Lite variant of its authors).

Inverted residual blocks with ReLU6 and without squeeze-and-excitation. Modules have the names that
timm gives them in tf_efficientnet_lite0, so that observations and weights carry over; activations
are modules of their own here, and are layers of the tree.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 1000

_EPSILON = 1e-3
_STEM, _HEAD = 32, 1280

# Each stage after the first: (blocks, kernel, stride of its first block, output channels).
_STAGES = (
    (2, 3, 2, 24),
    (2, 5, 2, 40),
    (3, 3, 2, 80),
    (3, 5, 1, 112),
    (4, 5, 2, 192),
    (1, 3, 1, 320),
)
_FIRST = 16
_EXPANSION = 6


class SameConv2d(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's 'same': (B, C, ceil(H / s), ceil(W / s)).

    The odd pixel of padding goes below and to the right, unlike in torch.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = (
            max((-(-side // step) - 1) * step + kernel - side, 0)
            for side, step, kernel in zip(x.shape[-2:], self.stride, self.kernel_size, strict=True)
        )
        if height or width:
            left, top = width // 2, height // 2
            x = functional.pad(x, (left, width - left, top, height - top))
        return super().forward(x)


def _convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    """With odd kernels and stride 1, 'same' is what torch pads on both sides."""
    if stride > 1:
        return SameConv2d(inputs, outputs, kernel, stride, groups)
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPSILON)


class SeparableBlock(nn.Module):
    """A depthwise and a pointwise convolution: (B, inputs, H, W) to (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_dw = _convolution(inputs, inputs, 3, groups=inputs)
        self.bn1 = _norm(inputs)
        self.act1 = nn.ReLU6(inplace=True)
        self.conv_pw = _convolution(inputs, outputs, 1)
        self.bn2 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act1(self.bn1(self.conv_dw(x)))
        result: Tensor = self.bn2(self.conv_pw(x))
        return result


class InvertedResidual(nn.Module):
    """Expand, convolve each channel, project: (B, inputs, H, W) to (B, outputs, H / stride, ...).

    The input is added where its shape allows it.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * _EXPANSION
        self.has_skip = stride == 1 and inputs == outputs
        self.conv_pw = _convolution(inputs, inner, 1)
        self.bn1 = _norm(inner)
        self.act1 = nn.ReLU6(inplace=True)
        self.conv_dw = _convolution(inner, inner, kernel, stride, groups=inner)
        self.bn2 = _norm(inner)
        self.act2 = nn.ReLU6(inplace=True)
        self.conv_pwl = _convolution(inner, outputs, 1)
        self.bn3 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act1(self.bn1(self.conv_pw(x)))
        out = self.act2(self.bn2(self.conv_dw(out)))
        out = self.bn3(self.conv_pwl(out))
        return out + x if self.has_skip else out


class EfficientNetLite0(nn.Module):
    """Maps normalised images (B, 3, 224, 224) to logits (B, 1000); other sizes work as well.

    DEPTHS: the number of blocks in each stage.
    """

    DEPTHS = (1, *(count for count, *_ in _STAGES))

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = _convolution(3, _STEM, 3, 2)
        self.bn1 = _norm(_STEM)
        self.act1 = nn.ReLU6(inplace=True)
        stages = [nn.Sequential(SeparableBlock(_STEM, _FIRST))]
        inputs = _FIRST
        for count, kernel, stride, outputs in _STAGES:
            first = InvertedResidual(inputs, outputs, kernel, stride)
            more = (InvertedResidual(outputs, outputs, kernel, 1) for _ in range(count - 1))
            stages.append(nn.Sequential(first, *more))
            inputs = outputs
        self.blocks = nn.Sequential(*stages)
        self.conv_head = _convolution(inputs, _HEAD, 1)
        self.bn2 = _norm(_HEAD)
        self.act2 = nn.ReLU6(inplace=True)
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(_HEAD, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.act1(self.bn1(self.conv_stem(x))))
        x = self.act2(self.bn2(self.conv_head(x)))
        logits: Tensor = self.classifier(torch.flatten(self.global_pool(x), 1))
        return logits
