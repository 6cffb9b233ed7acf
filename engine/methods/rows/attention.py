"""Methods that look at the attention of a whole network."""

from __future__ import annotations

from engine.methods.method import Method

ATTENTION: tuple[Method, ...] = ()
