"""What an option of a method may be, and the method where none is named.

Apart from the other records, since the first paint needs the table of methods.
"""

from __future__ import annotations

from typing import TypeAlias

DEFAULT_METHOD = "grad-cam"
"""The slug of the method that explains where none is named; see engine.methods.registry."""


Value: TypeAlias = int | float | bool | str
"""What an option of a method is set to."""
