"""Pictures of the folder page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.formats.demo import CLASSES
from engine.scenery.folder import write_scenes
from gui.state.folders import RunState
from scripts.screenshots.shots import shot

if TYPE_CHECKING:
    from gui.widgets.folder.page import FolderPage
    from scripts.screenshots.stage import Stage

_SIZE = (1280, 800)


def _scenes(stage: Stage, count: int) -> Path:
    """Scenes in a folder for each class, and a file that is no image."""
    folder = write_scenes(stage.folder / "validation", count)
    (folder / "star" / "star 9999.jpg").write_bytes(b"not an image")
    return folder


def _open(stage: Stage, count: int) -> None:
    stage.start()
    stage.open_model("demo:shortcut")
    stage.hide_notice()
    stage.controller.folders.open_paths([_scenes(stage, count)])


def page_of(stage: Stage) -> FolderPage:
    page = stage.window.folder
    assert page is not None
    return page


def _done(stage: Stage) -> None:
    runs = stage.controller.folders.runs
    stage.until(lambda: runs.state is RunState.DONE, "end of the run")
    still(stage)


def still(stage: Stage) -> None:
    """Until all lanes rest and every picture in sight is drawn."""
    lanes = (*stage.controller.folders.lanes, stage.controller.folder_figures.lane)
    page = page_of(stage)

    def rests() -> bool:
        if any(lane.running for lane in lanes) or page.model.waiting:
            return False
        numbers = [page.model.number_at(place) for place in page.rows.in_sight()]
        return all(page.model.picture(number) is not None for number in numbers)

    stage.until(rests, "rows")
    stage.settled()
    stage.until(rests, "rows")


def choose_chart(stage: Stage, kind: str) -> None:
    side = page_of(stage).side
    place = side.kinds.findData(kind)
    side.kinds.setCurrentIndex(place)
    side.kinds.activated.emit(place)


@shot("folder-running", size=_SIZE, packed=True)
def running(stage: Stage, path: Path) -> None:
    _open(stage, 160)
    runs = stage.controller.folders.runs
    stage.until(lambda: runs.progress is not None and runs.progress.done > 60, "progress")
    stage.shoot(path)
    _done(stage)


@shot("folder", size=_SIZE, packed=True)
def done(stage: Stage, path: Path) -> None:
    _open(stage, 160)
    _done(stage)
    stage.controller.folders.set_order("loss", down=True)
    still(stage)
    stage.shoot(path)


@shot("folder-confusion", size=_SIZE, look="light", packed=True)
def confusion(stage: Stage, path: Path) -> None:
    _open(stage, 160)
    _done(stage)
    page = page_of(stage)
    matrix = page.side.confusion.matrix
    stage.until(lambda: bool(matrix.counts), "matrix")
    star = CLASSES.index("star")
    wrong = sum(count for (true, said), count in matrix.counts.items() if said == star != true)
    page.side.confusion.chosen.emit(-1, star)
    page.filters.typed.emit("wrong")
    page.filters.shape.choose("grid")
    stage.until(lambda: page.model.rowCount() == wrong, "rows")
    still(stage)
    stage.shoot(path)


@shot("folder-clusters", size=_SIZE, packed=True)
def clusters(stage: Stage, path: Path) -> None:
    _open(stage, 240)
    _done(stage)
    choose_chart(stage, "clusters")
    clustering = stage.controller.clustering
    clustering.find(CLASSES.index("star"))
    stage.until(lambda: bool(clustering.clusters), "clusters")
    assert clustering.clusters is not None
    flagged = next(n for n, one in enumerate(clustering.clusters) if one.flags)
    clustering.hide(flagged)
    stage.until(lambda: bool(clustering.findings), "finding")
    page_of(stage).side.clusters.chosen.emit(flagged)
    still(stage)
    stage.shoot(path)
