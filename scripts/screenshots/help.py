"""Pictures of what is under Help, and of what comes after a crash."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QLabel, QPushButton

from engine.formats.demo import SCENES
from engine.keeping.records import KeptFile, KeptImage, KeptModel, KeptSession
from engine.records.sources import ModelSource
from gui.widgets.dialogs.crash import CrashDialog
from gui.widgets.dialogs.setup_check import CheckDialog
from scripts.screenshots.shots import shot
from scripts.screenshots.stage import Stage


@shot("check-up")
def check_up(stage: Stage, path: Path) -> None:
    stage.start()
    stage.window.actions_by_id["check"].trigger()
    (dialog,) = stage.window.findChildren(CheckDialog)
    start = next(b for b in dialog.findChildren(QPushButton) if b.text() == "Start")
    start.click()
    words = dialog.findChildren(QLabel)
    stage.until(lambda: any(one.text() == "Everything works." for one in words), "verdict")
    stage.shoot(path, dialog)


@shot("last-session")
def last_session(stage: Stage, path: Path) -> None:
    last_time = stage.program.last_time
    assert last_time is not None
    images = tuple(
        KeptImage(f"image-{number}", scene.title, KeptFile(str(scene.path)))
        for number, scene in enumerate(SCENES[:3])
    )
    models = (KeptModel("model-1", ModelSource("resnet18-mine.pth")),)
    last_time._last = KeptSession(images, models)
    last_time._crashed = True
    last_time._fault = "Fatal Python error: Segmentation fault"
    stage.start()
    (dialog,) = stage.window.findChildren(CrashDialog)
    stage.shoot(path, dialog)
