"""Puts the text of a script together from a recipe. Nothing is run, and torch is not imported."""

from __future__ import annotations

from engine.escaping import plain
from engine.methods.method import Family
from engine.scripting import images, layers, pixels, scores
from engine.scripting.recipe import Recipe, literal
from engine.scripting.texts import attention
from engine.scripting.texts.blocks import TORCHVISION
from engine.version import NAME, VERSION

_LETTERS = "A is the output of the layer, G the gradient of the score by it, k a channel."
_NOTATION = {
    Family.GRADIENT: _LETTERS,
    Family.ACTIVATION: _LETTERS,
    Family.PERTURBATION: _LETTERS,
    Family.PIXEL: "x is the preprocessed image, y the score that is explained.",
    Family.ATTENTION: "A is the attention of one block, (heads, N, N), and s the score.",
}


def script(recipe: Recipe) -> str:
    """A Python script that writes the map of a recipe as .npy. Raises NoScript.

    It is plain text of ASCII letters but for the names of files and classes, which stand in string
    literals and comments alone.
    """
    family = recipe.how.method.family
    own = pixels.functions if family is Family.PIXEL else layers.functions
    main = pixels.main if family is Family.PIXEL else layers.main
    if family is Family.ATTENTION:
        own, main = attention.functions, attention.main
    functions = (
        *recipe.network.definitions,
        _load_network(recipe),
        images.load_input(recipe),
        scores.score(recipe),
        *own(recipe),
        _main(main(recipe)),
    )
    body = "\n\n".join(functions)
    head = "\n".join(_imports(recipe, body))
    constants = "\n".join(_constants(recipe))
    return (
        f"{_docstring(recipe)}\n\n{head}\n\n{constants}\n\n\n{body}\n\n"
        'if __name__ == "__main__":\n    main()\n'
    )


def _docstring(recipe: Recipe) -> str:
    method = recipe.how.method
    shape = ", ".join(map(str, recipe.shape))
    needed = "torch, torchvision" if recipe.network.torchvision else "torch"
    return "\n".join(
        (
            f'"""{method.title} of one image, with torch alone.',
            "",
            f"    {method.equation}",
            f"    {method.paper}",
            "",
            _NOTATION[method.family],
            "",
            f"Writes the map, signed and unscaled, float32 ({shape}), to map.npy beside this",
            "file, or to the .npy file that is named as its argument.",
            "",
            f"It needs {needed}, numpy and Pillow. Written by {NAME} {VERSION}.",
            '"""',
        )
    )


def _imports(recipe: Recipe, body: str) -> list[str]:
    standard = {
        "sys",
        *(name for name in ("importlib.util", "itertools", "json", "re") if f"{name}." in body),
    }
    standard |= {name for name in recipe.network.modules if name != "nn"}
    lines = [f"import {name}" for name in sorted(standard)]
    lines += ["from pathlib import Path", "", "import numpy as np", "import torch"]
    lines.append("from PIL import Image, ImageOps")
    parts = [name for name in ("nn", "functional") if f"{name}." in body]
    if "nn" in parts:
        lines.append("from torch import nn")
    if "GradientEdge(" in body:
        lines.append("from torch.autograd.graph import GradientEdge")
    if "functional" in parts:
        lines.append("from torch.nn import functional")
    if "TorchFunctionMode" in body:
        lines.append("from torch.overrides import TorchFunctionMode")
    if recipe.network.torchvision:
        lines += ["", TORCHVISION]
    return lines


def _constants(recipe: Recipe) -> list[str]:
    file, name = f"Path({literal(str(recipe.image))})", literal(str(recipe.image))
    beside = isinstance(recipe.image, str)
    image = f"Path(__file__).with_name({name})" if beside else file
    lines = [f"IMAGE = {image}", *recipe.network.constants]
    place = recipe.place
    if place is not None:
        lines.append(f"LAYER = {literal(place.layer)}")
        if recipe.deeper:
            lines.append(f"DEEPER = [{', '.join(map(literal, recipe.deeper))}]")
        if place.calls > 1:
            lines.append(f"CALL = {place.call}  # of {place.calls}, from 0")
    if recipe.attending is not None and recipe.attending.blocks:
        lines += ["BLOCKS = [", *(f"    {literal(one)}," for one in recipe.attending.blocks), "]"]
    lines += scores.constants(recipe, plain(recipe.label))
    lines += images.constants(recipe)
    return lines


def _load_network(recipe: Recipe) -> str:
    lines = [
        "def load_network():",
        *(f"    {line}" for line in recipe.network.build),
        "    return network.eval().requires_grad_(False)",
    ]
    return "\n".join(lines) + "\n"


def _main(explaining: tuple[str, ...]) -> str:
    lines = [
        "def main():",
        "    network = load_network()",
        *(f"    {line}" for line in explaining),
        '    path = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("map.npy")',
        "    np.save(path, found.float().numpy())",
    ]
    return "\n".join(lines) + "\n"
