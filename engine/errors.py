"""The one family of errors that the engine raises for what a user can mend.

Every message is a single line that names the thing at fault and the way out. Anything else that
escapes the engine is a defect of the program.
"""

from __future__ import annotations


class HookscopeError(Exception):
    """Base of all errors whose message is meant for the user's eyes."""


class ImageError(HookscopeError):
    """An image cannot be read: missing, not an image, truncated, empty or far too large."""


class ModelError(HookscopeError):
    """A model cannot be opened, or does not behave like an image classifier."""


class WeightsError(ModelError):
    """A weights file is missing, unreadable, or belongs to another architecture."""


class LayerError(HookscopeError):
    """A layer does not exist or cannot be explained."""


class TargetError(HookscopeError):
    """A class index or label does not exist."""


class DeviceError(HookscopeError):
    """A device was asked for that is not there, or that ran out of memory for good."""


class ExportError(HookscopeError):
    """A file cannot be written."""


class Cancelled(HookscopeError):
    """The work was cancelled by its caller; nothing is wrong."""
