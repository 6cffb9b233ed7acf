"""Reads preprocessing and class names from timm's configuration of a network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from engine.formats.torchvision import metadata
from engine.images.presets import INTERPOLATIONS
from engine.lazy import extras
from engine.records.images import Channels, Preprocessing


def preprocessing_of(config: Mapping[str, Any], channels: int = 3) -> Preprocessing:
    """timm's evaluation transform for a pretrained_cfg, as a record.

    channels: of the network; if the configuration has another number, mean and standard deviation
    are averaged. Follows timm.data.transforms_factory: the image is resized to size / crop_pct,
    rounded down, and its centre is cropped.
    """
    resolve = extras.load("timm.data", "timm").resolve_data_config
    how = resolve(pretrained_cfg=dict(config))
    _, height, width = how["input_size"]
    scaled = tuple(math.floor(side / how["crop_pct"]) for side in (height, width))
    mode = how["crop_mode"]
    keeps_proportions = mode not in ("squash", "border") and height == width
    mean, std = tuple(how["mean"]), tuple(how["std"])
    if len(mean) != channels:
        mean = (math.fsum(mean) / len(mean),) * channels
        std = (math.fsum(std) / len(std),) * channels
    name = how["interpolation"]
    return Preprocessing(
        resize=scaled[0] if keeps_proportions else (scaled[0], scaled[1]),
        crop=(height, width),
        mean=mean,
        std=std,
        interpolation=name if name in INTERPOLATIONS else "bilinear",
        letterbox=mode == "border",
        channels=Channels.RGB if channels == 3 else Channels.GREY,
    )


def imagenet_labels(classes: int) -> tuple[str, ...]:
    """Class names of ImageNet-1k, -12k, -21k or -22k, selected by their number; () for others.

    All are ordered by WordNet ID. For 1,000 classes this is the order of torchvision's names, which
    are shorter and match those of the program's other networks.
    """
    if classes == 1000:
        return metadata.imagenet_labels()
    data = extras.load("timm.data", "timm")
    subset = data.infer_imagenet_subset({"num_classes": classes})
    return tuple(data.ImageNetInfo(subset).label_descriptions()) if subset else ()


def labels_of(config: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """The class names in a pretrained_cfg, else ImageNet's if the number of classes matches."""
    names = config.get("label_names")
    if isinstance(names, list | tuple) and len(names) == count:
        described = config.get("label_descriptions")
        words = described if isinstance(described, Mapping) else {}
        return tuple(str(words.get(name, name)) for name in names)
    return imagenet_labels(count)


def first_of(value: object) -> str:
    """A layer's name in a pretrained_cfg; the first if there are several (two heads)."""
    if isinstance(value, str):
        return value
    return str(value[0]) if isinstance(value, Sequence) and value else ""


def channels_of(config: Mapping[str, Any]) -> int:
    """The number of input channels in a pretrained_cfg."""
    return int((config.get("input_size") or (3,))[0])
