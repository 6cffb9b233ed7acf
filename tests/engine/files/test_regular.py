"""Only regular files are opened; what else is there is named, and waited for by nobody."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import HookscopeError, ImageError
from engine.files import regular
from engine.images.reading import load_image
from engine.loading.class_names import read_class_names
from engine.loading.load import load_model
from engine.profiles.store import read as read_profile

posix = pytest.mark.skipif(sys.platform == "win32", reason="no such files on Windows")
READERS: list[Callable[[Path], object]] = [load_image, load_model, read_class_names, read_profile]


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def _socket(path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    folder = Path.cwd()
    os.chdir(path.parent)  # its name may be too long for a socket
    try:
        listening.bind(path.name)
    finally:
        os.chdir(folder)
        listening.close()


@posix
@pytest.mark.timeout(30)
@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (_pipe, "a named pipe"),
        (_link_to_a_pipe, "a named pipe"),
        (_link_to_a_device, "a device"),
        (_socket, "a socket"),
        (Path.mkdir, "a folder"),
    ],
)
def test_what_is_no_regular_file_is_named(
    tmp_path: Path, read: Callable[[Path], object], make: Callable[[Path], None], what: str
) -> None:
    path = tmp_path / "x.txt"
    make(path)
    with pytest.raises(HookscopeError, match=rf"x\.txt: (this is )?{what}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["nul\0nul.txt", "n" * 400 + ".txt", "absent.txt"])
def test_a_name_that_no_file_has(tmp_path: Path, read: Callable[[Path], object], name: str) -> None:
    with pytest.raises(
        HookscopeError, match=r"no such file|valid file name|cannot be read|no model"
    ):
        read(tmp_path / name)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the system's refusal is played."""
    path = tmp_path / "secret.png"
    path.touch()

    def refuse(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("engine.files.regular.os.open", refuse)
    with (
        pytest.raises(ImageError, match=r"secret\.png: permission denied; change"),
        regular.opened(path, ImageError),
    ):
        pass


def test_a_file_of_more_than_was_allowed(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(bytes(1001))
    with pytest.raises(ImageError, match=r"long\.txt: larger than"):
        regular.read(path, ImageError, 1000)
    assert len(regular.read(path, ImageError, 1001)) == 1001
