"""Tells whether an ICC profile is sRGB's, for a notice: the values of an image are never converted.

Format: ICC.1:2022, tags 'desc', 'rXYZ', 'gXYZ', 'bXYZ', 'rTRC', 'gTRC', 'bTRC' and 'kTRC'. sRGB:
IEC 61966-2-1.
"""

from __future__ import annotations

import math
import struct

from engine.escaping import plain

_MOST_TAGS = 200
_LONGEST_NAME = 60

# The primaries of sRGB as profiles hold them, adapted to the illuminant D50.
_PRIMARIES = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
_NEAR_PRIMARY = 0.004
_NEAR_CURVE = 0.01
_SAMPLES = tuple(step / 16 for step in range(1, 16))

# Parameters of each type of parametric curve, in the order g, a, b, c, d, e, f.
_PARAMETERS = {0: "g", 1: "gab", 2: "gabc", 3: "gabcd", 4: "gabcdef"}


def notices(profile: object) -> tuple[str, ...]:
    """The notice about an image with this profile, if there is one."""
    told = notice(profile)
    return (told,) if told else ()


def notice(profile: object) -> str:
    """What to say of an image with this profile; '' for sRGB, no profile or a damaged one.

    profile: the bytes of an ICC profile, or None.
    """
    if not isinstance(profile, bytes):
        return ""
    try:
        tags = _tags(profile)
        name = _name(tags.get(b"desc", b""))
        if _is_srgb(profile[16:20], tags, name):
            return ""
    except (struct.error, ArithmeticError, LookupError, ValueError):
        return ""
    named = f" '{plain(name, _LONGEST_NAME)}'" if name else ""
    return (
        f"This file's colour profile{named} is not sRGB. It is ignored, as by torchvision and "
        "Pillow: the network gets the values as they are"
    )


def _tags(profile: bytes) -> dict[bytes, bytes]:
    if profile[36:40] != b"acsp":
        raise ValueError("not an ICC profile")
    (count,) = struct.unpack_from(">I", profile, 128)
    tags: dict[bytes, bytes] = {}
    for index in range(min(count, _MOST_TAGS)):
        name, start, length = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        tags[name] = profile[start : start + length]
    return tags


def _is_srgb(space: bytes, tags: dict[bytes, bytes], name: str) -> bool:
    if space == b"GRAY":
        return _has_srgb_curve(tags[b"kTRC"])
    if space != b"RGB ":
        return False
    if not _PRIMARIES.keys() <= tags.keys():
        return "srgb" in name.casefold()
    for tag, wanted in _PRIMARIES.items():
        found = (value / 65536 for value in struct.unpack_from(">3i", tags[tag], 8))
        if any(abs(a - b) > _NEAR_PRIMARY for a, b in zip(found, wanted, strict=True)):
            return False
    return all(_has_srgb_curve(tags[tag]) for tag in (b"rTRC", b"gTRC", b"bTRC"))


def _has_srgb_curve(tag: bytes) -> bool:
    return all(abs(_curve(tag, x) - _srgb(x)) <= _NEAR_CURVE for x in _SAMPLES)


def _curve(tag: bytes, x: float) -> float:
    """The value, 0 to 1, of a 'curv' or 'para' tag at x."""
    if tag[:4] == b"para":
        return _parametric(tag, x)
    if tag[:4] != b"curv":
        raise ValueError("unknown type of curve")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return x
    if count == 1:
        (gamma,) = struct.unpack_from(">H", tag, 12)
        return math.pow(x, gamma / 256)
    place = x * (count - 1)
    low = min(int(place), count - 2)
    below, above = struct.unpack_from(">2H", tag, 12 + 2 * low)
    return float(below + (above - below) * (place - low)) / 65535


def _parametric(tag: bytes, x: float) -> float:
    (kind,) = struct.unpack_from(">H", tag, 8)
    names = _PARAMETERS[kind]
    numbers = struct.unpack_from(f">{len(names)}i", tag, 12)
    p: dict[str, float] = dict(zip(names, (n / 65536 for n in numbers), strict=True))
    g, a, b, c = p["g"], p.get("a", 1.0), p.get("b", 0.0), p.get("c", 0.0)
    if kind == 0:
        return math.pow(x, g)
    if kind in (1, 2):
        offset = c if kind == 2 else 0.0
        return math.pow(a * x + b, g) + offset if x >= -b / a else offset
    if x >= p["d"]:
        return math.pow(a * x + b, g) + p.get("e", 0.0)
    return c * x + p.get("f", 0.0)


def _srgb(x: float) -> float:
    return x / 12.92 if x <= 0.04045 else math.pow((x + 0.055) / 1.055, 2.4)


def _name(tag: bytes) -> str:
    """The text of a 'desc' tag, in either form; '' if there is none."""
    if tag[:4] == b"desc":
        (length,) = struct.unpack_from(">I", tag, 8)
        return tag[12 : 12 + length].split(b"\0")[0].decode("latin-1").strip()
    if tag[:4] == b"mluc":
        length, start = struct.unpack_from(">II", tag, 20)
        return tag[start : start + length].decode("utf-16-be", "replace").strip("\0 ")
    return ""
