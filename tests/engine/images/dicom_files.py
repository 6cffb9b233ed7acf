"""DICOM files for tests, written with pydicom."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

NAME, DATE, NUMBER = "Roe^Jane", "20190418", "P4711"


def dataset(values: Any, **facts: Any) -> FileDataset:
    """A dataset with these pixels: (h, w), (pages, h, w), (h, w, 3). facts: attributes by name."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["hookscope"])
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID, data.StudyDate = NAME, NUMBER, DATE
    data.Modality = "OT"
    colour = values.ndim > 2 and values.shape[-1] == 3
    size = values.shape[-3:-1] if colour else values.shape[-2:]
    data.Rows, data.Columns = size
    data.SamplesPerPixel = 3 if colour else 1
    if colour:
        data.PlanarConfiguration = 0
    if values.ndim == (4 if colour else 3):
        data.NumberOfFrames = values.shape[0]
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    bits = 8 * values.dtype.itemsize
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit = bits - 1
    data.PixelRepresentation = int(values.dtype.kind == "i")
    data.PixelData = np.ascontiguousarray(values).tobytes()
    for name, value in facts.items():
        setattr(data, name, value)
    if "BitsStored" in facts:
        data.HighBit = data.BitsStored - 1
    return data


def item(**facts: Any) -> Dataset:
    made = Dataset()
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def sequence(*items: Dataset) -> Sequence:
    return Sequence(items)


def written(data: Dataset, **options: Any) -> bytes:
    buffer = io.BytesIO()
    data.save_as(buffer, **(options or {"enforce_file_format": True}))
    return buffer.getvalue()
