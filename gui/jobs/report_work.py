"""Makes scripts and reports, on the lanes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gui.jobs.figure_work import free_path
from gui.jobs.files.writing import write_bytes

if TYPE_CHECKING:
    from engine.records.explanations import Explanation
    from engine.records.images import LoadedImage
    from engine.records.workbench.reports import ReportChoice, Subject
    from gui.jobs.engine_worker import EngineWorker
    from gui.jobs.lanes import Watch


@dataclass(frozen=True, slots=True, eq=False)
class ScriptTask:
    """A map, and the key of its model. edited: the image is not what its file has. path: the file
    to write the script to; None to copy it."""

    image: LoadedImage
    explanation: Explanation
    model: str
    edited: bool = False
    path: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ReportTask:
    """A report as it was asked for: the subjects as they were on the screen."""

    subjects: tuple[Subject, ...]
    versions: dict[str, str]
    choice: ReportChoice


def script_text(worker: EngineWorker, task: ScriptTask, watch: Watch) -> str:
    """The script of a map; what is written has a file beside it where none has the image. Raises
    NoScript, with the reason, ModelError and ExportError."""
    from engine.records.sources import ModelSource
    from engine.scripting import carrying
    from engine.scripting.planning import recipe_of
    from engine.scripting.recipe import Wanted
    from engine.scripting.writing import script

    watch.report(0.0, "writing a script")
    model, source = worker.model_of(task.model), ModelSource.from_key(task.model)
    path, picture = task.path, None
    ending = carrying.suffix(task.image, model.preprocessing, edited=task.edited)
    if path is not None and ending:
        picture = free_path(path.parent, f"{path.stem} image", ending, frozenset())
    name = picture.name if picture is not None else ""
    wanted = Wanted.of(task.explanation)
    text = script(recipe_of(model, source, task.image, wanted, picture=name))
    if picture is not None:
        carrying.save(picture, task.image, model.preprocessing)
    if path is not None:
        write_bytes(path, text.encode("utf-8"))
    return text


def write_report(task: ReportTask, watch: Watch) -> Path:
    """Write a report, completely or not at all. Raises ExportError, and Cancelled."""
    from engine.files.destinations import check_outputs
    from engine.reports.contents import report
    from engine.reports.saving import report_bytes

    choice = task.choice
    check_outputs({"report": choice.path}, [subject.image.path for subject in task.subjects])
    watch.report(0.0, "drawing the maps")
    made = report(task.subjects, choice.included, words=choice.words, versions=task.versions)
    watch.cancel.raise_if_cancelled()
    watch.report(0.5, f"writing {choice.path.name}")
    content = report_bytes(choice.path.suffix.lower(), made, choice.paper)
    watch.cancel.raise_if_cancelled()
    return write_bytes(choice.path, content)
