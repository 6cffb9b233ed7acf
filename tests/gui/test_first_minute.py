"""The first minute with images of one's own, and what is left where it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QMimeData, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from engine.formats.demo import PHOTOS, SCENES, Advice
from engine.lazy import torchvision
from engine.records.sources import ModelSource
from gui.settings import table
from gui.state.notices import NoticeKind
from gui.toolkit import theme
from tests.gui.user import Key, User, child


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return [Path(shutil.copy(s.path, tmp_path / f"mine {n}.jpg")) for n, s in enumerate(SCENES[:2])]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    network = torchvision.load().models.squeezenet1_1(weights=None, num_classes=2)
    torch.save(network.state_dict(), tmp_path / "my net.pth")
    return tmp_path / "my net.pth"


def files(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def explained(user: User, name: str) -> None:
    """Wait until the image of that name is explained."""
    state = user.program.state
    user.until(lambda: state.explanation is not None and state.explanation.image == name)
    user.wait_explained()


def spec(user: User) -> str:
    source = user.program.state.model_source
    return source.spec if source is not None else ""


def show(user: User, number: int) -> None:
    """Choose an image in the strip and wait for its map."""
    state = user.program.state
    user.program.window.strip.image_chosen.emit(list(state.images)[number])
    user.wait_explained()


# --- the model that follows the images ------------------------------------------------------------


def test_a_photograph_is_explained_by_the_demo_for_photographs(
    user: User, photos: list[Path]
) -> None:
    program = user.start()
    assert spec(user) == "demo:shapes"
    images: list[tuple[str, str]] = []
    program.state.answer_changed.connect(
        lambda: (
            images.append((spec(user), user.program.state.explanation.image))  # type: ignore[union-attr]
            if user.program.state.explanation is not None
            else None
        )
    )
    user.drop(files(photos[0]))
    explained(user, "mine 0.jpg")
    assert spec(user) == PHOTOS
    # Never, for a moment, by the network that knows nothing of it.
    assert {source for source, image in images if image == "mine 0.jpg"} == {PHOTOS}
    notice = program.window.notice
    assert notice.kind == NoticeKind.HINT
    assert "EfficientNet-Lite0" in notice.text
    assert "ImageNet's 1,000 classes" in notice.text
    assert "your own network" in notice.text
    assert child(notice, QPushButton).text() == "Open model…"
    assert program.settings.get(table.RECENT_MODELS) == ()


def test_the_model_follows_from_photographs_to_scenes_and_back(
    user: User, photos: list[Path]
) -> None:
    program = user.start()
    state, invitations = program.state, set[str]()
    state.current_changed.connect(lambda: invitations.add(program.window.notice.text))
    user.press(Key.Key_2)
    user.wait_explained()
    ring = user.target
    assert ring is not None
    user.drop(files(photos[0]))
    explained(user, "mine 0.jpg")
    user.press(Key.Key_3)
    user.wait_explained()
    third = user.target
    answers: list[tuple[str, bool]] = []

    def note() -> None:
        if state.explanation is not None and state.current is not None:
            answers.append((spec(user), state.current.scene is None))

    state.answer_changed.connect(note)
    for number, model, target in ((0, "demo:shapes", ring), (-1, PHOTOS, third)) * 2:
        show(user, number)
        assert (spec(user), user.target) == (model, target)
    assert set(answers) == {("demo:shapes", False), (PHOTOS, True)}
    assert not any("meant for" in text for text in invitations)


def test_quick_steps_between_photographs_and_scenes_end_with_the_right_model(
    user: User, photos: list[Path]
) -> None:
    program = user.start()
    user.drop(files(photos[0]))
    explained(user, "mine 0.jpg")
    # The scenes, which have made room.
    program.window.actions_by_id["reopen_images"].trigger()
    user.settle()
    images = program.state.images.items()
    own = next(key for key, image in images if image.scene is None)
    scene = next(key for key, image in images if image.scene is not None)
    for last, model in ((own, PHOTOS), (scene, "demo:shapes"), (own, PHOTOS)):
        for key in (own, scene) * 4:
            program.window.strip.image_chosen.emit(key)
        program.window.strip.image_chosen.emit(last)
        user.wait_explained()
        assert spec(user) == model
        assert program.state.model_loading is None


def test_a_chosen_demo_for_photographs_is_kept_for_a_scene(user: User) -> None:
    program = user.start()
    program.window.actions_by_id["demo_photos"].trigger()
    user.until(lambda: spec(user) == PHOTOS)
    user.wait_explained()
    show(user, 1)
    assert spec(user) == PHOTOS
    assert "demo:shapes" in program.window.notice.text


def test_a_start_with_a_photograph_opens_no_other_network(user: User, photos: list[Path]) -> None:
    user.start(photos[0])
    assert spec(user) == PHOTOS
    program = user.program
    program.window.notice._dismiss()
    user.leave()
    user.start(photos[0])
    assert user.program.window.notice.text == ""


def test_a_demo_that_somebody_chose_is_kept(user: User, photos: list[Path]) -> None:
    program = user.start()
    program.window.actions_by_id["demo_shapes"].trigger()
    user.wait_explained()
    user.drop(files(photos[0]))
    explained(user, "mine 0.jpg")
    assert spec(user) == "demo:shapes"
    notice = program.window.notice
    assert "eight drawn shapes" in notice.text
    QTest.mouseClick(child(notice, QPushButton), Qt.MouseButton.LeftButton)
    user.until(lambda: spec(user) == PHOTOS)
    explained(user, "mine 0.jpg")


def test_a_model_of_ones_own_is_kept(user: User, photos: list[Path], weights: Path) -> None:
    program = user.start()
    user.drop(files(weights, photos[0]))
    user.until(lambda: spec(user) == str(weights))
    explained(user, "mine 0.jpg")
    user.drop(files(photos[1]))
    explained(user, "mine 1.jpg")
    assert spec(user) == str(weights)
    assert "demo" not in program.window.notice.text


def test_a_model_that_does_not_open_leaves_the_photograph_explained(
    user: User, photos: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"these are no weights")
    program = user.start()
    user.drop(files(bad, photos[0]))
    user.until(lambda: program.window.notice.kind == NoticeKind.ERROR)
    user.until(lambda: spec(user) == PHOTOS)
    explained(user, "mine 0.jpg")
    assert "bad.pth" in program.window.notice.text


def test_without_its_weights_the_first_demo_explains_and_says_so(
    user: User, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.formats.photos import opening

    monkeypatch.setattr(opening, "PACKAGE", "there_is_no_such_package")
    program = user.start()
    user.drop(files(*photos))
    explained(user, "mine 0.jpg")
    assert spec(user) == "demo:shapes"
    assert "there-is-no-such-package" in program.window.notice.text
    program.window.notice._dismiss()
    program.controller.images.step(1)
    explained(user, "mine 1.jpg")
    assert program.window.notice.kind != NoticeKind.ERROR, "it is not tried for each image"


def test_the_menu_offers_it(user: User) -> None:
    program = user.start()
    program.window.actions_by_id["demo_photos"].trigger()
    user.until(lambda: spec(user) == PHOTOS)
    user.wait_explained()
    assert program.window.model_label.text().startswith("Photos")


# --- what belongs to an image ---------------------------------------------------------------------


def test_a_chosen_class_survives_a_visit_to_another_image(user: User) -> None:
    program = user.start()
    first = user.target
    user.press(Key.Key_3)
    user.until(lambda: user.target != first)
    user.wait_explained()
    chosen = user.target
    show(user, 1)
    answer = program.state.answer
    assert answer is not None
    assert user.target == answer.predictions[0].index, "the other image keeps its own"
    show(user, 0)
    assert user.target == chosen
    assert program.window.predictions.selected() == chosen


def test_another_model_forgets_the_chosen_class(user: User) -> None:
    program = user.start()
    user.press(Key.Key_4)
    user.wait_explained()
    program.controller.models.open(ModelSource("demo:shortcut"))
    user.until(lambda: spec(user) == "demo:shortcut")
    user.wait_explained()
    show(user, 1)
    show(user, 0)
    answer = program.state.answer
    assert answer is not None
    assert user.target == answer.predictions[0].index


def test_a_zoom_survives_a_visit_to_another_image(user: User) -> None:
    canvas = user.start().window.canvas
    canvas.zoom_at(3.0, QPointF(100, 80))
    canvas.pan(QPointF(-40, 25))
    zoom, sight = canvas.zoom, canvas.visible_rect()
    show(user, 1)
    assert canvas.fitted
    show(user, 0)
    assert not canvas.fitted
    assert canvas.zoom == zoom
    assert canvas.visible_rect() == sight
    canvas.fit()
    show(user, 1)
    show(user, 0)
    assert canvas.fitted


# --- hints ----------------------------------------------------------------------------------------


def follow(user: User, advice: Advice) -> None:
    program = user.program
    if advice is Advice.CLASS:
        user.press(Key.Key_2)
    elif advice is Advice.LAYER:
        program.window.tree.layer_chosen.emit("layer2")
    elif advice is Advice.GRID:
        user.press(Key.Key_G)
    else:
        QTest.keyPress(program.window.canvas, Key.Key_Space)
        QTest.keyRelease(program.window.canvas, Key.Key_Space)
    user.wait_explained()


@pytest.mark.parametrize("number", range(len(SCENES)), ids=lambda n: SCENES[n].path.stem)
def test_an_invitation_closes_for_good_when_it_was_followed(user: User, number: int) -> None:
    scene = SCENES[number]
    program = user.start()
    if scene.model != "shapes":
        program.controller.models.open(ModelSource(f"demo:{scene.model}"))
        user.until(lambda: spec(user) == f"demo:{scene.model}")
    show(user, number)
    notice = program.window.notice
    assert notice.text == scene.invitation
    others = [advice for advice in Advice if advice is not scene.advice]
    follow(user, others[0])
    assert notice.text == scene.invitation, "that was not what it said"
    follow(user, scene.advice)
    assert notice.text == ""
    show(user, (number + 1) % len(SCENES))
    show(user, number)
    assert notice.text == ""


# --- what is dropped ------------------------------------------------------------------------------


def test_an_empty_folder_is_answered(user: User, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    program = user.start()
    user.drop(files(empty))
    user.until(lambda: "No images found in empty" in program.window.notice.text)


def test_an_empty_folder_at_the_start_is_still_answered_when_the_model_is_open(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    program = user.start(Path("empty"), explained=False)
    user.until(lambda: program.state.info is not None)
    user.settle()
    assert program.window.notice.text == "No images found in empty"
    monkeypatch.chdir(tmp_path / "empty")
    program.controller.images.open_paths([Path()])
    user.settle()
    assert program.window.notice.text == "No images found in empty"


def test_an_empty_file_is_said_to_be_empty(user: User, tmp_path: Path) -> None:
    (tmp_path / "nothing.jpg").touch()
    program = user.start()
    user.drop(files(tmp_path / "nothing.jpg"))
    user.until(lambda: bool(program.state.current and program.state.current.error))
    assert "the file is empty" in user.said
    assert "PNG" not in user.said
    user.settle()
    assert spec(user) == "demo:shapes", "nothing that another model could explain"


# --- the toolbar ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["light", "dark"])
def test_the_device_does_not_look_like_a_button(user: User, name: str) -> None:
    QSettings(str(user.store), QSettings.Format.IniFormat).setValue(table.THEME.key, name)
    window = user.start().window
    device = window.device_label
    assert device.text()
    picture = device.grab().toImage()
    frame = {
        picture.pixelColor(x, y).name()
        for x in range(picture.width())
        for y in (0, picture.height() - 1)
    }
    assert len(frame) == 1, "a border is drawn around it"
    assert frame != {QColor(theme.current().raised).name()}
