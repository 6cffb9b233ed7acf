"""Sees every bias that is added during a forward pass, and the gradient where it was added."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Visit = Callable[[Tensor, bool], None]
"""Receives bias times gradient, in the shape of the output that the bias was added to, and whether
it is a bias of a layer rather than a number in the network's code."""

_aten = torch.ops.aten
_WEIGHTED: set[Any] = {
    *(torch.conv1d, torch.conv2d, torch.conv3d, torch.convolution),
    *(torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d),
    *(_aten.conv1d, _aten.conv2d, _aten.conv3d, _aten.convolution),
    *(_aten.conv_transpose1d, _aten.conv_transpose2d, _aten.conv_transpose3d),
}
_LINEAR: set[Any] = {functional.linear, _aten.linear}
_NORMS: set[Any] = {
    *(functional.layer_norm, functional.group_norm, torch.layer_norm, torch.group_norm),
    *(_aten.layer_norm, _aten.group_norm),
}
_ADD: set[Any] = {
    torch.add,
    Tensor.add,
    Tensor.add_,
    Tensor.__add__,
    Tensor.__radd__,
    Tensor.__iadd__,
}
_ADD |= {_aten.add, _aten.add_}
_SUBTRACT: set[Any] = {torch.sub, Tensor.sub, Tensor.sub_, Tensor.__sub__, Tensor.__isub__}
_SUBTRACT |= {torch.subtract, Tensor.subtract, _aten.sub, _aten.sub_}


class Biases(TorchFunctionMode):
    """Calls visit for each bias, when the gradient arrives in a later backward pass.

    A bias is that of a convolution, a linear layer or a normalisation, whether a module or a
    function adds it; of a batch norm that uses its running statistics, beta - gamma * mean / std;
    and whatever else is added that does not depend on the image. Those inside a call of
    multi_head_attention_forward are not seen.
    """

    def __init__(self, visit: Visit) -> None:
        super().__init__()
        self._visit = visit

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        family = getattr(func, "overloadpacket", func)
        # Before the call: an operation in place changes what it adds to.
        found = _bias_of(family, args, kwargs)
        made = func(*args, **kwargs)
        if found is not None and isinstance(made, Tensor) and made.requires_grad:
            self._watch(made, *found)
        return made

    def _watch(self, made: Tensor, bias: Tensor | float, is_layers: bool) -> None:
        visit = self._visit

        def arrived(gradient: Tensor) -> None:
            visit((gradient * bias).detach(), is_layers)

        tensor: Any = made
        tensor.register_hook(arrived)


def _bias_of(
    family: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Tensor | float, bool] | None:
    """What a call adds, broadcast to its output, and whether it is a layer's; None for nothing."""
    bias: Any = None
    if family in _WEIGHTED:
        bias = args[2] if len(args) > 2 else kwargs.get("bias")
        return None if bias is None else (_by_channel(bias, args, kwargs), True)
    if family in _LINEAR:
        bias = args[2] if len(args) > 2 else kwargs.get("bias")
        return None if bias is None else (bias.detach(), True)
    if family in _NORMS:
        bias = args[3] if len(args) > 3 else kwargs.get("bias")
        if bias is None:
            return None
        by_channel = "group" in getattr(family, "__name__", "")
        return (_by_channel(bias, args, kwargs) if by_channel else bias.detach()), True
    if family in (functional.batch_norm, torch.batch_norm, _aten.batch_norm):
        return _of_batch_norm(family, args, kwargs)
    if family in _ADD or family in _SUBTRACT:
        return _of_sum(family, args, kwargs)
    return None


def _of_batch_norm(
    family: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Tensor, bool] | None:
    names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum")
    if family is not functional.batch_norm:
        names = ("input", "weight", "bias", "running_mean", "running_var", "training", "momentum")
    given = dict(zip((*names, "eps"), args, strict=False)) | dict(kwargs)
    mean, variance, beta = given.get("running_mean"), given.get("running_var"), given.get("bias")
    if given.get("training") or mean is None or variance is None:
        # The statistics are the image's own, so that only beta does not depend on it.
        return None if beta is None else (_by_channel(beta, (given["input"],), {}), True)
    scale = (variance.detach().double() + given.get("eps", 1e-5)).rsqrt()
    if given.get("weight") is not None:
        scale = scale * given["weight"].detach()
    shift = -mean.detach() * scale
    if beta is not None:
        shift = shift + beta.detach()
    return _by_channel(shift.to(mean.dtype), (given["input"],), {}), True


def _of_sum(
    family: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Tensor | float, bool] | None:
    if len(args) < 2:
        return None
    first, second = args[0], args[1]
    second_times = float(kwargs.get("alpha", 1)) * (-1 if family in _SUBTRACT else 1)
    for term, other, times in ((second, first, second_times), (first, second, 1.0)):
        if isinstance(other, Tensor) and other.requires_grad and _is_constant(term):
            if isinstance(term, Tensor):
                return term.detach() * times, isinstance(term, nn.Parameter)
            return float(term) * times, False
    return None


def _is_constant(term: object) -> bool:
    """Whether it certainly does not depend on the image."""
    if isinstance(term, Tensor):
        return not term.requires_grad or isinstance(term, nn.Parameter)
    return isinstance(term, int | float)


def _by_channel(bias: Tensor, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    """A bias of one number for each channel, for an output with channels first."""
    given = args[0] if args else kwargs["input"]
    # Without a batch axis, channels come first; with one, second.
    return bias.detach().view(-1, *(1,) * (given.ndim - 2))
