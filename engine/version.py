"""Name and version of the program, in the one place that everything else reads."""

from __future__ import annotations

NAME = "Hookscope"
VERSION = "0.1.0"
