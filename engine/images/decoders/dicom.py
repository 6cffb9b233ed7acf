"""Reads DICOM images with pydicom: photometric interpretation, rescale, frames, and the VOI window.

pydicom and its decoders are imported when the first DICOM file is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from engine.errors import ImageError
from engine.images import colour_profiles
from engine.images.decoders import dicom_windows as windows
from engine.images.decoders.dicom_subject import subject_of
from engine.images.decoders.raw import MOST_PAGES, Raw, check_page, check_size, depth_of
from engine.lazy.numpy import np
from engine.records.levels import Values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PREAMBLE = 128
_GROUPS = (b"\x02\0", b"\x08\0")
_BIG_ENDIAN_GROUP = b"\0\x08\0"
_TYPES = (b"CS", b"UI", b"UL", b"DA", b"TM", b"SH", b"LO", b"PN")
_SUFFIXES = (".dcm", ".dicom", ".ima", ".dic")

_DIRECTORY = "1.2.840.10008.1.3.10"
# By transfer syntax. Where pydicom has the choice, it would take GDCM, whose copies of these
# decoders are older.
_PREFERRED = {
    **dict.fromkeys(
        (f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 201, 202, 203)), "pylibjpeg"
    ),
    **dict.fromkeys(("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"), "pyjpegls"),
    "1.2.840.10008.1.2.4.50": "pillow",
    "1.2.840.10008.1.2.5": "pylibjpeg",
}

_VIDEOS = "1.2.840.10008.1.2.4.10"
"""What the transfer syntaxes of MPEG-2, MPEG-4 and HEVC begin with."""


def is_dicom(head: bytes, name: str) -> bool:
    """Whether the first bytes of a file are those of a DICOM file, with or without preamble."""
    if head[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return True
    if head[:3] == _BIG_ENDIAN_GROUP and head[4:6] in _TYPES:
        return True
    # Old files begin with their first element: its group and number, then its type or length.
    bare = head[:2] in _GROUPS and head[3:4] == b"\0" and len(head) > 8
    typed = head[4:6].isalpha() or head[6:8] == b"\0\0"
    return bare and (typed or name.lower().endswith(_SUFFIXES))


def read(file: BinaryIO, name: str, page: int, length: int) -> Raw:
    """One frame of a DICOM file. page: from 0. length: of the file, in bytes.

    Grey values are rescaled to their unit; colours become RGB. Raises ImageError, and what pydicom
    raises for damaged data.
    """
    import pydicom

    data = pydicom.dcmread(file, force=True)
    _check_kind(data, name)
    pages = min(max(1, int(data.get("NumberOfFrames") or 1)), MOST_PAGES)
    check_page(page, pages, name)
    samples = int(data.get("SamplesPerPixel") or 1)
    bits = int(data.get("BitsAllocated") or 8)
    pixel = samples * max(1, bits // 8)
    check_size(int(data.Columns), int(data.Rows), length, name, pixel)
    values = _pixels(data, page, pages, name)
    facts: dict[str, Any] = {
        "mode": str(data.get("PhotometricInterpretation", "")),
        "page": page,
        "pages": pages,
    }
    facts["subject"] = subject_of(data)
    facts["notices"] = colour_profiles.notices(data.get("ICCProfile"))
    if str(data.get("PhotometricInterpretation")) == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        values, samples = apply_color_lut(values, data), 3
    if values.ndim == 3 and values.dtype == np.uint8:
        return Raw(picture=Image.fromarray(np.ascontiguousarray(values[..., :3])), **facts)
    if values.ndim == 3:
        own = (0.0, float(2 ** _colour_bits(data) - 1))
        return Raw(depth_of(values[..., :3], own=own), **facts)
    return Raw(_grey(data, values, page), **facts)


def _check_kind(data: Dataset, name: str) -> None:
    """Raises ImageError if there is no image in the file."""
    meta = getattr(data, "file_meta", None)
    if str(getattr(meta, "MediaStorageSOPClassUID", "")) == _DIRECTORY:
        raise ImageError(f"{name}: a list of DICOM files; open its folder")
    if not any(word in data for word in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        kind = str(data.get("Modality", "")) or "unknown kind"
        raise ImageError(f"{name}: a DICOM file without an image ({kind:.40}); open another")
    if "Rows" not in data or "Columns" not in data:
        raise ImageError(f"{name}: a DICOM file without an image size; export it again")


def _pixels(data: Dataset, page: int, pages: int, name: str) -> Values:
    """The stored values of a frame, colours as RGB."""
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    syntax = getattr(data.file_meta, "TransferSyntaxUID", None)
    if syntax is None:
        implicit, little = data.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    elif str(syntax).startswith(_VIDEOS):
        raise ImageError(f"{name}: a DICOM video; export its frames as images")
    index = page if pages > 1 else None
    try:
        values: Values = _decoded(data, index, _PREFERRED.get(str(syntax), ""))
    except (RuntimeError, NotImplementedError) as error:
        said = " ".join(str(error).split("\n  ")[-1].split())
        kind = getattr(syntax, "name", "uncompressed")
        raise ImageError(
            f"{name}: the image ({kind}) cannot be decoded ({said:.200}); export it uncompressed"
        ) from error
    if pages == 1 and values.ndim == 4:
        values = values[0]
    return values


def _decoded(data: Dataset, index: int | None, plugin: str) -> Values:
    """The values of a frame, by this plugin of pydicom if it can, else by any."""
    from pydicom.pixels import pixel_array

    try:
        values: Values = pixel_array(data, index=index, decoding_plugin=plugin)
    except (RuntimeError, NotImplementedError):
        if not plugin:
            raise
        return _decoded(data, index, "")
    return values


def _grey(data: Dataset, values: Values, page: int) -> Any:
    """The record of grey values, rescaled."""
    stored = int(data.get("BitsStored") or values.dtype.itemsize * 8)
    span = _span_of(stored, signed=values.dtype.kind == "i")
    padding = _padding(data)
    unit = ""
    if "ModalityLUTSequence" in data:
        from pydicom.pixels import apply_modality_lut

        values, padding = apply_modality_lut(values, data), None
        span = _span_of(8 * values.dtype.itemsize, signed=False)
    elif values.dtype.kind != "f":
        slope, intercept = windows.rescale_of(data, page)
        unit = str(data.get("RescaleType", "") or "")
        if not unit and data.get("Modality") == "CT" and (slope, intercept) != (1.0, 0.0):
            unit = "HU"
        values = _rescaled(values, slope, intercept)
        span = _ordered(*(end * slope + intercept for end in span))
        if padding is not None:
            padding = _ordered(*(end * slope + intercept for end in padding))
    else:
        span = (0.0, 1.0)
    own, own_name, curve = windows.window_of(data, page)
    return depth_of(
        values,
        span,
        own=own,
        own_name=own_name,
        curve=curve,
        padding=padding,
        inverted=data.get("PhotometricInterpretation") == "MONOCHROME1"
        or data.get("PresentationLUTShape") == "INVERSE",
        unit="" if unit == "US" else unit[:16],
    )


def _rescaled(values: Values, slope: float, intercept: float) -> Values:
    if (slope, intercept) == (1.0, 0.0):
        return values
    if slope == 1.0 and intercept == int(intercept) and values.dtype.itemsize <= 2:
        whole = values.astype(np.int32) + int(intercept)
        ends = (int(whole.min()), int(whole.max())) if whole.size else (0, 0)
        small = ends[0] >= -(1 << 15) and ends[1] < 1 << 15
        return whole.astype(np.int16) if small else whole
    return (values.astype(np.float64) * slope + intercept).astype(np.float32)


def _span_of(bits: int, *, signed: bool) -> tuple[float, float]:
    bits = min(max(bits, 1), 64)
    return (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)


def _ordered(one: float, other: float) -> tuple[float, float]:
    return min(one, other), max(one, other)


def _padding(data: Dataset) -> tuple[float, float] | None:
    value = data.get("PixelPaddingValue")
    if not isinstance(value, int | float):
        return None
    limit = data.get("PixelPaddingRangeLimit", value)
    return _ordered(float(value), float(limit if isinstance(limit, int | float) else value))


def _colour_bits(data: Dataset) -> int:
    if data.get("PhotometricInterpretation") == "PALETTE COLOR":
        descriptor = data.get("RedPaletteColorLookupTableDescriptor") or (0, 0, 16)
        return min(max(int(descriptor[2]), 1), 16)
    return min(max(int(data.get("BitsStored") or 16), 1), 32)
