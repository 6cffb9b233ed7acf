"""Writes exports and other files, each completely or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.export.references import NO_PICTURES, Pictures
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage, Note
from engine.records.models import ModelInfo, Prediction

if TYPE_CHECKING:
    from engine.records.exports import ExportChoice
    from engine.records.views import View
    from gui.jobs.lanes import Watch


@dataclass(frozen=True, slots=True, eq=False)
class ExportTask:
    """Everything an export needs, captured on request. choice: what to write and where, None
    until the user has chosen. notes: on the image, for the JSON. pictures: of images without a
    file, which go beside the JSON."""

    image: LoadedImage
    explanation: Explanation
    info: ModelInfo
    predictions: tuple[Prediction, ...]
    display: DisplaySettings
    versions: dict[str, str]
    view: View
    choice: ExportChoice | None = None
    notes: tuple[Note, ...] = ()
    pictures: Pictures = field(default_factory=lambda: NO_PICTURES)

    def into(self, choice: ExportChoice) -> ExportTask:
        """The same task with a destination."""
        return replace(self, choice=choice)


def write_bytes(path: Path, data: bytes) -> Path:
    """Write a file, completely or not at all. Raises ExportError."""
    from engine.files.atomic import whole_file

    with whole_file(path) as file:
        file.write(data)
    return path


def write_export(task: ExportTask, watch: Watch) -> ExportTask:
    """Write all files of an export, each completely or not at all. Raises ExportError."""
    from engine.export import files as export
    from engine.export.sidecar import sidecar
    from engine.files.destinations import check_outputs

    choice = task.choice
    if choice is None:
        return task
    outputs = {"picture": choice.picture, "map": choice.map, "facts": choice.json}
    check_outputs(outputs, [task.image.path])
    if choice.picture is not None:
        watch.report(0.0, f"drawing {choice.picture.name}")
        pixels = export.render(
            task.image,
            task.explanation,
            task.display,
            caption=choice.caption,
            colorbar=choice.colorbar,
            subject=choice.subject,
        )
        watch.cancel.raise_if_cancelled()
        watch.report(0.5, f"writing {choice.picture.name}")
        export.save_picture(choice.picture, pixels)
    if choice.map is not None:
        export.save_map(choice.map, task.explanation.map)
    if choice.json is not None:
        facts = sidecar(
            task.image,
            task.explanation,
            task.info,
            task.predictions,
            task.display,
            task.versions,
            view=task.view,
            subject=choice.subject,
            notes=task.notes,
        )
        export.save_json(choice.json, facts, task.pictures)
    return task
