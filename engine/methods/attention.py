"""What a method that maps attention is given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class AttentionInput:
    """The attention of every block, for one class."""
