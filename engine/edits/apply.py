"""An image with its edits done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from engine.edits.adjusting import changed
from engine.edits.boxes import Box, reached, rounded, whole
from engine.edits.fills import fill_in
from engine.edits.pasting import laid_over, piece_of, place_of
from engine.edits.planes import Plane, image_of, plane_of
from engine.edits.shapes import mask_within
from engine.errors import EditError
from engine.lazy.numpy import np
from engine.progress import CancelToken, Report, ignore_progress
from engine.records.edits import Change, Crop, Edit, Edits, Filling, Hide, Hottest, Paste
from engine.records.images import LoadedImage, Region, Subject

if TYPE_CHECKING:
    from numpy.typing import NDArray

Masks: TypeAlias = "Callable[[Hottest, LoadedImage], NDArray[np.bool_]]"
"""The pixels of Hottest on an image: bool (height, width)."""

Others: TypeAlias = Callable[[str, int], LoadedImage]
"""The image of a source and a page, for Paste. Raises ImageError."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image in the course of its edits.

    original: as its file has it. plane: what is left of it now, never written to. frame: the part
    of the original that plane is of, in whole pixels.
    """

    original: LoadedImage
    plane: Plane
    frame: Box

    @classmethod
    def of(cls, image: LoadedImage) -> Picture:
        return cls(image, plane_of(image), whole(image.height, image.width))

    @property
    def image(self) -> LoadedImage:
        return image_of(self.original, self.plane)


@dataclass(frozen=True, slots=True)
class Doing:
    """What edits may need besides the image: see edited."""

    masks: Masks | None = None
    others: Others | None = None
    cancel: CancelToken | None = None

    def check(self) -> None:
        if self.cancel is not None:
            self.cancel.raise_if_cancelled()


def edited(
    image: LoadedImage,
    edits: Edits,
    *,
    masks: Masks | None = None,
    others: Others | None = None,
    cancel: CancelToken | None = None,
    progress: Report = ignore_progress,
) -> LoadedImage:
    """The image with the edits done, in their order; the same object where none is switched on.

    masks: for Hottest, is given the image as the edits before leave it. others: for Paste, as
    another image is named there. The image keeps name and path, and is of the patients of what is
    pasted as well. Values of more than 8 bits are
    edited as the image's levels show them, from black to white, in floating point; the result
    shows them as they are, whatever the levels of a preprocessing.

    Shapes and crops are in pixels of the image as its file has it; a change moves what is seen
    inside this frame, a crop leaves a part of it. A shape without any pixel hides nothing.

    Raises EditError for a crop without a pixel, for a part of another image likewise, and for
    sides that are too long for a change; what masks and others raise; and Cancelled. ValueError
    where one of these two is needed and not given.
    """
    steps = edits.active
    if not steps:
        return image
    doing = Doing(masks, others, cancel)
    picture = Picture.of(image)
    for number, step in enumerate(steps):
        doing.check()
        progress(number / len(steps), "editing")
        picture = done(picture, step, doing)
    doing.check()
    return picture.image


def filled(
    image: LoadedImage, mask: NDArray[np.bool_], filling: Filling, *, keep: bool = False
) -> LoadedImage:
    """The image with the pixels of a mask, bool (height, width), filled; with keep, all others."""
    picture = Picture.of(image)
    result = picture.plane.copy()
    hidden = ~mask if keep else mask
    fill_in(result, picture.plane, hidden, picture.frame, filling, kept=keep)
    return image_of(image, result)


def frame_of(edits: Edits, width: int, height: int) -> Region:
    """The part of an image of this size that its crops leave, in whole pixels of the image.

    A point of the edited image has the place of its own plus (x, y) in the image.
    Raises EditError for a crop without a pixel.
    """
    frame = whole(height, width)
    for step in edits.active:
        if isinstance(step, Crop):
            frame = _cropped(step, frame, "the image")
    return frame.region


def done(picture: Picture, step: Edit, doing: Doing) -> Picture:
    """The picture after one more edit, which is done whether it is switched on or not."""
    if isinstance(step, Crop):
        frame = _cropped(step, picture.frame, picture.original.name)
        own = frame.moved(-picture.frame.left, -picture.frame.top)
        return replace(picture, plane=np.ascontiguousarray(picture.plane[own.part]), frame=frame)
    if isinstance(step, Change):
        try:
            plane = changed(picture.plane, step, doing.cancel)
        except EditError as error:
            raise EditError(f"{picture.original.name}: {error}") from error
        return replace(picture, plane=plane)
    if isinstance(step, Hide):
        result = picture.plane.copy()
        mask, box = mask_for(picture, step, doing)
        fill_in(result, picture.plane, mask, box, step.filling, kept=step.keep, cancel=doing.cancel)
        return replace(picture, plane=result)
    return _pasted(picture, step, doing)


def mask_for(picture: Picture, step: Hide, doing: Doing) -> tuple[NDArray[np.bool_], Box]:
    """The pixels that are filled, as a mask of a box that lies in the picture."""
    everything = whole(*picture.plane.shape[:2])
    shape = step.shape
    if isinstance(shape, Hottest):
        if doing.masks is None:
            raise ValueError("edits by the hottest pixels need masks")
        mask = doing.masks(shape, picture.image)
        return (~mask if step.keep else mask), everything
    box = reached(shape).within(picture.frame)
    own = box.moved(-picture.frame.left, -picture.frame.top)
    mask = np.zeros((0, 0), bool) if box.is_empty else mask_within(shape, box)
    if not step.keep:
        return mask, own
    rest = np.ones(picture.plane.shape[:2], bool)
    if not box.is_empty:
        rest[own.part] = ~mask
    return rest, everything


def _cropped(step: Crop, frame: Box, name: str) -> Box:
    left = rounded(step.part).within(frame)
    if left.is_empty:
        part = step.part
        raise EditError(
            f"{name}: the crop {part.x:g},{part.y:g},{part.width:g},{part.height:g} has no pixel "
            f"of columns {frame.left:,} to {frame.right:,} and rows {frame.top:,} to "
            f"{frame.bottom:,}; choose another part"
        )
    return left


def _pasted(picture: Picture, step: Paste, doing: Doing) -> Picture:
    if doing.others is None:
        raise ValueError("pasting needs others")
    other = doing.others(step.source, step.page)
    piece = piece_of(other, step)
    result = picture.plane.copy()
    laid_over(result, piece, place_of(piece, step, picture.frame))
    return replace(picture, original=with_subject(picture.original, other.subject), plane=result)


def with_subject(image: LoadedImage, whom: Subject | None) -> LoadedImage:
    """The image, which shows a part of another one, and so its patient."""
    if whom is None:
        return image
    return replace(image, subject=whom if image.subject is None else image.subject.joined(whom))
