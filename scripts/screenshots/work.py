"""Pictures of the program at work: starting, explaining, colouring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gui.settings import table
from scripts.screenshots.shots import shot

if TYPE_CHECKING:
    from scripts.screenshots.stage import Stage


# --- starting ------------------------------------------------------------------------------------


@shot("engine-loading", first=True)
def engine_loading(stage: Stage, path: Path) -> None:
    from scripts.screenshots.staging import opening_held

    with opening_held() as allowed:
        stage.program.start()
        stage.until(lambda: stage.strip_pictures >= 7, "pictures in the strip")
        stage.until(lambda: stage.window.canvas.busy_shown, "the busy line")
        stage.until(lambda: stage.window.status.working, "the status bar")
        stage.shoot(path)
        allowed.set()
        stage.until(lambda: stage.state.info is not None, "model")


@shot("first-start")
def first_start(stage: Stage, path: Path) -> None:
    stage.program.settings.set(table.HINTS_SEEN, ())
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


@shot("image-without-model", packed=True)
def image_without_model(stage: Stage, path: Path) -> None:
    stage.without_model()
    stage.shoot(path)


@shot("no-model")
def no_model(stage: Stage, path: Path) -> None:
    stage.without_model()
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


@shot("methods")
def methods(stage: Stage, path: Path) -> None:
    stage.start()
    stage.hide_notice()
    for slug in ("rise", "layercam", "grad-cam"):
        stage.program.settings.add_recent_method(slug)
    stage.window.method_button.click()
    stage.shoot_with(stage.window.methods, path)


@shot("questions")
def questions(stage: Stage, path: Path) -> None:
    stage.start()
    stage.hide_notice()
    stage.window.question_button.click()
    stage.shoot_with(stage.window.questions, path)


@shot("expected")
def expected(stage: Stage, path: Path) -> None:
    stage.start()
    stage.hide_notice()
    assert stage.state.answer is not None
    stage.window.predictions.expectation_set.emit(stage.state.answer.predictions[1].index)
    stage.window.predictions.expected.wanted.emit()
    stage.settled()
    stage.display(sign="signed")
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


@shot("filter", packed=True)
def filter_layers(stage: Stage, path: Path) -> None:
    from PySide6.QtTest import QTest

    stage.start()
    stage.hide_notice()
    stage.window.tree.focus_filter()
    QTest.keyClicks(stage.field(stage.window.tree), "bn2")
    stage.choose_layer("layer2.0.bn2")
    stage.shoot(path)


@shot("layer-greyed", packed=True)
def layer_greyed(stage: Stage, path: Path) -> None:
    stage.start()
    stage.hide_notice()
    stage.click_layer("avgpool")
    stage.settled()
    stage.shoot(path)


@shot("computing", model="slow", packed=True)
def computing(stage: Stage, path: Path) -> None:
    from scripts.screenshots.odd_models import GATE

    GATE.set()
    stage.no_sweep()
    stage.start()
    stage.open_model("odd")
    GATE.clear()
    stage.click_layer("layer2")
    stage.until(lambda: stage.window.canvas.busy_shown, "the busy line")
    stage.until(lambda: stage.window.status.working, "the status bar")
    stage.hide_notice()
    stage.shoot(path)
    GATE.set()
    stage.settled()


@shot("superseded", model="slow", packed=True)
def superseded(stage: Stage, path: Path) -> None:
    from scripts.screenshots.odd_models import GATE

    GATE.set()
    stage.no_sweep()
    stage.start()
    stage.open_model("odd")
    GATE.clear()
    for name in ("layer2", "layer3", "layer1.0.conv2"):
        stage.click_layer(name)
    stage.until(lambda: stage.window.canvas.busy_shown, "the busy line")
    stage.until(lambda: stage.window.status.working, "the status bar")
    stage.hide_notice()
    stage.shoot(path)
    GATE.set()
    stage.settled()


@shot("nothing-positive", packed=True)
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


@shot("no-gradient", model="untrained_head", packed=True)
def no_gradient(stage: Stage, path: Path) -> None:
    stage.start()
    stage.open_model("odd")
    stage.hide_notice()
    stage.shoot(path)


# --- the inspector -------------------------------------------------------------------------------


def open_page(stage: Stage, page: str) -> None:
    from PySide6.QtWidgets import QTabBar

    from gui.widgets.inspector.drawer import TITLES

    stage.hide_notice()
    stage.window.actions_by_id["inspector"].trigger()
    tabs = stage.window.drawer.findChild(QTabBar)
    assert isinstance(tabs, QTabBar)
    tabs.setCurrentIndex(list(TITLES).index(page))


@shot("inspector-layers", look="light")
def inspector_layers(stage: Stage, path: Path) -> None:
    stage.start()
    open_page(stage, "layers")
    stage.until(lambda: len(stage.window.drawer.film.view.listed()) > 10, "the film")
    stage.settled()
    stage.shoot(path)


@shot("inspector-channels")
def inspector_channels(stage: Stage, path: Path) -> None:
    stage.start()
    open_page(stage, "channels")
    found = stage.controller.inspections
    stage.until(lambda: found.gallery is not None, "the channels")
    gallery = stage.window.drawer.channels.gallery
    gallery.chosen.emit(gallery.listed()[1])
    stage.until(lambda: found.shown is not None, "a channel on the image")
    total = len(stage.state.images)
    stage.until(lambda: found.strongest.progress == (total, total), "its strongest images")
    stage.settled()
    stage.shoot(path)


@shot("inspector-numbers", packed=True)
def inspector_numbers(stage: Stage, path: Path) -> None:
    stage.start()
    open_page(stage, "numbers")
    region = stage.state.explanation.region if stage.state.explanation is not None else None
    assert region is not None
    left, top = region.x + 0.1 * region.width, region.y + 0.1 * region.height
    right, bottom = region.x + 0.9 * region.width, region.y + 0.8 * region.height
    stage.controller.inspections.set_line(((left, top), (right, bottom)))
    stage.settled()
    stage.shoot(path)
