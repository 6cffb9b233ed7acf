"""DICOM: the values after rescale, the window, colours, frames; and what is said of the patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    MPEG4HP41,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
)

from engine.errors import ImageError
from engine.images.reading import decode_image, load_image, load_thumbnail
from engine.records.images import Subject
from engine.records.level_words import described
from engine.records.levels import LevelsMode
from tests.engine.images.dicom_files import DATE, NAME, NUMBER, dataset, item, sequence, written

RNG = np.random.default_rng(8)
STORED = RNG.integers(0, 4096, (48, 64)).astype(np.uint16)
COLOUR = RNG.integers(0, 256, (48, 64, 3)).astype(np.uint8)


def read(data: Any, **options: Any) -> Any:
    return decode_image(written(data), "scan.dcm", **options)


def test_rescaled_values_and_their_unit() -> None:
    facts = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024, "BitsStored": 12}
    found = read(dataset(STORED, **facts))
    assert found.depth.values.dtype == np.int16
    np.testing.assert_array_equal(found.depth.values, STORED.astype(int) - 1024)
    assert found.depth.unit == "HU"
    assert found.depth.span == (-1024, 3071)
    assert found.shown.assumed
    halves = read(dataset(STORED, RescaleSlope=0.5, RescaleIntercept=3, RescaleType="US"))
    np.testing.assert_allclose(halves.depth.values, STORED * 0.5 + 3)
    assert halves.depth.unit == ""
    signed = read(dataset((STORED.astype(int) - 2000).astype(np.int16)))
    np.testing.assert_array_equal(signed.depth.values, STORED.astype(int) - 2000)


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        ("LINEAR", lambda x, c, w: ((x - (c - 0.5)) / (w - 1) + 0.5).clip(0, 1)),
        ("LINEAR_EXACT", lambda x, c, w: ((x - c) / w + 0.5).clip(0, 1)),
        ("SIGMOID", lambda x, c, w: 1 / (1 + np.exp(-4 * (x - c) / w))),
    ],
)
def test_the_window_of_the_file(function: str, formula: Any) -> None:
    """The formulas of DICOM PS3.3, C.11.2.1."""
    facts = {"WindowCenter": [1500, 7], "WindowWidth": [600, 9], "VOILUTFunction": function}
    found = read(dataset(STORED, **facts))
    assert found.shown.mode is LevelsMode.FILE
    assert not found.shown.assumed
    assert "window of the file" in described(found.shown, found.depth)
    wanted = formula(STORED.astype(float), 1500, 600)
    assert np.abs(found.pixels[..., 0] - 255 * wanted).max() <= 0.6


def test_a_lookup_table_as_window() -> None:
    table = (np.sqrt(np.linspace(0, 1, 4096)) * 4095).astype(np.uint16)
    lut = item(LUTDescriptor=[4096, 0, 12], LUTData=table.tobytes())
    found = read(dataset(STORED, VOILUTSequence=sequence(lut)))
    assert np.abs(found.pixels[..., 0] - table[STORED] / 4095 * 255).max() <= 0.6


def test_monochrome1_is_white_for_the_lowest_value() -> None:
    usual = read(dataset(STORED, WindowCenter=2000, WindowWidth=4000))
    facts = {"WindowCenter": 2000, "WindowWidth": 4000}
    turned = read(dataset(STORED, PhotometricInterpretation="MONOCHROME1", **facts))
    np.testing.assert_array_equal(turned.pixels.astype(int), 255 - usual.pixels)
    eight = read(dataset(COLOUR[..., 0].copy(), PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(eight.pixels[..., 0], 255 - COLOUR[..., 0])


def test_padding_is_left_out_of_the_range() -> None:
    values = STORED.copy()
    values[:4] = 60_000
    found = read(dataset(values, PixelPaddingValue=60_000))
    assert found.shown.high == STORED[4:].max()


def test_colours() -> None:
    np.testing.assert_array_equal(read(dataset(COLOUR)).pixels, COLOUR)
    planar = dataset(COLOUR, PlanarConfiguration=1)
    planar.PixelData = np.moveaxis(COLOUR, -1, 0).tobytes()
    np.testing.assert_array_equal(read(planar).pixels, COLOUR)
    rgb = COLOUR.astype(float)
    weights = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    ybr = (rgb @ weights.T + [0, 128, 128]).round().clip(0, 255).astype(np.uint8)
    found = read(dataset(ybr, PhotometricInterpretation="YBR_FULL")).pixels
    assert np.abs(found.astype(int) - COLOUR).max() <= 3
    deep = (COLOUR.astype(np.uint16) << 8) + 17
    np.testing.assert_array_equal(read(dataset(deep)).depth.values, deep)


def test_a_palette() -> None:
    index = RNG.integers(0, 256, (48, 64)).astype(np.uint8)
    tables = RNG.integers(0, 65536, (3, 256)).astype(np.uint16)
    facts: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        facts[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        facts[f"{name}PaletteColorLookupTableData"] = table.tobytes()
    found = read(dataset(index, **facts))
    np.testing.assert_array_equal(found.depth.values, np.moveaxis(tables[:, index], 0, -1))
    assert (found.shown.low, found.shown.high) == (0, 65535)


def test_frames_with_windows_of_their_own() -> None:
    frames = np.stack([STORED, STORED + 10, STORED + 20])
    groups = [
        item(
            FrameVOILUTSequence=sequence(item(WindowCenter=1000 + n, WindowWidth=100)),
            PixelValueTransformationSequence=sequence(
                item(RescaleSlope=2, RescaleIntercept=n, RescaleType="US")
            ),
        )
        for n in range(3)
    ]
    data = dataset(frames, PerFrameFunctionalGroupsSequence=sequence(*groups))
    for page in (1, 2, 3):
        found = read(data, page=page)
        assert (found.page, found.pages) == (page, 3)
        np.testing.assert_allclose(found.depth.values, 2 * frames[page - 1].astype(int) + page - 1)
        assert found.shown.low == 1000 + page - 1 - 0.5 - 99 / 2
    with pytest.raises(ImageError, match="has 3 pages"):
        read(data, page=4)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless], ids=str)
def test_compressed_without_losses(syntax: Any) -> None:
    data = dataset(STORED, BitsStored=12)
    data.compress(syntax)
    np.testing.assert_array_equal(read(data).depth.values, STORED)


def test_a_bit_per_pixel() -> None:
    mask = (STORED > 2000).astype(np.uint8)
    data = dataset(mask, BitsAllocated=1, BitsStored=1)
    data.PixelData = np.packbits(mask.reshape(-1), bitorder="little").tobytes()
    np.testing.assert_array_equal(read(data).pixels[..., 0], mask * 255)


def test_files_without_suffix_and_without_preamble(tmp_path: Path) -> None:
    content = written(dataset(STORED))
    for name, data in (("IM0001", content), ("scan.dcm", content[132:])):
        (tmp_path / name).write_bytes(data)
        found = load_image(tmp_path / name)
        assert found.depth is not None
        np.testing.assert_array_equal(found.depth.values, STORED)
        assert load_thumbnail(tmp_path / name, 16).shape == (12, 16, 3)


def test_what_has_no_image() -> None:
    report = dataset(STORED)
    del report.PixelData
    report.Modality = "SR"
    with pytest.raises(ImageError, match=r"without an image \(SR\); open another"):
        read(report)
    listed = dataset(STORED)
    listed.SOPClassUID = "1.2.840.10008.1.3.10"
    with pytest.raises(ImageError, match="a list of DICOM files; open its folder"):
        read(listed)
    video = dataset(STORED)
    video.file_meta.TransferSyntaxUID = MPEG4HP41
    video.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00"
    video["PixelData"].is_undefined_length = True
    with pytest.raises(ImageError, match=r"^scan\.dcm: a DICOM video; export its frames"):
        read(video)


@pytest.mark.parametrize("rows", [60_000, 0])
def test_claims_are_checked_first(rows: int) -> None:
    with pytest.raises(ImageError, match=r"too large|empty"):
        read(dataset(STORED, Rows=rows, Columns=60_000))


def test_truncated_in_one_line() -> None:
    content = written(dataset(STORED))
    for length in (140, 300, len(content) // 2, len(content) - 3):
        with pytest.raises(ImageError) as caught:
            decode_image(content[:length], "cut.dcm")
        assert "\n" not in str(caught.value)
        assert ";" in str(caught.value)


# ------------------------------------------------------------------ the patient


def test_whom_it_shows_is_known_and_left_out_of_names() -> None:
    found = read(dataset(STORED, PatientBirthDate="19701224"))
    subject = found.subject
    assert (subject.name, subject.date) == ("Roe Jane", DATE)
    assert NAME.replace("^", " ") == subject.name
    path = f"/data/ROE_Jane/{DATE}/{NUMBER}-2019-04-18 1970-12-24.dcm"
    assert subject.masked(path) == "/data/…_…/…/…-… ….dcm"
    assert found.named(path, subject=True) == path


def test_short_names_are_no_parts_of_words() -> None:
    subject = Subject("Li Bo", "", ("li", "bo"))
    assert subject.masked("slices/Li_Bo/slice 12.dcm") == "slices/…_…/slice 12.dcm"


@pytest.mark.parametrize(
    ("facts", "text", "left"),
    [
        ({}, "JaneRoe RoeJane jroe RoeJ JR_1 r.j.dcm", "… … … … …_1 ….dcm"),
        ({"PatientName": "Doe^J"}, "doe_j_slice.dcm", "…_…_slice.dcm"),
        ({"PatientName": "D^J"}, "DJ/jd 12.dcm", "…/… 12.dcm"),
        ({"PatientName": "Müller^Zoë"}, "Mu\u0308ller Muller-zoe Mueller", "… …-… …"),
        ({"PatientName": "Yamada^Tarou=山田^太郎"}, "山田太郎 Yamada.dcm", "… ….dcm"),
        ({"OtherPatientNames": ["Poe^Ann", "Fox^Ida"]}, "AnnPoe idafox.dcm", "… ….dcm"),
        ({"PatientBirthName": "Birch^Jane"}, "birch.dcm", "….dcm"),
        ({"PatientID": "AB-47.11"}, "ab4711 AB-47.11.dcm", "… ….dcm"),
        ({"AccessionNumber": "ACC0815"}, "x_acc0815_y.dcm", "x_…_y.dcm"),
        ({"PatientBirthDate": "19701224"}, "24.12.1970 24121970 701224 12-24-1970", "… … … …"),
        ({"StudyTime": "101533.25"}, "IM_101533 10-15-33.dcm", "IM_… ….dcm"),
        ({"StudyTime": "000000"}, "IM000000.dcm", "IM000000.dcm"),
        ({"AcquisitionDateTime": "20190501111213.5+0100"}, "20190501 111213", "… …"),
        ({}, "1.2.840.20190418.7.dcm", "1.2.840.….7.dcm"),
    ],
)
def test_forms_in_which_a_name_tells_of_the_patient(
    facts: dict[str, Any], text: str, left: str
) -> None:
    data = dataset(STORED, **facts)
    data.SpecificCharacterSet = "ISO_IR 192"
    found = read(data)
    assert found.named(text, subject=False) == left
    assert found.named(text, subject=True) == text


def test_what_is_left_of_a_name_is_still_a_name() -> None:
    name = "/data/scans/thorax/series 3/slice 012 axial.dcm"
    assert read(dataset(STORED, StudyTime="101530")).named(name, subject=False) == name


def test_big_endian_without_preamble(tmp_path: Path) -> None:
    """As old archives hold it: no header, most significant byte first."""
    data = dataset(STORED.astype(">u2"))
    del data.file_meta
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = False, False
    write_dataset(stream, data)
    for name in ("old.dcm", "IM0001"):
        (tmp_path / name).write_bytes(stream.getvalue())
        found = load_image(tmp_path / name)
        assert found.depth is not None
        np.testing.assert_array_equal(found.depth.values, STORED)


def test_jpeg_of_12_bits_with_losses_in_one_line() -> None:
    data = dataset(STORED, BitsStored=12)
    data.file_meta.TransferSyntaxUID = JPEGExtended12Bit
    head = bytes.fromhex("ffd8ffc1000b0c0030004001011100ffd9")
    data.PixelData = encapsulate([head])
    data["PixelData"].is_undefined_length = True
    with pytest.raises(ImageError) as caught:
        read(data)
    assert str(caught.value).startswith("scan.dcm: the image (JPEG Extended")
    assert str(caught.value).endswith("; export it uncompressed")
    assert "\n" not in str(caught.value)


def test_jpeg_lossless(tmp_path: Path) -> None:
    """Process 14, which hospitals use and only GDCM decodes; written with GDCM here."""
    gdcm = pytest.importorskip("gdcm")
    plain, packed = tmp_path / "plain.dcm", tmp_path / "packed.dcm"
    plain.write_bytes(written(dataset(STORED, BitsStored=12)))
    reader = gdcm.ImageReader()
    reader.SetFileName(str(plain))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    kinds = gdcm.TransferSyntax
    change.SetTransferSyntax(kinds(kinds.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(packed))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert packed.stat().st_size < plain.stat().st_size
    found = load_image(packed)
    assert found.depth is not None
    np.testing.assert_array_equal(found.depth.values, STORED)
