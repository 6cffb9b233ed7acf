"""What was asked of a session, which may be decided only by the network's answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.explain.answers.places import default_source
from engine.explain.kept_passes import Computation
from engine.progress import CancelToken


@dataclass(frozen=True, slots=True)
class Asking:
    """The class that was asked for: its index, or None for the one with the highest logit."""

    work: Computation
    index: int | None

    @property
    def is_decided(self) -> bool:
        """Whether the class is known without a pass."""
        return self.index is not None or self.work.logits is not None

    def target(self) -> int:
        """The class; unless it was given, there must have been a pass."""
        if self.index is not None:
            return self.index
        assert self.work.logits is not None
        return int(np.argmax(self.work.logits))


def first_pass(work: Computation, cancel: CancelToken | None) -> None:
    """Run the network, ready to explain the default layer."""
    work.pass_with(default_source(work.model), cancel)
