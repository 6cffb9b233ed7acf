"""Reads the tags of TIFF pages, and pages of more than 8 bits with OpenCV.

Pillow reduces colours of 16 bits to 8, and reads no colours of floats.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from engine.errors import ImageError
from engine.images import colour_profiles
from engine.images.decoders import opencv
from engine.images.decoders.raw import Raw, check_page, check_size, depth_of, upright
from engine.lazy.numpy import np

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_MOST_PAGES = 100_000
_MOST_ENTRIES = 4096
_MOST_SAMPLES = 4
_MOST_BYTES = 1 << 16
_LONGEST_PROFILE = 1 << 22

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_DESCRIPTION, _ORIENTATION, _SAMPLES = 270, 274, 277
_LEAST, _MOST, _FORMAT, _S_LEAST, _S_MOST, _PROFILE = 280, 281, 339, 340, 341, 34675
_WANTED = {
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _DESCRIPTION, _ORIENTATION, _SAMPLES),
    *(_LEAST, _MOST, _FORMAT, _S_LEAST, _S_MOST, _PROFILE),
}
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "s", 8: "h", 9: "i", 11: "f", 12: "d", 16: "Q"}

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_KINDS = {1: "integers", 2: "integers", 3: "floats", 5: "complex numbers", 6: "complex numbers"}

_IMAGEJ = re.compile(r"^(min|max)=([-+.\dEe]+)\s*$", re.MULTILINE)
"""The display range in the description that ImageJ writes."""

_Tags = dict[int, tuple[float | bytes, ...]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the tags of a page say.

    turned_at, format_at: places of orientation and sample formats in the file, 0 if absent;
    formats: how many there are. profile: ICC, b"" if absent.
    """

    width: int
    height: int
    bits: int
    format: int
    samples: int
    photometric: int
    orientation: int
    turned_at: int
    format_at: int
    formats: int
    own: tuple[float, float] | None
    own_name: str
    profile: bytes

    @property
    def is_deep(self) -> bool:
        return self.bits > 8

    @property
    def kind(self) -> str:
        """The type of the values, in words."""
        return f"{self.bits}-bit {_KINDS.get(self.format, 'values')}"

    @property
    def is_half(self) -> bool:
        """Whether the values are floats of 16 bits."""
        return self.bits == 16 and self.format == _FLOAT and self.formats <= _MOST_SAMPLES


class Pages:
    """The pages of a TIFF file, whose tags are read on demand. Raises struct.error on damage."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = file.read(16)
        self._order = "<" if head[:2] == b"II" else ">"
        self._big = head[2:4] in (b"+\0", b"\0+")
        place = self._unpack("Q", head[8:16]) if self._big else self._unpack("I", head[4:8])
        self._places: list[int] = []
        seen = set[int]()
        while place and place not in seen and len(self._places) < _MOST_PAGES:
            seen.add(place)
            self._places.append(place)
            place = self._next(place)

    def __len__(self) -> int:
        return len(self._places)

    def facts(self, page: int) -> Facts:
        tags, places = self._tags(self._places[page])

        def first(tag: int, default: int) -> int:
            value = tags.get(tag, (default,))[:1]
            return int(value[0]) if value and not isinstance(value[0], bytes) else default

        own, own_name = _own(tags)
        bits = [int(bit) for bit in tags.get(_BITS, (1,)) if not isinstance(bit, bytes)]
        return Facts(
            width=first(_WIDTH, 0),
            height=first(_HEIGHT, 0),
            bits=max(bits, default=1),
            format=first(_FORMAT, _UNSIGNED),
            samples=first(_SAMPLES, 1),
            photometric=first(_PHOTOMETRIC, _BLACK_IS_ZERO),
            orientation=first(_ORIENTATION, 1),
            turned_at=places.get(_ORIENTATION, 0),
            format_at=places.get(_FORMAT, 0),
            formats=len(tags.get(_FORMAT, ())),
            own=own,
            own_name=own_name,
            profile=b"".join(part for part in tags.get(_PROFILE, ()) if isinstance(part, bytes)),
        )

    def _entries(self, place: int) -> tuple[int, int, int]:
        """(place of the first entry, their number, length of one)."""
        self._file.seek(place)
        form, length = ("Q", 20) if self._big else ("H", 12)
        size = struct.calcsize(form)
        return place + size, self._unpack(form, self._file.read(size)), length

    def _next(self, place: int) -> int:
        start, count, length = self._entries(place)
        self._file.seek(start + min(count, _MOST_ENTRIES) * length)
        form = "Q" if self._big else "I"
        tail = self._file.read(struct.calcsize(form))
        # Some writers leave out the zero after the last directory.
        return self._unpack(form, tail) if len(tail) == struct.calcsize(form) else 0

    def _tags(self, place: int) -> tuple[_Tags, dict[int, int]]:
        """The values of the wanted tags, and the place of each value in the file."""
        start, count, length = self._entries(place)
        inline = 8 if self._big else 4
        values: _Tags = {}
        places: dict[int, int] = {}
        for index in range(min(count, _MOST_ENTRIES)):
            at = start + index * length
            self._file.seek(at)
            entry = self._file.read(length)
            tag, kind = struct.unpack(f"{self._order}HH", entry[:4])
            if tag not in _WANTED or kind not in _TYPES:
                continue
            number = self._unpack("Q" if self._big else "I", entry[4:-inline])
            size = number * struct.calcsize(_TYPES[kind])
            if size > (_LONGEST_PROFILE if tag == _PROFILE else _MOST_BYTES):
                continue
            where = at + length - inline
            if size > inline:
                where = self._unpack("Q" if self._big else "I", entry[-inline:])
            self._file.seek(where)
            form = f"{self._order}{number}{_TYPES[kind]}"
            values[tag], places[tag] = struct.unpack(form, self._file.read(size)), where
        return values, places

    def _unpack(self, form: str, data: bytes) -> int:
        return int(struct.unpack(f"{self._order}{form}", data)[0])


def read(file: BinaryIO, facts: Facts, pages: int, page: int, name: str, length: int) -> Raw | None:
    """A deep page; None if OpenCV does not read it in full depth.

    file: from its start. length: of the file, in bytes. Raises ImageError.
    """
    check_page(page, pages, name)
    check_size(facts.width, facts.height, length, name, facts.samples * max(1, facts.bits // 8))
    if facts.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
        return None
    data = bytearray(file.read())
    # Whether OpenCV turns the image differs between its versions; here it never does.
    if facts.turned_at:
        _put(data, facts.turned_at, 1)
    # OpenCV reads no floats of 16 bits, but every compression of integers with the same bits.
    if facts.is_half:
        _put(data, facts.format_at, *[_UNSIGNED] * facts.formats)
    values = opencv.decode(data, page)
    if values is None or values.dtype == np.uint8:
        return None
    if facts.is_half and values.dtype == np.uint16:
        values = values.view(np.float16)
    if facts.bits < 16 and values.dtype == np.uint16:
        values = values >> (16 - facts.bits)
    if values.shape[:2] != (facts.height, facts.width):
        raise ImageError(f"{name}: its pages contradict its tags; save it again")
    span = (0.0, float((1 << facts.bits) - 1)) if facts.bits < 16 else None
    depth = depth_of(
        upright(values, facts.orientation),
        span,
        own=facts.own,
        own_name=facts.own_name,
        inverted=facts.photometric == _WHITE_IS_ZERO,
    )
    told = colour_profiles.notices(facts.profile)
    return Raw(depth, mode=_mode(facts), page=page, pages=pages, notices=told)


def _put(data: bytearray, place: int, *numbers: int) -> None:
    """Overwrite shorts of a file in its byte order."""
    order = "<" if data[:2] == b"II" else ">"
    struct.pack_into(f"{order}{len(numbers)}H", data, place, *numbers)


def _mode(facts: Facts) -> str:
    """Pillow's name of the format, where it has one."""
    letter = "F" if facts.format == _FLOAT else "I"
    if facts.samples > 2:
        return f"RGB;{facts.bits}{letter if letter == 'F' else ''}"
    return letter if facts.bits == 32 else f"{letter};{facts.bits}"


def _own(tags: _Tags) -> tuple[tuple[float, float] | None, str]:
    """The range that the tags state, and what it is called."""
    for least, most in ((_S_LEAST, _S_MOST), (_LEAST, _MOST)):
        low, high = _numbers(tags, least), _numbers(tags, most)
        if low and high and max(high) > min(low):
            return (min(low), max(high)), "range of the file"
    description = b"".join(part for part in tags.get(_DESCRIPTION, ()) if isinstance(part, bytes))
    text = description.decode("latin-1")
    if text.startswith("ImageJ="):
        ends = dict(_IMAGEJ.findall(text))
        try:
            low_, high_ = float(ends["min"]), float(ends["max"])
        except (KeyError, ValueError):
            return None, "range of the file"
        if np.isfinite([low_, high_]).all() and high_ > low_:
            return (low_, high_), "display range of the file"
    return None, "range of the file"


def _numbers(tags: _Tags, tag: int) -> list[float]:
    found = [float(value) for value in tags.get(tag, ()) if not isinstance(value, bytes)]
    return found if np.isfinite(found).all() else []
