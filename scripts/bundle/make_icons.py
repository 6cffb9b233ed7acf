"""The icons of the program and of session files at every size that the systems ask for.

The drawings are resources/icons/hookscope.svg and resources/packaging/hookscope-session.svg.

    .venv/bin/python scripts/bundle/make_icons.py [FOLDER]

Writes hookscope-SIZE.png, hookscope.ico (Windows) and hookscope.icns (macOS), the same for
hookscope-session, and hookscope-side.bmp, the picture beside the installer's last page (Windows);
build/icons by default.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PIL import Image
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from engine.version import COMMAND

SESSION = f"{COMMAND}-session"
"""The name of the icon of session files."""

SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512, 1024)
# Sizes that an .icns holds, in pixels.
_ICNS = (32, 64, 128, 256, 512)
_SIDE = "#2a2a2c"
_SIDE_ICON = 192
_ICO = [(size, size) for size in (16, 24, 32, 48, 64, 128, 256)]


DRAWINGS = {
    COMMAND: ROOT / "resources" / "icons" / f"{COMMAND}.svg",
    SESSION: ROOT / "resources" / "packaging" / f"{SESSION}.svg",
}
"""The drawing of each icon."""


def drawn(renderer: QSvgRenderer, size: int) -> QImage:
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    return image


def side(renderer: QSvgRenderer) -> QImage:
    """The icon on a dark strip, twice as large as the installer's page has it at 96 dpi."""
    image = QImage(2 * 164, 2 * 314, QImage.Format.Format_RGB32)
    image.fill(QColor(_SIDE))
    painter = QPainter(image)
    left = (image.width() - _SIDE_ICON) // 2
    renderer.render(painter, QRectF(left, left, _SIDE_ICON, _SIDE_ICON))
    painter.end()
    return image


def make(folder: Path) -> None:
    """Write all of them into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    application = QGuiApplication.instance() or QGuiApplication([])
    renderer = QSvgRenderer(str(DRAWINGS[COMMAND]))
    if not side(renderer).save(str(folder / f"{COMMAND}-side.bmp")):
        raise OSError(f"{folder}: the installer's picture cannot be written")
    for name, drawing in DRAWINGS.items():
        _make(folder, name, QSvgRenderer(str(drawing)))
    del application


def _make(folder: Path, name: str, renderer: QSvgRenderer) -> None:
    """Write one icon in all its forms."""
    for size in SIZES:
        if not drawn(renderer, size).save(str(folder / f"{name}-{size}.png")):
            raise OSError(f"{folder}: the icon of {size} pixels cannot be written")
    with Image.open(folder / f"{name}-{SIZES[-1]}.png") as largest:
        drawn_small = [Image.open(folder / f"{name}-{size}.png") for size in _ICNS]
        largest.save(folder / f"{name}.icns", append_images=drawn_small)
        smaller = [Image.open(folder / f"{name}-{size}.png") for size, _ in _ICO]
        smaller[-1].save(folder / f"{name}.ico", sizes=_ICO, append_images=smaller[:-1])


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw the program's icon at every size.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "icons")
    make(parser.parse_args().folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
