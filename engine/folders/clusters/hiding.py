"""Is it a shortcut? Hides a cluster's region in all of its images and counts the predictions that
turn, and as a control hides as much elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import HookscopeError, ModelError, one_line
from engine.folders.clusters.finding import Cluster
from engine.folders.index.queries import Index, Shown
from engine.folders.inputs.pictures import Reading, Ready
from engine.folders.records import Job
from engine.images.preprocessing import prepare, prepare_crop
from engine.model import Model
from engine.passes.forward import run_plain
from engine.passes.hooks import NETWORK_ERRORS
from engine.progress import CancelToken, Report, ignore_progress

_log = logging.getLogger(__name__)

_AT_ONCE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """What hiding a region came to.

    size: images of the cluster that could be read as they were. flipped: of these, predictions that
    turned. control: predictions that turned when the same area was hidden elsewhere. region,
    elsewhere: bool (rows, columns) of the map. into: for each class, how many turned into it.
    """

    size: int
    flipped: int
    control: int
    region: NDArray[np.bool_]
    elsewhere: NDArray[np.bool_]
    into: dict[int, int]

    @property
    def words(self) -> str:
        """'hiding its region turned 31 of 32 predictions (hiding as much elsewhere: 2)'."""
        return (
            f"hiding its region turned {self.flipped:,} of {self.size:,} predictions "
            f"(hiding as much elsewhere: {self.control:,})"
        )


def hide(
    index: Index,
    job: int,
    model: Model,
    cluster: Cluster,
    *,
    readers: int = 2,
    cancel: CancelToken | None = None,
    progress: Report = ignore_progress,
) -> Hidden:
    """Hide the region of a cluster in its images, as the network gets them: filled with the mean
    colour of the rest of the image.

    model: that of the job. Raises HookscopeError if it is another one, ModelError, DeviceError,
    Cancelled.
    """
    _, about = index.job(job)
    check_model(model, about)
    region = hidden_region(cluster.mean)
    elsewhere = away_from(region, cluster.mean)
    size = flipped = control = 0
    into: dict[int, int] = {}
    reading = Reading(model.preprocessing, readers=readers)
    chunks = reading.chunks(
        _each(index, job, cluster.inputs), lambda shown: shown.path, _AT_ONCE, cancel
    )
    for chunk in chunks:
        batch = _prepared(chunk, model)
        if batch is None:
            continue
        before = _predicted(model, batch, cancel)
        after = _predicted(model, covered(batch, region), cancel)
        beside = _predicted(model, covered(batch, elsewhere), cancel)
        size += len(batch)
        flipped += int((after != before).sum())
        control += int((beside != before).sum())
        for number in after[after != before].tolist():
            into[number] = into.get(number, 0) + 1
        progress(size / max(1, cluster.size), f"{size:,} of {cluster.size:,} images")
    return Hidden(size, flipped, control, region, elsewhere, into)


def check_model(model: Model, about: Job) -> None:
    """Raises HookscopeError if a model is not the one of a job."""
    from engine.folders.job import same_model

    if not same_model(model, about):
        raise HookscopeError(
            f"{model.info.name}: not the model that the index was made with ({about.model}), or "
            "with other weights or preprocessing; name that one with --model"
        )


def hidden_region(mean: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The cells of a mean map that are hidden: those of at least a tenth of its largest value,
    weaker ones first left out beyond a quarter of the map."""
    strong = mean >= 0.1 * mean.max()
    most = max(1, mean.size // 4)
    if strong.sum() > most:
        strong = np.zeros(mean.size, bool)
        strong[np.argsort(-mean.ravel(), kind="stable")[:most]] = True
    return np.asarray(strong.reshape(mean.shape))


def away_from(region: NDArray[np.bool_], mean: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The region turned or mirrored to where the mean map has the least."""
    others = (region[::-1], region[:, ::-1], region[::-1, ::-1])
    return np.ascontiguousarray(min(others, key=lambda one: float(mean[one].sum())))


def covered(batch: Tensor, region: NDArray[np.bool_]) -> Tensor:
    """The batch (n, channels, h, w) with the region (rows, columns) of the whole filled with the
    mean of the rest, image by image and channel by channel."""
    height, width = batch.shape[-2:]
    rows = np.minimum(np.arange(height) * region.shape[0] // height, region.shape[0] - 1)
    columns = np.minimum(np.arange(width) * region.shape[1] // width, region.shape[1] - 1)
    mask = torch.from_numpy(region[rows][:, columns])
    rest = batch[..., ~mask].mean(dim=-1) if not bool(mask.all()) else batch.mean(dim=(-2, -1))
    return torch.where(mask, rest[..., None, None], batch)


def _each(index: Index, job: int, numbers: Sequence[int] | NDArray[np.int64]) -> list[Shown]:
    return index.rows(job, np.asarray(numbers))


def _prepared(chunk: Sequence[tuple[Shown, Ready]], model: Model) -> Tensor | None:
    """The images of a chunk that are as they were, as one batch; None if there are none."""
    tensors = []
    for shown, ready in chunk:
        if shown.row is None or ready.picture.content != shown.row.content:
            continue
        if ready.image is not None:
            tensors.append(prepare(ready.image, model.preprocessing).tensor)
        elif ready.crop is not None:
            tensors.append(prepare_crop(ready.crop, ready.size, model.preprocessing).tensor)
    return torch.cat(tensors) if tensors else None


def _predicted(model: Model, batch: Tensor, cancel: CancelToken | None) -> NDArray[np.int64]:
    """The class with the highest logit of each image."""
    facts = model.facts

    def of(images: Tensor) -> Tensor:
        images = images.to(model.device, model.dtype)
        return run_plain(model.module, images, facts.reading, cancel, bounded=facts.real)

    try:
        logits = of(batch)
    except (*NETWORK_ERRORS, MemoryError, ModelError) as error:
        if len(batch) == 1:
            raise
        # It takes one image at a time, or has no memory for more.
        _log.info("images are passed one by one: %s", one_line(error))
        logits = torch.cat([of(image[None]) for image in batch])
    return np.asarray(logits.detach().cpu().double().numpy().argmax(axis=1))
