"""Where outputs go: what is exchanged, what is written to, what is refused."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ExportError
from engine.export import files as export
from engine.files import atomic, destinations
from engine.process import leftovers

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other devices")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """(reading, writing) ends, the latter as a program inherits it."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    yield reading, writing
    for end in (reading, writing):
        os.close(end)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A second /dev/null for root, who could damage the first."""
    own = tmp_path / "device"
    try:
        os.mknod(own, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        own.write_bytes(b"")
    except OSError:
        own.unlink(missing_ok=True)
        return Path(os.devnull)
    return own


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_device_is_written_to_and_stays_one(tmp_path: Path, device: Path) -> None:
    (tmp_path / "link.json").symlink_to(device)
    before, there = device.stat(), names(tmp_path)
    export.save_json(tmp_path / "link.json", {"a": 1})
    export.save_json(device, {"a": 1})
    after = device.stat()
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_ino, after.st_rdev) == (before.st_ino, before.st_rdev)
    assert (tmp_path / "link.json").is_symlink()
    assert names(tmp_path) == there


def test_a_terminal_is_written_to() -> None:
    master, slave = os.openpty()
    try:
        export.save_json(os.ttyname(slave), "for the eyes")
        assert b"for the eyes" in os.read(master, 100)
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has /dev/full")
def test_what_a_device_does_not_take_is_said() -> None:
    with pytest.raises(ExportError, match="/dev/full: the disk is full"):
        export.save_json("/dev/full", 1)


@pytest.mark.parametrize("kind", ["json", "npz"])
def test_a_named_pipe_gets_everything_and_stays_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"pipe.{kind}"
    os.mkfifo(path)
    came: list[bytes] = []
    reader = threading.Thread(target=lambda: came.append(path.read_bytes()))
    reader.start()
    noise = np.random.default_rng(0).normal(size=(400, 400)).astype(np.float32)
    if kind == "json":
        export.save_json(path, noise[0].tolist())
    else:
        # An archive is written to and fro, and this one is larger than a pipe holds.
        export.save_maps(path, {"a": noise})
    reader.join()
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert names(tmp_path) == [path.name]
    if kind == "json":
        assert json.loads(came[0]) == noise[0].tolist()
    else:
        (tmp_path / "copy.npz").write_bytes(came[0])
        with np.load(tmp_path / "copy.npz") as maps:
            np.testing.assert_array_equal(maps["a"], noise)


def test_a_pipe_without_a_reader_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(atomic, "PATIENCE_S", 0.0)
    with pytest.raises(ExportError, match="nothing reads from this pipe"):
        export.save_json(tmp_path / "pipe", 1)


def test_a_reader_that_takes_nothing_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(atomic, "PATIENCE_S", 0.0)
    end = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(ExportError, match="has stopped reading"):
            export.save_json(tmp_path / "pipe", "x" * 1_000_000)
    finally:
        os.close(end)


def test_nothing_goes_to_a_pipe_when_the_content_fails(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    half: list[object] = [object()]
    os.set_blocking(reading, False)
    with (
        pytest.raises(TypeError, match="not JSON serializable"),
        atomic.whole_file(Path(f"/dev/fd/{writing}")) as file,
    ):
        file.write(b"half" + json.dumps(half).encode())
    with pytest.raises(BlockingIOError):
        os.read(reading, 10)


@pytest.mark.parametrize("form", ["/dev/fd/{}", "/proc/self/fd/{}", "/proc/thread-self/fd/{}"])
def test_a_descriptor_that_is_a_pipe(pipe: tuple[int, int], form: str) -> None:
    if not Path(form).parent.is_dir():
        pytest.skip("not on this system")
    export.save_json(form.format(pipe[1]), [1])
    assert json.loads(os.read(pipe[0], 100)) == [1]


@pytest.mark.parametrize("gone", [False, True])
def test_a_descriptor_that_is_a_file_is_written_into_where_it_is(
    tmp_path: Path, gone: bool
) -> None:
    path = tmp_path / "file.json"
    with path.open("w+b") as file:
        file.write(b"before\n")
        file.flush()
        os.set_inheritable(file.fileno(), True)
        link = tmp_path / "link"
        link.symlink_to(f"/dev/fd/{file.fileno()}")
        if gone:
            path.unlink()
        export.save_json(link, 1)
        file.seek(0)
        assert file.read() == b"before\n1\n"
    assert names(tmp_path) == (["link"] if gone else ["file.json", "link"])


def test_what_the_program_opened_itself_is_nobodys_to_name(tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("wb") as log,
        pytest.raises(ExportError, match="no file descriptor with that number"),
    ):
        export.save_json(f"/dev/fd/{log.fileno()}", 1)
    assert (tmp_path / "log").read_bytes() == b""
    with pytest.raises(ExportError, match="no file descriptor with that number"):
        export.save_json("/dev/fd/999999", 1)


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is a short one
    with socket.socket(socket.AF_UNIX) as place:
        place.bind("place")
        with pytest.raises(ExportError, match="this is a socket"):
            export.save_json("place", 1)
    assert stat.S_ISSOCK((tmp_path / "place").stat().st_mode)


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b", "x" * 300, "file/below", "circle"])
def test_what_is_no_name_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ExportError, match="choose"):
        export.save_json(tmp_path / name, 1)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o666])
def test_an_existing_file_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "f.json"
    path.touch()
    path.chmod(mode)
    export.save_json(path, [1])
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_text() == "[\n  1\n]\n"


def test_what_is_for_few_eyes_is_never_for_more(tmp_path: Path) -> None:
    path = tmp_path / "f.bin"
    path.touch()
    path.chmod(0o600)
    with atomic.whole_file(path) as file:
        file.write(b"secret")
        modes = {stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir()}
    assert modes == {0o600}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root alone may")
def test_an_existing_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.touch()
    os.chown(path, 12345, 54321)
    path.chmod(0o640)
    export.save_json(path, 1)
    facts = path.stat()
    assert (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == (12345, 54321, 0o640)


@pytest.mark.parametrize("there", [True, False])
def test_what_a_link_points_to_is_replaced(tmp_path: Path, there: bool) -> None:
    (tmp_path / "away").mkdir()
    goal = tmp_path / "away" / "f.json"
    if there:
        goal.write_text("old")
    (tmp_path / "link.json").symlink_to(goal)
    export.save_json(tmp_path / "link.json", 1)
    assert (tmp_path / "link.json").is_symlink()
    assert goal.read_text() == "1\n"
    assert names(tmp_path / "away") == ["f.json"]


@pytest.mark.parametrize("name", ["é" * 120 + ".json", "😀" * 60 + ".json", "x" * 250 + ".json"])
def test_the_longest_names_that_can_be(tmp_path: Path, name: str) -> None:
    export.save_json(tmp_path / name, 1)
    assert names(tmp_path) == [name]


def test_a_download_replaces_no_device(tmp_path: Path, device: Path) -> None:
    (tmp_path / "part").write_bytes(b"x")
    with pytest.raises(ExportError, match="not a regular file"):
        atomic.exchange(tmp_path / "part", device)
    assert stat.S_ISCHR(device.stat().st_mode)


@pytest.mark.parametrize(
    ("name", "there"), [("-", True), ("/dev/stdout", True), ("/dev/fd/1", True), ("f", False)]
)
def test_what_goes_to_stdout_is_known(name: str, there: bool) -> None:
    assert destinations.is_stdout(name) is there


# --- what killed writes leave ---------------------------------------------------------------------


def test_every_temporary_name_is_known_again_and_no_other(tmp_path: Path) -> None:
    ours = [leftovers.new_name(name) for name in ("o.png", "é.json", "x" * 300, "a\udce9b", ".h")]
    others = [".o.png.part", "o.png.01234567.part", ".o.png.0123456x.part", ".o.png.deadbeef.part"]
    for name in (*ours, *others):
        (tmp_path / name).touch()
    (tmp_path / leftovers.new_name("folder")).mkdir()
    (tmp_path / leftovers.new_name("link")).symlink_to("o.png.01234567.part")
    leftovers.remove_from(tmp_path)
    left = [path.name for path in tmp_path.iterdir()]
    assert sorted(name for name in left if "folder" not in name and "link" not in name) == sorted(
        others
    )
    assert len(left) == len(others) + 2


def test_what_an_earlier_version_left_of_this_file_goes_when_it_is_old(tmp_path: Path) -> None:
    old, new = tmp_path / ".o.json.deadbeef.part", tmp_path / ".o.json.deadbeee.part"
    other = tmp_path / ".p.json.deadbeef.part"
    for path in (old, new, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (1e9, 1e9))
    export.save_json(tmp_path / "o.json", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [new.name, other.name, "o.json"]
    )


def test_a_folder_that_cannot_be_looked_into_is_none_of_its_business(tmp_path: Path) -> None:
    leftovers.remove_from(tmp_path / "absent")
    (tmp_path / "file").touch()
    leftovers.remove_from(tmp_path / "file")
