"""Opens TorchScript archives, which take no hooks: only masks of the input can explain them.

Loading an archive parses code and may run some of it, and so does every pass; nothing beyond the
list of its entries is read before the user has agreed to the file.
"""

from __future__ import annotations

import io
import logging
import warnings
from pathlib import Path

import torch
from torch import nn

from engine.errors import FOREIGN_ERRORS, ModelError, one_line
from engine.files.trust import Trust
from engine.formats.network import Network
from engine.passes.wrappers import Scripted
from engine.weights.state_dicts import checksum

_log = logging.getLogger(__name__)

RISK = (
    "a TorchScript archive; opening and running it runs the code in it, which can read and write "
    "files on this computer with all your rights"
)
NOTICE = (
    "A TorchScript archive takes no hooks: Occlusion and RISE alone can explain it. For maps of "
    "layers, save the network's state_dict() and open that, or export the network with "
    "torch.export.save and open the .pt2 file."
)


def open_scripted(path: Path, *, trust: Trust) -> Network:
    """The network in a TorchScript archive, in evaluation mode.

    Raises ConsentNeeded before its content is read, ModelError where torch cannot read it.
    """
    sha256 = checksum(path)
    with trust.read(path, sha256, RISK) as file:
        program = _load(path, file)
    return Network(
        module=Scripted(program),
        source=path.stem,
        title=path.stem,
        weights=str(path.absolute()),
        weights_sha256=sha256,
        notices=(NOTICE,),
    )


def _load(path: Path, file: io.BytesIO) -> nn.Module:
    try:
        with warnings.catch_warnings():
            # That TorchScript is on its way out is no concern of whoever has such a file.
            warnings.simplefilter("ignore")
            program: nn.Module = torch.jit.load(file, map_location="cpu")  # type: ignore[no-untyped-call]
            if hasattr(program, "training"):
                program.eval()
            return program
    except FOREIGN_ERRORS as error:
        _log.warning("%s cannot be loaded", path, exc_info=True)
        raise ModelError(
            f"{path}: torch {torch.__version__} cannot read it ({one_line(error)}); save it again "
            "with this version"
        ) from error
