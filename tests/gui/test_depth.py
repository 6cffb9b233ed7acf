"""Images of more than 8 bits and several pages in the whole window."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QMenu, QSlider

from engine.explain.session import Session
from engine.formats.demo import SCENES
from engine.images.reading import load_image
from engine.loading.load import load_model
from engine.records.edits import Hide, Rectangle
from engine.records.level_words import window
from engine.records.levels import AUTO, Levels, LevelsMode
from gui.app.program import Program
from gui.handlers.export import _file_name
from gui.widgets.bars.page_bar import PageBar
from gui.widgets.input_output.dialog import InputPanel
from tests.engine.images.dicom_files import DATE, NUMBER, dataset, written
from tests.gui.texts import name_of
from tests.gui.user import Key, Modifier, User, child


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    grey = np.asarray(Image.open(SCENES[0].path).convert("L")).astype(np.uint16)
    pages = [Image.fromarray(values) for values in (grey * 16, np.flipud(grey) * 9 + 5)]
    pages[0].save(tmp_path / "deep.tif", save_all=True, append_images=pages[1:])
    return tmp_path / "deep.tif"


def top_logit(path: Path, page: int = 1, levels: Levels = AUTO) -> float:
    """What a session of its own finds."""
    with Session(load_model("demo:photos"), load_image(path, page=page, levels=levels)) as session:
        return session.predictions(1)[0].logit


def shown_logit(program: Program) -> float:
    answer = program.state.answer
    assert answer is not None
    return answer.predictions[0].logit


def settled(user: User) -> None:
    state = user.program.state
    user.until(lambda: state.answer is not None and not state.computing)
    user.settle()


def drag_right(program: Program, across: int, down: int) -> None:
    viewport = program.window.canvas.viewport()
    start = QPointF(viewport.rect().center())
    right, none = Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
    steps = [(QEvent.Type.MouseButtonPress, 0.0, right, right)]
    steps += [(QEvent.Type.MouseMove, part / 10, none, right) for part in range(1, 11)]
    steps += [(QEvent.Type.MouseButtonRelease, 1.0, right, none)]
    for kind, part, button, held in steps:
        point = start + QPointF(across * part, down * part)
        event = QMouseEvent(
            kind, point, viewport.mapToGlobal(point), button, held, Modifier.NoModifier
        )
        QApplication.sendEvent(viewport, event)


LAST = [
    "Copy image",
    "Copy as Python",
    "Save as Python script…",
    "Export…",
    "Show image in its folder",
    "Close image",
    "Close other images",
    "Close all images",
]
FIRST = ["Fit to window", "Actual size", "Compare with…", "Compare with original image"]
NOTE = "Add note…"
HERE = "Ask about a channel here…"


def menu_texts() -> list[str]:
    """The entries of the open menu, which is closed."""
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    texts = [name_of(action) for action in menu.actions() if not action.isSeparator()]
    menu.close()
    return texts


def test_a_deep_image_is_shown_and_explained_with_its_levels(user: User, deep: Path) -> None:
    program = user.start(deep)
    image = program.state.current
    assert image is not None
    assert image.loaded is not None
    assert image.loaded.pixels.std() > 20
    assert shown_logit(program) == pytest.approx(top_logit(deep), abs=1e-4)


def test_dragging_the_right_button_sets_a_window(user: User, deep: Path) -> None:
    program = user.start(deep)
    state, canvas = program.state, program.window.canvas
    image = state.current
    assert image is not None
    assert image.loaded is not None
    assert image.loaded.shown is not None
    before, depth = image.loaded.shown, image.loaded.depth
    zoom, picture = canvas.zoom, image.picture
    drag_right(program, -150, 0)
    settled(user)
    levels = image.levels
    assert levels.mode is LevelsMode.WINDOW
    assert levels.high - levels.low < 0.8 * (before.high - before.low)
    assert image.loaded.depth is depth, "the file was read again"
    assert image.loaded.shown == image.loaded.shown.__class__(
        LevelsMode.WINDOW, levels.low, levels.high, LevelsMode.WINDOW
    )
    assert image.picture is not picture
    assert canvas.zoom == zoom
    assert shown_logit(program) == pytest.approx(top_logit(deep, levels=levels), abs=1e-4)
    program.window.actions_by_id["levels_auto"].trigger()
    settled(user)
    assert image.levels == AUTO
    assert image.loaded.shown == before
    assert shown_logit(program) == pytest.approx(top_logit(deep), abs=1e-4)


def test_a_click_of_the_right_button_changes_nothing(user: User, deep: Path) -> None:
    program = user.start(deep)
    drag_right(program, 1, 1)
    assert program.state.current is not None
    assert program.state.current.levels == AUTO
    assert not program.window.actions_by_id["levels_auto"].isEnabled()
    pages = ("Previous page", "Next page")
    assert menu_texts() == [*FIRST, NOTE, *pages, *LAST, HERE]


def test_the_menu_of_the_image_sets_the_levels_back(user: User, deep: Path) -> None:
    program = user.start(deep)
    drag_right(program, -150, 30)
    settled(user)
    image = program.state.current
    assert image is not None
    assert image.levels != AUTO
    assert QApplication.activePopupWidget() is None, "a drag is no click"
    drag_right(program, 0, 0)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    (back,) = [action for action in menu.actions() if name_of(action) == "Automatic levels"]
    back.trigger()
    menu.close()
    settled(user)
    assert image.levels == AUTO
    assert shown_logit(program) == pytest.approx(top_logit(deep), abs=1e-4)


def test_levels_set_by_hand_are_said_and_kept(user: User, deep: Path) -> None:
    """On the image, and in the panel of the model; also after a visit to another image."""
    program = user.start(deep)
    program.controller.images.open_scenes()
    settled(user)
    program.controller.images.step(-1)
    settled(user)
    program.window.actions_by_id["input_output"].trigger()
    panel = child(program.window, InputPanel)
    user.until(lambda: "Levels: minimum to maximum" in panel._levels.text())
    program.controller.views.choose_levels(window(2000, 1000))
    user.until(lambda: "Levels: window, 1,500 to 2,500" in panel._levels.text())
    assert program.window.canvas._levels == "Levels: window, 1,500 to 2,500"
    program.controller.images.step(1)
    settled(user)
    program.controller.images.step(-1)
    settled(user)
    assert program.state.current is not None
    assert program.state.current.levels == window(2000, 1000)
    assert program.window.canvas._levels == "Levels: window, 1,500 to 2,500"


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_the_menu_of_an_eight_bit_image(user: User, by: str) -> None:
    program = user.start()
    viewport = program.window.canvas.viewport()
    if by == "mouse":
        drag_right(program, 0, 0)
    else:
        reason = QContextMenuEvent.Reason.Keyboard
        QApplication.sendEvent(viewport, QContextMenuEvent(reason, QPoint(), QPoint()))
    here = (HERE,) if by == "mouse" else ()
    assert menu_texts() == [*FIRST, NOTE, *LAST, *here]


def test_eight_bit_images_have_no_levels(user: User) -> None:
    program = user.start()
    drag_right(program, -150, 60)
    assert program.state.current is not None
    assert program.state.current.levels == AUTO
    assert program.window.canvas._levels == ""
    assert menu_texts()


def test_pages(user: User, deep: Path) -> None:
    program = user.start(deep)
    state, bar = program.state, child(program.window, PageBar)
    assert bar.isVisible()
    program.window.canvas.zoom_in()
    zoom = program.window.canvas.zoom
    program.window.actions_by_id["next_page"].trigger()
    settled(user)
    assert state.current is not None
    assert state.current.loaded is not None
    assert state.current.loaded.page == 2
    assert program.window.canvas.zoom == zoom
    assert child(bar, QSlider).value() == 2
    assert shown_logit(program) == pytest.approx(top_logit(deep, page=2), abs=1e-4)
    program.window.actions_by_id["next_page"].trigger()  # there is none
    child(bar, QSlider).setValue(1)
    settled(user)
    assert shown_logit(program) == pytest.approx(top_logit(deep), abs=1e-4)
    program.controller.images.open_scenes()
    user.wait_explained()
    assert not bar.isVisible()


def test_levels_of_the_model(user: User, deep: Path) -> None:
    program = user.start(deep)
    program.window.actions_by_id["input_output"].trigger()
    panel = child(program.window, InputPanel)
    user.until(lambda: "Levels: minimum to maximum" in panel._levels.text())
    user.settle()
    fields = panel._form._levels
    place = fields._mode.findData(LevelsMode.WINDOW)
    fields._mode.setCurrentIndex(place)
    fields._mode.activated.emit(place)
    state = program.state
    user.until(lambda: state.info is not None and state.policy.mode is LevelsMode.WINDOW)
    settled(user)
    image = state.current
    assert image is not None
    assert image.loaded is not None
    assert image.loaded.shown is not None
    assert (image.loaded.shown.low, image.loaded.shown.high) == (0, 256)
    assert shown_logit(program) == pytest.approx(top_logit(deep, levels=window(128, 256)), abs=1e-4)
    user.until(lambda: "Levels: window" in panel._levels.text())
    numbers = panel._numbers.text()
    assert "mean" in numbers
    assert numbers.startswith("Each channel: ")


def test_the_value_under_the_pointer(user: User, deep: Path) -> None:
    program = user.start(deep)
    canvas, image = program.window.canvas, program.state.current
    assert image is not None
    assert image.loaded is not None
    assert image.loaded.depth is not None
    canvas._pointer = QPointF(canvas.viewport().rect().center())
    canvas.pointer_changed()
    readout = canvas._readout
    assert readout is not None
    assert readout.raw.replace(",", "") == str(image.loaded.depth.values[readout.y, readout.x])


def test_the_value_of_an_edited_grey_image_is_one(user: User, deep: Path) -> None:
    program = user.start(deep)
    program.controller.what_if.editor.add(Hide(Rectangle(0, 0, 40, 30)), "hide")
    settled(user)
    canvas, shown = program.window.canvas, program.state.loaded_of(program.state.pane)
    assert shown is not None
    assert shown.depth is not None
    canvas._pointer = QPointF(canvas.viewport().rect().center())
    canvas.pointer_changed()
    readout = canvas._readout
    assert readout is not None
    assert float(readout.raw) == pytest.approx(
        shown.pixels[readout.y, readout.x, 0] / 255, abs=0.003
    )


def test_a_folder_of_dicom_files_without_suffixes(user: User, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    for number in range(3):
        values = np.full((40, 50), 100 * number, np.uint16)
        values[10:20, 10:20] = 900
        (folder / f"IM{number}").write_bytes(written(dataset(values)))
    (folder / "1.2.840.77").write_bytes(written(dataset(values)))
    (folder / "DICOMDIR").write_bytes(written(dataset(values)))
    (folder / "LICENCE").write_text("no image")
    program = user.start(folder)
    names = [image.name for image in program.state.images.values()]
    assert names == ["1.2.840.77", "IM0", "IM1", "IM2"]
    program.controller.images.open_paths([folder / "DICOMDIR"])
    user.settle()
    assert len(program.state.images) == 4


def test_the_keys_turn_pages(user: User, deep: Path) -> None:
    program = user.start(deep)
    user.press(Key.Key_PageDown, Modifier.ControlModifier)
    settled(user)
    assert program.state.current is not None
    assert program.state.current.page == 2


# ------------------------------------------------------------------ pages, numbers


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "tif", "8-bit.tif"])
def test_a_page_is_kept_while_another_image_is_visited(
    user: User, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"three.{kind}"
    mode = np.uint16 if kind == "tif" else np.uint8
    greys = [np.full((60, 80), grey, mode) for grey in (40, 120, 200)]
    for page, values in enumerate(greys):
        values[10:30, 10 + 15 * page : 30 + 15 * page] = 250
    first, *rest = map(Image.fromarray, greys)
    options = {"lossless": True} if kind == "webp" else {}
    first.save(path, save_all=True, append_images=rest, **options)
    program = user.start(path)
    bar, images = child(program.window, PageBar), program.controller.images
    assert bar.isVisible()
    assert (child(bar, QSlider).minimum(), child(bar, QSlider).maximum()) == (1, 3)
    child(bar, QSlider).setValue(3)
    settled(user)

    def shown() -> np.ndarray:
        image = program.state.current
        assert image is not None
        assert image.loaded is not None
        assert (image.page, image.loaded.page) == (3, 3)
        loaded = image.loaded
        return loaded.pixels[..., 0] if loaded.depth is None else loaded.depth.values

    assert np.abs(shown().astype(int) - greys[2]).max() <= 2
    images.open_scenes()
    settled(user)
    assert not bar.isVisible()
    image = next(image for image in program.state.images.values() if image.path == path)
    image.loaded = image.picture = None  # as if its memory had been needed
    images.step(-1)
    settled(user)
    assert np.abs(shown().astype(int) - greys[2]).max() <= 2
    assert child(bar, QSlider).value() == 3


def test_the_numbers_are_those_of_the_picture_not_of_the_range(user: User, tmp_path: Path) -> None:
    """Mean and standard deviation of 0.5 take 0 to 255 to -1 to 1; these pixels have 33 to 144."""
    values = np.zeros((256, 256, 3), np.uint8)
    values[...] = (33, 60, 144)
    values[:, 128:] = (144, 90, 33)
    values[:64] = 100
    Image.fromarray(values).save(tmp_path / "narrow.png")
    program = user.start(tmp_path / "narrow.png")
    program.window.actions_by_id["input_output"].trigger()
    panel = child(program.window, InputPanel)
    user.until(lambda: panel._numbers.text().count("\n") == 2)
    seen = (values[16:240, 16:240] / 255 - 0.5) / 0.5
    wanted = []
    for channel, name in enumerate(("Red", "Green", "Blue")):
        part = seen[..., channel]
        wanted.append(f"{name}: {part.min():.3f} to {part.max():.3f}, mean {part.mean():.3f}")
    assert panel._numbers.text().replace("\u2212", "-") == "\n".join(wanted)
    assert wanted[0].startswith("Red: -0.741 to 0.129")


# ------------------------------------------------------------------ patients


def test_title_and_suggested_name_leave_the_patient_out(user: User, tmp_path: Path) -> None:
    """Whether the file is read, visited or still to be read; its name in the strip stays."""
    values = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    scan = tmp_path / f"JRoe {NUMBER} {DATE} axial.dcm"
    scan.write_bytes(written(dataset(values)))
    program, titles = user.start(), list[str]()
    program.window.windowTitleChanged.connect(titles.append)
    program.controller.images.open_paths([scan])
    user.until(lambda: "axial" in program.window.windowTitle())
    settled(user)
    task = program.controller.exports.task()
    assert task is not None
    assert program.state.current is not None
    assert program.state.current.name == scan.name
    suggested = _file_name(task)
    assert "axial" in suggested
    program.controller.images.step(-1)
    settled(user)
    program.controller.images.step(1)
    settled(user)
    for text in (*titles, suggested):
        for word in ("roe", NUMBER, DATE):
            assert word.lower() not in text.lower()


def test_the_log_names_no_image(
    user: User, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = written(dataset(np.zeros((64, 64), np.uint16)))
    folder = tmp_path / "Roe_Jane"
    folder.mkdir()
    for name, cut in (("JRoe.dcm", 300), ("JRoe 2.dcm", 0)):
        (folder / name).write_bytes(content[:cut])
    program = user.start()
    with caplog.at_level(logging.DEBUG):
        program.controller.images.open_paths([folder])
        user.until(lambda: sum(bool(i.error) for i in program.state.images.values()) == 2)
        user.settle()
    assert "…: the " in caplog.text
    assert "roe" not in caplog.text.lower()
