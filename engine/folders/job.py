"""What is computed for every image of a folder, and the key by which two jobs are told apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from engine.errors import TargetError
from engine.folders.records import Job
from engine.methods.registry import requested
from engine.model import Model
from engine.records.explanations import JOINT
from engine.records.models import Scores
from engine.records.sources import ModelSource
from engine.remembered.identity import identity_of
from engine.targets.classes import find_class

FORMULAS = 1
"""Changes with every formula of a row, so that rows of an earlier one are computed anew."""

TOP, LABEL = "top", "label"
"""Class policies besides a class itself: explain the predicted class, or that of the label (the
predicted one of an image without)."""


@dataclass(frozen=True, slots=True)
class How:
    """What to compute, as plain values; what is not given is the model's default.

    layer: one, or several that are fused. policy: TOP, LABEL, or a class by index or label.
    exact: as in Session. page: of files with several, from 1.
    """

    layer: tuple[str, ...] = ()
    method: str = ""
    options: tuple[tuple[str, object], ...] = ()
    policy: str = TOP
    exact: bool = False

    @property
    def layers(self) -> tuple[str, ...] | None:
        return self.layer or None


def job_of(model: Model, how: How, source: ModelSource | None = None) -> Job:
    """The job of a model and what is asked of it. source: by which the model opens again.

    Raises LayerError, MethodError and TargetError for what does not exist.
    """
    chosen = requested(model.method, how.method, dict(how.options))
    layer = ""
    if chosen.method.layered:
        layer = JOINT.join(how.layer) if how.layer else model.address(None)
        if layer == "last convolution":
            layer = model.address(layer)
    policy = policy_of(how.policy, model)
    info = model.info
    facts: dict[str, Any] = {
        "model": info.source,
        "architecture": info.architecture,
        "weights": info.weights,
        "weights_sha256": info.weights_sha256 or weights_checksum(model.module),
        "network": identity_of(model.module, info.weights_sha256),
        "output": [info.output.place, info.output.scores.name, info.output.ends_in],
        "layouts": {name: layout.value for name, layout in sorted(model.layouts.items())},
        "preprocessing": asdict(info.preprocessing),
        "arithmetic": info.arithmetic,
        "layer": layer,
        "method": chosen.method.slug,
        "options": [[name, value] for name, value in chosen.options],
        "policy": policy,
        "exact": how.exact,
        "formulas": FORMULAS,
        "source": None if source is None else source.key,
    }
    return Job(
        key=_checksum({name: one for name, one in facts.items() if name not in _NOT_TOLD}),
        model=info.source,
        layer=layer,
        method=chosen.method.slug,
        policy=policy,
        scores=info.output.scores.name,
        classes=model.classes,
        facts=facts,
    )


# Where the files are says nothing about what is in them.
_NOT_TOLD = ("model", "weights", "exact", "source")


def same_model(model: Model, job: Job) -> bool:
    """Whether a job was computed with this model, whatever is called: network, weights, output and
    preprocessing."""
    info = model.info
    own = {
        "weights_sha256": info.weights_sha256 or weights_checksum(model.module),
        "network": identity_of(model.module, info.weights_sha256),
        "output": [info.output.place, info.output.scores.name, info.output.ends_in],
        "preprocessing": asdict(info.preprocessing),
    }
    return _checksum(own) == _checksum({name: job.facts.get(name) for name in own})


def policy_of(policy: str, model: Model) -> str:
    """A class policy with a class by its index. Raises TargetError."""
    labels = {label.casefold() for label in model.classes}
    if policy in (TOP, LABEL) and policy not in labels:
        if policy == LABEL and model.info.output.scores is Scores.VALUES:
            raise TargetError("this network has no classes that labels could be; use --class top")
        return policy
    return str(find_class(policy, model.classes))


def weights_checksum(module: nn.Module) -> str:
    """SHA-256 over the names and values of a network's parameters and buffers."""
    whole = hashlib.sha256()
    with torch.no_grad():
        for name, tensor in sorted(module.state_dict().items()):
            if not isinstance(tensor, torch.Tensor):
                continue
            whole.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            values = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            whole.update(values.numpy().data)
    return whole.hexdigest()


def _checksum(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
