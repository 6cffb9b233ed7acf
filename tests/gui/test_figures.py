"""Export figure: through the whole program, and the files read by other means."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QImage

from gui.toolkit.imaging import to_qimage
from gui.widgets.figures.dialog import FigureDialog
from tests.engine.figures.pages import PdfFile
from tests.gui.user import WAIT_MS, Key, Modifier, User


def figure_dialog(user: User, id: str = "figure") -> FigureDialog:
    """The dialog with its first figure."""
    user.program.window.actions_by_id[id].trigger()
    dialog = user.dialog(FigureDialog)
    user.until(dialog._save.isEnabled)
    return dialog


def save(user: User, dialog: FigureDialog, path: Path) -> Path:
    with user.qtbot.waitSignal(user.program.controller.figures.written, timeout=WAIT_MS):
        dialog.take(path)
    user.settle()
    return path


def test_the_figure_of_the_screen_is_saved_as_it_is_previewed(user: User, tmp_path: Path) -> None:
    program = user.start()
    program.window.canvas.setFocus()
    user.press(Key.Key_E, Modifier.ControlModifier | Modifier.ShiftModifier)
    dialog = user.dialog(FigureDialog)
    user.until(dialog._save.isEnabled)
    shown = dialog._preview.picture
    assert shown is not None
    path = save(user, dialog, tmp_path / "out.png")
    with Image.open(path) as picture:
        assert picture.info["dpi"][0] == pytest.approx(300, abs=0.1)
        assert picture.width == round(85 / 25.4 * 300)
        pixels = np.asarray(picture)
    assert to_qimage(pixels) == shown.levels[0]
    assert program.window.notice.text == "Exported out.png"
