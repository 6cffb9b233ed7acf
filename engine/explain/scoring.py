"""The logits of many images, by passes without a graph."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import one_line
from engine.explain.batching import Batching, is_same, plain_bytes
from engine.explain.kept_passes import Computation
from engine.images.preprocessing import prepare
from engine.model import Model
from engine.passes.below.polling import polled_if_long
from engine.progress import CancelToken
from engine.records.images import LoadedImage

_log = logging.getLogger(__name__)


class Scorer:
    """The logits of images, one by one or in batches. Not thread-safe.

    exact: by the network's own modules alone; otherwise, after some images, by a faster form
    that was compared with them and differs by less than 1e-4. What cannot take several images at
    once, or mixes them up, gets one at a time. Nothing is kept between calls.
    """

    def __init__(self, model: Model, *, exact: bool = False) -> None:
        self.model = model
        self._work = Computation(model, torch.empty(0), None, exact=exact)
        self._batching = Batching(self._work)
        self._batching.limit(model.facts.largest)

    def logits(self, image: LoadedImage, cancel: CancelToken | None = None) -> NDArray[np.float64]:
        """float64 (classes,), in the order of the classes.

        Raises ImageError where prepare does, ModelError when the network itself fails, DeviceError
        when memory does not suffice, and Cancelled.
        """
        return self.of_input(prepare(image, self.model.preprocessing).tensor, cancel)

    def of_input(self, tensor: Tensor, cancel: CancelToken | None = None) -> NDArray[np.float64]:
        """The same of an input (1, channels, h, w), as prepare returns it."""
        return np.asarray(self._work.guarded(lambda: self._run([tensor], cancel))[0])

    def all_logits(
        self, images: Iterable[LoadedImage], cancel: CancelToken | None = None
    ) -> Iterator[NDArray[np.float64]]:
        """The logits of each image, in their order; images are taken a batch at a time.

        Errors are those of logits.
        """
        how = self.model.preprocessing
        return self.of_inputs((prepare(image, how).tensor for image in images), cancel)

    def of_inputs(
        self, inputs: Iterable[Tensor], cancel: CancelToken | None = None
    ) -> Iterator[NDArray[np.float64]]:
        """The same of inputs (1, channels, h, w)."""
        each = plain_bytes(self.model.facts.largest)

        def together(few: Sequence[Tensor]) -> list[NDArray[np.float64]]:
            return list(self._run(few, cancel))

        def rows(few: list[Tensor]) -> list[NDArray[np.float64]]:
            return self._batching.halved(few, together, lambda one: self.of_input(one, cancel))

        def takes(few: list[Tensor]) -> bool:
            return self._takes_batches(few[:2], cancel)

        for batch in self._batching.cut(inputs, each, takes, rows):
            yield from batch

    def _run(self, inputs: Sequence[Tensor], cancel: CancelToken | None) -> NDArray[np.float64]:
        if cancel is not None:
            cancel.raise_if_cancelled()
        with polled_if_long(cancel, self.model.pass_seconds * len(inputs)):
            # On the device that the model is on now: memory may have run out on another.
            with torch.inference_mode(False):
                batch = torch.cat(list(inputs)).to(self.model.device, self.model.dtype)
            found = self._work.batch_logits(batch, cancel)
            return found.detach().cpu().double().numpy()

    def _takes_batches(self, pair: list[Tensor], cancel: CancelToken | None) -> bool:
        """Whether an image has the same logits with another one beside it as it has alone; not
        where there is no memory for two."""
        alone = torch.from_numpy(self.of_input(pair[0], cancel))

        def beside() -> Tensor:
            return torch.from_numpy(self._run(pair, cancel))[0]

        try:
            return is_same(beside, alone, "several images in a pass")
        except (RuntimeError, MemoryError) as error:
            # All that is_same passes on: a device that is out of memory.
            _log.info("images are passed one by one: %s", one_line(error))
            return False
