"""Detects a model file's kind by its content, and copies its tensors; runs in a reader process.

Headers are used only as far as they are consistent with the file. The program calls this through
engine.files.kinds and engine.weights.torch_files.
"""

from __future__ import annotations

import os
import warnings
import zipfile
from pathlib import Path
from typing import IO, Any

from engine.errors import ModelError, WeightsError
from engine.files import regular
from engine.weights import archives, torch_archives

_HEAD = 512
# Data formats that Pillow recognises but cannot decode.
_NO_PICTURES = ("HDF5", "GRIB", "BUFR")
_COPIED_AT_ONCE = 1 << 20
# Enough for tens of thousands of layers; parsing it takes ten times as much memory.
_LARGEST_TEXT = 64 << 20
# Alignment of tensors in the shared file, sufficient for every dtype.
_ALIGNED = 64


def facts_of(path: Path) -> dict[str, Any]:
    """The kind of a file (a value of engine.files.kinds.Kind), and its first bytes as Latin-1 text.

    Raises ModelError if it does not exist, is not a regular file or is empty; WeightsError for an
    archive or header that is truncated, or that claims more data than the file holds.
    """
    with regular.opened(path, ModelError, "open a file in it") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(_HEAD)
        file.seek(0)
        if not head:
            raise ModelError(f"{path}: the file is empty; download or save it again")
        return {"kind": _kind(file, path, head, size), "head": head.decode("latin-1")}


def copy_contents(path: Path, descriptor: int) -> dict[str, Any]:
    """Write the content of a torch.save or .safetensors file to a descriptor: the tensors' bytes,
    then the description of its pickle as JSON (engine.weights.torch_archives.as_json).

    Returns the offsets of the tensors' storages and of the JSON, and whether bytes are swapped.
    """
    with regular.opened(path, WeightsError) as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise WeightsError(f"{path}: the file is empty; download or save it again")
        found = _contents(file, path)
        parts: dict[str, tuple[int, int]] = {}
        end = 0
        for part in found.parts:
            place = -(-end // _ALIGNED) * _ALIGNED
            os.lseek(descriptor, place, os.SEEK_SET)
            with torch_archives.opened_part(file, part) as inner:
                if _copied(inner, part.bytes, descriptor) != part.bytes:
                    raise WeightsError(
                        f"{path}: the file is truncated or damaged; download or save it again"
                    )
            parts[part.key] = (place, part.bytes)
            end = place + part.bytes
        os.lseek(descriptor, end, os.SEEK_SET)
        text = torch_archives.as_json(found)
        if len(text) > _LARGEST_TEXT:
            raise WeightsError(
                f"{path}: contains {len(found.nodes):,} values besides its tensors, unlike any "
                "saved network; save the network's state_dict() and open that"
            )
        _written(memoryview(text), descriptor)
        return {
            "parts": parts,
            "text": (end, len(text)),
            "swapped": found.swapped,
            "safetensors": found.safetensors,
        }


def _copied(inner: IO[bytes], length: int, descriptor: int) -> int:
    """Copy up to length bytes; returns the number of bytes copied."""
    # One reused buffer, since allocating a new one would zero it every time.
    buffer = memoryview(bytearray(min(length, _COPIED_AT_ONCE)))
    done = 0
    while done < length:
        count = inner.readinto(buffer[: length - done])  # type: ignore[attr-defined]
        if not count:
            break
        _written(buffer[:count], descriptor)
        done += count
    return done


def _written(view: memoryview, descriptor: int) -> None:
    while view:
        view = view[os.write(descriptor, view) :]


def _kind(file: IO[bytes], path: Path, head: bytes, size: int) -> str:
    suffix = path.suffix.lower()
    if head.startswith(archives.ZIP):
        return _zip_kind(file, path, size)
    if archives.is_legacy(head):
        return _pickle_kind(file, path)
    if suffix == ".safetensors" or archives.is_safetensors(head):
        archives.safetensors_header(file, str(path), size)
        return "safetensors"
    if suffix in (".py", ".pyw"):
        return "Python file"
    if suffix == ".onnx" or _is_onnx(head):
        return "ONNX file"
    return "picture" if _is_picture(file) else "something else"


def _zip_kind(file: IO[bytes], path: Path, size: int) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archives.entries_of(archive, str(path), size)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise WeightsError(
            f"{path}: the archive is truncated or damaged; download or save it again"
        ) from error
    # Names in the archive start with one folder, named after the original file.
    inner = {name.partition("/")[2] or name for name in names}
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return "TorchScript archive"
    if "archive_format" in inner or "serialized_exported_program.json" in names:
        compiled = not any(
            "/models/" in name or name.startswith(("models/", "serialized_")) for name in names
        )
        return "compiled archive" if compiled else "torch.export archive"
    return _pickle_kind(file, path) if "data.pkl" in inner else "something else"


def _pickle_kind(file: IO[bytes], path: Path) -> str:
    return "pickled objects" if _contents(file, path, keep=True).names else "weights"


_kept: dict[tuple[int, ...], torch_archives.Contents] = {}


def _contents(file: IO[bytes], path: Path, *, keep: bool = False) -> torch_archives.Contents:
    """The parsed content of a file. keep: cache it, since it is usually requested again."""
    facts = os.fstat(file.fileno())
    key = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    found = _kept.pop(key, None)
    _kept.clear()
    if found is None:
        file.seek(0)
        found = torch_archives.contents(file, str(path), facts.st_size)
    if keep:
        _kept[key] = found
    return found


def _is_onnx(head: bytes) -> bool:
    """Whether it starts like an ONNX model, with the format version and the producer's name."""
    return len(head) > 3 and head[0] == 0x08 and head[1] < 0x20 and head[2] == 0x12


def _is_picture(file: IO[bytes]) -> bool:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                return image.format not in _NO_PICTURES
    except Image.DecompressionBombError:
        return True
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, RuntimeError):
        return False
