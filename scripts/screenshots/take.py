"""Takes the pictures of README and guide.

    .venv/bin/python scripts/screenshots/take.py [NAME ...]

Every picture shows the real program in the named state. It runs on Qt's offscreen platform, which
needs no display, paints with the same code as a window on a screen, and takes any scale.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# Importing them puts their pictures on the list.
from scripts.screenshots import (  # noqa: F401
    comparing,
    edges,
    folders,
    gallery,
    help,
    keeping,
    trusting,
    walkthrough,
    what_if,
    work,
)
from scripts.screenshots import models as models_  # noqa: F401
from scripts.screenshots.shots import SHOTS, Shot

FOLDER = ROOT / "docs" / "images"
MOST_BYTES = 300_000
# All pictures are in the bundle, whose size is limited.
WANTED_BYTES = 200_000


def take(shots: Sequence[Shot], folder: Path) -> None:
    """Take pictures of one scale in this process."""
    from gui.app.application import create_application
    from scripts.screenshots.stage import Stage
    from scripts.screenshots.staging import models

    application = create_application()
    for each in shots:
        with Stage(application, each.look, each.size) as stage:
            path = folder / f"{each.name}.png"
            with models(each.models):
                each.play(stage, path)
        optimise(path, packed=each.packed)
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB", flush=True)


def optimise(path: Path, *, packed: bool = False) -> None:
    """Pack the file as small as Pillow can; the lowest bits of noise go where it is too large.

    Seven bits to a colour look the same, six nearly so. packed: with a palette, which takes half as
    much and leaves bands in what is smooth.
    """
    from PIL import Image

    with Image.open(path) as image:
        rgb = image.convert("RGB")
    if packed:
        whole, none = Image.Quantize.MEDIANCUT, Image.Dither.NONE
        rgb.quantize(256, whole, kmeans=3, dither=none).save(path, optimize=True)
        return
    rgb.save(path, optimize=True)
    for step in (2, 4):
        if path.stat().st_size <= WANTED_BYTES:
            return
        levels = [min(255, (value + step // 2) // step * step) for value in range(256)]
        rgb.point(levels * 3).save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        raise RuntimeError(f"{path.name} is too large: show something plainer")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="only these pictures")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(list(arguments))
    unknown = set(options.names) - {each.name for each in SHOTS}
    if unknown:
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    wanted = [each for each in SHOTS if not options.names or each.name in options.names]
    wanted.sort(key=lambda each: not each.first)
    FOLDER.mkdir(parents=True, exist_ok=True)
    if options.in_process:
        take(wanted, FOLDER)
        return 0
    # Qt takes the scale from the environment, once for a process.
    for scale in sorted({each.scale for each in wanted}):
        environment = dict(os.environ, QT_QPA_PLATFORM="offscreen", QT_SCALE_FACTOR=str(scale))
        names = [each.name for each in wanted if each.scale == scale]
        command = [sys.executable, __file__, "--in-process", *names]
        done = subprocess.run(command, env=environment, check=False, timeout=1200)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
