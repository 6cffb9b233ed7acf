"""Methods beside each other and beside other libraries: time as multiples of a bare forward.

    make bench-methods BENCH_ARGS="--repeats 5 --networks resnet18"

For each network, interleaved in one process: Ablation-CAM and Score-CAM of the last stage beside
the libraries that have them, each as its documentation says and with its own batches; changing from
Grad-CAM to each cheap method on the layer on screen; and a sweep of all layers with each method
that has one. What the project aims at stands below the figures. Results go to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import functools
import io
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch

import engine
from benchmarks.run import bare_forward
from benchmarks.subjects import LAYERS, TARGET, Subject, subject
from benchmarks.timing import Case, measure
from benchmarks.written import described, write
from engine.errors import MethodError
from engine.lazy import torchvision
from engine.methods.registry import METHODS, Family, is_cheap

NETWORKS = ("resnet18", "vgg16")
PERTURBED = ("ablation-cam", "score-cam")
SWEPT = ("grad-cam", "hirescam", "xgrad-cam", "layercam")
CHEAP = tuple(m.slug for m in METHODS if m.swept and (is_cheap(m) or m.family is Family.ACTIVATION))

AT_LEAST = {
    "ablation-cam": dict.fromkeys(NETWORKS, 2.0),
    "score-cam": {"resnet18": 1.4, "vgg16": 1.2},
}
"""How many times as fast as the fastest of the other libraries."""
CHANGED_WITHIN = 0.05
"""Of a bare forward, for another cheap method of the layer on screen."""
SWEPT_WITHIN = 1.5
"""Of the Grad-CAM sweep, for a sweep with one of SWEPT."""


@dataclass(frozen=True, slots=True)
class Met:
    """One of the aims: what was found, and what it has to be at least, or at most."""

    what: str
    found: float
    bound: float
    least: bool

    @property
    def met(self) -> bool:
        return self.found >= self.bound if self.least else self.found <= self.bound


class Clicks:
    """Hookscope's part: every explanation is a session of its own, except where one is changed."""

    def __init__(self, it: Subject) -> None:
        self._image, self._layer = it.image, it.layer
        self._model = engine.load_model(it.name, weights=it.weights, device=it.device)
        self._session: engine.Session | None = None

    def explain(self, method: str) -> object:
        with engine.Session(self._model, self._image) as session:
            return session.explain(self._layer, TARGET, method=method)

    def open(self) -> None:
        """The layer on screen: explained by Grad-CAM, and by what the window does when idle."""
        self._session = engine.Session(self._model, self._image)
        self._session.explain(self._layer, TARGET)
        self._session.explain_alike(self._layer, TARGET)

    def change(self, method: str) -> object:
        assert self._session is not None
        return self._session.explain(self._layer, TARGET, method=method)

    def has(self, method: str) -> bool:
        """Whether the network's layer can have the method."""
        with engine.Session(self._model, self._image) as session:
            try:
                session.explain(self._layer, TARGET, method=method)
            except MethodError:
                return False
        return True

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def sweep(self, method: str) -> object:
        with engine.Session(self._model, self._image) as session:
            return session.sweep(TARGET, method=method)


def quiet(action: Callable[[], object]) -> Callable[[], object]:
    """Without the progress bars that pytorch-grad-cam always draws."""

    def act() -> object:
        with contextlib.redirect_stderr(io.StringIO()):
            return action()

    return act


def pytorch_grad_cam(it: Subject, method: str) -> Callable[[], object]:
    torchvision.load()  # the library imports torchvision by itself
    import pytorch_grad_cam as library
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    kind = {"ablation-cam": library.AblationCAM, "score-cam": library.ScoreCAM}[method]

    def explain() -> object:
        module = it.network.get_submodule(it.layer)
        with torch.inference_mode(), kind(model=it.network, target_layers=[module]) as cam:
            # As its documentation advises; Ablation-CAM has it from the start.
            cam.batch_size = 32
            return cam(it.tensor, [ClassifierOutputTarget(TARGET)])

    return quiet(explain)


def torchcam(it: Subject, method: str) -> Callable[[], object] | None:
    torchvision.load()  # the library imports torchvision by itself
    from torchcam.methods import ScoreCAM

    if method != "score-cam":
        return None

    def explain() -> object:
        with torch.inference_mode(), ScoreCAM(it.network, it.layer) as cam:
            it.network(it.tensor)
            return cam(TARGET)

    return explain


LIBRARIES = {"pytorch-grad-cam": pytorch_grad_cam, "torch-cam": torchcam}


def perturbed(it: Subject, clicks: Clicks, libraries: Sequence[str]) -> dict[str, dict[str, Case]]:
    """By library, its case of each perturbation method."""
    cases = {
        "hookscope": {slug: Case(functools.partial(clicks.explain, slug)) for slug in PERTURBED}
    }
    for name in libraries:
        made = {slug: LIBRARIES[name](it, slug) for slug in PERTURBED}
        cases[name] = {slug: Case(run) for slug, run in made.items() if run is not None}
    return cases


def clicked(clicks: Clicks) -> dict[str, Case]:
    """Changes on the layer on screen, and sweeps."""
    cases = {
        f"to {slug}": Case(functools.partial(clicks.change, slug), clicks.open, clicks.close)
        for slug in CHEAP
        if slug != "grad-cam" and clicks.has(slug)
    }
    return cases | {f"sweep {slug}": Case(functools.partial(clicks.sweep, slug)) for slug in SWEPT}


def row_of(it: Subject, bare: Case, cases: dict[str, dict[str, Case]]) -> dict[str, Any]:
    """As a row of run.py, so that compare.py reads both."""
    assert bare.median is not None
    return {
        "network": it.name,
        "device": it.device,
        "layer": it.layer,
        "bare_forward_s": bare.median,
        "bare_noise": bare.noise,
        "contenders": {
            name: {
                "seconds": {of: case.median for of, case in own.items()},
                "ratio": {
                    of: None if case.median is None else case.median / bare.median
                    for of, case in own.items()
                },
                "noise": {of: case.noise for of, case in own.items()},
                "errors": {of: case.error for of, case in own.items() if case.error},
            }
            for name, own in cases.items()
        },
    }


def compare(
    it: Subject, libraries: Sequence[str], repeats: int, parts: Sequence[str]
) -> dict[str, Any]:
    """Everything measured on one network; the slow cases apart from the quick ones."""
    clicks = Clicks(it)
    bare = Case(bare_forward(it))
    cases: dict[str, dict[str, Case]] = {"hookscope": {}}
    if "perturbed" in parts:
        cases = perturbed(it, clicks, libraries)
        flat = {f"{a}/{b}": case for a, of in cases.items() for b, case in of.items()}
        # What is rewritten for the first images is not Score-CAM's cost.
        for _ in range(3):
            clicks.explain("grad-cam")
        bare.run(it.device, keep=False, fresh=False)
        measure(flat, bare, it.device, repeats, fresh=False, warm=False)
    if "clicks" in parts:
        quick = clicked(clicks)
        measure(quick, bare, it.device, 3 * repeats, fresh=False)
        cases["hookscope"] |= quick
    return row_of(it, bare, cases)


def aims(row: dict[str, Any]) -> list[Met]:
    """What the project aims at, beside what was found."""
    network, own = row["network"], row["contenders"]["hookscope"]["ratio"]
    found = []
    for slug, least in AT_LEAST.items():
        others = [
            of["ratio"][slug]
            for name, of in row["contenders"].items()
            if name != "hookscope" and of["ratio"].get(slug)
        ]
        if own.get(slug) and others and network in least:
            faster = min(others) / own[slug]
            found.append(Met(f"{network}: {slug}, times as fast", faster, least[network], True))
    changes = {name: ratio for name, ratio in own.items() if name.startswith("to ") and ratio}
    for name, ratio in changes.items():
        found.append(Met(f"{network}: {name}, of a forward", ratio, CHANGED_WITHIN, False))
    for slug in SWEPT[1:]:
        if own.get(f"sweep {slug}"):
            part = own[f"sweep {slug}"] / own["sweep grad-cam"]
            found.append(Met(f"{network}: sweep {slug}, of grad-cam's", part, SWEPT_WITHIN, False))
    return found


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The figures, then the aims."""
    lines = []
    for row in rows:
        head = (
            f"{row['network']} {row['layer']}, bare forward {1000 * row['bare_forward_s']:.1f} ms"
        )
        lines.append(f"{head} (noise {row['bare_noise']:.0%})")
        for name, of in row["contenders"].items():
            for case, ratio in of["ratio"].items():
                told = of["errors"].get(case, "") if ratio is None else f"{ratio:10.3f}"
                noise = of["noise"][case]
                spread = f" (noise {noise:.0%})" if noise is not None else ""
                lines.append(f"  {name:<17} {case:<26} {told}{spread}")
    lines.append("")
    for row in rows:
        for aim in aims(row):
            sign = "at least" if aim.least else "at most"
            verdict = "met" if aim.met else "MISSED"
            lines.append(f"{aim.what:<50} {aim.found:7.3f}  {sign} {aim.bound:g}: {verdict}")
    return "\n".join(lines)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="timed rounds (default 3)")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=LAYERS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--libraries", nargs="*", default=list(LIBRARIES), choices=LIBRARIES, metavar="LIBRARY"
    )
    parts = ("perturbed", "clicks")
    parser.add_argument("--parts", nargs="+", default=list(parts), choices=parts)
    parser.add_argument("--out", type=Path, help="JSON file; default RESULTS/methods-DATE.json")
    return parser.parse_args()


def main() -> None:
    options = parsed()
    # The libraries' own warnings say nothing about their speed.
    warnings.simplefilter("ignore")
    started = datetime.datetime.now(datetime.UTC)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.networks:
            print(f"{name} on {options.device} ...", file=sys.stderr, flush=True)
            it = subject(name, options.device, Path(folder))
            rows.append(compare(it, options.libraries, options.repeats, options.parts))
            it.weights.unlink()
    result = described("methods", started, repeats=options.repeats, results=rows)
    out = write(result, started, options.out, "methods-")
    print(table(rows))
    print(f"\nWritten to {out}", file=sys.stderr)


if __name__ == "__main__":
    main()
