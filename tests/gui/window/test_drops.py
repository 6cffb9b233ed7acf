"""What is read from the clipboard or a drop, whatever the other program puts there."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QByteArray, QMimeData, QUrl
from PySide6.QtGui import QColor, QImage

from gui.window import drops


def mime(*urls: str, text: str = "", image: QImage | None = None, **formats: bytes) -> QMimeData:
    data = QMimeData()
    if urls:
        data.setUrls([QUrl(url) for url in urls])
    if text:
        data.setText(text)
    if image is not None:
        data.setImageData(image)
    for kind, content in formats.items():
        data.setData(f"image/{kind}", QByteArray(content))
    return data


def local(*names: str) -> list[str]:
    return [QUrl.fromLocalFile(str(Path(name).absolute())).toString() for name in names]


def picture() -> QImage:
    image = QImage(3, 2, QImage.Format.Format_RGB32)
    image.fill(QColor("teal"))
    return image


def png() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (3, 2), "teal").save(data, "PNG")
    return data.getvalue()


def test_local_files_keep_their_names_in_order() -> None:
    dropped = drops.read(mime(*local("b ü.png", "a#1.jpg")))
    assert [path.name for path in dropped.paths] == ["b ü.png", "a#1.jpg"]
    assert dropped


def test_files_count_more_than_their_pixels() -> None:
    """A file manager may send both."""
    dropped = drops.read(mime(*local("a.png"), image=picture(), png=png()))
    assert len(dropped.paths) == 1
    assert not dropped.data
    assert dropped.image is None


def test_a_browser_gives_an_address_and_the_file_itself() -> None:
    dropped = drops.read(mime("https://example.org/cat.png", png=png()))
    assert dropped.data == png()
    assert not dropped.remote


def test_decoded_pixels_are_taken_when_there_is_no_file() -> None:
    dropped = drops.read(mime("https://example.org/cat.png", image=picture()))
    assert dropped.image is not None or dropped.data
    assert not dropped.remote


def test_only_an_address() -> None:
    dropped = drops.read(mime("https://example.org/cat.png"))
    assert dropped.remote == "https://example.org/cat.png"
    assert dropped


def promised() -> QMimeData:
    """Addresses of a program that has ended before it handed them over."""
    data = QMimeData()
    data.setData("text/uri-list", QByteArray(b""))
    assert data.hasUrls()
    assert not data.urls()
    return data


@pytest.mark.parametrize("content", [mime(), mime(text="some words"), mime(png=b""), promised()])
def test_nothing_to_open(content: QMimeData) -> None:
    assert not drops.read(content)


def test_only_what_can_be_opened_is_accepted() -> None:
    assert drops.accepts(mime(*local("a.png")))
    assert drops.accepts(mime(image=picture()))
    assert drops.accepts(mime(webp=b"x"))
    assert not drops.accepts(mime(text="some words"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (mime(*local("cat.png")), "Open cat.png"),
        (mime(*local("a.png", "b.png", "c.png")), "Open 3 files"),
        (mime(*local("resnet50.pth")), "Open the model resnet50.pth"),
        (mime(*local("a.png", "b.png", "n.pth")), "Open 2 files and the model n.pth"),
        (mime(*local("a.png", "n.pth")), "Open 1 file and the model n.pth"),
        (mime(*local("n.pth", "m.py")), "Open the model m.py with n.pth"),
        (mime(*local("names.txt")), "Load the class names in names.txt"),
        (mime(*local("m.pt", "n.pth")), "Open the model m.pt (the first of 2)"),
        (mime(image=picture()), "Open this image"),
        (mime("https://example.org/cat.png", image=picture()), "Open this image"),
        (mime("https://example.org/cat.png", png=png()), "Open this image"),
        (mime("https://example.org/cat"), "Only a link to an image: save the image first"),
        (mime(text="some words"), ""),
    ],
)
def test_the_hint_says_what_a_drop_would_do(content: QMimeData, words: str) -> None:
    assert drops.hint(content) == words
