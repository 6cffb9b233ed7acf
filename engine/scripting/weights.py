"""How a script gets from a weights file to the network's state dict, in a few checked lines.

The lines are chosen by what is in the file, and what they would give is compared with the weights
of the network that is open, tensor by tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.files import suffixes
from engine.files.kinds import Kind, kind_of
from engine.formats.pickled import checkpoint_files
from engine.formats.torchvision.models import with_modern_keys
from engine.scripting.recipe import NoScript, literal
from engine.scripting.texts.blocks import SAFETENSORS
from engine.weights import torch_files
from engine.weights.state_dicts import is_counter

_MODERN = (
    "# Old files of a DenseNet spell the names of its layers otherwise.",
    r'old = re.compile(r"(denselayer\d+)\.(norm|conv)\.([12])\.")',
    r'state = {old.sub(r"\1.\2\3.", name): tensor for name, tensor in state.items()}',
)


@dataclass(frozen=True, slots=True)
class StateText:
    """lines: those that make 'state' of the file WEIGHTS and load it into 'network'. definitions:
    functions that they call."""

    lines: tuple[str, ...]
    definitions: tuple[str, ...] = ()


def state_text(path: Path, module: nn.Module, key: str | None = None) -> StateText:
    """The lines for a file whose weights the network has; key: which of several.

    Raises NoScript, and WeightsError if the file cannot be read any more.
    """
    if suffixes.is_index(path) or not path.is_file():
        raise NoScript("the weights are in several files")
    is_safe = kind_of(path) is Kind.SAFETENSORS
    content = torch_files.read(path)
    if content.names:
        raise NoScript(
            f"{path.name} holds more than tensors ({content.names[0]}), which torch.load refuses "
            "to read without running it"
        )
    found = checkpoint_files.of_content(path, content.content, key)
    if found is None:
        raise NoScript(f"{path.name} holds no state dict")
    way = found.chosen.key.split(".") if found.chosen.key else []
    given = _at(content.content, way)
    if given is None:
        raise NoScript(f"the weights in {path.name} are a part of another state dict")
    lines = ["state = load_safetensors(WEIGHTS)"]
    if not is_safe:
        lines = ['state = torch.load(WEIGHTS, map_location="cpu", weights_only=True)']
    if way:
        lines.append("state = state" + "".join(f"[{literal(part)}]" for part in way))
    lines += _naming(given, module, path)
    return StateText(tuple(lines), (SAFETENSORS,) if is_safe else ())


def _at(content: object, way: list[str]) -> dict[str, Tensor] | None:
    """The state dict at that place; None if the way leads through something else."""
    for part in way:
        if not isinstance(content, dict) or part not in content:
            return None
        content = content[part]
    if not isinstance(content, dict):
        return None
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def _naming(given: Mapping[str, Tensor], module: nn.Module, path: Path) -> list[str]:
    """The lines that bring the names of a file to those of the network, and load them."""
    own = module.state_dict()
    wanted = {name for name in own if not is_counter(name)}
    for modern in (False, True):
        state = with_modern_keys(given) if modern else dict(given)
        for prefix in _prefixes(state):
            named = {k.removeprefix(prefix): t for k, t in state.items() if k.startswith(prefix)}
            if not wanted <= named.keys():
                continue
            if not all(_is_same(own[name], named[name]) for name in wanted):
                raise NoScript(f"the weights were changed after they were read from {path.name}")
            all_alike = all(name.startswith(prefix) for name in state)
            return [
                *(_MODERN if modern else ()),
                *_without_prefix(prefix, all_alike=all_alike),
                *_loading(own.keys() == named.keys()),
            ]
    raise NoScript(f"{path.name} names its tensors otherwise than the network does")


def _prefixes(state: Mapping[str, Tensor]) -> list[str]:
    """'', 'module.', 'module.model.', ...: of the first name that is not of a network's own."""
    parts = next(iter(state), "").split(".")[:-1]
    return ["", *(".".join(parts[: n + 1]) + "." for n in range(len(parts)))]


def _is_same(own: Tensor, given: Tensor) -> bool:
    mine = own.detach().cpu()
    return mine.shape == given.shape and torch.equal(mine, given.to(mine.dtype))


def _without_prefix(prefix: str, *, all_alike: bool) -> list[str]:
    if not prefix:
        return []
    text = literal(prefix)
    if all_alike:
        return [f"state = {{name.removeprefix({text}): tensor for name, tensor in state.items()}}"]
    return [
        "state = {",
        f"    name.removeprefix({text}): tensor",
        "    for name, tensor in state.items()",
        f"    if name.startswith({text})",
        "}",
    ]


def _loading(whole: bool) -> list[str]:
    if whole:
        return ["network.load_state_dict(state)"]
    return [
        "# The file has tensors that are not the network's, or lacks the counters of its batches.",
        "network.load_state_dict(state, strict=False)",
    ]
