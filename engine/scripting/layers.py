"""The functions of a script that get a layer's output and its gradient, and make a map of them."""

from __future__ import annotations

from collections.abc import Iterator

from engine.methods import registry
from engine.methods.method import Need
from engine.methods.registry import Chosen
from engine.records.models import Layout
from engine.scripting.recipe import NoScript, Place, Recipe
from engine.scripting.texts import repeated
from engine.scripting.texts.formulas import (
    FIRST_COMPONENT,
    REFINED,
    SMOOTHED,
    formula_of,
    kernel_component,
)
from engine.scripting.texts.repeated import SCALED


def functions(recipe: Recipe) -> tuple[str, ...]:
    """The functions that a map of a layer needs, from the network to the map. Raises NoScript."""
    place = recipe.place
    assert place is not None
    return (
        *_ordering(place),
        _taking(recipe, place),
        *((SCALED,) if repeated.needs_scaled(recipe.how.method.slug) else ()),
        *((_component(recipe),) if _has_component(recipe) else ()),
        _map(recipe),
    )


def main(recipe: Recipe) -> tuple[str, ...]:
    """The lines of main that make the map, 'found', of the network and its input."""
    slug = recipe.how.method.slug
    if slug == "refine-cam":
        return ("found = refine_cam(network, load_input())",)
    taken = f"{_taker(recipe)}(network, load_input())"
    if repeated.knows(slug):
        first = "A, _" if repeated.takes_gradients(slug) else "A"
        return (
            "x = load_input()",
            f"{first} = {_taker(recipe)}(network, x)",
            f"found = {name(recipe)}(network, x, A)",
        )
    if _letters(recipe) == "A":
        return (f"found = {name(recipe)}({taken})",)
    return (f"{_letters(recipe)} = {taken}", f"found = {name(recipe)}({_letters(recipe)})")


def knows(how: Chosen) -> bool:
    """Whether there are functions for a method of layers."""
    slug = how.method.slug
    return repeated.knows(slug) or slug == "kpca-cam" or formula_of(how) is not None


def _letters(recipe: Recipe) -> str:
    """What the method's function is given: 'A', 'A, G' or 'A, G, HA'."""
    needs = recipe.how.method.needs
    if Need.CURVATURE in needs:
        return "A, G, HA"
    return "A, G" if Need.GRADIENT in needs else "A"


def _taker(recipe: Recipe) -> str:
    """The name of the function that runs the network with a hook on the layer."""
    return {
        "A": "activation",
        "A, G": "activation_and_gradient",
        "A, G, HA": "activation_gradient_and_curvature",
    }[_letters(recipe)]


def name(recipe: Recipe) -> str:
    """The name of the method's function: 'grad_cam_plus_plus'."""
    return recipe.how.method.slug.replace("+", "_plus").replace("-", "_")


def _has_component(recipe: Recipe) -> bool:
    formula = formula_of(recipe.how)
    own = formula is not None and formula.component
    return own or bool(dict(recipe.how.options).get("eigen"))


def _component(recipe: Recipe) -> str:
    formula = formula_of(recipe.how)
    return FIRST_COMPONENT if formula is not None and formula.component else SMOOTHED


_TITLES = {
    "A": "The output of the layer, float64 (C, h, w).",
    "A, G": "A, the output of the layer, and G, the score's gradient by it: float64 (C, h, w).",
    "A, G, HA": "The layer's output, the score's gradient, and how that changes along the output.",
}


def _taking(recipe: Recipe, place: Place) -> str:
    """The function that runs the network with a hook on the layer."""
    letters = _letters(recipe)
    gradient, asked = letters != "A", "layer" if recipe.deeper else "LAYER"
    output = _cells(place, "kept[0].detach()")
    lines = [
        f"def {_taker(recipe)}(network, x{', layer' if recipe.deeper else ''}):",
        f'    """{_TITLES[letters]}"""',
        "    kept = []" if place.calls == 1 else "    kept, calls = [], itertools.count()",
        "",
        "    def keep(module, inputs, output):",
        *(f"        {line}" for line in _keeping(place, gradient=gradient)),
        "",
        f"    with network.get_submodule({asked}).register_forward_hook(keep):",
        f"        {'value = score(network(x))' if gradient else 'network(x)'}",
    ]
    if letters == "A":
        lines += [f"    return {output}"]
    elif letters == "A, G":
        lines += [
            "    (gradient,) = torch.autograd.grad(value, kept[0])",
            f"    return {output}, {_cells(place, 'gradient')}",
        ]
    else:
        if place.layout is Layout.TOKENS:
            raise NoScript("attention has no second derivative in a few lines")
        lines += [
            "    (gradient,) = torch.autograd.grad(value, kept[0], create_graph=True)",
            "    # The second term is zero. It makes a graph where G does not depend on A.",
            "    along = (gradient * kept[0].detach()).sum() + 0 * kept[0].sum()",
            "    (change,) = torch.autograd.grad(along, kept[0])",
            f"    G = {_cells(place, 'gradient.detach()')}",
            f"    return {output}, G, {_cells(place, 'change')}",
        ]
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


def _map(recipe: Recipe) -> str:
    """The function of the method."""
    slug, given = recipe.how.method.slug, _letters(recipe)
    if slug == "kpca-cam":
        return kernel_component(recipe.how)
    formula = formula_of(recipe.how)
    if repeated.knows(slug):
        lines, terms, given = repeated.weighing(recipe), repeated.TERMS, "network, x, A"
    elif formula is not None:
        lines, terms = list(formula.lines), formula.terms
    else:
        raise NoScript(f"{recipe.how.method.title} takes more than a formula of a few lines")
    total = f"first_component({terms})" if _has_component(recipe) else f"({terms}).sum(dim=0)"
    refined = slug == "refine-cam"
    if refined:
        equation = registry.find(str(dict(recipe.how.options)["base"])).equation
    else:
        equation = recipe.how.method.equation
    body = [
        f"def {'of_layer' if refined else name(recipe)}({given}):",
        f'    """{equation}"""',
        *(f"    {line}" if line else "" for line in lines),
        f"    return {total}",
    ]
    if refined:
        own = recipe.how.method.equation
        body += ["", "", *(line.replace("{equation}", own) for line in REFINED)]
    return "\n".join(body) + "\n"
