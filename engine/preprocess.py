"""Image to network input, with the geometry that places a map back on the original."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image

from engine import vision
from engine.errors import ImageError
from engine.images import MAX_PIXELS
from engine.records import LoadedImage, Preprocessing, Region


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """tensor: float32 (1, 3, h, w) on the CPU; region: what of the original it covers."""

    tensor: torch.Tensor
    region: Region


def prepare(image: LoadedImage, how: Preprocessing) -> Prepared:
    """Resize, crop and normalise as torchvision's classification presets do.

    The tensor is bit for bit what `weights.transforms()` gives for the same picture, since it
    calls the same functions in the same order. Raises ImageError for a picture so long and thin
    that the resized one would exceed images.MAX_PIXELS.
    """
    _check_proportions(image, how)
    functional = vision.load().transforms.functional
    picture = functional.resize(
        Image.fromarray(image.pixels),
        [how.resize],
        interpolation=functional.InterpolationMode(how.interpolation),
        antialias=how.antialias,
    )
    picture = functional.center_crop(picture, list(how.crop))
    tensor = functional.convert_image_dtype(functional.pil_to_tensor(picture), torch.float)
    tensor = functional.normalize(tensor, mean=list(how.mean), std=list(how.std))
    return Prepared(tensor.unsqueeze(0), region_of(image.width, image.height, how))


def region_of(width: int, height: int, how: Preprocessing) -> Region:
    """The rectangle of a width x height original that the crop covers, in original pixels.

    It reaches beyond the original where the crop is larger than the resized picture, since the
    crop is then padded.
    """
    short, long = sorted((width, height))
    long_resized = int(how.resize * long / short)
    resized_width, resized_height = (
        (how.resize, long_resized) if width <= height else (long_resized, how.resize)
    )
    crop_height, crop_width = how.crop
    left = _crop_start(resized_width, crop_width)
    top = _crop_start(resized_height, crop_height)
    scale_x, scale_y = width / resized_width, height / resized_height
    return Region(left * scale_x, top * scale_y, crop_width * scale_x, crop_height * scale_y)


def _check_proportions(image: LoadedImage, how: Preprocessing) -> None:
    short, long = sorted((image.width, image.height))
    if how.resize * how.resize * long // short > MAX_PIXELS:
        raise ImageError(
            f"{image.name}: {image.width:,} x {image.height:,} pixels are too long and thin for a "
            "network; cut out the part that matters"
        )


def _crop_start(length: int, crop: int) -> int:
    """Where torchvision's center_crop starts along one axis; negative where it pads."""
    if crop > length:
        return -((crop - length) // 2)
    return round((length - crop) / 2.0)
