"""Exceptions that the engine raises for problems a user can fix.

Every message is a single line that names what is at fault and what to do. Any other exception that
leaves the engine is a defect of the program.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.questions import Question


class HookscopeError(Exception):
    """Base class of all errors whose message is shown to the user."""


class ImageError(HookscopeError):
    """An image cannot be read: missing, not an image, truncated, empty or far too large."""


class ModelError(HookscopeError):
    """A model cannot be opened, or does not behave like an image classifier."""


class OptionError(ModelError):
    """A chosen value of the preprocessing is invalid, or does not fit the network."""


class WeightsError(ModelError):
    """A weights file is missing, unreadable, or belongs to another architecture."""


class UnrecognisedError(WeightsError):
    """A weights file fits no known architecture; the user may know which one it is."""


class ConsentNeeded(ModelError):
    """Opening this file could run code that it contains, and the user has not agreed to that.

    path, sha256: the file. risk: one clause on what it could do. names: why consent is needed,
    where that can be said: the callables it names, or what does not fit.
    """

    def __init__(self, path: Path, sha256: str, risk: str, names: tuple[str, ...] = ()) -> None:
        why = f" Why: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}." if names else ""
        super().__init__(
            f"{path}: {risk}; none of it was run.{why} If you trust this file, open it again "
            "with --trust"
        )
        self.path, self.sha256, self.risk, self.names = path, sha256, risk, names


class ChoiceNeeded(ModelError):
    """A model cannot be opened before a question is answered; the message names the options."""

    def __init__(self, message: str, question: Question) -> None:
        super().__init__(message)
        self.question = question


class DownloadError(ModelError):
    """A download failed: offline, refused, connection lost, disk full, wrong checksum."""


class LayerError(HookscopeError):
    """A layer does not exist or cannot be explained."""


class MethodError(HookscopeError):
    """A method does not exist, does not fit a layer, or was given an option it does not take."""


class TargetError(HookscopeError):
    """A class index or label does not exist."""


class DeviceError(HookscopeError):
    """The requested device does not exist, or its memory does not suffice."""


class EditError(HookscopeError):
    """An edit cannot be done on an image, or a file of edits cannot be read."""


class ExportError(HookscopeError):
    """A file cannot be written."""


class SessionError(HookscopeError):
    """A session file cannot be read: missing, damaged, of a newer version, or none at all."""


class Late(HookscopeError):
    """Opening a file exceeded the time limit; the caller adds the file name."""


class Cancelled(HookscopeError):
    """The work was cancelled by its caller; nothing is wrong."""


FOREIGN_ERRORS = (Exception, SystemExit)
"""What foreign code may raise (a user's network, callables named by a pickle, torch replaying an
archive): anything, including SystemExit. Catch these only around such code, log them, and report
them as one of the errors above."""


def one_line(error: BaseException) -> str:
    """The first line of a library's error, up to 200 characters, or its type if it is empty."""
    line = str(error).strip().partition("\n")[0]
    return line[:200] or type(error).__name__
