"""Small pictures for the page of a folder, of the images that a browser cannot show: TIFF, DICOM,
HEIC, .npy, and whatever has a name that says otherwise."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image

from engine.errors import HookscopeError
from engine.files import regular
from engine.folders.index.queries import Shown
from engine.folders.inputs.pictures import Reading

LONGEST = 320
"""Pixels along the longer side."""

_QUALITY = 85
_HEAD_BYTES = 12
# How the formats begin that every browser shows; they look at that as well, not at the name.
_SHOWN_BY_ALL = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")


def addresses(rows: Sequence[Shown]) -> dict[int, str]:
    """data: addresses of JPEGs, by the number of the input, for those of the rows that need one.

    Without those whose file is gone, or has changed since it was explained. Raises ModelError if no
    reader can be started.
    """
    needed = [one for one in rows if one.row is not None and not _is_shown(one.path)]
    found = {}
    for chunk in Reading(None).chunks(needed, lambda shown: shown.path, 4):
        for shown, ready in chunk:
            assert shown.row is not None
            if ready.image is not None and ready.picture.content == shown.row.content:
                picture = Image.fromarray(ready.image.pixels)
                picture.thumbnail((LONGEST, LONGEST))
                file = io.BytesIO()
                picture.save(file, "JPEG", quality=_QUALITY)
                data = base64.b64encode(file.getvalue()).decode("ascii")
                found[shown.number] = f"data:image/jpeg;base64,{data}"
    return found


def _is_shown(path: str) -> bool:
    """Whether browsers show that file; one that cannot be read is left to them."""
    head = b""
    with suppress(HookscopeError, OSError), regular.opened(Path(path), HookscopeError) as file:
        head = file.read(_HEAD_BYTES)
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return not head or is_webp or head.startswith(_SHOWN_BY_ALL)
