"""Pictures of the page Trust: running, and done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts.screenshots.shots import shot
from scripts.screenshots.work import open_page

if TYPE_CHECKING:
    from scripts.screenshots.stage import Stage

_HEIGHT = 280


def _measure(stage: Stage) -> None:
    """The shortcut, on the scene with the watermark, with the page open."""
    stage.start()
    stage.open_model("demo:shortcut")
    stage.choose_image("Star, with a watermark")
    open_page(stage, "trust")
    stage.window.drawer.set_page_height(_HEIGHT)
    stage.settled()
    stage.window.drawer.trust.measure.click()


@shot("trust-running", look="light", packed=True)
def trust_running(stage: Stage, path: Path) -> None:
    _measure(stage)
    trusting = stage.controller.trusting
    stage.until(lambda: "stability" in trusting.figures, "the first figures")
    stage.window.drawer.trust.choose("insertion")
    stage.shoot(path)
    trusting.stop()
    stage.settled()


@shot("trust-done", packed=True)
def trust_done(stage: Stage, path: Path) -> None:
    _measure(stage)
    trusting = stage.controller.trusting
    stage.until(lambda: not trusting.busy, "all figures")
    page = stage.window.drawer.trust
    assert page.axes is not None
    page.axes.choose("probability")
    stage.settled()
    stage.shoot(path)
