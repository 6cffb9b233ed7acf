"""Pictures of panes beside and over each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts.screenshots.shots import shot

if TYPE_CHECKING:
    from scripts.screenshots.stage import Stage


def _compare(stage: Stage, *labels: str) -> None:
    """The first scene for its own class, and for these."""
    stage.start()
    stage.hide_notice()
    info = stage.state.info
    assert info is not None
    for label in labels:
        stage.controller.comparer.compare_class(info.classes.index(label))
    stage.until(lambda: all(pane.explanation for pane in stage.state.panes), "every map")
    stage.settled()


@shot("two-panes")
def two_panes(stage: Stage, path: Path) -> None:
    _compare(stage, "ring")
    stage.shoot(path)


@shot("four-panes")
def four_panes(stage: Stage, path: Path) -> None:
    _compare(stage, "ring", "circle", "square")
    stage.controller.comparer.step(1)
    stage.settled()
    stage.shoot(path)


@shot("swipe", look="light")
def swipe(stage: Stage, path: Path) -> None:
    _compare(stage, "ring")
    stage.controller.comparer.swipe(True)
    stage.shoot(path)


@shot("difference")
def difference(stage: Stage, path: Path) -> None:
    _compare(stage, "ring")
    stage.controller.comparer.differ(True)
    stage.shoot(path)
