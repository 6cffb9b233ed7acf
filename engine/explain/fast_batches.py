"""Passes without a graph over many images, by a faster form of the network where that pays."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from engine.errors import one_line
from engine.model import Model
from engine.passes.devices import is_out_of_memory
from engine.passes.forward import run_plain
from engine.passes.hooks import NETWORK_ERRORS, Call, evaluating
from engine.passes.replaced import output_of
from engine.progress import CancelToken
from engine.rewriting.faster import Form, compare

_log = logging.getLogger(__name__)

# Rewriting a network takes about as long as this many passes.
_PAYS = 8


class FastBatches:
    """Computes the logits of batches; after a few images, by a form with rewritten layers.

    plainly: by the network's own modules alone. The form is compared with them for a batch before
    it is used, and given up where they differ.
    """

    def __init__(self, model: Model, *, plainly: bool) -> None:
        self._model = model
        self._plainly = plainly
        self._passed = 0
        self._form: Form | None = None
        self._trusted = 0

    def start(self) -> None:
        """Begin anew, so that the same images have the same logits whatever was passed before."""
        self._passed, self._form, self._trusted = 0, None, 0

    def logits(self, batch: Tensor, allowed: int, cancel: CancelToken | None) -> Tensor:
        """(n, classes) for a batch (n, channels, h, w). allowed: bytes that a pass may hold."""
        if self._form is not None and len(batch) <= self._trusted:
            return self._fast(self._form, batch, cancel)
        facts = self._model.facts
        own = run_plain(self._model.module, batch, facts.reading, cancel, bounded=facts.real)
        self._passed += len(batch)
        if not self._plainly and self._passed >= _PAYS:
            self._try(batch, own, allowed, cancel)
        return own

    def output(self, batch: Tensor, call: Call, cancel: CancelToken | None) -> Tensor:
        """What a call returns for a batch, by the network's own modules: (n, ...)."""
        facts = self._model.facts
        return output_of(self._model.module, batch, call, cancel, bounded=facts.real)

    def _try(self, batch: Tensor, own: Tensor, allowed: int, cancel: CancelToken | None) -> None:
        """Compare the form with the network itself, for a batch as large as none before."""
        if self._form is None:
            start = next(reversed(self._model.facts.calls), None)
            faster = self._model.faster
            if start is not None:
                # The first request only says that there will be more.
                self._form = faster.before(start, allowed, 1, cancel) or faster.before(
                    start, allowed, 1, cancel
                )
        if self._form is None:
            self._plainly = True
            return
        try:
            compare(self._fast(self._form, batch, cancel), own)
        except NETWORK_ERRORS as error:
            if is_out_of_memory(error):
                raise
            _log.info("batches are not computed faster: %s", one_line(error))
            self._form, self._plainly = None, True
        else:
            self._trusted = len(batch)

    def _fast(self, form: Form, batch: Tensor, cancel: CancelToken | None) -> Tensor:
        images = batch.contiguous(memory_format=torch.channels_last)
        # Its own modules are reached by other ways than their names, as well.
        with evaluating(self._model.module):
            return run_plain(form.module, images, self._model.facts.reading, cancel)
