"""The work of the sessions' lane: reading, writing and checksums of session files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import SessionError
from engine.files import presence
from engine.files.hashing import sha256_of
from engine.keeping import files, locating
from engine.keeping.records import KeptFile, KeptModel, KeptSession
from engine.keeping.settings import Apart, differences
from gui.jobs.files.finding import stamp_of

if TYPE_CHECKING:
    from gui.jobs.lanes import Watch

Stamp = tuple[int, int]
Known = Mapping[Path, tuple[Stamp, str]]
"""Checksums that are known, with the stamps that the files had then."""


@dataclass(frozen=True, slots=True)
class Written:
    """A session that was saved. hashes: the checksums that were computed for it. left_out: images
    for which it had no room."""

    path: Path
    session: KeptSession
    hashes: Known
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was read, with its files where they are now.

    missing: those that are not. apart: models that have other settings here. left, faults: what is
    said of what is left out, and of settings that cannot be read.
    """

    path: Path
    session: KeptSession
    missing: tuple[KeptFile, ...] = ()
    apart: tuple[Apart, ...] = ()
    left: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def save(path: Path, session: KeptSession, known: Known, watch: Watch) -> Written:
    """Write a session with the checksums of its files. Raises ExportError, Cancelled."""
    fresh: dict[Path, tuple[Stamp, str]] = {}
    needed = list(locating.all_files(session))
    described: dict[str, KeptFile] = {}
    for place, file in enumerate(needed):
        watch.report(place / max(1, len(needed)), f"reading {file.name}")
        described[file.path] = _described(file, known, fresh, watch)
    session = locating.with_files(session, described)
    session = replace(session, models=tuple(map(_with_profile, session.models)), run=None)
    session = files.related(session, path.parent)
    watch.cancel.raise_if_cancelled()
    return Written(path, session, fresh, files.write(path, session))


def _described(
    file: KeptFile, known: Known, fresh: dict[Path, tuple[Stamp, str]], watch: Watch
) -> KeptFile:
    """The file with its checksum; one that cannot be read stays as it was known."""
    path = Path(file.path)
    stamp = stamp_of(path)
    if stamp is None or not presence.is_file(path):
        return file
    before = known.get(path)
    if before is None or before[0] != stamp:
        try:
            fresh[path] = before = stamp, sha256_of(path, SessionError, watch.cancel)
        except SessionError:
            return file
    modified, size = stamp
    return replace(file, sha256=before[1], size=size, modified=modified)


def _with_profile(model: KeptModel) -> KeptModel:
    from engine.profiles import store
    from engine.profiles.format import content_of

    profile = store.load(model.sha256) if model.sha256 else None
    content = content_of(profile, model.sha256) if profile is not None else None
    return replace(model, profile=content)


def open_session(path: Path, watch: Watch) -> Opened:
    """Read a session and find its files. Raises SessionError, Cancelled."""
    session = files.read(path)
    places: dict[str, Path] = {}
    missing: list[KeptFile] = []
    for file in locating.all_files(session):
        watch.cancel.raise_if_cancelled()
        place = locating.place_of(file, path.parent)
        if place is None:
            missing.append(file)
        elif str(place) != file.path:
            places[file.path] = place
    apart, faults = differences(session)
    session = locating.moved(session, places)
    left: tuple[str, ...] = ()
    if session.folder is not None and not locating.folder_here(session, path.parent):
        left = (f"the folder {session.folder.paths[0]} is not there, so its page is left out",)
        session = replace(session, folder=None)
    return Opened(path, session, tuple(missing), apart, left, faults)


@dataclass(frozen=True, slots=True)
class Changed:
    """The names of files that are not as they were; hashes: the checksums that were computed."""

    names: tuple[str, ...]
    hashes: Known


def changed_files(session: KeptSession, known: Known, watch: Watch) -> Changed:
    """Compare the files of a session with what it says about them. Raises Cancelled.

    One with the recorded time and size counts as the same, without being read.
    """
    fresh: dict[Path, tuple[Stamp, str]] = {}
    changed: list[str] = []
    needed = list(locating.all_files(session))
    for place, file in enumerate(needed):
        watch.report(place / max(1, len(needed)), f"reading {file.name}")
        stamp = stamp_of(Path(file.path))
        if not file.sha256 or stamp in (None, (file.modified, file.size)):
            continue
        now = _described(file, known, fresh, watch)
        if now.sha256 != file.sha256:
            changed.append(file.name)
    return Changed(tuple(changed), fresh)
