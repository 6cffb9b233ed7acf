"""A partially downloaded file, and the record of which version of the file it belongs to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.files.atomic import exchange

if TYPE_CHECKING:
    from engine.downloads.http import Answer

MEGABYTE = 1 << 20
"""Bytes in a megabyte, as torchvision counts them."""

_PARTIAL_CONTENT = 206


def part_of(target: Path) -> Path:
    """Where the partial download of target is kept."""
    return target.with_name(f"{target.name}.part")


@dataclass(frozen=True, slots=True)
class Version:
    """Identifies the version of a file on the server: ETag, modification date, total size."""

    etag: str
    modified: str
    total: int | None

    @property
    def validator(self) -> str:
        """The value for If-Range, which excludes weak tags (RFC 9110, 13.1.5)."""
        return self.modified if not self.etag or self.etag.startswith("W/") else self.etag

    def fits(self, other: Version) -> bool:
        """Whether both may be the same; a response to If-Range need not repeat every header."""
        pairs = (
            (self.etag, other.etag),
            (self.modified, other.modified),
            (self.total, other.total),
        )
        return all(mine == theirs for mine, theirs in pairs if mine and theirs)


class Part:
    """The growing partial file, and the record of the version it came from."""

    def __init__(self, target: Path) -> None:
        self.path = part_of(target)
        self._facts = self.path.with_name(f"{self.path.name}.json")

    @property
    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def version(self) -> Version | None:
        try:
            facts = json.loads(self._facts.read_text(encoding="utf-8"))
            return Version(str(facts["etag"]), str(facts["modified"]), facts["total"])
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def remember(self, version: Version) -> None:
        self._facts.write_text(json.dumps(asdict(version)), encoding="utf-8")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        exchange(self.path, target)
        self._facts.unlink(missing_ok=True)


def version_of(answer: Answer) -> Version:
    total: int | None
    if answer.status == _PARTIAL_CONTENT:
        whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
        total = int(whole) if whole.isdecimal() else None
    else:
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
    headers = answer.headers
    return Version(headers.get("ETag", ""), headers.get("Last-Modified", ""), total)


def start_of(answer: Answer) -> int:
    """The offset of the first byte of a response; -1 if its Content-Range is unreadable."""
    if answer.status != _PARTIAL_CONTENT:
        return 0
    unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
    start = rest.partition("-")[0]
    return int(start) if unit == "bytes" and start.isdecimal() else -1
