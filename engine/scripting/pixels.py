"""The functions of a script for methods that map the pixels of the network's input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.methods.pixels.expected import window_size
from engine.methods.registry import GRAD_CAM
from engine.records.images import Preprocessing
from engine.records.options import Value
from engine.scripting import layers
from engine.scripting.recipe import Recipe
from engine.scripting.texts.blocks import BLURRED
from engine.scripting.texts.whole import BIASES, FULLGRAD, GUIDED, GUIDED_GRAD_CAM

Options = dict[str, Value]

_GRADIENT = '''\
def gradient(network, x):
    """d score / d x, float64 (C, h, w)."""
    x = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(score(network(x)), x)
    return found[0].double()
'''


_STARTS = '''\
def starts(length, side, step):
    """Where windows start along an axis; the last one lies at the edge."""
    return [*range(0, length - side, step), length - side]
'''


def _saliency(_recipe: Recipe) -> tuple[str, ...]:
    return ("return gradient(network, x).abs().amax(dim=0)",)


def _grad_x_input(_recipe: Recipe) -> tuple[str, ...]:
    return ("return (x[0] * gradient(network, x)).sum(dim=0)",)


def _smoothgrad(recipe: Recipe) -> tuple[str, ...]:
    options = dict(recipe.how.options)
    return (
        f"generator = torch.Generator().manual_seed({options['seed']})",
        f"spread = {options['sigma']} * (x.max() - x.min())",
        "total = torch.zeros_like(x[0], dtype=torch.float64)",
        f"for _ in range({options['n']}):",
        "    noise = torch.randn(x.shape[1:], generator=generator)",
        "    total += gradient(network, x + spread * noise)",
        f"return (total / {options['n']}).abs().amax(dim=0)",
    )


def _integrated_gradients(recipe: Recipe) -> tuple[str, ...]:
    options = dict(recipe.how.options)
    steps = options["steps"]
    return (
        f"start = {_without_content(str(options['baseline']), recipe.preprocessing)}",
        "total = torch.zeros_like(x[0], dtype=torch.float64)",
        f"for step in range({steps}):",
        f"    total += gradient(network, start + (step + 0.5) / {steps} * (x - start))",
        f"return ((x - start)[0] * total / {steps}).sum(dim=0)",
    )


def _occlusion(recipe: Recipe) -> tuple[str, ...]:
    rows, columns = recipe.preprocessing.crop
    side, step = window_size(dict(recipe.how.options), rows, columns)
    return (
        f"empty = {_filling(recipe)}",
        "whole = score(network(x)).double()",
        "total, count = torch.zeros(2, *x.shape[2:], dtype=torch.float64)",
        f"for top in starts(x.shape[2], {side}, {step}):",
        f"    for left in starts(x.shape[3], {side}, {step}):",
        f"        window = (..., slice(top, top + {side}), slice(left, left + {side}))",
        "        hidden = x.clone()",
        "        hidden[window] = empty[window]",
        "        total[window] += whole - score(network(hidden))",
        "        count[window] += 1",
        "return total / count",
    )


def _rise(recipe: Recipe) -> tuple[str, ...]:
    options = dict(recipe.how.options)
    cells, count = int(options["grid"]), options["masks"]
    rows, columns = recipe.preprocessing.crop
    high, wide = -(-rows // cells), -(-columns // cells)
    return (
        f"empty = {_filling(recipe)}",
        f"generator = torch.Generator().manual_seed({options['seed']})",
        "masks, values = [], []",
        f"for _ in range({count}):",
        f"    grid = torch.rand((1, 1, {cells}, {cells}), generator=generator)",
        f"    grid = (grid < {options['probability']}).float()",
        f"    size = ({(cells + 1) * high}, {(cells + 1) * wide})",
        '    fine = functional.interpolate(grid, size, mode="bilinear", align_corners=False)',
        f"    top = int(torch.randint({high}, (), generator=generator))",
        f"    left = int(torch.randint({wide}, (), generator=generator))",
        f"    mask = fine[0, 0, top : top + {rows}, left : left + {columns}].clamp(0, 1)",
        "    masks.append(mask)",
        "    values.append(score(network(x * mask + empty * (1 - mask))).double())",
        "mean = sum(values) / len(values)",
        "total = sum((value - mean) * mask for value, mask in zip(values, masks))",
        f"return total / ({count} * {options['probability']})",
    )


def _guided_backprop(_recipe: Recipe) -> tuple[str, ...]:
    return ("return guided_gradient(network, x).sum(dim=0)",)


def _guided_grad_cam(_recipe: Recipe) -> tuple[str, ...]:
    return GUIDED_GRAD_CAM


def _fullgrad(_recipe: Recipe) -> tuple[str, ...]:
    return FULLGRAD


_BODIES: dict[str, Callable[[Recipe], tuple[str, ...]]] = {
    "saliency": _saliency,
    "grad-x-input": _grad_x_input,
    "smoothgrad": _smoothgrad,
    "integrated-gradients": _integrated_gradients,
    "guided-backprop": _guided_backprop,
    "guided-grad-cam": _guided_grad_cam,
    "fullgrad": _fullgrad,
    "occlusion": _occlusion,
    "rise": _rise,
}


def knows(slug: str) -> bool:
    """Whether there are functions for the method of that slug."""
    return slug in _BODIES


def _filling(recipe: Recipe) -> str:
    return _without_content(str(dict(recipe.how.options)["fill"]), recipe.preprocessing)


def functions(recipe: Recipe) -> tuple[str, ...]:
    """The functions that a map of pixels needs."""
    method = recipe.how.method
    body = _BODIES[method.slug](recipe)
    lines = [
        f"def {name(recipe)}(network, x):",
        f'    """{method.equation}"""',
        *(f"    {line}" if line else "" for line in body),
    ]
    text = "\n".join(lines) + "\n"
    of_layer = method.slug == "guided-grad-cam"
    before = (
        *(layers.functions(replace(recipe, how=GRAD_CAM)) if of_layer else ()),
        GUIDED if "guided_gradient(" in text else "",
        BIASES if "scaled(" in text else "",
        _GRADIENT if " gradient(network" in text else "",
        _STARTS if "starts(" in text else "",
        BLURRED if "blurred(" in text else "",
    )
    return (*filter(None, before), text)


def main(recipe: Recipe) -> tuple[str, ...]:
    """The lines of main that make the map, 'found', of the network and its input."""
    return (f"found = {name(recipe)}(network, load_input())",)


def name(recipe: Recipe) -> str:
    """The name of the method's function: 'grad_x_input'."""
    return recipe.how.method.slug.replace("-", "_")


def _without_content(kind: str, how: Preprocessing) -> str:
    """An expression for an image that shows nothing, of the shape of x."""
    if kind == "zero":
        return "torch.zeros_like(x)"
    if kind == "mean":
        return "x.mean(dim=(2, 3), keepdim=True).expand_as(x)"
    if kind in ("black", "white"):
        value = how.range[0 if kind == "black" else 1]
        return f"(({value!r} - torch.tensor(MEAN)) / torch.tensor(STD))[:, None, None].expand_as(x)"
    return "blurred(x)"
