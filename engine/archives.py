"""What the headers of a file claim, read before anything else believes them.

Nothing here unpickles or runs a file: a zip archive's directory, the opcodes of a pickle and the
header of a .safetensors file are only looked at. A file that claims more than it holds is refused.
"""

from __future__ import annotations

import json
import pickletools
import struct
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from engine.errors import WeightsError

ZIP = b"PK\x03\x04"
# A legacy torch file is a row of pickles, of which the first is this number and nothing else.
_LEGACY_NUMBER = b"\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
# torch stores tensors as they are, and only the few lines of code of a TorchScript archive packed.
_MOST_EXPANSION = 4
_FREE_EXPANSION = 64 << 20
_LARGEST_HEADER = 100_000_000
_LEGACY_PICKLES = 5
_LARGEST_PICKLE = 64 << 20

_AGAIN = "fetch or save it again"


def is_legacy(head: bytes) -> bool:
    """Whether a file with these first bytes was written by torch.save before its zip archives."""
    # Between the protocol and the number, newer protocols put the length of a frame.
    return head[:1] == b"\x80" and _LEGACY_NUMBER in head[2:32]


def is_safetensors(head: bytes) -> bool:
    """Whether a file with these first bytes begins as a .safetensors file does."""
    return head[8:10] == b'{"' and int.from_bytes(head[:8], "little") < 1 << 32


def entries_of(archive: zipfile.ZipFile, name: str, size: int) -> dict[str, zipfile.ZipInfo]:
    """The entries of a zip archive of `size` bytes, by name.

    Raises WeightsError for one that would unpack to far more than its own size (a zip bomb).
    """
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > _MOST_EXPANSION * size + _FREE_EXPANSION:
        raise WeightsError(
            f"{name}: an archive of {in_words(size)} that unpacks to {in_words(unpacked)}, as no "
            f"saved network does; {_AGAIN}"
        )
    return {entry.filename: entry for entry in entries}


def safetensors_header(file: IO[bytes], name: str, size: int) -> tuple[dict[str, Any], int]:
    """The header of a .safetensors file of `size` bytes, and where its tensors begin.

    Raises WeightsError unless it fits into the file.
    """
    length = int.from_bytes(file.read(8), "little")
    if length > min(size - 8, _LARGEST_HEADER):
        raise WeightsError(
            f"{name}: its header claims {in_words(length)}, but the file has less; {_AGAIN}"
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
    """A number of bytes for people to read."""
    value = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


@dataclass(frozen=True, slots=True)
class PickleFacts:
    """What stands in a pickle. names: the classes and functions it asks for, as 'module.name', in
    order of appearance; protocol: the highest that it needs."""

    names: tuple[str, ...]
    protocol: int


class _Bounded:
    """A file for pickletools, which would make room for whatever length a pickle claims."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size
        self.readline = file.readline

    def read(self, count: int) -> bytes:
        if count > self._size:
            raise EOFError
        return self._file.read(count)


def pickle_facts(path: Path) -> PickleFacts:
    """What the pickle in a file of torch.save asks for, zip or legacy, told from its opcodes alone.

    Raises WeightsError when the pickle is cut off, or claims tensors larger than the file.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            # Odd escapes in the names of a damaged pickle.
            warnings.simplefilter("ignore")
            if file.read(4) == ZIP:
                with zipfile.ZipFile(path) as archive, _data_pickle(path, archive) as part:
                    return _scan(path, part, 1, size)
            file.seek(0)
            return _scan(path, file, _LEGACY_PICKLES, size)
    except (
        *(ValueError, EOFError, IndexError, UnicodeDecodeError, zipfile.BadZipFile, OSError),
        *(NotImplementedError, RuntimeError, OverflowError, struct.error, zlib.error),
    ) as error:
        raise WeightsError(f"{path}: the file is cut off or damaged; {_AGAIN}") from error


def _data_pickle(path: Path, archive: zipfile.ZipFile) -> IO[bytes]:
    for entry in archive.infolist():
        if entry.filename == "data.pkl" or entry.filename.endswith("/data.pkl"):
            if entry.file_size > _LARGEST_PICKLE:
                raise WeightsError(
                    f"{path}: the list of its tensors has {in_words(entry.file_size)}, as no saved "
                    f"network has; {_AGAIN}"
                )
            return archive.open(entry)
    raise WeightsError(f"{path}: an archive without tensors; {_AGAIN}")


def _scan(path: Path, file: IO[bytes], pickles: int, size: int) -> PickleFacts:
    names: dict[str, None] = {}
    protocol = 0
    bounded: Any = _Bounded(file, max(size, _LARGEST_PICKLE))
    for _ in range(pickles):
        texts: list[str] = []
        memo: dict[int, str] = {}
        last_text = ""
        last_number = 0
        for opcode, argument, _position in pickletools.genops(bounded):
            protocol = max(protocol, opcode.proto)
            if isinstance(argument, str) and opcode.name not in ("GLOBAL", "PERSID", "INST"):
                last_text = argument
                texts = [*texts[-1:], argument]
            elif opcode.name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
                memo[len(memo) if argument is None else int(argument)] = last_text
            elif opcode.name in ("GET", "BINGET", "LONG_BINGET"):
                texts = [*texts[-1:], memo.get(int(argument or 0), "")]
            elif opcode.name in ("GLOBAL", "INST"):
                names[str(argument).replace(" ", ".", 1)] = None
            elif opcode.name == "STACK_GLOBAL":
                names[".".join(texts)] = None
            elif opcode.name == "MARK":
                last_number = 0
            elif opcode.name == "BINPERSID":
                _check_storage(path, last_number, size)
            elif isinstance(argument, int):
                last_number = argument
    return PickleFacts(tuple(names), protocol)


def _check_storage(path: Path, elements: int, size: int) -> None:
    # The smallest elements that torch stores take half a byte.
    if elements > 2 * size:
        raise WeightsError(
            f"{path}: it claims a tensor of {elements:,} numbers, but the file has less; {_AGAIN}"
        )
