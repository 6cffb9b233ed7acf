"""The image files that the packaged program is checked with: one for each decoder it carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

DICOM = {
    "plain.dcm": ExplicitVRLittleEndian,
    "rle.dcm": RLELossless,
    "jpeg-2000.dcm": JPEG2000Lossless,
    "jpeg-ls.dcm": JPEGLSLossless,
}
LOSSLESS = "jpeg-lossless.dcm"
"""Written by GDCM, which alone decodes it."""

HEIC = "damaged.heic"
"""No image, but enough for its decoder to be loaded and say so."""


def make_all(folder: Path) -> tuple[str, ...]:
    """Write the files into a folder; the names of those that open."""
    for name, syntax in DICOM.items():
        _dataset(syntax).save_as(folder / name, enforce_file_format=True)
    (folder / HEIC).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    _lossless(folder / "plain.dcm", folder / LOSSLESS)
    return (*DICOM, LOSSLESS)


def _dataset(syntax: UID) -> FileDataset:
    values = np.add.outer(np.arange(96), 3 * np.arange(128)).astype(np.uint16)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid()
    data.Modality, data.PhotometricInterpretation = "OT", "MONOCHROME2"
    data.Rows, data.Columns = values.shape
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelData = values.tobytes()
    if syntax != ExplicitVRLittleEndian:
        data.compress(syntax)
    return data


def _lossless(plain: Path, path: Path) -> None:
    """Raises OSError if GDCM refuses."""
    import gdcm

    reader, change, writer = (
        gdcm.ImageReader(),
        gdcm.ImageChangeTransferSyntax(),
        gdcm.ImageWriter(),
    )
    reader.SetFileName(str(plain))
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    writer.SetFileName(str(path))
    read = reader.Read()
    change.SetInput(reader.GetImage())
    changed = change.Change()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    if not (read and changed and writer.Write()):
        raise OSError(f"{path.name} could not be written")
