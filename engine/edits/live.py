"""One image while its edits change: what the edits before the last one made is kept."""

from __future__ import annotations

from engine.edits.apply import Doing, Masks, Others, Picture, done
from engine.edits.boxes import Box, reached, whole
from engine.edits.fills import fill_in
from engine.edits.shapes import mask_within
from engine.progress import CancelToken
from engine.records.edits import Brush, Edit, Edits, Fill, Hide, Hottest, Paste, Rectangle
from engine.records.images import LoadedImage, Region


class Editing:
    """Edits one image again and again, for sliders, dragging and painting. Not thread-safe.

    masks, others: as in engine.edits.apply.edited, to whose answers its own are equal. It keeps two
    images at most besides the original: that before the last edit, and the last answer.
    """

    def __init__(
        self, image: LoadedImage, *, masks: Masks | None = None, others: Others | None = None
    ) -> None:
        self.image = image
        self._doing = Doing(masks, others)
        self._steps: tuple[Edit, ...] = ()
        self._first: Picture | None = None
        self._before: Picture | None = None
        self._last = image
        self._after: Picture | None = None
        self._touched: Box | None = None
        self.changed: Region | None = None
        """What may differ between the last two answers, in pixels of both; None for everything.
        Of size 0 where nothing does."""

    def image_with(self, edits: Edits, cancel: CancelToken | None = None) -> LoadedImage:
        """The image with the edits done; the original where none is switched on.

        Edits that differ from the ones before in the last step alone, or by one more, are the
        quick ones. Raises what edited raises; after an error or Cancelled the next call begins
        from what was known before.
        """
        steps = edits.active
        if steps == self._steps:
            self.changed = Region(0, 0, 0, 0)
            return self._last
        doing = Doing(self._doing.masks, self._doing.others, cancel)
        if not steps:
            self._take(steps, None, None, self.image, None, None)
            return self.image
        before = self._reached(steps[:-1], doing)
        after, touched = self._done(before, steps[-1], doing)
        doing.check()
        changed = self._difference(steps, before, touched)
        self._take(steps, before, after, after.image, touched, changed)
        return self._last

    def _take(
        self,
        steps: tuple[Edit, ...],
        before: Picture | None,
        after: Picture | None,
        image: LoadedImage,
        touched: Box | None,
        changed: Box | None,
    ) -> None:
        self._steps, self._before, self._after, self._last = steps, before, after, image
        self._touched = touched
        if changed is not None:
            changed = changed.within(whole(image.height, image.width))
        self.changed = None if changed is None else changed.region

    def _reached(self, steps: tuple[Edit, ...], doing: Doing) -> Picture:
        """The picture before the last edit: one that is known, or edited from the nearest one."""
        known: list[tuple[int, Picture]] = []
        if self._before is not None and self._steps[:-1] == steps[: len(self._steps) - 1]:
            known.append((len(self._steps) - 1, self._before))
        if self._after is not None and self._steps == steps[: len(self._steps)]:
            known.append((len(self._steps), self._after))
        if not known:
            if self._first is None:
                self._first = Picture.of(self.image)
            known.append((0, self._first))
        start, picture = max(known, key=lambda each: each[0])
        for step in steps[start:]:
            doing.check()
            picture = done(picture, step, doing)
        return picture

    def _done(self, before: Picture, step: Edit, doing: Doing) -> tuple[Picture, Box | None]:
        """The last edit, with what it touches of the picture before it; None for all."""
        stroke = self._longer(before, step)
        if stroke is not None:
            assert isinstance(step, Hide)
            assert self._after is not None
            return _painted(before, self._after, stroke, step), self._touched_by(before, step)
        return done(before, step, doing), self._touched_by(before, step)

    def _longer(self, before: Picture, step: Edit) -> Brush | None:
        """What was added to the stroke of the last answer; None if more than that has changed.

        Inpainting depends on all that is hidden, so that there it is always everything.
        """
        last = self._steps[-1] if self._steps else None
        if before is not self._before or not isinstance(step, Hide) or not isinstance(last, Hide):
            return None
        now, then = step.shape, last.shape
        if not isinstance(now, Brush) or not isinstance(then, Brush):
            return None
        if step.keep or last.keep or step.filling != last.filling or now.radius != then.radius:
            return None
        count = len(then.points)
        if step.filling.fill is Fill.INPAINT or now.points[:count] != then.points:
            return None
        return Brush(now.points[max(0, count - 1) :], now.radius)

    def _touched_by(self, before: Picture, step: Edit) -> Box | None:
        frame = before.frame
        if isinstance(step, Hide) and not step.keep and not isinstance(step.shape, Hottest):
            return reached(step.shape).within(frame).moved(-frame.left, -frame.top)
        if isinstance(step, Paste):
            size = step.part.width * step.scale, step.part.height * step.scale
            return reached(Rectangle(*step.at, *size)).grown(1).moved(-frame.left, -frame.top)
        return None

    def _difference(
        self, steps: tuple[Edit, ...], before: Picture, touched: Box | None
    ) -> Box | None:
        """What may differ from the last answer."""
        if touched is None:
            return None
        if self._after is not None and before is self._after:
            # One more edit on top of the last answer.
            return touched
        if not self._steps and len(steps) == 1:
            return touched
        if before is self._before and self._touched is not None:
            return touched.around(self._touched)
        return None


def _painted(before: Picture, last: Picture, stroke: Brush, step: Hide) -> Picture:
    """The last answer with a stroke added to what is hidden."""
    frame = before.frame
    box = reached(stroke).within(frame)
    plane = last.plane.copy()
    if not box.is_empty:
        own = box.moved(-frame.left, -frame.top)
        fill_in(plane, before.plane, mask_within(stroke, box), own, step.filling)
    return Picture(before.original, plane, frame)
