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
from engine.profiles import store
from engine.profiles.store import ModelProfile
from engine.records.asked import Question, Score
from engine.records.sources import ModelSource
from gui.app.program import Program
from gui.app.recovery import OpenFiles
from gui.controllers.models import NamedModel
from gui.widgets.dialogs.crash import CrashDialog
from gui.window.drops import Dropped
from tests.gui.user import User


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


def record(user: User) -> Path:
    return user.store.with_suffix(".open.json")


def recorded(user: User) -> str:
    return record(user).read_text(encoding="utf-8") if record(user).exists() else ""


def write(user: User, opened: OpenFiles) -> None:
    """As a run leaves it that ended badly."""
    record(user).write_text(opened.text(), encoding="utf-8")


def crash(user: User) -> None:
    """As the files are when a process dies: what is written stays, nothing else is."""
    user.settle()
    files = [path for path in (user.store, record(user)) if path.exists()]
    left = {path: path.read_bytes() for path in files}
    user.leave()
    for path, content in left.items():
        path.write_bytes(content)


def press(dialog: CrashDialog, text: str) -> None:
    next(b for b in dialog.findChildren(QPushButton) if b.text() == text).click()


def words(dialog: CrashDialog) -> str:
    return " ".join(one.text() for one in dialog.findChildren(QLabel))


def test_an_orderly_end_leaves_nothing_to_offer(user: User, pictures: list[Path]) -> None:
    user.start(*pictures)
    user.until(lambda: bool(recorded(user)))
    user.leave()
    assert recorded(user) == ""
    program = user.start()
    assert not program.window.findChildren(CrashDialog)


def test_what_was_open_comes_back_with_image_layer_class_and_question(
    user: User, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    program = user.start(*pictures, model=NamedModel(ModelSource("demo:shortcut")))
    program.controller.images.step(1)
    user.wait_explained()
    program.controller.choose_layer("layer2")
    program.controller.choose_class(5)
    question = Question("counterfactual", score=Score.PROBABILITY)
    program.controller.ask(question)
    user.until(lambda: user.layer == "layer2" and user.target == 5)
    user.until(lambda: '"target": 5' in recorded(user) and '"layer2"' in recorded(user))
    user.until(lambda: '"counterfactual"' in recorded(user))
    assert program.state.info is not None
    sha256 = program.state.info.weights_sha256
    user.settle()
    title = program.window.windowTitle()
    crash(user)
    # The model's profile alone would bring another one.
    store.save(sha256, ModelProfile(question=Question("entropy")))

    program = user.start()
    dialog = user.dialog(CrashDialog)
    assert "3 images and Shapes, with a shortcut" in words(dialog)
    press(dialog, "Reopen")
    user.until(lambda: user.layer == "layer2" and user.target == 5)
    user.until(lambda: program.state.answered == question and not program.state.computing)
    assert (user.layer, user.target) == ("layer2", 5)
    assert program.window.windowTitle() == title
    assert program.state.info is not None
    assert program.state.info.source == "demo:shortcut"
    assert [path.name for path in pictures] == user.names[-3:]
    # It is what is open now, and would be offered again.
    user.until(lambda: '"target": 5' in recorded(user))


def test_what_is_not_reopened_at_once_strikes_nothing_later(
    user: User, pictures: list[Path]
) -> None:
    """The person went on to something else before layer and class could be chosen."""
    opened = OpenFiles(tuple(map(str, pictures)), str(pictures[1]), "demo:shapes", "conv1", 3)
    write(user, opened)
    program = user.start()
    press(user.dialog(CrashDialog), "Reopen")
    program.window.dropped.emit(Dropped())
    user.until(lambda: program.window.windowTitle().startswith("mine 1.jpg"))
    user.wait_explained()
    assert user.layer == "layer4"


def test_what_was_chosen_of_a_pasted_picture_is_no_other_pictures(
    user: User, pictures: list[Path]
) -> None:
    write(user, OpenFiles(tuple(map(str, pictures)), None, "demo:shapes", "conv1", 3))
    program = user.start()
    press(user.dialog(CrashDialog), "Reopen")
    user.until(lambda: program.window.windowTitle().startswith("mine 0.jpg"))
    user.wait_explained()
    program.controller.images.step(1)
    user.wait_explained()
    assert user.layer == "layer4"


def test_layers_that_were_fused_are_again(user: User, pictures: list[Path]) -> None:
    paths, both = tuple(map(str, pictures)), "layer2 + layer4"
    write(user, OpenFiles(paths, str(pictures[2]), "demo:shapes", both, None))
    program = user.start()
    press(user.dialog(CrashDialog), "Reopen")
    user.until(lambda: user.layer == both)
    assert program.window.tree.current() == "layer4"
    assert OpenFiles.of(program.state).layer == both


def test_the_tree_and_the_strip_show_what_is_reopened(user: User, pictures: list[Path]) -> None:
    write(
        user, OpenFiles(tuple(map(str, pictures)), str(pictures[2]), "demo:shapes", "conv1", None)
    )
    thumbnails: list[str] = []
    program = user.start()
    program.controller.images.thumbnail_ready.connect(lambda key, _: thumbnails.append(key))
    press(user.dialog(CrashDialog), "Reopen")
    user.until(lambda: user.layer == "conv1")
    assert program.window.tree.current() == "conv1"
    keys = {key for key, image in program.state.images.items() if image.path in pictures}
    user.until(lambda: keys <= set(thumbnails))


def test_a_window_beside_the_first_remembers_nothing(
    user: User, qapp: QApplication, pictures: list[Path]
) -> None:
    user.start(*pictures)
    user.until(lambda: "mine 2.jpg" in recorded(user) and "demo:photos" in recorded(user))
    before = recorded(user)
    store = QSettings(str(user.store), QSettings.Format.IniFormat)
    beside = Program(qapp, store, fault=None)
    assert not beside.window.findChildren(CrashDialog)
    beside.start()
    user.until(lambda: beside.state.explanation is not None)
    beside.window.close()
    beside.window.deleteLater()
    assert recorded(user) == before


def test_starting_afresh_forgets_it(user: User, pictures: list[Path]) -> None:
    user.start(*pictures)
    user.until(lambda: "mine 2.jpg" in recorded(user))
    crash(user)
    program = user.start()
    press(user.dialog(CrashDialog), "Start new session")
    user.until(lambda: "mine 2.jpg" not in recorded(user))
    assert user.names == [scene.title for scene in SCENES]
    assert not program.state.current or program.state.current.scene is not None


def test_an_offer_that_was_not_answered_is_made_again(user: User, pictures: list[Path]) -> None:
    user.start(*pictures)
    user.until(lambda: "mine 2.jpg" in recorded(user))
    crash(user)
    user.start()
    user.dialog(CrashDialog)
    crash(user)
    user.start()
    told = words(user.dialog(CrashDialog))
    assert "3 images" in told
    assert "not closed properly" in told


def test_an_offer_that_the_window_was_closed_over_is_made_again(
    user: User, pictures: list[Path]
) -> None:
    """Nobody decided about it; what this run had open is not worth more."""
    user.start(*pictures)
    user.until(lambda: "mine 2.jpg" in recorded(user))
    crash(user)
    program = user.start()
    user.dialog(CrashDialog)
    program.controller.images.step(1)
    user.wait_explained()
    user.leave()
    user.start()
    dialog = user.dialog(CrashDialog)
    assert "3 images" in words(dialog)
    assert "not closed properly" not in words(dialog), "the last one was"
    press(dialog, "Start new session")
    user.leave()
    program = user.start()
    assert not program.window.findChildren(CrashDialog)


def test_the_demo_alone_is_not_worth_an_offer(user: User) -> None:
    user.start()
    user.until(lambda: bool(recorded(user)))
    crash(user)
    program = user.start()
    assert not program.window.findChildren(CrashDialog)


def test_files_that_are_gone_are_said_to_be(
    user: User, pictures: list[Path], weights: Path
) -> None:
    user.start(*pictures, model=NamedModel(ModelSource(str(weights))))
    user.until(lambda: "my net" in recorded(user) and "mine 2" in recorded(user))
    crash(user)
    weights.unlink()
    pictures[0].unlink()
    program = user.start()
    press(user.dialog(CrashDialog), "Reopen")
    user.until(lambda: "my net.pth" in program.window.notice.text)
    user.until(lambda: any(image.error for image in program.state.images.values()))
    assert program.state.info is not None


NO_QUESTION = '{"model": "demo:shortcut", "images": [], "question": {"name": 3}}'


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"model": 3, "images": []}', '"x"', "null", NO_QUESTION]
)
def test_nonsense_is_no_offer(user: User, qtbot: QtBot, text: str) -> None:
    record(user).write_text(text, encoding="utf-8")
    program = user.start()
    assert not program.window.findChildren(CrashDialog)


def test_bytes_that_are_no_text_are_no_offer(user: User) -> None:
    record(user).write_bytes(b"\xff\xfe\x00")
    program = user.start()
    assert not program.window.findChildren(CrashDialog)
