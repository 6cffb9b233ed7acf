"""Shards on the workers of a real Dask scheduler: the result is that of a serial run."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import engine
from engine.errors import HookscopeError
from engine.folders.index.store import IndexWriter
from engine.folders.inputs.finding import Labels, find
from engine.folders.job import How
from engine.folders.records import Progress
from engine.folders.run import Pace, Run
from engine.folders.spread import run as spreading
from engine.records.sources import ModelSource
from tests.engine.folders.test_run import check_same, rows

ROOT = Path(__file__).resolve().parents[3]
HOW = How(exact=True)
MODEL = ("--model", "demo:shapes")


class Cluster:
    """A scheduler and workers as processes of this machine."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.scheduler = self._scheduler()
        self.workers = [self.worker(), self.worker()]

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _scheduler(self) -> subprocess.Popen[bytes]:
        host, port = self.address.removeprefix("tcp://").split(":")
        where = ("--host", host, "--port", port, "--no-dashboard")
        return self._start("distributed.cli.dask_scheduler", *where)

    def worker(self) -> subprocess.Popen[bytes]:
        how = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60")
        return self._start("distributed.cli.dask_worker", self.address, *how)

    def restart(self) -> None:
        """Scheduler and workers anew, at the same address."""
        for process in (self.scheduler, *self.workers):
            end(process)
        self.scheduler = self._scheduler()
        self.workers = [self.worker(), self.worker()]

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.fixture
def cluster(child_env: Callable[..., dict[str, str]]) -> Iterator[Cluster]:
    pytest.importorskip("distributed")
    it = Cluster(child_env())
    yield it
    it.close()


def spread(
    out: Path,
    paths: list[Path],
    address: str,
    between: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    model = engine.load_model("demo:shapes")
    with IndexWriter(out) as writer:
        writer.found(find(paths, Labels(folders=True)))
        run = Run(writer, model, HOW)
        pace = Pace(readers=1, size=4)
        source = ModelSource("demo:shapes")
        for progress in spreading.spread_steps(run, address, source, pace=pace, device="cpu"):
            between(progress)
        return run.progress


@pytest.mark.timeout(240)
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_as_a_serial_run(
    cluster: Cluster, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a worker killed in the middle, one that stands still, and the scheduler restarted."""
    monkeypatch.setattr(spreading, "SHARD", 4)
    model = engine.load_model("demo:shapes")
    with IndexWriter(tmp_path / "serial") as writer:
        writer.found(find([scenes], Labels(folders=True)))
        for _ in Run(writer, model, HOW, pace=Pace(readers=1, size=4)).steps():
            pass
    events: list[str] = []

    def between(progress: Progress) -> None:
        if progress.done >= 8 and not events:
            events.append("killed")
            end(cluster.workers[0])
            cluster.workers[0] = cluster.worker()
        elif progress.done >= 24 and len(events) == 1:
            events.append("restarted")
            cluster.restart()
        elif progress.done >= 48 and len(events) == 2:
            events.append("stopped")
            os.kill(cluster.workers[0].pid, signal.SIGSTOP)

    progress = spread(tmp_path / "spread", [scenes], cluster.address, between)
    assert events == ["killed", "restarted", "stopped"]
    assert progress.done == progress.total == 64
    check_same(rows(tmp_path / "spread"), rows(tmp_path / "serial"))
    assert spread(tmp_path / "spread", [scenes], cluster.address).computed == 0


def test_without_a_scheduler(
    tmp_path: Path, scenes: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    pytest.importorskip("distributed")
    code = (
        "import sys\nfrom engine.folders.spread import scheduler\nscheduler._CONNECT_S = 1\n"
        "from cli.commands import main\nsys.exit(main(sys.argv[1:]))"
    )
    where = ("--out", str(tmp_path), "--scheduler", "tcp://127.0.0.1:1")
    done = subprocess.run(
        [sys.executable, "-c", code, "batch", str(scenes / "star"), *where, *MODEL],
        cwd=ROOT,
        env=child_env(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "tcp://127.0.0.1:1: no Dask scheduler with a worker answers" in line


def test_without_distributed(tmp_path: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(HookscopeError, match="--scheduler needs the package distributed"):
        spread(tmp_path, [scenes / "star"], "tcp://127.0.0.1:1")


def test_images_that_workers_do_not_see_are_sent(scenes: Path, tmp_path: Path) -> None:
    """The worker's function by itself: first without, then with their contents."""
    from engine.folders.job import job_of
    from engine.folders.records import Pending
    from engine.folders.spread.worker import Task, compute

    source = ModelSource("demo:shapes")
    model = engine.load_model("demo:shapes")
    key = job_of(model, HOW).key
    task = Task(source, HOW, "cpu", (), key, 4, 1, None)
    there = sorted((scenes / "star").iterdir())[0]
    gone = tmp_path / "star.jpg"
    shutil.copy(there, gone)
    content = gone.read_bytes()
    gone.unlink()
    items = (Pending(1, str(there), 2, ()), Pending(2, str(gone), 2, ()))
    first = compute(task, items)
    assert first.unseen == (2,)
    ((number, _, own),) = first.shard
    assert number == 1
    ((number, picture, sent),) = compute(task, items[1:], {2: content}).shard
    assert (number, picture.error) == (2, "")
    assert own is not None
    assert sent is not None
    assert (sent.content, sent.prediction) == (own.content, own.prediction)
    other = Task(source, HOW, "cpu", (), "0" * 64, 4, 1, None)
    with pytest.raises(HookscopeError, match="the worker opens another model"):
        compute(other, items)
