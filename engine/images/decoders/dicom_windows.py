"""The rescale and the VOI window of a DICOM frame, from its functional group or from the file.

Formulas: DICOM PS3.3, C.11.2.1 (linear, linear exact, sigmoid) and C.11.2.1.1 (lookup table).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from engine.lazy.numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

Window: TypeAlias = "tuple[tuple[float, float] | None, str, NDArray[np.float32] | None]"

_SIGMOID_POINTS = 4096
_SIGMOID_WIDTHS = 2.0
_NONE = "range of the file"


def rescale_of(data: Dataset, page: int) -> tuple[float, float]:
    """Slope and intercept of a frame, (1, 0) if none is stated."""
    where = _in_groups(data, page, "PixelValueTransformationSequence", "RescaleSlope")
    slope, intercept = _number(where, "RescaleSlope"), _number(where, "RescaleIntercept")
    return (1.0 if slope in (None, 0.0) else float(slope or 1.0)), float(intercept or 0.0)


def window_of(data: Dataset, page: int) -> Window:
    """(lowest and highest value, what it is called, brightness between them) of a frame's window.

    The first, if there are several. The range is None if the file states no window.
    """
    where = _in_groups(data, page, "FrameVOILUTSequence", "WindowCenter")
    centre, width = _number(where, "WindowCenter"), _number(where, "WindowWidth")
    if centre is None or width is None or width <= 0:
        return _of_table(data)
    function = str(where.get("VOILUTFunction", "LINEAR") or "LINEAR").upper()
    if function == "SIGMOID":
        low, high = centre - _SIGMOID_WIDTHS * width, centre + _SIGMOID_WIDTHS * width
        at = np.linspace(low, high, _SIGMOID_POINTS)
        curve = 1 / (1 + np.exp(-4 * (at - centre) / width))
        return (low, high), "sigmoid window of the file", curve.astype(np.float32)
    if function == "LINEAR_EXACT":
        return (centre - width / 2, centre + width / 2), "window of the file", None
    low = centre - 0.5 - (width - 1) / 2
    return (low, low + width - 1), "window of the file", None


def _of_table(data: Dataset) -> Window:
    """The range of a VOI lookup table, and the table scaled to 0 to 1."""
    sequence = data.get("VOILUTSequence")
    if not sequence:
        return None, _NONE, None
    item = sequence[0]
    descriptor, entries = item.get("LUTDescriptor"), item.get("LUTData")
    if descriptor is None or entries is None or len(descriptor) != 3:
        return None, _NONE, None
    if isinstance(entries, bytes):
        entries = np.frombuffer(entries, "<u2" if int(descriptor[2]) > 8 else np.uint8)
    table = np.asarray(entries, np.float64)
    first, most = float(descriptor[1]), 2.0 ** min(max(int(descriptor[2]), 1), 16) - 1
    if not 2 <= table.size <= 1 << 16:
        return None, _NONE, None
    curve = (table / most).clip(0, 1).astype(np.float32)
    return (first, first + table.size - 1), "curve of the file", curve


def _in_groups(data: Dataset, page: int, sequence: str, wanted: str) -> Dataset:
    """The dataset that holds an attribute for a frame: its functional group, or the file."""
    frames = data.get("PerFrameFunctionalGroupsSequence") or ()
    shared = data.get("SharedFunctionalGroupsSequence") or ()
    for group in (*frames[page : page + 1], *shared[:1]):
        for item in group.get(sequence) or ():
            if wanted in item:
                found: Dataset = item
                return found
    return data


def _number(data: Dataset, word: str) -> float | None:
    """A finite number, the first of several; None if there is none."""
    value: Any = data.get(word)
    if isinstance(value, list | tuple) or (hasattr(value, "__getitem__") and len(value)):
        value = value[0] if len(value) else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
