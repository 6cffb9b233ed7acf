"""Many whole numbers as a short text: '1-3,7'."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.errors import SessionError
from engine.lazy.numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

MOST = 1_000_000
_MOST_LETTERS = 16 * MOST
_FORM = re.compile(r"(?:\d{1,18}(?:-\d{1,18})?(?:,(?!$)|$))*")


def spans_text(numbers: Sequence[int] | Numbers) -> str:
    """Numbers of at least 0, whatever their order, as text; '' for none."""
    found = np.unique(np.asarray(numbers, np.int64))
    ends = np.flatnonzero(np.diff(found) != 1)
    firsts = found[np.concatenate(([0], ends + 1))] if len(found) else found
    lasts = found[np.concatenate((ends, [-1]))] if len(found) else found
    pairs = zip(firsts.tolist(), lasts.tolist(), strict=True)
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in pairs)


def numbers_in(text: str, name: str) -> tuple[int, ...]:
    """The numbers of a text of spans_text, in order. name: what an error calls them.

    Raises SessionError for another text, and for more than MOST numbers.
    """
    if len(text) > _MOST_LETTERS or not _FORM.fullmatch(text):
        raise SessionError(f"'{name}' must be numbers and ranges, such as '1-3,7'")
    ends = [part.split("-") for part in text.split(",") if part]
    firsts = np.array([int(one[0]) for one in ends], np.int64)
    sizes = np.array([int(one[-1]) for one in ends], np.int64) - firsts + 1
    # One that ends before it starts has none.
    sizes = np.maximum(sizes, 0)
    if float(sizes.sum(dtype=np.float64)) > MOST:
        raise SessionError(f"'{name}' must have at most {MOST:,} numbers")
    before = np.cumsum(sizes) - sizes
    found = np.arange(int(sizes.sum())) + np.repeat(firsts - before, sizes)
    return tuple(np.unique(found).tolist())
