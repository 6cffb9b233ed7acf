"""What was open when a run ended badly is offered again."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from engine.formats.demo import SCENES
from engine.keeping import files, generations
from engine.keeping.records import (
    KeptFile,
    KeptImage,
    KeptModel,
    KeptPane,
    KeptSession,
    Run,
)
from engine.lazy import torchvision
from engine.profiles import store
from engine.profiles.store import ModelProfile
from engine.records.asked import Question, Score
from engine.records.sources import ModelSource
from engine.records.views import View
from gui.app.program import Program
from gui.controllers.models import NamedModel
from gui.settings import table
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
    return user.store.with_suffix(".open.hookscope")


def recorded(user: User) -> str:
    """The record as text, without the program's own reader."""
    try:
        with zipfile.ZipFile(record(user)) as archive:
            return archive.read("session.json").decode("ascii")
    except FileNotFoundError:
        # It is removed in another thread, at any moment.
        return ""


def session_with(
    paths: Sequence[Path],
    current: int | None,
    layer: str | None = None,
    target: int | None = None,
    model: str = "demo:shapes",
) -> KeptSession:
    """A session with these images, of which one is shown."""
    images = [KeptImage(f"i{n}", path.name, KeptFile(str(path))) for n, path in enumerate(paths)]
    panes = () if current is None else (KeptPane(View(f"i{current}", "m", layer, target)),)
    models = (KeptModel("m", ModelSource(model)),)
    return KeptSession(tuple(images), models, panes, run=Run())


def write(user: User, session: KeptSession) -> None:
    """As a run leaves it that ended badly."""
    files.write(record(user), session)
    generations.mark_of(record(user)).touch()


def crash(user: User) -> None:
    """As the files are when a process dies: what is written stays, nothing else is."""
    user.settle()
    paths = (user.store, record(user), generations.mark_of(record(user)))
    there = [path for path in paths if path.exists()]
    left = {path: path.read_bytes() for path in there}
    user.leave()
    for path, content in left.items():
        path.write_bytes(content)


def press(dialog: CrashDialog, text: str) -> None:
    next(b for b in dialog.findChildren(QPushButton) if b.text() == text).click()


def words(dialog: CrashDialog) -> str:
    return " ".join(one.text() for one in dialog.findChildren(QLabel))


def test_after_an_orderly_end_it_is_open_again_without_a_word(
    user: User, pictures: list[Path]
) -> None:
    program = user.start(*pictures)
    program.controller.images.step(2)
    user.wait_explained()
    program.controller.choose_layer("blocks.4")
    program.controller.choose_class(7)
    user.until(lambda: user.layer == "blocks.4" and user.target == 7)
    # Right away: what changed last has not been written yet.
    user.leave()
    program = user.start()
    assert not program.window.findChildren(CrashDialog)
    assert user.names == [path.name for path in pictures]
    assert program.state.current is not None
    assert program.state.current.path == pictures[2]
    assert (user.layer, user.target) == ("blocks.4", 7)


def test_files_named_at_the_start_are_added(
    user: User, pictures: list[Path], tmp_path: Path
) -> None:
    user.start(*pictures)
    user.leave()
    other = Path(shutil.copy(pictures[0], tmp_path / "other.jpg"))
    program = user.start(other)
    assert user.names == [*(path.name for path in pictures), "other.jpg"]
    assert program.state.current is not None
    assert program.state.current.path == other


def test_a_model_named_at_the_start_explains_them(user: User, pictures: list[Path]) -> None:
    user.start(*pictures)
    user.leave()
    program = user.start(model=NamedModel(ModelSource("demo:shortcut")))
    user.until(lambda: program.state.model_source == ModelSource("demo:shortcut"))
    user.wait_explained()
    assert user.names == [path.name for path in pictures]


def test_whoever_does_not_want_it_begins_afresh(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures)
    program.settings.set(table.RESTORE, False)
    user.leave()
    program = user.start()
    assert user.names == [scene.title for scene in SCENES]
    assert not program.window.findChildren(CrashDialog)
    # It is still to be had.
    back = program.window.actions_by_id["previous_session"]
    user.until(back.isEnabled)
    back.trigger()
    user.until(lambda: user.names == [path.name for path in pictures])
    user.wait_explained()


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
    user.until(lambda: '"class": 5' in recorded(user) and '"layer2"' in recorded(user))
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
    assert [path.name for path in pictures] == user.names
    # It is what is open now, and would be offered again.
    user.until(lambda: '"class": 5' in recorded(user))


def test_what_is_not_reopened_at_once_strikes_nothing_later(
    user: User, pictures: list[Path]
) -> None:
    """The person went on to something else before layer and class could be chosen."""
    write(user, session_with(pictures, 1, "conv1", 3, "demo:shortcut"))
    program = user.start()
    press(user.dialog(CrashDialog), "Reopen")
    program.window.dropped.emit(Dropped())
    user.until(lambda: program.window.windowTitle().startswith("mine 1.jpg"))
    user.wait_explained()
    assert user.layer == "layer4"


def test_what_was_chosen_of_a_pasted_picture_is_no_other_pictures(
    user: User, pictures: list[Path]
) -> None:
    write(user, session_with(pictures, None))
    program = user.start()
    press(user.dialog(CrashDialog), "Reopen")
    user.until(lambda: program.window.windowTitle().startswith("mine 0.jpg"))
    user.wait_explained()
    program.controller.images.step(1)
    user.wait_explained()
    assert user.layer == "layer4"


def test_layers_that_were_fused_are_again(user: User, pictures: list[Path]) -> None:
    both = "layer2 + layer4"
    write(user, session_with(pictures, 2, both))
    program = user.start()
    press(user.dialog(CrashDialog), "Reopen")
    user.until(lambda: user.layer == both)
    assert program.window.tree.current() == "layer4"
    assert program.controller.sessions.capture().panes[0].view.layer == both


def test_the_tree_and_the_strip_show_what_is_reopened(user: User, pictures: list[Path]) -> None:
    write(user, session_with(pictures, 2, "conv1"))
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
    program = user.start(*pictures)
    user.until(lambda: "mine 2.jpg" in recorded(user) and "demo:photos" in recorded(user))
    user.wait_explained()
    # Written once more when the model is open, with its title.
    info = program.state.info
    assert info is not None
    user.until(lambda: f'"title": "{info.title}"' in recorded(user))
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


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '"x"', "null", '{"format": "hookscope-session", "version": 1, "images": 3}'],
)
def test_nonsense_is_no_offer(user: User, text: str) -> None:
    with zipfile.ZipFile(record(user), "w") as archive:
        archive.writestr("session.json", text)
    program = user.start()
    assert not program.window.findChildren(CrashDialog)


def test_bytes_that_are_no_archive_are_no_offer(user: User) -> None:
    record(user).write_bytes(b"\xff\xfe\x00")
    program = user.start()
    assert not program.window.findChildren(CrashDialog)
