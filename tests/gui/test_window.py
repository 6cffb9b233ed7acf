"""The whole window, put together as the program does it, driven by drops, keys and clicks."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QByteArray, QEvent, QMimeData, QPoint, QSettings, Qt, QUrl
from PySide6.QtGui import (
    QAccessible,
    QColor,
    QDragEnterEvent,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QApplication,
    QDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from engine.errors import LayerError
from engine.formats.demo import SCENES
from gui.app.program import Program
from gui.settings import table
from gui.state.notices import NoticeKind
from gui.toolkit import theme
from gui.widgets.dialogs.export import ExportDialog
from gui.widgets.predictions.model import ClassModel
from tests.gui.user import WAIT_MS, Key, Modifier, User, child, files

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = [folder / name for name in ("a.png", "b.png", "c.png")]
    for path, color in zip(paths, ("red", "green", "blue"), strict=True):
        Image.new("RGB", (200, 150), color).save(path)
    return paths


def teal() -> QImage:
    image = QImage(90, 60, QImage.Format.Format_RGB32)
    image.fill(QColor("teal"))
    return image


# --- the first start -----------------------------------------------------------------------------


def test_the_first_start_shows_the_demo_explained_with_an_invitation(user: User) -> None:
    program = user.start()
    window, info = program.window, program.state.info
    assert info is not None
    assert user.layer == info.default_layer
    assert window.windowTitle().startswith(SCENES[0].title)
    assert (window.notice.kind, window.notice.text) == (NoticeKind.HINT, SCENES[0].invitation)
    assert len(window.strip.keys()) == len(SCENES)
    assert window.tree.current() == window.tree.explained() == info.default_layer
    assert window.predictions.selected() == user.target
    assert info.default_layer in user.said
    assert window.device_label.text() == info.device.upper()


def test_while_the_engine_loads_the_panels_say_so_and_the_image_is_there(user: User) -> None:
    program = user.start(explained=False)
    bench: Any = program.controller._worker
    original = bench.load_engine
    bench.load_engine = lambda watch: (user.gate.wait(WAIT_MS / 1000), original(watch))[1]
    user.until(lambda: program.controller.engine_lane.running is not None)
    user.until(
        lambda: program.state.current is not None and program.state.current.picture is not None
    )
    labels = [label.text() for label in program.window.findChildren(QLabel) if label.isVisible()]
    assert labels.count("Loading the engine…") == 2
    user.gate.set()
    user.wait_explained()


def test_an_invitation_that_was_closed_does_not_come_back(user: User) -> None:
    program = user.start()
    program.window.notice._dismiss()
    user.leave()
    assert user.start().window.notice.kind == ""


def test_a_scene_of_the_other_network_offers_to_open_it(user: User) -> None:
    program = user.start()
    keys = list(program.state.images)
    program.window.strip.image_chosen.emit(keys[4])
    user.wait_explained()
    notice = program.window.notice
    assert notice.kind == NoticeKind.HINT
    # Under the network that is open, the heat is on the star.
    assert notice.text == "This scene is meant for the model 'demo:shortcut'."
    QTest.mouseClick(child(notice, QPushButton), Qt.MouseButton.LeftButton)
    user.until(lambda: getattr(program.state.info, "source", "") == "demo:shortcut")
    user.wait_explained()
    assert SCENES[4].invitation == notice.text


# --- dropping and pasting ------------------------------------------------------------------------


def test_a_dropped_file_is_opened_and_explained(user: User, pictures: list[Path]) -> None:
    program = user.start()
    assert user.drop(files(pictures[0])) == "Open a.png"
    user.until(lambda: program.window.windowTitle().startswith("a.png"))
    user.wait_explained()
    assert program.state.explanation is not None
    assert program.state.explanation.image == "a.png"


def test_files_can_be_dropped_on_every_part_of_the_window(user: User, pictures: list[Path]) -> None:
    """Text fields and lists would take them for text."""
    program = user.start()
    window = program.window
    for place in window.findChildren(QWidget):
        if not place.isVisible() or place.window() is not window:
            continue
        target = place.viewport() if isinstance(place, QAbstractScrollArea) else place
        assert user.drop(files(pictures[0], text=True), target) == "Open a.png", place
    user.settle()
    assert user.names.count("a.png") == 1
    assert [field.text() for field in window.findChildren(QLineEdit) if field.text()] == []


def test_many_files_and_a_folder(user: User, pictures: list[Path]) -> None:
    program = user.start()
    assert user.drop(files(*pictures[1:])) == "Open 2 files"
    # The demo scenes make room for them.
    user.until(lambda: len(user.names) == 2)
    assert user.drop(files(pictures[0].parent)) == "Open pictures"
    user.until(lambda: len(user.names) == 3)
    user.settle()
    assert len(program.window.strip.keys()) == 3


def test_image_data_from_a_browser(user: User) -> None:
    user.start()
    data = io.BytesIO()
    Image.new("RGB", (90, 60), "teal").save(data, "PNG")
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/teal.png")])
    mime.setData("image/png", QByteArray(data.getvalue()))
    assert user.drop(mime) == "Open this image"
    user.until(lambda: "pasted image" in user.names)
    user.wait_explained()


def test_only_an_address_is_told_with_the_way_out(user: User) -> None:
    program = user.start()
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/teal.png")])
    user.drop(mime)
    notice = program.window.notice
    assert notice.kind == NoticeKind.WARNING
    assert "https://example.org/teal.png" in notice.text
    assert "Save the image" in notice.text


def test_a_dropped_file_that_is_no_model_leaves_the_open_one(user: User, tmp_path: Path) -> None:
    weights = tmp_path / "resnet18-mine.pth"
    weights.write_bytes(b"these are no weights")
    program = user.start()
    before = program.state.info
    assert user.drop(files(weights)) == "Open the model resnet18-mine.pth"
    user.until(lambda: program.window.notice.kind == NoticeKind.ERROR)
    assert "resnet18-mine.pth" in program.window.notice.text
    assert program.state.info is before
    assert user.layer


def test_paste_a_picture_a_file_and_nothing(user: User, pictures: list[Path]) -> None:
    program = user.start()
    clipboard = QGuiApplication.clipboard()
    clipboard.setImage(teal())
    user.press(Key.Key_V, Modifier.ControlModifier)
    user.until(lambda: "pasted image" in user.names)
    clipboard.setMimeData(files(pictures[1]))
    user.press(Key.Key_V, Modifier.ControlModifier)
    user.until(lambda: "b.png" in user.names)
    clipboard.setText("words")
    user.press(Key.Key_V, Modifier.ControlModifier)
    assert "no image" in program.window.notice.text
    user.settle()
    clipboard.clear()


def test_a_drop_that_nothing_comes_of_says_what_to_do(user: User) -> None:
    program = user.start()
    promised = QMimeData()
    promised.setData("image/png", QByteArray(b""))
    user.drop(promised)
    assert "Try again" in program.window.notice.text
    assert user.names == [scene.title for scene in SCENES]


def test_nothing_is_accepted_that_cannot_be_opened(user: User) -> None:
    window = user.start().window
    mime = QMimeData()
    mime.setText("some words")
    enter = QDragEnterEvent(
        QPoint(5, 5),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Modifier.NoModifier,
    )
    enter.ignore()
    QApplication.sendEvent(window, enter)
    assert not enter.isAccepted()


# --- keys ----------------------------------------------------------------------------------------


def test_arrows_in_the_tree_explain(user: User) -> None:
    program = user.start()
    user.focus_tree()
    start = program.window.tree.current()
    user.press(Key.Key_Up)
    above = program.window.tree.current()
    assert above not in (None, start)
    user.wait_layer(str(above))
    user.press(Key.Key_Down)
    user.wait_layer(str(start))


def test_a_row_that_cannot_be_explained_says_why_and_leaves_the_map(user: User) -> None:
    program = user.start()
    node = next(node for node in program.state.layers if node.name and not node.explainable)
    shown = user.layer
    user.focus_tree()
    user.press(Key.Key_Down)
    assert program.window.tree.current() == node.name
    labels = [label.text() for label in program.window.tree.findChildren(QLabel)]
    assert any(node.reason in text for text in labels)
    assert not program.state.computing
    assert user.layer == shown


def test_numbers_choose_a_predicted_class(user: User) -> None:
    program = user.start()
    answer = program.state.answer
    assert answer is not None
    for rank in (3, 2, 1):
        user.press(Key(ord(str(rank))))
        user.until(lambda rank=rank: user.target == answer.predictions[rank - 1].index)  # type: ignore[misc]
    user.settle()
    assert program.window.predictions.selected() == answer.predictions[0].index


def test_space_shows_the_bare_image_while_it_is_held(user: User) -> None:
    program = user.start()
    canvas = program.window.canvas
    with_map = canvas.grab().toImage()
    for place in (user.tree(), canvas):
        place.setFocus()
        explained = user.layer
        QTest.keyPress(place, Key.Key_Space)
        assert canvas._bare
        assert canvas.grab().toImage() != with_map
        QTest.keyRelease(place, Key.Key_Space)
        assert not canvas._bare
        assert user.layer == explained


def test_a_repeat_of_space_that_is_told_as_a_release_goes_on_showing_it(user: User) -> None:
    """X11 tells a repeat as a release and a press; apart, only the press says that it is one."""
    canvas = user.start().window.canvas
    canvas.setFocus()
    QTest.keyPress(canvas, Key.Key_Space)
    QTest.keyRelease(canvas, Key.Key_Space)
    none = Qt.KeyboardModifier.NoModifier
    again = QKeyEvent(QEvent.Type.KeyPress, Key.Key_Space, none, " ", True)
    QApplication.sendEvent(canvas, again)
    assert canvas._bare
    QTest.keyRelease(canvas, Key.Key_Space)
    assert not canvas._bare


def test_space_in_a_text_field_is_a_space(user: User) -> None:
    program = user.start()
    user.press(Key.Key_F, Modifier.ControlModifier)
    field = QApplication.focusWidget()
    assert isinstance(field, QLineEdit)
    user.type("a b1f[")
    assert field.text() == "a b1f["
    assert not program.window.canvas._bare


def test_zoom_keys(user: User) -> None:
    canvas = user.start().window.canvas
    canvas.setFocus()
    fitted = canvas.zoom
    user.press(Key.Key_Plus)
    assert canvas.zoom > fitted
    user.press(Key.Key_Minus)
    assert canvas.zoom == pytest.approx(fitted)
    user.press(Key.Key_1, Modifier.ControlModifier)
    assert canvas.zoom == pytest.approx(1)
    user.press(Key.Key_F)
    assert canvas.zoom == pytest.approx(fitted)
    user.press(Key.Key_1, Modifier.ControlModifier)
    user.press(Key.Key_0, Modifier.ControlModifier)
    assert canvas.zoom == pytest.approx(fitted)


def test_display_keys_recolour_and_never_run_the_network(user: User) -> None:
    program = user.start()
    jobs: list[object] = []
    program.controller.engine_lane.busy_changed.connect(jobs.append)
    settings = program.settings
    user.press(Key.Key_BracketLeft)
    assert settings.get(table.OPACITY) == pytest.approx(0.6)
    user.press(Key.Key_BracketRight)
    user.press(Key.Key_BracketRight)
    assert settings.get(table.OPACITY) == pytest.approx(0.8)
    user.press(Key.Key_G)
    assert settings.get(table.INTERPOLATION) == "grid"
    user.press(Key.Key_G)
    assert settings.get(table.INTERPOLATION) == "smooth"
    for key, sign in ((Key.Key_N, "negative"), (Key.Key_S, "signed"), (Key.Key_P, "positive")):
        user.press(key, Modifier.ShiftModifier)
        assert settings.get(table.SIGN) == sign
    canvas = program.window.canvas
    user.press(Key.Key_O)
    assert not canvas._overlay_visible
    user.press(Key.Key_O)
    assert canvas._overlay_visible
    assert jobs == []


def test_the_default_layer_by_key(user: User) -> None:
    program = user.start()
    assert program.state.info is not None
    program.window.tree.layer_chosen.emit("conv1")
    user.wait_layer("conv1")
    user.press(Key.Key_D)
    user.wait_layer(program.state.info.default_layer)
    assert program.window.tree.current() == program.state.info.default_layer


def test_filter_find_and_back(user: User) -> None:
    window = user.start().window
    user.press(Key.Key_F, Modifier.ControlModifier)
    field = QApplication.focusWidget()
    assert isinstance(field, QLineEdit)
    assert window.tree.isAncestorOf(field)
    user.type("layer2")
    user.press(Key.Key_Escape)
    assert field.text() == ""
    user.press(Key.Key_K, Modifier.ControlModifier)
    search = QApplication.focusWidget()
    assert isinstance(search, QLineEdit)
    assert window.predictions.isAncestorOf(search)
    user.type("star")
    user.press(Key.Key_Return)
    user.until(lambda: user.target == 2)
    user.settle()


def test_page_keys_walk_through_the_images(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures)
    program.window.canvas.setFocus()
    user.press(Key.Key_PageDown)
    user.until(lambda: program.window.windowTitle().startswith("b.png"))
    user.wait_explained()
    assert program.window.strip.current() == program.state.current_key
    child(program.window.strip, QAbstractItemView).setFocus()
    user.press(Key.Key_PageUp)
    user.until(lambda: program.window.windowTitle().startswith("a.png"))
    user.wait_explained()


def test_page_keys_change_the_image_whatever_has_the_focus(
    user: User, pictures: list[Path]
) -> None:
    program = user.start(*pictures)
    window = program.window
    shown = {path.name for path in pictures[:2]}
    places = [
        place
        for place in window.findChildren(QWidget)
        if place.isVisible()
        and place.window() is window
        and place.focusPolicy() & Qt.FocusPolicy.TabFocus
        and place.isEnabled()
    ]
    kinds = {type(place).__name__ for place in places}
    assert {"LayerView", "ClassList", "PaneCanvas", "ImageCanvas", "QSlider"} & kinds
    assert len(places) > 8
    for place in places:
        place.setFocus()
        rows = user.tree().currentIndex()
        names = set()
        for key in (Key.Key_PageDown, Key.Key_PageUp):
            QTest.keyClick(place, key)
            assert program.state.current is not None
            names.add(program.state.current.name)
        assert names == shown, place
        assert user.tree().currentIndex() == rows
    user.wait_explained()


def test_escape_stops(user: User) -> None:
    program = user.start()
    bench: Any = program.controller._worker
    original, begun = bench.explain, threading.Event()

    def held(*args: Any) -> Any:
        begun.set()
        user.gate.wait(WAIT_MS / 1000)
        return original(*args)

    bench.explain = held
    layer = user.layer
    user.focus_tree()
    program.window.tree.layer_chosen.emit("conv1")
    user.until(begun.is_set)
    assert program.state.computing
    user.press(Key.Key_Escape)
    assert not program.state.computing
    user.gate.set()
    user.settle()
    assert user.layer == layer


def test_every_shortcut_belongs_to_one_action(user: User) -> None:
    seen: dict[str, str] = {}
    for id, action in user.start().window.actions_by_id.items():
        for shortcut in action.shortcuts():
            text = shortcut.toString(QKeySequence.SequenceFormat.PortableText)
            assert text not in seen, f"{text} is both {seen[text]} and {id}"
            seen[text] = id


# --- clicks --------------------------------------------------------------------------------------


def test_a_click_in_the_predictions_explains_that_class(user: User) -> None:
    program = user.start()
    views = program.window.predictions.findChildren(QAbstractItemView)
    (view,) = [v for v in views if v.isVisible()]
    model = view.model()
    assert isinstance(model, ClassModel)
    index = model.index(1, 0)
    QTest.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center()
    )
    user.until(lambda: user.target == model.class_at(index))
    user.settle()


def test_sweep_thumbnails_come_go_and_come_back(user: User) -> None:
    program = user.start(sweep=True)
    shown = program.window.tree._model.thumbnails
    user.until(lambda: len(shown) > 30)
    action = program.window.actions_by_id["sweep"]
    action.trigger()
    assert shown == {}
    action.trigger()
    user.until(lambda: len(shown) > 30)
    user.settle()


# --- errors where they belong --------------------------------------------------------------------


def test_an_image_that_cannot_be_read_says_why_on_the_canvas(user: User, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("words")
    program = user.start(bad, explained=False)
    user.until(lambda: "bad.png" in user.said)
    assert "Cannot open this image" in user.said
    user.until(lambda: program.state.info is not None)
    user.settle()
    assert not program.state.computing
    assert not program.window.actions_by_id["export"].isEnabled()


def test_a_layer_that_fails_says_why_and_takes_the_old_map_away(user: User) -> None:
    program = user.start()
    bench: Any = program.controller._worker
    original = bench.explain

    def failing(*_args: Any) -> Any:
        bench.explain = original
        raise LayerError("conv1: the map is not finite")

    bench.explain = failing
    program.window.tree.layer_chosen.emit("conv1")
    user.until(lambda: "conv1: the map is not finite" in user.said)
    assert program.window.notice.text == "conv1: the map is not finite"
    assert not program.window.actions_by_id["export"].isEnabled()
    program.window.tree.layer_chosen.emit("conv1")
    user.wait_layer("conv1")
    assert program.window.notice.kind != NoticeKind.ERROR
    assert "not finite" not in user.said


def test_no_image_says_what_to_do(user: User, pictures: list[Path]) -> None:
    program = user.start(pictures[0])
    user.press(Key.Key_W, Modifier.ControlModifier)
    user.until(lambda: not program.state.images)
    assert "Ctrl+O" in user.said
    assert program.window.windowTitle() == "Hookscope"
    for id in ("export", "copy", "close_image"):
        assert not program.window.actions_by_id[id].isEnabled()
    user.settle()


# --- many ----------------------------------------------------------------------------------------


def test_two_hundred_images_in_the_strip(user: User, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(200):
        Image.fromarray(np.full((30, 40, 3), i, np.uint8)).save(folder / f"{i:03}.png")
    program = user.start(folder)
    strip = program.window.strip
    assert len(strip.keys()) == 200
    strip.image_chosen.emit(strip.keys()[150])
    user.until(lambda: program.window.windowTitle().startswith("150.png"))
    user.wait_explained()
    assert strip.current() == strip.keys()[150]
    assert len(program.settings.get(table.RECENT_IMAGES)) == table.MAX_IMAGES


# --- export and copy -----------------------------------------------------------------------------


def test_export_by_key_asks_then_writes_then_says_where(user: User, tmp_path: Path) -> None:
    program = user.start()
    user.press(Key.Key_E, Modifier.ControlModifier)
    dialog = user.dialog(ExportDialog)
    dialog.take(tmp_path / "out.png")
    with user.qtbot.waitSignal(program.controller.exports.written, timeout=WAIT_MS):
        pass
    assert program.window.notice.text == "Exported out.png, out.json"
    original = program.state.current
    assert original is not None
    assert original.loaded is not None
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.width >= original.loaded.width
    user.settle()


def test_copy_puts_the_picture_with_its_map_on_the_clipboard(user: User) -> None:
    program = user.start()
    program.window.canvas.setFocus()
    user.press(Key.Key_C, Modifier.ControlModifier)
    image = QGuiApplication.clipboard().image()
    assert not image.isNull()
    assert program.window.notice.text == "Image copied to the clipboard."
    QGuiApplication.clipboard().clear()


# --- what is remembered --------------------------------------------------------------------------


def test_the_theme_is_switched_at_once(user: User) -> None:
    program = user.start()
    for choice, dark in (("dark", True), ("light", False)):
        program.window.actions_by_id[f"theme_{choice}"].trigger()
        assert theme.current().dark is dark
        assert program.window.actions_by_id[f"theme_{choice}"].isChecked()
        assert program.settings.theme() == choice


def test_settings_live_on_in_the_next_start(user: User, pictures: list[Path]) -> None:
    program = user.start(pictures[0])
    program.window.resize(780, 620)  # the screen of the tests is 800 x 800
    program.window.columns.moveSplitter(260, 1)
    program.window.columns.moveSplitter(541, 2)
    sizes = program.window.columns.sizes()
    program.window.actions_by_id["theme_dark"].trigger()
    program.window.actions_by_id["colormap_viridis"].trigger()
    user.press(Key.Key_BracketRight)
    user.leave()
    theme.apply(user.application, "light")

    store = QSettings(str(user.store), QSettings.Format.IniFormat)
    again = Program(user.application, store)
    user.program = again
    user._programs.append(again)
    again.start()
    user.wait_explained()
    assert theme.current().dark
    assert again.window.size().toTuple() == (780, 620)
    assert again.window.columns.sizes() == sizes
    assert again.settings.display().colormap == "viridis"
    assert again.settings.display().opacity == pytest.approx(0.8)
    assert (
        again.window.display.display() == again.settings.display()
        if hasattr(again.window.display, "display")
        else True
    )
    assert again.settings.get(table.RECENT_IMAGES) == (str(pictures[0]),)


def test_recent_files_are_in_the_menu_and_open_again(user: User, pictures: list[Path]) -> None:
    user.start(*pictures[:2])
    user.leave()
    program = user.start()
    entries = program.window.actions_by_id.menu("recent_images").actions()
    assert [entry.text() for entry in entries][:2] == ["a.png", "b.png"]
    entries[1].trigger()
    user.until(lambda: program.window.windowTitle().startswith("b.png"))
    user.wait_explained()


def test_reset_asks_and_then_forgets(user: User, pictures: list[Path]) -> None:
    program = user.start(pictures[0])
    program.window.actions_by_id["colormap_viridis"].trigger()
    for answer, left in (("Cancel", "viridis"), ("Reset", "inferno")):
        program.window.actions_by_id["reset_settings"].trigger()
        user.until(lambda: bool(program.window.findChildren(QDialog)))
        dialog = program.window.findChildren(QDialog)[-1]
        (button,) = [b for b in dialog.findChildren(QPushButton) if answer in b.text()]
        with user.qtbot.waitSignal(dialog.destroyed, timeout=WAIT_MS):
            button.click()
        assert program.settings.display().colormap == left
    assert program.settings.get(table.RECENT_IMAGES) == ()
    assert program.window.actions_by_id["colormap_inferno"].isChecked()


# --- closing -------------------------------------------------------------------------------------


def test_the_window_closes_while_a_job_runs(user: User) -> None:
    program = user.start()
    bench: Any = program.controller._worker
    begun = threading.Event()

    def endless(*args: Any) -> Any:
        begun.set()
        while True:
            args[2].cancel.raise_if_cancelled()

    bench.explain = endless
    program.window.tree.layer_chosen.emit("conv1")
    user.until(begun.is_set)
    user.leave()


_CLOSE_EARLY = """
import sys, threading
from PySide6.QtCore import QSettings, QTimer
from gui.app.application import create_application
from gui.app.program import Program
application = create_application()
program = Program(application, QSettings({store!r}, QSettings.Format.IniFormat))
timer = QTimer()
timer.setInterval(1)
def look():
    if "torch" in sys.modules:
        timer.stop()
        print("torch.nn" in sys.modules and hasattr(sys.modules["torch"], "save"))
        program.window.close()
timer.timeout.connect(look)
timer.start()
program.start()
code = application.exec()
print(program.controller.engine_lane.alive, program.controller.file_lane.alive)
sys.exit(code)
"""


def test_the_window_closes_while_torch_is_imported(
    tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CLOSE_EARLY.format(store=str(tmp_path / "s.ini"))],
        cwd=ROOT,
        env=child_env(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    imported, alive = done.stdout.split("\n")[:2]
    assert imported == "False", "torch was there before the window could be closed"
    assert alive == "False False"


# --- for everyone --------------------------------------------------------------------------------


def test_whatever_takes_the_focus_has_a_name(user: User) -> None:
    window = user.start().window
    nameless = []
    for widget in window.findChildren(QWidget):
        if widget.focusPolicy() == Qt.FocusPolicy.NoFocus or not widget.isVisible():
            continue
        if widget.focusProxy() is not None:
            continue
        interface = QAccessible.queryAccessibleInterface(widget)
        if not interface.text(QAccessible.Text.Name):
            nameless.append(f"{type(widget).__name__} {widget.objectName()}")
    assert nameless == []


def test_tab_reaches_tree_predictions_display_and_strip(user: User) -> None:
    window = user.start().window
    user.focus_tree()
    reached: set[str] = set()
    panels = {
        "tree": window.tree,
        "predictions": window.predictions,
        "display": window.display,
        "strip": window.strip,
        "canvas": window.canvas,
    }
    for _ in range(80):
        user.press(Key.Key_Tab)
        focus = QApplication.focusWidget()
        assert focus is not None
        reached |= {n for n, p in panels.items() if p is focus or p.isAncestorOf(focus)}
    assert reached == set(panels)
