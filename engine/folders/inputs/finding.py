"""Finds the images of paths: files, folders, tables and lists, one after the other as they come."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.errors import HookscopeError
from engine.files import presence, regular, suffixes
from engine.files.order import natural
from engine.folders.index import schema
from engine.folders.inputs import lists
from engine.folders.records import NO_STAMP, Source, stamp_in
from engine.progress import CancelToken
from engine.reader import client

FOLDER = "folder"
"""In place of a file of labels: the name of the folder below the one that was named."""

_DICOM = (b"DICM", 128)

# What is read of a file to know whether it names images.
_HEAD, _FIRST = 65_536, 20


@dataclass(frozen=True, slots=True)
class Labels:
    """Where labels come from.

    folders: from the names of folders. by_path: from a table, with its further columns, by absolute
    path. A table that is itself an input has its own in any case.
    """

    folders: bool = False
    by_path: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] | None = None


NO_LABELS = Labels()


@dataclass(slots=True)
class Overlooked:
    """What is passed over. folders: inside those that were named, with the reason. again: files
    that are named again with another label, which does not count."""

    folders: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """A line on each, with the first of them."""
        found = []
        if self.folders:
            count = len(self.folders)
            many = "1 folder is" if count == 1 else f"{count:,} folders are"
            found.append(f"{many} left out; {self.folders[0]}")
        if self.again:
            count = len(self.again)
            many = "1 file is" if count == 1 else f"{count:,} files are"
            found.append(
                f"{many} named again with another label, and the first one counts; "
                f"{self.again[0]}: write independent labels in one row, as in a;b"
            )
        return found


def labels_from(
    where: str | None,
    cancel: CancelToken | None = None,
    patience: float | None = client.PATIENCE,
    overlooked: Overlooked | None = None,
) -> tuple[Labels, dict[str, int | str]]:
    """Labels as --labels names them: None, 'folder', or a file: a table of paths with labels, or a
    JSON mapping from the names of folders to classes. The second is that mapping, else empty.

    Raises HookscopeError for a file that cannot be used, Cancelled.
    """
    if where is None:
        return NO_LABELS, {}
    path = Path(where)
    if where == FOLDER and not presence.is_file(path):
        return Labels(folders=True), {}
    if path.suffix.lower() == ".json":
        with client.reading(cancel, patience):
            answer = client.ask("label mapping", HookscopeError, str(path), path=path)
        return Labels(folders=True), dict(client.text_of(answer))
    by_path: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {}
    for one in table(path, cancel, patience):
        label, _ = by_path.setdefault(one.path, (one.label, one.more))
        if label != one.label and overlooked is not None:
            overlooked.again.append(one.path)
    return Labels(by_path=by_path), {}


def find(
    paths: Sequence[Path],
    labels: Labels = NO_LABELS,
    *,
    skip: Path | None = None,
    cancel: CancelToken | None = None,
    patience: float | None = client.PATIENCE,
    overlooked: Overlooked | None = None,
) -> Iterator[Source]:
    """The images of the paths, each once: those of a folder and all below it in natural order,
    hidden ones left out; those of a table or list in its order; any other file by itself.

    skip: a folder that is left out, as the program's own output is; what was written from the index
    in a folder is in any case. patience: for a table, as in client.reading. overlooked: gets what
    is passed over. A file of a table that is not there has NO_STAMP. Raises HookscopeError for a
    path that is not there or a table that cannot be used, Cancelled.
    """
    seen: dict[str, str] = {}
    searched = _Searched(skip, cancel, patience, overlooked or Overlooked())
    for path in paths:
        for found in _of(path, labels, searched):
            source = _labelled(found, labels)
            if source.path not in seen:
                seen[source.path] = source.label
                yield source
            elif source.label not in ("", seen[source.path]):
                searched.overlooked.again.append(source.path)


@dataclass(frozen=True, slots=True)
class _Searched:
    """As the arguments of find."""

    skip: Path | None
    cancel: CancelToken | None
    patience: float | None
    overlooked: Overlooked


def table(
    path: Path, cancel: CancelToken | None = None, patience: float | None = client.PATIENCE
) -> list[Source]:
    """The rows of a table or list; paths in it are relative to its folder.

    Raises HookscopeError, Cancelled.
    """
    with client.reading(cancel, patience):
        answer = client.ask("image list", HookscopeError, str(path), path=path, memory=4 << 30)
    content: dict[str, Any] = client.text_of(answer)
    folder = path.absolute().parent
    found = []
    for place, label, *more in ([*row, ""] if len(row) == 1 else row for row in content["rows"]):
        whole = os.path.normpath(folder / place)
        pairs = tuple(zip(content["columns"], more, strict=False))
        found.append(Source(whole, place, _stamp(whole), label, pairs))
    return found


def names_images(path: Path) -> bool:
    """Whether a file is a table or list whose first lines name images, by their suffix or because
    they are there; of any other text, such as a list of class names, False."""
    if not is_list(path):
        return False
    cells = (cell for line in _first_lines(path) for cell in re.split(r"[,;\t]", line))
    names = (cell.strip().strip('"') for cell in cells)
    return any(
        Path(name).suffix.lower() in suffixes.IMAGES or _is_dicom(path.parent / name)
        for name in names
        if name
    )


def is_list(path: Path) -> bool:
    """Whether a path looks like a table or list of images."""
    return path.suffix.lower() in lists.SUFFIXES and not presence.is_folder(path)


def _first_lines(path: Path) -> list[str]:
    try:
        with regular.opened(path, HookscopeError) as file:
            head = file.read(_HEAD)
    except (HookscopeError, OSError):
        return []
    wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
    return head.decode("utf-16" if wide else "utf-8", "replace").splitlines()[:_FIRST]


def _is_dicom(path: Path) -> bool:
    return suffixes.may_be_dicom(path) and regular.has_mark(path, *_DICOM)


def _of(path: Path, labels: Labels, searched: _Searched) -> Iterator[Source]:
    if presence.is_folder(path):
        yield from _in_folder(path, labels, searched)
    elif is_list(path):
        yield from table(path, searched.cancel, searched.patience)
    else:
        whole = os.path.normpath(path.absolute())
        label = path.absolute().parent.name if labels.folders else ""
        stamp = _stamp(whole)
        if stamp == NO_STAMP:
            raise HookscopeError(f"{path}: no such file or folder; check the name")
        yield Source(whole, path.name, stamp, label)


def _in_folder(folder: Path, labels: Labels, searched: _Searched) -> Iterator[Source]:
    root = os.path.normpath(folder.absolute())
    own = Path(root).name
    for place in _folders(root, searched):
        below = os.path.relpath(place, root)
        first = own if below == os.curdir else below.split(os.sep, 1)[0]
        for entry in _images(place, root, searched):
            whole = os.path.join(place, entry.name)  # noqa: PTH118 - a Path each is slow
            name = entry.name if below == os.curdir else os.path.join(below, entry.name)  # noqa: PTH118
            yield Source(whole, name, _stamp(whole), first if labels.folders else "")


def _folders(root: str, searched: _Searched) -> Iterator[str]:
    """The folder and all below it in natural order; links are not followed."""
    left_out = None if searched.skip is None else os.path.realpath(searched.skip)
    for place, names, _ in os.walk(root, onerror=lambda error: _unseen(error, root, searched)):
        if searched.cancel is not None:
            searched.cancel.raise_if_cancelled()
        names[:] = sorted((name for name in names if not name.startswith(".")), key=natural)
        if schema.is_in(Path(place)):
            names[:] = [name for name in names if name not in (schema.OVERLAYS, schema.MAPS)]
        searched.overlooked.folders += (
            f"{place}{os.sep}{name}: a link to a folder, which is not followed; name that folder"
            for name in names
            if os.path.islink(f"{place}{os.sep}{name}")  # noqa: PTH114
        )
        if left_out is not None:
            names[:] = [n for n in names if os.path.realpath(os.path.join(place, n)) != left_out]  # noqa: PTH118
            if os.path.realpath(place) == left_out:
                continue
        yield place


def _unseen(error: OSError, root: str, searched: _Searched) -> None:
    """Note a folder that cannot be read. Raises HookscopeError for the one that was named."""
    if error.filename == root:
        raise HookscopeError(f"{root}: {regular.reason(error)}") from error
    searched.overlooked.folders.append(f"{error.filename}: {regular.reason(error)}")


def _images(folder: str, root: str, searched: _Searched) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = [one for one in entries if not one.name.startswith(".") and _is_image(one)]
    except OSError as error:
        # It has gone since it was found.
        _unseen(error, root, searched)
        return []
    return sorted(found, key=lambda entry: natural(entry.name))


def _is_image(entry: os.DirEntry[str]) -> bool:
    path = Path(entry.name)
    if path.suffix.lower() in suffixes.IMAGES:
        # Of an entry, unlike this, a link to itself raises.
        return not os.path.isdir(entry.path)  # noqa: PTH112
    return suffixes.may_be_dicom(path) and regular.has_mark(Path(entry.path), *_DICOM)


def _labelled(source: Source, labels: Labels) -> Source:
    if labels.by_path is None:
        return source
    label, more = labels.by_path.get(source.path, (source.label, source.more))
    return replace(source, label=label, more=more)


def _stamp(path: str) -> tuple[int, int]:
    try:
        return stamp_in(os.stat(path))  # noqa: PTH116
    except (OSError, ValueError):
        return NO_STAMP
