"""Opens torch.export archives (.pt2) through unflatten, whose submodules support hooks.

torch.export.load may unpickle an archive's content and evaluates expressions in it, so nothing
beyond the list of its entries is read before the user has agreed to the file.
"""

from __future__ import annotations

import io
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.errors import FOREIGN_ERRORS, ModelError, one_line
from engine.files.trust import Trust
from engine.formats.network import Network
from engine.weights.state_dicts import checksum

_log = logging.getLogger(__name__)

RISK = (
    "a torch.export archive; opening it can call any function on this computer through pickles in "
    "it, with all your rights"
)
_TRAINING = (
    "This network was exported in training mode: dropout is random, and batch normalisation uses "
    "the statistics of this single image. Export it again after .eval()."
)


@dataclass(frozen=True, slots=True)
class _Input:
    """The input tensor of a program: its sizes (None if dynamic), and its keyword if it is a
    keyword argument."""

    sizes: tuple[int | None, ...]
    keyword: str | None


def open_exported(path: Path, *, trust: Trust) -> Network:
    """The network in a .pt2 archive, with its submodules under their names.

    Raises ConsentNeeded before its content is read; ModelError for a program without layers, with
    several inputs, with a fixed batch size other than 1, or of an incompatible torch version.
    """
    sha256 = checksum(path)
    with trust.read(path, sha256, RISK) as file:
        program = _load(path, file)
    given = _input(path, program)
    module = _unflattened(path, program)
    _name_types(module, program)
    if given.keyword is not None:
        _pass_by_name(module, given.keyword)
    _, channels, height, width = given.sizes
    fixed = (height, width) if height is not None and width is not None else None
    return Network(
        module=module,
        source=path.stem,
        title=path.stem,
        weights=str(path.absolute()),
        weights_sha256=sha256,
        input_size=fixed,
        channels=channels,
        notices=(_TRAINING,) if _in_training(program) else (),
    )


def _load(path: Path, file: io.BytesIO) -> torch.export.ExportedProgram:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.load(file)
    except FOREIGN_ERRORS as error:
        _log.warning("%s cannot be loaded", path, exc_info=True)
        raise ModelError(
            f"{path}: torch {torch.__version__} cannot read it ({one_line(error)}); export the "
            "network again with this version"
        ) from error


def _input(path: Path, program: torch.export.ExportedProgram) -> _Input:
    """The input of the program. Raises ModelError unless it is one image tensor."""
    names = program.graph_signature.user_inputs
    values = {n.name: n.meta.get("val") for n in program.graph.nodes if n.op == "placeholder"}
    tensors = [name for name in names if isinstance(values.get(str(name)), torch.Tensor)]
    if len(names) != 1 or len(tensors) != 1:
        raise ModelError(
            f"{path}: the network takes {len(names)} inputs ({', '.join(map(str, names))}); "
            "only networks that take a single image can be explained"
        )
    tensor: Any = values[str(tensors[0])]
    sizes = tuple(size if isinstance(size, int) else None for size in tensor.shape)
    if len(sizes) != 4:
        raise ModelError(
            f"{path}: the network's input has {len(sizes)} axes, not 4 (batch, channels, height, "
            "width); open a network that takes a single image"
        )
    if sizes[0] not in (None, 1):
        raise ModelError(
            f"{path}: the network was exported with a fixed batch size of {sizes[0]}; export "
            "it with a batch size of 1 or a dynamic batch axis (dynamic_shapes)"
        )
    _, named = program.call_spec.in_spec.children() if program.call_spec.in_spec else (None, None)
    keywords = list(named.context) if named is not None and named.num_leaves else []
    return _Input(sizes, str(keywords[0]) if keywords else None)


def _unflattened(path: Path, program: torch.export.ExportedProgram) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = torch.export.unflatten(program)
    except FOREIGN_ERRORS as error:
        _log.warning("%s cannot be unflattened", path, exc_info=True)
        raise ModelError(
            f"{path}: its modules cannot be restored ({one_line(error)}); open the original "
            "network with its weights"
        ) from error
    part: Any
    for part in module.modules():
        # Use generated code instead of torch.fx's interpreter, which is slower, modifies the
        # exceptions that pass through it and starts a thread for its progress bars.
        if getattr(part, "graph_module", None) is not None:
            part._run_with_interpreter = False
            # Metadata of intermediate values makes copying the network slow.
            for node in part.graph.nodes:
                if node.op != "placeholder":
                    node.meta.clear()
            # The graph was changed after code generation, when calls of one module were merged.
            part.graph_module.recompile()
    return module


def _name_types(module: nn.Module, program: torch.export.ExportedProgram) -> None:
    """Give each module the class name that it was exported from, for display."""
    types: dict[str, str] = {}
    for node in program.graph.nodes:
        for name, kind in (node.meta.get("nn_module_stack") or {}).values():
            types[name] = str(getattr(kind, "__name__", kind)).rpartition(".")[2]
    for name, part in module.named_modules():
        kind = types.get(name.partition("@")[0])
        if kind and kind.isidentifier():
            part.__class__ = type(kind, (type(part),), {})


def _pass_by_name(module: nn.Module, keyword: str) -> None:
    flat: Any = type(module)

    def forward(self: nn.Module, picture: torch.Tensor) -> Any:
        return flat.forward(self, **{keyword: picture})

    module.__class__ = type(flat.__name__, (flat,), {"forward": forward})


def _in_training(program: torch.export.ExportedProgram) -> bool:
    """Whether the program contains dropout or batch normalisation in training mode."""
    for node in program.graph.nodes:
        name = str(node.target)
        if name in ("aten.dropout.default", "aten.batch_norm.default"):
            place = 2 if "dropout" in name else 5
            if len(node.args) > place and node.args[place] is True:
                return True
    return False
