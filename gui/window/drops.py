"""Reads drag-and-drop and clipboard data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QImage

from engine.files import presence, suffixes
from engine.records.sources import ModelSource
from gui.toolkit.row_drag import COMPARED

_ENCODED = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/tiff", "image/gif")


@dataclass(frozen=True, slots=True, eq=False)
class Dropped:
    """Dropped or pasted data.

    paths: files and folders. data: bytes of an encoded image. image: a decoded one. Only one of the
    three is set. remote: the address of a remote file, if there is nothing else.
    """

    paths: tuple[Path, ...] = ()
    data: bytes = b""
    image: QImage | None = None
    remote: str = ""

    def __bool__(self) -> bool:
        return bool(self.paths or self.data or self.image is not None or self.remote)


def compared(mime: QMimeData) -> tuple[str, str] | None:
    """What a row that is dragged is to be compared with: its kind, 'class', 'layer', 'image' or
    'method', and the class's index, the layer's address, the image's key or the method's slug; None
    for other data."""
    if not mime.hasFormat(COMPARED):
        return None
    text = mime.data(COMPARED).data()
    kind, _, value = bytes(text).decode(errors="replace").partition(" ")
    return kind, value


def compared_words(mime: QMimeData) -> str:
    """What a drop of a dragged row would do; '' for other data."""
    return f"Compare with {mime.text()}" if mime.hasFormat(COMPARED) else ""


def accepts(mime: QMimeData) -> bool:
    """Whether the data can be opened, without copying pixels."""
    return mime.hasUrls() or mime.hasImage() or any(mime.hasFormat(kind) for kind in _ENCODED)


def read(mime: QMimeData) -> Dropped:
    """Read the data: files first, because they have names, then image data from browsers."""
    paths = tuple(Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())
    if paths:
        return Dropped(paths=paths)
    for kind in _ENCODED:
        if mime.hasFormat(kind):
            data = mime.data(kind).data()
            if data:
                return Dropped(data=bytes(data))
    if mime.hasImage():
        image = mime.imageData()
        if isinstance(image, QImage) and not image.isNull():
            return Dropped(image=image)
    # The source program may have exited, so that promised data is not delivered.
    remote = next((url.toDisplayString() for url in mime.urls()), "")
    return Dropped(remote=remote)


def hint(mime: QMimeData, *, paged: bool = False) -> str:
    """What a drop would do, in a few words; '' for nothing. paged: on the folder page."""
    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    if paged and (words := _hint_of_page(paths)):
        return words
    if len(paths) == 1:
        return _hint_of_one(paths[0])
    if paths:
        return _hint_of_several(paths)
    if mime.hasImage() or any(mime.hasFormat(kind) for kind in _ENCODED):
        return "Open this image"
    return "Only a link to an image: save the image first" if mime.hasUrls() else ""


def _hint_of_page(paths: list[Path]) -> str:
    """What a drop on the folder page would do, if it makes another page; else ''."""
    if any(map(suffixes.is_model, paths)):
        return ""
    if len(paths) == 1 and presence.is_folder(paths[0]):
        return f"Open {paths[0].name} as a folder page"
    several = len(paths) > 1 and any(presence.is_folder(path) for path in paths)
    return f"Open all {len(paths)} as one folder page" if several else ""


def _hint_of_one(path: Path) -> str:
    from engine.folders.inputs.finding import names_images

    if suffixes.is_model(path):
        return f"Open the model {path.name}"
    if suffixes.is_session(path):
        return f"Open the session {path.name}"
    if suffixes.is_profile(path):
        return f"Apply the settings in {path.name}"
    if names_images(path):
        return f"Open the images in {path.name} as a folder page"
    if suffixes.is_class_names(path):
        return f"Load the class names in {path.name}"
    return f"Open {path.name}"


def _hint_of_several(paths: list[Path]) -> str:
    models = [path for path in paths if suffixes.is_model(path)]
    if not models:
        return f"Open {len(paths)} files"
    # One network is open at a time.
    source = ModelSource.among(models)
    assert source is not None
    opened = f"the model {Path(source.spec).name}"
    if source.weights is not None:
        opened += f" with {Path(source.weights).name}"
    elif len(models) > 1:
        opened += f" (the first of {len(models)})"
    rest = len(paths) - len(models)
    if not rest:
        return f"Open {opened}"
    return f"Open {rest} {'file' if rest == 1 else 'files'} and {opened}"
