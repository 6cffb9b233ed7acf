"""The built-in demo: two small networks, and scenes to try them on.

Nothing here imports torch until a network is built, so that the window can list the scenes while
torch is still being imported. docs/demo.md documents the networks' training and accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Scene:
    """One built-in image. model: name of the demo to open it with; invitation: what to try."""

    path: Path
    title: str
    model: str
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
"""The built-in networks by name."""


def _scene(file: str, title: str, model: str, invitation: str) -> Scene:
    return Scene(RESOURCES / "scenes" / file, title, model, invitation)


SCENES: tuple[Scene, ...] = (
    _scene(
        "ring-and-star.jpg",
        "Ring and star",
        "shapes",
        "Two shapes, two predictions: click the other class and watch the heat move.",
    ),
    _scene(
        "hexagon.jpg",
        "Hexagon",
        "shapes",
        "Go through the layers from conv1 to layer4 and watch edges turn into a shape.",
    ),
    _scene(
        "crescent.jpg",
        "Crescent",
        "shapes",
        "Press G for the native grid: this is the actual resolution of the map.",
    ),
    _scene(
        "triangle-and-circle.jpg",
        "Triangle and circle",
        "shapes",
        "Explain a class that is not in the picture: what is evidence for it, and what against?",
    ),
    _scene(
        "star-with-mark.jpg",
        "Star, with a watermark",
        "shortcut",
        "This network correctly predicts 'star', but is it looking at the star?",
    ),
    _scene(
        "star-without-mark.jpg",
        "The same star, no watermark",
        "shortcut",
        "The same picture without the watermark: what does the network predict now?",
    ),
    _scene(
        "circle-with-mark.jpg",
        "Circle, with a watermark",
        "shortcut",
        "A circle with the watermark: see where the prediction 'star' comes from.",
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
