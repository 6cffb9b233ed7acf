"""The only module that imports torchvision.

A torchvision wheel built for CUDA cannot load its compiled operators beside a CPU build of torch,
and its import fails when it registers their meta kernels. No classifier needs those operators, so
their schemas are declared and the import is retried.

torchvision imports torch's compiler for one function of its detection operators, which takes about
as long as importing torch. It gets a stand-in that imports the compiler when it is used.
"""

from __future__ import annotations

import importlib
import logging
import sys
from types import ModuleType
from typing import Any

import torch

from engine.errors import ModelError
from engine.lazy.stand_ins import real, standing_in

_log = logging.getLogger(__name__)

_MISSING_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# Keeps the fragments alive, since their schemas vanish with them.
_fragments: list[Any] = []


_COMPILER = ("torch._dynamo", "torch._dynamo.utils")


def _is_compile_supported(*arguments: Any) -> Any:
    # Imported by name; only torchvision's detection operators call it.
    return real(_COMPILER[1], _COMPILER).is_compile_supported(*arguments)


_KNOWN: dict[str, dict[str, Any]] = {
    _COMPILER[0]: {},
    _COMPILER[1]: {"is_compile_supported": _is_compile_supported},
}


def _import_torchvision() -> ModuleType:
    with standing_in(_KNOWN):
        return importlib.import_module("torchvision")


def _declare_operators() -> None:
    library: Any = torch.library.Library
    fragment = library("torchvision", "FRAGMENT")
    for schema in _MISSING_SCHEMAS:
        name = schema.partition("(")[0]
        if not hasattr(torch.ops.torchvision, name):
            fragment.define(schema)
    _fragments.append(fragment)


def load() -> Any:
    """The torchvision module, imported on first use.

    Raises ModelError if torchvision does not match the installed torch.
    """
    try:
        return _import_torchvision()
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise ModelError(
                f"torchvision does not match torch {torch.__version__} ({error}); "
                "install matching releases of the two"
            ) from error
        _log.info("torchvision's operators do not load beside torch %s", torch.__version__)
    for name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
        del sys.modules[name]
    _declare_operators()
    return _import_torchvision()
