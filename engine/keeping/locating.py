"""Finds the files of a session where they are now: moved together with it, or one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.files import presence
from engine.files.named import is_elsewhere
from engine.keeping.records import KeptFile, KeptModel, KeptPane, KeptSession, KeptSource
from engine.records.edits import Edits, Paste
from engine.records.sources import ModelSource

Place = Callable[[KeptFile], Path | None]
"""Where a file is now; None where it is not to be found."""


def all_files(session: KeptSession) -> Iterator[KeptFile]:
    """The files that a session needs, each once: images first, at last what edits paste from. The
    scenes of the program are none of them."""
    seen: set[str] = set()
    images = (image.file for image in session.images if image.file is not None)
    models = (file for model in session.models for file in model.files.values())
    sources = (one.file for one in session.sources if one.file is not None and not one.scene)
    for file in (*images, *models, *sources):
        if file.path not in seen:
            seen.add(file.path)
            yield file


def place_of(file: KeptFile, folder: Path) -> Path | None:
    """Where a file of a session is, whose own file is in this folder; None if it is missing.

    It may have been moved together with the session, or be where it was. If both places have a
    file, the one with the recorded size is it, and else the one beside the session.
    """
    there = [path for path in _candidates(file, folder) if presence.exists(path)]
    alike = (path for path in there if file.size and _size_of(path) == file.size)
    return next(alike, there[0] if there else None)


def _candidates(file: KeptFile, folder: Path) -> Iterator[Path]:
    if file.relative and not Path(file.relative).is_absolute():
        beside = Path(os.path.normpath(folder / file.relative))
        if not is_elsewhere(beside, folder):
            yield beside
    whole = Path(file.path)
    if whole.is_absolute() and not is_elsewhere(whole, folder):
        yield whole


def folder_here(session: KeptSession, folder: Path) -> bool:
    """Whether all paths of the session's folder page are there. folder: of the session file."""
    named = session.folder.paths if session.folder is not None else ()
    return all(
        not is_elsewhere(Path(path), folder) and presence.exists(Path(path)) for path in named
    )


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def followed(old: str, new: Path, others: Iterable[str]) -> dict[str, Path]:
    """Where others are, now that one file was found again: in the folder that took the place of
    its folder, or beside it.

    old: where the file was, new: where it is. Returns only those that exist.
    """
    before, after = _parts(old), _parts(str(new))
    common = 0
    while common < min(len(before), len(after)) - 1 and before[-1 - common] == after[-1 - common]:
        common += 1
    # A file that was renamed has none of its path in common, but may be in the same folder.
    common = max(1, common)
    was, now = before[: len(before) - common], after[: len(after) - common]
    found: dict[str, Path] = {}
    for other in others:
        parts = _parts(other)
        places = [new.parent / parts[-1]]
        if parts[: len(was)] == was:
            places.insert(0, Path("/".join((*now, *parts[len(was) :]))))
        there = next((place for place in places if presence.exists(place)), None)
        if there is not None:
            found[other] = there
    return found


def _parts(path: str) -> list[str]:
    """The parts of a path, of this system or another; the first of an absolute one is '' or a
    drive."""
    return path.replace("\\", "/").split("/") if _is_windows(path) else path.split("/")


def _is_windows(path: str) -> bool:
    return path.startswith("\\\\") or path[1:3] in (":\\", ":/")


def moved(session: KeptSession, places: Mapping[str, Path]) -> KeptSession:
    """The session with other paths for some of its files. places: by the paths that it has."""
    others = {
        file.path: replace(file, path=str(places[file.path]))
        for file in all_files(session)
        if file.path in places
    }
    return with_files(session, others)


def with_files(session: KeptSession, others: Mapping[str, KeptFile]) -> KeptSession:
    """The session with other files in place of some. others: by the paths that it has."""

    def other(file: KeptFile) -> KeptFile:
        return others.get(file.path, file)

    images = tuple(
        replace(
            image,
            file=other(image.file) if image.file is not None else None,
            edits=_with_sources(image.edits, others),
        )
        for image in session.images
    )
    return replace(
        session,
        images=images,
        models=tuple(_moved(model, other) for model in session.models),
        panes=tuple(_pane_moved(pane, others) for pane in session.panes),
        sources=tuple(_source_moved(one, others) for one in session.sources),
    )


def with_scenes(session: KeptSession, scenes: Iterable[Path]) -> KeptSession:
    """The session, whose edits paste from the scenes of this program. scenes: their files."""
    here = {path.name: path for path in scenes}
    others = {
        one.name: KeptFile(str(here[one.scene])) for one in session.sources if one.scene in here
    }
    return with_files(session, others) if others else session


def pasted_from(edits: Edits, others: Mapping[str, KeptFile]) -> Edits:
    """The edits, which paste from where the files are now. others: by the paths that they have."""
    return Edits(
        tuple(
            replace(step, source=others[step.source].path)
            if isinstance(step, Paste) and step.source in others
            else step
            for step in edits.steps
        )
    )


def _source_moved(one: KeptSource, others: Mapping[str, KeptFile]) -> KeptSource:
    known = others.get(one.name)
    return replace(one, name=known.path, file=known) if known is not None else one


def _pane_moved(pane: KeptPane, others: Mapping[str, KeptFile]) -> KeptPane:
    """The pane, whose edits paste from where the files are now."""
    return replace(pane, view=replace(pane.view, edits=pasted_from(pane.view.edits, others)))


def _with_sources(edits: Any, others: Mapping[str, KeptFile]) -> Any:
    """Edits that paste from files which are elsewhere now; other values are left as they are."""
    return [_sourced(step, others) for step in edits] if isinstance(edits, list) else edits


def _sourced(step: Any, others: Mapping[str, KeptFile]) -> Any:
    source = step.get("source") if isinstance(step, dict) else None
    known = others.get(source) if isinstance(source, str) else None
    return {**step, "source": known.path} if known is not None else step


def _moved(model: KeptModel, other: Callable[[KeptFile], KeptFile]) -> KeptModel:
    files = {name: other(file) for name, file in model.files.items()}
    source: ModelSource = model.source
    for name, file in files.items():
        if file.path != model.files[name].path:
            source = replace(source, **{name: file.path})  # type: ignore[arg-type]
    return replace(model, source=source, files=files)
