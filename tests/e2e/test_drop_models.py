"""Every kind of model that asks nothing, dragged from another program one after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.lazy import torchvision
from tests.e2e.test_drop import drag, ready

Save = Callable[[nn.Module, Path], None]


def checkpoint(network: nn.Module, path: Path) -> None:
    """As a training program leaves it, with what an optimizer has gathered."""
    optimizer = torch.optim.Adam(network.parameters())
    network.train()(torch.randn(2, 3, 64, 64)).sum().backward()
    optimizer.step()
    content = {"epoch": 3, "optimizer": optimizer.state_dict(), "model": network.state_dict()}
    torch.save(content, path)


KINDS: dict[str, tuple[str, str, Save]] = {
    "fine-tuned": ("resnet18", "layer4", lambda n, p: torch.save(n.state_dict(), p)),
    "training checkpoint": ("mobilenet_v3_small", "features", checkpoint),
    "data parallel": (
        "resnet18",
        "layer4",
        lambda n, p: torch.save(nn.DataParallel(n).state_dict(), p),
    ),
    "transformer": (
        "vit_b_32",
        "encoder.layers.encoder_layer_11.ln_1",
        lambda n, p: torch.save(n.state_dict(), p),
    ),
    "in-place": ("vgg16", "features.29", lambda n, p: torch.save(n.state_dict(), p)),
    "deep": ("vgg19", "features.35", lambda n, p: torch.save(n.state_dict(), p)),
    "dense": ("densenet201", "features", lambda n, p: torch.save(n.state_dict(), p)),
    "windows": ("swin_t", "norm", lambda n, p: torch.save(n.state_dict(), p)),
    "whole in bfloat16": ("resnet18", "layer4", lambda n, p: torch.save(n.bfloat16(), p)),
}


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module = torchvision.load().models.get_model(name, weights=None, num_classes=3)
    for parameter in module.parameters():
        if parameter.ndim > 1 and not parameter.detach().any():
            nn.init.normal_(parameter, std=0.02)
    return module


@pytest.mark.slow
def test_each_is_opened_and_explained(person: Any, tmp_path: Path) -> None:
    person.wait("the first map", ready)
    for number, (kind, (name, layer, save)) in enumerate(KINDS.items()):
        path = tmp_path / f"{number} {kind}.pth"
        save(network(name), path)

        def opened(sees: dict[str, Any], file: str = path.name, layer: str = layer) -> bool:
            return ready(sees) and sees["weights"] == file and sees["layer"] == layer

        drag(person, [path], kind, opened)
