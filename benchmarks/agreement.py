"""Each method's map beside those of the libraries that have it: the same, or how far apart.

    .venv-bench/bin/python benchmarks/agreement.py [--out FILE]

Maps are compared before they are enlarged or scaled to colours, both divided by their largest
magnitude; where a library applies a ReLU, both have it. The networks: demo:shapes, trained, at its
last stage and at a convolution whose output has both signs; resnet18 and a small ViT of torchvision
with seeded random weights; and a network that calls functional.relu. What is expected is in CASES;
tests/benchmarks/test_agreement.py holds it. Results go to benchmarks/results/agreement.json and, as
a table for docs/methods.md, to the terminal.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import engine
from benchmarks.library_maps import (
    Map,
    Maps,
    captum,
    guided_of_pytorch_grad_cam,
    pytorch_grad_cam,
    smoothed_by_pytorch_grad_cam,
    smoothgrad_of_captum,
    torchcam,
)
from benchmarks.scenes import scene
from benchmarks.subjects import TARGET, build, picture
from benchmarks.timing import FAILURES
from benchmarks.written import RESULTS
from engine.images.preprocessing import prepare
from engine.lazy import torchvision
from engine.methods.registry import find
from engine.records.images import LoadedImage, Preprocessing

SAME = 1e-4
"""Largest difference of two maps of peak 1 that counts as the same."""

PGC, TC, CAPTUM = "pytorch-grad-cam", "torch-cam", "captum"


@dataclass(frozen=True, slots=True)
class Subject:
    """A network, an image, the layer that is explained and the class."""

    model: engine.Model
    image: LoadedImage
    layer: str
    target: int

    @property
    def tensor(self) -> Tensor:
        return prepare(self.image, self.model.preprocessing).tensor


@dataclass(frozen=True, slots=True)
class Case:
    """One method beside one library on some subjects.

    why: what the library does differently; '' where the maps have to be the same. options: ours.
    relu: whether the library's map has none of the negative values. sign: it leaves the sign to
    chance, so that the nearer one is taken. layer: in place of the subject's own. option: of the
    method, if it is what is compared.
    """

    method: str
    library: str
    maps: Maps
    subjects: tuple[str, ...]
    why: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    relu: bool = False
    sign: bool = False
    layer: str = ""
    option: str = ""

    @property
    def name(self) -> str:
        """The method, with the option that is compared."""
        return f"{self.method}, {self.option}" if self.option else self.method


class Functional(nn.Module):
    """Convolutions with functional.relu, a mean over space and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 12, 5, stride=2)
        self.second = nn.Conv2d(12, 16, 3)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Any:
        x = functional.relu(self.second(functional.relu(self.first(x))))
        return self.head(x.mean((2, 3)))


def _trained(layer: str) -> Subject:
    model, at = engine.load_model("demo:shapes", device="cpu"), scene(0)
    return Subject(model, at.image, layer, model.classes.index(at.label))


def _seeded(module: nn.Module, side: int, layer: str, target: int) -> Subject:
    how = Preprocessing(resize=side, crop=(side, side), mean=(0.5,) * 3, std=(0.25,) * 3)
    return Subject(engine.Model(module.eval(), preprocessing=how), picture(), layer, target)


def _functional() -> Subject:
    torch.manual_seed(0)
    return _seeded(Functional(), 64, "second", 1)


def _vit() -> Subject:
    torch.manual_seed(0)
    kind = torchvision.load().models.VisionTransformer
    vit = kind(64, 16, num_layers=3, num_heads=2, hidden_dim=24, mlp_dim=48, num_classes=5)
    # Otherwise its head is zero, and every map with it.
    nn.init.normal_(vit.heads.head.weight)
    return _seeded(vit, 64, "encoder.layers.encoder_layer_2.ln_1", 2)


SUBJECTS = {
    "shapes": lambda: _trained("layer4"),
    "shapes, both signs": lambda: _trained("layer4.0.conv1"),
    "resnet18": lambda: _seeded(build("resnet18"), 224, "layer4", TARGET),
    "functional": _functional,
    "vit": _vit,
}
LAST = ("shapes", "resnet18")
BOTH = ("shapes", "shapes, both signs")
WIDE = (*BOTH, "resnet18")
SIGNED = ("shapes, both signs",)
TRAINED = ("shapes",)

_SOFTMAX = "a softmax over channels, and of logits instead of probabilities"
_CENTRED = "centres the cells; the sign is left to chance (here the nearer one)"
_PLAIN = "returns the plain gradient where functional.relu is called"

CASES: tuple[Case, ...] = (
    Case("grad-cam", PGC, pytorch_grad_cam("GradCAM"), WIDE),
    Case("grad-cam", TC, torchcam("GradCAM"), WIDE, relu=True),
    Case("grad-cam", CAPTUM, captum("LayerGradCam", layered=True), WIDE),
    Case(
        "grad-cam",
        PGC,
        smoothed_by_pytorch_grad_cam(copies=True),
        BOTH,
        options={"augment": True},
        option="augment",
    ),
    Case(
        "grad-cam",
        PGC,
        smoothed_by_pytorch_grad_cam(eigen=True),
        BOTH,
        _CENTRED,
        options={"eigen": True},
        sign=True,
        option="eigen",
    ),
    Case("hirescam", PGC, pytorch_grad_cam("HiResCAM"), WIDE),
    Case("layercam", PGC, pytorch_grad_cam("LayerCAM"), WIDE),
    Case("layercam", TC, torchcam("LayerCAM"), WIDE, relu=True),
    Case("grad-cam-elementwise", PGC, pytorch_grad_cam("GradCAMElementWise"), WIDE),
    Case("xgrad-cam", PGC, pytorch_grad_cam("XGradCAM"), WIDE),
    Case("xgrad-cam", TC, torchcam("XGradCAM"), WIDE, relu=True),
    Case(
        "grad-cam++",
        PGC,
        pytorch_grad_cam("GradCAMPlusPlus"),
        WIDE,
        "adds 1e-6 to the divisor, which is no larger itself",
    ),
    Case(
        "grad-cam++",
        TC,
        torchcam("GradCAMpp"),
        WIDE,
        "divides a copy, so that the sum of relu(G)^3 remains",
        relu=True,
    ),
    Case(
        "smooth-grad-cam++",
        TC,
        torchcam("SmoothGradCAMpp", std=1e-9),
        TRAINED,
        "(without noise) adds 1e-8 to the divisor, which is hardly larger itself",
        options={"sigma": 0.0},
        relu=True,
    ),
    Case(
        "smooth-grad-cam++",
        TC,
        torchcam("SmoothGradCAMpp", sigma=0.05),
        TRAINED,
        "(the same noise) multiplies with the last noisy activation, and weighs by its gradient",
        options={"n": 4, "sigma": 0.05},
        relu=True,
    ),
    Case(
        "finer-cam",
        PGC,
        pytorch_grad_cam("FinerCAM"),
        BOTH,
        "derives the probabilities that are to weigh the similar classes, too",
    ),
    Case("finer-cam", TC, torchcam("FinerCAM"), BOTH, options={"mean": "plain"}, relu=True),
    Case("shapleycam", PGC, pytorch_grad_cam("ShapleyCAM"), BOTH),
    Case(
        "refine-cam",
        TC,
        torchcam("RefineCAM", layers=["layer3", "layer4"], base_method="LayerCAM"),
        ("resnet18",),
        "scales each map from its smallest value instead of from zero",
        options={"base": "layercam"},
        layer="layer3",
    ),
    Case("cam", TC, torchcam("CAM", fc_layer="fc"), LAST),
    Case("eigen-cam", PGC, pytorch_grad_cam("EigenCAM"), BOTH, _CENTRED, sign=True),
    Case("eigengrad-cam", PGC, pytorch_grad_cam("EigenGradCAM"), BOTH, _CENTRED, sign=True),
    Case("kpca-cam", PGC, pytorch_grad_cam("KPCA_CAM"), BOTH, sign=True),
    Case(
        "fem",
        PGC,
        pytorch_grad_cam("FEM"),
        BOTH,
        "weighs the whole channel by the share of its high cells",
    ),
    Case("score-cam", PGC, pytorch_grad_cam("ScoreCAM"), TRAINED, _SOFTMAX),
    Case("score-cam", TC, torchcam("ScoreCAM"), TRAINED, _SOFTMAX, relu=True),
    Case(
        "ss-cam",
        TC,
        torchcam("SSCAM", num_samples=10),
        TRAINED,
        "noise of deviation 2 on masks from 0 to 1; a softmax of logits",
        relu=True,
    ),
    Case(
        "is-cam",
        TC,
        torchcam("ISCAM"),
        TRAINED,
        "masks that grow to 5.5 times the image; a softmax of logits",
        relu=True,
    ),
    Case("ablation-cam", PGC, pytorch_grad_cam("AblationCAM"), TRAINED),
    Case(
        "ablation-cam",
        PGC,
        pytorch_grad_cam("AblationCAM"),
        SIGNED,
        "puts channels 1e7 below the smallest value instead of to zero",
    ),
    Case("saliency", CAPTUM, captum("Saliency", absolute=True), LAST),
    Case("grad-x-input", CAPTUM, captum("InputXGradient"), LAST),
    Case(
        "smoothgrad",
        CAPTUM,
        smoothgrad_of_captum(absolute=True),
        TRAINED,
        "averages absolute values, in which noise does not cancel out",
    ),
    Case("smoothgrad", CAPTUM, smoothgrad_of_captum(absolute=False), TRAINED),
    Case(
        "integrated-gradients",
        CAPTUM,
        captum("IntegratedGradients", {"n_steps": 64, "method": "riemann_middle"}),
        TRAINED,
    ),
    Case(
        "integrated-gradients",
        CAPTUM,
        captum("IntegratedGradients", {"n_steps": 64}),
        TRAINED,
        "(its default) other steps, those of Gauss and Legendre: as good",
    ),
    Case("guided-backprop", PGC, guided_of_pytorch_grad_cam, TRAINED),
    Case("guided-backprop", CAPTUM, captum("GuidedBackprop"), TRAINED),
    Case("guided-backprop", PGC, guided_of_pytorch_grad_cam, ("functional",), _PLAIN),
    Case("guided-backprop", CAPTUM, captum("GuidedBackprop"), ("functional",), _PLAIN),
    Case(
        "guided-grad-cam",
        CAPTUM,
        captum("GuidedGradCam", {"interpolate_mode": "bilinear"}, layered=True),
        TRAINED,
    ),
    Case(
        "guided-grad-cam",
        CAPTUM,
        captum("GuidedGradCam", layered=True),
        TRAINED,
        "(its default) does not interpolate the map of the layer",
    ),
    Case(
        "fullgrad",
        PGC,
        pytorch_grad_cam("FullGrad"),
        TRAINED,
        "scales each channel by itself, before the sum",
    ),
    Case(
        "occlusion",
        CAPTUM,
        captum("Occlusion", {"sliding_window_shapes": (3, 16, 16), "strides": (3, 8, 8)}),
        TRAINED,
    ),
    Case(
        "legrad",
        TC,
        torchcam("LeGrad", layers=[f"encoder.layers.encoder_layer_{n}" for n in range(3)]),
        ("vit",),
    ),
)


def ours(it: Subject, case: Case) -> Map:
    with engine.Session(it.model, it.image) as session:
        layer = (case.layer or it.layer) if find(case.method).layered else None
        return session.explain(layer, it.target, method=case.method, options=case.options).map


def scaled(found: Map) -> Map:
    largest = float(np.abs(found).max()) or 1.0
    return found.astype(np.float64) / largest


def compared(own: Map, other: Map, case: Case) -> dict[str, Any]:
    """Largest difference of the maps of peak 1; their correlation, None if one is constant."""
    if own.shape != other.shape:
        return {"error": f"shapes {own.shape} and {other.shape}"}
    if case.relu:
        own, other = np.maximum(own, 0), np.maximum(other, 0)
    signs = (1, -1) if case.sign else (1,)
    mine = scaled(own)
    apart = min(float(np.abs(mine - sign * scaled(other)).max()) for sign in signs)
    correlation = None
    if np.ptp(own) > 0 and np.ptp(other) > 0:
        correlation = float(np.corrcoef(own.ravel(), other.ravel())[0, 1])
        correlation = abs(correlation) if case.sign else correlation
    return {"apart": apart, "correlation": correlation}


def measure(wanted: Sequence[str]) -> list[dict[str, Any]]:
    made: dict[str, Subject] = {}
    rows = []
    for case in CASES:
        if wanted and case.method not in wanted:
            continue
        for name in case.subjects:
            it = made.setdefault(name, SUBJECTS[name]())
            it.model.module.eval()
            row = {"method": case.name, "library": case.library, "network": name}
            try:
                other = case.maps(it.model.module, it.tensor, case.layer or it.layer, it.target)
                found = compared(ours(it, case), other, case)
            except FAILURES as error:
                found = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
            rows.append(row | {"why": case.why} | found)
    return rows


def figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Two tables for docs/methods.md: what is the same, and what is not, and why."""
    same: dict[str, list[str]] = {}
    for row in rows:
        if not row["why"]:
            same.setdefault(row["method"], [])
            if row["library"] not in same[row["method"]]:
                same[row["method"]].append(row["library"])
    lines = ["| method | the same map in |", "|---|---|"]
    lines += [f"| `{method}` | {', '.join(names)} |" for method, names in same.items()]
    lines += [
        "",
        "| method | library | network | apart by | correlation | what the library does |",
        "|---|---|---|--:|--:|---|",
    ]
    for row in rows:
        if row["why"]:
            cells = [f"`{row['method']}`", row["library"], row["network"], figure(row["apart"])]
            cells += [figure(row["correlation"]), row["why"]]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=[])
    parser.add_argument("--out", type=Path, default=RESULTS / "agreement.json")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torchvision.load()  # the libraries import torchvision by themselves
    rows = measure(options.methods)
    options.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if not any("error" in row for row in rows):
        print(table(rows))


if __name__ == "__main__":
    main()
