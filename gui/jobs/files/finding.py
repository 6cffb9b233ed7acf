"""Sorts paths that were dropped or chosen into images, a model and what else can be opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.files import presence, regular, suffixes
from engine.files.order import natural
from engine.records.sources import ModelSource

if TYPE_CHECKING:
    from gui.jobs.lanes import Watch

_MOST_IMAGES = 10_000
INDEX = "index.sqlite"
"""What a folder with an index of images has, see engine.folders.index."""
_DICOM = b"DICM", 128
"""What DICOM files have after their first bytes, and where."""


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


def scan(paths: Sequence[Path], watch: Watch, *, paged: bool = False) -> Found:
    """Sort paths into images and a model; images in folders are in natural order.

    paged: folders of images open as a page, and so do the images beside them.
    """
    piles = _Piles(watch, paged=paged)
    for path in paths:
        piles.add(path)
    alone = len(paths) == 1 and presence.is_folder(paths[0])
    return piles.found(_whole(paths[0]) if alone else None)


class _Piles:
    """What paths turn out to be, each kind in the order in which they were dropped."""

    def __init__(self, watch: Watch, *, paged: bool) -> None:
        self._watch = watch
        self._paged = paged
        self._images: list[Path] = []
        self._missing: set[Path] = set()
        self._models: list[Path] = []
        self._classes: list[Path] = []
        self._profiles: list[Path] = []
        self._sessions: list[Path] = []
        self._pages: list[Path] = []
        self._index: Path | None = None
        self._empty: list[str] = []

    def add(self, path: Path) -> None:
        """Put a path on its pile; of a folder of images, what is in it."""
        from engine.folders.inputs.finding import names_images

        if path.name.upper() == suffixes.DICOM_LIST and not presence.is_folder(path):
            path = path.absolute().parent
        if path.name == INDEX and presence.is_file(path):
            self._index = _whole(path).parent
        elif presence.is_file(path / INDEX):
            self._index = _whole(path)
        elif suffixes.is_model(path):
            self._models.append(_whole(path))
        elif presence.is_folder(path):
            self._add_folder(path)
        elif suffixes.is_session(path):
            self._sessions.append(_whole(path))
        elif suffixes.is_profile(path):
            self._profiles.append(_whole(path))
        elif names_images(path):
            self._pages.append(_whole(path))
        elif suffixes.is_class_names(path):
            self._classes.append(_whole(path))
        else:
            self._add_image(_whole(path))

    def _add_folder(self, path: Path) -> None:
        inside = _images_in(path, self._watch, 0 if self._paged else _MOST_IMAGES)
        if not inside:
            # '.' and a drive have no name of their own.
            self._empty.append(_whole(path).name or str(path))
        elif self._paged:
            self._pages.append(_whole(path))
        else:
            self._images += inside

    def _add_image(self, path: Path) -> None:
        self._images.append(path)
        if stamp_of(path) is None:
            self._missing.add(path)

    def found(self, folder: Path | None) -> Found:
        """What all of them are. folder: as in Found."""
        pages, images = self._pages, self._images
        if self._paged and pages:
            pages, images = [*pages, *images], []
        return Found(
            tuple(dict.fromkeys(images))[:_MOST_IMAGES],
            frozenset(self._missing),
            ModelSource.among(self._models, self._classes),
            self._classes[0] if self._classes and not self._models else None,
            self._profiles[0] if self._profiles else None,
            self._sessions[-1] if self._sessions else None,
            self._refused(len(images)),
            folder,
            (self._index,) if self._index is not None else tuple(pages),
        )

    def _refused(self, count: int) -> str:
        if self._empty:
            return f"No images found in {', '.join(self._empty)}"
        if count > _MOST_IMAGES:
            return f"Only the first {_MOST_IMAGES:,} of {count:,} images were opened"
        return ""


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


def stamp_of(path: Path) -> tuple[int, int] | None:
    """(modification time in ns, size), to detect changed files; None if there is no file."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size
