"""Names that the system does not even look for: it may not, or they are too long."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli import commands
from engine.errors import HookscopeError
from engine.files import presence
from engine.images.reading import load_image
from engine.loading.class_names import read_class_names
from engine.loading.load import load_model

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits and access rights of POSIX")


@pytest.fixture(params=["closed", "long"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder of which stat() raises more than that nothing is there."""
    if request.param == "long":
        yield tmp_path / ("n" * 300)
        return
    if os.geteuid() == 0:
        pytest.skip("root may look everywhere")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    yield closed
    closed.chmod(0o700)


def test_nothing_is_there_for_who_cannot_look(folder: Path) -> None:
    path = folder / "x.png"
    with pytest.raises(OSError, match=r"(?i)permission|too long"):
        path.is_file()
    assert not presence.exists(path)
    assert not presence.is_file(path)
    assert not presence.is_folder(path)


@pytest.mark.parametrize(
    ("name", "read"),
    [("x.png", load_image), ("x.pth", load_model), ("names.txt", read_class_names)],
)
def test_it_is_said_that_it_cannot_be_read(
    folder: Path, name: str, read: Callable[[Path], object]
) -> None:
    with pytest.raises(HookscopeError, match=rf"{name}.*(permission|cannot be read)"):
        read(folder / name)


def test_a_command_says_so_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["layers", "--model", str(folder / "x.pth")]) == 2
    said = capsys.readouterr().err
    assert "x.pth" in said
    assert "cannot be read" in said
