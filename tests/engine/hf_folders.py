"""Small networks and image processors of transformers, and folders made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.engine.extras_help import package

transformers = package("transformers")

LABELS = {0: "heron", 1: "kite", 2: "owl"}


def vit(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        | {"intermediate_size": 64, "image_size": 32, "patch_size": 8, "id2label": LABELS}
        | options
    )
    return _stirred(transformers.ViTForImageClassification(config))


def resnet(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "id2label": LABELS}
    return _stirred(
        transformers.ResNetForImageClassification(transformers.ResNetConfig(**sizes | options))
    )


def _stirred(module: nn.Module) -> nn.Module:
    """Weights far enough from nothing that logits and maps tell networks apart."""
    for parameter in module.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.2)
    return module.eval()


def folder_of(module: Any, processor: Any, folder: Path, **options: Any) -> Path:
    module.save_pretrained(folder, **options)
    if processor is not None:
        processor.save_pretrained(folder)
    return folder


PROCESSORS: dict[str, Any] = {
    "exact size": lambda: transformers.ViTImageProcessor(size={"height": 32, "width": 32}),
    "a margin that is cropped": lambda: transformers.ConvNextImageProcessor(
        size={"shortest_edge": 64}, crop_pct=0.8
    ),
    "CLIP": lambda: transformers.CLIPImageProcessor(
        size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}
    ),
    "offset and a second deviation": lambda: transformers.EfficientNetImageProcessor(
        size={"height": 48, "width": 56}, rescale_offset=True, rescale_factor=1 / 127.5
    ),
    "BGR, not normalised": lambda: transformers.MobileViTImageProcessor(
        size={"shortest_edge": 72}, crop_size={"height": 64, "width": 64}
    ),
    "levels of 0 to 255": lambda: transformers.BitImageProcessor(
        size={"shortest_edge": 56},
        crop_size={"height": 50, "width": 50},
        do_rescale=False,
        image_mean=[120.0, 110.0, 100.0],
        image_std=[60.0, 61.0, 62.0],
    ),
    "nearest": lambda: transformers.DeiTImageProcessor(
        size={"height": 64, "width": 64}, crop_size={"height": 56, "width": 56}, resample=0
    ),
    "LeViT's margin": lambda: transformers.LevitImageProcessor(
        size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}
    ),
}
