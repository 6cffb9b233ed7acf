"""The networks that are timed, with seeded random weights, and what to click in each."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.lazy import torchvision
from engine.records.images import LoadedImage

# The last stage of each, as a Grad-CAM user would choose it.
LAST_STAGE = {
    "resnet50": "layer4",
    "vgg16": "features.29",
    "densenet121": "features",
    "efficientnet_b0": "features",
    "convnext_tiny": "features",
}
# Those, and what benchmarks of methods take instead of the larger of its family.
LAYERS = LAST_STAGE | {"resnet18": "layer4"}
SIZE = 224
TARGET, OTHER_TARGET = 281, 207


@dataclass(frozen=True, slots=True)
class Subject:
    """One network on one device, ready to be explained.

    network, tensor: for the libraries that take those; tensor is (1, 3, 224, 224), normalised.
    weights, image: the same weights as a file and a picture, for Hookscope's own way in.
    layer: the last stage. spatial: every module whose output is 4-D with more than one cell.
    """

    name: str
    device: str
    network: nn.Module
    tensor: Tensor
    weights: Path
    image: LoadedImage
    layer: str
    spatial: tuple[str, ...]

    def sample(self, count: int) -> list[str]:
        """`count` of the spatial layers, evenly spaced in tree order."""
        positions = np.linspace(0, len(self.spatial) - 1, min(count, len(self.spatial)))
        return [self.spatial[round(position)] for position in positions]


def spatial_layers(network: nn.Module, tensor: Tensor) -> tuple[str, ...]:
    """Names of the modules whose output is 4-D with more than one cell, in tree order."""
    found: dict[str, None] = {}

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.dim() == 4 and output.shape[2:].numel() > 1:
                found[name] = None

        return hook

    handles = [part.register_forward_hook(note(name)) for name, part in network.named_modules()]
    try:
        with torch.inference_mode():
            network(tensor)
    finally:
        for handle in handles:
            handle.remove()
    return tuple(name for name, _ in network.named_modules() if name in found)


def picture() -> LoadedImage:
    """A seeded RGB picture of 320 x 256 pixels; what it shows does not matter to the clock."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)
    return LoadedImage(
        "noise", np.ascontiguousarray(np.kron(coarse, np.ones((32, 32, 1))).astype(np.uint8))
    )


def build(name: str) -> nn.Module:
    """The torchvision classifier with random weights of seed 0, in eval mode on the CPU."""
    torch.manual_seed(0)
    network: nn.Module = torchvision.load().models.get_model(name, weights=None)
    return network.eval()


def subject(name: str, device: str, folder: Path) -> Subject:
    """Builds the network, writes its weights into folder, and moves it to the device."""
    network = build(name)
    weights = folder / f"{name}.pth"
    torch.save(network.state_dict(), weights)
    network.to(device)
    generator = torch.Generator().manual_seed(0)
    tensor = torch.randn(1, 3, SIZE, SIZE, generator=generator).to(device)
    spatial = spatial_layers(network, tensor)
    return Subject(name, device, network, tensor, weights, picture(), LAYERS[name], spatial)


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.load().__version__,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if platform.system() == "Darwin":
        asked = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=True
        )
        return asked.stdout.strip()
    return platform.processor()
