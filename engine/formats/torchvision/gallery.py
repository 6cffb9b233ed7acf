"""The classifiers that torchvision publishes weights for, and fetching those weights.

Nothing here is fetched unless fetch() is called. torch and what fetches are imported inside the
functions, so that a front end can have the records without them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from engine.downloads.partial import MEGABYTE, part_of
from engine.errors import ModelError
from engine.progress import CancelToken, Report, ignore_progress

MIRROR = "HOOKSCOPE_MIRROR"
"""Environment variable: the address of a folder with the same files, taken in place of
torchvision's own."""

# torchvision names sizes to a thousandth of a megabyte.
_ROUNDING = MEGABYTE // 1_000


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """One file of weights of a classifier.

    entry: torchvision's name of it ('IMAGENET1K_V2'). url: where it is published. path: where
    torch's hub keeps it, whether it is there or not. size: in bytes, to about one part in 1,000.
    top1, top5: accuracy on ImageNet-1K's validation images, in percent. side: height and width of
    the input. licence: address of terms that differ from torchvision's own, else ''.
    on_disk: whether path is there and of that size (another program may have left half a file).
    partial: bytes of it that an earlier download left.
    """

    entry: str
    url: str
    path: Path
    size: int
    top1: float
    top5: float
    side: int
    licence: str
    on_disk: bool
    partial: int

    @property
    def sha256_prefix(self) -> str:
        """The first digits of the file's SHA-256, which torchvision puts into its name."""
        return self.path.stem.rpartition("-")[2]

    @property
    def megabytes(self) -> float:
        return self.size / MEGABYTE

    def refreshed(self) -> PublishedWeights:
        """The same, as it is on the disk now."""
        whole = abs(_size_of(self.path) - self.size) <= _ROUNDING
        return replace(self, on_disk=whole, partial=max(0, _size_of(part_of(self.path))))


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A classifier of torchvision. parameters: how many; weights: the default first."""

    name: str
    parameters: int
    weights: tuple[PublishedWeights, ...]

    @property
    def default(self) -> PublishedWeights:
        return self.weights[0]

    def refreshed(self) -> PublishedModel:
        """The same, as its files are on the disk now."""
        return replace(self, weights=tuple(weights.refreshed() for weights in self.weights))


def published(mirror: str | None = None) -> tuple[PublishedModel, ...]:
    """All classifiers of the installed torchvision that have weights, sorted by name.

    mirror: see MIRROR, whose value is taken when it is None. Raises ModelError when torchvision
    cannot be imported.
    """
    from engine.formats.torchvision import models as torchvision_models

    base = os.environ.get(MIRROR, "") if mirror is None else mirror
    models = []
    for name in torchvision_models.names():
        entries = torchvision_models.entries(name)
        weights = tuple(_weights(e, torchvision_models.cached_file(e), base) for e in entries)
        models.append(PublishedModel(name, int(entries[0].meta["num_params"]), weights))
    return tuple(models)


def find(name: str, entry: str | None = None, mirror: str | None = None) -> PublishedWeights:
    """The published weights of a classifier; the default when no entry is named.

    Raises ModelError, naming what there is.
    """
    import difflib

    models = {model.name: model for model in published(mirror)}
    if name not in models:
        near = difflib.get_close_matches(name.lower(), models, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "'models' lists what there is"
        raise ModelError(f"torchvision has no classifier '{name}'; {hint}")
    weights = {weights.entry: weights for weights in models[name].weights}
    if entry is None:
        return models[name].default
    if entry not in weights:
        raise ModelError(f"{name} has no weights '{entry}'; choose {' or '.join(weights)}")
    return weights[entry]


def fetch(
    weights: PublishedWeights,
    cancel: CancelToken | None = None,
    progress: Report = ignore_progress,
) -> Path:
    """Fetch published weights into torch's hub cache, where every program finds them.

    Returns at once when they are there. Raises DownloadError and Cancelled; what has come by then
    is kept, and the next call goes on with it.
    """
    from engine.downloads.fetching import download

    return download(
        weights.url,
        weights.path,
        sha256_prefix=weights.sha256_prefix,
        size=weights.size,
        cancel=cancel,
        progress=progress,
    )


def facts(models: Sequence[PublishedModel]) -> list[dict[str, Any]]:
    """The gallery as JSON's plain values."""
    return [
        {
            "name": model.name,
            "parameters": model.parameters,
            "weights": [
                {**asdict(weights), "path": str(weights.path)} for weights in model.weights
            ],
        }
        for model in models
    ]


def lines(models: Sequence[PublishedModel]) -> list[str]:
    """The gallery as a table for a terminal: each classifier with its default weights."""
    table = [("NAME", "TOP-1 %", "PARAMETERS", "MB", "")]
    for model in models:
        weights = model.default
        here = [each.entry for each in model.weights if each.on_disk]
        remark = "on disk" if weights.on_disk else f"on disk: {here[0]}" if here else ""
        table.append(
            (
                model.name,
                f"{weights.top1:.1f}",
                f"{model.parameters / 1e6:.1f} M",
                f"{weights.megabytes:.0f}",
                remark,
            )
        )
    widths = [max(len(row[column]) for row in table) for column in range(4)]
    return [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  "
        f"{row[3]:>{widths[3]}}  {row[4]}".rstrip()
        for row in table
    ]


def _weights(entry: Any, path: Path, mirror: str) -> PublishedWeights:
    meta, preset = entry.meta, entry.transforms()
    metrics = meta["_metrics"]["ImageNet-1K"]
    top1, top5 = float(metrics["acc@1"]), float(metrics["acc@5"])
    made = PublishedWeights(
        entry=entry.name,
        url=_mirrored(entry.url, mirror),
        path=path,
        size=round(float(meta["_file_size"]) * MEGABYTE),
        top1=top1,
        top5=top5,
        side=int(preset.crop_size[0]),
        licence=str(meta.get("license", "")),
        on_disk=False,
        partial=0,
    )
    return made.refreshed()


def _size_of(path: Path) -> int:
    """In bytes; -2 * _ROUNDING, which is like no size, for a file that is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return -2 * _ROUNDING


def _mirrored(url: str, mirror: str) -> str:
    if not mirror:
        return url
    return f"{mirror.rstrip('/')}/{PurePosixPath(urlsplit(url).path).name}"
