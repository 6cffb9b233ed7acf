"""The option fuse: one map of those of several layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from engine.errors import LayerError
from engine.explain.maps import RawMap
from engine.records.explanations import FloatMap


def fused(maps: Sequence[tuple[str, RawMap]], by: str) -> RawMap:
    """The mean, maximum or product ('mean', 'max', 'product') of the maps of named layers.

    Each map is divided by its largest magnitude, since maps of different layers have no common
    unit, and enlarged linearly to the finest grid: the most rows and the most columns of any. The
    mean is signed. Maximum and product take the positive parts, since two negative values must not
    make a positive product. A map that is zero stays zero, and is named. From -1 to 1.

    Not linear in what is explained, whatever the maps are. Raises LayerError for a layer whose map
    is not finite.
    """
    for name, raw in maps:
        if not np.isfinite(raw.map).all():
            raise LayerError(
                f"the map of layer '{name}' is not finite (NaN or infinity); leave that layer out"
            )
    rows, columns = (max(raw.map.shape[axis] for _, raw in maps) for axis in (0, 1))
    scaled = np.stack([_enlarged(_scaled(raw.map), (rows, columns)) for _, raw in maps])
    if by == "mean":
        found = scaled.mean(axis=0)
    else:
        positive = np.maximum(scaled, 0.0)
        found = positive.max(axis=0) if by == "max" else positive.prod(axis=0)
    return RawMap(
        found.astype(np.float32),
        any(raw.anything for _, raw in maps),
        _said(maps),
        sum(raw.seconds for _, raw in maps),
    )


def _scaled(map: FloatMap) -> NDArray[np.float64]:
    values = map.astype(np.float64)
    largest = np.abs(values).max(initial=0.0)
    return values / largest if largest > 0 else values


def _enlarged(values: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    if values.shape == size:
        return values
    tensor = torch.from_numpy(values)[None, None]
    fine = functional.interpolate(tensor, size=size, mode="bilinear", align_corners=False)
    return np.asarray(fine[0, 0].numpy())


def _said(maps: Sequence[tuple[str, RawMap]]) -> tuple[str, ...]:
    """What there is to say of each layer, and which have nothing to add."""
    said = [f"{name}: {text}" for name, raw in maps for text in raw.sentences]
    empty = [name for name, raw in maps if not raw.map.any()]
    if empty and len(empty) < len(maps):
        said.append(f"The map is zero in {', '.join(empty)}.")
    return tuple(said)
