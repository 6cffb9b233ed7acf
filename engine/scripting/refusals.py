"""Why no script can be had for a map, as far as that can be said without torch: the window greys
its commands by the reason with which the engine refuses."""

from __future__ import annotations

from pathlib import Path

from engine.methods.method import Family
from engine.methods.registry import copies
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
    carried: the script has a PNG beside itself, where it needs one."""
    if image.depth is not None:
        return "the image has more than 8 bits, which Pillow does not read as they are shown"
    reason = "" if carried else of_file(image, edited=edited)
    return f"{reason}; saved as a file, the script takes a PNG along" if reason else ""


def of_file(image: LoadedImage, *, edited: bool = False) -> str:
    """Why a script cannot read the image's own file, so that it needs a PNG; '' if it can."""
    if edited:
        return "the image is edited here, and a script reads its file"
    if image.path is None:
        return "the image has no file"
    if image.path.suffix.lower() in _OTHERS:
        return "the image is of a kind that Pillow does not read"
    return ""
