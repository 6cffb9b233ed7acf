"""The functions of a script for methods that map the pixels of the network's input."""

from __future__ import annotations

from collections.abc import Callable

from engine.records.images import Preprocessing
from engine.records.options import Value
from engine.scripting.recipe import NoScript, Recipe

Options = dict[str, Value]

_GRADIENT = '''\
def gradient(network, x):
    """d score / d x, float64 (C, h, w)."""
    x = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(score(network(x)), x)
    return found[0].double()
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


_BODIES: dict[str, Callable[[Recipe], tuple[str, ...]]] = {
    "saliency": _saliency,
    "grad-x-input": _grad_x_input,
    "smoothgrad": _smoothgrad,
    "integrated-gradients": _integrated_gradients,
}


def knows(slug: str) -> bool:
    """Whether there are functions for the method of that slug."""
    return slug in _BODIES


def functions(recipe: Recipe) -> tuple[str, ...]:
    """The functions that a map of pixels needs. Raises NoScript."""
    method = recipe.how.method
    body = _BODIES[method.slug](recipe)
    lines = [
        f"def {name(recipe)}(network, x):",
        f'    """{method.equation}"""',
        *(f"    {line}" for line in body),
    ]
    return _GRADIENT, "\n".join(lines) + "\n"


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
    raise NoScript("an image is blurred for it, which takes more than a line")
