"""The network of the built-in demo: a small residual network (He et al. 2016).

Module names and the order of operations are those of torchvision's ResNet, so that observations
carry over: a strided stem, stages of basic blocks with in-place ReLU, global average pooling and
one linear layer. It is adapted to 128-pixel images of plain shapes: one block per stage, few
channels, and a last stage that keeps the 16 x 16 grid of the previous one, so that its class
activation map is fine enough to point at a small shape.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

WIDTHS = (24, 48, 80, 112)
STRIDES = (1, 2, 1, 1)


def _conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a residual connection.

    Takes (B, inputs, H, W); returns (B, outputs, ceil(H / stride), ceil(W / stride)), all >= 0.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(inputs, outputs, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _conv3x3(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        result: Tensor = self.relu(out)
        return result


class DemoNet(nn.Module):
    """Maps normalised images (B, 3, 128, 128) to logits (B, classes)."""

    def __init__(
        self,
        classes: int = 8,
        widths: Sequence[int] = WIDTHS,
        strides: Sequence[int] = STRIDES,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 5, stride=2, padding=2, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(BasicBlock(widths[0], widths[0], strides[0]))
        self.layer2 = nn.Sequential(BasicBlock(widths[0], widths[1], strides[1]))
        self.layer3 = nn.Sequential(BasicBlock(widths[1], widths[2], strides[2]))
        self.layer4 = nn.Sequential(BasicBlock(widths[2], widths[3], strides[3]))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[3], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits
