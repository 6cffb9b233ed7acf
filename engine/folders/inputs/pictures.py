"""Reads images ahead, a few files in one request to each of several reader processes.

While one chunk is computed, the readers decode the next ones. A request whose reader crashes or
takes too long is repeated file by file, so that the file at fault is the only one without pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import Cancelled, HookscopeError, ImageError
from engine.folders.records import NO_STAMP, Picture, Properties, Stamp, stamp_in
from engine.images import levels, placing
from engine.images.reading import image_of, memory_for
from engine.progress import CancelToken
from engine.reader import client
from engine.records.images import LoadedImage, Preprocessing

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """One file as it was read: what is known of it, and either the crop for the network, uint8
    (h, w, 1 or 3), or the whole image; neither if it cannot be read."""

    picture: Picture
    crop: NDArray[np.uint8] | None = None
    image: LoadedImage | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the original."""
        assert self.picture.properties is not None
        return self.picture.properties.width, self.picture.properties.height


class Reading:
    """Reads files with several readers at a time. End it with close().

    how: the network's preprocessing; None for whole images. readers: at most so many processes.
    patience: CPU time for one file in seconds, None for no limit.
    """

    def __init__(
        self,
        how: Preprocessing | None,
        *,
        readers: int = 2,
        patience: float | None = client.PATIENCE,
    ) -> None:
        self._how = None
        if how is not None and placing.is_pillows(how) and levels.keeps_bytes(how.levels):
            self._how = _request_of(how)
        self._readers = max(1, readers)
        self._patience = patience
        self._running: deque[client.Asked] = deque()

    def chunks(
        self,
        items: Iterable[_Item],
        path_of: Callable[[_Item], str],
        size: int,
        cancel: CancelToken | None = None,
    ) -> Iterator[list[tuple[_Item, Ready]]]:
        """The items in their order with what was read, in lists of size (fewer at the end).

        Raises Cancelled, ModelError if no reader can be started.
        """
        rest = iter(items)
        waiting: deque[list[_Item]] = deque()
        try:
            while True:
                while len(waiting) < self._readers:
                    chunk = list(islice(rest, size))
                    if not chunk:
                        break
                    self._running.append(self._begin([path_of(item) for item in chunk]))
                    waiting.append(chunk)
                if not waiting:
                    return
                chunk = waiting.popleft()
                found = self._result([path_of(item) for item in chunk], cancel)
                yield list(zip(chunk, found, strict=True))
        finally:
            self.close()

    def close(self) -> None:
        """End what is still being read."""
        while self._running:
            self._running.popleft().drop()

    def _begin(self, paths: Sequence[str]) -> client.Asked:
        name = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
        most = max(memory_for(Path(path)) for path in paths)
        return client.begin(
            "pictures", ImageError, name, paths=list(paths), how=self._how, memory=most
        )

    def _result(self, paths: Sequence[str], cancel: CancelToken | None) -> list[Ready]:
        found: list[Ready] = []
        asked = self._running.popleft()
        while True:
            left = paths[len(found) :]
            try:
                with client.reading(cancel, self._patience):
                    answer = asked.result()
            except Cancelled:
                raise
            except ImageError as error:
                if len(left) == 1:
                    return [*found, _unread("", NO_STAMP, error, left[0])]
                for path in left:
                    self._running.appendleft(self._begin([path]))
                    found += self._result([path], cancel)
                return found
            found += _readies(answer, left)
            if len(found) == len(paths):
                return found
            asked = self._begin(paths[len(found) :])


def stamp_of(path: str) -> Stamp:
    """The stamp of a file, NO_STAMP if it is not there."""
    try:
        return stamp_in(Path(path).stat())
    except (OSError, ValueError):
        return NO_STAMP


def _request_of(how: Preprocessing) -> dict[str, Any]:
    return {
        "resize": how.resize,
        "crop": how.crop,
        "interpolation": how.interpolation,
        "antialias": how.antialias,
        "letterbox": how.letterbox,
        "channels": how.channels.value,
    }


def _readies(answer: client.Answer, paths: Sequence[str]) -> list[Ready]:
    """What a reader told about the first of the paths, every value checked. Raises ImageError."""
    try:
        replies = answer.reply["files"]
        if not 0 < len(replies) <= len(paths):
            raise ValueError("another number of files")
        return [
            _ready(reply, answer.content, path) for reply, path in zip(replies, paths, strict=False)
        ]
    except (LookupError, TypeError, ValueError) as error:
        raise ImageError(
            f"{paths[0]}: the decoder returned inconsistent data ({error}); save the image again"
        ) from error


def _ready(reply: dict[str, Any], content: memoryview, path: str) -> Ready:
    hash = str(reply.get("content", ""))[:64]
    size, changed = map(int, reply["stamp"] if hash else NO_STAMP)
    stamp = size, changed
    try:
        client.checked(reply, ImageError, path)
        own = content[int(reply["start"]) : int(reply["end"])]
        brightness, contrast, blur, grey = reply["properties"]
        properties = Properties(
            int(reply["width"]),
            int(reply["height"]),
            float(brightness),
            float(contrast),
            float(blur),
            bool(grey),
        )
        picture = Picture(hash, stamp, properties)
        if min(properties.width, properties.height) < 1:
            raise ValueError("no pixels")
        if "crop" in reply:
            crop = np.frombuffer(own, np.uint8).reshape(tuple(map(int, reply["crop"])))
            return Ready(picture, crop=crop)
        image = image_of(client.Answer(reply, own), path, Path(path))
        return Ready(picture, image=image)
    except HookscopeError as error:
        return _unread(hash, stamp, error, path)


def _unread(content: str, stamp: Stamp, error: HookscopeError, path: str) -> Ready:
    """What is known of a file that cannot be read; the reason without the path.

    One whose content was not read as a whole has no stamp, so that a later run tries it again: what
    was in the way, such as its permissions or too little memory, does not change the file.
    """
    text = str(error)
    for name in (path, Path(path).name):
        text = text.removeprefix(f"{name}: ")
    return Ready(Picture(content, stamp, None, text))
