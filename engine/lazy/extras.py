"""Optional packages, which open further model formats.

They are imported by name, so that a packager, which follows import statements, sees none of them.
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
"""The packages of requirements-extras.txt, as they are imported."""

_WITH_EXTRAS = f"'pipx install --force ./{COMMAND}-{VERSION}-py3-none-any.whl[extras]'"


def installed(package: str) -> bool:
    """Whether one of PACKAGES could be imported; nothing is imported for the answer."""
    return package in sys.modules or importlib.util.find_spec(package) is not None


def _way() -> str:
    if paths.FROM_WHEEL:
        return f"; install Hookscope anew with its extras, as in {_WITH_EXTRAS}"
    install = "'pip install -r requirements-extras.txt'"
    if paths.PACKAGED:
        return (
            ", which the installed program does not have; run Hookscope from source, as README "
            f"says under 'Start', after {install}"
        )
    return f"; install it with {install} (the installed program comes without it)"


def load(module: str, what: str) -> Any:
    """The module of one of PACKAGES ('timm', 'transformers.models.auto'), imported on first use.

    what: the file or name that needs it, for the message. Raises ModelError when the package is
    missing, or does not fit the others that are installed.
    """
    package = module.partition(".")[0]
    if not installed(package):
        raise ModelError(f"{what}: opening it needs the package {package}{_way()}")
    # Read when huggingface_hub is imported: nobody is told which models are opened here.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # All of them import torchvision, which may need help to be imported.
    torchvision.load()
    try:
        return importlib.import_module(module)
    except (ImportError, AttributeError, RuntimeError, TypeError) as error:
        _log.exception("%s cannot be imported", module)
        first = one_line(error)
        raise ModelError(
            f"{what}: the package {package} is installed but does not load ({first}); install "
            + (
                f"Hookscope anew with its extras, as in {_WITH_EXTRAS}"
                if paths.FROM_WHEEL
                else "the versions named in requirements-extras.txt"
            )
        ) from error
