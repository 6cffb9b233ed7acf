"""The reply of a reader process about values of more than 8 bits, checked and made a record."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.records.images import MAX_BYTES, Subject
from engine.records.levels import Depth

KINDS = ("uint8", "uint16", "int16", "uint32", "int32", "float32")
"""Types of values that a reader process sends."""

_MOST_POINTS = 1 << 16
_LONGEST = 200


def received(reply: dict[str, Any], content: memoryview) -> Depth | None:
    """The values that a reply describes; None for an 8-bit image.

    content: the shared memory. Raises LookupError, TypeError or ValueError for what contradicts
    itself.
    """
    facts = reply.get("depth")
    if facts is None:
        return None
    height, width, channels = int(reply["height"]), int(reply["width"]), int(facts["channels"])
    if facts["kind"] not in KINDS or channels not in (1, 3):
        raise ValueError("unknown values")
    dtype = np.dtype(facts["kind"])
    size = height * width * channels * dtype.itemsize
    if min(height, width) < 1 or not 0 < size == len(content) <= MAX_BYTES:
        raise ValueError("another size")
    shape = (height, width) if channels == 1 else (height, width, channels)
    values = np.frombuffer(content, dtype).reshape(shape)
    values.flags.writeable = False
    span, padding, own = _pair(facts["span"]), _pair(facts["padding"]), _pair(facts["own"])
    if span is None:
        raise ValueError("no range")
    return Depth(
        values,
        span,
        own=own,
        own_name=str(facts["own_name"])[:_LONGEST],
        curve=_curve(facts["curve"]),
        extremes=_pair(facts["extremes"]),
        not_finite=int(facts["not_finite"]),
        inverted=bool(facts["inverted"]),
        padding=padding,
        unit=str(facts["unit"])[:_LONGEST],
    )


def subject(reply: dict[str, Any]) -> Subject | None:
    """Whom and when a DICOM file shows; None for other files."""
    facts = reply.get("subject")
    if facts is None:
        return None
    tokens = tuple(str(token)[:_LONGEST] for token in facts["tokens"])
    return Subject(str(facts["name"])[:_LONGEST], str(facts["date"])[:_LONGEST], tokens)


def _pair(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    low, high = (float(end) for end in value)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError("no range")
    return low, high


def _curve(value: Any) -> Any:
    if value is None:
        return None
    curve = np.asarray(value, np.float32)
    if curve.ndim != 1 or not 2 <= curve.size <= _MOST_POINTS or not np.isfinite(curve).all():
        raise ValueError("no curve")
    return curve.clip(0.0, 1.0)
