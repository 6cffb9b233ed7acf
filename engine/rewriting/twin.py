"""A network that shares all modules with another but those that are replaced, and their parents."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import nn


def twin(module: nn.Module, replacements: Mapping[str, nn.Module]) -> nn.Module:
    """The network with some modules replaced, by name; the given one is left unchanged.

    Only modules that have a replaced one below them are copied, without their parameters. What
    reaches a replaced module by another way than its name still finds the module itself.
    """
    inner: dict[str, dict[str, nn.Module]] = {}
    for name, replacement in replacements.items():
        first, _, rest = name.partition(".")
        inner.setdefault(first, {})[rest] = replacement
    made = _shallow(module)
    for name, below in inner.items():
        child = below[""] if "" in below else twin(module.get_submodule(name), below)
        made._modules[name] = child
    return made


def _shallow(module: nn.Module) -> nn.Module:
    made: nn.Module = object.__new__(type(module))
    made.__dict__.update(module.__dict__)
    made._modules = dict(module._modules)
    # Hooks of a pass are registered in these.
    made._forward_hooks = OrderedDict(module._forward_hooks)
    made._forward_pre_hooks = OrderedDict(module._forward_pre_hooks)
    return made
