"""What a config.json of transformers says: whether it is an image classifier, and of what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.images import presets
from engine.lazy import extras
from engine.records.models import OutputForm, Scores

# Classifiers in transformers whose input is not an image.
_NO_PICTURES = frozenset({"imagegpt", "siglip2", "shieldgemma2"})
_TRAINED_FOR = {"multi_label_classification": Scores.LABELS, "regression": Scores.VALUES}


def refuse(folder: Path, config: Mapping[str, Any]) -> None:
    """Raises ModelError if the folder is not an image classifier, or needs custom code."""
    if "auto_map" in config:
        raise ModelError(
            f"{folder}: its config.json requires custom code (auto_map), which is never run; open "
            "the network's Python file together with its weights"
        )
    if config.get("quantization_config"):
        raise ModelError(
            f"{folder}: its weights are quantised and have no gradients; open the original network"
        )
    if config.get("model_type") == "timm_wrapper":
        # transformers would pass its arguments, including paths of other files, to timm unchecked.
        raise ModelError(
            f"{folder}: its config.json names no timm architecture; download the folder again"
        )
    kinds = classifiers(folder)
    model_type = str(config.get("model_type", ""))[:80]
    given = config.get("architectures")
    names = [str(each)[:80] for each in given] if isinstance(given, list) else []
    known = kinds.get(model_type, ())
    if model_type in _NO_PICTURES:
        raise ModelError(
            f"{folder}: {model_type} expects images that were split or tokenised beforehand; "
            "only image classifiers can be explained"
        )
    if names and not set(names) & {name for each in kinds.values() for name in each}:
        raise ModelError(
            f"{folder}: {_task(names[0])} ({names[0]}); only image classifiers can be explained"
        )
    if not known:
        raise ModelError(
            f"{folder}: the installed transformers has no image classifier of type '{model_type}'; "
            "install a newer one, or open the network's Python file together with its weights"
        )


def classifiers(folder: Path) -> dict[str, tuple[str, ...]]:
    """The image classifiers of transformers: class names by model type."""
    auto = extras.load("transformers.models.auto.modeling_auto", str(folder))
    return {
        key: (value,) if isinstance(value, str) else tuple(value)
        for key, value in auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES.items()
    }


def _task(name: str) -> str:
    """What a transformers class is for, from its name: 'XForObjectDetection'."""
    purpose = name.rpartition("For")[2] if "For" in name else ""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", purpose).lower()
    return f"a network for {words}" if words else "a network without a classification head"


def output_of(config: Mapping[str, Any]) -> OutputForm | None:
    """Labels and values are recognised by the loss that the network was trained with."""
    scores = _TRAINED_FOR.get(str(config.get("problem_type")))
    return None if scores is None else OutputForm("logits", scores)


def labels_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names in id2label in the order of the logits; () if they only number the classes."""
    given = config.get("id2label")
    if not isinstance(given, Mapping):
        return ()
    by_index = {int(key): str(name) for key, name in given.items() if _index(key)}
    if sorted(by_index) != list(range(len(given))):
        return ()
    names = tuple(by_index[index] for index in range(len(by_index)))
    return () if names == tuple(f"LABEL_{i}" for i in range(len(names))) else names


def _index(key: object) -> bool:
    return str(key).isdecimal() and len(str(key)) < 8


def channels_of(config: Any) -> int:
    """The number of input channels; 3 if the configuration does not specify it."""
    given = getattr(config, "num_channels", None)
    return given if isinstance(given, int) and 1 <= given <= presets.MAX_CHANNELS else 3


def image_size_of(config: Any) -> tuple[int, int] | None:
    """The configured input size (height, width), of the vision part if there is one."""
    for part in (config, getattr(config, "vision_config", None)):
        size = getattr(part, "image_size", None)
        sides = list(size) if isinstance(size, list | tuple) else [size, size]
        fitting = [n for n in sides if isinstance(n, int) and 1 <= n <= presets.MAX_SIDE]
        if len(fitting) == len(sides) == 2:
            return (fitting[0], fitting[1])
    return None
