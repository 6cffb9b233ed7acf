"""Pictures of trouble, of much and large, of window sizes and of dialogs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.screenshots.shots import shot

if TYPE_CHECKING:
    from gui.widgets.figures.dialog import FigureDialog
    from scripts.screenshots.stage import Stage

LONG_WAY = "a very long file name that says when, where, by whom and with what it was taken.jpg"


# --- what goes wrong -----------------------------------------------------------------------------


@shot("error-image")
def error_image(stage: Stage, path: Path) -> None:
    stage.start()
    broken = stage.folder / "holiday.jpg"
    broken.write_bytes(b"this is no picture")
    stage.open_images([broken])
    stage.shoot(path)


@shot("error-model", packed=True)
def error_model(stage: Stage, path: Path) -> None:
    import torch

    from engine.lazy import torchvision

    stage.start()
    weights = stage.folder / "resnet50-mine.pth"
    torch.manual_seed(1)
    torch.save(torchvision.load().models.mobilenet_v3_small().state_dict(), weights)
    stage.open_model("resnet50", weights)
    stage.shoot(path)


@shot("out-of-memory", model="hungry", packed=True)
def out_of_memory(stage: Stage, path: Path) -> None:
    stage.start()
    stage.hide_notice()
    stage.open_model("odd")
    stage.shoot(path)


@shot("hovering", packed=True)
def hovering(stage: Stage, path: Path) -> None:
    stage.start()
    stage.hide_notice()
    stage.hover([stage.folder / f"photo {n}.jpg" for n in range(1, 13)])
    stage.shoot(path)
    stage.window.canvas.set_drop_hint("")


# --- much and large ------------------------------------------------------------------------------


@shot("many-images", packed=True)
def many_images(stage: Stage, path: Path) -> None:
    from scripts.screenshots import pictures

    files = [
        pictures.write(stage.folder / f"scene {n:03}.jpg", 384, 256, seed=n) for n in range(1, 201)
    ]
    stage.start(files)
    stage.until(lambda: stage.strip_pictures >= 200, "200 thumbnails")
    stage.choose_image("scene 118.jpg")
    stage.hide_notice()
    stage.shoot(path)


@shot("many-modules", model="many_modules", packed=True)
def many_modules(stage: Stage, path: Path) -> None:
    stage.start()
    stage.open_model("odd")
    stage.hide_notice()
    stage.choose_layer("stage5.block30.conv")
    stage.shoot(path)


@shot("many-classes", model="many_classes", packed=True)
def many_classes(stage: Stage, path: Path) -> None:
    from PySide6.QtTest import QTest

    stage.no_sweep()
    stage.start()
    stage.open_model("odd")
    stage.hide_notice()
    stage.window.predictions.focus_search()
    QTest.keyClicks(stage.field(stage.window.predictions), "copper star")
    stage.shoot(path)


@shot("long-names", model="long_names", packed=True)
def long_names(stage: Stage, path: Path) -> None:
    from scripts.screenshots import pictures

    stage.start([pictures.write(stage.folder / LONG_WAY, 900, 600, seed=5)])
    stage.open_model("odd")
    stage.choose_layer(
        "convolutional_feature_extractor.third_residual_stage_at_eighth_resolution.0.downsample.1"
    )
    stage.hide_notice()
    stage.shoot(path)


@shot("small-image")
def small_image(stage: Stage, path: Path) -> None:
    from scripts.screenshots import pictures

    stage.start([pictures.write(stage.folder / "small.jpg", 300, 200, seed=12)])
    stage.shoot(path)


@shot("large-image")
def large_image(stage: Stage, path: Path) -> None:
    from scripts.screenshots import pictures

    stage.start([pictures.write(stage.folder / "large.jpg", 12_000, 9_000, seed=14)])
    stage.shoot(path)


@shot("portrait")
def portrait(stage: Stage, path: Path) -> None:
    stage.start()
    stage.choose_image("Hexagon")
    stage.hide_notice()
    stage.shoot(path)


@shot("panorama", packed=True)
def panorama(stage: Stage, path: Path) -> None:
    from scripts.screenshots import pictures

    stage.start([pictures.write(stage.folder / "panorama.jpg", 4000, 800, seed=23)])
    stage.shoot(path)


# --- sizes ---------------------------------------------------------------------------------------


@shot("window-1024", size=(1024, 640))
def window_1024(stage: Stage, path: Path) -> None:
    stage.start()
    stage.shoot(path)


@shot("window-2560", size=(2560, 1440), packed=True)
def window_2560(stage: Stage, path: Path) -> None:
    plain(stage, path)


@shot("scale-150", size=(1024, 640), scale=1.5, packed=True)
def scale_150(stage: Stage, path: Path) -> None:
    plain(stage, path)


@shot("scale-200", size=(1024, 640), look="light", scale=2.0, packed=True)
def scale_200(stage: Stage, path: Path) -> None:
    plain(stage, path)


def plain(stage: Stage, path: Path) -> None:
    """Pictures without grain, which would make large files."""
    from scripts.screenshots import pictures

    files = [
        pictures.write(stage.folder / f"scene {seed}.png", 480, 320, seed, grain=0.0)
        for seed in range(12, 20)
    ]
    stage.start(files)
    stage.shoot(path)


# --- dialogs -------------------------------------------------------------------------------------


@shot("export")
def export(stage: Stage, path: Path) -> None:
    from gui.widgets.dialogs.export import ExportDialog

    stage.start()
    stage.program.handlers.saver.export()
    _dialog(stage, ExportDialog, path)


@shot("figure")
def figure(stage: Stage, path: Path) -> None:
    dialog = _figure_dialog(stage, "screen")
    fields = dialog.form_fields
    fields.show_form(replace(dialog.form, width=85.0, beside=True, outline=True))
    fields.changed.emit()
    stage.until(lambda: dialog.ready, "the figure in another form")
    stage.shoot(path, dialog)
    dialog.close()


@shot("contact-sheet")
def contact_sheet(stage: Stage, path: Path) -> None:
    dialog = _figure_dialog(stage, "layers")
    # The file would be too large otherwise.
    dialog.resize(900, 620)
    stage.shoot(path, dialog)
    dialog.close()


@shot("figure-batch")
def figure_batch(stage: Stage, path: Path) -> None:
    from gui.widgets.figures.batch import BatchDialog

    dialog = _figure_dialog(stage, "screen")
    dialog.many_requested.emit()
    batch = stage.window.findChild(BatchDialog)
    assert isinstance(batch, BatchDialog)
    batch.set_folder(Path("Figures"))
    # As it looks in the middle of its work.
    batch.start_requested.disconnect()
    batch.start()
    batch.show_progress(3, "4 of 7 · Triangle and circle · about 3 s left")
    stage.shoot(path, batch)
    batch.close()


def _figure_dialog(stage: Stage, kind: str) -> FigureDialog:
    """The dialog Export figure, with a figure in it."""
    from gui.widgets.figures.dialog import FigureDialog

    stage.start()
    stage.program.handlers.figures.ask(kind)
    dialog = stage.window.findChild(FigureDialog)
    assert isinstance(dialog, FigureDialog)
    stage.until(lambda: dialog.ready, "figure")
    return dialog


@shot("report-dialog")
def report_dialog(stage: Stage, path: Path) -> None:
    from gui.widgets.reports.dialog import ReportDialog

    stage.start()
    stage.program.handlers.reports.ask()
    dialog = stage.window.findChild(ReportDialog)
    assert isinstance(dialog, ReportDialog)
    dialog.set_words("The network finds the star by its middle, and the ring by its inner edge.")
    stage.settled()
    stage.shoot(path, dialog)
    dialog.close()


@shot("report", packed=True)
def report_page(_stage: Stage, path: Path) -> None:
    """The first page of a report, as a PDF has it."""
    from dataclasses import replace as changed

    from engine.figures.formats.raster import drawn
    from engine.formats.demo import SCENES
    from engine.images.reading import load_image
    from engine.loading.load import load_model
    from engine.records.display import DisplaySettings
    from engine.records.workbench.reports import Included, Mapped, Subject
    from engine.reports.contents import report
    from engine.reports.pages import drawings

    model, image = load_model("demo:shapes"), load_image(SCENES[0].path)
    from engine.explain.session import Session

    with Session(model, image) as session:
        maps = [session.explain(target=target) for target in ("star", "ring")]
        subject = Subject(
            image,
            model.info,
            session.predictions(),
            tuple(Mapped(one, DisplaySettings()) for one in maps),
        )
    words = "The network finds the star by its middle, and the ring by its inner edge."
    made = report((subject,), Included(), words=words)
    # A picture of the guide does not change from day to day.
    made = changed(made, line="Hookscope report")
    drawn(drawings(made, "a4")[0], 100).save(path)


@shot("shortcuts")
def shortcuts(stage: Stage, path: Path) -> None:
    from gui.widgets.dialogs.small import ShortcutsDialog

    stage.start()
    stage.program.handlers.help.show_shortcuts()
    _dialog(stage, ShortcutsDialog, path)


def _dialog(stage: Stage, kind: type[Any], path: Path) -> None:
    dialog = stage.window.findChild(kind)
    assert dialog is not None
    stage.until(dialog.isVisible, "dialog")
    stage.shoot(path, dialog)
    dialog.close()
