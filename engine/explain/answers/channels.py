"""The channels of a layer, from the activation and gradient that its Grad-CAM map is made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.errors import LayerError
from engine.explain.answers.requests import Request
from engine.explain.kept_passes import Computation
from engine.explain.maps import given_of
from engine.methods.gradient import factors_of, grad_cam_weights
from engine.methods.inputs import MethodInput
from engine.progress import CancelToken
from engine.records.channels import ChannelMaps, Channels
from engine.records.explanations import Explanation


def channels_of(
    work: Computation, request: Request, explanation: Explanation, cancel: CancelToken | None
) -> Channels:
    """All channels in numbers. explanation: the Grad-CAM map of the request. Raises Cancelled."""
    given = _given(work, request, cancel)
    assert given.gradient is not None
    with torch.no_grad():
        weights = _factors(given).cpu().double()
        # To the CPU first: not every device supports float64.
        activation, gradient = given.activation.detach().cpu(), given.gradient.detach().cpu()
        sums = activation.sum(dim=(1, 2), dtype=torch.float64)
        cells = activation.shape[1] * activation.shape[2]
        means = gradient.mean(dim=(1, 2), dtype=torch.float64)
    return Channels(
        explanation,
        weights.numpy(),
        (sums / cells).numpy(),
        means.numpy(),
        (weights * sums).numpy(),
    )


def channel_maps_of(
    work: Computation, request: Request, channels: Sequence[int], cancel: CancelToken | None
) -> ChannelMaps:
    """Some channels cell by cell. Raises LayerError for one that there is not; Cancelled."""
    given = _given(work, request, cancel)
    assert given.gradient is not None
    count = len(given.activation)
    for index in channels:
        if not 0 <= index < count:
            raise LayerError(
                f"layer '{request.places[0].name}' has channels 0 to {count - 1}, and no {index}"
            )
    with torch.no_grad():
        wanted = torch.tensor(list(channels), dtype=torch.int64, device=given.activation.device)
        weights = _factors(given)[wanted]
        activation, gradient = given.activation.detach(), given.gradient.detach()
        return ChannelMaps(
            tuple(channels),
            activation[wanted].float().cpu().numpy(),
            gradient[wanted].float().cpu().numpy(),
            weights.cpu().numpy(),
        )


def _factors(given: MethodInput) -> Tensor:
    assert given.gradient is not None
    return factors_of(grad_cam_weights(given.gradient.detach(), given.layout))[0]


def _given(work: Computation, request: Request, cancel: CancelToken | None) -> MethodInput:
    """Activation and gradient: those that are kept, or of a new pass."""
    place, asking = request.places[0], request.asking
    source = place.source
    if asking.calls:
        done = work.pass_over(source, asking.calls, cancel)
    else:
        done = work.pass_with(source, cancel)
    target = asking.target(request.how, done)
    gradient = done.gradient(source, target, cancel, asking.asked())
    return given_of(request.how, done.kept[source].tensor, gradient, place.axes)
