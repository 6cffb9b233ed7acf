"""The pictures of the gallery: what it offers, a download under way, one that failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from socket import gaierror
from typing import TYPE_CHECKING
from urllib.error import URLError

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView

from scripts.screenshots.shots import shot
from scripts.screenshots.stage import Stage

if TYPE_CHECKING:
    from engine.formats.torchvision.gallery import PublishedModel
    from gui.widgets.gallery.dialog import GalleryDialog

_HERE = ("resnet18", "densenet121", "vit_b_16")
_PARTIAL = {"resnet50": 0.43}


@shot("gallery")
def gallery(stage: Stage, path: Path) -> None:
    dialog = _open(stage, "resnet18")
    stage.shoot(path, dialog)
    dialog.close()


@shot("gallery-download", look="light")
def download(stage: Stage, path: Path) -> None:
    dialog = _open(stage, "resnet50")
    QTest.keyClicks(stage.field(dialog), "resnet")
    dialog.show_download("resnet50", 0.62, "60.6 of 97.8 MB, 3.4 MB/s")
    stage.shoot(path, dialog)
    dialog.close()


@shot("gallery-error")
def error(stage: Stage, path: Path) -> None:
    from engine.downloads.reasons import remote
    from gui.widgets.gallery.details import GalleryDetails

    dialog = _open(stage, "resnet50")
    dialog.show_download("resnet50", 0.43, "connecting")
    details = dialog.findChild(GalleryDetails)
    assert details is not None
    weights = details.weights
    assert weights is not None
    target = Path("~/.cache/torch/hub/checkpoints", weights.path.name)
    dialog.show_download_end(str(remote(URLError(gaierror()), weights.url, target)))
    stage.shoot(path, dialog)
    dialog.close()


def _open(stage: Stage, name: str) -> GalleryDialog:
    """The dialog with the same files on disk whoever takes the picture, and a row chosen."""
    from gui.widgets.gallery.dialog import GalleryDialog
    from gui.widgets.gallery.view import GalleryTable

    stage.start()
    stage.program.handlers.models.gallery.ask()
    dialog = stage.window.findChild(GalleryDialog)
    assert dialog is not None
    stage.until(lambda: stage.controller.file_lane.running is None, "files")
    stage.until(lambda: bool(stage.state.gallery), "list of models")
    dialog.set_models([_as_if(model) for model in stage.state.gallery])
    table = dialog.findChild(GalleryTable)
    assert table is not None
    rows = table.model()
    table.choose(next(r for r in range(rows.rowCount()) if rows.index(r, 0).data() == name))
    table.scrollTo(table.currentIndex(), QAbstractItemView.ScrollHint.PositionAtCenter)
    return dialog


def _as_if(model: PublishedModel) -> PublishedModel:
    first, *others = model.weights
    partial = round(_PARTIAL.get(model.name, 0.0) * first.size)
    first = replace(first, on_disk=model.name in _HERE, partial=partial)
    rest = (replace(weights, on_disk=False, partial=0) for weights in others)
    return replace(model, weights=(first, *rest))
