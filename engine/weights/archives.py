"""Validates the headers of weights files before other code relies on them.

Nothing here unpickles or runs a file: a ZIP archive's directory, the first bytes of a pickle and
the header of a .safetensors file are only inspected. A file that claims more data than it has is
rejected.
"""

from __future__ import annotations

import json
import zipfile
from typing import IO, Any

from engine.errors import WeightsError

ZIP = b"PK\x03\x04"
# A legacy torch file is a sequence of pickles, the first of which is just this number.
_LEGACY_NUMBER = b"\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
# torch stores tensors uncompressed, and compresses only the code of a TorchScript archive.
_MOST_EXPANSION = 4
_FREE_EXPANSION = 64 << 20
_LARGEST_HEADER = 100_000_000

_AGAIN = "download or save it again"


def is_legacy(head: bytes) -> bool:
    """Whether these first bytes are those of torch.save's format before ZIP archives."""
    # Newer pickle protocols put a frame length between the protocol and the number.
    return head[:1] == b"\x80" and _LEGACY_NUMBER in head[2:32]


def is_safetensors(head: bytes) -> bool:
    """Whether these first bytes are those of a .safetensors file."""
    return head[8:10] == b'{"' and int.from_bytes(head[:8], "little") < 1 << 32


def entries_of(archive: zipfile.ZipFile, name: str, size: int) -> dict[str, zipfile.ZipInfo]:
    """The entries of a ZIP archive of `size` bytes, by name.

    Raises WeightsError if it would unpack to far more than its own size (a ZIP bomb).
    """
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > _MOST_EXPANSION * size + _FREE_EXPANSION:
        raise WeightsError(
            f"{name}: an archive of {in_words(size)} that unpacks to {in_words(unpacked)}, unlike "
            f"any saved network; {_AGAIN}"
        )
    return {entry.filename: entry for entry in entries}


def safetensors_header(file: IO[bytes], name: str, size: int) -> tuple[dict[str, Any], int]:
    """The header of a .safetensors file of `size` bytes, and the offset of its tensors.

    Raises WeightsError if it is inconsistent with the file size.
    """
    length = int.from_bytes(file.read(8), "little")
    if length > min(size - 8, _LARGEST_HEADER):
        raise WeightsError(
            f"{name}: its header claims {in_words(length)}, but the file is smaller; {_AGAIN}"
        )
    try:
        header = json.loads(file.read(length))
        entries = [entry for key, entry in header.items() if key != "__metadata__"]
        ends = [int(entry["data_offsets"][1]) for entry in entries]
        starts = [int(entry["data_offsets"][0]) for entry in entries]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{name}: its header is damaged; {_AGAIN}") from error
    if max(ends, default=0) > size - 8 - length or min(starts, default=0) < 0:
        raise WeightsError(
            f"{name}: its header claims {in_words(max(ends))} of tensors, but the file has "
            f"{in_words(size)}; {_AGAIN}"
        )
    return header, 8 + length


def in_words(count: int) -> str:
    """A number of bytes as text with a unit."""
    value = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"
