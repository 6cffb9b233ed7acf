"""The allow-list of layer classes that can be rebuilt from a pickle's description.

Each is built by its constructor, on the meta device, with arguments of the checked types and ranges
below. engine.formats.pickled.same_module then verifies the result against the description.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from engine.formats.pickled.layer_checks import (
    Check,
    any_of,
    each,
    flag,
    many,
    never,
    or_none,
    real,
    text,
    whole,
)
from engine.formats.pickled.layer_names import MEANT_BEFORE, canonical
from engine.formats.pickled.same_module import class_name
from engine.lazy import torchvision
from engine.weights.descriptions import Described

_CHANNELS = 1 << 24
_KERNEL = 256
_PADDING = 512
_SIDE = 4096

_EPS = real(0, 1e3)
_SLOPE = real(-1e6, 1e6)
_CHANCE = real(0, 1)
_AXIS = whole(-8, 8)
_COUNT = whole(1, _CHANNELS)
_STEP = whole(1, _KERNEL)
_MARGIN = whole(0, _PADDING)

REFUSALS = (ValueError, TypeError, RuntimeError, AssertionError, LookupError, ArithmeticError)
"""What a constructor raises for inconsistent arguments."""


class Misfit(Exception):
    """A layer that cannot be rebuilt: not on the list, or with implausible settings."""


@dataclass(frozen=True, slots=True)
class Layer:
    """How to rebuild a class. settings: checks for the attributes that are constructor arguments of
    the same name. flags: arguments that say whether a parameter exists, with its name."""

    kind: type[nn.Module]
    settings: Mapping[str, Check] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)


def make(module: Described, place: str) -> nn.Module:
    """The described layer, without its tensors. place: its name, for messages.

    Raises Misfit.
    """
    layer = layers().get(canonical(module.kind))
    if layer is None:
        raise Misfit(f"{place}: {module.kind}")
    attributes: Any = module.attributes
    given: dict[str, Any] = {
        argument: attributes["_parameters"].get(name) is not None
        for argument, name in layer.flags.items()
    }
    for name, check in layer.settings.items():
        before = MEANT_BEFORE.get((canonical(module.kind), name), _MISSING)
        value = attributes.get(name, before)
        if value is _MISSING:
            raise Misfit(f"{place} without {name}")
        if not check(value):
            raise Misfit(f"{place}.{name} {_shown(value)}")
        given[name] = value
    try:
        with torch.device("meta"):
            return layer.kind(**given)
    except REFUSALS as error:
        raise Misfit(f"{place}: settings that do not fit together") from error


def make_sequence(module: Described, children: Mapping[str, nn.Module], place: str) -> nn.Module:
    """The described Sequential, with these children. Raises Misfit."""
    kind = canonical(module.kind)
    try:
        sequence = nn.Sequential(OrderedDict(children))
        if kind == class_name(nn.Sequential):
            return sequence
        made = torchvision.load().ops.misc.Conv2dNormActivation(1, 1)
    except REFUSALS as error:
        raise Misfit(f"{place}: invalid layer names") from error
    made._modules.clear()
    made._modules.update(sequence._modules)
    channels = module.attributes.get("out_channels")
    made.out_channels = channels if type(channels) is int else 1
    return made  # type: ignore[no-any-return]


def is_sequence(kind: str) -> bool:
    """Whether a class only calls its children in sequence."""
    return canonical(kind) in (
        "torch.nn.modules.container.Sequential",
        "torchvision.ops.misc.Conv2dNormActivation",
    )


_MISSING = object()


def _shown(value: object) -> str:
    if isinstance(value, Described):
        return value.kind
    huge = isinstance(value, int) and abs(value) > 10**20
    text = "a huge number" if huge else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


# --- the list ------------------------------------------------------------------------------------


def layers() -> dict[str, Layer]:
    """The classes that can be rebuilt, by their names in pickles."""
    if not _layers:
        known = (*_weighted(), *_normalisations(), *_poolings(), *_activations(), *_others())
        _layers.update({class_name(layer.kind): layer for layer in known})
    return _layers


_layers: dict[str, Layer] = {}


def _weighted() -> tuple[Layer, ...]:
    bias = {"bias": "bias"}
    convolutions = []
    kinds: tuple[type[nn.Module], ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    for axes, kind in enumerate(kinds, 1):
        settings = _convolution(axes)
        settings["padding"] = any_of(many(_MARGIN, axes), text("same", "valid"))
        settings["padding_mode"] = text("zeros", "reflect", "replicate", "circular")
        convolutions.append(Layer(kind, settings, bias))
    kinds = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    for axes, kind in enumerate(kinds, 1):
        settings = _convolution(axes)
        settings |= {"stride": many(whole(1, 32), axes), "padding": many(_MARGIN, axes)}
        settings |= {"output_padding": many(_MARGIN, axes), "padding_mode": text("zeros")}
        convolutions.append(Layer(kind, settings, bias))
    features = {"in_features": _COUNT, "out_features": _COUNT}
    pairs = {"in1_features": _COUNT, "in2_features": _COUNT, "out_features": _COUNT}
    return (
        *convolutions,
        Layer(nn.Linear, features, bias),
        Layer(nn.Bilinear, pairs, bias),
    )


def _convolution(axes: int) -> dict[str, Check]:
    return {
        "in_channels": _COUNT,
        "out_channels": _COUNT,
        "kernel_size": many(_STEP, axes),
        "stride": many(_STEP, axes),
        "dilation": many(_STEP, axes),
        "groups": _COUNT,
    }


def _normalisations() -> tuple[Layer, ...]:
    batch: dict[str, Check] = {
        "num_features": _COUNT,
        "eps": _EPS,
        "momentum": or_none(_CHANCE),
        "affine": flag,
        "track_running_stats": flag,
    }
    batches = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    instances = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
    shape = many(_COUNT)
    layer: dict[str, Check] = {"normalized_shape": shape, "eps": _EPS, "elementwise_affine": flag}
    group: dict[str, Check] = {"num_groups": _COUNT, "num_channels": _COUNT, "eps": _EPS}
    local: dict[str, Check] = {"size": _STEP, "alpha": _SLOPE, "beta": _SLOPE, "k": _SLOPE}
    return (
        *(Layer(kind, batch) for kind in (*batches, *instances)),
        Layer(nn.LayerNorm, layer, {"bias": "bias"}),
        Layer(torchvision.load().models.convnext.LayerNorm2d, layer, {"bias": "bias"}),
        Layer(nn.GroupNorm, group | {"affine": flag}),
        Layer(nn.RMSNorm, {**layer, "eps": or_none(_EPS)}),
        Layer(nn.LocalResponseNorm, local),
    )


def _poolings() -> tuple[Layer, ...]:
    found = []
    for axes, kinds in enumerate(
        (
            (nn.MaxPool1d, nn.AvgPool1d, nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d),
            (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
            (nn.MaxPool3d, nn.AvgPool3d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d),
        ),
        1,
    ):
        largest, average, adaptive, adaptive_largest = kinds
        window = {
            "kernel_size": each(_STEP, axes),
            "stride": each(_STEP, axes),
            "padding": each(whole(0, _KERNEL // 2), axes),
            "ceil_mode": flag,
        }
        steps = {"dilation": each(_STEP, axes), "return_indices": never}
        found.append(Layer(largest, window | steps))
        averaging: dict[str, Check] = window | {"count_include_pad": flag}
        if axes > 1:
            averaging["divisor_override"] = or_none(_COUNT)
        found.append(Layer(average, averaging))
        size = {"output_size": each(or_none(_STEP), axes)}
        found.append(Layer(adaptive, size))
        found.append(Layer(adaptive_largest, size | {"return_indices": never}))
    powered = {"norm_type": real(0.1, 100), "ceil_mode": flag}
    for axes, kind in enumerate((nn.LPPool1d, nn.LPPool2d), 1):
        steps = {"kernel_size": each(_STEP, axes), "stride": or_none(each(_STEP, axes))}
        found.append(Layer(kind, powered | steps))
    return tuple(found)


def _activations() -> tuple[Layer, ...]:
    inplace: dict[str, Check] = {"inplace": flag}
    simple = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Mish, nn.SELU, nn.Hardswish, nn.Hardsigmoid)
    plain = (nn.Sigmoid, nn.Tanh, nn.LogSigmoid, nn.Softsign, nn.Tanhshrink, nn.Softmax2d)
    axis = {"dim": or_none(_AXIS)}
    return (
        *(Layer(kind, inplace) for kind in simple),
        *(Layer(kind) for kind in plain),
        Layer(nn.LeakyReLU, {"negative_slope": _SLOPE, **inplace}),
        Layer(nn.PReLU, {"num_parameters": _COUNT}),
        Layer(nn.ELU, {"alpha": _SLOPE, **inplace}),
        Layer(nn.CELU, {"alpha": real(1e-9, 1e6), **inplace}),
        Layer(nn.GELU, {"approximate": text("none", "tanh")}),
        Layer(nn.GLU, {"dim": _AXIS}),
        Layer(nn.Hardtanh, {"min_val": _SLOPE, "max_val": _SLOPE, **inplace}),
        Layer(nn.Threshold, {"threshold": _SLOPE, "value": _SLOPE, **inplace}),
        Layer(nn.Softplus, {"beta": _SLOPE, "threshold": _SLOPE}),
        Layer(nn.Softshrink, {"lambd": real(0, 1e6)}),
        Layer(nn.Hardshrink, {"lambd": _SLOPE}),
        *(Layer(kind, axis) for kind in (nn.Softmax, nn.Softmin, nn.LogSoftmax)),
    )


def _others() -> tuple[Layer, ...]:
    ops = torchvision.load().ops
    dropouts = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
    dropping: dict[str, Check] = {"p": _CHANCE, "inplace": flag}
    found = [Layer(kind, dropping) for kind in (*dropouts, nn.AlphaDropout, nn.FeatureAlphaDropout)]
    side = whole(1, _SIDE)
    scale = real(0.01, 32)
    found += [
        Layer(nn.Identity),
        Layer(nn.Flatten, {"start_dim": _AXIS, "end_dim": _AXIS}),
        Layer(nn.Unflatten, {"dim": _AXIS, "unflattened_size": many(whole(-1, _CHANNELS))}),
        Layer(nn.PixelShuffle, {"upscale_factor": whole(1, 32)}),
        Layer(nn.PixelUnshuffle, {"downscale_factor": whole(1, 32)}),
        Layer(nn.ChannelShuffle, {"groups": _COUNT}),
        Layer(
            nn.Upsample,
            {
                "size": or_none(any_of(side, many(side, 1, 2, 3))),
                "scale_factor": or_none(any_of(scale, many(scale, 1, 2, 3))),
                "mode": text("nearest", "linear", "bilinear", "bicubic", "trilinear"),
                "align_corners": or_none(flag),
                "recompute_scale_factor": or_none(flag),
            },
        ),
        Layer(ops.Permute, {"dims": many(_AXIS)}),
        Layer(ops.StochasticDepth, {"p": _CHANCE, "mode": text("batch", "row")}),
    ]
    for axes in (1, 2, 3):
        padding = {"padding": many(whole(-_PADDING, _PADDING), 2 * axes)}
        for name in ("ReflectionPad", "ReplicationPad", "ZeroPad", "CircularPad"):
            found.append(Layer(getattr(nn, f"{name}{axes}d"), padding))
        found.append(Layer(getattr(nn, f"ConstantPad{axes}d"), padding | {"value": _SLOPE}))
    return tuple(found)
