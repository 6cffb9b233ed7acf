"""What a JSON file says of the files that it names, so that `explain --like` and `what-if --edits`
find them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from engine.files.atomic import whole_file
from engine.files.named import NamedFile, noted, noted_as
from engine.records.sources import ModelSource

_PARTS = ("predicted", "expected", "contrast")
_STARTS = ((b"\xff\xd8\xff", ".jpg"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"), (b"GIF8", ".gif"))

NO_PICTURES: Mapping[str, Callable[[], bytes]] = MappingProxyType({})
NO_NAMES: Mapping[str, str] = MappingProxyType({})


Pictures: TypeAlias = Mapping[str, Callable[[], bytes]]
"""The content of a file for each image that has none, by the name that stands for it."""


def with_files(
    content: Any,
    path: Path | None,
    pictures: Pictures = NO_PICTURES,
    names: Mapping[str, str] = NO_NAMES,
) -> Any:
    """The content with 'files' in each view, and beside edits.

    path: that it is written to; None for stdout. Each file is read once. pictures: those that are
    named are written beside it, as 'NAME image.png'. names: what is written in another way, and
    what it is, as of engine.edits.told: of that, only the content is noted. What is no mapping, and
    has no views or edits, comes back as it is. Raises ExportError for a picture that cannot be
    written.
    """
    if not isinstance(content, Mapping):
        return content
    known = {written: noted_as(written, name) for written, name in names.items()}
    if path is not None:
        for name in sorted(_named(content) & pictures.keys()):
            number = f" {len(known) - len(names) + 1}" if len(known) > len(names) else ""
            known[name] = _written(path, number, name, pictures[name]())
    return _with_files(content, None if path is None else path.parent, known)


def _written(path: Path, number: str, name: str, data: bytes) -> NamedFile | None:
    suffix = next((end for start, end in _STARTS if data.startswith(start)), ".png")
    beside = path.with_name(f"{path.stem} image{number}{suffix}")
    with whole_file(beside) as file:
        file.write(data)
    found = noted(str(beside), path.parent)
    return None if found is None else replace(found, name=name)


def _named(content: Mapping[str, Any]) -> set[str]:
    """The images that are named anywhere in it."""
    found = [*_sources(content)]
    view = content.get("view")
    if isinstance(view, Mapping):
        found += [view.get("image"), *_sources(view)]
    inner = [*_listed(content.get("panes")), *(content.get(name) for name in _PARTS)]
    for each in inner:
        if isinstance(each, Mapping):
            found += _named(each)
    return {name for name in found if isinstance(name, str)}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _with_files(
    content: Mapping[str, Any], folder: Path | None, known: dict[str, NamedFile | None]
) -> dict[str, Any]:
    made = dict(content)
    view = content.get("view")
    if isinstance(view, Mapping):
        model = _of_model(view)
        _know_weights(content.get("model_info"), model, folder, known)
        names = (view.get("image"), *_sources(view), *model)
        made["view"] = {**view, "files": _files(names, folder, known)}
    if "edits" in content:
        made["files"] = _files(_sources(content), folder, known)
    panes = content.get("panes")
    if isinstance(panes, list):
        made["panes"] = [
            _with_files(pane, folder, known) if isinstance(pane, Mapping) else pane
            for pane in panes
        ]
    for name in _PARTS:
        if isinstance(content.get(name), Mapping):
            made[name] = _with_files(content[name], folder, known)
    return made


def _sources(facts: Mapping[str, Any]) -> list[Any]:
    """The images that the edits paste from."""
    edits = facts.get("edits")
    if not isinstance(edits, list):
        return []
    return [step.get("source") for step in edits if isinstance(step, Mapping)]


def _of_model(view: Mapping[str, Any]) -> tuple[str, ...]:
    """The files that the model of a view may be made of."""
    try:
        return ModelSource.from_key(str(view.get("model") or "")).named
    except ValueError:
        return ()


def _know_weights(
    info: Any, model: tuple[str, ...], folder: Path | None, known: dict[str, NamedFile | None]
) -> None:
    """Note the weights by the checksum that they had when the model was opened: the map is of
    those, whatever the file holds by now."""
    if not isinstance(info, Mapping) or not info.get("weights_sha256"):
        return
    weights = Path(str(info.get("weights"))).name
    for name in model:
        if Path(name).name == weights:
            known[name] = noted(name, folder, info["weights_sha256"])


def _files(
    names: tuple[Any, ...] | list[Any], folder: Path | None, known: dict[str, NamedFile | None]
) -> list[dict[str, Any]]:
    found = []
    for name in dict.fromkeys(name for name in names if isinstance(name, str) and name):
        if name not in known:
            known[name] = noted(name, folder)
        file = known[name]
        if file is not None:
            found.append(file.facts)
    return found
