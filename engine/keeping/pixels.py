"""Pictures that have no file, such as pasted ones: kept within a session, as they were given."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

from engine.errors import SessionError
from engine.lazy.numpy import np
from engine.records.images import Pixels

MOST = 64 << 20
"""Bytes of all pictures within one session file."""
MOST_AUTOMATIC = 16 << 20
"""The same within the automatic save, which is written after every click."""


class KeptPixels:
    """A picture as the bytes of a file that decodes to it: those that were given, or a PNG.

    Made of either in a moment; encoded is computed when it is asked for first, which takes a second
    for a photograph. sha256: of what is not here yet. Equal to others of the same bytes, as far as
    both are known.
    """

    def __init__(
        self, data: bytes | None = None, pixels: Pixels | None = None, sha256: str = ""
    ) -> None:
        self._data, self._pixels, self._sha256 = data, pixels, sha256

    @property
    def encoded(self) -> bytes:
        """The bytes. Raises ValueError if they are not here yet."""
        if self._data is None:
            if self._pixels is None:
                raise ValueError(f"the picture {self._sha256} has not been read")
            self._data, self._pixels = _png(self._pixels), None
        return self._data

    @property
    def sha256(self) -> str:
        """Of the bytes."""
        if not self._sha256:
            self._sha256 = hashlib.sha256(self.encoded).hexdigest()
        return self._sha256

    def filled(self, read: Callable[[str], bytes]) -> KeptPixels:
        """With the bytes that read finds by their sha256. Raises SessionError for others."""
        data = read(self._sha256)
        if hashlib.sha256(data).hexdigest() != self._sha256:
            raise SessionError("a picture in it is damaged; open another copy of it")
        return KeptPixels(data, sha256=self._sha256)

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, KeptPixels):
            return self is other
        if self._sha256 and other._sha256:
            return self._sha256 == other._sha256
        return self._data is not None and self._data == other._data

    __hash__ = None  # type: ignore[assignment]


def _png(pixels: Pixels) -> bytes:
    from PIL import Image

    found: Any = Image.fromarray(np.ascontiguousarray(pixels))
    buffer = io.BytesIO()
    found.save(buffer, format="PNG", compress_level=4)
    return buffer.getvalue()
