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
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.widgets.dialogs.consent import ConsentDialog
from tests.engine.hostile import zoo
from tests.engine.hostile.honest_models import own
from tests.engine.hostile.honest_pictures import pictures
from tests.gui.user import User, files

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


def drop(user: User, path: Path) -> None:
    """Drop a file, and wait until everything that comes of it has come."""
    user.program.window.notice.clear()
    user.drop(files(path))
    user.settle()


def refused_model(user: User, path: Path) -> None:
    """It is told or asked about; the model that was open stays."""
    state = user.program.state
    before = state.info
    drop(user, path)
    notice = user.program.window.notice
    user.until(
        lambda: path.stem in notice.text or bool(user.program.window.findChildren(ConsentDialog))
    )
    for dialog in user.program.window.findChildren(ConsentDialog):
        (button,) = (b for b in dialog.findChildren(QPushButton) if b.text() == "Do not open")
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    user.until(lambda: not user.program.window.findChildren(ConsentDialog))
    user.until(lambda: path.stem in notice.text)
    assert notice.text.isprintable()
    assert state.info is before
    assert state.model_loading is None


def refused_image(user: User, path: Path) -> None:
    drop(user, path)
    state = user.program.state
    user.until(lambda: path.stem in error_of(state, path) or path.name in said(user))


def error_of(state: State, path: Path) -> str:
    return next((i.error for i in state.images.values() if i.path == path), "")


def said(user: User) -> str:
    return user.program.window.notice.text


def honest_files_open(user: User, place: Path) -> None:
    torch.save(own(), place / "four.pt")
    user.drop(files(place / "four.pt"))
    state = user.program.state
    user.until(lambda: state.info is not None and state.info.title == "four")
    (place / "honest.png").write_bytes(pictures()["png"][1])
    user.drop(files(place / "honest.png"))
    user.until(lambda: state.current is not None and state.current.name == "honest.png")
    user.wait_explained()
    assert state.current is not None
    assert state.current.error == ""


def try_pictures(user: User, place: Path, marker: Path, long: bool) -> None:
    for found in zoo.images(place, marker, long):
        if found.opens:
            drop(user, found.path)
            user.wait_explained()
        elif found.path.name != "scans.jpg":  # there is a test of giving that up
            refused_image(user, found.path)


def try_models(user: User, place: Path, marker: Path, long: bool) -> None:
    state = user.program.state
    for found in zoo.models(place, marker, long):
        if found.path.suffix == ".png":
            refused_image(user, found.path)
        elif found.path.name == "folder depths":  # the window waits, until the person gives it up
            user.drop(files(found.path))
            user.until(lambda: state.model_loading is not None)
            user.press(Qt.Key.Key_Escape)
            user.settle()
        elif found.opens:
            drop(user, found.path)
            name = found.path.stem
            user.until(lambda t=name: state.info is not None and state.info.title == t)
        elif found.opens is None:
            drop(user, found.path)
        else:
            refused_model(user, found.path)


def test_pictures(user: User, place: Path, marker: Path) -> None:
    user.start()
    try_pictures(user, place, marker, long=False)
    with zoo.no_files(place, ".png") as paths:
        for path in paths:
            refused_image(user, path)
        honest_files_open(user, place)
        user.leave()
    assert not marker.exists()


def test_models(user: User, place: Path, marker: Path) -> None:
    user.start()
    try_models(user, place, marker, long=False)
    with zoo.no_files(place, ".pth") as paths:
        for path in paths:
            refused_model(user, path)
        honest_files_open(user, place)
        user.leave()
    assert not marker.exists()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_those_that_take_long(
    user: User, place: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.gui.user.WAIT_MS", 300_000)
    user.start()
    try_pictures(user, place, marker, long=True)
    try_models(user, place, marker, long=True)
    honest_files_open(user, place)
    user.leave()
    assert not marker.exists()


def test_lists_of_class_names(user: User, place: Path) -> None:
    state = user.start().state
    honest_files_open(user, place)
    for found in zoo.lists(place):
        before = state.info
        drop(user, found.path)
        if found.opens:
            user.until(lambda b=before: state.info is not b)
        else:
            user.until(lambda name=found.path.name: name in said(user))
            assert user.program.window.notice.kind == NoticeKind.ERROR
            assert state.info is before
    with zoo.no_files(place, ".txt") as paths:
        for path in paths:
            drop(user, path)
            user.until(lambda name=path.name: name in said(user))
    honest_files_open(user, place)


# --- giving up -----------------------------------------------------------------------------------


def endless_model(folder: Path) -> Path:
    """A pickle of more opcodes than a reader gets through in a minute."""
    path = folder / "endless.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("endless/data.pkl", b"\x80\x02(" + b"NN0" * 20_000_000 + b"t.")
        archive.writestr("endless/version", "3\n")
    return path


def endless_picture(folder: Path) -> Path:
    return zoo.scans(folder / "scans.jpg")


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


def begun(user: User, path: Path) -> psutil.Process:
    """Drop a file; the reader that is at it, once it has worked for a while."""
    user.drop(files(path))
    user.until(lambda: any(_worked(reader) for reader in busy()))
    return next(reader for reader in busy() if _worked(reader))


def _worked(reader: psutil.Process) -> bool:
    try:
        return float(reader.cpu_times().user) > 0.5
    except psutil.Error:
        return False


def gone(reader: psutil.Process) -> bool:
    try:
        return not reader.is_running() or reader.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it went between the two questions
        return True


def stop_button(user: User) -> QAbstractButton:
    buttons = user.program.window.status.findChildren(QAbstractButton)
    return next(button for button in buttons if button.accessibleName() == "Stop")


WAYS: dict[str, Callable[[User], None]] = {
    "Esc": lambda user: user.press(Qt.Key.Key_Escape),
    "the button": lambda user: QTest.mouseClick(stop_button(user), Qt.MouseButton.LeftButton),
}


@pytest.mark.parametrize(("make", "way"), [(endless_model, "Esc"), (endless_picture, "the button")])
def test_giving_up_ends_the_reader_and_frees_the_lane(
    user: User, place: Path, make: Callable[[Path], Path], way: str
) -> None:
    user.start()
    reader = begun(user, make(place))
    WAYS[way](user)
    user.settle()
    user.until(lambda: gone(reader))
    assert busy() == []
    honest_files_open(user, place)


@pytest.mark.parametrize("make", [endless_model, endless_picture])
def test_closing_the_window_ends_the_reader(
    user: User, place: Path, make: Callable[[Path], Path]
) -> None:
    user.start()
    reader = begun(user, make(place))
    user.leave()
    assert gone(reader)
    assert busy() == []


def test_another_model_takes_the_place_of_one_that_never_ends(user: User, place: Path) -> None:
    program = user.start()
    reader = begun(user, endless_model(place))
    program.controller.models.open(ModelSource("demo:shortcut"))
    user.until(lambda: gone(reader))
    state = program.state
    user.until(lambda: state.info is not None and state.info.source == "demo:shortcut")
