"""Make a folder of files ready to be published: SHA256SUMS, and nothing that is too large.

    .venv/bin/python scripts/make_checksums.py FOLDER [--limit BYTES]

A file of more than LIMIT bytes (2 GiB less one, which is what a release on GitHub takes) is cut
into FILE.part1, FILE.part2 and so on. SHA256SUMS has a line for each part and one for the whole, in
the form that 'sha256sum --check --ignore-missing' reads.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

SUMS = "SHA256SUMS"
_LIMIT = 2**31 - 1
_BLOCK = 1 << 20


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cut(path: Path, limit: int) -> list[Path]:
    """The parts of at most limit bytes that a file is replaced by."""
    parts: list[Path] = []
    with path.open("rb") as whole:
        while whole.peek(1):
            part = path.with_name(f"{path.name}.part{len(parts) + 1}")
            with part.open("wb") as file:
                left = limit
                while left and (block := whole.read(min(_BLOCK, left))):
                    file.write(block)
                    left -= len(block)
            parts.append(part)
    path.unlink()
    return parts


def prepare(folder: Path, limit: int = _LIMIT) -> list[str]:
    """Cut what is too large and write SHA256SUMS; its lines. Raises ValueError for a limit of 0,
    or where there are no files."""
    if limit < 1:
        raise ValueError("a part has at least one byte")
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != SUMS)
    if not files:
        raise ValueError(f"{folder} has no files")
    sums: dict[str, str] = {}
    for path in files:
        sums[path.name] = digest(path)
        if path.stat().st_size > limit:
            sums |= {part.name: digest(part) for part in cut(path, limit)}
    lines = [f"{sums[name]}  {name}" for name in sorted(sums)]
    (folder / SUMS).write_text("\n".join([*lines, ""]), encoding="utf-8", newline="\n")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Checksums of what is published.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=_LIMIT, help="bytes of the largest file")
    options = parser.parse_args()
    print("\n".join(prepare(options.folder, options.limit)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
