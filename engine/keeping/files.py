"""Session files: a zip archive with session.json, written whole or not at all.

The archive may hold further members, which a later version may read: it ignores those that it does
not know, and nothing is ever unpacked to the disk. What is read is limited beforehand, whatever the
archive claims.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, TypeVar

from engine.errors import ExportError, SessionError
from engine.files import regular, suffixes
from engine.files.atomic import whole_file
from engine.keeping.format import facts_of, session_of
from engine.keeping.pixels import MOST, KeptPixels
from engine.keeping.records import KeptFile, KeptImage, KeptSession, KeptSource

SUFFIX = suffixes.SESSION
MEMBER = "session.json"
_PICTURES = "pictures/"


_MOST_BYTES = (64 << 20) + MOST
"""Of a session file, ten times the size of one with ten thousand images, and its pictures."""
_MOST_JSON = 128 << 20
_MOST_MEMBERS = 10_000
_DEEPEST = 50
# A zip archive holds the time of each member; this one is the earliest, and says nothing.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write(path: Path, session: KeptSession, *, most: int = MOST) -> tuple[str, ...]:
    """Write a session file, completely or not at all. Raises ExportError.

    most: bytes of the pictures within it. Returns the names of those for which there was no room.
    """
    session, pictures, left_out = _with_room(session, most)
    # ASCII, so that file names that are not valid Unicode survive.
    text = json.dumps(facts_of(session), allow_nan=False)
    with whole_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_member(MEMBER, zipfile.ZIP_DEFLATED), text, compresslevel=6)
        for sha256, data in pictures.items():
            # Compressed already.
            archive.writestr(_member(_PICTURES + sha256, zipfile.ZIP_STORED), data)
    return left_out


def _member(name: str, compression: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _NO_TIME)
    member.compress_type = compression
    member.external_attr = 0o644 << 16
    return member


def _with_room(
    session: KeptSession, most: int
) -> tuple[KeptSession, dict[str, bytes], tuple[str, ...]]:
    """The session with the pictures for which there is room; these by their checksums, and the
    names of the others."""
    pictures: dict[str, bytes] = {}
    left_out: list[str] = []

    def fitting(kept: KeptPixels | None, name: str) -> KeptPixels | None:
        nonlocal most
        if kept is None or kept.sha256 in pictures:
            return kept
        if len(kept.encoded) > most:
            left_out.append(name)
            return None
        most -= len(kept.encoded)
        pictures[kept.sha256] = kept.encoded
        return kept

    # Parts that are pasted are small, and an image can be pasted again.
    sources = tuple(
        replace(source, pixels=fitting(source.pixels, source.name)) for source in session.sources
    )
    images = tuple(
        replace(image, pixels=fitting(image.pixels, image.name))
        if image.pixels is not None
        else image
        for image in session.images
    )
    names = tuple(dict.fromkeys(left_out))
    return replace(session, images=images, sources=sources), pictures, names


def write_with_folder(path: Path, session: KeptSession, *, most: int = MOST) -> tuple[str, ...]:
    """Write a session file, as write does, in a folder that may not exist yet. Raises
    ExportError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{path.parent}: cannot be created ({error.strerror})") from error
    return write(path, session, most=most)


def read(path: Path) -> KeptSession:
    """The session in a file. Raises SessionError, one line that names the file and its error."""
    with regular.opened(path, SessionError) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            if size > _MOST_BYTES:
                raise SessionError(f"larger than {_MOST_BYTES >> 20} MB, too large for a session")
            with zipfile.ZipFile(file) as archive:
                return _with_pictures(session_of(_parsed(_json_in(archive))), archive)
        except SessionError as error:
            raise SessionError(f"{path}: {error}") from error
        except _DAMAGED as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise SessionError(
                f"{path}: not a readable session ({reason:.80}); open another copy of it"
            ) from error


Kept = TypeVar("Kept", KeptImage, KeptSource)

_DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError)
"""What zipfile raises for damaged archives, and for kinds of compression that it does not know."""


def _with_pictures(session: KeptSession, archive: zipfile.ZipFile) -> KeptSession:
    """The session with the pictures that the archive holds. Raises SessionError."""
    left, known = MOST, dict[str, KeptPixels]()

    def read(sha256: str) -> bytes:
        nonlocal left
        name = _PICTURES + sha256
        count = archive.namelist().count(name)
        if count > 1:
            raise SessionError("a picture is in it twice; open another copy of it")
        if count < 1 or archive.getinfo(name).flag_bits & 1:
            raise SessionError("a picture is missing in it; open another copy of it")
        with archive.open(name) as member:
            data = member.read(left + 1)
        left -= len(data)
        if left < 0:
            raise SessionError(f"its pictures are larger than {MOST >> 20} MB, too large to read")
        return data

    def filled(kept: KeptPixels) -> KeptPixels:
        if kept.sha256 not in known:
            known[kept.sha256] = kept.filled(read)
        return known[kept.sha256]

    def whole(one: Kept) -> Kept:
        return one if one.pixels is None else replace(one, pixels=filled(one.pixels))

    images, sources = tuple(map(whole, session.images)), tuple(map(whole, session.sources))
    return replace(session, images=images, sources=sources)


def _json_in(archive: zipfile.ZipFile) -> bytes:
    names = archive.namelist()
    if len(names) > _MOST_MEMBERS:
        raise SessionError(f"an archive of {len(names):,} files, too many for a session")
    if names.count(MEMBER) > 1:
        raise SessionError(f"{MEMBER} is in it twice; open another copy of it")
    if MEMBER not in names:
        raise SessionError(f"an archive without a {MEMBER}; open a session file")
    if archive.getinfo(MEMBER).flag_bits & 1:
        raise SessionError("encrypted; open one that is not")
    # What the archive says about the size may be wrong.
    with archive.open(MEMBER) as member:
        data = member.read(_MOST_JSON + 1)
    if len(data) > _MOST_JSON:
        raise SessionError(f"{MEMBER} is larger than {_MOST_JSON >> 20} MB, too large to read")
    return data


def _parsed(data: bytes) -> Any:
    deep = SessionError(f"{MEMBER} is nested more than {_DEEPEST} levels deep")
    try:
        content = json.loads(data)
    except RecursionError as error:
        raise deep from error
    if _is_deep(content):
        raise deep
    return content


def _is_deep(content: Any) -> bool:
    level: list[Any] = [[content]]
    for _ in range(_DEEPEST + 1):
        level = [
            value
            for outer in level
            for value in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(value, dict | list)
        ]
    return bool(level)


def related(session: KeptSession, folder: Path) -> KeptSession:
    """The session with each file's place seen from the folder of the session file."""
    images = tuple(
        replace(image, file=_related(image.file, folder)) if image.file is not None else image
        for image in session.images
    )
    models = tuple(
        replace(model, files={name: _related(file, folder) for name, file in model.files.items()})
        for model in session.models
    )
    sources = tuple(
        replace(one, file=_related(one.file, folder)) if one.file is not None else one
        for one in session.sources
    )
    return replace(session, images=images, models=models, sources=sources)


def _related(file: KeptFile, folder: Path) -> KeptFile:
    try:
        relative = PurePath(os.path.relpath(file.path, folder)).as_posix()
    except ValueError:  # on another drive
        relative = ""
    return replace(file, relative=relative)
