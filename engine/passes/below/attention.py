"""Sees the attention of a pass: every token-by-token softmax, even those inside fused kernels."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from engine.passes.heads import VIEWS

Visit = Callable[[Tensor, object], None]
"""Receives the weights, (..., heads, queries, keys), and the autograd node of the softmax that made
them; None without a graph."""

_aten = torch.ops.aten
_SOFTMAX: set[Any] = {torch.softmax, Tensor.softmax, functional.softmax, torch.special.softmax}
_SOFTMAX |= {_aten.softmax, _aten._softmax}
_FUSED: set[Any] = {functional.scaled_dot_product_attention, _aten.scaled_dot_product_attention}
_MODULES: Any = functional.multi_head_attention_forward
_SIGNATURE = inspect.signature(_MODULES)


class Attention(TorchFunctionMode):
    """Calls visit for the attention weights of one pass, in order.

    They come from a softmax over the last axis of three or more, from
    multi_head_attention_forward, which is asked for them, and from
    scaled_dot_product_attention, which does not return them: there they are recomputed from q and
    k, and used, so that they are part of the graph. While this mode is on, torch.nn's modules take
    no fast path. What the network computes changes by rounding alone.
    """

    def __init__(self, visit: Visit) -> None:
        super().__init__()
        self._visit = visit

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        family = getattr(func, "overloadpacket", func)
        if family is _MODULES:
            return self._of_module(args, kwargs)
        if family in _FUSED:
            return self._of_kernel(*args, **kwargs)
        made = func(*args, **kwargs)
        if family in _SOFTMAX and made.ndim >= 3 and _over_last(made, args, kwargs):
            self._visit(made, made.grad_fn)
        return made

    def _of_module(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        asked = _SIGNATURE.bind(*args, **kwargs)
        asked.apply_defaults()
        wanted, averaged = (
            asked.arguments[name] for name in ("need_weights", "average_attn_weights")
        )
        asked.arguments |= {"need_weights": True, "average_attn_weights": False}
        output, weights = _MODULES(*asked.args, **asked.kwargs)
        node: Any = weights.grad_fn
        # What is returned is a view of the weights that were used.
        while node is not None and type(node).__name__.partition("Backward")[0] in VIEWS:
            node = node.next_functions[0][0]
        self._visit(weights, node)
        if not wanted:
            return output, None
        return output, weights.mean(dim=-3) if averaged else weights

    def _of_kernel(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        *,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        del dropout_p  # None in evaluation.
        if enable_gqa:
            key = key.repeat_interleave(query.size(-3) // key.size(-3), -3)
            value = value.repeat_interleave(query.size(-3) // value.size(-3), -3)
        factor = 1 / math.sqrt(query.size(-1)) if scale is None else scale
        scores = query * factor @ key.transpose(-2, -1)
        if is_causal:
            rows, columns = scores.shape[-2:]
            lower = torch.ones(rows, columns, dtype=torch.bool, device=query.device).tril()
            scores = scores.masked_fill(~lower, -math.inf)
        if attn_mask is not None:
            masked = attn_mask.dtype == torch.bool
            scores = scores.masked_fill(~attn_mask, -math.inf) if masked else scores + attn_mask
        weights = scores.softmax(dim=-1)
        self._visit(weights, weights.grad_fn)
        return weights @ value


@dataclass(frozen=True, slots=True)
class Shape:
    """Of one attention: sequences that attend apart from each other, and tokens of each."""

    sequences: int
    queries: int
    keys: int


class AttentionShapes(TorchFunctionMode):
    """Notes the shape of every attention of a pass, whatever computes it; changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[Shape] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        family = getattr(func, "overloadpacket", func)
        if family is _MODULES:
            query, key = (_argument(args, kwargs, *at) for at in ((0, "query"), (1, "key")))
            sequences = query.shape[1] if query.ndim == 3 else 1
            self.seen.add(Shape(sequences, query.shape[0], key.shape[0]))
        elif family in _FUSED:
            query, key = (_argument(args, kwargs, *at) for at in ((0, "query"), (1, "key")))
            self.seen.add(shape_of(query.shape[:-1] + key.shape[-2:-1]))
        made = func(*args, **kwargs)
        if family in _SOFTMAX and made.ndim >= 3 and _over_last(made, args, kwargs):
            self.seen.add(shape_of(made.shape))
        return made


def shape_of(weights: Sequence[int]) -> Shape:
    """Of weights (..., heads, queries, keys)."""
    return Shape(math.prod(weights[:-3]), weights[-2], weights[-1])


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], place: int, name: str) -> Tensor:
    found: Tensor = args[place] if len(args) > place else kwargs[name]
    return found


def _over_last(made: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    dim = args[1] if len(args) > 1 else kwargs.get("dim", -1)
    return dim in (-1, made.ndim - 1)
