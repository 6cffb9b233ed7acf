"""Images per second of `batch` on JPEG files, beside a loop that merely classifies them.

    make bench-folders BENCH_ARGS="--images 512 --repeats 3"
    .venv/bin/python benchmarks/folders.py --networks resnet50 --device cuda

Hookscope's figure includes reading, Grad-CAM of the last stage, figures, the index and its
checks at the start of a run. The plain loop is torchvision's transforms in a DataLoader with two
workers, and the network in inference mode. The libraries, where they are installed, get batches
of the same DataLoader. Each measurement is a process of its own, and they take turns; a few batches
are passed before the clock starts.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.subjects import LAST_STAGE, build
from benchmarks.written import described, write
from engine.lazy import torchvision

NETWORKS = ("resnet50", "efficientnet_b0", "convnext_tiny")
LIBRARIES = {"grad-cam": "pytorch_grad_cam", "torchcam": "torchcam", "captum": "captum"}
PLAIN, OURS = "plain loop", "hookscope"
WARM = 48


def write_pictures(folder: Path, count: int) -> None:
    """JPEG files of 500 x 375 pixels and about 60 kB, as photographs of a usual data set."""
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        whole = np.asarray(Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC))
        noise = rng.normal(0, 9, whole.shape)
        pixels = np.clip(whole + noise, 0, 255).astype(np.uint8)
        place = folder / f"class {number % 10}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number}.jpg", quality=85)


class Files(Dataset[tuple[Tensor, int]]):
    """The files of a folder by torchvision's own transforms."""

    def __init__(self, folder: Path, name: str, count: int) -> None:
        self._paths = sorted(folder.rglob("*.jpg"))[:count]
        models = torchvision.load().models
        self._transforms = models.get_model_weights(name).DEFAULT.transforms(crop_size=224)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(self._paths[index]) as image:
            return self._transforms(image.convert("RGB")), index


Batch = Callable[[Tensor], object]


def batches(folder: Path, options: argparse.Namespace, count: int) -> Iterator[Tensor]:
    files = Files(folder, options.network, count)
    loader = DataLoader(files, options.batch, num_workers=2, pin_memory=options.device != "cpu")
    for images, _ in loader:
        yield images.to(options.device)


def by(case: str, network: nn.Module, layer: nn.Module) -> Batch:
    """What a library, or the plain loop, does with a batch."""
    if case == PLAIN:

        def classify(images: Tensor) -> object:
            with torch.inference_mode():
                return network(images).argmax(dim=1).cpu()

        return classify
    if case == "grad-cam":
        from pytorch_grad_cam import GradCAM

        cam = GradCAM(network, [layer])
        return lambda images: cam(input_tensor=images, targets=None)
    if case == "torchcam":
        from torchcam.methods import GradCAM as TorchCam

        other = TorchCam(network, layer)

        def explain(images: Tensor) -> object:
            scores = network(images.requires_grad_())
            return other(scores.argmax(dim=1).tolist(), scores)

        return explain
    from captum.attr import LayerGradCam

    own = LayerGradCam(network, layer)

    def attribute(images: Tensor) -> object:
        with torch.no_grad():
            targets = network(images).argmax(dim=1)
        return own.attribute(images, target=targets).cpu()

    return attribute


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Images per second of one case, and the most memory of the process and its helpers in MB."""
    folder = Path(options.folder)
    network = build(options.network)
    if options.one == OURS:
        seconds = _ours(folder, options, network)
    else:
        network.to(options.device)
        layer = network.get_submodule(LAST_STAGE[options.network])
        work = by(options.one, network, layer)
        for images in batches(folder, options, WARM):
            work(images)
        begun = time.perf_counter()
        for images in batches(folder, options, options.images):
            work(images)
        if options.device != "cpu":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - begun
    own, helpers = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {"rate": options.images / seconds, "mb": own, "helper_mb": helpers}


def _ours(folder: Path, options: argparse.Namespace, network: nn.Module) -> float:
    """The whole of a run, from finding the files to closing the index."""
    import engine
    from engine.folders.index.store import IndexWriter
    from engine.folders.inputs.finding import Labels, find
    from engine.folders.job import How
    from engine.folders.run import Pace, Run

    with tempfile.TemporaryDirectory() as place:
        weights = Path(place) / f"{options.network}.pth"
        torch.save(network.state_dict(), weights)
        model = engine.load_model(options.network, weights=weights, device=options.device)
        how = How(layer=(LAST_STAGE[options.network],))
        seconds = 0.0
        for count in (WARM, options.images):
            begun = time.perf_counter()
            with IndexWriter(Path(place) / str(count)) as writer:
                found = list(find([folder], Labels(folders=True)))[:count]
                writer.found(found)
                run = Run(writer, model, how, pace=Pace(options.workers, options.batch))
                for _ in run.steps():
                    pass
                assert run.progress.done == count
            seconds = time.perf_counter() - begun
        return seconds


def compared(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Medians of the rates and of their ratios to the plain loop of the same round."""
    cases = [
        OURS,
        PLAIN,
        *(n for n, module in LIBRARIES.items() if importlib.util.find_spec(module)),
    ]
    rounds: list[dict[str, dict[str, float]]] = []
    for _ in range(options.repeats):
        found: dict[str, dict[str, float]] = {}
        for case in cases:
            command = [sys.executable, __file__, "--one", case, "--folder", str(folder)]
            for name in ("network", "device", "images", "batch", "workers"):
                value = getattr(options, name)
                command += [] if value is None else [f"--{name}", str(value)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(done.stderr[-2000:], file=sys.stderr)
                continue
            found[case] = json.loads(done.stdout.splitlines()[-1])
            print(f"  {case}: {found[case]['rate']:.1f} images/s", file=sys.stderr, flush=True)
        rounds.append(found)
    whole = [one for one in rounds if PLAIN in one]
    return {
        "network": options.network,
        "device": options.device,
        "rates": {
            case: statistics.median(one[case]["rate"] for one in whole if case in one)
            for case in cases
            if any(case in one for one in whole)
        },
        "ratios": {
            case: statistics.median(
                one[case]["rate"] / one[PLAIN]["rate"] for one in whole if case in one
            )
            for case in cases
            if any(case in one for one in whole)
        },
        "mb": {
            case: statistics.median(
                one[case]["mb"] + one[case]["helper_mb"] for one in whole if case in one
            )
            for case in cases
            if any(case in one for one in whole)
        },
        "rounds": rounds,
    }


def table(rows: list[dict[str, Any]]) -> str:
    cases = list(dict.fromkeys(case for row in rows for case in row["rates"]))
    lines = [
        f"| network | {' | '.join(cases)} | hookscope / plain |",
        f"|---|{'--:|' * (len(cases) + 1)}",
    ]
    for row in rows:
        figures = " | ".join(f"{row['rates'].get(case, float('nan')):.1f}" for case in cases)
        lines.append(f"| {row['network']} | {figures} | {row['ratios'].get(OURS, 0):.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(LAST_STAGE))
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--batch", type=int, default=16, help="images in one pass (default 16)")
    parser.add_argument(
        "--workers", type=int, help="Hookscope's readers (default: as many as cores)"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="JSON file; default RESULTS/folders-DATE.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--network", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.one:
        print(json.dumps(measure(options)))
        return
    started = datetime.datetime.now(datetime.UTC)
    folder = Path(tempfile.mkdtemp(prefix="hookscope-folders-"))
    rows = []
    try:
        write_pictures(folder, options.images)
        for name in options.networks:
            print(f"{name} on {options.device} ...", file=sys.stderr, flush=True)
            options.network = name
            rows.append(compared(options, folder))
    finally:
        shutil.rmtree(folder)
    result = described("folders", started, results=rows)
    write(result, started, options.out, "folders-")
    print(table(rows))


if __name__ == "__main__":
    main()
