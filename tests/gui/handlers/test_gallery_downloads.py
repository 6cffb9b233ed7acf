"""Downloads from the gallery of a real window, against a real server on 127.0.0.1."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.downloads.partial import part_of
from engine.errors import ExportError
from engine.export import files as export
from engine.formats.torchvision import gallery
from engine.formats.torchvision.gallery import PublishedWeights
from engine.process.logs import log_file
from gui.toolkit import theme
from gui.widgets.bars.status_bar import StatusBar
from gui.widgets.dialogs.crash import CrashDialog
from gui.widgets.dialogs.setup_check import CheckDialog
from gui.widgets.gallery.dialog import GalleryDialog
from gui.window.main_window import MainWindow
from tests.gui.user import User
from tests.web import Site, serve

NAME = "squeezenet1_1"
PART = 300_000
W = TypeVar("W", bound=QWidget)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A state dict of the classifier, as a file of the kind that is published."""
    import torch

    from engine.lazy import torchvision

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "x.pth"
    torch.save(torchvision.load().models.squeezenet1_1(weights=None).state_dict(), path)
    return path.read_bytes()


class Visitor(User):
    """Someone who opens the gallery, in which one more set of weights lies on the test's site."""

    def __init__(
        self, qtbot: QtBot, application: QApplication, folder: Path, site: Site, content: bytes
    ) -> None:
        super().__init__(qtbot, application, folder)
        self.site = site
        file = f"{NAME}-{hashlib.sha256(content).hexdigest()[:8]}.pth"
        site.files[file] = content
        self.weights: PublishedWeights = replace(
            gallery.find(NAME),
            entry="LOCAL_V1",
            url=f"{site.url}/{file}",
            path=folder / "hub" / file,
            size=len(content),
        )

    def visit(self) -> None:
        """Start the program and choose those weights in its gallery."""
        self.start()
        state = self.program.state
        state.gallery = tuple(
            replace(model, weights=(*model.weights, self.weights)) if model.name == NAME else model
            for model in gallery.published()
        )
        self.open_gallery()

    def open_gallery(self) -> None:
        self.program.window.activateWindow()
        self.until(self.program.window.isActiveWindow)
        self.press(Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
        self.until(lambda: bool(self.program.window.findChildren(GalleryDialog)))
        self.settle()
        QTest.keyClicks(self.part(QLineEdit), NAME)
        box = self.part(QComboBox)
        box.setCurrentIndex(box.count() - 1)

    @property
    def gallery(self) -> GalleryDialog:
        return self.dialog(GalleryDialog)

    def part(self, kind: type[W], name: str = "") -> W:
        parts = self.gallery.findChildren(kind)
        return next(part for part in parts if name in part.accessibleName())

    def button(self, text: str) -> QPushButton:
        buttons = self.gallery.findChildren(QPushButton)
        return next(button for button in buttons if button.text().replace("&", "") == text)

    @property
    def words(self) -> str:
        labels = self.gallery.findChildren(QLabel)
        return "\n".join(label.text() for label in labels if label.isVisible())

    @property
    def part_size(self) -> int:
        path = part_of(self.weights.path)
        return path.stat().st_size if path.exists() else 0

    @property
    def downloading(self) -> bool:
        return bool(self.program.controller.downloads.name)

    @property
    def opened(self) -> str:
        source = self.program.state.model_source
        return source.title if source is not None else ""

    def close_gallery(self) -> None:
        with self.qtbot.waitSignal(self.gallery.destroyed):
            self.press(Qt.Key.Key_Escape)


@pytest.fixture
def person(qtbot: QtBot, qapp: QApplication, tmp_path: Path, saved: bytes) -> Iterator[Visitor]:
    with serve(Site({})) as site:
        visitor = Visitor(qtbot, qapp, tmp_path, site, saved)
        yield visitor
        visitor.leave_all()
    theme.apply(qapp, "light")


def test_nothing_is_fetched_before_it_is_asked_for(person: Visitor) -> None:
    person.visit()
    assert "Not on this computer" in person.words
    person.close_gallery()
    assert person.site.asked == []


def test_download_and_open(person: Visitor, saved: bytes) -> None:
    person.visit()
    person.button("Download and open").click()
    person.until(lambda: person.opened == person.weights.path.name)
    person.wait_explained()
    assert person.weights.path.read_bytes() == saved
    info = person.program.state.info
    assert info is not None
    assert info.architecture == "SqueezeNet"
    assert not person.program.window.findChildren(GalleryDialog)


def test_a_stopped_download_goes_on_where_it_was(person: Visitor, saved: bytes) -> None:
    person.site.stall_after = PART
    person.visit()
    person.button("Download and open").click()
    person.until(lambda: person.part_size == PART)
    assert f"Downloading {NAME}" in person.words
    person.part(QPushButton, "Stop download").click()
    person.until(lambda: not person.downloading)
    assert person.site.holding, "it waited for the server"
    person.until(lambda: "% of 5 MB already downloaded" in person.words)
    person.site.stall_after = None
    person.button("Download and open").click()
    person.until(lambda: person.opened == person.weights.path.name)
    assert person.site.asked[-1][1] == f"bytes={PART}-"
    assert person.weights.path.read_bytes() == saved


def test_a_failure_is_said_in_place_and_can_be_tried_again(person: Visitor) -> None:
    person.site.status = 503
    person.visit()
    person.button("Download and open").click()
    person.until(lambda: "busy or unavailable (503); try again later" in person.words)
    before = person.opened
    person.site.status = 200
    person.button("Download and open").click()
    person.until(lambda: person.opened != before)
    assert person.opened == person.weights.path.name


def test_it_goes_on_without_the_list_and_is_offered_when_it_is_there(person: Visitor) -> None:
    person.site.stall_after = PART
    person.visit()
    person.button("Download and open").click()
    person.until(lambda: person.part_size == PART)
    person.close_gallery()
    window = person.program.window
    bar = window.findChild(StatusBar)
    assert bar is not None
    person.until(lambda: bar.working and any(NAME in text for text in texts(bar)))
    person.open_gallery()
    assert f"Downloading {NAME}" in person.words
    person.close_gallery()
    person.site.stall_after = None
    person.site.release.set()  # the connection ends, and the rest comes by itself
    person.until(lambda: f"{NAME} has been downloaded." in window.notice.text)
    assert person.opened == "demo:shapes"
    (offer,) = [b for b in window.notice.findChildren(QPushButton) if b.text() == "Open model"]
    offer.click()
    person.until(lambda: person.opened == person.weights.path.name)


def test_the_status_bar_stops_it(person: Visitor) -> None:
    person.site.stall_after = PART
    person.visit()
    person.button("Download and open").click()
    person.until(lambda: person.part_size == PART)
    person.close_gallery()
    bar = person.program.window.findChild(StatusBar)
    assert bar is not None
    person.until(lambda: bar.working)
    (stop,) = [b for b in bar.findChildren(QToolButton) if b.accessibleName() == "Stop"]
    stop.click()
    person.until(lambda: not person.downloading)
    assert "The part already downloaded is kept." in person.program.window.notice.text
    assert person.part_size == PART


def test_the_window_closes_in_the_middle_and_the_part_is_kept(person: Visitor) -> None:
    person.site.stall_after = PART
    person.visit()
    person.button("Download and open").click()
    person.until(lambda: person.part_size == PART)
    person.leave()
    assert person.site.holding, "it waited for the server"
    assert person.part_size == PART
    assert not person.weights.path.exists()


def test_an_image_is_explained_while_a_download_goes_on(person: Visitor) -> None:
    person.site.stall_after = PART
    person.visit()
    person.button("Download and open").click()
    person.until(lambda: person.part_size == PART)
    person.close_gallery()
    controller = person.program.controller
    controller.choose_layer(next(n.name for n in person.program.state.layers if n.explainable))
    person.wait_explained()
    assert person.downloading


def texts(bar: StatusBar) -> list[str]:
    return [label.text() for label in bar.findChildren(QLabel) if label.isVisible()]


def test_a_check_that_fails_leaves_a_download_alone(
    person: Visitor, saved: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Help > Check installation has a program of its own; its troubles are not this one's."""
    log_file().parent.mkdir(parents=True, exist_ok=True)
    log_file().touch()
    person.site.stall_after = PART
    person.visit()
    person.button("Download and open").click()
    person.until(lambda: person.part_size == PART)
    person.close_gallery()

    def fail(path: Path, _pixels: object) -> None:
        raise ExportError(f"{path.name} cannot be written: the disk is full")

    monkeypatch.setattr(export, "save_picture", fail)
    window = person.program.window
    window.actions_by_id["check"].trigger()
    dialog = person.dialog(CheckDialog)
    next(b for b in dialog.findChildren(QPushButton) if b.text() == "Start").click()
    person.until(lambda: any("Failed: " in one for one in said(dialog)))
    assert person.downloading
    assert person.part_size == PART
    others = [one for one in QApplication.topLevelWidgets() if isinstance(one, MainWindow)]
    assert [one for one in others if one.isVisible()] == [window]
    assert not window.findChildren(CrashDialog)
    assert window.notice.kind != "error"
    person.site.stall_after = None
    person.site.release.set()
    person.until(lambda: not person.downloading)
    assert person.weights.path.read_bytes() == saved


def said(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel)]
