"""Workers of multiprocessing in a packaged program, played by processes of this Python."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from engine.process.workers import HOOK

ROOT = Path(__file__).resolve().parents[3]

_PROGRAM = """
import sys
sys.path.insert(0, {hooks!r})
sys.frozen = True
from engine.process import workers
workers.prepare(sys.argv)
print("multiprocessing" in sys.modules, {hook!r} in sys.modules)
"""
_HOOK = """
import multiprocessing, sys
def freeze_support():
    print("a worker")
    sys.exit()
multiprocessing.freeze_support = freeze_support
"""


def _printed(
    program: str, arguments: list[str], tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> list[str]:
    """What a program prints that begins by preparing for workers."""
    (tmp_path / f"{HOOK}.py").write_text(_HOOK, encoding="utf-8")
    script = tmp_path / "program.py"
    script.write_text(_PROGRAM.format(hooks=str(tmp_path), hook=HOOK) + program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=ROOT,
        env=child_env() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_a_worker_does_its_work_in_place_of_the_program(
    tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    for arguments in (["--multiprocessing-fork", "pipe_handle=7"], ["-B", "-c", "from x import y"]):
        assert _printed("", arguments, tmp_path, child_env) == ["a worker"]


def test_nothing_is_imported_for_workers_that_nobody_starts(
    tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    for arguments in ([], ["image.png"], ["explain", "--multiprocessing-fork"]):
        assert _printed("", arguments, tmp_path, child_env) == ["False False"]


def test_multiprocessing_is_prepared_when_it_is_imported(
    tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    """As PyInstaller's hook does: a worker must not look for main.py below the current folder."""
    program = (
        "import multiprocessing, multiprocessing.process as module\n"
        "print(module.ORIGINAL_DIR, module.current_process().name, len(sys.meta_path))\n"
        "print(module.__spec__.name, multiprocessing.get_context('spawn').get_start_method())\n"
    )
    lines = _printed(program, [], tmp_path, child_env)
    before = len(sys.meta_path)
    assert lines[1].startswith("None MainProcess")
    assert int(lines[1].split()[-1]) <= before
    assert lines[2] == "multiprocessing.process spawn"
