"""The record of what is open: what is in it, and when it is written."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, QThread, QTimer

from engine.formats.demo import SCENES
from engine.process.faults import fault_file
from engine.records.sources import ModelSource
from gui.app import recovery
from gui.app.recovery import OpenFiles, record_file
from gui.widgets.dialogs.crash import CrashDialog
from tests.gui.app.test_recovery import crash, press, record, recorded
from tests.gui.user import WAIT_MS, User, child


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return [
        Path(shutil.copy(scene.path, tmp_path / f"mine {n}.jpg")) for n, scene in enumerate(SCENES)
    ][:3]


def test_resetting_the_settings_leaves_what_is_open_on_record(
    user: User, pictures: list[Path]
) -> None:
    program = user.start(*pictures)
    user.until(lambda: "mine 2.jpg" in recorded(user))
    program.settings.reset()
    assert "mine 2.jpg" in recorded(user)


def test_a_record_written_while_the_program_ends_is_removed(
    user: User, pictures: list[Path]
) -> None:
    """A write that was under way when the window closed, on a lane that never came to rest."""
    program = user.start(*pictures)
    user.until(lambda: "mine 2.jpg" in recorded(user))
    keeper = program.last_time
    assert keeper is not None
    opened = OpenFiles.of(program.state)
    keeper.close()
    keeper._put(opened)
    assert not record(user).exists()


def test_what_could_not_be_read_is_not_offered(user: User, tmp_path: Path) -> None:
    program = user.start(tmp_path / "nofile.png", explained=False)
    user.until(lambda: bool(program.state.current and program.state.current.error))
    assert OpenFiles.of(program.state).title == ""
    user.until(lambda: bool(recorded(user)) and "nofile" not in recorded(user))
    user.until(lambda: program.state.info is not None)
    crash(user)
    program = user.start()
    assert not program.window.findChildren(CrashDialog)


def test_a_file_that_turns_out_unreadable_goes_from_the_record(
    user: User, pictures: list[Path]
) -> None:
    """It is told some while after the others that it was opened with."""
    program = user.start(*pictures)
    timer = child(program.last_time, QTimer)
    user.until(lambda: "mine 2.jpg" in recorded(user) and not timer.isActive())
    key = next(key for key, image in program.state.images.items() if image.name == "mine 2.jpg")
    program.state.images[key].error = "gone"
    program.state.image_updated.emit(key)
    user.until(lambda: "mine 2.jpg" not in recorded(user))
    assert "mine 1.jpg" in recorded(user)


def test_the_window_does_not_wait_for_the_disk(
    user: User, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of many names takes a while to make and to write."""
    threads: list[QThread] = []

    class Watched(OpenFiles):
        def text(self) -> str:
            threads.append(QThread.currentThread())
            return super().text()

    monkeypatch.setattr(recovery, "OpenFiles", Watched)
    program = user.start(*pictures)
    user.until(lambda: "mine 2.jpg" in recorded(user))
    assert threads
    assert program.thread() not in threads


def test_the_same_is_not_written_again(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures)
    user.until(lambda: "mine 2.jpg" in recorded(user) and "demo:photos" in recorded(user))
    user.settle()
    titles: list[str] = []
    program.controller.file_lane.busy_changed.connect(
        lambda job: titles.append(job.title) if job is not None else None
    )
    timer = child(program.last_time, QTimer)
    with user.qtbot.waitSignal(timer.timeout, timeout=WAIT_MS):
        program.state.answer_changed.emit()
    assert titles == []
    program.controller.images.step(1)
    user.until(lambda: "Saving the session" in titles)


def test_a_record_that_cannot_be_written_is_tried_again_and_costs_nothing_else(
    user: User, pictures: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    record(user).mkdir(parents=True)
    program = user.start(*pictures)
    user.until(lambda: "Saving the session: cannot write" in caplog.text)
    user.settle()
    record(user).rmdir()
    program.state.answer_changed.emit()
    user.until(lambda: "mine 2.jpg" in recorded(user))


def test_a_write_that_is_under_way_while_the_window_closes_leaves_nothing(
    user: User, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, let = threading.Event(), threading.Event()
    written: list[bool] = []
    original = recovery._write

    def slow(path: Path, opened: OpenFiles) -> None:
        begun.set()
        let.wait(WAIT_MS / 1000)
        original(path, opened)
        written.append(path.exists())

    monkeypatch.setattr(recovery, "_write", slow)
    program = user.start(*pictures, explained=False)
    user.until(begun.is_set)
    assert program.last_time is not None
    clear = program.last_time.close
    # It ends between the clearing and the rest of the lane.
    monkeypatch.setattr(program.last_time, "close", lambda: (clear(), let.set()))
    user.leave()
    assert written == [True]
    assert not record(user).exists()


def test_a_desk_survives_its_text(tmp_path: Path) -> None:
    """Also where a name is no text, as on a disk that was written under another encoding."""
    odd = "/bild-\udce4.png"
    opened = OpenFiles(
        ("/a b/ü.png", "/c.png", odd),
        odd,
        ModelSource("x.pth", input="3x2x2").key,
        "a.b#1",
        3,
        {"name": "unit", "unit": {"layer": "a.b", "channel": 4, "cell": [1, 2]}},
    )
    recovery._write(tmp_path / "open.json", opened)
    assert recovery._read(tmp_path / "open.json") == opened
    assert OpenFiles.read(opened.text()) == opened


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names are text elsewhere")
def test_a_file_whose_name_is_no_text_is_opened_again(user: User, pictures: list[Path]) -> None:
    odd = pictures[0].with_name(os.fsdecode(b"bild-\xe4.jpg"))
    pictures[0].rename(odd)
    user.start(odd)
    user.until(lambda: "udce4" in recorded(user))
    crash(user)
    program = user.start()
    press(user.dialog(CrashDialog), "Reopen")
    user.until(lambda: bool(program.state.current and program.state.current.path == odd))
    user.wait_explained()


def test_a_persons_own_record_lies_beside_what_a_crash_leaves(tmp_path: Path) -> None:
    native = QSettings(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, "x", "y")
    assert record_file(native).parent == fault_file().parent
    own = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    assert record_file(own).parent == tmp_path
