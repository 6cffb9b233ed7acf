"""Imports optional packages, which open further model formats.

They are imported by name, so that a bundler, which follows import statements, does not include
them.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
from typing import Any

from engine import paths
from engine.errors import ModelError, one_line
from engine.lazy import torchvision
from engine.version import COMMAND, VERSION

_log = logging.getLogger(__name__)

PACKAGES = ("timm", "transformers", "huggingface_hub", "onnx", "onnx2torch")
"""Import names of the packages in requirements-extras.txt."""

_WITH_EXTRAS = f"'pipx install --force ./{COMMAND}-{VERSION}-py3-none-any.whl[extras]'"


def installed(package: str) -> bool:
    """Whether one of PACKAGES is installed; imports nothing."""
    return package in sys.modules or importlib.util.find_spec(package) is not None


def _way() -> str:
    if paths.FROM_WHEEL:
        return f"; reinstall Hookscope with its extras, as in {_WITH_EXTRAS}"
    install = "'pip install -r requirements-extras.txt'"
    if paths.PACKAGED:
        return (
            f", {paths.NOT_INCLUDED}; run Hookscope from source (see "
            f"'Start' in the README) after {install}"
        )
    return f"; install it with {install} (the installed program does not include it)"


def load(module: str, what: str) -> Any:
    """Import a module of one of PACKAGES ('timm', 'transformers.models.auto').

    what: the file or name that needs it, for the message. Raises ModelError if the package is
    missing, or incompatible with the other installed packages.
    """
    package = module.partition(".")[0]
    if not installed(package):
        raise ModelError(f"{what}: opening it requires the package {package}{_way()}")
    # Read when huggingface_hub is imported: no telemetry about the models opened here.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # All of them import torchvision, which may need the workaround in its lazy module.
    torchvision.load()
    try:
        return importlib.import_module(module)
    except (ImportError, AttributeError, RuntimeError, TypeError) as error:
        _log.exception("%s cannot be imported", module)
        first = one_line(error)
        raise ModelError(
            f"{what}: the package {package} is installed but cannot be imported ({first}); "
            + (
                f"reinstall Hookscope with its extras, as in {_WITH_EXTRAS}"
                if paths.FROM_WHEEL
                else "install the versions named in requirements-extras.txt"
            )
        ) from error
