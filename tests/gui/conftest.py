"""What several tests of the window need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.toolkit import theme
from tests.gui.seat import Seat


@pytest.fixture
def seat(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Seat]:
    seat = Seat(qtbot, qapp, tmp_path)
    yield seat
    seat.leave_all()
    theme.apply(qapp, "light")
