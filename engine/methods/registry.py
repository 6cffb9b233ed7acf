"""The table of methods: one row for each, as plain values, without torch and without numpy.

Whatever names, describes, offers or checks a method reads it here: the command line, the window,
the engine, the guide. The function of a row is imported when load is called, and torch with it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from engine.errors import MethodError
from engine.methods import options as _options
from engine.methods.options import Kind, Option, range_of, shown
from engine.records.options import DEFAULT_METHOD, Value

if TYPE_CHECKING:
    from engine.methods.inputs import MethodInput, MethodMap
    from engine.records.models import LayerNode


class Family(StrEnum):
    """What a method looks at."""

    GRADIENT = "gradient of a layer"
    ACTIVATION = "activation of a layer"
    PERTURBATION = "perturbation"
    PIXEL = "pixels of the input"
    ATTENTION = "attention"


class Need(StrEnum):
    """What has to be computed for a method before it is called."""

    ACTIVATION = "activation"
    GRADIENT = "gradient"
    LAYER_PASSES = "passes from the layer on"
    INPUT_PASSES = "passes from the input on"
    ATTENTION = "attention"


@dataclass(frozen=True, slots=True)
class Method:
    """One row.

    slug: the name by which it is asked for. title: as its authors write it.
    summary: one line, what it is good for. paper: authors, year and where to find it.
    equation: the formula, and its number in the paper where that is certain. A is the activation,
        G the gradient of the score by it, Z the number of cells, k a channel, S_k the sum of A_k.
    class_dependent: whether another class has another map. signed: whether a map can be negative
        anywhere.
    cost: in words. passes: forward (f) and backward (b) passes, '1f 1b'.
    function: 'module:function', from MethodInput to MethodMap.
    least_channels, least_cells: of a layer that the method can be had for; least_reason: why.
    """

    slug: str
    title: str
    family: Family
    summary: str
    paper: str
    equation: str
    needs: tuple[Need, ...]
    class_dependent: bool
    signed: bool
    cost: str
    passes: str
    function: str
    options: tuple[Option, ...] = ()
    least_channels: int = 1
    least_cells: int = 1
    least_reason: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A method with a value for each of its options; equal choices give equal maps."""

    method: Method
    options: tuple[tuple[str, Value], ...] = ()


_BOTH = (Need.ACTIVATION, Need.GRADIENT)
_FORWARD = "one forward pass"
_BACKWARD = "one forward and one backward pass"

METHODS: tuple[Method, ...] = (
    Method(
        slug="grad-cam",
        title="Grad-CAM",
        family=Family.GRADIENT,
        summary="The usual first look: which regions speak for a class, in smooth patches.",
        paper="Selvaraju et al., 2017, arXiv:1610.02391",
        equation="sum_k mean(G_k) * A_k (equations 1 and 2, without the ReLU)",
        needs=_BOTH,
        class_dependent=True,
        signed=True,
        cost=_BACKWARD,
        passes="1f 1b",
        function="engine.methods.gradient:grad_cam",
    ),
    Method(
        slug="hirescam",
        title="HiResCAM",
        family=Family.GRADIENT,
        summary="Only evidence the network used: none spreads to where it was not found.",
        paper="Draelos and Carin, 2020, arXiv:2011.08891",
        equation="sum_k G_k * A_k, cell by cell",
        needs=_BOTH,
        class_dependent=True,
        signed=True,
        cost=_BACKWARD,
        passes="1f 1b",
        function="engine.methods.gradient:hirescam",
    ),
    Method(
        slug="layercam",
        title="LayerCAM",
        family=Family.GRADIENT,
        summary="Finer detail than Grad-CAM, in early layers above all.",
        paper="Jiang et al., 2021, IEEE TIP 30, doi:10.1109/TIP.2021.3089943",
        equation="sum_k relu(G_k) * A_k, cell by cell",
        needs=_BOTH,
        class_dependent=True,
        signed=True,
        cost=_BACKWARD,
        passes="1f 1b",
        function="engine.methods.gradient:layercam",
    ),
    Method(
        slug="grad-cam-elementwise",
        title="Grad-CAM, element-wise",
        family=Family.GRADIENT,
        summary="HiResCAM without what counts against the class: only the evidence for it.",
        paper="Gildenblat et al., 2021, https://github.com/jacobgil/pytorch-grad-cam (no paper)",
        equation="sum_k relu(G_k * A_k), cell by cell",
        needs=_BOTH,
        class_dependent=True,
        signed=False,
        cost=_BACKWARD,
        passes="1f 1b",
        function="engine.methods.gradient:grad_cam_elementwise",
    ),
    Method(
        slug="xgrad-cam",
        title="XGrad-CAM",
        family=Family.GRADIENT,
        summary="Grad-CAM with each gradient weighted by how active its cell is.",
        paper="Fu et al., 2020, arXiv:2008.02312",
        equation="sum_k w_k * A_k, w_k = sum(G_k * A_k) / S_k",
        needs=_BOTH,
        class_dependent=True,
        signed=True,
        cost=_BACKWARD,
        passes="1f 1b",
        function="engine.methods.gradient:xgrad_cam",
    ),
    Method(
        slug="grad-cam++",
        title="Grad-CAM++",
        family=Family.GRADIENT,
        summary="Covers several objects of a class, and more of each, than Grad-CAM.",
        paper="Chattopadhyay et al., 2018, arXiv:1710.11063",
        equation="sum_k w_k * A_k, w_k = sum over G > 0 of G / (2 + S_k * G) (equation 19)",
        needs=_BOTH,
        class_dependent=True,
        signed=True,
        cost=_BACKWARD,
        passes="1f 1b",
        function="engine.methods.gradient:grad_cam_plus_plus",
    ),
    Method(
        slug="eigen-cam",
        title="Eigen-CAM",
        family=Family.ACTIVATION,
        summary="The strongest pattern in a layer, whatever the class: often the main object.",
        paper="Muhammad and Yeasin, 2020, arXiv:2008.00299",
        equation="A as (Z, C), not centred, times its first right singular vector",
        needs=(Need.ACTIVATION,),
        class_dependent=False,
        signed=True,
        cost=_FORWARD + ", and an eigenvector",
        passes="1f",
        function="engine.methods.activation:eigen_cam",
        least_channels=2,
        least_reason="of a single channel the projection is that channel itself",
    ),
    Method(
        slug="fem",
        title="FEM",
        family=Family.ACTIVATION,
        summary="Where channels are unusually strong, whatever the class.",
        paper="Fuad et al., 2020, IPTA, doi:10.1109/IPTA50016.2020.9286629",
        equation="sum_k mu_k * [A_k >= mu_k + 2 sigma_k], sigma_k of the population",
        needs=(Need.ACTIVATION,),
        class_dependent=False,
        signed=True,
        cost=_FORWARD,
        passes="1f",
        function="engine.methods.activation:fem",
        least_cells=5,
        least_reason=(
            "of n values none lies more than sqrt(n - 1) standard deviations above their mean, "
            "and FEM looks for 2"
        ),
    ),
    Method(
        slug="random-cam",
        title="Random-CAM",
        family=Family.ACTIVATION,
        summary="Random channel weights: the baseline that every other method has to beat.",
        paper="Gildenblat et al., 2021, https://github.com/jacobgil/pytorch-grad-cam (no paper)",
        equation="sum_k w_k * A_k, w_k drawn evenly from -1 to 1",
        needs=(Need.ACTIVATION,),
        class_dependent=False,
        signed=True,
        cost=_FORWARD,
        passes="1f",
        function="engine.methods.activation:random_cam",
        options=(Option("seed", "which weights are drawn", Kind.INT, 0, low=0, high=2**31 - 1),),
    ),
)


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
    """A method's title, with the options that are not at their defaults: 'Random-CAM (seed 3)'."""
    defaults = {o.name: o.default for m in METHODS if m.slug == slug for o in m.options}
    changed = [f"{name} {shown(value)}" for name, value in options if defaults.get(name) != value]
    return title_of(slug) + (f" ({', '.join(changed)})" if changed else "")


def load(method: Method) -> Callable[[MethodInput], MethodMap]:
    """The function of a row. Imports its module, and torch with it."""
    module, _, name = method.function.partition(":")
    function = getattr(importlib.import_module(module), name)
    return cast("Callable[[MethodInput], MethodMap]", function)


def parse_options(method: Method, texts: Mapping[str, str]) -> dict[str, Value]:
    """A value for each option of the method, from the texts of NAME=VALUE and from its defaults.

    Raises MethodError for a name that the method does not know, and for a value that is not of the
    option's kind or lies outside its range.
    """
    return _options.parse(method.slug, method.options, texts)


def check_options(method: Method, values: Mapping[str, object]) -> dict[str, Value]:
    """A value for each option of the method, from the values given and from its defaults.

    A whole number is taken for a float. Raises MethodError as parse_options does.
    """
    return _options.check(method.slug, method.options, values)


def is_cheap(method: Method) -> bool:
    """Whether a map costs little beside the backward pass that brings the gradient."""
    return method.family is Family.GRADIENT and method.passes == "1f 1b"


def requested(own: Chosen, slug: str, options: Mapping[str, object] | None) -> Chosen:
    """The method asked for, or a model's own with other options. Raises MethodError."""
    if slug:
        return choose(slug, options)
    return choose(own.method.slug, dict(own.options) | dict(options or {}))


def refusal(method: Method, shape_channels: int, grid: tuple[int, int]) -> str:
    """Why the method cannot be had for a layer of so many channels and (rows, columns); else ''."""
    cells = grid[0] * grid[1]
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
    # Not at import: the first paint needs the table, and none of the records.
    from engine.records.models import Layout

    if layer.shape is None or layer.grid is None:
        return ""
    first = layer.layout is Layout.CHANNELS_FIRST
    return refusal(method, layer.shape[0] if first else layer.shape[-1], layer.grid)


def facts(method: Method) -> dict[str, object]:
    """The row as values that JSON knows, for programs."""
    return {
        "slug": method.slug,
        "title": method.title,
        "family": method.family.value,
        "summary": method.summary,
        "paper": method.paper,
        "equation": method.equation,
        "needs": [need.value for need in method.needs],
        "class_dependent": method.class_dependent,
        "signed": method.signed,
        "options": [
            {
                "name": option.name,
                "title": option.title,
                "kind": option.kind.value,
                "default": option.default,
                "low": option.low,
                "high": option.high,
                "choices": list(option.choices),
            }
            for option in method.options
        ],
        "cost": method.cost,
        "passes": method.passes,
        "least_channels": method.least_channels,
        "least_cells": method.least_cells,
        "least_reason": method.least_reason,
    }


def facts_all() -> list[dict[str, object]]:
    """The facts of every row, in the table's order."""
    return [facts(method) for method in METHODS]


def lines() -> list[str]:
    """The table for a terminal: a method's line, what it is good for, and its options."""
    width = max(len(method.slug) for method in METHODS)
    indent = " " * (width + 2)
    told = []
    for method in METHODS:
        blind = "" if method.class_dependent else "; class-blind"
        told.append(f"{method.slug:<{width}}  {method.title} ({method.cost}{blind})")
        told.append(indent + method.summary)
        told.extend(
            f"{indent}{option.name}={shown(option.default)}: {option.title}, {range_of(option)}"
            for option in method.options
        )
    return told


GRAD_CAM = choose(DEFAULT_METHOD)
"""What explains where nothing else is named."""
