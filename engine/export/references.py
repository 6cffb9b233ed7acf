"""What a JSON file says of the files that it names, so that `explain --like` and `what-if --edits`
find them again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.files.named import NamedFile, noted

_PARTS = ("predicted", "expected", "contrast")


def with_files(content: Any, folder: Path | None) -> Any:
    """The content with 'files' in each view, and beside edits that have no view.

    folder: that it is written to; None for stdout. Each file is read once. What is no mapping, and
    has no views or edits, comes back as it is.
    """
    return _with_files(content, folder, {}) if isinstance(content, Mapping) else content


def _with_files(
    content: Mapping[str, Any], folder: Path | None, known: dict[str, NamedFile | None]
) -> dict[str, Any]:
    made = dict(content)
    view = content.get("view")
    if isinstance(view, Mapping):
        made["view"] = {
            **view,
            "files": _files((view.get("image"), *_sources(view)), folder, known),
        }
    elif "edits" in content:
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
