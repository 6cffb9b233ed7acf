"""Overlays and maps as files beside the index, made of its rows; those that are there are kept."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.errors import ExportError
from engine.export.files import save_map, save_picture
from engine.files.destinations import cannot_write
from engine.folders.index.queries import Index, Shown
from engine.folders.index.schema import MAPS, OVERLAYS
from engine.folders.inputs.pictures import Reading, Ready
from engine.folders.records import Job, Progress, Row
from engine.progress import CancelToken
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation, Seconds
from engine.records.images import LoadedImage, Region
from engine.records.models import Layout, Prediction
from engine.render import overlay

_ODD = re.compile(r"[^\w.-]+")
_LONGEST = 60
_MOST_BYTES = 160
_HEADER_BYTES = 128
_MAP_BLOCK = 4096
_QUALITY = 90
# Bytes per pixel of an overlay as JPEG, measured on photographs with room to spare.
_PER_PIXEL = 0.6


def estimated_bytes(index: Index, job: int, *, overlays: bool, maps: bool) -> int:
    """About how many bytes the files will take, blocks of the disk included."""
    whole = 0
    for shown in index.each(job):
        if shown.row is None or shown.row.map is None:
            continue
        if maps:
            whole += -(-(shown.row.map.nbytes + _HEADER_BYTES) // _MAP_BLOCK) * _MAP_BLOCK
        if overlays and shown.properties is not None:
            whole += int(_PER_PIXEL * shown.properties.width * shown.properties.height)
    return whole


def check_room(folder: Path, needed: int) -> None:
    """Raises ExportError if a disk has not as many bytes free."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise cannot_write(folder, error) from error
    if needed > free:
        raise ExportError(
            f"cannot write {folder}: about {_size(needed)} are needed and {_size(free)} are free; "
            "free some space or choose another disk"
        )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def write_maps(
    index: Index, job: int, folder: Path, cancel: CancelToken | None = None
) -> Iterator[Progress]:
    """Write each map as .npy, signed float32 on the stored grid. Raises ExportError, Cancelled."""
    goal = _made(folder / MAPS)
    total = index.count(job)
    for done, shown in enumerate(index.each(job), start=1):
        if cancel is not None:
            cancel.raise_if_cancelled()
        if shown.row is not None and shown.row.map is not None:
            path = goal / f"{file_name(shown, job)}.npy"
            if not path.exists():
                save_map(path, shown.row.map)
        yield Progress(done, total, name=shown.name)


def write_overlays(
    index: Index,
    job: int,
    folder: Path,
    settings: DisplaySettings,
    *,
    readers: int = 2,
    cancel: CancelToken | None = None,
) -> Iterator[Progress]:
    """Write each image with its heat map as .jpg, in full size. Raises ExportError, Cancelled."""
    goal = _made(folder / OVERLAYS)
    _, about = index.job(job)
    total, done = index.count(job), 0
    wanted = (one for one in index.each(job) if one.row is not None and one.row.map is not None)
    left = (one for one in wanted if not _overlay(goal, one, job).exists())
    reading = Reading(None, readers=readers)
    for chunk in reading.chunks(left, lambda shown: shown.path, 4, cancel):
        for shown, ready in chunk:
            done += 1
            # The file may have changed or gone since it was explained.
            if _is_same(shown, ready):
                assert ready.image is not None
                pixels = overlay.blend(
                    ready.image.pixels, explanation_of(shown, about, ready.image), settings
                )
                save_picture(_overlay(goal, shown, job), pixels, _QUALITY)
            yield Progress(done, total, name=shown.name)


def explanation_of(shown: Shown, about: Job, image: LoadedImage) -> Explanation:
    """The stored map of a row as an explanation of its image, for drawing."""
    row = shown.row
    assert row is not None
    assert row.map is not None
    x, y, width, height = row.region
    scale_x, scale_y = image.width, image.height
    return Explanation(
        layer=about.layer,
        target=_target(row, about),
        map=row.map,
        shape=row.map.shape,
        layout=Layout.CHANNELS_FIRST if about.layer else None,
        region=Region(x * scale_x, y * scale_y, width * scale_x, height * scale_y),
        image=image.name,
        image_size=(image.width, image.height),
        model=about.model,
        device="",
        seconds=Seconds(0.0, 0.0),
        method=about.method,
    )


def file_name(shown: Shown, job: int) -> str:
    """A name that no other input and job has, from the image's own: '12-000034 cat'."""
    stem = _ODD.sub("_", Path(shown.name).stem)[:_LONGEST].strip("_")
    # A file system counts bytes, of which a letter may have four.
    stem = stem.encode("utf-8", "replace")[:_MOST_BYTES].decode("utf-8", "ignore")
    return f"{job}-{shown.number:06d}{'-' if stem else ''}{stem}-{_mark(shown)}"


def _mark(shown: Shown) -> str:
    """A few digits of the content's checksum, so that a changed file gets another name."""
    return shown.row.content[:8] if shown.row is not None else ""


def _overlay(goal: Path, shown: Shown, job: int) -> Path:
    return goal / f"{file_name(shown, job)}.jpg"


def _target(row: Row, about: Job) -> Prediction:
    number = row.target or 0
    value = row.value if row.value is not None else float(np.nan)
    chance = row.probability if row.target == row.prediction else None
    return Prediction(number, about.classes[number], value, chance)


def _is_same(shown: Shown, ready: Ready) -> bool:
    row = shown.row
    return ready.image is not None and row is not None and ready.picture.content == row.content


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return folder
