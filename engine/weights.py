"""Weights files, read without running anything that they contain."""

from __future__ import annotations

import hashlib
import logging
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from engine.errors import WeightsError

_log = logging.getLogger(__name__)

StateDict = dict[str, Tensor]


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits. Raises WeightsError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise WeightsError(f"{path}: there is no such file; check the name") from None
    except OSError as error:
        raise WeightsError(f"{path}: it cannot be read ({error.strerror})") from error


def read_state_dict(path: Path) -> StateDict:
    """The tensors of a .safetensors file or of a state dict saved by torch.save, on the CPU.

    torch files are read with weights_only, which refuses anything but tensors and plain values.
    Raises WeightsError when the file is missing, unreadable, or holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such file; check the name")
    try:
        if path.suffix.lower() == ".safetensors":
            content: object = load_file(path)
        else:
            with warnings.catch_warnings():
                # torch remarks on pickle protocols; what it cannot read is an error.
                warnings.simplefilter("ignore", UserWarning)
                content = torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError:
        raise WeightsError(f"{path}: no permission to read it; change its access rights") from None
    except pickle.UnpicklingError as error:
        _log.warning("%s: %s", path, error)
        # torch's own text explains how to load it unsafely, which is not what is wanted here.
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it holds more than tensors ({found[1]})" if found else "it is no weights file"
        raise WeightsError(
            f"{path}: {what}; save the network's state_dict() and open that"
        ) from error
    except (
        *(SafetensorError, OSError, EOFError, RuntimeError, ValueError, LookupError),
        *(TypeError, AttributeError, MemoryError),
    ) as error:
        raise WeightsError(
            f"{path}: not a weights file, or damaged ({_first_line(error)}); fetch or save it again"
        ) from error
    if isinstance(content, Mapping):
        tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
        if tensors and len(tensors) == len(content):
            return tensors
    raise WeightsError(
        f"{path}: it holds no plain state dict; save the network's state_dict() and open that"
    )


def mismatch(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """How two state dicts differ, naming the first keys of each kind; '' when they agree."""
    missing = [key for key in wanted if key not in given]
    unexpected = [key for key in given if key not in wanted]
    shapes = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in given and given[key].shape != tensor.shape
    ]
    kinds = (("missing", missing), ("unexpected", unexpected), ("other shape", shapes))
    return "; ".join(f"{kind}: {_few(keys)}" for kind, keys in kinds if keys)


def _few(keys: list[str], most: int = 3) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more


def _first_line(error: BaseException) -> str:
    line = str(error).strip().partition("\n")[0]
    return line[:200] or type(error).__name__
