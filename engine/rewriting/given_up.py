"""What was found not to pay for a network, or not to be right: remembered beside its inspection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from engine.passes.hooks import Call
from engine.remembered import store


@dataclass(frozen=True, slots=True)
class GivenUp:
    """reason: why nothing of the network is rewritten; '' while it may be. starts: the calls before
    which nothing is, since kinks are near in most images."""

    reason: str = ""
    starts: frozenset[Call] = frozenset()


class Memory:
    """What is given up for the network of one file, on one device, by one version of torch.

    weights: SHA-256 of the file; '' if there is none, and then nothing is kept.
    """

    def __init__(
        self, weights: str = "", input_shape: tuple[int, ...] = (), device: str = "cpu"
    ) -> None:
        self._key = ""
        if weights:
            versions = torch.__version__, torch.get_num_threads()
            self._key = store.key_of("given up", weights, input_shape, device, *versions)
        self._known = (store.read(self._key, _read) if self._key else None) or GivenUp()

    @property
    def known(self) -> GivenUp:
        """What was given up, in this run of the program or in an earlier one."""
        return self._known

    def give_up(self, reason: str) -> None:
        """Remember that nothing is rewritten any more."""
        self._keep(replace(self._known, reason=reason))

    def refuse(self, start: Call) -> None:
        """Remember that nothing is rewritten before a call."""
        self._keep(replace(self._known, starts=self._known.starts | {start}))

    def _keep(self, known: GivenUp) -> None:
        if known == self._known:
            return
        self._known = known
        if self._key:
            content = {"reason": known.reason, "starts": sorted(map(list, known.starts))}
            store.write(self._key, content)


def _read(content: Any) -> GivenUp:
    """Raises ValueError for what was not written by this program."""
    try:
        reason, starts = content["reason"], content["starts"]
        found = frozenset((name, index) for name, index in starts)
    except (KeyError, TypeError) as error:
        raise ValueError(f"nothing that was given up: {error}") from error
    right = all(type(name) is str and type(index) is int for name, index in found)
    if type(reason) is not str or not right:
        raise ValueError("nothing that was given up")
    return GivenUp(reason, found)
