"""Lists the classifiers with published torchvision weights, and downloads those weights.

Nothing is downloaded unless fetch() is called. torch and the download code are imported inside
functions, so that a front end can use the records without them.
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
"""Environment variable: the URL of a folder with the same files, used instead of torchvision's."""

# torchvision gives sizes to a thousandth of a megabyte.
_ROUNDING = MEGABYTE // 1_000


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """One published weights file of a classifier.

    entry: torchvision's name for it ('IMAGENET1K_V2'). url: where it is published. path: its
    location in torch's hub cache, whether it exists or not. size: in bytes, to about 0.1 %.
    top1, top5: accuracy on ImageNet-1K's validation images, in percent. side: height and width of
    the input. licence: URL of terms that differ from torchvision's own, else ''.
    on_disk: whether path exists with that size (another program may have left a partial file).
    partial: bytes left by an earlier download.
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
        """The first digits of the file's SHA-256, which are part of its name."""
        return self.path.stem.rpartition("-")[2]

    @property
    def megabytes(self) -> float:
        return self.size / MEGABYTE

    def refreshed(self) -> PublishedWeights:
        """The same record with the current state of the disk."""
        whole = abs(_size_of(self.path) - self.size) <= _ROUNDING
        return replace(self, on_disk=whole, partial=max(0, _size_of(part_of(self.path))))


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A torchvision classifier. parameters: their number; weights: the default first."""

    name: str
    parameters: int
    weights: tuple[PublishedWeights, ...]

    @property
    def default(self) -> PublishedWeights:
        return self.weights[0]

    def refreshed(self) -> PublishedModel:
        """The same record with the current state of the disk."""
        return replace(self, weights=tuple(weights.refreshed() for weights in self.weights))


def published(mirror: str | None = None) -> tuple[PublishedModel, ...]:
    """All classifiers of the installed torchvision that have weights, sorted by name.

    mirror: see MIRROR, whose value is used if this is None. Raises ModelError if torchvision
    cannot be imported.
    """
    from engine.formats.torchvision import metadata

    base = os.environ.get(MIRROR, "") if mirror is None else mirror
    models = []
    for name in metadata.names():
        entries = metadata.entries(name)
        weights = tuple(_weights(e, metadata.cached_file(e), base) for e in entries)
        models.append(PublishedModel(name, int(entries[0].meta["num_params"]), weights))
    return tuple(models)


def find(name: str, entry: str | None = None, mirror: str | None = None) -> PublishedWeights:
    """The published weights of a classifier; the default if no entry is given.

    Raises ModelError, naming the alternatives.
    """
    import difflib

    models = {model.name: model for model in published(mirror)}
    if name not in models:
        near = difflib.get_close_matches(name.lower(), models, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "'models' lists the names"
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
    """Download published weights into torch's hub cache, which other programs use as well.

    Returns at once if they exist. Raises DownloadError and Cancelled; data received so far is kept,
    and the next call resumes the download.
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
    """The gallery as plain values for JSON."""
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
    """In bytes; for a missing file -2 * _ROUNDING, which matches no size."""
    try:
        return path.stat().st_size
    except OSError:
        return -2 * _ROUNDING


def _mirrored(url: str, mirror: str) -> str:
    if not mirror:
        return url
    return f"{mirror.rstrip('/')}/{PurePosixPath(urlsplit(url).path).name}"
