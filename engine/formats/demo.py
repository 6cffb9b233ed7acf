"""The built-in demos: two small networks, scenes to try them on, and the names of all demos.

Nothing here imports torch until a network is built, so that the window can list the scenes while
torch is still being imported. docs/demo.md documents the networks' training and accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import WeightsError
from engine.paths import RESOURCES
from engine.records.images import Preprocessing

if TYPE_CHECKING:
    from torch import nn

CLASSES = ("circle", "ring", "star", "cross", "square", "hexagon", "triangle", "crescent")

PREPROCESSING = Preprocessing(
    resize=128, crop=(128, 128), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)
)


@dataclass(frozen=True, slots=True)
class Demo:
    """One built-in network.

    name: opened as 'demo:NAME'. classes: the labels in the order of the logits. weights: a
    safetensors file. about: one sentence for the user.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    weights: Path
    about: str


class Advice(StrEnum):
    """What an invitation asks for: choose another class or layer, show the grid of the map, or the
    image without its map."""

    CLASS = "class"
    LAYER = "layer"
    GRID = "grid"
    ORIGINAL = "original"


@dataclass(frozen=True, slots=True)
class Scene:
    """One built-in image. model: name of the demo to open it with; invitation: what to try, in a
    sentence or two; advice: the action that it asks for."""

    path: Path
    title: str
    model: str
    advice: Advice
    invitation: str


def _demo(name: str, title: str, about: str) -> Demo:
    weights = RESOURCES / "demo" / f"{name}.safetensors"
    return Demo(name, title, CLASSES, PREPROCESSING, weights, about)


DEMOS: dict[str, Demo] = {
    demo.name: demo
    for demo in (
        _demo(
            "shapes",
            "Shapes",
            "Classifies eight shapes: click a layer to see where it found the predicted one.",
        ),
        _demo(
            "shortcut",
            "Shapes, with a shortcut",
            "Scores just as well, but what does it look at when it predicts 'star'?",
        ),
    )
}
"""The networks that were made here, by name."""

PHOTOS = "demo:photos"
"""The demo for photographs, whose weights are a package of their own (engine.formats.photos)."""

TITLES: dict[str, str] = {
    PHOTOS: "Photos",
    **{f"demo:{demo.name}": demo.title for demo in DEMOS.values()},
}
"""All demos that can be opened, with their titles."""


def _scene(file: str, title: str, model: str, advice: Advice, invitation: str) -> Scene:
    return Scene(RESOURCES / "scenes" / file, title, model, advice, invitation)


SCENES: tuple[Scene, ...] = (
    _scene(
        "ring-and-star.jpg",
        "Ring and star",
        "shapes",
        Advice.CLASS,
        "Click 'ring' under Predictions: the heat moves from the star to the ring.",
    ),
    _scene(
        "hexagon.jpg",
        "Hexagon",
        "shapes",
        Advice.LAYER,
        "Click the layers from conv1 down to layer4: early ones see edges, late ones the hexagon.",
    ),
    _scene(
        "crescent.jpg",
        "Crescent",
        "shapes",
        Advice.GRID,
        "Press G to see the map in its own grid: no layer can point more finely than that.",
    ),
    _scene(
        "triangle-and-circle.jpg",
        "Triangle and circle",
        "shapes",
        Advice.CLASS,
        "Click 'star' under Predictions, a shape that is not there: what comes closest to it?",
    ),
    _scene(
        "star-with-mark.jpg",
        "Star, with a watermark",
        "shortcut",
        Advice.ORIGINAL,
        "The answer 'star' is right, but the heat is not on the star. Hold Space to see what is "
        "below it.",
    ),
    _scene(
        "star-without-mark.jpg",
        "The same star, no watermark",
        "shortcut",
        Advice.CLASS,
        "Without the watermark, the same star is no longer recognised. Click 'star' under "
        "Predictions to see how little speaks for it.",
    ),
    _scene(
        "circle-with-mark.jpg",
        "Circle, with a watermark",
        "shortcut",
        Advice.CLASS,
        "The watermark turns a circle into a 'star'. Click 'circle' under Predictions to see where "
        "the network finds it.",
    ),
)
"""The built-in images; the first one is shown when the program starts for the first time."""


def build(demo: Demo) -> nn.Module:
    """The network with its trained weights, on the CPU, in training mode as torch builds it.

    Input (B, 3, 128, 128), normalised as demo.preprocessing says; output (B, 8) logits.
    Raises WeightsError if the weights file is missing or does not fit, which means that the
    installation is incomplete.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from engine.formats.demo_network import DemoNet

    network = DemoNet(len(demo.classes))
    try:
        network.load_state_dict(load_file(demo.weights), strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"the demo network {demo.weights.name} cannot be read; reinstall the program"
        ) from error
    return network
