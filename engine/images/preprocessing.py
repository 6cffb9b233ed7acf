"""Preprocesses an image to network input, and keeps the geometry that maps back to the original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import pad

from engine.images import levels
from engine.images.placing import (
    LETTERBOX_GREY,
    Placement,
    check_ratio,
    crop_box,
    cropped,
    filter_of,
    is_pillows,
    placement,
    region_of,
    resized,
    selected,
)
from engine.images.presets import validate
from engine.lazy import torchvision
from engine.records.images import (
    ChannelNumbers,
    Channels,
    LoadedImage,
    Pixels,
    Preprocessing,
    Region,
)
from engine.records.levels import Applied, Depth

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R 601-2), as in Pillow."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """tensor: float32 (1, channels, h, w) on the CPU; region: its place on the original image."""

    tensor: torch.Tensor
    region: Region


def prepare(image: LoadedImage, how: Preprocessing) -> Prepared:
    """Resize, crop, select channels and normalise, in this order.

    With a torchvision preset the tensor is bit-identical to the result of `weights.transforms()`.
    Greyscale conversion is Pillow's (ITU-R 601-2), before the resize; grey values are repeated for
    networks with several channels. Without antialias, the image is resized as torchvision resizes
    tensors. A crop larger than the image is padded with black; a letterbox with LETTERBOX_GREY.

    Values of more than 8 bits are scaled by their levels, from 0 for black to 1 for white, and
    resized as float32, never as 8 bits.

    Raises ModelError where presets.validate does, ImageError for an aspect ratio so extreme that
    the resized image would exceed images.MAX_PIXELS.
    """
    validate(how)
    place = placement(image.width, image.height, how)
    check_ratio(image.name, image.width, image.height, how)
    applied = levels.applied_to(image, how.levels)
    region = region_of(image.width, image.height, how)
    if applied is None:
        units = _from_bytes(image.pixels, place, how)
    else:
        depth = levels.depth_of(image)
        if levels.is_in_bytes(depth, applied):
            units = _from_bytes(levels.to_bytes(depth, applied), place, how)
        else:
            units = _from_values(depth, applied, place, how)
    return Prepared(_normalised(units, how).unsqueeze(0), region)


def prepare_crop(crop: Pixels, size: tuple[int, int], how: Preprocessing) -> Prepared:
    """The same from a crop that placing.cropped made: uint8 (h, w, 1 or 3).

    size: (width, height) of the original.
    """
    return Prepared(_normalised(_planes(crop), how).unsqueeze(0), region_of(*size, how))


def numbers_of(tensor: torch.Tensor) -> tuple[ChannelNumbers, ...]:
    """The numbers of each channel of a network's input; tensor: (1, channels, h, w)."""
    planes = tensor.detach().to("cpu", torch.float64).reshape(-1, *tensor.shape[-2:])
    return tuple(
        ChannelNumbers(float(plane.min()), float(plane.max()), float(plane.mean()))
        for plane in planes
    )


def _from_bytes(pixels: Pixels, place: Placement, how: Preprocessing) -> torch.Tensor:
    """uint8 (1 or 3, h, w), cropped, in RGB order."""
    picture = _resized(selected(Image.fromarray(pixels), how), place, how)
    return _planes(cropped(picture, place, how))


def _planes(crop: Pixels) -> torch.Tensor:
    return torch.from_numpy(crop).permute(2, 0, 1).contiguous()


def _from_values(
    depth: Depth, applied: Applied, place: Placement, how: Preprocessing
) -> torch.Tensor:
    """float32 (1 or 3, h, w) from 0 to 1, cropped, in RGB order."""
    unit = levels.to_unit(depth, applied)
    planes = [unit] if unit.ndim == 2 else [unit[..., channel] for channel in range(3)]
    if how.channels is Channels.GREY and len(planes) == 3:
        weighted = [plane * np.float32(w) for plane, w in zip(planes, _LUMA, strict=True)]
        planes = [weighted[0] + weighted[1] + weighted[2]]
    whole = torch.stack([_plane_resized(plane, place, how) for plane in planes]).clamp(0, 1)
    if how.letterbox:
        canvas = whole.new_full((len(planes), *place.canvas[::-1]), LETTERBOX_GREY / 255)
        rows, columns = slice(place.top, None), slice(place.left, None)
        canvas[:, rows, columns][:, : place.height, : place.width] = whole
        whole = canvas
    left, top, right, bottom = crop_box(place, how)
    width, height = place.canvas
    # Negative padding crops.
    cropped = pad(whole, (-left, right - width, -top, bottom - height))
    if len(planes) == 1 and how.channels is not Channels.GREY:
        return cropped.expand(3, -1, -1)
    return cropped


def _plane_resized(
    plane: NDArray[np.float32], place: Placement, how: Preprocessing
) -> torch.Tensor:
    """float32 (h, w), resized like an 8-bit image but without rounding."""
    plane = np.ascontiguousarray(plane)
    if plane.shape == (place.height, place.width):
        return torch.from_numpy(plane)
    if is_pillows(how):
        size = (place.width, place.height)
        small = Image.fromarray(plane).resize(size, filter_of(how))
        return torch.from_numpy(np.array(small))
    return _without_antialias(torch.from_numpy(plane)[None], place, how)[0]


def _without_antialias(tensor: torch.Tensor, place: Placement, how: Preprocessing) -> torch.Tensor:
    """(1, h, w), resized as torchvision resizes tensors."""
    functional = torchvision.load().transforms.functional
    mode = functional.InterpolationMode(how.interpolation)
    size = [place.height, place.width]
    result: torch.Tensor = functional.resize(tensor, size, mode, antialias=False)
    return result


def as_seen(tensor: torch.Tensor, how: Preprocessing) -> Pixels:
    """The network's input as an image: normalisation, value range and channel order undone.

    tensor: (1, channels, h, w) or (channels, h, w), as returned by prepare(). Returns uint8
    (h, w, 3), RGB, exactly the values before normalisation (rounded to 8 bits where there were
    more); grey for a greyscale network.
    """
    values = tensor.detach().to("cpu", torch.float64).reshape(-1, *tensor.shape[-2:])
    std = torch.tensor(how.std, dtype=torch.float64)[:, None, None]
    mean = torch.tensor(how.mean, dtype=torch.float64)[:, None, None]
    low, high = how.range
    greys = (values * std + mean - low) * (255 / (high - low))
    if how.channels is Channels.GREY:
        greys = greys[:1].expand(3, -1, -1)
    elif how.channels is Channels.BGR:
        greys = greys.flip(0)
    pixels = greys.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return np.asarray(pixels)


def _resized(picture: Image.Image, place: Placement, how: Preprocessing) -> Image.Image:
    if is_pillows(how) or picture.size == (place.width, place.height):
        return resized(picture, place, how)
    # Channel by channel: torchvision converts its whole argument to floating point at once.
    planes = [torch.from_numpy(np.array(plane))[None] for plane in picture.split()]
    small = [_without_antialias(plane, place, how)[0].numpy() for plane in planes]
    return Image.merge(picture.mode, [Image.fromarray(plane) for plane in small])


def _normalised(units: torch.Tensor, how: Preprocessing) -> torch.Tensor:
    """uint8 (1 or 3, h, w), or float32 from 0 to 1, to the values of the network's input."""
    low, high = how.range
    if how.channels is Channels.BGR:
        units = units.flip(0)
    if units.dtype == torch.uint8:
        # In this order a range of 0 to 1 divides by 255, as torchvision does, and one of 0 to 255
        # changes nothing.
        values = units.to(torch.float32) * (high - low) / 255 + low
    else:
        values = units * (high - low) + low
    values = values.expand(len(how.mean), -1, -1)
    mean, std = (torch.tensor(each, dtype=torch.float32) for each in (how.mean, how.std))
    return (values - mean[:, None, None]) / std[:, None, None]
