"""What was open when a run ended badly is offered again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from engine.formats.demo import SCENES
from engine.lazy import torchvision
from engine.records.sources import ModelSource
from gui.app.program import Program
from gui.app.recovery import Desk
from gui.controllers.models import NamedModel
from gui.widgets.dialogs.crash import CrashDialog
from gui.window.drops import Dropped
from tests.gui.seat import Seat


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return [
        Path(shutil.copy(scene.path, tmp_path / f"mine {n}.jpg")) for n, scene in enumerate(SCENES)
    ][:3]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    network = torchvision.load().models.squeezenet1_1(weights=None, num_classes=2)
    torch.save(network.state_dict(), tmp_path / "my net.pth")
    return tmp_path / "my net.pth"


def record(seat: Seat) -> Path:
    return seat.store.with_suffix(".open.json")


def recorded(seat: Seat) -> str:
    return record(seat).read_text(encoding="utf-8") if record(seat).exists() else ""


def write(seat: Seat, desk: Desk) -> None:
    """As a run leaves it that ended badly."""
    record(seat).write_text(desk.text(), encoding="utf-8")


def crash(seat: Seat) -> None:
    """As the files are when a process dies: what is written stays, nothing else is."""
    seat.settle()
    files = [path for path in (seat.store, record(seat)) if path.exists()]
    left = {path: path.read_bytes() for path in files}
    seat.leave()
    for path, content in left.items():
        path.write_bytes(content)


def press(dialog: CrashDialog, text: str) -> None:
    next(b for b in dialog.findChildren(QPushButton) if b.text() == text).click()


def words(dialog: CrashDialog) -> str:
    return " ".join(one.text() for one in dialog.findChildren(QLabel))


def test_an_orderly_end_leaves_nothing_to_offer(seat: Seat, pictures: list[Path]) -> None:
    seat.start(*pictures)
    seat.until(lambda: bool(recorded(seat)))
    seat.leave()
    assert recorded(seat) == ""
    program = seat.start()
    assert not program.window.findChildren(CrashDialog)


def test_what_was_open_comes_back_with_image_layer_and_class(
    seat: Seat, pictures: list[Path]
) -> None:
    program = seat.start(*pictures, model=NamedModel(ModelSource("demo:shortcut")))
    program.controller.images.step(1)
    seat.wait_explained()
    program.controller.choose_layer("layer2")
    program.controller.choose_class(5)
    seat.until(lambda: seat.layer == "layer2" and seat.target == 5)
    seat.until(lambda: '"target": 5' in recorded(seat) and '"layer2"' in recorded(seat))
    title = program.window.windowTitle()
    crash(seat)

    program = seat.start()
    dialog = seat.dialog(CrashDialog)
    assert "3 images and Shapes, with a shortcut" in words(dialog)
    press(dialog, "Reopen")
    seat.until(lambda: seat.layer == "layer2" and seat.target == 5)
    assert program.window.windowTitle() == title
    assert program.state.info is not None
    assert program.state.info.source == "demo:shortcut"
    assert [path.name for path in pictures] == seat.names[-3:]
    # It is what is open now, and would be offered again.
    seat.until(lambda: '"target": 5' in recorded(seat))


def test_what_is_not_reopened_at_once_strikes_nothing_later(
    seat: Seat, pictures: list[Path]
) -> None:
    """The person went on to something else before layer and class could be chosen."""
    desk = Desk(tuple(map(str, pictures)), str(pictures[1]), "demo:shapes", "conv1", 3)
    write(seat, desk)
    program = seat.start()
    press(seat.dialog(CrashDialog), "Reopen")
    program.window.dropped.emit(Dropped())
    seat.until(lambda: program.window.windowTitle().startswith("mine 1.jpg"))
    seat.wait_explained()
    assert seat.layer == "layer4"


def test_what_was_chosen_of_a_pasted_picture_is_no_other_pictures(
    seat: Seat, pictures: list[Path]
) -> None:
    write(seat, Desk(tuple(map(str, pictures)), None, "demo:shapes", "conv1", 3))
    program = seat.start()
    press(seat.dialog(CrashDialog), "Reopen")
    seat.until(lambda: program.window.windowTitle().startswith("mine 0.jpg"))
    seat.wait_explained()
    program.controller.images.step(1)
    seat.wait_explained()
    assert seat.layer == "layer4"


def test_the_tree_and_the_strip_show_what_is_reopened(seat: Seat, pictures: list[Path]) -> None:
    write(seat, Desk(tuple(map(str, pictures)), str(pictures[2]), "demo:shapes", "conv1", None))
    thumbnails: list[str] = []
    program = seat.start()
    program.controller.images.thumbnail_ready.connect(lambda key, _: thumbnails.append(key))
    press(seat.dialog(CrashDialog), "Reopen")
    seat.until(lambda: seat.layer == "conv1")
    assert program.window.tree.current() == "conv1"
    keys = {key for key, image in program.state.images.items() if image.path in pictures}
    seat.until(lambda: keys <= set(thumbnails))


def test_a_window_beside_the_first_remembers_nothing(
    seat: Seat, qapp: QApplication, pictures: list[Path]
) -> None:
    seat.start(*pictures)
    seat.until(lambda: "mine 2.jpg" in recorded(seat))
    before = recorded(seat)
    store = QSettings(str(seat.store), QSettings.Format.IniFormat)
    beside = Program(qapp, store, fault=None)
    assert not beside.window.findChildren(CrashDialog)
    beside.start()
    seat.until(lambda: beside.state.explanation is not None)
    beside.window.close()
    beside.window.deleteLater()
    assert recorded(seat) == before


def test_starting_afresh_forgets_it(seat: Seat, pictures: list[Path]) -> None:
    seat.start(*pictures)
    seat.until(lambda: "mine 2.jpg" in recorded(seat))
    crash(seat)
    program = seat.start()
    press(seat.dialog(CrashDialog), "Start afresh")
    seat.until(lambda: "mine 2.jpg" not in recorded(seat))
    assert seat.names == [scene.title for scene in SCENES]
    assert not program.state.current or program.state.current.scene is not None


def test_an_offer_that_was_not_answered_is_made_again(seat: Seat, pictures: list[Path]) -> None:
    seat.start(*pictures)
    seat.until(lambda: "mine 2.jpg" in recorded(seat))
    crash(seat)
    seat.start()
    seat.dialog(CrashDialog)
    crash(seat)
    seat.start()
    told = words(seat.dialog(CrashDialog))
    assert "3 images" in told
    assert "not closed properly" in told


def test_an_offer_that_the_window_was_closed_over_is_made_again(
    seat: Seat, pictures: list[Path]
) -> None:
    """Nobody decided about it; what this run had open is not worth more."""
    seat.start(*pictures)
    seat.until(lambda: "mine 2.jpg" in recorded(seat))
    crash(seat)
    program = seat.start()
    seat.dialog(CrashDialog)
    program.controller.images.step(1)
    seat.wait_explained()
    seat.leave()
    seat.start()
    dialog = seat.dialog(CrashDialog)
    assert "3 images" in words(dialog)
    assert "not closed properly" not in words(dialog), "the last one was"
    press(dialog, "Start afresh")
    seat.leave()
    program = seat.start()
    assert not program.window.findChildren(CrashDialog)


def test_the_demo_alone_is_not_worth_an_offer(seat: Seat) -> None:
    seat.start()
    seat.until(lambda: bool(recorded(seat)))
    crash(seat)
    program = seat.start()
    assert not program.window.findChildren(CrashDialog)


def test_files_that_are_gone_are_said_to_be(
    seat: Seat, pictures: list[Path], weights: Path
) -> None:
    seat.start(*pictures, model=NamedModel(ModelSource(str(weights))))
    seat.until(lambda: "my net" in recorded(seat) and "mine 2" in recorded(seat))
    crash(seat)
    weights.unlink()
    pictures[0].unlink()
    program = seat.start()
    press(seat.dialog(CrashDialog), "Reopen")
    seat.until(lambda: "my net.pth" in program.window.notice.text)
    seat.until(lambda: any(image.error for image in program.state.images.values()))
    assert program.state.info is not None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"model": 3, "images": []}', '"x"', "null"])
def test_nonsense_is_no_offer(seat: Seat, qtbot: QtBot, text: str) -> None:
    record(seat).write_text(text, encoding="utf-8")
    program = seat.start()
    assert not program.window.findChildren(CrashDialog)


def test_bytes_that_are_no_text_are_no_offer(seat: Seat) -> None:
    record(seat).write_bytes(b"\xff\xfe\x00")
    program = seat.start()
    assert not program.window.findChildren(CrashDialog)
