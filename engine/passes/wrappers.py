"""Wrappers around a network: those of training code are removed, one for TorchScript is added."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Scripted(nn.Module):
    """A whole TorchScript program, which neither takes hooks nor gives away its submodules."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, x: Tensor) -> Any:
        return self.program(x)


def unwrapped(module: nn.Module) -> nn.Module:
    """The network inside DataParallel, DistributedDataParallel and torch.compile, or itself."""
    while True:
        inner = getattr(module, "_orig_mod", None)
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = module.module
        if not isinstance(inner, nn.Module):
            return module
        module = inner
