"""Saves and loads model profiles, so that opening a model again asks nothing.

A profile is a small JSON file, named by the SHA-256 of the weights it belongs to. The same format
is exported and imported as NAME.hookscope.json. Nothing in it is ever run.
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.escaping import json_spelled
from engine.files import regular
from engine.files.atomic import whole_file
from engine.profiles.format import ModelProfile, content_of, profile_of
from engine.reader import client
from engine.version import NAME

_log = logging.getLogger(__name__)

SUFFIX = ".hookscope.json"
"""File suffix of an exported profile."""

_MAX_BYTES = 16_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


def folder() -> Path:
    """Where profiles are saved: the folder 'profiles' in the user's configuration folder."""
    import platformdirs

    return Path(platformdirs.user_config_path(NAME.lower(), appauthor=False)) / "profiles"


def load(sha256: str, store: Path | None = None) -> ModelProfile | None:
    """The saved profile of the weights with this checksum; None if there is none.

    store: the folder to use instead of folder(). A damaged file is ignored and logged. Raises
    ValueError unless sha256 is a hexadecimal SHA-256.
    """
    path = _place(sha256, store)
    if not path.is_file():
        return None
    try:
        return _profile_in(path)
    except ModelError as error:
        _log.warning("a saved profile is ignored: %s", error)
        return None


def save(sha256: str, profile: ModelProfile, store: Path | None = None) -> None:
    """Save a profile for the weights with this checksum, replacing an earlier one.

    Raises ExportError if it cannot be written, ValueError unless sha256 is a SHA-256.
    """
    path = _place(sha256, store)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _log.warning("%s cannot be created: %s", path.parent, error)
    export(path, profile, sha256)


def forget(sha256: str, store: Path | None = None) -> None:
    """Delete the saved profile of these weights, if there is one. Raises OSError."""
    _place(sha256, store).unlink(missing_ok=True)


def export(path: Path, profile: ModelProfile, sha256: str = "") -> None:
    """Write a profile to a file, atomically. Raises ExportError."""
    facts = content_of(profile, sha256)
    text = json_spelled(json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False))
    with whole_file(path) as file:
        file.write((text + "\n").encode("utf-8", "backslashreplace"))


def read(path: Path) -> ModelProfile:
    """The profile in the user's file.

    Raises ModelError, a single line that names the file and its first error; Cancelled.
    """
    answer = client.ask("profile", ModelError, str(path), path=path)
    return profile_of(client.text_of(answer))


def parse(path: Path) -> dict[str, Any]:
    """The validated content of a profile file, for read; runs in a reader process."""
    return content_of(_profile_in(path))


def _profile_in(path: Path) -> ModelProfile:
    data = regular.read(path, ModelError, _MAX_BYTES)
    try:
        return profile_of(json.loads(data.decode("utf-8-sig")))
    except (ValueError, RecursionError) as error:
        first = str(error).partition("\n")[0]
        raise ModelError(
            f"{path}: not a readable model profile ({first}); export it again"
        ) from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def _place(sha256: str, store: Path | None) -> Path:
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"not a SHA-256: {sha256[:80]!r}")
    return (store or folder()) / f"{sha256}{SUFFIX}"


__all__ = ["SUFFIX", "ModelProfile", "export", "folder", "forget", "load", "read", "save"]
