"""Opening and closing many images: demo scenes make room, folders ask, and closing is undone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from engine.formats.demo import SCENES
from engine.records.sources import ModelSource
from gui.controllers.models import NamedModel
from gui.controllers.strip import finding
from tests.gui.user import User, files

TITLES = [scene.title for scene in SCENES]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return Path(shutil.copy(SCENES[0].path, tmp_path / "mine.jpg"))


def test_demo_scenes_make_room_and_come_back(user: User, picture: Path) -> None:
    program = user.start()
    assert user.names == TITLES
    user.drop(files(picture))
    user.until(lambda: user.names == ["mine.jpg"])
    assert "made room" in program.window.notice.text
    program.window.actions_by_id["reopen_images"].trigger()
    assert sorted(user.names) == sorted(["mine.jpg", *TITLES])
    # Whoever has called them back keeps them.
    other = Path(shutil.copy(picture, picture.with_name("other.jpg")))
    user.drop(files(other))
    user.until(lambda: "other.jpg" in user.names)
    assert len(user.names) == len(TITLES) + 2


def test_demo_scenes_that_are_worked_with_stay(user: User, picture: Path) -> None:
    program = user.start()
    program.controller.choose_class(3)
    user.wait_explained()
    user.drop(files(picture))
    user.until(lambda: user.names == [*TITLES, "mine.jpg"])


def test_a_large_folder_is_opened_only_after_a_question(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MANY", 5)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(6):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    program = user.start()
    user.drop(files(folder))
    user.until(lambda: "These are 6 images" in program.window.notice.text)
    assert user.names == TITLES
    program.window.notice.acted.emit("Open them all", "")
    user.until(lambda: user.names == [f"{number}.png" for number in range(6)])
    user.leave()
    # Named on the command line they are wanted.
    user.store.with_suffix(".open.hookscope").unlink()
    user.start(folder, explained=False)
    user.until(lambda: len(user.names) == 6)


def test_what_was_closed_comes_back_as_it_was(user: User, tmp_path: Path) -> None:
    pictures = [
        Path(shutil.copy(scene.path, tmp_path / f"{n}.jpg")) for n, scene in enumerate(SCENES[:3])
    ]
    program = user.start(*pictures, model=NamedModel(ModelSource("demo:shapes")))
    program.controller.images.step(1)
    user.wait_explained()
    program.controller.choose_layer("layer2")
    program.controller.choose_class(4)
    user.until(lambda: user.layer == "layer2" and user.target == 4)
    canvas = program.window.canvas
    canvas.zoom_in()
    canvas.zoom_in()
    zoom = canvas.zoom
    program.window.actions_by_id["close_all"].trigger()
    assert user.names == []
    program.controller.choose_layer("layer4")
    program.window.actions_by_id["reopen_images"].trigger()
    user.wait_explained()
    assert user.names == ["0.jpg", "1.jpg", "2.jpg"]
    assert program.state.current is not None
    assert program.state.current.path == pictures[1]
    assert (user.layer, user.target) == ("layer2", 4)
    assert canvas.zoom == pytest.approx(zoom)
