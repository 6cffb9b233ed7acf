"""The log file: put aside when full, written in spite of whoever holds it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.entry import guarded
from engine.errors import HookscopeError
from engine.process import logs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(logs, "log_folder", lambda: tmp_path / "logs")
    monkeypatch.setattr(logs, "_MAX_BYTES", 1000)
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield tmp_path / "logs"
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()


def filled(folder: Path, letter: str, size: int = 2000) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    logs.log_file().write_text(letter * size, encoding="utf-8")
    return logs.log_file()


def test_a_full_log_is_put_aside_in_place_of_the_one_before(folder: Path) -> None:
    path = filled(folder, "x")
    aside = path.with_name(f"{path.stem}.1{path.suffix}")
    aside.write_text("older", encoding="utf-8")
    assert logs.start_logging() == path
    assert aside.read_text(encoding="utf-8") == "x" * 2000
    assert "xx" not in path.read_text(encoding="utf-8")
    assert sorted(folder.iterdir()) == sorted([path, aside])


def test_a_log_with_room_goes_on(folder: Path) -> None:
    path = filled(folder, "x", 10)
    assert logs.start_logging() == path
    assert path.read_text(encoding="utf-8").startswith("x" * 10)
    assert list(folder.iterdir()) == [path]


def test_a_full_log_that_another_program_holds_grows_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filled(folder, "x")

    def held(self: Path, target: Path) -> Path:
        raise PermissionError(13, "used by another process", str(target))

    monkeypatch.setattr(Path, "replace", held)
    assert logs.start_logging() == path
    logging.getLogger("test").warning("after that")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("x" * 2000)
    assert "after that" in text
    assert capsys.readouterr().err == ""


def test_what_is_held_is_written_first_and_once(folder: Path) -> None:
    logs.hold_logging()
    logging.getLogger("test").warning("before there is a file")
    assert not folder.exists()
    logs.release_logging()
    logging.getLogger("test").warning("with a file")
    logs.release_logging()
    text = logs.log_file().read_text(encoding="utf-8")
    assert text.count("before there is a file") == text.count("with a file") == 1
    assert text.index("before there is a file") < text.index("with a file")


def test_nothing_is_written_where_nothing_is_held(folder: Path) -> None:
    logs.release_logging()
    assert not folder.exists()


@pytest.mark.parametrize("failure", [HookscopeError("unusable"), RuntimeError("a defect"), None])
def test_on_every_way_out_the_log_has_what_was_held(
    folder: Path, failure: Exception | None, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.hold_logging()

    def work() -> int:
        logging.getLogger("test").warning("said early")
        if failure is not None:
            raise failure
        return 0

    guarded(work)
    text = logs.log_file().read_text(encoding="utf-8")
    assert "said early" in text
    assert ("RuntimeError: a defect" in text) == isinstance(failure, RuntimeError)
    assert "said early" not in capsys.readouterr().err


def test_held_warnings_go_to_stderr_where_no_log_can_be_written(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.write_text("a file in the folder's place", encoding="utf-8")
    logs.hold_logging()
    logging.getLogger("test").info("of no interest there")
    logging.getLogger("test").warning("said early")
    logs.release_logging()
    told = capsys.readouterr().err
    assert "said early" in told
    assert "cannot be written" in told
    assert "of no interest there" not in told
