"""The picture gets the room: how much of the window it has, and what gives way."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtWidgets import QApplication, QDialog, QScrollArea, QStackedWidget

from engine.lazy import torchvision
from engine.records.sources import ModelSource
from gui.app.program import Program
from gui.state.notices import NoticeKind
from gui.toolkit.controls.search_field import SearchField
from gui.widgets.canvas.panes.arranging import arrangement
from tests.gui.test_inspector import open_page
from tests.gui.user import User, child


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Three photographs as cameras have them."""
    paths = [tmp_path / f"img{number}.png" for number in (1, 2, 10)]
    for number, path in enumerate(paths):
        pixels = np.full((60, 90, 3), 40 * number + 30, np.uint8)
        pixels[20:40, 30:60] = (200, 180, 20)
        Image.fromarray(pixels).save(path)
    return paths


def part(program: Program) -> float:
    """The part of the window that the picture can have, without the words above it."""
    window = program.window
    seen = window.canvas.viewport().size()
    return seen.width() * seen.height() / (window.width() * window.height())


def settled(user: User, size: QSize) -> Program:
    window = user.program.window
    window.resize(size)
    QApplication.processEvents()
    assert window.size() == size
    return user.program


@pytest.mark.parametrize(
    ("size", "least"),
    [
        (QSize(1024, 640), 0.45),
        (QSize(1280, 800), 0.50),
        (QSize(1920, 1080), 0.50),
        (QSize(2560, 1440), 0.50),
    ],
)
def test_the_picture_has_half_of_the_window(
    user: User, pictures: list[Path], size: QSize, least: float
) -> None:
    user.start(*pictures)
    program = settled(user, size)
    program.window.notice.clear()
    QApplication.processEvents()
    assert part(program) >= least


def test_the_tree_gives_way_first_and_the_user_has_the_last_word(user: User) -> None:
    user.start()
    window = settled(user, QSize(1920, 1080)).window
    wide, right = window.tree.width(), window.side.width()
    settled(user, QSize(1024, 640))
    assert window.tree.width() < wide * 0.6
    assert window.side.width() > right * 0.8
    window.columns.moveSplitter(400, 1)
    settled(user, QSize(1280, 800))
    assert window.tree.width() == 400
    # What was moved is there again at the next start, and what was not follows the window.
    user.leave()
    window = user.start().window
    assert abs(window.tree.width() - 400) <= 2
    window.reset_layout()
    QApplication.processEvents()
    assert window.tree.width() < 300


def test_the_strip_folds_where_there_is_no_room_unless_the_user_says_otherwise(
    user: User, pictures: list[Path]
) -> None:
    user.start(*pictures)
    window = settled(user, QSize(1280, 800)).window
    strip, action = window.strip, window.actions_by_id["fold_strip"]
    assert strip.folded
    assert action.isChecked()
    assert strip.height() <= 40
    settled(user, QSize(1280, 1000))
    assert not strip.folded
    assert not action.isChecked()
    assert strip.height() > 100
    action.trigger()
    assert strip.folded
    settled(user, QSize(1280, 1100))
    assert strip.folded
    action.trigger()
    settled(user, QSize(1280, 800))
    assert not strip.folded
    user.leave()
    assert not user.start(*pictures).window.strip.folded


@pytest.mark.parametrize("size", [QSize(800, 420), QSize(720, 410)])
def test_at_200_percent_all_of_it_is_on_a_screen_of_900_pixels(
    user: User, pictures: list[Path], size: QSize
) -> None:
    """That is 450 pixels of the window's, less its frame and a task bar."""
    user.start(*pictures)
    window = settled(user, size).window
    for widget in (window.notice, window.tree, window.canvas, window.side, window.strip):
        if widget.isVisible():
            corner = widget.mapTo(window, widget.rect().topLeft())
            assert window.rect().contains(widget.rect().translated(corner))
    assert window.status.geometry().bottom() <= window.rect().bottom()
    assert window.canvas.viewport().height() >= 200
    window.display.set_unfolded(True)
    QApplication.processEvents()
    assert window.predictions.height() >= 100
    area = window.display.parentWidget().parentWidget()
    assert isinstance(area, QScrollArea)
    bar = area.verticalScrollBar()
    assert bar.maximum() == window.display.height() - area.viewport().height() > 0


def test_notices_take_no_room_when_there_is_none(user: User, pictures: list[Path]) -> None:
    user.start(*pictures)
    program = settled(user, QSize(1280, 800))
    window, viewport = program.window, program.window.canvas.viewport()
    window.notice.clear()
    QApplication.processEvents()
    before = viewport.height()
    program.state.notify(NoticeKind.ERROR, "The disk is full.")
    QApplication.processEvents()
    notice = window.notice
    bottom = notice.mapTo(window, notice.rect().bottomLeft()).y()
    assert bottom < window.canvas.mapTo(window, window.canvas.rect().topLeft()).y()
    assert notice.width() == window.width()
    assert before - notice.height() - 2 <= viewport.height() < before
    window.notice.clear()
    QApplication.processEvents()
    assert viewport.height() == before


def test_a_warning_that_was_closed_stays_closed_for_that_model(
    user: User, tmp_path: Path, pictures: list[Path]
) -> None:
    def weights(name: str, classes: int) -> Path:
        path = tmp_path / name
        torch.manual_seed(classes)
        network = torchvision.load().models.squeezenet1_1(weights=None, num_classes=classes)
        torch.save(network.state_dict(), path)
        return path

    first, second = weights("first.pth", 3), weights("second.pth", 4)

    def opened(path: Path) -> str:
        user.program.controller.models.open(ModelSource(str(path)))
        state = user.program.state
        user.until(lambda: state.model_source is not None and state.model_source.spec == str(path))
        user.wait_explained()
        return user.program.window.notice.text

    user.start(*pictures)
    said = opened(first)
    assert "does not specify its preprocessing" in said
    user.program.window.notice._dismiss()
    other = opened(second)
    assert "does not specify its preprocessing" in other
    assert opened(first) == ""
    user.leave()
    user.start(*pictures)
    assert opened(first) == ""
    assert opened(second) == other
    user.program.settings.reset()
    opened(first)
    user.program.window.notice.clear()
    assert opened(second) == other
    assert opened(first) == said


_SMALL = QSize(792, 410)
"""What a screen of 1600 x 900 pixels has at 200 %, less the frame of a window."""


@pytest.mark.parametrize(
    "command",
    [
        "export",
        "figure",
        "report",
        "input_output",
        "open_model",
        "shortcuts",
        "about",
        "reset_settings",
    ],
)
def test_no_dialog_needs_more_than_a_screen_of_900_pixels(
    user: User, pictures: list[Path], command: str
) -> None:
    program = user.start(pictures[0])
    program.window.actions_by_id[command].trigger()
    found = [w for w in QApplication.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()]
    assert len(found) == 1
    least = found[0].minimumSizeHint().expandedTo(found[0].minimumSize())
    assert least.boundedTo(_SMALL) == least
    found[0].resize(_SMALL)
    assert found[0].size().boundedTo(_SMALL) == found[0].size()
    found[0].close()
    user.settle()


def test_panels_never_lie_over_each_other_on_a_low_screen(user: User, pictures: list[Path]) -> None:
    user.start(*pictures)
    window = settled(user, QSize(800, 420)).window
    for command in ("inspector", "what_if"):
        window.actions_by_id[command].trigger()
        QApplication.processEvents()
        column = (window.predictions, window.what_if_room, window.display)
        areas = [
            QRect(widget.mapTo(window.side, QPoint()), widget.size())
            for widget in (*column[:2], window.display.parentWidget())
            if widget is not None and widget.isVisible()
        ]
        for one, other in pairwise(areas):
            assert one.bottom() < other.top()
        panel = window.predictions
        rows, search = child(panel, QStackedWidget), child(panel, SearchField)
        assert rows.geometry().bottom() < search.mapTo(panel, QPoint()).y()
    # What there is no room for is scrolled to.
    assert window.side.verticalScrollBar().maximum() > 0


@pytest.mark.parametrize(
    ("count", "room", "wanted"),
    [
        (2, QSize(480, 245), (2, 1)),
        # Four in a row would be as large, but nobody could read what they are.
        (4, QSize(480, 245), (2, 2)),
        (4, QSize(1600, 300), (4, 1)),
        (4, QSize(800, 640), (2, 2)),
        (3, QSize(400, 900), (1, 3)),
    ],
)
def test_panes_have_room_for_what_is_said_above_them(
    count: int, room: QSize, wanted: tuple[int, int]
) -> None:
    assert arrangement(count, room, 24) == wanted


@pytest.mark.parametrize("size", [QSize(1280, 800), QSize(1024, 640), QSize(800, 420)])
def test_a_whole_row_of_channels_is_visible(user: User, size: QSize) -> None:
    user.start()
    open_page(user, "channels")
    gallery = settled(user, size).window.drawer.channels.gallery
    user.settle()
    gallery.doItemsLayout()
    first = gallery.visualRect(gallery.model().index(0, 0))
    assert first.isValid()
    assert gallery.viewport().rect().contains(first)
    assert gallery.side >= 32
