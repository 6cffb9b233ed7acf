"""What a PDF holds: the size of its pages, their words and their pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtPdf import QPdfDocument

_DPI = 80

_OBJECT = re.compile(rb"^(\d+) 0 obj\n(.*?)^(?:stream|endobj)", re.S | re.M)


def pages(path: Path) -> list[dict[str, Any]]:
    """Of each page: 'width' and 'height' in points, 'text', 'right' (where words end, in points),
    'letter' (the height of the first one: less where the page was made smaller to fit the paper)
    and 'pictures', by number, where Chromium wrote it: one that is on two pages is cut in two,
    unless it is shown twice.

    Raises ValueError for what is no PDF.
    """
    file = _opened(path)
    data = path.read_bytes()
    on_pages = _pictures(data) if b"Skia/PDF" in data else [[]] * file.pageCount()
    found = []
    for number, pictures in zip(range(file.pageCount()), on_pages, strict=True):
        size, words = file.pagePointSize(number), file.getAllText(number)
        found.append(
            {
                "width": size.width(),
                "height": size.height(),
                "text": words.text().replace("\r\n", "\n"),
                "right": words.boundingRectangle().right(),
                "letter": file.getSelectionAtIndex(number, 0, 1).boundingRectangle().height(),
                "pictures": pictures,
            }
        )
    return found


def drawn(path: Path) -> list[QImage]:
    """The pages as pictures."""
    file, pictures = _opened(path), []
    for number in range(file.pageCount()):
        size = file.pagePointSize(number) * (_DPI / 72)
        page = file.render(number, QSize(round(size.width()), round(size.height())))
        paper = QImage(page.size(), QImage.Format.Format_RGB32)
        paper.fill(Qt.GlobalColor.white)
        painter = QPainter(paper)
        painter.drawImage(0, 0, page)
        painter.end()
        pictures.append(paper)
    return pictures


def _opened(path: Path) -> QPdfDocument:
    file = QPdfDocument()
    if file.load(str(path)) is not QPdfDocument.Error.None_:
        raise ValueError(f"{path}: no PDF")
    return file


def _pictures(data: bytes) -> list[list[int]]:
    """The images of each page, by the numbers of their objects; without those of a single row,
    which are colour bars."""
    objects = {int(number): text for number, text in _OBJECT.findall(data)}
    pages = [text for text in objects.values() if re.search(rb"/Type /Page\b", text)]
    found = []
    for page in pages:
        named = re.search(rb"/XObject <<(.*?)>>", page, re.S)
        numbers = map(int, re.findall(rb"/\w+ (\d+) 0 R", named[1])) if named else ()
        found.append([n for n in numbers if _rows(objects.get(n, b"")) > 1])
    return found


def _rows(text: bytes) -> int:
    high = re.search(rb"/Height (\d+)", text)
    return int(high[1]) if high and b"/Subtype /Image" in text else 0
