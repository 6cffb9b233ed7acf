"""What each picture of the guide shows, and how the program is brought there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts._stage import Stage

Play = Callable[["Stage", Path], None]
LONG_WAY = "a very long file name that says when, where, by whom and with what it was taken.jpg"


@dataclass(frozen=True)
class Shot:
    """One picture: how it is staged, how large, in which look and at which scale."""

    name: str
    play: Play
    size: tuple[int, int] = (1280, 800)
    look: str = "dark"
    scale: float = 1.0
    models: Mapping[str, Callable[[], Any]] = field(default_factory=dict)


SHOTS: list[Shot] = []


def shot(
    name: str,
    size: tuple[int, int] = (1280, 800),
    look: str = "dark",
    scale: float = 1.0,
    model: str = "",
) -> Callable[[Play], Play]:
    """Registers a function as the way to a picture. model: one of _odd_models that it needs."""

    def make() -> Any:
        from scripts import _odd_models

        return getattr(_odd_models, model)()

    def register(play: Play) -> Play:
        SHOTS.append(Shot(name, play, size, look, scale, {"odd": make} if model else {}))
        return play

    return register


# --- starting ------------------------------------------------------------------------------------


@shot("engine-loading")
def engine_loading(stage: Stage, path: Path) -> None:
    # First of its process, so that the engine really has to be loaded.
    stage.program.start()
    stage.until(lambda: stage.strip_pictures >= 7, "pictures in the strip")
    stage.until(lambda: stage.window.canvas.busy_shown, "the busy line")
    stage.until(lambda: stage.window.status.working, "the status bar")
    stage.shoot(path)
    stage.until(lambda: stage.state.info is not None, "model")


@shot("first-start")
def first_start(stage: Stage, path: Path) -> None:
    stage.start()
    stage.shoot(path)


@shot("hero")
def hero(stage: Stage, path: Path) -> None:
    stage.start()
    # There and back, so that the times are those of a program that runs.
    stage.choose_image("Hexagon")
    stage.choose_image("Ring and star")
    stage.hide_notice()
    stage.shoot(path)


@shot("light", look="light")
def light(stage: Stage, path: Path) -> None:
    hero(stage, path)


@shot("no-image")
def no_image(stage: Stage, path: Path) -> None:
    stage.start()
    for key in list(stage.state.images):
        stage.controller.images.close(key)
    stage.settled()
    stage.shoot(path)


@shot("image-without-model")
def image_without_model(stage: Stage, path: Path) -> None:
    stage.controller.open_model = lambda _source: None  # type: ignore[method-assign]
    stage.program.start()
    stage.until(lambda: stage.state.engine is not None, "engine")
    stage.until(lambda: stage.strip_pictures >= 8, "pictures in the strip")
    stage.settled()
    stage.shoot(path)


@shot("no-model")
def no_model(stage: Stage, path: Path) -> None:
    stage.controller.open_model = lambda _source: None  # type: ignore[method-assign]
    stage.program.start()
    stage.until(lambda: stage.state.engine is not None, "engine")
    for key in list(stage.state.images):
        stage.controller.images.close(key)
    stage.settled()
    stage.shoot(path)


# --- explaining ----------------------------------------------------------------------------------


@shot("other-class")
def other_class(stage: Stage, path: Path) -> None:
    stage.start()
    assert stage.state.answer is not None
    names = [p.label for p in stage.state.answer.predictions]
    stage.choose_class("star" if names[0] != "star" else "ring")
    stage.hide_notice()
    stage.shoot(path)


@shot("shortcut")
def shortcut(stage: Stage, path: Path) -> None:
    stage.start()
    stage.open_model("demo:shortcut")
    stage.choose_image("Star, with a watermark")
    stage.shoot(path)


@shot("grid")
def grid(stage: Stage, path: Path) -> None:
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest

    stage.start()
    stage.choose_image("Crescent")
    stage.hide_notice()
    stage.display(interpolation="grid", colormap="viridis")
    canvas = stage.window.canvas
    place = canvas.viewport().rect().center() + QPoint(-60, 80)
    QTest.mouseMove(canvas.viewport(), place)
    canvas.viewport().setCursor(Qt.CursorShape.ArrowCursor)
    stage.shoot(path)


@shot("signed")
def signed(stage: Stage, path: Path) -> None:
    stage.start()
    stage.choose_image("Triangle and circle")
    stage.hide_notice()
    stage.display(sign="signed")
    stage.shoot(path)


@shot("filter")
def filter_layers(stage: Stage, path: Path) -> None:
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QLineEdit

    stage.start()
    stage.hide_notice()
    stage.window.tree.focus_filter()
    field = stage.window.tree.findChild(QLineEdit)
    QTest.keyClicks(field, "bn2")
    stage.choose_layer("layer2.0.bn2")
    stage.shoot(path)


@shot("layer-greyed")
def layer_greyed(stage: Stage, path: Path) -> None:
    stage.start()
    stage.hide_notice()
    stage.window.tree.select("avgpool")
    stage.shoot(path)


@shot("computing", model="slow")
def computing(stage: Stage, path: Path) -> None:
    from scripts._odd_models import GATE

    GATE.set()
    stage.no_sweep()
    stage.start()
    stage.open_model("odd")
    GATE.clear()
    stage.window.tree.select("layer2")
    stage.controller.choose_layer("layer2")
    stage.until(lambda: stage.window.canvas.busy_shown, "the busy line")
    stage.until(lambda: stage.window.status.working, "the status bar")
    stage.hide_notice()
    stage.shoot(path)
    GATE.set()
    stage.settled()


@shot("superseded", model="slow")
def superseded(stage: Stage, path: Path) -> None:
    from scripts._odd_models import GATE

    GATE.set()
    stage.no_sweep()
    stage.start()
    stage.open_model("odd")
    GATE.clear()
    for name in ("layer2", "layer3", "layer1.0.conv2"):
        stage.window.tree.select(name)
        stage.controller.choose_layer(name)
    stage.until(lambda: stage.window.canvas.busy_shown, "the busy line")
    stage.until(lambda: stage.window.status.working, "the status bar")
    stage.hide_notice()
    stage.shoot(path)
    GATE.set()
    stage.settled()


@shot("nothing-positive")
def nothing_positive(stage: Stage, path: Path) -> None:
    stage.start()
    info = stage.state.info
    assert info is not None
    for label in reversed(info.classes):
        stage.choose_class(label)
        assert stage.state.sweep is not None
        for name, explanation in reversed(stage.state.sweep.explanations.items()):
            if explanation.verdict == "nothing positive":
                stage.choose_layer(name)
                stage.hide_notice()
                stage.shoot(path)
                return
    raise RuntimeError("every map has something positive")


@shot("no-gradient", model="untrained_head")
def no_gradient(stage: Stage, path: Path) -> None:
    stage.start()
    stage.open_model("odd")
    stage.hide_notice()
    stage.shoot(path)


# --- what goes wrong -----------------------------------------------------------------------------


@shot("error-image")
def error_image(stage: Stage, path: Path) -> None:
    stage.start()
    broken = stage.folder / "holiday.jpg"
    broken.write_bytes(b"this is no picture")
    stage.open_images([broken])
    stage.shoot(path)


@shot("error-model")
def error_model(stage: Stage, path: Path) -> None:
    import torch

    from engine import vision

    stage.start()
    weights = stage.folder / "resnet50-mine.pth"
    torch.manual_seed(1)
    torch.save(vision.load().models.mobilenet_v3_small().state_dict(), weights)
    stage.open_model("resnet50", weights)
    stage.shoot(path)


@shot("out-of-memory", model="hungry")
def out_of_memory(stage: Stage, path: Path) -> None:
    stage.start()
    stage.hide_notice()
    stage.open_model("odd")
    stage.shoot(path)


@shot("hovering")
def hovering(stage: Stage, path: Path) -> None:
    from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
    from PySide6.QtGui import QDragEnterEvent
    from PySide6.QtWidgets import QApplication

    stage.start()
    stage.hide_notice()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(stage.folder / f"photo {n}.jpg")) for n in range(1, 13)])
    event = QDragEnterEvent(
        QPoint(640, 400),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(stage.window, event)
    stage.shoot(path)
    stage.window.canvas.set_drop_hint("")


# --- much and large ------------------------------------------------------------------------------


@shot("many-images")
def many_images(stage: Stage, path: Path) -> None:
    from scripts import _pictures

    files = [
        _pictures.write(stage.folder / f"scene {n:03}.jpg", 384, 256, seed=n) for n in range(1, 201)
    ]
    stage.start(files)
    stage.until(lambda: stage.strip_pictures >= 200, "200 thumbnails")
    stage.choose_image("scene 118.jpg")
    stage.hide_notice()
    stage.shoot(path)


@shot("many-modules", model="many_modules")
def many_modules(stage: Stage, path: Path) -> None:
    stage.start()
    stage.open_model("odd")
    stage.hide_notice()
    stage.choose_layer("stage5.block30.conv")
    stage.shoot(path)


@shot("many-classes", model="many_classes")
def many_classes(stage: Stage, path: Path) -> None:
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QLineEdit

    stage.no_sweep()
    stage.start()
    stage.open_model("odd")
    stage.hide_notice()
    stage.window.predictions.focus_search()
    field = stage.window.predictions.findChild(QLineEdit)
    QTest.keyClicks(field, "copper star")
    stage.shoot(path)


@shot("long-names", model="long_names")
def long_names(stage: Stage, path: Path) -> None:
    from scripts import _pictures

    stage.start([_pictures.write(stage.folder / LONG_WAY, 900, 600, seed=5)])
    stage.open_model("odd")
    stage.choose_layer(
        "convolutional_feature_extractor.third_residual_stage_at_eighth_resolution.0.downsample.1"
    )
    stage.hide_notice()
    stage.shoot(path)


@shot("small-image")
def small_image(stage: Stage, path: Path) -> None:
    from scripts import _pictures

    stage.start([_pictures.write(stage.folder / "small.jpg", 300, 200, seed=12)])
    stage.shoot(path)


@shot("large-image")
def large_image(stage: Stage, path: Path) -> None:
    from scripts import _pictures

    stage.start([_pictures.write(stage.folder / "large.jpg", 12_000, 9_000, seed=14)])
    stage.shoot(path)


@shot("portrait")
def portrait(stage: Stage, path: Path) -> None:
    stage.start()
    stage.choose_image("Hexagon")
    stage.hide_notice()
    stage.shoot(path)


@shot("panorama")
def panorama(stage: Stage, path: Path) -> None:
    from scripts import _pictures

    stage.start([_pictures.write(stage.folder / "panorama.jpg", 4000, 800, seed=23)])
    stage.shoot(path)


# --- sizes ---------------------------------------------------------------------------------------


@shot("window-1024", size=(1024, 640))
def window_1024(stage: Stage, path: Path) -> None:
    first_start(stage, path)


@shot("window-2560", size=(2560, 1440))
def window_2560(stage: Stage, path: Path) -> None:
    plain(stage, path)


@shot("scale-150", size=(1024, 640), scale=1.5)
def scale_150(stage: Stage, path: Path) -> None:
    plain(stage, path)


@shot("scale-200", size=(1024, 640), look="light", scale=2.0)
def scale_200(stage: Stage, path: Path) -> None:
    plain(stage, path)


def plain(stage: Stage, path: Path) -> None:
    """Pictures without grain, which would make large files."""
    from scripts import _pictures

    files = [
        _pictures.write(stage.folder / f"scene {seed}.png", 480, 320, seed, grain=0.0)
        for seed in range(12, 20)
    ]
    stage.start(files)
    stage.shoot(path)


# --- dialogs -------------------------------------------------------------------------------------


@shot("open-model")
def open_model(stage: Stage, path: Path) -> None:
    from gui.model_dialog import ModelDialog

    stage.start()
    weights = stage.folder / "resnet50-flowers.pth"
    weights.write_bytes(b"")
    stage.program.handlers.ask_model(weights)
    _dialog(stage, ModelDialog, path)


@shot("export")
def export(stage: Stage, path: Path) -> None:
    from gui.export_dialog import ExportDialog

    stage.start()
    stage.program.handlers.export()
    _dialog(stage, ExportDialog, path)


@shot("shortcuts")
def shortcuts(stage: Stage, path: Path) -> None:
    from gui.dialogs import ShortcutsDialog

    stage.start()
    stage.program.handlers.show_shortcuts()
    _dialog(stage, ShortcutsDialog, path)


def _dialog(stage: Stage, kind: type[Any], path: Path) -> None:
    dialog = stage.window.findChild(kind)
    stage.until(dialog.isVisible, "dialog")
    stage.shoot(path, dialog)
    dialog.close()
