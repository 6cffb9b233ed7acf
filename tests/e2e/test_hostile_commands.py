"""Hostile files through the command line: exit code 0 or 2, one line at most, and nothing runs.

In `make test` a single program takes one after the other, and a few go through a start of their
own; in `make test-all` each has its own, and the memory of the program with its readers is watched.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from engine.version import NAME
from tests.engine.hostile import zoo as hostile_zoo
from tests.engine.hostile.honest_models import own
from tests.engine.hostile.zoo import Hostile

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = "5"
# For what opens, on a busy machine as well.
LONG = "60"
MOST_MEMORY = 2_500_000_000
ChildEnv = Callable[..., dict[str, str]]

pytestmark = pytest.mark.timeout(600)

_DRIVER = """
import json, os, sys, tempfile
sys.path.insert(0, {root!r})
from main import main

def taken(arguments):
    files = [tempfile.TemporaryFile() for _ in range(2)]
    kept = [os.dup(1), os.dup(2)]
    for place, file in enumerate(files, 1):
        os.dup2(file.fileno(), place)
    code = main(arguments)
    sys.stdout.flush(), sys.stderr.flush()
    for place, (file, before) in enumerate(zip(files, kept), 1):
        os.dup2(before, place)
        os.close(before)
        file.seek(0)
    return [code, *(file.read().decode("utf-8", "replace") for file in files)]

for arguments in json.load(sys.stdin):
    answer = taken(arguments)
    sys.stdout.write(json.dumps(answer) + "\\n")
"""


class Zoo:
    """Every hostile file with the arguments of the command that opens it."""

    def __init__(self, folder: Path, long: bool) -> None:
        self.marker = folder / "it-ran"
        self.honest = folder / "four.pt"
        torch.save(own(), self.honest)
        self.cases: list[tuple[Hostile, list[str]]] = []
        makers: dict[str, Callable[[Path], Iterator[Hostile]]] = {
            "image": lambda place: hostile_zoo.images(place, self.marker, long),
            "model": lambda place: hostile_zoo.models(place, self.marker, long),
            "list": hostile_zoo.lists,
        }
        for what, make in makers.items():
            (folder / what).mkdir()
            self.cases += [(found, self.arguments(what, found)) for found in make(folder / what)]

    def arguments(self, what: str, found: Hostile) -> list[str]:
        path, patience = str(found.path), LONG if found.opens else PATIENCE
        end = ["--device", "cpu", "--patience", patience]
        if what == "image":
            return ["explain", path, *end]
        if what == "model":
            return ["explain", "--model", path, *end]
        return ["explain", "--model", str(self.honest), "--classes", path, *end]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"), long=False)


def check(found: Hostile, code: int, out: str, err: str) -> None:
    what = f"{found.path.name!a}: {code} {err!a}"
    assert code in (0, 2), what
    assert found.opens is None or (code == 0) == found.opens, what
    assert all(text.isprintable() for text in (*out.split("\n"), *err.split("\n"))), what
    if code == 0:
        # Nothing but that the preprocessing is assumed, and of an honest file its colour profile.
        lines = err.splitlines()
        assert all(line.startswith(f"{NAME.lower()}: warning: ") for line in lines), what
        assert len(lines) <= 3, what
        return
    assert err.count("\n") == 1, what
    assert err.startswith(f"{NAME.lower()}: error: "), what
    assert "Traceback" not in err, what
    assert out == "", what
    assert found.path.stem.isprintable() is (found.path.stem in err), what
    assert len(err) < 1500, what


def test_one_after_the_other(zoo: Zoo, tmp_path: Path, child_env: ChildEnv) -> None:
    with contextlib.ExitStack() as stack:
        cases = list(zoo.cases)
        for what, suffix in (("image", ".png"), ("model", ".pth"), ("list", ".txt")):
            place = tmp_path / what
            place.mkdir()
            found = map(Hostile, stack.enter_context(hostile_zoo.no_files(place, suffix)))
            cases += [(each, zoo.arguments(what, each)) for each in found]
        # Afterwards what is honest opens as ever.
        cases.append((Hostile(zoo.honest, opens=True), ["explain", "--model", str(zoo.honest)]))
        done = subprocess.run(
            [sys.executable, "-c", _DRIVER.format(root=str(ROOT))],
            check=True,
            cwd=tmp_path,
            env=child_env(),
            input=json.dumps([arguments for _, arguments in cases]),
            capture_output=True,
            text=True,
            timeout=500,
        )
    assert done.stderr == ""
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for (found, _), answer in zip(cases, answers, strict=True):
        check(found, *answer)
    assert not zoo.marker.exists()


@pytest.mark.parametrize("name", ["bomb.png", "hook.pt"])
def test_a_start_of_its_own(zoo: Zoo, name: str, tmp_path: Path, child_env: ChildEnv) -> None:
    ((found, arguments),) = [case for case in zoo.cases if case[0].path.name == name]
    check(found, *started(arguments, tmp_path, child_env())[:3])
    assert not zoo.marker.exists()


def started(arguments: list[str], folder: Path, env: dict[str, str]) -> tuple[int, str, str, int]:
    """Exit code, stdout, stderr, and the most bytes that the program had with its readers."""
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), *arguments],
            cwd=folder,
            env=env,
            stdout=out,
            stderr=err,
        )
        seen = psutil.Process(process.pid)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _memory(seen))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
    return process.returncode, texts[0], texts[1], peak


def _memory(seen: psutil.Process) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        for each in (seen, *seen.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += int(each.memory_info().rss)
    return total


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_each_in_a_start_of_its_own(
    tmp_path: Path, child_env: ChildEnv, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "zoo").mkdir()
    zoo = Zoo(tmp_path / "zoo", long=True)
    rows: list[str] = []
    failed: list[Any] = []
    for found, arguments in zoo.cases:
        *answer, peak = started(arguments, tmp_path, child_env())
        rows.append(f"{peak / 1e6:7.0f} MB  exit code {answer[0]}  {found.path.name!a:.50}")
        try:
            check(found, *answer)
            assert peak < MOST_MEMORY, rows[-1]
        except AssertionError as error:
            failed.append(error)
    with capsys.disabled():
        sys.stdout.write("\nMemory of the program with its readers\n" + "\n".join(rows) + "\n")
    assert failed == []
    assert not zoo.marker.exists()


def test_the_same_files_run_with_consent(tmp_path: Path) -> None:
    """Or else the marker would show nothing."""
    import engine
    from engine.errors import HookscopeError
    from engine.files.trust import Trust
    from engine.formats.demo import SCENES

    marker = tmp_path / "it-ran"
    ran = []
    image = engine.load_image(SCENES[0].path)
    for path in hostile_zoo.running(tmp_path, marker):
        with contextlib.suppress(HookscopeError):
            model = engine.load_model(path, device="cpu", trust=Trust(everything=True))
            with engine.Session(model, image) as session:
                session.explain()
        if marker.exists():
            ran.append(path.name)
            marker.rmdir()
    assert {"rebuild.pth", "hook.pt", "shadow.pt", "attribute.pt", "old.pth"} <= set(ran)
    assert {f"constructor{suffix}" for suffix in (".pth", ".png", ".onnx")} <= set(ran)
