"""Reads JSON files that describe a model, as a configuration or an index of weights does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.files import regular

_LARGEST_JSON = 8_000_000
# Code that consumes a configuration walks it recursively.
_DEEPEST = 50


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file. Raises ModelError, naming the file, if there is none."""
    try:
        content = json.loads(regular.read(path, ModelError, _LARGEST_JSON).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); download it again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: contains no configuration; download it again")
    if _is_deep(content):
        raise ModelError(
            f"{path}: nested more than {_DEEPEST} levels deep, too deep for a configuration; "
            "download it again"
        )
    return content


def _is_deep(content: dict[str, Any]) -> bool:
    level: list[Any] = [content]
    for _ in range(_DEEPEST):
        level = [
            value
            for outer in level
            for value in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(value, dict | list)
        ]
    return bool(level)
