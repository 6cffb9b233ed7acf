"""Methods of a layer that run the network many times, as functions of a script.

Their random numbers are drawn in the order of engine.methods, so that a seed gives the same map.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.records.models import Layout
from engine.records.options import Value
from engine.scripting.recipe import NoScript, Place, Recipe

Options = dict[str, Value]

_SPACE = "dim=(1, 2), keepdim=True"

SCALED = '''\
def scaled(mask):
    """A mask from 0 to 1."""
    low, high = mask.min(), mask.max()
    return (mask - low) / (high - low) if high > low else torch.zeros_like(mask)
'''


def _of_masks(options: Options, prepare: tuple[str, ...], each: tuple[str, ...]) -> list[str]:
    """The lines of Score-CAM and its kin. each: lines that give 'weight' of 'mask'."""
    lines = [
        *prepare,
        "weights = torch.zeros(len(A), dtype=torch.float64)",
        "masks = [k for k in range(len(A)) if A[k].min() < A[k].max()]  # a constant one is none",
        "for k in masks:",
        "    enlarged = functional.interpolate(",
        '        A[k][None, None].float(), x.shape[2:], mode="bilinear", align_corners=False',
        "    )",
        "    mask = scaled(enlarged)",
        *(f"    {line}" for line in each),
    ]
    if options.get("softmax"):
        lines.append("weights[masks] = weights[masks].softmax(dim=0)")
    return lines


def _score_cam(options: Options, _place: Place) -> list[str]:
    return _of_masks(options, (), ("weights[k] = score(network(x * mask))",))


def _ss_cam(options: Options, _place: Place) -> list[str]:
    count, sigma = options["n"], options["sigma"]
    prepare = (f"generator = torch.Generator().manual_seed({options['seed']})",)
    each = (
        f"for _ in range({count}):",
        f"    noise = {sigma} * torch.randn(x.shape[2:], generator=generator)",
        f"    weights[k] += score(network(x * scaled(mask + noise))) / {count}",
    )
    return _of_masks(options, prepare, each)


def _is_cam(options: Options, _place: Place) -> list[str]:
    count = options["n"]
    each = (
        f"for step in range(1, {count + 1 if isinstance(count, int) else count}):",
        f"    weights[k] += score(network(x * mask * (step / {count}))) / {count}",
    )
    return _of_masks(options, (), each)


def _ablation_cam(_options: Options, place: Place) -> list[str]:
    if place.calls > 1 or place.first:
        raise NoScript("the layer is called several times, or returns more than one tensor")
    channel = {
        Layout.CHANNELS_FIRST: "[:, k]",
        Layout.CHANNELS_LAST: "[..., k]",
        Layout.TOKENS: f"[:, {place.prefix or ''}:, k]",
    }[place.layout]
    return [
        "whole = score(network(x)).double()",
        "weights = torch.zeros(len(A), dtype=torch.float64)",
        "for k in range(len(A)):",
        "",
        "    def without_channel(module, inputs, output, k=k):",
        "        output = output.clone()",
        f"        output{channel} = 0",
        "        return output",
        "",
        "    with network.get_submodule(LAYER).register_forward_hook(without_channel):",
        "        weights[k] = whole - score(network(x))",
    ]


def _smooth_grad_cam_plus_plus(options: Options, _place: Place) -> list[str]:
    count = options["n"]
    return [
        f"generator = torch.Generator().manual_seed({options['seed']})",
        f"spread = {options['sigma']} * (x.max() - x.min())",
        "first = second = third = torch.zeros_like(A)",
        f"for _ in range({count}):",
        "    noise = torch.randn(x.shape[1:], generator=generator)",
        "    _, G = activation_and_gradient(network, x + spread * noise)",
        f"    first, second, third = first + G / {count}, second + G**2 / {count}, "
        f"third + G**3 / {count}",
        f"below = 2 + A.sum({_SPACE}) * third / second",
        "# Where the formula divides by zero, a value is left out.",
        "used = (first > 0) & (second > 0) & (below.abs() >= 1e-6)",
        "weights = torch.where(used, first / below, 0.0).sum(dim=(1, 2))",
    ]


_BODIES: dict[str, Callable[[Options, Place], list[str]]] = {
    "score-cam": _score_cam,
    "ss-cam": _ss_cam,
    "is-cam": _is_cam,
    "ablation-cam": _ablation_cam,
    "smooth-grad-cam++": _smooth_grad_cam_plus_plus,
}

TERMS = "weights[:, None, None] * A"
"""Whose sum over channels is the map, once the weights are known."""


def knows(slug: str) -> bool:
    """Whether the method of that slug is here."""
    return slug in _BODIES


def takes_gradients(slug: str) -> bool:
    """Whether it needs the gradients of further images."""
    return slug == "smooth-grad-cam++"


def weighing(recipe: Recipe) -> list[str]:
    """The lines that make 'weights' (C,) of the network, its input x and the activation A."""
    assert recipe.place is not None
    return _BODIES[recipe.how.method.slug](dict(recipe.how.options), recipe.place)


def needs_scaled(slug: str) -> bool:
    """Whether its lines call the function SCALED."""
    return slug in ("score-cam", "ss-cam", "is-cam")
