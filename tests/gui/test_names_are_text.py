"""A stranger's names are text in every widget: nothing is loaded, obeyed or out of sight."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from PySide6.QtGui import QGuiApplication, QHelpEvent
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QMenu, QTabBar, QToolTip, QWidget

from engine.errors import ChoiceNeeded, ConsentNeeded
from engine.formats.demo import SCENES
from engine.questions import (
    NetworkOption,
    Parameter,
    WhichArchitecture,
    WhichInput,
    WhichNetwork,
    WhichStateDict,
    WhichWeights,
)
from engine.records.sources import ModelSource
from gui.controllers.models import NamedModel
from gui.state.notices import NoticeKind
from gui.widgets.dialogs.crash import CrashDialog
from gui.widgets.dialogs.export import ExportDialog
from gui.widgets.dialogs.setup_check import CheckDialog
from gui.widgets.figures.batch import BatchDialog
from gui.widgets.figures.dialog import FigureDialog
from gui.widgets.gallery.dialog import GalleryDialog
from gui.widgets.input_output.dialog import InputPanel
from gui.widgets.layers.menu import menu_for
from tests.gui.texts import RAW, Text, all_texts, faults, name_of, painted
from tests.gui.user import User, files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses such file names")

MARK = "<img src="


def odd(picture: Path | None = None, letters: int = 300) -> str:
    """A name with a tag, an escape sequence, a turn of the reading order and a shortcut in it."""
    source = f"file://{picture}" if picture is not None else "x"
    return f"{MARK}'{source}'><b>\x1b[31m\u202e&Q\x9b\u2066{'w' * letters}end"


def network(layer: str) -> str:
    return f"""
from torch import nn

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.ReLU())
        self._modules[{layer!r}] = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self._modules["two\\nlines\\tand a tab"] = nn.ReLU()
        self._modules["long" * 25_000] = nn.Conv2d(8, 8, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        first, *rest, pool, head = self._modules.values()
        x = first(x)
        for module in rest:
            x = module(x)
        return head(pool(x).flatten(1))
"""


class StrangersFiles:
    """A stranger's files."""

    def __init__(self, folder: Path) -> None:
        self.lure = folder / "picture"
        Image.new("RGB", (16, 16), "red").save(self.lure, "PNG")
        # A layer's name may hold no dot, which divides it from the next.
        assert "." not in str(self.lure)
        self.name = odd(self.lure)
        self.file = odd(letters=120).replace("/", "")
        self.code = folder / f"{self.file}.py"
        self.code.write_text(network(self.name), encoding="utf-8")
        space: dict[str, object] = {"__name__": "odd"}
        exec(network(self.name), space)
        torch.manual_seed(0)
        self.weights = folder / f"{self.file}.pth"
        torch.save(space["Odd"]().state_dict(), self.weights)  # type: ignore[operator]
        self.classes = folder / f"{self.file}.txt"
        self.classes.write_text("\n".join([self.name, "b", self.name[::-1], "d"]), "utf-8")
        self.image = folder / f"{self.file}.png"
        self.image.write_bytes(SCENES[0].path.read_bytes())
        self.broken = folder / f"{self.file} broken.png"
        self.broken.write_bytes(b"no picture")

    @property
    def model(self) -> NamedModel:
        source = ModelSource(
            str(self.code),
            weights=str(self.weights),
            classes=str(self.classes),
            input="3x64x64",
        )
        return NamedModel(source, (self.code,))


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StrangersFiles:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return StrangersFiles(tmp_path)


def found_faults() -> list[str]:
    return sorted({fault for text in all_texts() for fault in faults(text, MARK)})


def standing(mark: str = MARK) -> list[Text]:
    """The texts that hold a stranger's name."""
    return [text for text in all_texts() if mark in text.text or "&lt;img src=" in text.text]


def tops() -> Iterator[QWidget]:
    return (widget for widget in QApplication.topLevelWidgets() if widget.isVisible())


def check(*, places: int) -> None:
    """Everything there is now. places: how many texts hold a stranger's name, at least."""
    assert found_faults() == []
    assert len(standing()) >= places, [text.where for text in standing()]
    for widget in tops():
        assert not RAW.search(painted(widget)), widget


def open_all(user: User, strangers: StrangersFiles) -> None:
    user.start(strangers.image, strangers.broken, model=strangers.model)
    state = user.program.state
    user.until(lambda: any(node.name == strangers.name for node in state.layers))
    user.wait_explained()


def test_the_window(user: User, strangers: StrangersFiles) -> None:
    open_all(user, strangers)
    window, state = user.program.window, user.program.state
    assert {node.name for node in state.layers} >= {strangers.name, "long" * 25_000}
    assert state.info is not None
    assert state.info.classes[0] == strangers.name
    user.program.controller.choose_layer(strangers.name)
    user.wait_layer(strangers.name)
    window.tree.select(strangers.name)
    user.program.controller.choose_class(0)
    user.until(lambda: user.target == 0 and not state.computing)
    check(places=25)
    said = painted(window)
    assert "&lt;img" in said
    assert "\\x1b[31m\\u202e" in said
    wheres = {text.where for text in standing()}
    for place in ("title of MainWindow", "tooltip of ElidedLabel", "DisplayRole of LayerView"):
        assert place in wheres
    for kind in ("ToolTipRole", "AccessibleTextRole"):
        for view in ("LayerView", "ClassList"):
            assert f"{kind} of {view}" in wheres
    assert "ToolTipRole of StripView" in wheres
    assert any(where.startswith("tooltip of action") for where in wheres)
    window.tree.select("long" * 25_000)
    user.program.controller.choose_layer("long" * 25_000)
    user.wait_layer("long" * 25_000)
    check(places=20)


def test_the_inspector(user: User, strangers: StrangersFiles) -> None:
    open_all(user, strangers)
    window, inspections = user.program.window, user.program.controller.inspections
    user.program.controller.choose_layer(strangers.name)
    user.wait_layer(strangers.name)
    user.program.controller.choose_class(0)
    user.until(lambda: user.target == 0 and not user.program.state.computing)
    window.actions_by_id["sweep"].trigger()
    window.actions_by_id["inspector"].trigger()
    user.until(lambda: strangers.name in window.drawer.film.view.listed())
    user.settle()
    check(places=25)
    tabs = window.drawer.findChild(QTabBar)
    assert isinstance(tabs, QTabBar)
    tabs.setCurrentIndex(2)
    user.until(lambda: inspections.gallery is not None)
    window.drawer.channels.channel_chosen.emit(3)
    user.until(lambda: inspections.shown is not None and not inspections.strongest.running)
    check(places=25)
    assert len(window.drawer.channels.strongest.listed()) == 1
    tabs.setCurrentIndex(3)
    check(places=25)


def test_tooltips_as_they_come_up(user: User, strangers: StrangersFiles) -> None:
    open_all(user, strangers)
    view = user.tree()
    user.program.window.tree.select(strangers.name)
    place = view.visualRect(view.currentIndex()).center()
    event = QHelpEvent(QHelpEvent.Type.ToolTip, place, view.viewport().mapToGlobal(place))
    QApplication.sendEvent(view.viewport(), event)
    user.until(QToolTip.isVisible)
    (tip,) = [one for one in QApplication.topLevelWidgets() if one.inherits("QTipLabel")]
    assert isinstance(tip, QLabel)
    written = painted(tip)
    assert "&lt;img src=" in written
    assert "\\x1b[31m\\u202e&amp;Q" in written
    assert tip.width() < 1400
    check(places=20)
    QToolTip.hideText()


def test_an_image_that_cannot_be_read(user: User, strangers: StrangersFiles) -> None:
    open_all(user, strangers)
    state, images = user.program.state, user.program.controller.images
    (key,) = [key for key, image in state.images.items() if image.path == strangers.broken]
    images.select(key)
    user.until(lambda: bool(state.images[key].error))
    check(places=20)
    assert MARK in user.said


def test_what_is_said_of_it(user: User, strangers: StrangersFiles) -> None:
    user.start()
    window, state = user.program.window, user.program.state
    for kind in NoticeKind:
        state.notify(kind, f"{strangers.name} cannot be read", strangers.name, "argument")
        window.status.set_work(f"Opening {strangers.name}")
        window.status.show_message(f"{strangers.name}\n{strangers.name}")
        check(places=5)
    state.notify(NoticeKind.ERROR, f"{strangers.name * 1000}")
    window.tree.set_message(f"{strangers.name * 1000}\n{strangers.name}")
    window.predictions.set_message(strangers.name * 1000)
    window.canvas.set_message(strangers.name, strangers.name * 1000)
    check(places=5)
    window.canvas.set_drop_hint(f"Open {strangers.name}")
    assert "&lt;img" in painted(window.canvas)
    check(places=5)
    width = window.width()
    QApplication.processEvents()
    assert window.width() == width
    assert window.minimumSizeHint().width() <= 720


def test_a_notice_goes_with_what_it_is_about_whatever_is_in_it(
    user: User, strangers: StrangersFiles
) -> None:
    """The bar knows it by what was said, not by what is shown."""
    user.start()
    state, bar = user.program.state, user.program.window.notice
    before, state.explanation, state.explain_error = state.explanation, None, strangers.name
    state.answer_changed.emit()
    assert bar.text == strangers.name
    state.explanation, state.explain_error = before, ""
    state.answer_changed.emit()
    assert bar.text == ""


def questions(strangers: StrangersFiles) -> dict[str, ChoiceNeeded | ConsentNeeded]:
    path, name = strangers.code, strangers.name
    parameters = (
        Parameter("classes", "int", None),
        Parameter("title", "str", repr(name)),
        Parameter("many", "value", repr([name] * 50)),
        Parameter("n" * 5000, "bool", "True"),
    )
    options = (
        NetworkOption(name, "class", parameters),
        NetworkOption("N" * 100_000, "function", parameters),
    )
    asked = {
        "architecture": WhichArchitecture(path, (name, "resnet50", name * 100)),
        "any architecture": WhichArchitecture(path, ()),
        "state dict": WhichStateDict(path, (name, name * 100)),
        "network": WhichNetwork(path, options),
        "arguments": WhichNetwork(path, options[:1]),
        "weights": WhichWeights(path, (strangers.weights, strangers.image)),
        "no weights": WhichWeights(path, ()),
        "input": WhichInput(path, 3, ((224, 224),)),
    }
    made: dict[str, ChoiceNeeded | ConsentNeeded] = {
        what: ChoiceNeeded(f"{name}: what is it?", question) for what, question in asked.items()
    }
    made["consent"] = ConsentNeeded(path, "0" * 64, f"it may call {name}", (name, name * 100, "os"))
    made["much consent"] = ConsentNeeded(path, "0" * 64, "it may do much", (name,) * 5_000)
    return made


@pytest.mark.parametrize(
    "what",
    [
        "architecture",
        "any architecture",
        "state dict",
        "network",
        "arguments",
        "weights",
        "no weights",
        "input",
        "consent",
        "much consent",
    ],
)
def test_questions(user: User, strangers: StrangersFiles, what: str) -> None:
    user.start()
    source = ModelSource(str(strangers.code))
    user.program.controller.models.asked.emit(source, questions(strangers)[what])
    dialog = user.dialog(QDialog)
    check(places=1)
    assert "&lt;img" in painted(dialog)
    assert dialog.width() <= 900, dialog.width()
    dialog.reject()
    check(places=1)


def test_the_default_of_an_argument_is_kept_whatever_is_in_it(
    user: User, strangers: StrangersFiles
) -> None:
    """The field shows it spelled; left as it is, it is no answer, so that the file's own counts."""
    from gui.widgets.dialogs.network import NetworkDialog

    user.start()
    option = NetworkOption("Net", "class", (Parameter("title", "str", repr(strangers.name)),))
    dialog = NetworkDialog(WhichNetwork(strangers.code, (option,)), user.program.window)
    given: list[object] = []
    dialog.chosen.connect(lambda *answer: given.append(answer))
    dialog._press()
    assert given == [("Net", ())]


def test_export_input_and_output_and_the_menus(user: User, strangers: StrangersFiles) -> None:
    open_all(user, strangers)
    window, actions = user.program.window, user.program.window.actions_by_id
    user.program.controller.choose_class(0)
    user.until(lambda: user.target == 0 and not user.program.state.computing)
    actions["input_output"].trigger()
    panel = user.dialog(InputPanel)
    user.settle()
    check(places=20)
    assert panel.minimumSizeHint().width() < 1000
    panel.show_fault(f"{strangers.name}: no")
    panel.close()
    actions["export"].trigger()
    dialog = user.dialog(ExportDialog)
    check(places=20)
    suggested = dialog._suggested.name
    assert not set(suggested) & set("<>&\"'/\\|?*:\x1b\u202e")
    dialog.reject()
    actions["figure"].trigger()
    figure = user.dialog(FigureDialog)
    user.until(lambda: figure.ready)
    check(places=20)
    assert not set(figure.suggested.name) & set("<>&\"'/\\|?*:\x1b\u202e")
    figure.show_failure(f"{strangers.name}: no")
    check(places=20)
    figure.many_requested.emit()
    batch = user.dialog(BatchDialog)
    batch.show_end(strangers.name, [strangers.name])
    check(places=20)
    batch.close()
    node = next(node for node in user.program.state.layers if node.name == strangers.name)
    menu = menu_for(node, strangers.name, lambda *_: None, window)
    check(places=20)
    next(action for action in menu.actions() if name_of(action) == "Copy name").trigger()
    copied = QGuiApplication.clipboard().text()
    assert not RAW.search(copied)
    assert copied.startswith(MARK)
    menu.deleteLater()
    recent = actions.menu("recent_models")
    assert isinstance(recent, QMenu)
    assert len(recent.actions()[0].text()) < 120


def test_reports_checks_and_the_gallery(user: User, strangers: StrangersFiles) -> None:
    user.start()
    window, name = user.program.window, strangers.name
    crash = CrashDialog(name, f"Open at that time: {name}.", f"{name}\n{name * 100}", name, window)
    crash.add(f"ValueError: {name}")
    crash.show()
    checks = CheckDialog({"step": name}, window)
    checks.show()
    checks.begin()
    checks.show_step("step", "failed", name)
    checks.end(name, f"{name}\n{name}")
    checks.copy()
    assert not RAW.search(QGuiApplication.clipboard().text())
    crash.copy()
    assert not RAW.search(QGuiApplication.clipboard().text())
    user.program.window.actions_by_id["open_model"].trigger()
    gallery = user.dialog(GalleryDialog)
    gallery.show_download(name, 0.5, name)
    gallery.show_download_end(name)
    gallery.set_failure(name)
    for action in ("about", "shortcuts", "guide"):
        window.actions_by_id[action].trigger()
    check(places=8)
    for dialog in window.findChildren(QDialog):
        dialog.close()


def test_a_drag_names_the_file_as_text(user: User, strangers: StrangersFiles) -> None:
    user.start()
    hint = user.drop(files(strangers.image))
    assert not RAW.search(hint)
    assert MARK in hint
    user.until(lambda: strangers.image.name in user.names)
    user.wait_explained()
    check(places=5)


def test_ten_thousand_class_names_without_end(user: User, strangers: StrangersFiles) -> None:
    user.start()
    window = user.program.window
    names = tuple(f"{n} {strangers.name}{'long' * 500}" for n in range(10_000))
    window.predictions.set_classes(names)
    window.predictions.focus_search()
    user.type("img")
    check(places=200)
    assert window.minimumSizeHint().width() <= 720
