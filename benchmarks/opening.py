"""What it costs to open an honest file, beside an earlier checkout in the same run.

    .venv/bin/python benchmarks/opening.py [--before FOLDER] [--rounds 7] [--only NAME ...]

FOLDER is a checkout of an earlier commit (git worktree add FOLDER COMMIT); both are run by the
Python that runs this. Every round starts a process for each of the two in turn. A process opens the
file once cold and then several times warm; the medians of both over the rounds are printed, in
milliseconds, with their difference and ratio. The files are made here, from a seed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
WARM = 5

_OPEN = """
import json, sys, time
sys.path.insert(0, {root!r})
import engine
kind, path, warm = sys.argv[1], sys.argv[2], int(sys.argv[3])
# As in the window: something is open when somebody drops a file.
engine.load_image({picture!r})
if kind == "model":
    import torch
    engine.load_model("demo:shapes")
open_it = {{"picture": engine.load_image, "model": engine.load_model}}[kind]
times = []
for _ in range(1 + warm):
    opened = None
    started = time.perf_counter()
    opened = open_it(path)
    times.append(time.perf_counter() - started)
print(json.dumps(times))
"""


def pictures(folder: Path) -> dict[str, Path]:
    """Twelve megapixels of shapes and noise, as a camera's file is."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (30, 40, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(small).resize((4000, 3000), Image.Resampling.BICUBIC))
    noisy = np.clip(smooth.astype(np.int16) + rng.integers(-6, 7, smooth.shape), 0, 255)
    picture = Image.fromarray(noisy.astype(np.uint8))
    found = {}
    for name, options in (("jpeg", {"quality": 92}), ("png", {"compress_level": 1}), ("bmp", {})):
        found[f"12 megapixels, {name}"] = folder / f"picture.{name}"
        picture.save(found[f"12 megapixels, {name}"], **options)
    return found


def models(folder: Path) -> dict[str, Path]:
    """State dicts and whole networks of a ResNet-50, and what a description makes."""
    sys.path.insert(0, str(ROOT))
    import torch
    from safetensors.torch import save_file

    from engine.lazy import torchvision

    torch.manual_seed(0)
    network = torchvision.load().models.get_model("resnet50", weights=None).eval()
    state = network.state_dict()
    found = {
        "resnet50, state dict": folder / "state.pth",
        "resnet50, before torch 1.6": folder / "legacy.pth",
        "resnet50, safetensors": folder / "state.safetensors",
        "resnet50, whole network": folder / "whole.pt",
    }
    torch.save(state, found["resnet50, state dict"])
    torch.save(state, found["resnet50, before torch 1.6"], _use_new_zipfile_serialization=False)
    save_file(state, found["resnet50, safetensors"])
    torch.save(network, found["resnet50, whole network"])
    return found | _described(folder)


def _described(folder: Path) -> dict[str, Path]:
    try:
        import transformers
    except ImportError:
        return {}
    transformers.utils.logging.disable_progress_bar()
    labels = {index: f"class {index}" for index in range(10)}
    network = transformers.ViTForImageClassification(transformers.ViTConfig(id2label=labels))
    network.save_pretrained(folder / "vit")
    transformers.ViTImageProcessor().save_pretrained(folder / "vit")
    return {"ViT-B, folder of Hugging Face": folder / "vit"}


def times_of(checkout: Path, kind: str, path: Path) -> tuple[float, float]:
    """Seconds of the first opening, and the median of those after it."""
    script = _OPEN.format(root=str(checkout), picture=str(ROOT / "docs" / "images" / "hero.png"))
    done = subprocess.run(
        [sys.executable, "-c", script, kind, str(path), str(WARM)],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    first, *others = json.loads(done.stdout.splitlines()[-1])
    return first, statistics.median(others)


def row(name: str, before: list[float], now: list[float]) -> str:
    """One line of the table: medians, and the median of the differences round by round."""
    one, other = statistics.median(before), statistics.median(now)
    more = statistics.median(b - a for a, b in zip(before, now, strict=True))
    return f"{name:44} {1000 * one:9.1f} {1000 * other:9.1f} {1000 * more:+9.1f} {other / one:7.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    before = (options.before or ROOT).resolve()
    print(f"{'':44} {'before':>9} {'now':>9} {'more':>9} {'ratio':>7}   (ms)")
    with tempfile.TemporaryDirectory() as folder:
        cases = [("picture", *case) for case in pictures(Path(folder)).items()]
        cases += [("model", *case) for case in models(Path(folder)).items()]
        for kind, name, path in cases:
            if options.only and not any(word in name for word in options.only):
                continue
            found: dict[Path, list[tuple[float, float]]] = {before: [], ROOT: []}
            for _ in range(options.rounds):
                for checkout in dict.fromkeys((before, ROOT)):
                    found[checkout].append(times_of(checkout, kind, path))
            for place, when in enumerate(("first", "again")):
                each = [[pair[place] for pair in found[where]] for where in (before, ROOT)]
                print(row(f"{name}, {when}", *each), flush=True)


if __name__ == "__main__":
    main()
