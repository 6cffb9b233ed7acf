"""What commands write: lines and JSON; places that cannot be written are refused beforehand."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.entry import fail, put, require_stdout
from engine.escaping import LINE, plain
from engine.files.destinations import check_outputs

if TYPE_CHECKING:
    pass


def refuse_outputs(options: argparse.Namespace, *names: str) -> None:
    """Refuse before the work, not after it. names: of the options that say where to write."""
    outputs = {f"--{name}": getattr(options, name) for name in names}
    if outputs.get("--json") == "-":
        require_stdout()
        outputs["--json"] = None
    read = [getattr(options, name, None) for name in ("image", "model", "weights", "classes")]
    check_outputs(outputs, read)


def check_suffix(path: Path | None, allowed: tuple[str, ...], option: str) -> None:
    """Refuse before the work, not after it."""
    if path is not None and path.suffix.lower() not in allowed:
        fail(f"{option} {path}: name a file that ends in {' or '.join(allowed)}")
        raise SystemExit(2)


def write_json(where: str, content: Any) -> None:
    if where == "-":
        write(json.dumps(content, indent=2))  # ASCII: whatever the terminal's encoding is
        return
    from engine.export.files import save_json

    save_json(Path(where), content)


def say(*cells: str) -> None:
    """One line, of cells with tabs between them; what names in it could do is spelled out."""
    write("\t".join(plain(cell, LINE) for cell in cells))


def write(text: str) -> None:
    put(f"{text}\n")
