"""How many passes a map will take, known before any of them: plain arithmetic, without torch.

shape: (C, h, w) of the layer's output. Each gives forward and backward passes.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.records.options import Value

Counts = tuple[int, int]


def channels(_options: Mapping[str, Value], shape: tuple[int, ...]) -> Counts:
    """Of Score-CAM and Ablation-CAM, at most: constant channels cost nothing."""
    return shape[0], 0


def samples_of_channels(options: Mapping[str, Value], shape: tuple[int, ...]) -> Counts:
    """Of SS-CAM and IS-CAM, at most."""
    return int(options["n"]) * shape[0], 0


def samples(options: Mapping[str, Value], _shape: tuple[int, ...]) -> Counts:
    """Of Smooth Grad-CAM++: beside the noisy images, the image itself."""
    return int(options["n"]) + 1, int(options["n"])
