"""The functions of a script that get a layer's output and its gradient, and make a map of them."""

from __future__ import annotations

from collections.abc import Iterator

from engine.methods.method import Need
from engine.records.models import Layout
from engine.scripting.formulas import FIRST_COMPONENT, SMOOTHED, Formula, formula_of
from engine.scripting.recipe import NoScript, Place, Recipe


def functions(recipe: Recipe) -> tuple[str, ...]:
    """The functions that a map of a layer needs, from the network to the map."""
    formula = _formula(recipe)
    place = recipe.place
    assert place is not None
    gradient = Need.GRADIENT in recipe.how.method.needs
    return (
        *_ordering(place),
        _taking(place, gradient=gradient),
        *((_component(recipe),) if _has_component(recipe) else ()),
        _map(recipe, formula, gradient=gradient),
    )


def main(recipe: Recipe) -> tuple[str, ...]:
    """The lines of main that make the map, 'found', of the network and its input."""
    if Need.GRADIENT in recipe.how.method.needs:
        return (
            "A, G = activation_and_gradient(network, load_input())",
            f"found = {name(recipe)}(A, G)",
        )
    return (f"found = {name(recipe)}(activation(network, load_input()))",)


def name(recipe: Recipe) -> str:
    """The name of the method's function: 'grad_cam_plus_plus'."""
    return recipe.how.method.slug.replace("+", "_plus").replace("-", "_")


def _formula(recipe: Recipe) -> Formula:
    formula = formula_of(recipe.how)
    if formula is None:
        raise NoScript(f"{recipe.how.method.title} has no formula of a few lines")
    return formula


def _has_component(recipe: Recipe) -> bool:
    return _formula(recipe).component or bool(dict(recipe.how.options).get("eigen"))


def _component(recipe: Recipe) -> str:
    return FIRST_COMPONENT if _formula(recipe).component else SMOOTHED


def _taking(place: Place, *, gradient: bool) -> str:
    """The function that runs the network with a hook on the layer."""
    what = "A, the output of the layer" + (
        ", and G, the gradient of the score by it: both float64 (C, h, w)."
        if gradient
        else ": float64 (C, h, w)."
    )
    title = "activation_and_gradient" if gradient else "activation"
    run = "value = score(network(x))" if gradient else "network(x)"
    lines = [
        f"def {title}(network, x):",
        f'    """{what}"""',
        "    kept = []" if place.calls == 1 else "    kept, calls = [], itertools.count()",
        "",
        "    def keep(module, inputs, output):",
        *(f"        {line}" for line in _keeping(place, gradient=gradient)),
        "",
        "    with network.get_submodule(LAYER).register_forward_hook(keep):",
        f"        {run}",
    ]
    if gradient:
        lines += [
            "    (gradient,) = torch.autograd.grad(value, kept[0])",
            f"    return {_cells(place, 'kept[0].detach()')}, {_cells(place, 'gradient')}",
        ]
    else:
        lines += [f"    return {_cells(place, 'kept[0].detach()')}"]
    return "\n".join(lines) + "\n"


def _keeping(place: Place, *, gradient: bool) -> Iterator[str]:
    """The lines of the hook."""
    if place.calls > 1:
        yield "if next(calls) != CALL:"
        yield "    return None"
    output = "output[0]" if place.first else "output"
    yield f"kept.append({output}.detach(){'.requires_grad_()' if gradient else ''})"
    yield "# A copy goes on, since what comes next may overwrite what it is given."
    handed = "kept[0].clone()"
    yield f"return ({handed}, *output[1:])" if place.first else f"return {handed}"


def _ordering(place: Place) -> tuple[str, ...]:
    """The function that brings the channels to the front, where they are not there already."""
    if place.layout is Layout.CHANNELS_FIRST:
        return ()
    what, taken = "(1, h, w, C)", "tensor[0]"
    if place.layout is Layout.TOKENS:
        rows, columns = place.grid
        own = f"[0, {place.prefix}:]" if place.prefix else "[0]"
        what, taken = "(1, N, C), a sequence", f"tensor{own}.reshape({rows}, {columns}, -1)"
        if place.prefix:
            beside = "first is" if place.prefix == 1 else f"first {place.prefix} are"
            what += f" whose {beside} not of the grid"
    return (
        "def channels_first(tensor):\n"
        f'    """{what}, as float64 (C, h, w)."""\n'
        f"    return {taken}.permute(2, 0, 1).double()\n",
    )


def _cells(place: Place, tensor: str) -> str:
    """An expression for the channels of one image's output, first, whatever the layer's order."""
    if place.layout is Layout.CHANNELS_FIRST:
        return f"{tensor}[0].double()"
    return f"channels_first({tensor})"


def _map(recipe: Recipe, formula: Formula, *, gradient: bool) -> str:
    method = recipe.how.method
    total = f"({formula.terms}).sum(dim=0)"
    if _has_component(recipe):
        total = f"first_component({formula.terms})"
    lines = [
        f"def {name(recipe)}({'A, G' if gradient else 'A'}):",
        f'    """{method.equation}"""',
        *(f"    {line}" for line in formula.lines),
        f"    return {total}",
    ]
    return "\n".join(lines) + "\n"
