"""Files of boxes and masks: what they say, and one line for what they get wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import ImageError
from engine.metrics.annotations import load_marked
from engine.records.images import LoadedImage
from engine.records.workbench.trust import Box

PHOTO = LoadedImage("cat.jpg", np.zeros((50, 100, 3), np.uint8), Path("/photos/cat.jpg"))

VOC = """<?xml version="1.0"?>
<annotation>
  <filename>cat.jpg</filename>
  <size><width>100</width><height>50</height><depth>3</depth></size>
  <object>
    <name>cat</name>
    <part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>
    <bndbox><xmin>11</xmin><ymin>21</ymin><xmax>30</xmax><ymax>25</ymax></bndbox>
  </object>
  <object><name>dog</name>
    <bndbox><ymin>1</ymin><xmin>1.5</xmin><xmax>100</xmax><ymax>50</ymax></bndbox>
  </object>
</annotation>"""

COCO = {
    "images": [
        {"id": 1, "file_name": "dog.jpg", "width": 640, "height": 480},
        {"id": 7, "file_name": "train/cat.jpg", "width": 100, "height": 50},
    ],
    "categories": [{"id": 3, "name": "cat"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 5, 5]},
        {"id": 2, "image_id": 7, "category_id": 3, "bbox": [10.5, 20, 30, 4]},
        {"id": 3, "image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4]},
    ],
}


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_voc_boxes_are_counted_from_one_with_both_ends(tmp_path: Path) -> None:
    found = load_marked(write(tmp_path, "cat.xml", VOC), PHOTO)
    assert found.boxes == (Box(10, 20, 20, 5, "cat"), Box(0.5, 0, 99.5, 50, "dog"))
    assert found.source == "cat.xml"


def test_coco_boxes_are_those_of_the_image_with_the_name(tmp_path: Path) -> None:
    found = load_marked(write(tmp_path, "all.json", json.dumps(COCO)), PHOTO)
    assert found.boxes == (Box(10.5, 20, 30, 4, "cat"), Box(1, 2, 3, 4, ""))


def test_a_coco_file_of_one_image_is_about_this_one(tmp_path: Path) -> None:
    facts = {**COCO, "images": [{"id": 7, "file_name": "renamed.jpg"}]}
    found = load_marked(write(tmp_path, "one.json", json.dumps(facts)), PHOTO)
    assert len(found.boxes) == 2


def test_yolo_lines_are_parts_of_the_sides(tmp_path: Path) -> None:
    text = "0 0.5 0.5 0.2 0.4\n\n3 0.1 0.5 0.2 1.0 0.93\n1 0.1 0.2 0.5 0.2 0.3 0.8\n"
    found = load_marked(write(tmp_path, "cat.txt", text), PHOTO)
    wanted = [(40, 15, 20, 20), (0, 0, 20, 50), (10, 10, 40, 30)]
    for box, (x, y, wide, tall) in zip(found.boxes, wanted, strict=True):
        assert (box.x, box.y, box.width, box.height) == pytest.approx((x, y, wide, tall))


def test_a_mask_is_what_is_not_black(tmp_path: Path) -> None:
    pixels = np.zeros((50, 100), np.uint8)
    pixels[10:20, 30:60] = 1
    Image.fromarray(pixels).save(tmp_path / "cat.png")
    found = load_marked(tmp_path / "cat.png", PHOTO)
    assert found.mask is not None
    np.testing.assert_array_equal(found.mask, pixels > 0)
    assert not found.empty


def test_an_empty_file_marks_nothing(tmp_path: Path) -> None:
    assert load_marked(write(tmp_path, "cat.txt", ""), PHOTO).empty
    assert load_marked(write(tmp_path, "cat.xml", "<annotation/>"), PHOTO).empty


BOMB = """<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]>
<annotation><object><name>&y;</name></object></annotation>"""
OUTSIDE = """<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<annotation><object><name>&x;</name></object></annotation>"""


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xml", BOMB, "document type"),
        ("a.xml", OUTSIDE, "document type"),
        ("a.xml", "<a>" * 50, "levels deep"),
        ("a.xml", VOC.replace(">30<", "><"), "no box of four numbers"),
        ("a.xml", VOC.replace(">30<", ">5<"), "without an area"),
        ("a.xml", VOC.replace(">30<", ">nan<"), "without an area"),
        ("a.xml", VOC.replace("<width>100<", "<width>640<"), "640 x 50"),
        ("a.xml", VOC.replace("<width>100<", "<width>wide<"), "is no number"),
        ("a.xml", VOC[:200], "not XML"),
        ("a.xml", b"\x00\xff\x00", "not XML"),
        ("a.xml", b'<?xml version="1.0" encoding="no-such"?><a/>', "not XML"),
        ("a.json", "[1, 2]", "no images"),
        ("a.json", "{", "not JSON"),
        ("a.json", "[" * 100_000, "not JSON"),
        ("a.json", b"\xff\xfe", "not JSON"),
        ("a.json", '{"images": 3}', "no list of entries"),
        ("a.json", '{"images": []}', "no image in it is called cat.jpg"),
        ("a.json", '{"images": [{"id": [1]}]}', "neither number nor text"),
        ("a.json", json.dumps({**COCO, "annotations": [{"image_id": 7}]}), "no box of four"),
        ("a.json", json.dumps(COCO).replace("10.5", '"x"'), "else than numbers"),
        ("a.json", json.dumps(COCO).replace("10.5", "1" * 400), "without an area"),
        ("a.json", json.dumps(COCO).replace("10.5", "NaN"), "without an area"),
        (
            "a.json",
            json.dumps(COCO).replace('"image_id": 7,', '"image_id": 8,'),
            "annotation 2 is of image 8, which is none of its images",
        ),
        (
            "a.json",
            json.dumps(COCO).replace('"id": 1, "file_name"', '"id": 7, "file_name"'),
            "two of its images have the id 7",
        ),
        ("a.txt", "0 0.5 0.5 0.2\n", "line 1 is no box"),
        ("a.txt", "0 0.5 0.5 0.2 much\n", "line 1 is no box"),
        ("a.txt", "0 0.5 0.5 0.2 0.1\n0 50 50 20 20\n", "line 2 has numbers beyond"),
        ("a.txt", "0 0.5 0.5 nan 0.1\n", "line 1"),
        ("a.txt", b"\xff\xfe\xfd", "not a text file"),
        ("a.csv", "x", "suffix"),
    ],
)
def test_a_bad_file_is_one_line(
    tmp_path: Path, name: str, content: str | bytes, words: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(ImageError) as caught:
        load_marked(path, PHOTO)
    text = str(caught.value)
    assert words in text
    assert text.startswith(str(path))
    assert "\n" not in text
    assert len(text) < 400 + len(str(path))


def test_too_many_boxes_are_refused(tmp_path: Path) -> None:
    text = "0 0.5 0.5 0.2 0.1\n" * 100_001
    with pytest.raises(ImageError, match="too many boxes"):
        load_marked(write(tmp_path, "a.txt", text), PHOTO)


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    Image.new("L", (99, 50), 255).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="99 x 50 pixels and the image 100 x 50"):
        load_marked(tmp_path / "a.png", PHOTO)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for name in ("a.xml", "a.png"):
        with pytest.raises(ImageError, match="no such file"):
            load_marked(tmp_path / name, PHOTO)
