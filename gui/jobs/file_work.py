"""The work of the file lane: finding, reading, scaling, colouring and writing files.

Plain functions on records and images: no widgets, no state, no torch. Pillow is imported inside
the jobs, so that the window is painted first.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QImage

from engine.export.references import NO_PICTURES, Pictures
from engine.files import presence, regular, suffixes
from engine.files.order import natural
from engine.lazy.numpy import np
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage, Note, Pixels
from engine.records.levels import AUTO, Levels
from engine.records.models import ModelInfo, Prediction
from engine.records.sources import ModelSource
from engine.render import overlay
from gui.toolkit.imaging import Picture, map_thumbnail, thumbnail, to_qimage

if TYPE_CHECKING:
    from engine.records.exports import ExportChoice
    from engine.records.views import View
    from gui.jobs.lanes import Watch

THUMBNAIL_SIZE = 128
_MOST_IMAGES = 10_000
INDEX = "index.sqlite"
"""What a folder with an index of images has, see engine.folders.index."""
_DICOM = b"DICM", 128
"""What DICOM files have after their first bytes, and where."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A decoded image, with its pyramid for the canvas and its thumbnail for the strip.

    stamp: see stamp_of; None without a file. asked: the levels that it shows.
    """

    loaded: LoadedImage
    picture: Picture
    thumbnail: QImage
    stamp: tuple[int, int] | None = None
    asked: Levels = AUTO


@dataclass(frozen=True, slots=True)
class Found:
    """The result of sorting dropped paths.

    missing: the images that do not exist. model: the model to open, with weights and class names
    dropped together with it. classes, profile: a file for the open model. session: the last session
    file among them. refused: one sentence on what was not opened, or ''. folder: the one that they
    come from, if it is one alone. paged: what opens as a folder page: a folder with an index of
    images, or tables, lists and folders of images.
    """

    images: tuple[Path, ...]
    missing: frozenset[Path] = frozenset()
    model: ModelSource | None = None
    classes: Path | None = None
    profile: Path | None = None
    session: Path | None = None
    refused: str = ""
    folder: Path | None = None
    paged: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ExportTask:
    """Everything an export needs, captured on request. choice: what to write and where, None
    until the user has chosen. notes: on the image, for the JSON. pictures: of images without a
    file, which go beside the JSON."""

    image: LoadedImage
    explanation: Explanation
    info: ModelInfo
    predictions: tuple[Prediction, ...]
    display: DisplaySettings
    versions: dict[str, str]
    view: View
    choice: ExportChoice | None = None
    notes: tuple[Note, ...] = ()
    pictures: Pictures = field(default_factory=lambda: NO_PICTURES)

    def into(self, choice: ExportChoice) -> ExportTask:
        """The same task with a destination."""
        return replace(self, choice=choice)


def scan(paths: Sequence[Path], watch: Watch, *, paged: bool = False) -> Found:
    """Sort paths into images and a model; images in folders are in natural order.

    paged: folders of images open as a page, and so do the images beside them.
    """
    from engine.folders.inputs.finding import names_images

    images: list[Path] = []
    models: list[Path] = []
    classes: list[Path] = []
    profiles: list[Path] = []
    sessions: list[Path] = []
    empty: list[str] = []
    missing: set[Path] = set()
    pages: list[Path] = []
    index: Path | None = None
    for path in paths:
        if path.name.upper() == suffixes.DICOM_LIST and not presence.is_folder(path):
            path = path.absolute().parent
        if path.name == INDEX and presence.is_file(path):
            index = _whole(path).parent
        elif presence.is_file(path / INDEX):
            index = _whole(path)
        elif suffixes.is_model(path):
            models.append(_whole(path))
        elif presence.is_folder(path):
            inside = _images_in(path, watch, 0 if paged else _MOST_IMAGES)
            if paged and inside:
                pages.append(_whole(path))
            else:
                images += inside
            if not inside:
                # '.' and a drive have no name of their own.
                empty.append(_whole(path).name or str(path))
        elif suffixes.is_session(path):
            sessions.append(_whole(path))
        elif suffixes.is_profile(path):
            profiles.append(_whole(path))
        elif names_images(path):
            pages.append(_whole(path))
        elif suffixes.is_class_names(path):
            classes.append(_whole(path))
        else:
            images.append(_whole(path))
            if stamp_of(images[-1]) is None:
                missing.add(images[-1])
    if paged and pages:
        pages, images = [*pages, *images], []
    refused = ""
    if empty:
        refused = f"No images found in {', '.join(empty)}"
    elif len(images) > _MOST_IMAGES:
        refused = f"Only the first {_MOST_IMAGES:,} of {len(images):,} images were opened"
    return Found(
        tuple(dict.fromkeys(images))[:_MOST_IMAGES],
        frozenset(missing),
        ModelSource.among(models, classes),
        classes[0] if classes and not models else None,
        profiles[0] if profiles else None,
        sessions[-1] if sessions else None,
        refused,
        _whole(paths[0]) if len(paths) == 1 and presence.is_folder(paths[0]) else None,
        (index,) if index is not None else tuple(pages),
    )


def _whole(path: Path) -> Path:
    """A canonical path, so that a file has one name; links are not followed.

    After a link to a folder, '..' is the parent of its target: where removing it would yield
    another file, it is kept.
    """
    whole = path.absolute()
    plain = Path(os.path.normpath(whole))
    same = ".." not in whole.parts or os.path.realpath(plain) == os.path.realpath(whole)
    return plain if same else whole


def _images_in(folder: Path, watch: Watch, most: int) -> list[Path]:
    """The images in a folder and below it; of more than most, the first ones."""
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        watch.cancel.raise_if_cancelled()
        folders[:] = sorted((n for n in folders if not n.startswith(".")), key=natural)
        found += [
            _whole(Path(root, name))
            for name in sorted(names, key=natural)
            if not name.startswith(".") and _is_image(Path(root, name))
        ]
        if len(found) > most:
            break
    return found


def _is_image(path: Path) -> bool:
    if path.suffix.lower() in suffixes.IMAGES:
        return True
    return suffixes.may_be_dicom(path) and regular.has_mark(path, *_DICOM)


def decode(
    path: Path, watch: Watch, page: int = 1, levels: Levels = AUTO, policy: Levels = AUTO
) -> Decoded:
    """Read a page of an image file for the canvas. Raises ImageError, Cancelled.

    levels: set by hand; AUTO leaves them to policy, the levels of the model.
    """
    from engine.images.reading import load_image

    stamp = stamp_of(path)
    loaded = load_image(path, page=page, levels=levels, cancel=watch.cancel, patience=None)
    return replace(level(loaded, policy), stamp=stamp)


def level(loaded: LoadedImage, policy: Levels) -> Decoded:
    """Prepare an image with its own levels, or else with policy, for the canvas."""
    from engine.images.levels import effective, with_levels

    asked = effective(loaded, policy)
    return replace(decode_array(with_levels(loaded, policy)), asked=asked)


def stamp_of(path: Path) -> tuple[int, int] | None:
    """(modification time in ns, size), to detect changed files; None if there is no file."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size


def decode_bytes(
    data: bytes, name: str, watch: Watch, levels: Levels = AUTO, policy: Levels = AUTO
) -> Decoded:
    """Read the bytes of an image file for the canvas. levels: set by hand; policy: of the model,
    for an image without. Raises ImageError, Cancelled."""
    from engine.images.reading import decode_image

    loaded = decode_image(data, name, levels=levels, cancel=watch.cancel, patience=None)
    return decode_array(loaded) if (levels, policy) == (AUTO, AUTO) else level(loaded, policy)


def decode_qimage(image: QImage, name: str) -> Decoded:
    """Prepare a Qt image, such as a pasted one, for the canvas. Raises ImageError."""
    from engine.images.reading import image_from_array

    return decode_array(image_from_array(pixels_of(image), name))


def decode_array(loaded: LoadedImage) -> Decoded:
    """Prepare a loaded image for the canvas."""
    small = thumbnail(loaded.pixels, THUMBNAIL_SIZE)
    return Decoded(loaded, Picture.build(loaded.pixels), small)


def pixels_of(image: QImage) -> Pixels:
    """uint8 (height, width, 3), RGB, of a QImage; transparency is dropped."""
    rgb = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(rgb.constBits(), np.uint8).reshape(rgb.height(), rgb.bytesPerLine())
    return rows[:, : 3 * rgb.width()].reshape(rgb.height(), rgb.width(), 3).copy()


def read_thumbnail(path: Path, watch: Watch) -> QImage:
    """Read the thumbnail of an image file. Raises ImageError, Cancelled."""
    from engine.images.reading import load_thumbnail

    small = load_thumbnail(path, THUMBNAIL_SIZE, cancel=watch.cancel, patience=None)
    return to_qimage(small)


def small(loaded: LoadedImage) -> QImage:
    """The thumbnail of an image that is in memory."""
    return thumbnail(loaded.pixels, THUMBNAIL_SIZE)


def color_strips() -> dict[str, QImage]:
    """Every colour map as a strip of one row, low values at the left."""
    strips = {}
    for name in overlay.COLORMAPS:
        table = overlay.lookup_table(name)
        strips[name] = to_qimage(table.reshape(1, len(table), 3))
    return strips


def map_thumbnails(
    explanations: dict[str, Explanation], display: DisplaySettings, size: int, watch: Watch
) -> dict[str, QImage]:
    """Render a thumbnail of every map, by layer name; identical maps are rendered once.

    Each has a colour scale of its own, though another is locked: on one scale, most layers of a
    network would be black.
    """
    display = replace(display, end=None)
    drawn: dict[int, QImage] = {}
    result: dict[str, QImage] = {}
    for name, explanation in explanations.items():
        watch.cancel.raise_if_cancelled()
        identity = id(explanation.map)
        if identity not in drawn:
            drawn[identity] = map_thumbnail(explanation.map, display, size)
        result[name] = drawn[identity]
    return result


def write_bytes(path: Path, data: bytes) -> Path:
    """Write a file, completely or not at all. Raises ExportError."""
    from engine.files.atomic import whole_file

    with whole_file(path) as file:
        file.write(data)
    return path


def write_export(task: ExportTask, watch: Watch) -> ExportTask:
    """Write all files of an export, each completely or not at all. Raises ExportError."""
    from engine.export import files as export
    from engine.export.sidecar import sidecar
    from engine.files.destinations import check_outputs

    choice = task.choice
    if choice is None:
        return task
    outputs = {"picture": choice.picture, "map": choice.map, "facts": choice.json}
    check_outputs(outputs, [task.image.path])
    if choice.picture is not None:
        watch.report(0.0, f"drawing {choice.picture.name}")
        pixels = export.render(
            task.image,
            task.explanation,
            task.display,
            caption=choice.caption,
            colorbar=choice.colorbar,
            subject=choice.subject,
        )
        watch.cancel.raise_if_cancelled()
        watch.report(0.5, f"writing {choice.picture.name}")
        export.save_picture(choice.picture, pixels)
    if choice.map is not None:
        export.save_map(choice.map, task.explanation.map)
    if choice.json is not None:
        facts = sidecar(
            task.image,
            task.explanation,
            task.info,
            task.predictions,
            task.display,
            task.versions,
            view=task.view,
            subject=choice.subject,
            notes=task.notes,
        )
        export.save_json(choice.json, facts, task.pictures)
    return task
