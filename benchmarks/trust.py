"""Figures of trust beside published implementations, where these are right.

    .venv-bench/bin/python benchmarks/trust.py [--out FILE]

pytorch-grad-cam solves the sparse system of Rong et al. 2022 at once, with scipy and in double
precision; engine/metrics/imputing solves it by conjugate gradients. Compared are seeded scenes of
the demo, of which blocks or single pixels are hidden, without noise: the largest difference of any
pixel, as a part of the image's range, and the seconds of both.

torch-cam's areas under the deletion and the insertion curve are of single pixels, and its ties are
broken in the order of the rows: compared is a map of single pixels without ties, with the means of
the channels as the filling, and logits. Results go to benchmarks/results/trust.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import torch

import engine
from benchmarks.scenes import MODEL, scene
from benchmarks.written import RESULTS
from engine.images.preprocessing import prepare
from engine.lazy import torchvision
from engine.metrics.imputing import imputed
from engine.metrics.orders import area
from engine.metrics.running import measure
from engine.records.workbench.trust import Fill, TrustSettings

SHARES = (0.1, 0.5, 0.9)
KINDS = ("cells of 8 pixels", "single pixels")


def known(kind: str, share: float, side: int, seed: int) -> torch.Tensor:
    """(side, side): which pixels are left."""
    rng = np.random.default_rng(seed)
    if kind == KINDS[1]:
        return torch.from_numpy(rng.random((side, side)) >= share)
    cells = rng.permutation((side // 8) ** 2).reshape(side // 8, -1)
    left = cells >= round(share * cells.size)
    return torch.from_numpy(left.repeat(8, axis=0).repeat(8, axis=1))


def imputation(number: int, kind: str, share: float) -> dict[str, Any]:
    """One image, with one part hidden."""
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    pixels = scene(number).image.pixels
    image = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255 * 4 - 2
    left = known(kind, share, image.shape[1], number)
    started = time.perf_counter()
    own = imputed(image, left)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    theirs = NoisyLinearImputer(noise=0.0)(image, left.float())
    span = float(image.max() - image.min())
    return {
        "scene": number,
        "hidden": kind,
        "share": share,
        "apart": float((own - theirs).abs().max()) / span,
        "seconds": seconds,
        "their_seconds": time.perf_counter() - started,
    }


class Given:
    """An extractor of torch-cam's kind that returns a map which is there already."""

    def __init__(self, module: torch.nn.Module, map: torch.Tensor) -> None:
        self.model, self._map = module, map

    def __call__(self, _class: object, _scores: object, **_options: object) -> list[torch.Tensor]:
        return [self._map[None]]

    def fuse_cams(self, cams: list[torch.Tensor]) -> torch.Tensor:
        return cams[0]

    def _hooks_off(self) -> AbstractContextManager[None]:
        return nullcontext()


def curves(number: int) -> list[dict[str, Any]]:
    """Deletion and insertion of one scene: the areas under both curves, of both."""
    from torchcam.metrics import DeletionInsertionMetric

    model, at = engine.load_model(MODEL), scene(number)
    settings = TrustSettings(fill=Fill.MEAN, grid=10_000, steps=16)
    with engine.Session(model, at.image, exact=True) as session:
        explanation = session.explain(target=at.label, method="integrated-gradients")
        figures = list(measure(session, explanation, ("deletion", "insertion"), settings))
    metric = DeletionInsertionMetric(
        Given(model.module, torch.from_numpy(explanation.map.copy())),
        steps=settings.steps,
        baseline=lambda x: x.mean(dim=(2, 3), keepdim=True),
    )
    metric.update(prepare(at.image, model.preprocessing).tensor, explanation.target.index)
    theirs = metric.summary()
    found = []
    for figure in figures:
        own = next(one for one in figure.curves if one.axis == "logit")
        other = theirs[f"{figure.name}_auc"]
        found.append(
            {
                "scene": number,
                "figure": figure.name,
                "area": area(own.x, own.y),
                "their_area": other,
                "apart": abs(area(own.x, own.y) - other) / max(map(abs, own.y)),
            }
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS / "trust.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    imputed(torch.rand(3, 32, 32), torch.rand(32, 32) > 0.5)
    torchvision.load()
    areas = [row for n in range(3) for row in curves(n)]
    for row in areas:
        print(f"{row['figure']}: {row['area']:.4f} beside {row['their_area']:.4f}")
    rows = [imputation(n, kind, share) for n in range(3) for kind in KINDS for share in SHARES]
    for row in rows:
        print(
            f"{row['hidden']}, {row['share']:.0%}: {row['apart']:.1e} apart, "
            f"{row['seconds']:.3f} s beside {row['their_seconds']:.3f} s"
        )
    options.out.write_text(
        json.dumps({"imputation": rows, "curves": areas}, indent=2) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
