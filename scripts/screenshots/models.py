"""Pictures of models of all kinds: what is asked, what is refused, what they eat and give."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts.screenshots.shots import shot

if TYPE_CHECKING:
    from scripts.screenshots.stage import Stage


@shot("consent")
def consent(stage: Stage, path: Path) -> None:
    from scripts.screenshots import user_files

    stage.start()
    dialog = stage.drop_for_question(user_files.doubtful(stage.folder))
    stage.shoot(path, dialog)
    dialog.reject()


@shot("network-arguments", look="light")
def network_arguments(stage: Stage, path: Path) -> None:
    from scripts.screenshots import user_files

    stage.start()
    file = user_files.experiment(stage.folder)
    stage.agree_to(file)
    dialog = stage.drop_for_question(file)
    stage.shoot(path, dialog)
    dialog.reject()


@shot("two-sides", packed=True)
def two_sides(stage: Stage, path: Path) -> None:
    from scripts.screenshots import user_files

    stage.start()
    file = user_files.star_detector(stage.folder)
    stage.agree_to(file)
    stage.drop(file)
    stage.as_the_demo()
    stage.choose_class("negative")
    stage.hide_notice()
    stage.shoot(path)


@shot("input-and-output", size=(1280, 800))
def input_and_output(stage: Stage, path: Path) -> None:
    from gui.widgets.input_output.dialog import InputPanel
    from scripts.screenshots import user_files

    stage.start()
    file = user_files.star_detector(stage.folder)
    stage.agree_to(file)
    stage.drop(file)
    stage.program.handlers.input.show()
    panel = stage.window.findChild(InputPanel)
    assert panel is not None
    stage.until(panel.isVisible, "panel")
    stage.settled()
    stage.shoot(path, panel)
    panel.close()


@shot("class-names", look="light", packed=True)
def class_names(stage: Stage, path: Path) -> None:
    from scripts.screenshots import user_files

    stage.start()
    file, names = user_files.shapes_unnamed(stage.folder)
    stage.agree_to(file)
    stage.drop(file)
    stage.as_the_demo()
    stage.hide_notice()
    stage.hover([names])
    stage.shoot(path)
    stage.window.canvas.set_drop_hint("")


@shot("tokens", model="transformer", packed=True)
def tokens(stage: Stage, path: Path) -> None:
    stage.start()
    stage.open_model("odd")
    stage.choose_class("ring")
    stage.display(interpolation="grid")
    stage.hide_notice()
    stage.shoot(path)


@shot("error-unrecognised", look="light", packed=True)
def error_unrecognised(stage: Stage, path: Path) -> None:
    from scripts.screenshots import user_files

    stage.start()
    stage.drop(user_files.nearly_resnet(stage.folder))
    stage.shoot(path)
