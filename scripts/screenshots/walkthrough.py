"""Pictures of the walk-through of the guide, 'Finding a shortcut in ten minutes'."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.formats.demo import CLASSES
from gui.state.folders import RunState
from gui.widgets.folder.figures.clusters import ClusterPanel
from scripts.screenshots.folders import choose_chart, page_of, still
from scripts.screenshots.shots import shot
from scripts.screenshots.what_if import at, drag, edited

if TYPE_CHECKING:
    from scripts.screenshots.stage import Stage

_SIZE = (1180, 740)
_LEFT = Qt.MouseButton.LeftButton
_MARK = (0.768, 0.835), (0.88, 0.975)
_STAR = (0.26, 0.2), (0.6, 0.64)


def _open(stage: Stage) -> None:
    stage.start()
    stage.open_model("demo:shortcut")
    stage.choose_image("Star, with a watermark")
    stage.hide_notice()
    stage.program.handlers.what_if.open(True)
    stage.settled()


@shot("walk-hottest", size=_SIZE, packed=True)
def hottest(stage: Stage, path: Path) -> None:
    _open(stage)
    stage.window.what_if.hottest.setValue(10)
    edited(stage)
    stage.shoot(path)


@shot("walk-star", size=_SIZE, packed=True)
def star(stage: Stage, path: Path) -> None:
    _open(stage)
    stage.program.handlers.what_if.choose("rectangle")
    drag(stage, *_STAR)
    stage.shoot(path)


@shot("walk-pasted", size=_SIZE, packed=True)
def pasted(stage: Stage, path: Path) -> None:
    _open(stage)
    stage.program.handlers.what_if.choose("copy")
    viewport, none = stage.window.canvas.viewport(), Qt.KeyboardModifier.NoModifier
    first, last = (at(stage, place) for place in _MARK)
    QTest.mousePress(viewport, _LEFT, none, first)
    QTest.mouseMove(viewport, last)
    QTest.mouseRelease(viewport, _LEFT, none, last)
    stage.choose_image("Hexagon")
    stage.hide_notice()
    stage.window.actions_by_id["paste_part"].trigger()
    edited(stage)
    drag(stage, (0.5, 0.5), (0.7, 0.7), (0.908, 0.806))
    stage.hide_notice()
    stage.shoot(path)


def _folder(stage: Stage) -> None:
    stage.start()
    stage.hide_notice()
    stage.window.actions_by_id["sample_folder"].trigger()
    runs = stage.controller.folders.runs
    stage.until(lambda: runs.state is RunState.DONE, "end of the run")
    still(stage)


@shot("walk-folder", size=_SIZE, packed=True)
def folder(stage: Stage, path: Path) -> None:
    _folder(stage)
    stage.controller.folders.set_order("loss", down=True)
    still(stage)
    stage.shoot(path)


@shot("walk-finding", size=_SIZE, packed=True)
def finding(stage: Stage, path: Path) -> None:
    _folder(stage)
    choose_chart(stage, "clusters")
    clustering = stage.controller.clustering
    clustering.find(CLASSES.index("star"))
    stage.until(lambda: bool(clustering.clusters), "groups")
    panel = page_of(stage).side.clusters
    assert isinstance(panel, ClusterPanel)
    panel.chosen.emit(0)
    still(stage)
    clustering.hide(0)
    stage.until(lambda: bool(clustering.findings), "the finding")
    still(stage)
    stage.shoot(path)
