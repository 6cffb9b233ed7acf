"""Everything that is looked at can be reached by Tab, and is seen to have the focus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QApplication, QComboBox, QWidget

from gui.toolkit import theme
from gui.widgets.figures.dialog import FigureDialog
from tests.gui.user import Key, User

_MOST = 90
_AROUND = 4
# Levels of 255 that an eye tells apart, and pixels of them that make a mark.
_SEEN, _MARK = 24, 20


def pixels(window: QWidget) -> NDArray[np.int16]:
    """The window as it is painted: int16 (height, width, 3)."""
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    bits = np.frombuffer(image.constBits(), np.uint8)
    rows = bits.reshape(image.height(), image.bytesPerLine() // 4, 4)
    return rows[:, : image.width(), :3].astype(np.int16)


def is_seen(widget: QWidget, window: QWidget) -> bool:
    """Whether the widget, which has the focus, looks different without it."""
    ratio = window.devicePixelRatioF()
    corner = widget.mapTo(window, QPoint(-_AROUND, -_AROUND))
    left, top = (max(0, round(ratio * n)) for n in (corner.x(), corner.y()))
    right, bottom = (
        round(ratio * (n + size + 2 * _AROUND))
        for n, size in ((corner.x(), widget.width()), (corner.y(), widget.height()))
    )
    focused = pixels(window)[top:bottom, left:right]
    widget.clearFocus()
    QApplication.processEvents()
    bare = pixels(window)[top:bottom, left:right]
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    QApplication.processEvents()
    return int((abs(focused - bare).max(-1) > _SEEN).sum()) >= _MARK


def name_of(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text or type(widget).__name__


def walk(window: QWidget) -> list[str]:
    """The names of what has the focus, Tab by Tab, until it comes round."""
    stops: list[QWidget] = []
    for _ in range(_MOST):
        QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
        QApplication.processEvents()
        here = QApplication.focusWidget()
        assert here is not None
        if here in stops:
            # No stop is in a circle of its own.
            assert here is stops[0]
            break
        assert here.isVisible()
        assert name_of(here) != type(here).__name__, f"{here} has no name"
        assert is_seen(here, window), f"nobody sees that {name_of(here)} has the focus"
        stops.append(here)
    return [name_of(stop) for stop in stops]


def in_order(stops: list[str], *wanted: str) -> bool:
    """Whether these stops, or ones that begin with these words, come one after the other."""
    places = [next(i for i, stop in enumerate(stops) if stop.startswith(want)) for want in wanted]
    return places == list(range(places[0], places[0] + len(places)))


@pytest.mark.parametrize("look", ["dark", "light"])
def test_the_figure_dialog(user: User, look: theme.Choice) -> None:
    program = user.start()
    theme.apply(user.application, look)
    user.press(Key.Key_E, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    dialog = user.dialog(FigureDialog)
    user.until(lambda: dialog.ready)
    stops = walk(dialog)
    # All that can be changed, from top to bottom, then the buttons, then the preview.
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox)
    found = {
        name_of(widget)
        for kind in kinds
        for widget in dialog.findChildren(kind)
        if widget.isVisible() and widget.isEnabled() and widget.focusPolicy()
    }
    assert found <= set(stops)
    assert in_order(stops, "What the figure shows", "Preset", "Save…", "Width of the figure")
    assert in_order(stops, "One for each image…", "Close", "Save as…", "Preview of the figure")
    user.press(Key.Key_Escape)
    user.until(lambda: not program.window.findChildren(FigureDialog))
    theme.apply(user.application, "light")


def test_the_inspector(user: User) -> None:
    program = user.start(sweep=True)
    state, drawer = program.state, program.window.drawer
    user.until(lambda: state.sweep is not None)
    user.press(Key.Key_I)
    pages = {
        "images": (),
        "layers": ("Maps of all layers",),
        "channels": ("Show: activation", "ReLU: before", "Order of the channels", "One scale"),
        "numbers": ("Cells of the map", "Values of the map", "Draw line", "Row", "Column"),
        "trust": ("Measure the rest", "Mark the object", "What hides cells", "Positive share"),
    }
    drawer.focus_page()
    for _ in pages:
        # The tabs are walked through with the arrow keys, as everywhere.
        user.press(Key.Key_Left)
    for place, (page, wanted) in enumerate(pages.items()):
        if place:
            user.press(Key.Key_Right)
            user.until(lambda page=page: drawer.current == page)
        user.settle()
        user.until(lambda: not state.computing)
        stops = walk(program.window)
        assert "Inspector" in stops
        assert not wanted or in_order(stops, *wanted)
        drawer.focus_page()


def test_two_panes_their_divider_and_the_tools(user: User) -> None:
    program = user.start()
    state, window = program.state, program.window
    user.press(Key.Key_C)
    user.press(Key.Key_2)
    user.until(lambda: all(pane.explanation is not None for pane in state.panes))
    user.press(Key.Key_W)
    assert in_order(walk(window), "Image", "Divider between two panes", "Predicted classes")
    window.panes.divider.setFocus()
    before = window.panes.divider.part
    user.press(Key.Key_Left)
    assert window.panes.divider.part < before
    user.press(Key.Key_W)
    first = state.pane.number
    user.press(Key.Key_N)
    assert state.pane.number != first
    user.press(Key.Key_X)
    assert [pane.number for pane in state.panes] == [first]
    user.press(Key.Key_E)
    stops = walk(window)
    assert in_order(stops, "Layer tree", "Select and move", "Crop", "Rectangle")


def test_the_strip_of_images(user: User, tmp_path: Path) -> None:
    for name in "abc":
        Image.new("RGB", (40, 30)).save(tmp_path / f"{name}.png")
    program = user.start(tmp_path)
    window, state = program.window, program.state
    assert "Opened images" in walk(window)
    while name_of(QApplication.focusWidget() or window) != "Opened images":
        user.press(Key.Key_Tab)
    user.press(Key.Key_Right)
    user.until(lambda: state.current is not None and state.current.name == "b.png")
    user.press(Key.Key_End)
    user.until(lambda: state.current is not None and state.current.name == "c.png")
    user.wait_explained()
