"""The logits of many images, by passes without a graph."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import ModelError
from engine.explain.kept_passes import Computation
from engine.images.preprocessing import prepare
from engine.model import Model
from engine.passes import devices
from engine.passes.below.polling import polled_if_long
from engine.passes.hooks import NETWORK_ERRORS
from engine.progress import CancelToken
from engine.records.images import LoadedImage

_log = logging.getLogger(__name__)

MOST = 16
"""Images in one pass, at most."""

# As in input_passes: what the largest output of a batch may take on a processor, how many outputs
# are alive at once, and how far another image in the batch may move an image's logits.
_BATCH_BYTES = 8 << 20
_ALIVE = 4
_SAME = 1e-4


class Scorer:
    """The logits of images, one by one or in batches. Not thread-safe.

    exact: by the network's own modules alone; otherwise, after some images, by a faster form
    that was compared with them and differs by less than 1e-4. What cannot take several images at
    once, or mixes them up, gets one at a time. Nothing is kept between calls.
    """

    def __init__(self, model: Model, *, exact: bool = False) -> None:
        self.model = model
        self._work = Computation(model, torch.empty(0), None, exact=exact)
        self._most: int | None = 1 if model.facts.real else None

    def logits(self, image: LoadedImage, cancel: CancelToken | None = None) -> NDArray[np.float64]:
        """float64 (classes,), in the order of the classes.

        Raises ImageError where prepare does, ModelError when the network itself fails, DeviceError
        when memory does not suffice, and Cancelled.
        """
        return self.of_input(prepare(image, self.model.preprocessing).tensor, cancel)

    def of_input(self, tensor: Tensor, cancel: CancelToken | None = None) -> NDArray[np.float64]:
        """The same of an input (1, channels, h, w), as prepare returns it."""
        return np.asarray(self._rows([tensor], cancel)[0])

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
        rest = iter(inputs)
        while True:
            few = list(islice(rest, self._most or self._fitting()))
            if not few:
                return
            if self._most is None and len(few) > 1:
                self._most = self._fitting() if self._takes_batches(few[:2], cancel) else 1
            size = self._most or len(few)
            for start in range(0, len(few), size):
                yield from self._rows(few[start : start + size], cancel)

    def _rows(self, inputs: list[Tensor], cancel: CancelToken | None) -> NDArray[np.float64]:
        return self._work.guarded(lambda: self._run(inputs, cancel))

    def _run(self, inputs: list[Tensor], cancel: CancelToken | None) -> NDArray[np.float64]:
        if cancel is not None:
            cancel.raise_if_cancelled()
        with polled_if_long(cancel, self.model.pass_seconds * len(inputs)):
            # On the device that the model is on now: memory may have run out on another.
            with torch.inference_mode(False):
                batch = torch.cat(inputs).to(self.model.device, self.model.dtype)
            found = self._work.batch_logits(batch, cancel)
            return found.detach().cpu().double().numpy()

    def _takes_batches(self, pair: list[Tensor], cancel: CancelToken | None) -> bool:
        """Whether an image has the same logits with another one beside it as it has alone."""
        alone = self._rows(pair[:1], cancel)[0]
        try:
            beside = self._run(pair, cancel)[0]
        except (*NETWORK_ERRORS, ModelError) as error:
            if devices.is_out_of_memory(error):
                raise
            _log.info("images are passed one by one: %s", error)
            return False
        far = float(np.abs(beside - alone).max(initial=0.0))
        same = far <= _SAME * float(np.abs(alone).max(initial=0.0))
        if not same:
            _log.info("images are passed one by one: a batch changes the logits by %g", far)
        return same

    def _fitting(self) -> int:
        """As many images as one pass may take."""
        largest = max(1, self.model.facts.largest)
        most = min(MOST, self._work.allowed // (_ALIVE * largest))
        if self.model.device.type == "cpu":
            most = min(most, _BATCH_BYTES // largest)
        return max(1, most)
