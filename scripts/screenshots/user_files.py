"""Files as a person brings them: networks of their own, made of the demo's, with their weights."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import torch
from torch import nn

from engine.formats.demo import CLASSES, DEMOS, build

_SOURCE = Path(__file__).resolve().parents[2] / "engine" / "formats" / "demo_network.py"

_DETECTOR = '''

class StarDetector(DemoNet):
    """One score: whether there is a star."""

    def __init__(self) -> None:
        super().__init__(classes=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(super().forward(x))
'''

_CHOICES = '''"""Networks of an experiment."""

from torch import nn


def layers(activation: nn.Module, classes: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, width, 7, stride=2, padding=3),
        activation,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, classes),
    )


class ShapeNet(nn.Module):
    def __init__(self, classes: int, width: int = 64):
        super().__init__()
        self.body = layers(nn.ReLU(), classes, width)

    def forward(self, x):
        return self.body(x)


class SmoothShapeNet(nn.Module):
    def __init__(self, classes: int, width: int = 64):
        super().__init__()
        self.body = layers(nn.GELU(), classes, width)

    def forward(self, x):
        return self.body(x)
'''


def star_detector(folder: Path) -> Path:
    """A Python file with a network of one sigmoid output, its weights beside it."""
    path = folder / "star_detector.py"
    path.write_text(_SOURCE.read_text(encoding="utf-8") + _DETECTOR, encoding="utf-8")
    state = build(DEMOS["shapes"]).state_dict()
    star = CLASSES.index("star")
    for name in ("fc.weight", "fc.bias"):
        rest = torch.cat([state[name][:star], state[name][star + 1 :]]).mean(0)
        state[name] = (state[name][star] - rest)[None]
    torch.save(state, path.with_suffix(".pth"))
    return path


class _Harmful:
    """Harmless in truth: it stands for what asks to run a command of the system."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("exit 0",)


def doubtful(folder: Path) -> Path:
    """A whole network as torch.save pickles it, with more in it than a network."""
    path = folder / "pretrained.pth"
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    vars(network)["version"] = _Harmful()
    torch.save({"model": network}, path)
    return path


def shapes_unnamed(folder: Path) -> tuple[Path, Path]:
    """The demo as a Python file that names no classes, and a file with their names."""
    path = folder / "shapes.py"
    path.write_text(_SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
    torch.save(build(DEMOS["shapes"]).state_dict(), path.with_suffix(".pth"))
    names = folder / "shape-names.txt"
    names.write_text("\n".join(CLASSES) + "\n", encoding="utf-8")
    return path, names


def experiment(folder: Path) -> Path:
    """A Python file with two networks whose tensors are alike, and weights that fit both."""
    path = folder / "experiment.py"
    path.write_text(_CHOICES, encoding="utf-8")
    torch.manual_seed(7)
    layers = nn.Sequential(nn.Conv2d(3, 64, 7), nn.ReLU(), nn.Flatten(0), nn.Flatten(0))
    layers.append(nn.Linear(64, 8))
    state = {f"body.{key}": value for key, value in layers.state_dict().items()}
    torch.save(state, path.with_suffix(".pth"))
    return path


def scripted(folder: Path) -> Path:
    """A TorchScript archive."""
    path = folder / "deployed.pt"
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with warnings.catch_warnings():
        # People have such files all the same, and more of them than of any newer kind.
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            network.eval(), torch.zeros(1, 3, 32, 32)
        )
        torch.jit.save(traced, path)
    return path


def nearly_resnet(folder: Path) -> Path:
    """Weights that are almost those of a resnet34: a layer has been changed."""
    from engine.lazy import torchvision

    path = folder / "run-12-best.pth"
    torch.manual_seed(1)
    network = torchvision.load().models.resnet34(num_classes=3)
    network.layer1[0].conv1 = nn.Conv2d(64, 64, 5, padding=2, bias=False)
    torch.save({"epoch": 30, "state_dict": network.state_dict()}, path)
    return path
