"""Preprocessing presets and their validation: plain values, no torch.

Sources of the numbers: 'ImageNet' has the means and standard deviations of torchvision's presets;
'CLIP' those of Radford et al. 2021, 'Learning transferable visual models from natural language
supervision', as published with its code; 'Caffe' the ImageNet means of Caffe's reference networks
(VGG, ResNet), which take 0 to 255 in BGR order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from engine.errors import ModelError, OptionError
from engine.records import level_words
from engine.records.images import Channels, Preprocessing

MAX_SIDE = 4096
"""Largest side of a network's input, in pixels."""

MAX_CHANNELS = 64
"""Most input channels that are filled from one image (its grey values, repeated)."""

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")

ASSUMED = "assumed"
"""The origin of settings that no file specifies."""

PRESETS: Mapping[str, Preprocessing] = MappingProxyType(
    {
        "ImageNet": Preprocessing(256, (224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        "[\u22121, 1]": Preprocessing(256, (224, 224), (0.5,) * 3, (0.5,) * 3),
        "[0, 1]": Preprocessing(256, (224, 224), (0.0,) * 3, (1.0,) * 3),
        "CLIP": Preprocessing(
            224,
            (224, 224),
            (0.48145466, 0.4578275, 0.40821073),
            (0.26862954, 0.26130258, 0.27577711),
            interpolation="bicubic",
        ),
        "Caffe": Preprocessing(
            256,
            (224, 224),
            (103.939, 116.779, 123.68),
            (1.0, 1.0, 1.0),
            channels=Channels.BGR,
            range=(0.0, 255.0),
        ),
    }
)
"""Name -> preprocessing of a colour network with 224 x 224 input."""


def slug(name: str) -> str:
    """The preset's name on the command line: '[\u22121, 1]' is '-1..1'."""
    return name.casefold().replace("\u2212", "-").strip("[]").replace(", ", "..")


def find(text: str) -> str:
    """The name of the preset with this name or slug. Raises OptionError."""
    wanted = slug(text.strip()).replace(",", "..")
    for name in PRESETS:
        if slug(name) == wanted:
            return name
    known = ", ".join(map(slug, PRESETS))
    raise OptionError(f"there is no preset '{text[:40]}'; choose one of {known}")


def preset(name: str, size: tuple[int, int], channels: int = 3) -> Preprocessing:
    """A named preset for a network with input channels x height x width.

    size: (height, width). The margin that a preset crops (256 to 224) keeps its proportion. A
    network with any number of channels other than three gets grey values, with the preset's average
    mean and standard deviation.
    Raises KeyError for a name that is not in PRESETS.
    """
    known = PRESETS[name]
    margin = known.resize / known.crop[0] if isinstance(known.resize, int) else 1.0
    resize = _shorter_side(size, margin)
    if channels == 3:
        return replace(known, resize=resize, crop=size)
    return replace(
        known,
        resize=resize,
        crop=size,
        mean=(round(math.fsum(known.mean) / 3, 6),) * channels,
        std=(round(math.fsum(known.std) / 3, 6),) * channels,
        channels=Channels.GREY,
    )


def assumed(size: tuple[int, int], channels: int) -> Preprocessing:
    """The preprocessing assumed for a network whose files do not specify it.

    size: (height, width). Three channels: ImageNet, on which most published networks were trained
    or pretrained. Any other number: grey values from -1 to 1 (mean and standard deviation 0.5),
    since ImageNet's values do not apply to grey images (X-rays, digits) and 0.5 centres any of
    them. The cropped margin applies to ImageNet at 224 x 224 only. Networks of other sizes get the
    full shorter side, since a cropped margin cannot be explained.
    """
    name = "ImageNet" if channels == 3 else "[\u22121, 1]"
    how = preset(name, size, channels)
    if channels == 3 and size == PRESETS[name].crop:
        return how
    return replace(how, resize=_shorter_side(size, 1.0))


def name_of(how: Preprocessing) -> str:
    """The preset with these values (ignoring sizes and cropping), '' if there is none."""
    for name in PRESETS:
        same = preset(name, how.crop, len(how.mean))
        if _values(same) == _values(how):
            return name
    return ""


def with_values_of(name: str, how: Preprocessing) -> Preprocessing:
    """`how` with the values of a preset; its size, cropping, BGR order and grey are kept.

    A preset in BGR order sets that order. Raises KeyError for a name that is not in PRESETS.
    """
    known = preset(name, how.crop, len(how.mean))
    if how.channels is not Channels.RGB:
        known = reordered(known, how.channels)
    return replace(how, mean=known.mean, std=known.std, range=known.range, channels=known.channels)


def reordered(how: Preprocessing, channels: Channels) -> Preprocessing:
    """The preprocessing with another channel order; mean and deviation are reordered with it."""
    turned = Channels.BGR in (how.channels, channels) and how.channels is not channels
    if not turned or Channels.GREY in (how.channels, channels):
        return replace(how, channels=channels)
    return replace(how, channels=channels, mean=how.mean[::-1], std=how.std[::-1])


def described(how: Preprocessing) -> str:
    """Sizes and values in a few words, as in '224 x 224 pixels, ImageNet mean and deviation'."""
    height, width = how.crop
    low, high = how.range
    name = name_of(how)
    values = f"{name} mean and standard deviation"
    if not name:
        numbers = (", ".join(f"{value:g}" for value in part) for part in (how.mean, how.std))
        values = "mean {} and standard deviation {}".format(*numbers)
    order = "" if how.channels is Channels.RGB else f", {how.channels.value}"
    span = "" if (low, high) == (0.0, 1.0) else f", values {low:g} to {high:g}"
    return f"{height} x {width} pixels, {values}{order}{span}"


def validate(how: Preprocessing) -> None:
    """Raises ModelError, in a single line, for invalid values."""
    fault = fault_of(how)
    if fault:
        raise ModelError(f"preprocessing: {fault}")


def fault_of(how: Preprocessing) -> str:
    """What is wrong with these values, in a few words; '' if they are valid."""
    return _fault_of_sizes(how) or _fault_of_values(how) or level_words.fault_of(how.levels)


def _fault_of_sizes(how: Preprocessing) -> str:
    for word, size in (("crop", how.crop), ("resize", how.resize)):
        sides: tuple[int, ...] = (size,) if isinstance(size, int) else size or ()
        if not all(_whole(side) and 1 <= side <= MAX_SIDE for side in sides):
            return f"{word} must be 1 to {MAX_SIDE:,} pixels"
        if isinstance(size, tuple) and len(sides) != 2:
            return f"{word} must be a height and a width"
    if how.letterbox and not isinstance(how.resize, tuple):
        return "a letterbox requires a height and a width"
    if how.interpolation not in INTERPOLATIONS:
        return f"interpolation must be one of {', '.join(INTERPOLATIONS)}"
    if how.interpolation == "lanczos" and not how.antialias:
        return "lanczos is always antialiased"
    return ""


def _fault_of_values(how: Preprocessing) -> str:
    count = len(how.mean)
    low, high = how.range
    if not count or count != len(how.std):
        return (
            "mean and standard deviation must have the same length "
            f"({count} and {len(how.std)} are given)"
        )
    if not all(math.isfinite(value) for value in (*how.mean, *how.std, low, high)):
        return "mean, standard deviation and range must be finite numbers"
    if any(value <= 0 for value in how.std):
        return "a standard deviation must be greater than 0"
    if low == high:
        return "the two ends of the range must differ"
    if how.channels is Channels.GREY:
        return "" if count <= MAX_CHANNELS else f"at most {MAX_CHANNELS} channels can be filled"
    if count != 3:
        return f"{how.channels.value} has 3 channels, not {count}; choose grey for this network"
    return ""


def _values(how: Preprocessing) -> tuple[object, ...]:
    """The normalised values, independent of the channel order."""
    flipped = how.channels is Channels.BGR
    low, high = how.range
    span = high - low
    mean = tuple(round((value - low) / span, 4) for value in how.mean)
    std = tuple(round(value / span, 4) for value in how.std)
    return (mean[::-1], std[::-1]) if flipped else (mean, std)


def _shorter_side(size: tuple[int, int], margin: float) -> int | tuple[int, int]:
    """The resize before a centre crop: the shorter side, or both if the crop is not square."""
    height, width = size
    if height != width:
        return (round(height * margin), round(width * margin))
    return round(height * margin)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
