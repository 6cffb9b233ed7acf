"""Command output as lines and JSON; destinations that cannot be written are rejected up front."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.entry import fail, put, require_stdout
from engine.escaping import LINE, plain
from engine.files.destinations import check_outputs


def refuse_outputs(options: argparse.Namespace, *names: str) -> None:
    """Reject unusable destinations before the work starts. names: options that name an output."""
    outputs = {f"--{name}": getattr(options, name) for name in names}
    if outputs.get("--json") == "-":
        require_stdout()
        outputs["--json"] = None
    inputs = ("image", "model", "weights", "classes", "profile", "boxes", "edits", "like")
    read = [getattr(options, name, None) for name in inputs]
    for name in ("images", "models"):
        read += getattr(options, name, [])
    check_outputs(outputs, read)


def check_suffix(path: Path | None, allowed: tuple[str, ...], option: str) -> None:
    """Reject a wrong file suffix before the work starts."""
    if path is not None and path.suffix.lower() not in allowed:
        fail(f"{option} {path}: name a file that ends in {' or '.join(allowed)}")
        raise SystemExit(2)


def write_json(where: str, content: Any, names: Mapping[str, str] | None = None) -> None:
    """Write a command's results. names: as of with_files."""
    if where == "-":
        from engine.export.references import with_files

        content = with_files(content, None, names=names or {})
        write(json.dumps(content, indent=2))  # ASCII, so that the terminal's encoding is irrelevant
        return
    from engine.export.files import save_json

    save_json(Path(where), content, names=names or {})


def say(*cells: str) -> None:
    """Write one line of tab-separated cells, with control characters escaped."""
    write("\t".join(plain(cell, LINE) for cell in cells))


def write(text: str) -> None:
    put(f"{text}\n")
