"""What a network tells about its input: sizes in its attributes and configurations, in its position
embedding, in an error, and in the defaults of its constructor; the channels of its first layer."""

from __future__ import annotations

import inspect
import itertools
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from torch import nn

from engine.loading.pass_failures import Failure
from engine.passes.wrappers import unwrapped

Size = tuple[int, int]
"""(height, width)."""

# Names of image sizes anywhere near the top of a network, and of the whole network alone: deeper
# down, the others may be sizes of feature maps.
_IMAGE = ("image_size", "img_size", "img_dim", "image_shape")
_WHOLE = (
    *("input_size", "input_shape", "input_resolution", "image_resolution", "img_resolution"),
    *("in_size", "resolution", "crop_size"),
)
_CONFIGURATIONS = ("pretrained_cfg", "default_cfg", "config", "cfg", "hparams")
_INNER_CONFIGURATIONS = ("vision_config", "backbone_config")
_DEEPEST = 2
_SMALLEST, _LARGEST = 8, 2048
_MOST_CHANNELS = 16

_RESHAPE = re.compile(r"shape '\[([-\d, ]+)\]' is invalid for input of size")
_MOST_NAMED = 8


def told_sizes(module: nn.Module) -> list[Size]:
    """Sizes in the network's attributes and configurations, the most credible first."""
    module = unwrapped(module)
    found: list[Size | None] = []
    for name, part in module.named_modules():
        depth = name.count(".") + 1 if name else 0
        if depth > _DEEPEST:
            continue
        names = _IMAGE if depth else (*_IMAGE, *_WHOLE)
        found += [_size_of(_entry(part, each)) for each in names]
        for each in _CONFIGURATIONS:
            found += _configured(_entry(part, each))
    return _distinct(found)


def usual_sizes(module: nn.Module) -> list[Size]:
    """Sizes in the defaults of the constructor; the network may have been built with others."""
    try:
        parameters = inspect.signature(type(unwrapped(module)).__init__).parameters
    except (TypeError, ValueError):
        return []
    wanted = (parameters[name].default for name in (*_IMAGE, *_WHOLE) if name in parameters)
    return _distinct(map(_size_of, wanted))


def named_sizes(failure: Failure, channels: int) -> list[Size]:
    """Sizes that an error names: of a fixed reshape of the input, or compared with its size."""
    found: list[Size | None] = []
    reshape = _RESHAPE.search(failure.text)
    if reshape is not None:
        shape = [int(number) for number in reshape.group(1).split(",")]
        if len(shape) > 2:
            found += [(shape[-2], shape[-1])]
        if len(shape) == 4:
            found += [(shape[1], shape[2])]
        side = math.isqrt(max(0, shape[-1]) // channels)
        found += [(side, side)] if channels * side * side == shape[-1] else []
    elif failure.check:
        numbers = [
            int(number) for number in re.findall(r"(?<![\d.])\d{1,4}(?![\d.])", failure.text)
        ]
        pairs = re.findall(r"\b(\d{1,4}) ?[x*\u00d7,] ?(\d{1,4})\b", failure.text)
        found += [(int(height), int(width)) for height, width in pairs]
        found += [(number, number) for number in numbers]
    return _distinct(found)[:_MOST_NAMED]


def embedded_sizes(module: nn.Module, channels: int) -> list[Size]:
    """Input sizes implied by the position embedding and patches of a vision transformer."""
    patch = _patch(module, channels)
    if patch is None:
        return []
    (height, width), depth = patch
    grids: list[Size] = []
    for name, tensor in itertools.chain(module.named_parameters(), module.named_buffers()):
        if "pos" not in name.lower() or tensor.ndim < 2 or depth not in tensor.shape:
            continue
        if tensor.ndim == 4 and tensor.shape[0] == 1:
            last = tensor.shape[3] == depth
            sides = tensor.shape[1:3] if last else tensor.shape[2:]
            grids.append((sides[0], sides[1]))
        elif tensor.shape[-1] == depth and tensor.numel() == tensor.shape[-2] * depth:
            grids += _token_grids(int(tensor.shape[-2]))
    return _distinct((rows * height, columns * width) for rows, columns in grids)


def channel_counts(module: nn.Module) -> list[int]:
    """Candidate numbers of input channels, the most likely first; never empty.

    The first convolution decides (a patch embedding counts), or the first convolution-like weight
    if module types are lost. Then follow 3 and 1, for networks that convert the channels themselves
    or have no convolution.
    """
    counts = [
        int(part.weight.shape[1]) * part.groups
        for part in module.modules()
        if isinstance(part, nn.Conv2d)
    ] or [int(weight.shape[1]) for weight in module.parameters() if weight.ndim == 4]
    return list(dict.fromkeys([*counts[:1], 3, 1]))


def is_for_small_pictures(module: nn.Module, scores: int, grid: Size, side: int) -> bool:
    """Whether a network that accepts any size was probably trained on CIFAR.

    It has 10 or 100 classes (scores), a first convolution that keeps the size, and keeps at least
    an eighth of it up to its last grid (for an image of side x side); networks for large images
    divide it by 32.
    """
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    if first is None or scores not in (10, 100) or first.in_channels != 3:
        return False
    keeps = tuple(first.stride) == (1, 1) and max(first.kernel_size) <= 3
    return keeps and 8 * min(grid) >= side


def grids_of(cells: int) -> Iterator[Size]:
    """Rows and columns for `cells` cells: a square, else the two rectangles closest to one."""
    root = math.isqrt(cells)
    if root * root == cells:
        yield (root, root)
        return
    rows = next(r for r in range(root, 0, -1) if cells % r == 0)
    if cells // rows <= 2 * rows:
        yield (rows, cells // rows)
        yield (cells // rows, rows)


def _configured(config: Any) -> Iterator[Size | None]:
    """The sizes in a configuration: a mapping or an object with attributes."""
    if config is None or isinstance(config, nn.Module | str | int | float | type):
        return
    for name in (*_IMAGE, *_WHOLE):
        yield _size_of(_entry(config, name))
    for name in _INNER_CONFIGURATIONS:
        yield from _configured(_entry(config, name))


def _entry(holder: Any, name: str) -> Any:
    """An entry of a dictionary, or an attribute, found without running a property's code."""
    if isinstance(holder, dict):
        return dict.get(holder, name)
    return inspect.getattr_static(holder, name, None)


def _size_of(value: Any) -> Size | None:
    """A side, (height, width), (channels, height, width), or a mapping with these names."""
    if isinstance(value, dict):
        value = (value.get("height"), value.get("width"))
    if type(value) is int:
        return (value, value)
    if not isinstance(value, list | tuple) or any(type(side) is not int for side in value):
        return None
    if len(value) == 1:
        return (value[0], value[0])
    if len(value) == 3:
        first = value[0] <= _MOST_CHANNELS
        return (value[1], value[2]) if first else (value[0], value[1])
    return (value[-2], value[-1]) if len(value) in (2, 4) else None


def _distinct(sizes: Iterable[Size | None]) -> list[Size]:
    fitting = (size for size in sizes if size is not None)
    return list(dict.fromkeys(s for s in fitting if min(s) >= _SMALLEST and max(s) <= _LARGEST))


def _token_grids(tokens: int) -> list[Size]:
    """Grids of a sequence with one extra token, none, two (distillation), or five (registers)."""
    counts = [tokens - prefix for prefix in (1, 0, 2, 5) if tokens > prefix + 1]
    squares = [(math.isqrt(n),) * 2 for n in counts if math.isqrt(n) ** 2 == n]
    if squares:
        return [(side, side) for side, _ in squares]
    return [grid for n in counts for grid in grids_of(n)]


def _patch(module: nn.Module, channels: int) -> tuple[Size, int] | None:
    """(height, width) of a patch and the length of its token.

    The first convolution makes patches if its stride equals its kernel size, a linear layer if its
    input is a square of pixels.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            height, width = part.kernel_size[0], part.kernel_size[1]
            whole = (height, width) == tuple(part.stride) and height > 1
            return ((height, width), part.out_channels) if whole else None
        if isinstance(part, nn.Linear) and part.in_features % channels == 0:
            side = math.isqrt(part.in_features // channels)
            if side > 1 and side * side * channels == part.in_features:
                return (side, side), part.out_features
    return None
