"""Reads what was marked in an image: VOC XML, COCO JSON, YOLO text, or a mask as a picture.

The files are untrusted: of limited size and depth, without entities, and every number is checked.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from engine.errors import ImageError
from engine.files import regular
from engine.images.reading import load_image
from engine.records.images import LoadedImage
from engine.records.workbench.trust import Box, Marked

SUFFIXES = (".xml", ".json", ".txt", ".png")
"""Of VOC, COCO, YOLO and masks."""

_LARGEST = 32_000_000
_MOST_BOXES = 100_000
_DEEPEST = 20
_FOREIGN = "mark an image with a tool that writes VOC XML, COCO JSON, YOLO .txt or a mask as PNG"


def load_marked(path: Path, image: LoadedImage) -> Marked:
    """What a file marks in an image, in the image's pixels.

    The suffix says what the file is. Of a COCO file for several images, the entry with the image's
    file name is taken. Raises ImageError with one line for a file that cannot be read, or does not
    fit the image.
    """
    suffix = path.suffix.lower()
    readers = {".xml": _voc, ".json": _coco, ".txt": _yolo}
    if suffix == ".png":
        return Marked(mask=_mask(path, image), source=path.name)
    if suffix not in readers:
        raise ImageError(f"{path}: not a file of boxes or a mask by its suffix; {_FOREIGN}")
    content = regular.read(path, ImageError, _LARGEST)
    boxes = readers[suffix](path, content, image)
    if len(boxes) > _MOST_BOXES:
        raise _wrong(path, f"{len(boxes):,} boxes are too many for one image")
    return Marked(tuple(boxes), source=path.name)


def _wrong(path: Path, what: str) -> ImageError:
    return ImageError(f"{path}: {what}; check the file")


def _mask(path: Path, image: LoadedImage) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Every pixel that is not black."""
    pixels = load_image(path).pixels
    if pixels.shape[:2] != (image.height, image.width):
        raise ImageError(
            f"{path}: the mask has {pixels.shape[1]} x {pixels.shape[0]} pixels and the image "
            f"{image.width} x {image.height}; name a mask of the image's size"
        )
    return np.asarray(pixels.any(axis=2))


# --- PASCAL VOC ----------------------------------------------------------------------------------


def _voc(path: Path, content: bytes, image: LoadedImage) -> list[Box]:
    """Boxes from 1, both ends included, as in PASCAL VOC."""
    boxes: list[Box] = []
    sizes: dict[str, float] = {}
    for number, fields in enumerate(_voc_objects(path, content, sizes), 1):
        try:
            low_x, low_y, high_x, high_y = (
                float(fields[key]) for key in ("xmin", "ymin", "xmax", "ymax")
            )
        except (KeyError, ValueError):
            raise _wrong(path, f"object {number} has no box of four numbers") from None
        numbers = (low_x - 1, low_y - 1, high_x - low_x + 1, high_y - low_y + 1)
        boxes.append(_checked(path, f"object {number}", numbers, fields.get("name", "")))
    _check_size(path, sizes.get("width"), sizes.get("height"), image)
    return boxes


def _voc_objects(path: Path, content: bytes, sizes: dict[str, float]) -> list[dict[str, str]]:
    """The fields of each object, its box among them. sizes: filled with the image's."""
    parser = expat.ParserCreate()
    places: list[str] = []
    objects: list[dict[str, str]] = []
    texts: list[str] = []

    def refuse(*_of: object) -> None:
        raise _wrong(path, "a document type or an entity has no place in a file of boxes")

    def begin(name: str, _attributes: object) -> None:
        places.append(name)
        texts.clear()
        if len(places) > _DEEPEST:
            raise _wrong(path, f"nested more than {_DEEPEST} levels deep")
        if places[1:] == ["object"]:
            objects.append({})
        if len(objects) > _MOST_BOXES:
            raise _wrong(path, "too many boxes for one image")

    def end(name: str) -> None:
        text = "".join(texts).strip()
        texts.clear()
        match places[1:]:
            case ["object", "name"] | ["object", "bndbox", _]:
                objects[-1][name] = text
            case ["size", "width" | "height"]:
                try:
                    sizes[name] = float(text)
                except ValueError:
                    raise _wrong(path, f"the image's {name} is no number") from None
        places.pop()

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = texts.append
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise _wrong(path, f"not XML ({error})") from None
    return objects


# --- COCO ----------------------------------------------------------------------------------------


def _coco(path: Path, content: bytes, image: LoadedImage) -> list[Box]:
    try:
        facts = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _wrong(path, f"not JSON ({str(error)[:100]})") from None
    if not isinstance(facts, dict):
        raise _wrong(path, "not a COCO file: it has no images")
    images = _rows(path, facts, "images")
    entry = _coco_image(path, images, image)
    known = Counter(row.get("id") for row in images)
    twice = next((id for id, count in known.items() if count > 1), None)
    if twice is not None:
        raise _wrong(path, f"two of its images have the id {str(twice)[:40]}")
    _check_size(path, entry.get("width"), entry.get("height"), image)
    names = {row.get("id"): row.get("name") for row in _rows(path, facts, "categories")}
    boxes: list[Box] = []
    astray = ""
    for number, row in enumerate(_rows(path, facts, "annotations"), 1):
        id = row.get("image_id")
        if id not in known:
            astray = astray or f"annotation {number} is of image {str(id)[:40]}"
        if id != entry.get("id"):
            continue
        box = row.get("bbox")
        if not isinstance(box, list) or len(box) != 4:
            raise _wrong(path, f"annotation {number} has no box of four numbers")
        name = names.get(row.get("category_id"))
        boxes.append(_checked(path, f"annotation {number}", box, str(name or "")))
    if astray and not boxes:
        # A part of a larger file may have annotations of other images; here they are all there is.
        raise _wrong(path, f"{astray}, which is none of its images")
    return boxes


def _rows(path: Path, facts: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    rows = facts.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _wrong(path, f"not a COCO file: '{key}' is no list of entries")
    for row in rows:
        for name in ("id", "image_id", "category_id"):
            if not isinstance(row.get(name), int | str | None):
                raise _wrong(path, f"not a COCO file: an '{name}' is neither number nor text")
    return rows


def _coco_image(path: Path, rows: Sequence[dict[str, Any]], image: LoadedImage) -> dict[str, Any]:
    """The entry of the image: the one with its file name, or the only one."""
    own = image.path.name if image.path is not None else image.name
    named = [row for row in rows if Path(str(row.get("file_name", ""))).name == own]
    if named:
        return named[0]
    if len(rows) == 1:
        return rows[0]
    raise ImageError(
        f"{path}: no image in it is called {own}; name the file of boxes that belongs to the image"
    )


# --- YOLO ----------------------------------------------------------------------------------------


def _yolo(path: Path, content: bytes, image: LoadedImage) -> list[Box]:
    """Lines of a class and centre, width and height as parts of the image's; of an outline, the box
    around it."""
    try:
        lines = content.decode("utf-8").splitlines()
    except ValueError:
        raise _wrong(path, "not a text file") from None
    boxes: list[Box] = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        if len(boxes) >= _MOST_BOXES:
            raise _wrong(path, "too many boxes for one image")
        try:
            values = [float(word) for word in words[1:]]
        except ValueError:
            values = []
        # A confidence may stand behind the box.
        is_box = len(values) in (4, 5)
        if not is_box and (len(values) < 6 or len(values) % 2):
            raise _wrong(path, f"line {number} is no box: a class and four numbers")
        if not all(-0.01 <= value <= 1.01 for value in values):
            raise _wrong(path, f"line {number} has numbers beyond 0 to 1, the parts of the sides")
        if is_box:
            x, y, wide, tall = values[:4]
            x, y = x - wide / 2, y - tall / 2
        else:
            x, y = min(values[::2]), min(values[1::2])
            wide, tall = max(values[::2]) - x, max(values[1::2]) - y
        sized = (x * image.width, y * image.height, wide * image.width, tall * image.height)
        boxes.append(_checked(path, f"line {number}", sized, ""))
    return boxes


# --- what all of them are checked for ------------------------------------------------------------


def _checked(path: Path, where: str, numbers: Sequence[object], label: str) -> Box:
    """A box of positive size. Raises ImageError."""
    values: list[float] = []
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise _wrong(path, f"{where} has a box of something else than numbers")
        values.append(_float(number))
    x, y, wide, tall = values
    if not all(map(math.isfinite, values)) or wide <= 0 or tall <= 0:
        raise _wrong(path, f"{where} has a box without an area")
    return Box(x, y, wide, tall, label[:200])


def _float(number: int | float) -> float:
    """A whole number of a thousand digits is no float."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _check_size(path: Path, width: object, height: object, image: LoadedImage) -> None:
    """Whether the file is about an image of this size, where it says so."""
    if not isinstance(width, int | float) or not isinstance(height, int | float):
        return
    if width > 0 and height > 0 and (width, height) != (image.width, image.height):
        raise ImageError(
            f"{path}: it is about an image of {width:.0f} x {height:.0f} pixels, and this one has "
            f"{image.width} x {image.height}; name the file that belongs to the image"
        )
