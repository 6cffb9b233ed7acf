"""What Finer-CAM explains in place of a class's logit: plain arithmetic, without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from engine.errors import MethodError
from engine.records.options import Value

Coefficients = tuple[tuple[int, float], ...]


def coefficients(
    logits: Sequence[float], target: int, options: Mapping[str, Value]
) -> Coefficients:
    """The (class, coefficient) pairs of y_c - strength * (mean of the logits of similar classes).

    Zhang et al. 2025 (arXiv 2501.11309). The similar classes are those whose logits come nearest to
    the class's own, as many as the option references says, or as there are. The mean is, by the
    option of that name, weighted by their probabilities (their softmax, taken as constant) with
    alpha as the strength, as in the authors' code; or plain with gamma, as in torchcam.

    Raises MethodError for a network of one class.
    """
    others = [index for index in range(len(logits)) if index != target]
    if not others:
        raise MethodError(
            "finer-cam compares classes, and this network's output is one number; choose another "
            "method"
        )
    others.sort(key=lambda index: abs(logits[index] - logits[target]))
    near = others[: int(options["references"])]
    if options["mean"] == "weighted":
        strength = float(options["alpha"])
        highest = max(logits[index] for index in near)
        weights = [math.exp(logits[index] - highest) for index in near]
    else:
        strength = float(options["gamma"])
        weights = [1.0] * len(near)
    total = sum(weights)
    parts = zip(near, weights, strict=True)
    return ((target, 1.0), *((index, -strength * weight / total) for index, weight in parts))
