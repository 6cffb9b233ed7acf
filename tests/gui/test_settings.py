"""Remembered settings: round trips through a real file, damaged files, recents, reset."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from engine.records.display import DisplaySettings
from gui.settings import table as s
from gui.settings.store import Settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.ini"


def opened(file: Path) -> Settings:
    return Settings(QSettings(str(file), QSettings.Format.IniFormat))


VALUES = [
    (s.WINDOW_GEOMETRY, bytes(range(256))),
    (s.THEME, "light"),
    (s.OPACITY, 0.1),
    (s.COLORMAP, "viridis"),
    (s.SWEEP_ENABLED, False),
    (s.RECENT_IMAGES, ("/a/ä b.png", 'C:\\x, "y".jpg')),
    (s.LAST_FOLDER, "/tmp/日本"),
    (s.HINTS_SEEN, ("first",)),
]


@pytest.mark.parametrize(("entry", "value"), VALUES, ids=[e.key for e, _ in VALUES])
def test_a_value_survives_the_file(file: Path, entry: s.Entry, value: object) -> None:
    first = opened(file)
    assert first.get(entry) == entry.default
    first.set(entry, value)
    first.sync()
    again = opened(file).get(entry)
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("display/opacity", "much"),
        ("display/opacity", "7"),
        ("display/opacity", "nan"),
        ("display/colormap", "rainbow"),
        ("engine/sweep", "perhaps"),
        ("recent/images", "not json"),
        ("recent/images", "[1, 2]"),
        ("window/geometry", "*not base64*"),
        ("window/theme", "pink"),
    ],
)
def test_a_damaged_value_counts_as_absent_and_is_logged(
    file: Path, caplog: pytest.LogCaptureFixture, key: str, text: str
) -> None:
    store = QSettings(str(file), QSettings.Format.IniFormat)
    store.setValue(key, text)
    store.sync()
    entry = next(e for e in s.TABLE if e.key == key)
    with caplog.at_level(logging.WARNING):
        assert opened(file).get(entry) == entry.default
    assert key in caplog.text


def test_a_list_written_by_hand_counts_as_absent(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("[recent]\nfolder=a, b\n")
    assert opened(file).get(s.LAST_FOLDER) == ""
    assert "recent/folder" in caplog.text


def test_keys_are_unique_and_defaults_are_allowed() -> None:
    assert len({entry.key for entry in s.TABLE}) == len(s.TABLE)
    for entry in s.TABLE:
        assert entry.accepts(entry.default)


def test_out_of_range_cannot_be_set(file: Path) -> None:
    with pytest.raises(ValueError, match="display/opacity"):
        opened(file).set(s.OPACITY, 1.5)
    with pytest.raises(ValueError, match="window/theme"):
        opened(file).set(s.THEME, "pink")


def test_display_settings_round_trip_and_signal(qtbot: QtBot, file: Path) -> None:
    settings = opened(file)
    assert settings.display() == DisplaySettings()
    keys: list[str] = []
    settings.changed.connect(keys.append)
    wanted = DisplaySettings(0.25, "cividis", "grid", 2.0, "signed")
    settings.set_display(wanted)
    assert sorted(keys) == sorted(
        e.key for e in (s.OPACITY, s.COLORMAP, s.INTERPOLATION, s.GAMMA, s.SIGN)
    )
    keys.clear()
    settings.set_display(wanted)
    assert keys == []
    settings.sync()
    assert opened(file).display() == wanted


def test_recents_are_newest_first_unique_and_bounded(file: Path) -> None:
    settings = opened(file)
    for number in range(20):
        settings.add_recent_image(Path(f"{number}.png"))
    settings.add_recent_image(Path("15.png"))
    recent = settings.get(s.RECENT_IMAGES)
    assert len(recent) == 12
    assert recent[:3] == ("15.png", "19.png", "18.png")
    assert len(set(recent)) == 12
    for number in range(20):
        settings.add_recent_model(f"net{number}")
    assert len(settings.get(s.RECENT_MODELS)) == 8


def test_a_recent_file_whose_name_is_no_text_comes_back(file: Path) -> None:
    """As on a disk that was written under another encoding."""
    settings = opened(file)
    settings.add_recent_image(Path("bild-\udce4.png"))
    settings.add_recent_image(Path("ü.png"))
    settings.sync()
    assert opened(file).get(s.RECENT_IMAGES) == ("ü.png", "bild-\udce4.png")


def test_reset_forgets_everything_and_says_so(qtbot: QtBot, file: Path) -> None:
    settings = opened(file)
    for entry, value in VALUES:
        settings.set(entry, value)
    keys: list[str] = []
    settings.changed.connect(keys.append)
    settings.reset()
    assert sorted(keys) == sorted(entry.key for entry, _ in VALUES)
    settings.sync()
    for entry in s.TABLE:
        assert settings.get(entry) == entry.default
        assert opened(file).get(entry) == entry.default


def test_hints(file: Path) -> None:
    settings = opened(file)
    assert not settings.hint_seen("drop")
    settings.mark_hint_seen("drop")
    settings.mark_hint_seen("drop")
    assert settings.hint_seen("drop")
    assert settings.get(s.HINTS_SEEN) == ("drop",)
