"""Converts Hugging Face image processors to Preprocessing records, and compares the two."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine.errors import ModelError, one_line
from engine.images.preprocessing import prepare
from engine.images.presets import MAX_SIDE, validate
from engine.lazy import extras
from engine.profiles.format import ModelProfile, content_of, profile_of
from engine.records.images import Channels, LoadedImage, Preprocessing

_log = logging.getLogger(__name__)

_FAILURES = (
    *(OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, ImportError),
    *(AssertionError, ArithmeticError, MemoryError, NotImplementedError),
)
# Pillow's filter numbers.
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
# About one grey level of 255, by which implementations of a filter differ.
_SAME = 0.005
# Height and width of the image that a processor is tested with.
_TRIAL = (96, 160)


def told(path: Path, reply: Mapping[str, Any]) -> tuple[Preprocessing | None, str]:
    """The preprocessing in a folder's file, None if unusable, and a notice for the user.

    path: its preprocessor_config.json or the like. reply: the result of tried in a reader process.
    """
    fault = str(reply.get("fault", ""))
    try:
        how = None if fault else profile_of(reply["profile"]).preprocessing
    except ModelError as error:
        fault, how = str(error), None
    if fault or how is None:
        _log.info("%s: %s", path, fault)
        return None, f"{path.name} could not be used ({fault}); default preprocessing is assumed."
    if reply["same"]:
        return how, ""
    return how, (
        f"{path.name} uses custom preprocessing ({reply['name']}), which is only "
        "approximated; probabilities may differ from other programs."
    )


def tried(folder: Path, channels: int, image_size: tuple[int, int] | None) -> dict[str, Any]:
    """What told needs to know about a folder's processor, as plain values.

    Runs in a reader process, since the processor's numbers may require any amount of memory.
    """
    transformers = extras.load("transformers", str(folder))
    invalid: type[Exception] = extras.load(
        "huggingface_hub.errors", str(folder)
    ).StrictDataclassError
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, backend="pil"
        )
        how = preprocessing_of(processor, channels, image_size)
        validate(how)
        return {
            "profile": content_of(ModelProfile(preprocessing=how)),
            "same": same(processor, how),
            "name": type(processor).__name__.removesuffix("Pil"),
        }
    except (ModelError, *_FAILURES, invalid) as error:
        return {"fault": one_line(error)}


def preprocessing_of(
    processor: Any, channels: int, image_size: tuple[int, int] | None
) -> Preprocessing:
    """A transformers image processor as a record.

    channels: of the network. image_size: (height, width) from the network's configuration, used if
    the processor specifies no size. Raises ModelError if neither gives a size.
    """
    resize, size = _resize_of(processor, image_size)
    crop = size
    if getattr(processor, "do_center_crop", None) and _kind(processor) != "PerceiverImageProcessor":
        crop = _square(processor.crop_size) or size
    if crop is None or max(crop) > MAX_SIDE:
        raise ModelError("the preprocessor does not specify the size of its output")
    mean, std, low, high = _values_of(processor, channels)
    number = getattr(processor, "resample", None)
    return Preprocessing(
        resize=resize,
        crop=crop,
        mean=mean,
        std=std,
        interpolation=_FILTERS.get(int(number) if number is not None else 2, "bilinear"),
        channels=_channels_of(processor, channels),
        range=(low, high),
    )


def difference(processor: Any, how: Preprocessing) -> float:
    """The mean difference between the outputs of the processor and the record for one image.

    As a fraction of the value range (1 means black instead of white); infinite if the shapes
    differ. The crop may be off by one pixel: for an odd margin, transformers rounds down and
    torchvision rounds to even.
    """
    height, width = _TRIAL
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows / 9 + k) + np.cos(columns / (11 + 3 * k)) for k in range(3)]
    pixels = np.stack([(63 * wave + 127) for wave in waves], axis=-1).astype(np.uint8)
    picture = Image.fromarray(pixels)
    if how.channels is Channels.GREY:
        picture = picture.convert("L")
        pixels = np.repeat(np.asarray(picture)[:, :, None], 3, axis=2)
    theirs = processor(picture, return_tensors="pt")["pixel_values"].to(torch.float32)
    crop_height, crop_width = how.crop
    if tuple(theirs.shape) != (1, len(how.mean), crop_height, crop_width):
        return math.inf
    wider = replace(how, crop=(crop_height + 2, crop_width + 2))
    ours = prepare(LoadedImage("trial", pixels), wider).tensor
    shifted = (
        ours[..., y : y + crop_height, x : x + crop_width] for y in range(3) for x in range(3)
    )
    nearest = min(float((theirs - window).abs().mean()) for window in shifted)
    return nearest * max(how.std) / abs(how.range[1] - how.range[0])


def same(processor: Any, how: Preprocessing) -> bool:
    """Whether record and processor agree up to rounding."""
    return difference(processor, how) < _SAME


def _kind(processor: Any) -> str:
    return type(processor).__name__.removesuffix("Pil").removesuffix("Fast")


def _resize_of(
    processor: Any, image_size: tuple[int, int] | None
) -> tuple[int | tuple[int, int] | None, tuple[int, int] | None]:
    """The resize setting, and the resulting size if nothing is cropped."""
    if not getattr(processor, "do_resize", None):
        return image_size, image_size
    size = processor.size
    short = _side(size, "shortest_edge")
    if short is None:
        both = _square(size)
        kind = _kind(processor)
        cropped = _square(getattr(processor, "crop_size", None))
        if kind == "PerceiverImageProcessor" and processor.do_center_crop and cropped:
            # It crops part of the shorter side first, which is equivalent to resizing first.
            return cropped[0], both
        if both is not None and kind == "PoolFormerImageProcessor" and processor.crop_pct:
            return int(both[0] / processor.crop_pct), both
        return both, both
    return _short_side(processor, short)


def _short_side(processor: Any, short: int) -> tuple[int | tuple[int, int], tuple[int, int]]:
    """The resize of a processor given by its shorter side; some enlarge it by a margin first."""
    square = (short, short)
    kind = _kind(processor)
    if kind == "ConvNextImageProcessor":
        return (int(short / processor.crop_pct) if short < 384 else square), square
    if kind == "LevitImageProcessor":
        return int(256 / 224 * short), square
    if kind == "PoolFormerImageProcessor" and processor.crop_pct:
        return int(short / processor.crop_pct), square
    return short, square


def _values_of(
    processor: Any, channels: int
) -> tuple[tuple[float, ...], tuple[float, ...], float, float]:
    """Mean, standard deviation, and the values that 0 and 255 are rescaled to."""
    low, high = 0.0, 255.0
    if getattr(processor, "do_rescale", None):
        high = 255.0 * float(processor.rescale_factor)
        high = round(high, 9)
    if getattr(processor, "rescale_offset", None):
        low, high = -1.0, high - 1.0
    mean, std = (0.0,) * channels, (1.0,) * channels
    given = _numbers(getattr(processor, "image_std", None), channels)
    if getattr(processor, "do_normalize", None):
        mean, std = _numbers(processor.image_mean, channels), given
    if getattr(processor, "include_top", None):
        # EfficientNet's processor divides by the standard deviation once more.
        std = tuple(a * b for a, b in zip(std, given, strict=True))
    return mean, std, low, high


def _channels_of(processor: Any, channels: int) -> Channels:
    if channels != 3:
        return Channels.GREY
    return Channels.BGR if getattr(processor, "do_flip_channel_order", None) else Channels.RGB


def _numbers(value: object, channels: int) -> tuple[float, ...]:
    if isinstance(value, int | float):
        return (float(value),) * channels
    if isinstance(value, Sequence) and len(value) == channels:
        return tuple(float(each) for each in value)
    if isinstance(value, Sequence) and value:
        return (math.fsum(value) / len(value),) * channels
    return (1.0,) * channels


def _side(size: Any, name: str) -> int | None:
    """One entry of a size, which is a mapping or an object, by name."""
    value = size.get(name) if isinstance(size, dict) else getattr(size, name, None)
    return int(value) if value else None


def _square(size: Any) -> tuple[int, int] | None:
    """(height, width) of a size, None if it specifies neither."""
    if size is None:
        return None
    if isinstance(size, int):
        return (size, size)
    height, width = _side(size, "height"), _side(size, "width")
    if height is None or width is None:
        short = _side(size, "shortest_edge")
        return (short, short) if short is not None else None
    return (height, width)
