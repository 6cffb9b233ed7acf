"""What a worker does: it opens the model once, reads images and computes shards.

Arguments and results are plain values and records of this program, which distributed sends; the
cluster is the user's own.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import HookscopeError, ModelError
from engine.folders.inputs.pictures import Reading, Ready, stamp_of
from engine.folders.job import How, job_of
from engine.folders.records import NO_STAMP, Pending, Picture
from engine.folders.shards import Explainer, Shard
from engine.model import Model
from engine.records.sources import ModelSource


@dataclass(frozen=True, slots=True)
class Task:
    """What all shards of a run have in common.

    source: of the model, with absolute paths. trusted: files that may run their code, each with the
    SHA-256 of the content that the user agreed to. key: of the job that must come of it.
    """

    source: ModelSource
    how: How
    device: str
    trusted: tuple[tuple[str, str], ...]
    key: str
    size: int | None
    readers: int
    patience: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """shard: the rows. unseen: inputs whose files are not on this machine, which are not in it."""

    shard: Shard
    unseen: tuple[int, ...] = ()


_lock = threading.Lock()
_opened: dict[str, Explainer] = {}


def compute(
    task: Task,
    items: Sequence[Pending],
    sent: Mapping[int, bytes] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Result:
    """A shard. The same items give the same rows, on whichever worker and however often.

    sent: contents of images that workers do not see, by their number. files: contents of files of
    the model, by path, likewise. Raises ModelError if the model cannot be opened or is another one
    here; FileNotFoundError for a file of the model that is not on this machine.
    """
    with _lock:
        explainer = _opened.get(task.key)
        if explainer is None:
            explainer = _opened[task.key] = _explainer(task, files or {})
        return _computed(task, explainer, items, sent or {})


def _computed(
    task: Task, explainer: Explainer, items: Sequence[Pending], sent: Mapping[int, bytes]
) -> Result:
    how = explainer.model.preprocessing
    reading = Reading(how, readers=task.readers, patience=task.patience)
    shard: Shard = []
    unseen: list[int] = []
    with tempfile.TemporaryDirectory(prefix="hookscope-") as folder:
        there = [_placed(item, sent, Path(folder)) for item in items]
        chunks = reading.chunks(there, lambda pair: pair[1], max(1, explainer.size))
        for chunk in chunks:
            seen: list[tuple[Pending, Ready]] = []
            for (item, path), ready in chunk:
                # One that is there may have no stamp because it could not be read.
                if ready.picture.stamp == NO_STAMP and stamp_of(path) == NO_STAMP:
                    unseen.append(item.number)
                else:
                    seen.append((item, ready))
            shard += explainer.shard(seen)
    if sent:
        # The stamp of a copy says nothing about the file, which its owner knows.
        shard = [
            (number, replace(picture, stamp=NO_STAMP) if number in sent else picture, row)
            for number, picture, row in shard
        ]
    return Result(shard, tuple(unseen))


def _placed(item: Pending, sent: Mapping[int, bytes], folder: Path) -> tuple[Pending, str]:
    """An input and where its file is on this machine."""
    if item.number not in sent:
        return item, item.path
    path = folder / f"{item.number}{Path(item.path).suffix}"
    path.write_bytes(sent[item.number])
    return item, str(path)


def _explainer(task: Task, files: Mapping[str, bytes]) -> Explainer:
    model = _model(task, files)
    found = job_of(model, task.how)
    if found.key != task.key:
        raise ModelError(
            f"{task.source.spec}: the worker opens another model, or with other settings or "
            "packages; install the same versions and give all machines the same files"
        )
    return Explainer(model, task.how, task.size)


def _model(task: Task, files: Mapping[str, bytes]) -> Model:
    from engine.files.trust import Trust
    from engine.loading.load import open_source

    folder = Path(tempfile.gettempdir()) / f"hookscope-{task.key[:16]}"
    places = {path: _kept(path, content, folder) for path, content in files.items()}
    source = moved(task.source, places)
    for path in paths_of(source):
        if not Path(path).exists():
            raise FileNotFoundError(path)
    named = []
    for path, checksum in task.trusted:
        here = Path(places.get(path, path))
        if hashlib.sha256(here.read_bytes()).hexdigest() != checksum:
            raise ModelError(f"{here}: not the file that you agreed to; copy it to all machines")
        named.append(here)
    return open_source(source, task.device, Trust(named=named), patience=task.patience)


def _kept(path: str, content: bytes, folder: Path) -> str:
    """Where the content of a model's file is kept on this machine."""
    goal = folder / hashlib.sha256(content).hexdigest()[:16] / Path(path).name
    if not goal.exists():
        from engine.files.atomic import whole_file

        goal.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(goal) as file:
            file.write(content)
    return str(goal)


def paths_of(source: ModelSource) -> tuple[str, ...]:
    """The files and folders that a source names by absolute paths."""
    named = (source.spec, source.weights, source.classes, source.profile)
    return tuple(path for path in named if path is not None and Path(path).is_absolute())


def moved(source: ModelSource, places: Mapping[str, str]) -> ModelSource:
    """A source whose files are elsewhere."""

    def there(path: str | None) -> str | None:
        return None if path is None else places.get(path, path)

    return replace(
        source,
        spec=places.get(source.spec, source.spec),
        weights=there(source.weights),
        classes=there(source.classes),
        profile=there(source.profile),
    )


def ready() -> str:
    """Whether a worker has this program; its version. Raises ImportError if it has not."""
    from engine.version import VERSION

    return VERSION


__all__ = ["HookscopeError", "Picture", "Result", "Task", "compute", "moved", "paths_of", "ready"]
