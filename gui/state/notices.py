"""What is said to the user in a line above the picture, and what it offers to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

CHECK_INPUT = "Input and output…"
"""Notice action: open the panel where assumed preprocessing can be checked."""

AS_PAGE = "Open as a folder page"
"""Notice action: show all images of a folder in a table; its argument is the folder."""

CHOOSE_WEIGHTS = "Choose weights…"
"""Notice action for a weights file that holds other networks as well."""

NAME_ARCHITECTURE = "Specify architecture…"
"""Notice action for unrecognised weights; its argument is their source."""

OPEN_MANY = "Open them all"
"""Notice action: open the images that were asked about because they are many."""

NOTE_BACK = "Undo"
"""Notice action: put the note back that was removed."""

REOPEN = "Reopen"
"""Notice action: open the images again that were just closed."""

BACK = "Back"
"""Notice action: open again what was open before a session was opened in its place."""

USE_THEIRS = "Use the session's settings"
"""Notice action: a session's models have other settings here; use those of the session."""

USE_OWN = "Use this computer's settings"
"""Notice action: undo that."""

STOP_READING = "Stop reading"
"""Notice action for a file that takes long to read."""


class NoticeKind(StrEnum):
    HINT = "hint"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for the user; action is the text of its button ('' for none). of_model: whether it
    is about the open model, and void with it. image: key of the image that it is about, and that it
    is shown with; '' for none. yields: information that does not replace a hint with an offer."""

    kind: NoticeKind
    text: str
    action: str = ""
    argument: str = ""
    of_model: bool = False
    image: str = ""
    yields: bool = False


def as_text(notices: Sequence[str]) -> str:
    """Notices of the engine as one text, as a new notice replaces the previous one."""
    return " ".join(_sentence(text) for text in notices)


def _sentence(text: str) -> str:
    first, space, rest = text.rstrip(".").partition(" ")
    device = first.partition(":")[0] in ("cpu", "cuda", "mps")
    return (first.upper() if device else first[:1].upper() + first[1:]) + space + rest + "."
