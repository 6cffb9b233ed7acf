"""HEIC files for tests: one HEVC picture of raw samples (ITU-T H.265, 7.3 and 9.3) in a HEIF box.

Every block is coded as PCM, so the decoded samples are exactly those given. Grey, in 4:2:0 with
neutral chroma; sides are multiples of 16.
"""

from __future__ import annotations

import struct
from typing import Any

_BLOCK = 16

# Table 9-46, rangeTabLps, for the states that a dozen blocks go through.
_LPS = (
    *((128, 176, 208, 240), (128, 167, 197, 227), (128, 158, 187, 216), (123, 150, 178, 205)),
    *((116, 142, 169, 195), (111, 135, 160, 185), (105, 128, 152, 175), (100, 122, 144, 166)),
    *((95, 116, 137, 158), (90, 110, 130, 150), (85, 104, 123, 142), (81, 99, 117, 135)),
    (77, 94, 111, 128),
)


class Bits:
    """A string of bits: u(n), ue(v), se(v) of the standard."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def u(self, value: int, count: int = 1) -> Bits:
        self.bits += [value >> place & 1 for place in reversed(range(count))]
        return self

    def ue(self, *values: int) -> Bits:
        for value in values:
            length = (value + 1).bit_length()
            self.u(0, length - 1).u(value + 1, length)
        return self

    def align(self) -> None:
        self.bits += [0] * (-len(self.bits) % 8)

    def trailing(self) -> Bits:
        self.u(1).align()
        return self

    def content(self) -> bytes:
        text = "".join(map(str, self.bits))
        return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


class Coder:
    """The arithmetic encoder of 9.3.4, with the one context that is needed: part_mode."""

    def __init__(self, out: Bits) -> None:
        self.out = out
        self.state = 0  # of part_mode for I slices at QP 26; 1 is the more probable value
        self.begin()

    def begin(self) -> None:
        self.low, self.range, self.first, self.outstanding = 0, 510, True, 0

    def part_mode(self) -> None:
        """A block that is not split."""
        self.range -= _LPS[self.state][self.range >> 6 & 3]
        self.state += 1
        self._renormalise()

    def terminate(self, last: bool) -> None:
        self.range -= 2
        if not last:
            self._renormalise()
            return
        self.low += self.range
        self.range = 2
        self._renormalise()
        self._put(self.low >> 9 & 1)
        self.out.u(self.low >> 7 & 3 | 1, 2)

    def _renormalise(self) -> None:
        while self.range < 256:
            if self.low < 256:
                self._put(0)
            elif self.low >= 512:
                self.low -= 512
                self._put(1)
            else:
                self.low -= 256
                self.outstanding += 1
            self.range <<= 1
            self.low <<= 1

    def _put(self, bit: int) -> None:
        if self.first:
            self.first = False
        else:
            self.out.u(bit)
        self.out.bits += [1 - bit] * self.outstanding
        self.outstanding = 0


def _profile(out: Bits, depth: int) -> Bits:
    out.u(0, 3).u(3 if depth == 8 else 2, 5).u(0x70000000 if depth == 8 else 0x20000000, 32)
    return out.u(0b1001, 4).u(0, 44).u(30, 8)


def _nal(kind: int, content: bytes) -> bytes:
    """With its header and without three bytes that look like a start code."""
    made = bytearray(struct.pack(">H", kind << 9 | 1))
    for byte in content:
        if made[-2:] == b"\0\0" and byte <= 3:
            made.append(3)
        made.append(byte)
    return bytes(made)


def _parameter_sets(width: int, height: int, depth: int) -> tuple[bytes, bytes, bytes]:
    video = Bits().u(0, 4).u(0b11, 2).u(0, 6).u(0, 3).u(1).u(0xFFFF, 16)
    _profile(video, depth).u(1).ue(0, 0, 0).u(0, 6).ue(0).u(0, 2).trailing()
    sequence = _profile(Bits().u(0, 4).u(0, 3).u(1), depth)
    sequence.ue(0, 1, width, height).u(0).ue(depth - 8, depth - 8, 0).u(1).ue(0, 0, 0)
    sequence.ue(1, 0, 0, 2, 0, 0).u(0, 3)
    sequence.u(1).u(depth - 1, 4).u(depth - 1, 4).ue(1, 0).u(1)
    sequence.ue(0).u(0, 5).trailing()
    picture = Bits().ue(0, 0).u(0, 7).ue(0, 0, 0).u(0, 3).ue(0, 0).u(0, 7)
    picture.u(1).u(0).u(1).u(0, 2).ue(0).u(0, 2).trailing()
    return _nal(32, video.content()), _nal(33, sequence.content()), _nal(34, picture.content())


def _slice(samples: Any, depth: int) -> bytes:
    out = Bits().u(1).u(0).ue(0, 2, 0)
    out.trailing()
    coder = Coder(out)
    height, width = samples.shape
    neutral = 1 << (depth - 1)
    corners = [(y, x) for y in range(0, height, _BLOCK) for x in range(0, width, _BLOCK)]
    for y, x in corners:
        coder.part_mode()
        coder.terminate(True)  # pcm_flag
        out.align()
        for sample in samples[y : y + _BLOCK, x : x + _BLOCK].reshape(-1):
            out.u(int(sample), depth)
        for _ in range(2 * (_BLOCK // 2) ** 2):
            out.u(neutral, depth)
        coder.begin()
        coder.terminate((y, x) == corners[-1])
    out.align()
    return _nal(19, out.content())


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _full(kind: bytes, content: bytes, version: int = 0) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]) + content)


def heic(
    samples: Any, depth: int = 8, quarter_turns: int = 0, profile: bytes | None = None
) -> bytes:
    """samples: (height, width) of the luma, 0 to 2 ** depth - 1. quarter_turns: to the left, by
    which the picture is to be turned when it is shown. profile: ICC."""
    height, width = samples.shape
    sets = _parameter_sets(width, height, depth)
    arrays = b"".join(
        bytes([0x80 | kind]) + struct.pack(">HH", 1, len(nal)) + nal
        for kind, nal in zip((32, 33, 34), sets, strict=True)
    )
    record = bytes([1, 3 if depth == 8 else 2]) + (b"\x70" if depth == 8 else b"\x20") + b"\0\0\0"
    record += b"\x90\0\0\0\0\0" + bytes([30]) + b"\xf0\0\xfc" + bytes([0xFC | 1])
    record += bytes([0xF8 | depth - 8, 0xF8 | depth - 8]) + b"\0\0" + b"\x0f" + bytes([3]) + arrays
    colour = b"nclx" + struct.pack(">HHH", 1, 13, 6) + b"\x80"
    if profile is not None:
        colour = b"prof" + profile
    properties = [
        _box(b"hvcC", record),
        _full(b"ispe", struct.pack(">II", width, height)),
        _box(b"colr", colour),
        _box(b"irot", bytes([quarter_turns])),
    ]
    listed = bytes([len(properties)]) + bytes([0x81, 2, 3, 0x84])
    body = struct.pack(">I", len(data := _slice(samples, depth))) + data

    def meta(offset: int) -> bytes:
        place = struct.pack(">HHHHII", 1, 1, 0, 1, offset, len(body))
        return _full(
            b"meta",
            _full(b"hdlr", b"\0\0\0\0pict" + bytes(13))
            + _full(b"pitm", struct.pack(">H", 1))
            + _full(b"iloc", b"\x44\0" + place)
            + _full(
                b"iinf",
                struct.pack(">H", 1) + _full(b"infe", struct.pack(">HH", 1, 0) + b"hvc1\0", 2),
            )
            + _box(
                b"iprp",
                _box(b"ipco", b"".join(properties))
                + _full(b"ipma", struct.pack(">IH", 1, 1) + listed),
            ),
        )

    kind = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    start = len(kind) + len(meta(0)) + 8
    return kind + meta(start) + _box(b"mdat", body)
