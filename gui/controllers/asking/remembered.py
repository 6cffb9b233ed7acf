"""What was answered for the images that were looked at, so that going back to one shows it at once.

Kept for the open model only, the least recently used image first out.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from gui.state.records import Answer, Request, SweepAnswer

MOST_BYTES = 64_000_000
"""Of maps that are kept."""


@dataclass(slots=True)
class _Image:
    answers: dict[Request, Answer] = field(default_factory=dict)
    last: Answer | None = None
    sweep: SweepAnswer | None = None

    @property
    def size(self) -> int:
        maps = {id(a.explanation.map): a.explanation.map.nbytes for a in self.answers.values()}
        swept = self.sweep.explanations.values() if self.sweep is not None else ()
        maps |= {id(explanation.map): explanation.map.nbytes for explanation in swept}
        scores = sum(answer.probabilities.nbytes for answer in self.answers.values())
        return sum(maps.values()) + scores


class Remembered:
    """Answers by the request that they answer, whatever its generation."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._images: OrderedDict[tuple[str, int], _Image] = OrderedDict()

    def keep(self, answer: Answer) -> None:
        """Remember an answer."""
        image = self._touch(answer.request)
        # The engine keeps a gradient for the image on the screen alone.
        image.last = image.answers[_plain(answer.request)] = replace(answer, gradient=False)
        self._make_room()

    def keep_sweep(self, sweep: SweepAnswer) -> None:
        """Remember the maps of all layers; those of an earlier sweep of the image go."""
        self._touch(sweep.request).sweep = sweep
        self._make_room()

    def answer(self, request: Request) -> Answer | None:
        """The answer to a request; None if it is not known."""
        image = self._images.get((request.image, request.revision))
        return image.answers.get(_plain(request)) if image is not None else None

    def left(self, request: Request) -> tuple[Answer | None, SweepAnswer | None]:
        """The last answer of a request's model for its image, and its sweep."""
        image = self._images.get((request.image, request.revision))
        if image is None:
            return None, None
        last, sweep = image.last, image.sweep
        return (
            last if last is not None and _alike(last.request, request) else None,
            sweep if sweep is not None and _alike(sweep.request, request) else None,
        )

    def forget(self, key: str) -> None:
        """Forget an image."""
        for place in [place for place in self._images if place[0] == key]:
            del self._images[place]

    def clear(self) -> None:
        """Forget everything: the model is another one, or computes otherwise."""
        self._images.clear()

    def _touch(self, request: Request) -> _Image:
        place = request.image, request.revision
        image = self._images.setdefault(place, _Image())
        self._images.move_to_end(place)
        return image

    def _make_room(self) -> None:
        total = sum(image.size for image in self._images.values())
        while total > self._most_bytes and len(self._images) > 1:
            _, oldest = self._images.popitem(last=False)
            total -= oldest.size


def _alike(one: Request, other: Request) -> bool:
    """Whether both are of the same model, and of the image with the same edits."""
    return (one.model, one.edits) == (other.model, other.edits)


def _plain(request: Request) -> Request:
    return request.wanted
