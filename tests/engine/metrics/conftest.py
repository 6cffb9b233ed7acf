"""What the tests of the figures share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="module")
def _small_networks(one_thread: None) -> None:
    """All of these tests compute with such."""
