"""Loading torch's libraries ahead of its import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.lazy import pytorch

_AHEAD = """
import threading
from engine.lazy import pytorch
pytorch.begin()
for thread in threading.enumerate():
    if thread.name == "torch libraries":
        thread.join()
import sys
assert "torch" not in sys.modules
print("libtorch_cpu" in open("/proc/self/maps", encoding="utf-8").read())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is loaded ahead on Windows")
def test_what_is_no_library_is_an_error_that_names_it(tmp_path: Path) -> None:
    broken = tmp_path / "libtorch_cpu.so"
    broken.write_bytes(b"no library")
    for path in (broken, tmp_path / "missing.so"):
        with pytest.raises(OSError, match=path.name):
            pytorch._open(path, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_libraries_are_there_before_torch_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _AHEAD], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "True"
