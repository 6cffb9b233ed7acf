"""The table of methods: one row for each, as plain values, without torch and without numpy.

Whatever names, describes, offers or checks a method reads it here: the command line, the window,
the engine, the guide. The function of a row is imported when load is called, and torch with it.
The rows themselves are in the room rows, by family; what a row says is in method.py.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from engine.errors import MethodError
from engine.methods import options as _options
from engine.methods.method import Family as Family
from engine.methods.method import Method as Method
from engine.methods.method import Need as Need
from engine.methods.options import Kind as Kind
from engine.methods.options import Option as Option
from engine.methods.options import shown
from engine.methods.rows.activation import ACTIVATION_ONLY
from engine.methods.rows.attention import ATTENTION
from engine.methods.rows.gradient import GRADIENT
from engine.methods.rows.perturbation import PERTURBATION
from engine.methods.rows.pixel import PIXEL
from engine.methods.rows.shared import FUSE, with_shared
from engine.records.options import DEFAULT_METHOD, Value

if TYPE_CHECKING:
    from torch import Tensor

    from engine.methods.attention import AttentionInput
    from engine.methods.inputs import MethodInput, MethodMap, Weights
    from engine.methods.pixels.inputs import PixelInput
    from engine.records.models import LayerNode, Layout


@dataclass(frozen=True, slots=True)
class Chosen:
    """A method with a value for each of its options; equal choices give equal maps."""

    method: Method
    options: tuple[tuple[str, Value], ...] = ()


METHODS: tuple[Method, ...] = tuple(
    map(with_shared, (*GRADIENT, *ACTIVATION_ONLY, *PERTURBATION, *PIXEL, *ATTENTION))
)
"""Every method, in the order in which menus and lists show them."""


def find(slug: str) -> Method:
    """The row of a slug, in any case of letters. Raises MethodError, with the nearest slugs."""
    wanted = slug.strip().casefold()
    for method in METHODS:
        if method.slug == wanted:
            return method
    import difflib

    near = difflib.get_close_matches(wanted, [method.slug for method in METHODS], n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else "."
    raise MethodError(f"there is no method '{slug}'{hint} The command 'methods' lists all")


def choose(slug: str, options: Mapping[str, object] | None = None) -> Chosen:
    """The method of a slug with these options, the others at their defaults.

    Raises MethodError as find and check_options do.
    """
    method = find(slug)
    return Chosen(method, tuple(check_options(method, options or {}).items()))


def title_of(slug: str) -> str:
    """A method's name as its authors write it; a slug that the table lacks as it stands."""
    return next((method.title for method in METHODS if method.slug == slug), slug)


def described(slug: str, options: Sequence[tuple[str, Value]]) -> str:
    """A method's title, with the options that are not at their defaults: 'Random-CAM (seed 3)'.

    How maps are fused is said where the layers are named: engine.methods.modifiers.place_words.
    """
    defaults = {o.name: o.default for m in METHODS if m.slug == slug for o in m.options}
    changed = [
        f"{name} {shown(value)}"
        for name, value in options
        if defaults.get(name) != value and name != FUSE.name
    ]
    return title_of(slug) + (f" ({', '.join(changed)})" if changed else "")


def load(method: Method) -> Callable[[MethodInput], MethodMap]:
    """The function of a row. Imports its module, and torch with it."""
    return cast("Callable[[MethodInput], MethodMap]", imported(method.function))


def load_weights(method: Method) -> Callable[[Tensor, Layout], Weights]:
    """What makes channel weights of a gradient, of a row that has it; as load does."""
    return cast("Callable[[Tensor, Layout], Weights]", imported(method.weights))


def load_pixel(method: Method) -> Callable[[PixelInput], MethodMap]:
    """The function of a row of the family PIXEL, as load does."""
    return cast("Callable[[PixelInput], MethodMap]", imported(method.function))


def load_attention(method: Method) -> Callable[[AttentionInput], MethodMap]:
    """The function of a row of the family ATTENTION, as load does."""
    return cast("Callable[[AttentionInput], MethodMap]", imported(method.function))


def compared(chosen: Chosen, logits: Sequence[float], target: int) -> tuple[tuple[int, float], ...]:
    """The (class, coefficient) pairs of the sum of logits that is explained for a class.

    For most methods it is the class's own logit. Raises MethodError where there is nothing to
    compare with.
    """
    if not chosen.method.compared:
        return ((target, 1.0),)
    function = cast(
        "Callable[[Sequence[float], int, Mapping[str, Value]], tuple[tuple[int, float], ...]]",
        imported(chosen.method.compared),
    )
    return function(logits, target, dict(chosen.options))


@functools.cache
def imported(place: str) -> Any:
    """What 'module:name' in a row names. Imports its module."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def parse_options(method: Method, texts: Mapping[str, str]) -> dict[str, Value]:
    """A value for each option of the method, from the texts of NAME=VALUE and from its defaults.

    Raises MethodError for a name that the method does not know, or refuses, and for a value that is
    not of the option's kind or lies outside its range.
    """
    _check_refused(method, texts)
    return _options.parse(method.slug, method.options, texts)


def check_options(method: Method, values: Mapping[str, object]) -> dict[str, Value]:
    """A value for each option of the method, from the values given and from its defaults.

    Options that methods share are left out at their defaults. A whole number is taken for a float.
    Raises MethodError as parse_options does.
    """
    _check_refused(method, values)
    return _options.check(method.slug, method.options, values)


def _check_refused(method: Method, names: Iterable[str]) -> None:
    for name in names:
        if reason := refusal_of_option(method, name):
            raise MethodError(f"{method.slug} cannot have the option {name}: {reason}")


def refusal_of_option(method: Method, name: str) -> str:
    """Why a method cannot have an option that others share; '' if it can."""
    return dict(method.refuses).get(name, "")


def is_linear(chosen: Chosen) -> bool:
    """Whether the map of a sum of scores is the sum of their maps, with these options.

    Of maps of one layer: those of several that were fused never add up.
    """
    method, values = chosen.method, dict(chosen.options)
    defaults = {option.name: option.default for option in method.options}
    return method.linear and all(
        values.get(name, defaults[name]) == defaults[name] for name in method.linear_at
    )


def is_cheap(method: Method) -> bool:
    """Whether a map costs little beside the backward pass that brings the gradient."""
    return method.family is Family.GRADIENT and method.passes == "1f 1b"


def shares_gradient(method: Method) -> bool:
    """Whether it takes the same gradient of a layer as others, and is computed at once from it."""
    return is_cheap(method) and method.swept and not method.compared


def shares_pass(method: Method) -> bool:
    """Whether it is computed at once where other methods have explained a layer."""
    alone = method.family is Family.ACTIVATION and method.swept
    return alone or shares_gradient(method)


def requested(own: Chosen, slug: str, options: Mapping[str, object] | None) -> Chosen:
    """The method asked for, or a model's own with other options. Raises MethodError."""
    if slug:
        return choose(slug, options)
    return choose(own.method.slug, dict(own.options) | dict(options or {}))


def refusal(method: Method, shape_channels: int, grid: tuple[int, int], pooled: bool = True) -> str:
    """Why the method cannot be had for a layer of so many channels and (rows, columns); else ''.

    pooled: whether the layer's output is averaged over space and read by one linear layer.
    """
    cells = grid[0] * grid[1]
    if method.pooled and not pooled:
        return (
            f"{method.title} needs a layer that is followed by global average pooling and one "
            "linear layer, and by nothing else."
        )
    if method.most_cells and cells > method.most_cells:
        return (
            f"{method.title} takes at most {method.most_cells} cells, and this layer has {cells}: "
            f"{method.most_reason}."
        )
    if shape_channels < method.least_channels:
        has, needs, things = shape_channels, method.least_channels, "channel"
    elif cells < method.least_cells:
        has, needs, things = cells, method.least_cells, "cell"
    else:
        return ""
    return (
        f"{method.title} needs at least {needs} {things}s, and this layer has {has}: "
        f"{method.least_reason}."
    )


def refusal_for(method: Method, layer: LayerNode) -> str:
    """Why the method cannot be had for a layer that can be explained; '' where it can."""
    if layer.shape is None or layer.grid is None or not method.layered:
        return ""
    return refusal(method, layer.channels, layer.grid, layer.pooled)


GRAD_CAM = choose(DEFAULT_METHOD)
"""What explains where nothing else is named."""
