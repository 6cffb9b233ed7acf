"""Damage to the bytes of a file: anywhere, and where a picture's structure is.

Every function takes a seeded random.Random and the content, and returns other content.
"""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Callable

Damage = Callable[[random.Random, bytes], bytes]
Field = tuple[int, int, str]
"""Where a number lies, its width in bytes, and its byte order as struct has it."""

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


# --- anywhere ------------------------------------------------------------------------------------


def flipped(rng: random.Random, content: bytes) -> bytes:
    made = bytearray(content)
    for _ in range(rng.choice((1, 3, 30)) if made else 0):
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    return bytes(made)


def flipped_at_the_ends(rng: random.Random, content: bytes) -> bytes:
    """Where headers and directories stand."""
    made = bytearray(content)
    for _ in range(rng.choice((1, 3, 10)) if made else 0):
        near = rng.randrange(min(len(made), 400))
        made[rng.choice((near, near, len(made) - 1 - near))] = rng.randrange(256)
    return bytes(made)


def cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def doubled(rng: random.Random, content: bytes) -> bytes:
    at, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:end] + content[at:end] * rng.choice((1, 1, 2, 20)) + content[end:]


def dropped(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at + rng.choice((1, 2, 8, 100, 1000)) :]


def filled(rng: random.Random, content: bytes) -> bytes:
    """A run of zeros, ones or noise."""
    at = rng.randrange(len(content) + 1)
    length = min(rng.choice((1, 4, 8, 100, 1000)), len(content) - at)
    run = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
    return content[:at] + run + content[at + length :]


def noise(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.choice((0, 4, 16, 64))] + rng.randbytes(rng.randrange(1, 2000))


def numbers(rng: random.Random, content: bytes) -> bytes:
    """Whatever four or eight bytes at the beginning are, as a number that is out of range."""
    width = rng.choice((2, 4, 4, 8))
    if len(content) < width:
        return content
    at = rng.randrange(min(len(content) - width, 300) + 1)
    return with_field(rng, content, (at, width, rng.choice("<>")))


ANYWHERE: tuple[Damage, ...] = (
    *(flipped, flipped_at_the_ends, cut, doubled, dropped, filled, noise, numbers),
)


def spliced(rng: random.Random, content: bytes, other: bytes) -> bytes:
    """The beginning of one file and the end of another, or one within the other."""
    at, end = rng.randrange(len(content) + 1), rng.randrange(len(other) + 1)
    way = rng.randrange(3)
    if way == 0:
        return content[:at] + other[end:]
    return content[:at] + other + content[at:] if way == 1 else content + other


# --- numbers in known places ---------------------------------------------------------------------


def extreme(rng: random.Random, before: int, bits: int) -> int:
    """A number that stands at some edge of what so many bits hold, or near the one before."""
    top = 1 << bits
    edges = (0, 1, top - 1, top - 2, top // 2 - 1, top // 2, top // 2 + 1, top // 4, top - before)
    near = (before - 1, before + 1, before * 2, before * 1000, before // 2, 65535, 16384, 65536)
    return rng.choice((*edges, *near, rng.randrange(top))) % top


def with_field(rng: random.Random, content: bytes, field: Field) -> bytes:
    at, width, order = field
    code = order + _CODES[width]
    (before,) = struct.unpack_from(code, content, at)
    new = struct.pack(code, extreme(rng, before, 8 * width))
    return content[:at] + new + content[at + width :]


def _in_fields(fields: Callable[[bytes], list[Field]]) -> Damage:
    def damage(rng: random.Random, content: bytes) -> bytes:
        found = [f for f in fields(content) if f[0] + f[1] <= len(content)]
        for _ in range(rng.choice((1, 1, 1, 2, 4)) if found else 0):
            content = with_field(rng, content, rng.choice(found))
        return content

    return damage


# --- PNG -----------------------------------------------------------------------------------------


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    at, found = 8, []
    while at + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        found.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png(rng: random.Random, content: bytes) -> bytes:
    """In the chunks, whose checksums are right afterwards, so that what they say is looked at."""
    parts = _chunks(content)
    at = rng.randrange(len(parts))
    kind, data = parts[at]
    way = rng.randrange(7)
    lie: int | None = None
    if way == 0:
        lie = extreme(rng, len(data), 32)
    elif way == 1:
        header = b"".join(struct.pack(">I", extreme(rng, n, 31)) for n in (61, 47))
        tail = bytes(rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255)) for _ in range(5))
        old = parts[0][1]
        parts[0] = (b"IHDR", rng.choice((header + old[8:], old[:8] + tail, header + tail)))
    elif way == 2:
        parts[at] = (kind, rng.choice(ANYWHERE)(rng, data))
    elif way == 3:
        parts.insert(rng.randrange(len(parts) + 1), parts[rng.randrange(len(parts))])
    elif way == 4:
        del parts[at]
    elif way == 5:
        rng.shuffle(parts)
    else:
        parts.insert(rng.randrange(1, len(parts) + 1), _strange_chunk(rng))
    made = [content[:8]]
    for place, (name, inner) in enumerate(parts):
        length = len(inner) if lie is None or place != at else lie
        checksum = struct.pack(">I", zlib.crc32(name + inner))
        made.append(struct.pack(">I", length) + name + inner + checksum)
    return b"".join(made)


def _strange_chunk(rng: random.Random) -> tuple[bytes, bytes]:
    bomb = zlib.compress(bytes(rng.choice((10, 20_000_000))), 1)
    return rng.choice(
        (
            (b"zTXt", b"Comment\0\0" + bomb),
            (b"iTXt", b"Comment\0\1\0\0\0" + bomb),
            (b"iCCP", b"profile\0\0" + bomb),
            (b"tEXt", b"\0" * 100),
            (b"eXIf", b"II*\0\x08\0\0\0" + b"\xff" * 40),
            (b"acTL", struct.pack(">II", extreme(rng, 2, 32), 0)),
            (b"fcTL", struct.pack(">IIIIIHHBB", 0, 99999, 99999, 9, 9, 0, 0, 9, 9)),
            (b"PLTE", rng.randbytes(3 * rng.randrange(300))),
            (b"tRNS", rng.randbytes(rng.randrange(300))),
            (b"IDAT", zlib.compress(bytes(1_000_000))),
            (b"pHYs", b"\xff" * 9),
            (rng.randbytes(4), rng.randbytes(9)),
        )
    )


# --- JPEG ----------------------------------------------------------------------------------------


def jpeg(rng: random.Random, content: bytes) -> bytes:
    """In the segments before the picture's data."""
    at, segments = 2, []
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", content, at + 2)
        segments.append((at, length + 2))
        at += length + 2
    if not segments:
        return flipped(rng, content)
    start, size = rng.choice(segments)
    segment = content[start : start + size]
    frames = [place for place, _ in segments if content[place + 1] in (0xC0, 0xC1, 0xC2)]
    way = rng.randrange(6)
    if way == 0 and frames:
        fields = [(frames[0] + 5, 2, ">"), (frames[0] + 7, 2, ">"), (frames[0] + 4, 1, ">")]
        return with_field(rng, content, rng.choice([*fields, (frames[0] + 9, 1, ">")]))
    if way == 1:
        return with_field(rng, content, (start + 2, 2, ">"))
    if way == 2:
        return content[:start] + content[start + size :]
    if way == 3:
        return content[:start] + segment * rng.choice((2, 3, 300)) + content[start + size :]
    inner = rng.choice(ANYWHERE)(rng, segment[4:])[:65533]
    made = segment[:2] + struct.pack(">H", len(inner) + 2) + inner
    return content[:start] + made + content[start + size :]


# --- TIFF ----------------------------------------------------------------------------------------


def tiff(rng: random.Random, content: bytes) -> bytes:
    """In the entries of the first directory, and where the next one lies."""
    order = "<" if content[:2] == b"II" else ">"
    if struct.unpack_from(f"{order}H", content, 2)[0] != 42:
        return with_field(rng, content, (rng.choice((8, 16, 24)), 8, order))
    (start,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, start)
    entry = start + 2 + 12 * rng.randrange(count)
    way = rng.randrange(8)
    if way == 0:
        field = start + 2 + 12 * count
        where = rng.choice((start, 0, entry, len(content) - 4))
        return content[:field] + struct.pack(f"{order}I", where) + content[field + 4 :]
    if way == 1:
        tags = (256, 257, 258, 259, 262, 273, 277, 278, 279, 322, 323, 324, 325, 330, 339, 34675)
        new = struct.pack(f"{order}H", rng.choice((*tags, 37724, 33723, 34665, 34853, 40965)))
        return content[:entry] + new + content[entry + 2 :]
    if way == 2:
        new = struct.pack(f"{order}H", rng.choice((0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 16)))
        return content[: entry + 2] + new + content[entry + 4 :]
    if way == 3:
        return with_field(rng, content, (start, 2, order))
    if way == 4:
        return with_field(rng, content, (entry + 4, 4, order))
    if way == 5 and struct.unpack_from(f"{order}H", content, entry + 2)[0] == 3:
        # A short number stands in the first half of its place in either order.
        return with_field(rng, content, (entry + 8, 2, order))
    return with_field(rng, content, (entry + 8, 4, order))


# --- others --------------------------------------------------------------------------------------


def _riff_fields(content: bytes) -> list[Field]:
    at, found = 12, [(4, 4, "<")]
    while at + 8 <= len(content):
        found += [(at + 4, 4, "<"), *((at + 8 + n, 2, "<") for n in range(0, 12, 2))]
        at += 8 + struct.unpack_from("<I", content, at + 4)[0]
        at += at % 2
    return found


_CONTAINERS = (b"meta", b"iprp", b"ipco", b"jp2h", b"moov", b"trak", b"mdia", b"minf", b"stbl")


def _box_fields(content: bytes) -> list[Field]:
    """Of the boxes that AVIF and JPEG 2000 consist of: their lengths, and what begins them."""
    found: list[Field] = []
    ranges = [(0, len(content))]
    while ranges:
        at, end = ranges.pop()
        while at + 8 <= end and len(found) < 2000:
            (length,) = struct.unpack_from(">I", content, at)
            found += [(at, 4, ">"), *((at + 8 + n, 4, ">") for n in range(0, 16, 4))]
            if length < 8:
                break
            if content[at + 4 : at + 8] in _CONTAINERS:
                ranges.append(
                    (at + (12 if content[at + 4 : at + 8] == b"meta" else 8), at + length)
                )
            at += length
    codestream = content.find(b"\xff\x4f\xff\x51")
    if codestream >= 0:  # the sizes of picture and tiles
        found += [(codestream + 8 + n, 4, ">") for n in range(0, 32, 4)] * 4
    return found


def _bmp_fields(_content: bytes) -> list[Field]:
    return [*((n, 4, "<") for n in (2, 10, 14, 18, 22, 30, 34, 46, 50)), (26, 2, "<"), (28, 2, "<")]


def _gif_fields(_content: bytes) -> list[Field]:
    return [(6, 2, "<"), (8, 2, "<"), *((n, 1, "<") for n in (10, 11, 12))]


def _tga_fields(_content: bytes) -> list[Field]:
    return [*((n, 1, "<") for n in (0, 1, 2, 7, 16, 17)), *((n, 2, "<") for n in (3, 5, 12, 14))]


def _ico_fields(_content: bytes) -> list[Field]:
    one = [*((n, 1, "<") for n in (6, 7, 8)), (4, 2, "<"), (12, 2, "<"), (14, 4, "<")]
    return [*one, (18, 4, "<"), (38, 4, "<"), (42, 4, "<"), (46, 2, "<")]


def ppm(rng: random.Random, content: bytes) -> bytes:
    """In the words of the header, which are numbers in plain text."""
    words = content[:20].split()
    words[rng.randrange(len(words))] = rng.choice(
        (
            b"0",
            b"-1",
            b"99999",
            b"9" * 30,
            b"65535",
            b"#",
            b"P3",
            b"P6",
            b"1e9",
            b"",
            b"Pf",
            b"16384",
        )
    )
    return b"\n".join(words) + b"\n" + content[20:]


def npy(rng: random.Random, content: bytes) -> bytes:
    """In the header of an array, a Python literal, whose length is kept."""
    start, end = 10, content.index(b"\n")
    header = content[start:end]
    words = re.findall(rb"\d+|'[^']*'|True|False|[(){},]", header)
    other = (
        b"0",
        b"-1",
        b"99999",
        b"9" * 40,
        b"'|O'",
        b"'<f8'",
        b"'<V9'",
        b"True",
        b"(",
        b"[" * 90,
    )
    changed = header.replace(rng.choice(words), rng.choice(other), 1)
    return content[:start] + changed[: end - start].ljust(end - start) + content[end:]


_LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF", b"OD")


def _dicom_fields(content: bytes) -> list[Field]:
    """Of DICOM's elements: tag, length, and the first number of the value; sizes more often."""
    found: list[Field] = []
    at = 132
    while at + 8 <= len(content) and len(found) < 2000:
        group, number = struct.unpack_from("<HH", content, at)
        long = content[at + 4 : at + 6] in _LONG
        place, width = (at + 8, 4) if long else (at + 6, 2)
        length = struct.unpack_from("<I" if long else "<H", content, place)[0]
        value = place + width
        times = 8 if group == 0x28 else 1
        found += [(at, 2, "<"), (at + 2, 2, "<"), (place, width, "<")]
        found += [(value, 2, "<")] * times if length >= 2 else []
        if length == 0xFFFFFFFF or (group, number) == (0x7FE0, 0x10):
            found += [(value + n, 4, "<") for n in range(0, 32, 4)]
            break
        at = value + length
    return [field for field in found if field[0] + field[1] <= len(content)]


PICTURES: dict[str, Damage] = {
    "png": png,
    "jpg": jpeg,
    "mpo": jpeg,
    "tif": tiff,
    "webp": _in_fields(_riff_fields),
    "bmp": _in_fields(_bmp_fields),
    "gif": _in_fields(_gif_fields),
    "ppm": ppm,
    "jp2": _in_fields(_box_fields),
    "j2k": _in_fields(_box_fields),
    "tga": _in_fields(_tga_fields),
    "avif": _in_fields(_box_fields),
    "heic": _in_fields(_box_fields),
    "ico": _in_fields(_ico_fields),
    "npy": npy,
    "dcm": _in_fields(_dicom_fields),
}
"""By the suffix, the damage that knows a format's structure."""
