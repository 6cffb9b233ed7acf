"""Parses torch.save and .safetensors files: tensor locations and inert pickle content.

Nothing is unpickled and torch is not needed; runs in a reader process (engine/reader). Headers are
checked against the file before they are used.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from engine.errors import WeightsError
from engine.weights import archives
from engine.weights.pickle_table import Table, UnpicklingFault
from engine.weights.unpickling import Bounded, load

_AGAIN = "download or save it again"
_LARGEST_PICKLE = 64 << 20
_ENCRYPTED = 1
# The signature, and the lengths of the name and the extra field before an entry's bytes.
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ITEM_SIZES = {
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 8),
    **dict.fromkeys(("float32", "int32", "uint32", "qint32"), 4),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 2),
    "complex128": 16,
}
_SAFE_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "C64": "complex64",
    "C128": "complex128",
}
_DAMAGE = (
    *(ValueError, EOFError, IndexError, LookupError, TypeError, zipfile.BadZipFile, zlib.error),
    *(NotImplementedError, RuntimeError, OverflowError, struct.error, OSError),
)


@dataclass(slots=True)
class Part:
    """The bytes of a tensor's storage. entry: in the ZIP archive; None for bytes of the file
    itself, from start on."""

    key: str
    bytes: int
    start: int = 0
    entry: zipfile.ZipInfo | None = None


@dataclass(slots=True)
class Contents:
    """The content of a torch.save or .safetensors file, in the form of
    engine.weights.pickle_table.

    root: the top-level value. parts: the storages. swapped: the data is big-endian. safetensors:
    whether it is such a file.
    """

    root: Any
    nodes: list[list[Any]]
    names: tuple[str, ...]
    parts: list[Part] = field(default_factory=list)
    swapped: bool = False
    safetensors: bool = False


def contents(file: IO[bytes], name: str, size: int) -> Contents:
    """Parse a file of `size` bytes. name: for messages.

    Raises WeightsError if it is damaged or truncated, or claims more data than it holds.
    """
    try:
        head = file.read(32)
        file.seek(0)
        if head.startswith(archives.ZIP):
            with zipfile.ZipFile(file) as archive:
                return _of_zip(file, archive, name, size)
        if archives.is_safetensors(head) and not archives.is_legacy(head):
            return _of_safetensors(file, name, size)
        return _of_legacy(file, name, size)
    except UnpicklingFault as error:
        raise WeightsError(
            f"{name}: {error}, unlike any saved network; save the network's state_dict() and open "
            "that"
        ) from error
    except _DAMAGE as error:
        raise WeightsError(f"{name}: the file is truncated or damaged; {_AGAIN}") from error


@contextmanager
def opened_part(file: IO[bytes], part: Part) -> Iterator[IO[bytes]]:
    """A file positioned at the start of a storage's bytes."""
    if part.entry is None:
        file.seek(part.start)
        yield file
        return
    with zipfile.ZipFile(file) as archive, archive.open(part.entry) as inner:
        yield inner


def _of_zip(file: IO[bytes], archive: zipfile.ZipFile, name: str, size: int) -> Contents:
    entries = archives.entries_of(archive, name, size)
    pickled = next((n for n in entries if n == "data.pkl" or n.endswith("/data.pkl")), None)
    if pickled is None:
        raise WeightsError(f"{name}: the archive contains no tensors; {_AGAIN}")
    if entries[pickled].file_size > _LARGEST_PICKLE:
        raise UnpicklingFault("uses more than 64 MB to list its tensors")
    folder = pickled.removesuffix("data.pkl")
    table = Table()
    with archive.open(entries[pickled]) as inner:
        root = load(table, Bounded(inner, entries[pickled].file_size))
    order = entries.get(f"{folder}byteorder")
    swapped = order is not None and order.file_size < 16 and archive.read(order) == b"big"
    parts = []
    for key, (dtype, elements) in table.storages.items():
        entry = entries.get(f"{folder}data/{key}")
        if entry is None:
            raise WeightsError(f"{name}: the data of a tensor is missing (data/{key}); {_AGAIN}")
        length = _bytes_of(dtype, elements)
        if entry.file_size < length:
            raise _claims(name, elements, size)
        parts.append(_stored(file, key, length, entry, size))
    return Contents(root, table.nodes, tuple(table.names), parts, swapped)


def _stored(file: IO[bytes], key: str, length: int, entry: zipfile.ZipInfo, size: int) -> Part:
    """An entry of a ZIP archive, as bytes of the file if it is not compressed."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _ENCRYPTED:
        return Part(key, length, entry=entry)
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    signature, name_length, more_length = _LOCAL_HEADER.unpack(header)
    start = entry.header_offset + _LOCAL_HEADER.size + name_length + more_length
    if signature != archives.ZIP or start + length > size:
        raise EOFError
    return Part(key, length, start)


def _of_legacy(file: IO[bytes], name: str, size: int) -> Contents:
    """Parse the legacy format: a sequence of pickles (a number, a version, the system, the content,
    the storages' keys), then the storages, each preceded by its number of elements."""
    table = Table()
    bounded = Bounded(file, size)
    for _ in range(2):
        load(table, bounded)
    system = table.node(load(table, bounded), "dict")
    root = load(table, bounded)
    keys = table.items(load(table, bounded))
    if system is None or keys is None:
        raise EOFError
    facts = dict(zip(map(repr, system[1][::2]), system[1][1::2], strict=True))
    parts = []
    start = file.tell()
    for value in keys:
        key = table.text(value)
        if key not in table.storages:
            raise EOFError
        dtype, elements = table.storages[key]
        file.seek(start)
        found = int.from_bytes(file.read(8), "little")
        length = _bytes_of(dtype, elements)
        if length > size:
            raise _claims(name, elements, size)
        if found != elements or start + 8 + length > size:
            raise EOFError
        parts.append(Part(key, length, start + 8))
        start += 8 + length
    if len({part.key for part in parts}) < len(table.storages):
        raise EOFError
    swapped = facts.get(repr("little_endian")) is False
    return Contents(root, table.nodes, tuple(table.names), parts, swapped)


def _of_safetensors(file: IO[bytes], name: str, size: int) -> Contents:
    header, start = archives.safetensors_header(file, name, size)
    table = Table()
    pairs: list[Any] = []
    parts = []
    for key, entry in header.items():
        if key == "__metadata__":
            continue
        dtype = _SAFE_DTYPES[entry["dtype"]]
        begin, end = (int(offset) for offset in entry["data_offsets"])
        shape = [int(side) for side in entry["shape"]]
        elements = 1
        for side in shape:
            elements *= side
        if min(shape, default=0) < 0 or end - begin != _bytes_of(dtype, elements):
            raise EOFError
        strides, step = [], 1
        for side in reversed(shape):
            strides.append(step)
            step *= max(side, 1)
        table.storages[key] = (dtype, elements)
        pairs += [key, table.add("tensor", dtype, key, 0, shape, strides[::-1])]
        parts.append(Part(key, end - begin, start + begin))
    return Contents(table.add("dict", pairs), table.nodes, (), parts, safetensors=True)


def _bytes_of(dtype: str, elements: int) -> int:
    return elements * _ITEM_SIZES.get(dtype, 1)


def _claims(name: str, elements: int, size: int) -> WeightsError:
    return WeightsError(
        f"{name}: claims a tensor of {elements:,} elements, but the file has only "
        f"{archives.in_words(size)}; {_AGAIN}"
    )


def as_json(found: Contents) -> bytes:
    """The content as JSON, without what only this process needs."""
    return json.dumps([found.root, found.nodes, found.names], separators=(",", ":")).encode()
