"""Why a trial pass failed: at which line of the network's code, and whether the size can matter."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import one_line

_TORCH = Path(torch.__file__).parent
_ENGINE = Path(__file__).parents[1]
_INSTALLED = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))

# Exceptions with which code refuses an input that it has checked.
_CHECKS = (AssertionError, ValueError, RuntimeError)
_NO_CHECKS = (NotImplementedError, RecursionError)
_NO_CUDA = re.compile(r"not (compiled|linked) with CUDA|CUDA.*not available|NVIDIA|CUDA GPUs")
_SEVERAL_DEVICES = "same device"


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception raised in one pass.

    text: its type, unless it is a RuntimeError, and the first line of its message. place: the last
    line of the network's own code, as in 'net.py, line 14'; '' if it is not in a file.
    check: code raised it on purpose, and may have compared the size with the one that it wants.
    assertion: it did so by an assertion, which often has no text of its own.
    """

    text: str
    place: str = ""
    check: bool = False
    assertion: bool = False

    @property
    def sentence(self) -> str:
        """The place and the text."""
        return f"{self.place}: {self.text}" if self.place else self.text

    @property
    def wants_cuda(self) -> bool:
        """Whether the code names a CUDA device, which is absent or not where the network is."""
        return bool(_NO_CUDA.search(self.text)) or _SEVERAL_DEVICES in self.text


def failure_of(error: BaseException) -> Failure:
    """The failure that an exception caught around a pass stands for."""
    frames = traceback.extract_tb(error.__traceback__)
    if error.__cause__ is not None and frames and _is_in(frames[-1], _ENGINE):
        # The hooks turn exceptions of other types into a RuntimeError.
        error = error.__cause__
        frames = traceback.extract_tb(error.__traceback__)
    check = _is_check(error, frames)
    assertion = check and isinstance(error, AssertionError)
    return Failure(_text(error), _place(frames), check, assertion)


def _text(error: BaseException) -> str:
    kind, line = type(error).__name__, one_line(error)
    return line if type(error) is RuntimeError or line == kind else f"{kind}: {line}"


def _place(frames: Sequence[traceback.FrameSummary]) -> str:
    code = [f for f in frames if not f.filename.startswith("<") and not _is_in(f, _TORCH, _ENGINE)]
    own = [frame for frame in code if not _is_in(frame, *_INSTALLED)] or code
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""


def _is_check(error: BaseException, frames: Sequence[traceback.FrameSummary]) -> bool:
    if isinstance(error, AssertionError):
        return not _NO_CUDA.search(str(error))
    known = type(error).__module__ == "builtins"
    if isinstance(error, _NO_CHECKS) or (known and not isinstance(error, _CHECKS)):
        return False
    last = frames[-1] if frames else None
    return last is not None and not _is_in(last, _TORCH) and (last.line or "").startswith("raise")


def _is_in(frame: traceback.FrameSummary, *folders: Path) -> bool:
    return any(Path(frame.filename).is_relative_to(folder) for folder in folders)
