"""How many maps of each library are wrong, layer by layer, against the independent reference.

    python benchmarks/correctness.py [--networks resnet50 ...] [--out FILE]

Compared are the unscaled maps at the layer's own grid after the ReLU that captum and the others
apply, on seeded random weights, for every layer with a channels-first 4-D output. A map is wrong
when it differs from the reference by more than 1e-3 of the reference's largest value; a layer on
which a library raises an error counts as failed, not as wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.subjects import TARGET, build, spatial_layers
from benchmarks.timing import FAILURES
from engine.lazy import torchvision
from tests.reference import reference_map

NETWORKS = (
    "resnet18",
    "squeezenet1_1",
    "vgg11_bn",
    "googlenet",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "shufflenet_v2_x0_5",
    "mnasnet0_5",
    "regnet_y_400mf",
    "resnext50_32x4d",
    "efficientnet_b0",
    "densenet121",
)
TOLERANCE = 1e-3

Maps = Callable[[nn.Module, Tensor, str], NDArray[np.float32]]


def captum_map(network: nn.Module, tensor: Tensor, layer: str) -> NDArray[np.float32]:
    from captum.attr import LayerGradCam

    cam = LayerGradCam(network, network.get_submodule(layer))
    found: NDArray[np.float32] = cam.attribute(tensor, target=TARGET)[0, 0].detach().numpy()
    return found


def torchcam_map(network: nn.Module, tensor: Tensor, layer: str) -> NDArray[np.float32]:
    from torchcam.methods import GradCAM

    with GradCAM(network, layer) as cam:
        found: NDArray[np.float32] = cam(TARGET, network(tensor), normalized=False)[0][0].numpy()
    return found


def pytorch_grad_cam_map(network: nn.Module, tensor: Tensor, layer: str) -> NDArray[np.float32]:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    module = network.get_submodule(layer)
    targets = [ClassifierOutputTarget(TARGET)]
    with GradCAM(model=network, target_layers=[module]) as cam:
        cam(tensor, targets)
        kept = cam.activations_and_grads
        # The library's own arithmetic, before it scales the map to the picture.
        activations, gradients = kept.activations[0].numpy(), kept.gradients[0].numpy()
        found: NDArray[np.float32] = cam.get_cam_image(
            tensor, module, targets, activations, gradients
        )[0]
    network.zero_grad()
    return found


LIBRARIES: dict[str, Maps] = {
    "captum": captum_map,
    "torch-cam": torchcam_map,
    "pytorch-grad-cam": pytorch_grad_cam_map,
}


def differs(found: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    expected = np.maximum(expected, 0)
    found = np.maximum(found, 0)
    if found.shape != expected.shape or not np.isfinite(found).all():
        return True
    scale = float(np.abs(expected).max()) or 1.0
    return float(np.abs(found - expected).max()) > TOLERANCE * scale


def count(name: str, size: int) -> dict[str, Any]:
    """Layers of one network, and for each library the names on which it is wrong or fails."""
    network = build(name)
    generator = torch.Generator().manual_seed(0)
    tensor = torch.randn(1, 3, size, size, generator=generator)
    layers = spatial_layers(network, tensor)
    wrong: dict[str, list[str]] = {library: [] for library in LIBRARIES}
    failed: dict[str, list[str]] = {library: [] for library in LIBRARIES}
    for layer in layers:
        expected = reference_map(network, tensor, layer, TARGET)
        for library, maps in LIBRARIES.items():
            try:
                if differs(maps(network, tensor, layer), expected):
                    wrong[library].append(layer)
            except FAILURES:
                failed[library].append(layer)
    return {"network": name, "layers": len(layers), "wrong": wrong, "failed": failed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--size", type=int, default=112, help="side of the input (default 112)")
    parser.add_argument("--out", type=Path, help="write the names of the layers as JSON")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torchvision.load()
    rows = []
    print("| network | layers | " + " | ".join(f"{n} wrong (failed)" for n in LIBRARIES) + " |")
    print("|---|--:|" + "--:|" * len(LIBRARIES))
    for name in options.networks:
        row = count(name, options.size)
        rows.append(row)
        wrong, failed = row["wrong"], row["failed"]
        figures = [f"{len(wrong[n])} ({len(failed[n])})" for n in LIBRARIES]
        print(f"| {name} | {row['layers']} | {' | '.join(figures)} |", flush=True)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
