"""The reader process: what it answers, when it is ended, and what it cannot do."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from torch import nn

from engine.errors import Cancelled, ImageError, Late, ModelError, WeightsError
from engine.images.reading import decode_image, load_image
from engine.inspection.facts import inspect
from engine.loading.load import load_model
from engine.progress import CancelToken
from engine.reader import SWITCH, client
from engine.reader.channel import ChannelClosed, PipeChannel
from engine.reader.shared import Shared
from engine.weights import torch_files

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.timeout(120)
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what Linux offers")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "ramp.png"
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(path)
    return path


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A pickle of millions of opcodes: more than a reader gets through in seconds."""
    path = tmp_path / "endless.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("endless/data.pkl", b"\x80\x02(" + b"NN0" * 11_000_000 + b"t.")
        archive.writestr("endless/version", "3\n")
    return path


@pytest.fixture(autouse=True)
def _own_readers() -> Iterator[None]:
    client.end_all()
    yield
    client.end_all()


def readers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.is_running() and SWITCH in child.cmdline()
    ]


class CancelledWhenLookedAt(CancelToken):
    """Cancels itself as soon as somebody has looked at it several times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    @property
    def cancelled(self) -> bool:
        self.looks -= 1
        return self.looks < 0


class KillsReaders(CancelToken):
    """Kills every reader while it is waited for."""

    __slots__ = ()

    @property
    def cancelled(self) -> bool:
        for process in readers():
            process.kill()
        return False


def test_one_process_answers_again_and_again(picture: Path) -> None:
    first = load_image(picture)
    one = readers()
    assert [load_image(picture).pixels.tolist() for _ in range(3)] == [first.pixels.tolist()] * 3
    assert readers() == one
    assert len(one) == 1


def test_what_comes_back_can_be_written_and_outlives_the_reader(picture: Path) -> None:
    image = load_image(picture)
    client.end_all()
    image.pixels[0, 0] = 7
    assert image.pixels[0, 0].tolist() == [7, 7, 7]
    assert load_image(picture).pixels[0, 0].tolist() == [0, 1, 2]


def test_bytes_are_read_as_files_are(picture: Path) -> None:
    expected = load_image(picture).pixels
    np.testing.assert_array_equal(decode_image(picture.read_bytes(), "x").pixels, expected)


def test_cancelling_ends_the_process_and_the_next_file_is_read(
    endless: Path, picture: Path
) -> None:
    load_image(picture)
    (before,) = readers()
    with pytest.raises(Cancelled), client.reading(CancelledWhenLookedAt(5)):
        torch_files.read(endless)
    assert not before.is_running() or before.status() == psutil.STATUS_ZOMBIE
    assert load_image(picture).width == 10


def test_patience_is_counted_in_work(endless: Path) -> None:
    with (
        pytest.raises(WeightsError, match=r"endless\.pth: reading was stopped after 0\.3 sec"),
        client.reading(patience=0.3),
    ):
        torch_files.read(endless)


def test_a_busy_machine_changes_no_verdict(picture: Path) -> None:
    """The reader is stopped by the system for longer than the patience lasts, and then goes on."""
    load_image(picture)
    (reader,) = readers()

    class Resumes(CancelledWhenLookedAt):
        @property
        def cancelled(self) -> bool:
            self.looks -= 1
            if self.looks == 0:
                reader.resume()
            return False

    reader.suspend()
    with client.reading(Resumes(12), patience=0.15):
        assert client.ask("picture", ImageError, "x", path=picture).reply["width"] == 10


def test_a_process_that_takes_too_much_memory_is_ended(endless: Path) -> None:
    with pytest.raises(WeightsError, match=r"needs more than 0\.0 GB.*download or save it again"):
        client.ask("torch file", WeightsError, "endless.pth", path=endless, memory=1 << 20)
    assert not readers()


def test_an_idle_reader_that_was_killed_is_replaced(picture: Path) -> None:
    load_image(picture)
    for process in readers():
        process.kill()
        process.wait()
    assert load_image(picture).width == 10


def test_a_reader_that_dies_twice_is_the_files_doing(endless: Path) -> None:
    with (
        pytest.raises(WeightsError, match=r"endless\.pth: the decoder crashed"),
        client.reading(KillsReaders(), patience=None),
    ):
        torch_files.read(endless)


def test_what_a_library_raises_is_one_line(picture: Path) -> None:
    with pytest.raises(ImageError, match=r"x\.png: damaged or of an unknown kind \(KeyErr"):
        client.ask("no such operation", ImageError, "x.png", path=picture)
    assert load_image(picture).width == 10, "the reader goes on"


def test_several_threads_read_at_once(tmp_path: Path) -> None:
    paths = []
    for value in range(6):
        paths.append(tmp_path / f"{value}.png")
        Image.new("RGB", (40, 30), (value, 0, 0)).save(paths[-1])
    seen: dict[int, set[int]] = {}

    def work(value: int) -> None:
        seen[value] = {int(load_image(paths[value]).pixels.max()) for _ in range(8)}

    threads = [threading.Thread(target=work, args=(value,)) for value in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {value: {value} for value in range(6)}


def _script(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{text}")
    return subprocess.run(
        [sys.executable, str(script)],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_a_script_without_a_guard(picture: Path) -> None:
    """Nothing of the script runs a second time in the reader."""
    done = _script(
        f"print('once')\nimport engine\nprint(engine.load_image({str(picture)!r}).width)\n",
        picture.parent,
    )
    assert (done.stdout, done.stderr) == ("once\n10\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on Windows")
def test_after_a_fork_each_has_a_reader_of_its_own(picture: Path) -> None:
    text = f"""
import os, engine
name = {str(picture)!r}
engine.load_image(name)
child = os.fork()
widths = {{engine.load_image(name).width for _ in range(20)}}
if child == 0:
    os._exit(0 if widths == {{10}} else 1)
print(widths, os.waitpid(child, 0)[1])
"""
    assert _script(text, picture.parent).stdout == "{10} 0\n"


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_reader_ends_with_a_killed_parent(endless: Path, picture: Path, busy: bool) -> None:
    text = f"""
import sys, psutil, engine
from pathlib import Path
from engine.weights import torch_files
engine.load_image({str(picture)!r})
print(psutil.Process().children()[0].pid, flush=True)
if {busy}:
    torch_files.read(Path({str(endless)!r}))
sys.stdin.read()
"""
    script = picture.parent / "script.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{text}")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        reader = psutil.Process(int(parent.stdout.readline()))
        if busy:
            before = reader.cpu_times().user
            until(lambda: reader.cpu_times().user > before + 0.1)
        parent.kill()
    assert parent.returncode == -signal.SIGKILL if os.name == "posix" else parent.returncode
    until(lambda: not reader.is_running() or reader.status() == psutil.STATUS_ZOMBIE)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


@linux
def test_what_a_reader_cannot_do(tmp_path: Path) -> None:
    done = _script(
        """
import os, socket, subprocess
from engine.reader_process.confinement import confine
print(confine())
for what in (
    lambda: socket.socket(),
    lambda: open("new", "w"),
    lambda: open("old", "r+"),
    lambda: os.remove("old"),
    lambda: os.rename("old", "other"),
    lambda: os.mkdir("folder"),
    lambda: os.truncate("old", 0),
    lambda: subprocess.run(["true"]),
    lambda: os.fork(),
    lambda: os.kill(os.getppid(), 0),
):
    try:
        what()
        print("done")
    except OSError as error:
        print(type(error).__name__)
print(open("old").read())
"""
        if (tmp_path / "old").write_text("as it was")
        else "",
        tmp_path,
    )
    lines = done.stdout.splitlines()
    if lines[0] != "()":
        pytest.skip(f"this kernel offers no {lines[0]}")
    assert lines[1:-1] == ["PermissionError"] * 10
    assert lines[-1] == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "script.py"]


def test_shared_bytes_that_were_promised_and_did_not_come() -> None:
    shared = Shared()
    shared.write(b"abc")
    with pytest.raises(ValueError, match="expected 4 bytes"):
        shared.take(4)
    assert bytes(shared.take(3)) == b"abc"
    shared.close()


def test_shared_bytes_where_the_system_has_no_memory_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_arguments: object) -> int:
        raise OSError

    monkeypatch.setattr("os.memfd_create", refuse, raising=False)
    shared = Shared()
    shared.write(b"abc")
    content = shared.take(3)
    content[0] = ord("x")
    assert bytes(content) == b"xbc"
    shared.close()


@pytest.fixture
def pipes() -> Iterator[tuple[PipeChannel, PipeChannel]]:
    """Both ends of the channel that Windows uses."""
    here, there = os.pipe(), os.pipe()
    one, other = PipeChannel(here[0], there[1]), PipeChannel(there[0], here[1])
    yield one, other
    one.close()
    other.close()


def test_messages_through_pipes(pipes: tuple[PipeChannel, PipeChannel]) -> None:
    one, other = pipes
    assert other.receive(0.0) is None
    one.send({"a": "\ud800", "b": [1] * 10_000})
    one.send({})
    assert other.receive(1.0) == {"a": "\ud800", "b": [1] * 10_000}
    assert other.receive(None) == {}


def test_a_pipe_whose_other_end_is_gone() -> None:
    incoming, outgoing = os.pipe()
    os.close(outgoing)
    with Path(os.devnull).open("wb") as nothing:
        channel = PipeChannel(incoming, os.dup(nothing.fileno()))
    with pytest.raises(ChannelClosed):
        channel.receive(1.0)
    channel.close()


def test_a_picture_of_every_pixel_format_is_written_in_strips(tmp_path: Path) -> None:
    """Rows beyond the first strip are those of the picture."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (900, 1000, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    np.testing.assert_array_equal(decode_image(buffer.getvalue(), "x.png").pixels, pixels)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are watched there")
def test_a_reader_ends_with_its_line_whatever_keeps_python_busy(tmp_path: Path) -> None:
    """In one long call of C, no thread of Python's runs and no handler of a signal."""
    script = tmp_path / "busy.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from engine.reader_process.confinement import die_with\n"
        "die_with(int(sys.argv[1]))\n"
        "sys.set_int_max_str_digits(0)\n"
        "print('busy', flush=True)\n"
        "int('9' * 20_000_000)\n"
    )
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, str(script), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            text=True,
        )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "busy\n"
        assert process.poll() is None
        ours.close()
        assert process.wait(timeout=60) == -signal.SIGIO


def layers(count: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 1), *(nn.ReLU() for _ in range(count)), nn.Flatten())


def test_patience_holds_for_what_the_program_makes_of_a_file_too(tmp_path: Path) -> None:
    """Looking at very many layers takes long after they were read."""
    cpu = torch.device("cpu")
    with (
        client.reading(patience=0.05),
        pytest.raises(Late, match=r"stopped after 0\.05 seconds.*--patience"),
    ):
        inspect(layers(5000), (1, 3, 1, 1), cpu)
    for patience in (None, 60.0):
        with client.reading(patience=patience):
            assert len(inspect(layers(50), (1, 3, 1, 1), cpu).calls) == 52
    torch.save(layers(5000), tmp_path / "many.pt")
    with pytest.raises(ModelError, match=r"many\.pt: (opening|reading) was stopped after 0\.05"):
        load_model(tmp_path / "many.pt", patience=0.05)
