"""Inspects a network, or finds what an earlier inspection found."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from engine.errors import ModelError
from engine.inspection.dead_tokens import has_token_trial, without_dead_tokens
from engine.inspection.facts import Inspection, inspect, with_layouts
from engine.passes.memory.allocation import limit_of
from engine.passes.observation import dtype_of
from engine.progress import CancelToken
from engine.records.models import Layout, OutputForm
from engine.remembered import store
from engine.remembered.identity import identity_of, rules
from engine.remembered.shipped import shipped

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What an inspection is asked for.

    input_shape: (1, channels, h, w). output, names, layouts: as in facts.inspect and with_layouts.
    content: checksum of the file that the network was opened from; '' if there is none, and then
    nothing is kept.
    """

    input_shape: tuple[int, ...]
    output: OutputForm | str | None = None
    names: int = 0
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    content: str = ""

    def key(self, module: nn.Module) -> str:
        """Under what the answer is kept; '' if it is not."""
        identity = identity_of(module, self.content) if self.content else ""
        if not identity:
            return ""
        asked = self.input_shape, self.output, self.names, tuple(self.layouts.items())
        return store.key_of(identity, self.content, rules(), *asked)


def inspected(
    module: nn.Module,
    question: Question,
    device: torch.device,
    cancel: CancelToken | None = None,
) -> Inspection:
    """All that is known about the network's forward pass before an image is there.

    Raises ModelError if the network does not run on such an input, returns no row of logits, or
    would need more memory for one output than a pass may have; LayerError for a layout that a
    layer cannot have; Cancelled.
    """
    given = shipped(module, question.input_shape) if question.output is None else None
    # Which tokens matter depends on the weights, so that no more than the rest of it ships.
    complete = given is not None and not question.layouts and not has_token_trial(given)
    if complete and given is not None:
        _check_size(given, module, device)
        return given
    key = question.key(module)
    known = store.load(key) if key else None
    if known is not None:
        _log.info("this network was inspected before")
        _check_size(known, module, device)
        return known
    facts = given
    if facts is None:
        facts = inspect(module, question.input_shape, device, question.output, question.names)
    _check_size(facts, module, device)
    facts = with_layouts(facts, question.layouts)
    facts = without_dead_tokens(module, facts, device, dtype_of(module), cancel)
    if key:
        store.save(key, facts)
    return facts


def _check_size(facts: Inspection, module: nn.Module, device: torch.device) -> None:
    if facts.largest > limit_of(module, device):
        raise ModelError(
            f"the output of one layer takes {facts.largest / 1e9:.1f} GB; choose a "
            "smaller input, as in --input 3x224x224"
        )
