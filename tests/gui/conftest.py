"""What several tests of the window need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.toolkit import theme
from gui.widgets.bars import notice_bar
from tests.gui.user import User


@pytest.fixture(autouse=True)
def _notices_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, information is gone before a test has come to look at it."""
    monkeypatch.setattr(notice_bar, "SHOWN_MS", {"info": 600_000})


@pytest.fixture
def user(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[User]:
    user = User(qtbot, qapp, tmp_path)
    yield user
    user.leave_all()
    theme.apply(qapp, "light")
