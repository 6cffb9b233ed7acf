"""Sessions as a person uses them: saved, opened again, moved, and with files that are missing."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PySide6.QtWidgets import QPushButton

from engine.formats.demo import SCENES
from engine.keeping import files as files_of_sessions
from engine.lazy import torchvision
from engine.loading.adjustments import Adjustment
from engine.profiles import store
from engine.records.asked import Question
from engine.records.edits import Change, Changing, Edits, Fill, Filling, Hide, Rectangle
from engine.records.sources import ModelSource
from gui.app import recovery
from gui.controllers.models import NamedModel
from gui.settings import table
from gui.state.notices import USE_OWN, USE_THEIRS
from gui.state.panes import Links
from gui.toolkit.imaging import to_qimage
from gui.widgets.sessions.missing import MissingDialog
from tests.gui.user import Key, User, files

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "session-1.hookscope"
SHAPES = NamedModel(ModelSource("demo:shapes"))


@pytest.fixture(autouse=True)
def own_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of a model is remembered in its profile, and asked again by other tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    (tmp_path / "work" / "pictures").mkdir(parents=True)
    return [
        Path(shutil.copy(scene.path, tmp_path / "work" / "pictures" / f"{n}.jpg"))
        for n, scene in enumerate(SCENES[:3])
    ]


@pytest.fixture
def session(tmp_path: Path) -> Path:
    return tmp_path / "work" / "trial.hookscope"


def save(user: User, path: Path) -> None:
    with user.qtbot.waitSignal(user.program.controller.sessions.saved, timeout=60_000):
        user.program.controller.sessions.save(path)


def settled(user: User) -> None:
    with user.qtbot.waitSignal(user.program.controller.sessions.settled, timeout=60_000):
        user.program.controller.sessions.note_change()


def opened(user: User, path: Path) -> None:
    """Drop a session on the window, and wait until it is open."""
    restorer = user.program.controller.sessions.restorer
    with user.qtbot.waitSignal(restorer.done, timeout=60_000):
        assert user.drop(files(path)) == f"Open the session {path.name}"
    user.wait_explained()


def press(dialog: MissingDialog, text: str) -> None:
    next(b for b in dialog.findChildren(QPushButton) if b.text() == text).click()


def test_everything_that_was_chosen_comes_back(
    user: User, pictures: list[Path], session: Path
) -> None:
    program = user.start(*pictures, model=SHAPES)
    controller, state = program.controller, program.state
    controller.images.step(1)
    user.wait_explained()
    controller.choose_layer("layer2")
    user.wait_layer("layer2")
    controller.choose_method("layercam")
    controller.choose_class(5)
    controller.expect(3)
    question = Question("counterfactual")
    controller.ask(question)
    user.wait_explained()
    shortcut = ModelSource("demo:shortcut")
    controller.comparer.compare_model(shortcut)
    user.until(lambda: len(state.panes) == 2 and state.panes[1].explanation is not None)
    controller.comparer.compare_class(1)
    user.until(lambda: len(state.panes) == 3 and state.panes[2].explanation is not None)
    controller.comparer.activate(state.panes[1].number)
    controller.comparer.link(scale=False)
    program.settings.set(table.OPACITY, 0.35)
    user.settle()
    views = state.views
    maps = [pane.explanation.map.tolist() for pane in state.panes if pane.explanation is not None]
    save(user, session)
    assert "trial.hookscope[*]" in program.window.windowTitle()
    assert not program.window.isWindowModified()
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink()

    program = user.start()
    program.settings.set(table.OPACITY, 0.9)
    opened(user, session)
    state = program.state
    user.until(lambda: all(pane.explanation is not None for pane in state.panes))
    assert user.names == [path.name for path in pictures]
    assert state.views == views
    assert state.active == 1
    again = [pane.explanation.map.tolist() for pane in state.panes if pane.explanation is not None]
    assert again == maps
    assert state.links == Links(scale=False)
    assert program.settings.get(table.OPACITY) == 0.35
    image = next(image for image in state.images.values() if image.path == pictures[1])
    assert image.expected == {ModelSource("demo:shapes"): 3}
    settled(user)
    assert not program.window.isWindowModified()


def test_a_change_is_unsaved_until_it_is_saved_or_undone(
    user: User, pictures: list[Path], session: Path
) -> None:
    program = user.start(*pictures, model=SHAPES)
    save(user, session)
    before = user.target
    program.controller.choose_class(5)
    user.until(program.window.isWindowModified)
    user.leave()
    program = user.start()
    settled(user)
    assert program.window.isWindowModified(), "what was unsaved is so after a restart"
    assert program.state.session == session
    assert user.target == 5
    save(user, session)
    settled(user)
    assert not program.window.isWindowModified()
    assert before != 5


def test_what_was_open_before_is_one_click_away(
    user: User, pictures: list[Path], session: Path
) -> None:
    program = user.start(pictures[0], model=SHAPES)
    save(user, session)
    program.controller.images.close_many(list(program.state.images))
    program.controller.images.open_paths(pictures[1:])
    user.until(lambda: user.names == ["1.jpg", "2.jpg"])
    user.wait_explained()
    opened(user, session)
    assert user.names == ["0.jpg"]
    user.until(program.window.actions_by_id["previous_session"].isEnabled)
    program.window.actions_by_id["previous_session"].trigger()
    user.until(lambda: user.names == ["1.jpg", "2.jpg"])
    user.wait_explained()


def test_files_moved_with_the_session_are_found(
    user: User, pictures: list[Path], session: Path, tmp_path: Path
) -> None:
    program = user.start(*pictures, model=SHAPES)
    save(user, session)
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink()
    (tmp_path / "work").rename(tmp_path / "elsewhere")
    program = user.start()
    opened(user, tmp_path / "elsewhere" / "trial.hookscope")
    there = [image.path for image in program.state.images.values()]
    assert there == [tmp_path / "elsewhere" / "pictures" / path.name for path in pictures]
    assert not program.window.findChildren(MissingDialog)


def test_missing_files_are_asked_for_by_name(
    user: User, pictures: list[Path], session: Path, tmp_path: Path
) -> None:
    program = user.start(*pictures, model=SHAPES)
    program.controller.images.step(1)
    user.wait_explained()
    program.controller.choose_class(6)
    user.until(lambda: user.target == 6)
    save(user, session)
    pictures[0].unlink()
    moved = tmp_path / "archive" / "deep"
    moved.mkdir(parents=True)
    for path in pictures[1:]:
        path.rename(moved / path.name)
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink()
    program = user.start()
    user.drop(files(session))
    dialog = user.dialog(MissingDialog)
    assert dialog.names == ["0.jpg", "1.jpg", "2.jpg"]
    sessions = program.controller.sessions
    sessions.missing.locate(sessions.missing.files[2], moved / "2.jpg")
    user.until(lambda: dialog.names == ["0.jpg"])
    user.until(lambda: user.target == 6)
    user.wait_explained()
    assert program.state.current is not None
    assert program.state.current.path == moved / "1.jpg"
    press(dialog, "Leave out")
    user.until(lambda: user.names == ["1.jpg", "2.jpg"])
    user.until(lambda: not program.window.findChildren(MissingDialog))


def test_a_missing_model_is_waited_for(
    user: User, pictures: list[Path], session: Path, tmp_path: Path
) -> None:
    weights = session.parent / "my net.pth"
    network = torchvision.load().models.squeezenet1_1(weights=None, num_classes=2)
    torch.save(network.state_dict(), weights)
    program = user.start(*pictures[:2], model=NamedModel(ModelSource(str(weights))))
    program.controller.choose_layer("features.3")
    user.wait_layer("features.3")
    save(user, session)
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink()
    found = weights.rename(tmp_path / "my net.pth")
    program = user.start()
    user.drop(files(session))
    dialog = user.dialog(MissingDialog)
    assert dialog.names == ["my net.pth"]
    user.until(lambda: user.names == ["0.jpg", "1.jpg"])
    sessions = program.controller.sessions
    sessions.missing.locate(sessions.missing.files[0], found)
    user.wait_layer("features.3")
    assert program.state.model_source == ModelSource(str(found))
    user.until(lambda: not program.window.findChildren(MissingDialog))


def test_a_file_that_has_changed_is_said_to_have(
    user: User, pictures: list[Path], session: Path
) -> None:
    program = user.start(*pictures, model=SHAPES)
    save(user, session)
    shutil.copy(SCENES[4].path, pictures[1])
    program.controller.sessions.open(session)
    user.until(
        lambda: "1.jpg has changed since the session was saved" in program.window.notice.text
    )


def test_edits_survive_a_restart(user: User, pictures: list[Path]) -> None:
    """Also those made after what was open had been recorded once."""
    program = user.start(*pictures[:2], model=SHAPES)
    settled(user)
    edits = Edits((Hide(Rectangle(10.0, 20.0, 30.0, 40.0), Filling(Fill.GREY)),))
    image = program.state.current
    assert image is not None
    image.edits = edits
    program.state.edits_changed.emit(image.key)
    user.leave()
    program = user.start()
    image = program.state.current
    assert image is not None
    assert image.edits == edits


def test_a_session_of_version_1_opens(user: User) -> None:
    program = user.start()
    opened(user, FIXTURE)
    state = program.state
    assert user.names == ["hexagon.jpg", "crescent.jpg", "Ring and star"]
    assert [image.path for image in state.images.values()] == [
        path.resolve() for path in (SCENES[1].path, SCENES[2].path, SCENES[0].path)
    ]
    user.until(lambda: all(pane.explanation or pane.bare for pane in state.panes))
    assert [pane.layer for pane in state.panes] == ["layer2", "layer4", "layer2"]
    assert [pane.method for pane in state.panes] == ["layercam", "grad-cam", "layercam"]
    assert (user.layer, user.target) == ("layer4", 0)
    assert state.panes[2].bare
    sight = program.window.canvas.relative_sight()
    assert sight is not None
    assert (sight[0], sight[1].x(), sight[1].y()) == pytest.approx((2.0, 0.4, 0.5), abs=0.02)
    assert program.settings.get(table.COLORMAP) == "viridis"
    assert not program.window.findChildren(MissingDialog)


def test_edits_are_kept_and_what_shows_the_original(
    user: User, pictures: list[Path], session: Path
) -> None:
    program = user.start(*pictures, model=SHAPES)
    done = Edits((Hide(Rectangle(100, 80, 200, 150)), Change(Changing.GREY, 100, on=False)))
    program.controller.what_if.editor.set(done, "edit")
    user.until(lambda: program.state.loaded_of(program.state.pane) is not None)
    user.wait_explained()
    program.controller.comparer.compare_original()
    user.until(lambda: all(pane.explanation for pane in program.state.panes))
    user.settle()
    save(user, session)
    program.controller.comparer.single()
    program.controller.what_if.editor.clear()
    user.wait_explained()
    opened(user, session)
    image = program.state.current
    assert image is not None
    assert image.edits == done
    user.until(lambda: len(program.state.panes) == 2)
    assert [pane.original for pane in program.state.panes] == [False, True]
    user.until(lambda: all(pane.explanation for pane in program.state.panes))
    user.settle()


def button(user: User) -> QPushButton:
    """That of the notice."""
    found = user.program.window.notice.findChild(QPushButton)
    assert found is not None
    return found


def offered(user: User) -> str:
    notice = user.program.window.notice
    return button(user).text() if notice.text and not button(user).isHidden() else ""


def shares(weights: str, **changes: object) -> None:
    """Save settings for these weights, as if they had been set here."""
    profile = store.load(weights) or store.ModelProfile()
    store.save(weights, replace(profile, **changes))  # type: ignore[arg-type]


def test_other_settings_here_are_said_and_chosen(
    user: User, pictures: list[Path], session: Path
) -> None:
    program = user.start(*pictures, model=SHAPES)
    state = program.state
    assert state.info is not None
    weights, usual = state.info.weights_sha256, state.info.preprocessing
    theirs = replace(usual, mean=(0.4, 0.4, 0.4))
    program.controller.models.adjust(Adjustment(preprocessing=theirs))
    user.until(lambda: state.info is not None and state.info.preprocessing == theirs)
    user.wait_explained()
    assert state.explanation is not None
    map = state.explanation.map.copy()
    save(user, session)
    # Another computer, on which somebody has set something else.
    own = replace(usual, mean=(0.1, 0.1, 0.1))
    shares(weights, preprocessing=own, title="mine")
    program.controller.models.open(SHAPES.source)
    user.until(lambda: state.info is not None and state.info.preprocessing == own)
    user.wait_explained()

    notice = program.window.notice
    opened(user, session)
    user.until(lambda: offered(user) == USE_THEIRS)
    assert "preprocessing" in notice.text
    assert "Those of this computer are used" in notice.text
    assert state.info.preprocessing == own
    button(user).click()
    user.until(lambda: offered(user) == USE_OWN)
    user.wait_explained()
    assert state.info.preprocessing == theirs
    assert state.explanation is not None
    assert np.array_equal(state.explanation.map, map)
    saved = store.load(weights)
    assert saved is not None
    assert (saved.preprocessing, saved.title) == (theirs, "mine")
    # And back.
    button(user).click()
    user.until(lambda: offered(user) == USE_THEIRS)
    assert state.info.preprocessing == own


def test_equal_settings_are_not_spoken_of(user: User, pictures: list[Path], session: Path) -> None:
    user.start(*pictures, model=SHAPES)
    save(user, session)
    opened(user, session)
    assert offered(user) != USE_THEIRS


def test_pasted_images_are_kept(user: User, pictures: list[Path], session: Path) -> None:
    program = user.start(pictures[0], model=SHAPES)
    state, images = program.state, program.controller.images
    pixels = np.random.default_rng(3).integers(0, 256, (90, 120, 3), np.uint8)
    images.open_qimage(to_qimage(pixels), "pasted image")
    user.until(lambda: state.current is not None and state.current.name == "pasted image")
    user.wait_explained()
    deep = io.BytesIO()
    Image.fromarray(np.arange(4800, dtype=np.uint16).reshape(60, 80)).save(deep, "PNG")
    images.open_bytes(deep.getvalue(), "deep image")
    user.until(lambda: state.current is not None and state.current.name == "deep image")
    user.wait_explained()
    images.step(-1)
    user.wait_explained()
    program.controller.choose_class(4)
    user.wait_explained()
    assert state.explanation is not None
    map = state.explanation.map.copy()
    save(user, session)
    assert not state.unsaved
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink()

    program = user.start()
    opened(user, session)
    state = program.state
    assert user.names == [pictures[0].name, "pasted image", "deep image"]
    _, plain, other = state.images.values()
    user.until(lambda: plain.loaded is not None and other.loaded is not None)
    assert plain.loaded is not None
    assert np.array_equal(plain.loaded.pixels, pixels)
    assert other.loaded is not None
    assert other.loaded.depth is not None
    assert int(other.loaded.depth.values.max()) == 4799
    assert state.current is plain
    assert state.explanation is not None
    assert state.explanation.target.index == 4
    # The window may compute with a faster form of the network, which rounds otherwise.
    assert np.abs(state.explanation.map - map).max() < 1e-5 * np.abs(map).max()
    settled(user)
    assert not state.unsaved
    # And by the automatic save.
    user.leave()
    program = user.start()
    assert user.names == [pictures[0].name, "pasted image", "deep image"]


def test_a_pasted_image_that_is_too_large_is_named(
    user: User, pictures: list[Path], session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_of_sessions.write, "__kwdefaults__", {"most": 1000})
    program = user.start(model=SHAPES)
    pixels = np.random.default_rng(3).integers(0, 256, (90, 120, 3), np.uint8)
    program.controller.images.open_qimage(to_qimage(pixels), "pasted image")
    user.until(lambda: "pasted image" in user.names)
    user.wait_explained()
    save(user, session)
    user.until(lambda: "Not in the session: pasted image" in program.window.notice.text)


def test_what_the_automatic_save_has_no_room_for_is_said_once(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "MOST_AUTOMATIC", 1000)
    program = user.start(model=SHAPES)
    images, notices = program.controller.images, list[str]()
    program.state.noticed.connect(lambda notice: notices.append(notice.text))

    def told() -> list[str]:
        return [text for text in notices if text.startswith("Not kept for the next start")]

    def paste(seed: int) -> None:
        pixels = np.random.default_rng(seed).integers(0, 256, (90, 120, 3), np.uint8)
        images.open_qimage(to_qimage(pixels), f"pasted {seed}")
        user.wait_explained()

    paste(3)
    user.until(lambda: len(told()) == 1)
    assert "pasted 3" in told()[0]
    user.focus_tree()
    user.press(Key.Key_Down)
    user.wait_explained()
    user.settle()
    assert len(told()) == 1
    paste(4)
    user.until(lambda: len(told()) == 2)
    assert "pasted 3, pasted 4" in told()[1]


def test_an_image_that_is_not_shown_comes_back_as_it_was_left(
    user: User, pictures: list[Path], session: Path
) -> None:
    program = user.start(*pictures, model=SHAPES)
    controller, state = program.controller, program.state
    first = user.layer
    controller.images.step(1)
    user.wait_explained()
    controller.choose_layer("layer2")
    controller.choose_method("smooth-grad-cam++", (("n", 3),))
    controller.ask(Question("counterfactual"))
    user.wait_explained()
    wanted = state.explanation
    controller.images.step(1)
    user.wait_explained()
    controller.choose_layer("layer3")
    controller.choose_method("layercam")
    controller.ask(Question())
    user.wait_explained()
    save(user, session)
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink()
    program = user.start()
    opened(user, session)
    state = program.state
    assert (user.layer, state.method) == ("layer3", "layercam")
    assert not state.unsaved
    program.controller.images.step(-1)
    user.wait_explained()
    assert wanted is not None
    assert state.explanation is not None
    assert state.explanation.asked == wanted.asked
    assert (user.layer, state.method, dict(state.options)["n"]) == ("layer2", wanted.method, 3)
    assert np.array_equal(state.explanation.map, wanted.map)
    program.controller.images.step(-1)
    user.wait_explained()
    assert (user.layer, state.method) == (first, "grad-cam")
