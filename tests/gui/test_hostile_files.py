"""Hostile files dropped on the window: a sentence each or a question, and the window goes on."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QPushButton

from engine.reader import SWITCH, client
from engine.records.sources import ModelSource
from gui.state.state import NoticeKind, State
from gui.widgets.dialogs.consent import ConsentDialog
from tests.engine import hostile_zoo
from tests.engine.honest_models import own
from tests.engine.honest_pictures import pictures
from tests.gui.seat import Seat, files

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def drop(seat: Seat, path: Path) -> None:
    """Drop a file, and wait until everything that comes of it has come."""
    seat.program.window.notice.clear()
    seat.drop(files(path))
    seat.settle()


def refused_model(seat: Seat, path: Path) -> None:
    """It is told or asked about; the model that was open stays."""
    state = seat.program.state
    before = state.info
    drop(seat, path)
    notice = seat.program.window.notice
    seat.until(
        lambda: path.stem in notice.text or bool(seat.program.window.findChildren(ConsentDialog))
    )
    for dialog in seat.program.window.findChildren(ConsentDialog):
        (button,) = (b for b in dialog.findChildren(QPushButton) if b.text() == "Do not open")
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    seat.until(lambda: not seat.program.window.findChildren(ConsentDialog))
    seat.until(lambda: path.stem in notice.text)
    assert notice.text.isprintable()
    assert state.info is before
    assert state.model_loading is None


def refused_image(seat: Seat, path: Path) -> None:
    drop(seat, path)
    state = seat.program.state
    seat.until(lambda: path.stem in error_of(state, path) or path.name in said(seat))


def error_of(state: State, path: Path) -> str:
    return next((i.error for i in state.images.values() if i.path == path), "")


def said(seat: Seat) -> str:
    return seat.program.window.notice.text


def honest_files_open(seat: Seat, place: Path) -> None:
    torch.save(own(), place / "four.pt")
    seat.drop(files(place / "four.pt"))
    state = seat.program.state
    seat.until(lambda: state.info is not None and state.info.title == "four")
    (place / "honest.png").write_bytes(pictures()["png"][1])
    seat.drop(files(place / "honest.png"))
    seat.until(lambda: state.current is not None and state.current.name == "honest.png")
    seat.wait_explained()
    assert state.current is not None
    assert state.current.error == ""


def try_pictures(seat: Seat, place: Path, marker: Path, long: bool) -> None:
    for found in hostile_zoo.images(place, marker, long):
        if found.opens:
            drop(seat, found.path)
            seat.wait_explained()
        elif found.path.name != "scans.jpg":  # there is a test of giving that up
            refused_image(seat, found.path)


def try_models(seat: Seat, place: Path, marker: Path, long: bool) -> None:
    state = seat.program.state
    for found in hostile_zoo.models(place, marker, long):
        if found.path.suffix == ".png":
            refused_image(seat, found.path)
        elif found.path.name == "folder depths":  # the window waits, until the person gives it up
            seat.drop(files(found.path))
            seat.until(lambda: state.model_loading is not None)
            seat.press(Qt.Key.Key_Escape)
            seat.settle()
        elif found.opens:
            drop(seat, found.path)
            name = found.path.stem
            seat.until(lambda t=name: state.info is not None and state.info.title == t)
        elif found.opens is None:
            drop(seat, found.path)
        else:
            refused_model(seat, found.path)


def test_pictures(seat: Seat, place: Path, marker: Path) -> None:
    seat.start()
    try_pictures(seat, place, marker, long=False)
    with hostile_zoo.no_files(place, ".png") as paths:
        for path in paths:
            refused_image(seat, path)
        honest_files_open(seat, place)
        seat.leave()
    assert not marker.exists()


def test_models(seat: Seat, place: Path, marker: Path) -> None:
    seat.start()
    try_models(seat, place, marker, long=False)
    with hostile_zoo.no_files(place, ".pth") as paths:
        for path in paths:
            refused_model(seat, path)
        honest_files_open(seat, place)
        seat.leave()
    assert not marker.exists()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_those_that_take_long(
    seat: Seat, place: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.gui.seat.WAIT_MS", 300_000)
    seat.start()
    try_pictures(seat, place, marker, long=True)
    try_models(seat, place, marker, long=True)
    honest_files_open(seat, place)
    seat.leave()
    assert not marker.exists()


def test_lists_of_class_names(seat: Seat, place: Path) -> None:
    state = seat.start().state
    honest_files_open(seat, place)
    for found in hostile_zoo.lists(place):
        before = state.info
        drop(seat, found.path)
        if found.opens:
            seat.until(lambda b=before: state.info is not b)
        else:
            seat.until(lambda name=found.path.name: name in said(seat))
            assert seat.program.window.notice.kind == NoticeKind.ERROR
            assert state.info is before
    with hostile_zoo.no_files(place, ".txt") as paths:
        for path in paths:
            drop(seat, path)
            seat.until(lambda name=path.name: name in said(seat))
    honest_files_open(seat, place)


# --- giving up -----------------------------------------------------------------------------------


def endless_model(folder: Path) -> Path:
    """A pickle of more opcodes than a reader gets through in a minute."""
    path = folder / "endless.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("endless/data.pkl", b"\x80\x02(" + b"NN0" * 20_000_000 + b"t.")
        archive.writestr("endless/version", "3\n")
    return path


def endless_picture(folder: Path) -> Path:
    return hostile_zoo.scans(folder / "scans.jpg")


def busy() -> list[psutil.Process]:
    """Readers that are not waiting for the program's next question."""
    waiting = {r._process.pid for readers in client._idle.values() for r in readers}
    found = []
    for child in psutil.Process().children():
        try:
            if SWITCH in child.cmdline() and child.pid not in waiting:
                found.append(child)
        except psutil.Error:
            continue
    return found


def begun(seat: Seat, path: Path) -> psutil.Process:
    """Drop a file; the reader that is at it, once it has worked for a while."""
    seat.drop(files(path))
    seat.until(lambda: any(_worked(reader) for reader in busy()))
    return next(reader for reader in busy() if _worked(reader))


def _worked(reader: psutil.Process) -> bool:
    try:
        return float(reader.cpu_times().user) > 0.5
    except psutil.Error:
        return False


def gone(reader: psutil.Process) -> bool:
    return not reader.is_running() or reader.status() == psutil.STATUS_ZOMBIE


def stop_button(seat: Seat) -> QAbstractButton:
    buttons = seat.program.window.status.findChildren(QAbstractButton)
    return next(button for button in buttons if button.accessibleName() == "Stop")


WAYS: dict[str, Callable[[Seat], None]] = {
    "Esc": lambda seat: seat.press(Qt.Key.Key_Escape),
    "the button": lambda seat: QTest.mouseClick(stop_button(seat), Qt.MouseButton.LeftButton),
}


@pytest.mark.parametrize(("make", "way"), [(endless_model, "Esc"), (endless_picture, "the button")])
def test_giving_up_ends_the_reader_and_frees_the_lane(
    seat: Seat, place: Path, make: Callable[[Path], Path], way: str
) -> None:
    seat.start()
    reader = begun(seat, make(place))
    WAYS[way](seat)
    seat.settle()
    seat.until(lambda: gone(reader))
    assert busy() == []
    honest_files_open(seat, place)


@pytest.mark.parametrize("make", [endless_model, endless_picture])
def test_closing_the_window_ends_the_reader(
    seat: Seat, place: Path, make: Callable[[Path], Path]
) -> None:
    seat.start()
    reader = begun(seat, make(place))
    seat.leave()
    assert gone(reader)
    assert busy() == []


def test_another_model_takes_the_place_of_one_that_never_ends(seat: Seat, place: Path) -> None:
    program = seat.start()
    reader = begun(seat, endless_model(place))
    program.controller.models.open(ModelSource("demo:shortcut"))
    seat.until(lambda: gone(reader))
    state = program.state
    seat.until(lambda: state.info is not None and state.info.source == "demo:shortcut")
