"""Why no script can be had for a map, as far as that can be said without torch: the window greys
its commands by the reason with which the engine refuses."""

from __future__ import annotations

from pathlib import Path

from engine.lazy.numpy import np
from engine.methods.method import Family
from engine.methods.modifiers import copies
from engine.records.images import LoadedImage
from engine.records.sources import ModelSource
from engine.scripting import layers, pixels
from engine.scripting.recipe import Wanted
from engine.scripting.texts import attention

OTHER_NETWORKS = (
    "only the demos, torchvision's networks, and those of Python files and torch.export archives "
    "are made by a few lines of torch"
)
_COMPLETE = (".onnx", ".torchscript")
# What Pillow alone does not read.
_OTHERS = (".heic", ".heif", ".dcm", ".npy")
_DEEP = "the image has more than 8 bits, which Pillow does not read as they are"
# By the ending of a file: Pillow's mode, and the type of values that it then reads in full.
_TIFF = (("I;16", "uint16"), ("F", "float32"))
_DEEP_KINDS = {".png": (("I;16", "uint16"),), ".tif": _TIFF, ".tiff": _TIFF}


def of_map(wanted: Wanted) -> str:
    """Why the method, its options or the question rule a script out; '' if they do not."""
    method = wanted.how.method
    if wanted.fused:
        return "the maps of several layers are put together"
    if copies(wanted.how) > 1:
        return "the map is a mean over changed copies of the image"
    if wanted.asked.unit is not None or wanted.asked.cell is not None:
        return "the question is about an output of a layer, not about a class"
    if method.family is Family.ATTENTION:
        known = attention.knows(method.slug)
    elif method.family is Family.PIXEL:
        known = pixels.knows(method.slug)
    else:
        known = layers.knows(wanted.how)
    return "" if known else f"{method.title} takes more than a formula of a few lines"


def of_source(source: ModelSource) -> str:
    """Why what the model was opened from rules a script out; '' if nothing shows that it does."""
    complete = Path(source.spec).suffix.lower() in _COMPLETE
    return OTHER_NETWORKS if complete or source.spec.startswith("timm:") else ""


def of_image(image: LoadedImage, *, edited: bool = False, carried: bool = False) -> str:
    """Why the image rules a script out; '' if it does not. edited: it is not what its file has.
    carried: the script has a file of it beside itself, where it needs one."""
    reason = "" if carried else of_file(image, edited=edited)
    return elsewhere(reason) if reason else ""


def elsewhere(reason: str) -> str:
    """A reason why a script cannot read the image's own file, and the way out."""
    return f"{reason}; saved as a file, the script takes the image along"


def of_file(image: LoadedImage, *, edited: bool = False) -> str:
    """Why a script cannot read the image's own file, so that it needs another; '' if it can."""
    if edited:
        return "the image is edited here, and a script reads its file"
    if image.path is None:
        return "the image has no file"
    ending = image.path.suffix.lower()
    if image.depth is not None and image.depth.values.dtype != np.uint8:
        return "" if _is_read_deep(image, ending) else _DEEP
    grey = image.depth is not None and image.depth.values.ndim == 2
    if grey or ending in _OTHERS or image.subject is not None:
        return "the image is of a kind that Pillow does not read"
    return ""


def _is_read_deep(image: LoadedImage, ending: str) -> bool:
    """Whether Pillow or numpy reads the values of an image of more than 8 bits."""
    assert image.depth is not None
    if ending == ".npy":
        return image.pages == 1
    kinds = _DEEP_KINDS.get(ending, ())
    return image.depth.values.ndim == 2 and (image.mode, image.depth.values.dtype.name) in kinds
