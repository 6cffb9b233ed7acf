"""The inspector's work on the engine lane: channels of a layer, of one image or of several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.records.channels import ChannelMaps, Channels
from engine.records.images import LoadedImage
from engine.records.levels import AUTO, Levels
from gui.jobs.engine_worker import EngineWorker
from gui.state.inspected import ChannelGallery
from gui.state.records import Request

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.explain.session import Session
    from gui.jobs.lanes import Watch

# Numbers that are copied from the device in one go, between two looks at the cancel token.
_BLOCK = 1 << 22
_SIDE = 96


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image of the strip; loaded is None if it has to be read. page: from 1."""

    key: str
    name: str
    path: Path | None
    loaded: LoadedImage | None
    page: int = 1
    levels: Levels = AUTO


def gallery(
    worker: EngineWorker, image: LoadedImage, request: Request, watch: Watch
) -> ChannelGallery:
    """All channels of the request's layer for its class. Raises the errors of Session.channels."""
    watch.report(0.0, "channels")
    session = worker.session(image, request, watch)
    channels = session.channels(
        request.layer, request.target, question=request.question, cancel=watch.cancel
    )
    count = len(channels.weights)
    activations, gradients, peaks = [], [], []
    for maps in _blocks(session, request, channels, watch):
        activations.append(_reduced(maps.activations))
        gradients.append(_reduced(maps.gradients))
        peaks.append(maps.activations.max(axis=(1, 2)))
        watch.report((maps.channels[-1] + 1) / count, "channels")
    return ChannelGallery(
        request,
        channels,
        np.concatenate(activations),
        np.concatenate(gradients),
        np.concatenate(peaks),
    )


def channel(
    worker: EngineWorker, image: LoadedImage, request: Request, index: int, watch: Watch
) -> ChannelMaps:
    """One channel of the request's layer, cell by cell."""
    return worker.session(image, request, watch).channel_maps(
        [index], request.layer, request.target, question=request.question, cancel=watch.cancel
    )


def peaks_of(
    worker: EngineWorker,
    image: LoadedImage,
    request: Request,
    other: OpenedImage,
    policy: Levels,
    watch: Watch,
) -> NDArray[np.float32]:
    """The largest activation of each channel on another image: float32 (channels,).

    image: the one that is looked at, whose session stays open. policy: the levels of the model.
    Raises ImageError, and the errors of Session.channels.
    """
    from engine.explain.session import Session
    from engine.images.levels import with_levels
    from engine.images.reading import load_image

    model = worker.session(image, request, watch).model
    loaded = other.loaded
    if loaded is None:
        assert other.path is not None  # an image without a file stays loaded
        loaded = load_image(
            other.path,
            page=other.page,
            levels=other.levels,
            cancel=watch.cancel,
            patience=None,
        )
    with Session(model, with_levels(loaded, policy), exact=request.exact) as session:
        channels = session.channels(
            request.layer, request.target, question=request.question, cancel=watch.cancel
        )
        found = [
            maps.activations.max(axis=(1, 2)) for maps in _blocks(session, request, channels, watch)
        ]
    return np.concatenate(found)


def _blocks(
    session: Session, request: Request, channels: Channels, watch: Watch
) -> Iterator[ChannelMaps]:
    count = len(channels.weights)
    step = max(1, _BLOCK // channels.explanation.map.size)
    for first in range(0, count, step):
        watch.cancel.raise_if_cancelled()
        yield session.channel_maps(
            range(first, min(count, first + step)),
            request.layer,
            request.target,
            question=request.question,
            cancel=watch.cancel,
        )


def _reduced(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """At most _SIDE cells on a side, by averaging."""
    _, rows, columns = maps.shape
    longest = max(rows, columns)
    if longest <= _SIDE:
        return maps
    size = max(1, columns * _SIDE // longest), max(1, rows * _SIDE // longest)
    return np.stack([cv2.resize(map, size, interpolation=cv2.INTER_AREA) for map in maps]).astype(
        np.float32, copy=False
    )
