"""The one family of errors that the engine raises for what a user can mend.

Every message is a single line that names the thing at fault and the way out. Anything else that
escapes the engine is a defect of the program.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.questions import Question


class HookscopeError(Exception):
    """Base of all errors whose message is meant for the user's eyes."""


class ImageError(HookscopeError):
    """An image cannot be read: missing, not an image, truncated, empty or far too large."""


class ModelError(HookscopeError):
    """A model cannot be opened, or does not behave like an image classifier."""


class WeightsError(ModelError):
    """A weights file is missing, unreadable, or belongs to another architecture."""


class UnrecognisedError(WeightsError):
    """A weights file fits no architecture that is known; the user may know which it is."""


class ConsentNeeded(ModelError):
    """Opening this very file could run code that stands in it, and nobody has agreed to that.

    path, sha256: the file. risk: one sentence on what it could do. names: why that has to be
    asked, where it can be told: what it would call, or what does not fit.
    """

    def __init__(self, path: Path, sha256: str, risk: str, names: tuple[str, ...] = ()) -> None:
        why = f" Why: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}." if names else ""
        super().__init__(
            f"{path}: {risk}; nothing of it was run.{why} If you trust this file, open it again "
            "with --trust"
        )
        self.path, self.sha256, self.risk, self.names = path, sha256, risk, names


class ChoiceNeeded(ModelError):
    """A model cannot be opened before a question is answered; the message names the options."""

    def __init__(self, message: str, question: Question) -> None:
        super().__init__(message)
        self.question = question


class DownloadError(ModelError):
    """A file cannot be fetched or written: offline, refused, cut, no room, wrong checksum."""


class LayerError(HookscopeError):
    """A layer does not exist or cannot be explained."""


class MethodError(HookscopeError):
    """A method does not exist, does not fit a layer, or was given an option it does not take."""


class TargetError(HookscopeError):
    """A class index or label does not exist."""


class DeviceError(HookscopeError):
    """A device was asked for that is not there, or that ran out of memory for good."""


class ExportError(HookscopeError):
    """A file cannot be written."""


class Late(HookscopeError):
    """Opening a file takes longer than was allowed; its caller names the file."""


class Cancelled(HookscopeError):
    """The work was cancelled by its caller; nothing is wrong."""


FOREIGN_ERRORS = (Exception, SystemExit)
"""What code that is not the program's own may raise (a user's network, what a pickle calls, torch
while it follows an archive): anything, an exit included. To be caught only round such code, logged,
and told as one of the errors above."""


def one_line(error: BaseException) -> str:
    """The first line of what a library raised, in 200 characters, or its type if it is empty."""
    line = str(error).strip().partition("\n")[0]
    return line[:200] or type(error).__name__
