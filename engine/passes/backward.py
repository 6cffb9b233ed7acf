"""What a forward pass kept with its autograd graph, and the backward passes over that graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from engine.lazy.shapes import without_symbols
from engine.passes.below import own_gradients
from engine.passes.below.twice import is_derivable_once
from engine.passes.hooks import Call, Kept
from engine.progress import CancelToken


@dataclass(frozen=True, slots=True, eq=False)
class OfOutput:
    """A score that is made of what a call returned, in place of the logits.

    call: one that the pass keeps. score: from its output (n, ...) to (n,).
    """

    call: Call
    score: Callable[[Tensor], Tensor]


Target: TypeAlias = int | Callable[[Tensor], Tensor] | OfOutput
"""What a gradient is of: a class's logit, a score of each image made of the logits, from
(n, classes) to (n,), or one made of a kept output."""


@dataclass(slots=True, eq=False)
class ForwardPass:
    """The result of one forward pass.

    logits: (images, classes), on the graph. leaf: where the graph starts: the network's input or
    the output of the first kept call. kept: outputs by call. seconds: wall-clock time of the pass.
    own: whether the network's own modules made it, and not a rewritten form of them. rounded:
    whether some of its layers may compute a gradient in another way than torch does, unless
    own_gradients is active.
    """

    logits: Tensor
    leaf: Tensor
    kept: dict[Call, Kept]
    seconds: float
    own: bool = True
    rounded: bool = False
    _latest: tuple[Call, object, Tensor] | None = None
    _borrowed: bool = False

    def gradient(
        self,
        call: Call,
        target: Target,
        cancel: CancelToken | None = None,
        key: object | None = None,
    ) -> Tensor:
        """d target / d output of the call, by a partial backward pass. The graph is retained.

        Same shape and dtype as the output; zeros if the score does not depend on it. key: what is
        equal for equal targets; the latest gradient with a key is kept, and not computed again.
        Once the token is set, raises Cancelled at the next kept output.
        """
        if self._latest is not None and self.remembers(call, key):
            return self._latest[2]
        gradient = self.gradients(call, [target], cancel)
        if key is not None:
            self.remember(call, key, gradient)
        return gradient

    def remembers(self, call: Call, key: object | None) -> bool:
        """Whether the gradient with this key is kept."""
        return key is not None and self._latest is not None and self._latest[:2] == (call, key)

    def remember(self, call: Call, key: object, gradient: Tensor) -> None:
        """Keep a gradient for `gradient`, in place of the one that was kept."""
        self._latest = call, key, gradient.detach()
        self._borrowed = self.rounded and not own_gradients.are_wanted()

    def gradients(
        self, call: Call, targets: Sequence[Target], cancel: CancelToken | None = None
    ) -> Tensor:
        """The same for a batch: the gradient of each image's own score, one target for each.

        In inference no image of a batch influences another, so that the sum of the scores has the
        gradients of all.
        """
        with _recording(), self._cancellable(cancel):
            # Summed here: torch would import its compiler for gradients of several outputs.
            chosen = [self.score(target, slice(n, n + 1)) for n, target in enumerate(targets)]
            (gradient,) = torch.autograd.grad(
                sum(chosen[1:], chosen[0]),
                [self.kept[call].tensor],
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
        return gradient

    def score(self, target: Target, images: slice = slice(None)) -> Tensor:
        """The sum of the scores of these images, a scalar on the graph."""
        if isinstance(target, OfOutput):
            return target.score(self.kept[target.call].tensor[images]).sum()
        logits = self.logits[images]
        return (logits[:, target] if isinstance(target, int) else target(logits)).sum()

    def take_over(self, other: ForwardPass) -> None:
        """Keep the gradient that another pass over the same image has kept."""
        self._latest, self._borrowed = other._latest, not other.own or other._borrowed

    def forget_borrowed(self) -> None:
        """Forget the gradient that is kept if it is not the network's own."""
        if self._borrowed:
            self._latest, self._borrowed = None, False

    def is_own(self, call: Call, key: object | None) -> bool:
        """Whether the output and the gradient that `gradient` would give are the network's own."""
        return self.own and not (self._borrowed and self.remembers(call, key))

    @property
    def is_wholly_own(self) -> bool:
        """Whether that holds for every call and key."""
        return self.own and not self._borrowed

    def curvature(
        self, call: Call, target: Target, along: Tensor, cancel: CancelToken | None = None
    ) -> tuple[Tensor, Tensor]:
        """G = d target / d output of the call, and the derivative of G along a tensor of its shape.

        Both of the output's shape and dtype; the second is zero where G does not depend on the
        output. Raises RuntimeError where an operation has no second derivative; Cancelled as
        gradient does.
        """
        output = self.kept[call].tensor
        once: dict[str, Any] = {"allow_unused": True, "materialize_grads": True}
        with _recording(), self._cancellable(cancel):
            (gradient,) = torch.autograd.grad(
                self.score(target), [output], create_graph=True, **once
            )
            if not gradient.requires_grad:
                return gradient, torch.zeros_like(gradient)
            if is_derivable_once(gradient):
                raise RuntimeError("derivative for a function of its own is not implemented")
            with without_symbols():
                (curved,) = torch.autograd.grad(
                    gradient, [output], along, retain_graph=True, **once
                )
        return torch.ops.aten.detach.default(gradient), curved

    def gradients_of(
        self, calls: Sequence[Call], target: Target, cancel: CancelToken | None = None
    ) -> tuple[Tensor, ...]:
        """d score / d output of each call, by one partial backward pass, as gradient gives one."""
        with _recording(), self._cancellable(cancel):
            return torch.autograd.grad(
                self.score(target),
                [self.kept[call].tensor for call in calls],
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )

    def leaf_gradient(self, target: Target, cancel: CancelToken | None = None) -> Tensor:
        """d score / d leaf, of the leaf's shape; of a batch, each image's own. Retains the graph.

        Zeros where the score does not depend on it. Raises Cancelled as gradient does.
        """
        with _recording(), self._cancellable(cancel):
            # Summed: the score of one image does not depend on the others.
            (gradient,) = torch.autograd.grad(
                self.score(target),
                [self.leaf],
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
        return gradient

    @contextmanager
    def _cancellable(self, cancel: CancelToken | None) -> Iterator[None]:
        """Check the token whenever a backward pass reaches a kept output."""
        handles: list[Any] = []

        def ask(_gradient: Tensor) -> None:
            assert cancel is not None
            cancel.raise_if_cancelled()

        try:
            if cancel is not None:
                for kept in self.kept.values():
                    tensor: Any = kept.tensor
                    handles.append(tensor.register_hook(ask))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def visit_gradients(
        self,
        calls: Collection[Call],
        target: Target,
        visit: Callable[[Call, Tensor, Tensor], None],
    ) -> None:
        """visit(call, output, gradient) for many calls, in one backward pass. Retains the graph.

        Each gradient is passed on as soon as it arrives and released afterwards, later calls first.
        Calls that the gradient does not reach are not visited. An exception in visit ends the pass.
        """

        def hook_of(call: Call, output: Tensor) -> Callable[[Tensor], None]:
            return lambda gradient: visit(call, output, gradient)

        handles = []
        try:
            for call, kept in self.kept.items():
                if call in calls:
                    tensor: Any = kept.tensor
                    handles.append(tensor.register_hook(hook_of(call, tensor)))
            with _recording():
                torch.autograd.grad(
                    self.score(target),
                    [self.leaf],
                    retain_graph=True,
                    allow_unused=True,
                )
        finally:
            for handle in handles:
                handle.remove()


@contextmanager
def _recording() -> Iterator[None]:
    """Record operations whatever mode the caller is in: selecting a logit must be on the graph."""
    with torch.inference_mode(False), torch.enable_grad():
        yield
