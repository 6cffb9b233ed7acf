"""The record of what is open: what is in it, and when it is written."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path

import platformdirs
import pytest
from PySide6.QtCore import QSettings, QThread, QTimer

from engine.formats.demo import SCENES
from engine.keeping import files, generations
from engine.keeping.records import KeptSession
from gui.app.recovery import record_file
from gui.controllers.keeping.capturing import title_of
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


def test_what_could_not_be_read_is_not_offered(user: User, tmp_path: Path) -> None:
    program = user.start(tmp_path / "nofile.png", explained=False)
    user.until(lambda: bool(program.state.current and program.state.current.error))
    assert title_of(program.controller.sessions.capture()) == ""
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
    timer = child(program.controller.sessions, QTimer)
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
    original = files.write

    def watched(path: Path, session: KeptSession, **how: int) -> tuple[str, ...]:
        threads.append(QThread.currentThread())
        return original(path, session, **how)

    monkeypatch.setattr(files, "write", watched)
    program = user.start(*pictures)
    user.until(lambda: "mine 2.jpg" in recorded(user))
    assert threads
    assert program.thread() not in threads


def test_the_same_is_not_written_again(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures)
    user.until(lambda: "mine 2.jpg" in recorded(user) and "demo:photos" in recorded(user))
    # A busy machine may answer after the first record, which the answer's own one follows.
    user.wait_explained()
    timer = child(program.controller.sessions, QTimer)
    user.until(lambda: not timer.isActive())
    user.settle()
    titles: list[str] = []
    program.controller.file_lane.busy_changed.connect(
        lambda job: titles.append(job.title) if job is not None else None
    )
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


def test_what_changes_while_a_write_is_under_way_is_written_at_the_end(
    user: User, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, let = threading.Event(), threading.Event()
    original = files.write

    def slow(path: Path, session: KeptSession, **how: int) -> tuple[str, ...]:
        begun.set()
        let.wait(WAIT_MS / 1000)
        return original(path, session, **how)

    monkeypatch.setattr(files, "write", slow)
    program = user.start(*pictures, explained=False)
    user.until(begun.is_set)
    user.until(lambda: program.state.current is not None)
    program.controller.images.close_many([next(iter(program.state.images))])
    let.set()
    user.leave()
    assert "mine 0.jpg" not in recorded(user)
    assert not generations.mark_of(record(user)).exists()


def test_the_records_of_three_earlier_runs_are_kept(user: User, pictures: list[Path]) -> None:
    earlier = [
        record(user).with_name(f"settings.open-{number}.hookscope") for number in (1, 2, 3, 4)
    ]
    for number in range(5):
        files.write(record(user), KeptSession(pinned=f"run {number}"))
        generations.shift(record(user))
    assert not record(user).exists()
    pinned = [files.read(path).pinned for path in earlier if path.exists()]
    assert pinned == ["run 4", "run 3", "run 2"]
    kept = generations.latest(record(user))
    assert kept is not None
    assert kept.pinned == "run 4"


def test_an_unreadable_record_gives_way_to_the_one_before_it(
    user: User, caplog: pytest.LogCaptureFixture
) -> None:
    files.write(record(user), KeptSession(pinned="before"))
    generations.shift(record(user))
    record(user).write_bytes(b"PK\x03\x04 damaged")
    kept = generations.latest(record(user))
    assert kept is not None
    assert kept.pinned == "before"
    assert "is unreadable" in caplog.text


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


def test_a_persons_own_record_is_in_the_data_folder(tmp_path: Path) -> None:
    native = QSettings(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, "x", "y")
    assert record_file(native) == generations.default_place()
    assert Path(platformdirs.user_data_path("hookscope")) in record_file(native).parents
    own = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    assert record_file(own).parent == tmp_path
