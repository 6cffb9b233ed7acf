"""Recognises classifiers whose last layer was moved into or out of a Sequential for fine-tuning.

Fine-tuning often replaces fc by Sequential(Dropout, Linear), or a Sequential by a Linear. The
tensors then have the same shapes, and only the name of the last layer differs.
"""

from __future__ import annotations

from collections.abc import Mapping

Shape = tuple[int, ...]


def moved_head(wanted: Mapping[str, Shape], given: Mapping[str, Shape]) -> dict[str, str]:
    """A mapping from the file's keys to the architecture's keys for a renamed last layer.

    wanted: the keys and shapes of an architecture; given: those of a state dict. {} unless the
    keys differ only in the weight and bias of a linear layer that replaces the architecture's last
    one, with the same number of inputs. Heads of several linear layers are not recognised, since
    the layers between them are not stored in the file.
    """
    ours, theirs = _layer(wanted.keys() - given.keys()), _layer(given.keys() - wanted.keys())
    if not ours or not theirs or not _in_its_place(ours, theirs, wanted):
        return {}
    old, new = wanted[f"{ours}.weight"], given[f"{theirs}.weight"]
    if len(old) != 2 or len(new) != 2 or old[1] != new[1] or given[f"{theirs}.bias"] != new[:1]:
        return {}
    return {f"{theirs}.{part}": f"{ours}.{part}" for part in ("weight", "bias")}


def _layer(keys: set[str]) -> str:
    """The name of the layer if the keys are exactly its weight and bias; else ''."""
    names = {key.rpartition(".")[0] for key in keys}
    parts = {key.rpartition(".")[2] for key in keys}
    return names.pop() if len(names) == 1 and parts == {"weight", "bias"} else ""


def _in_its_place(ours: str, theirs: str, wanted: Mapping[str, Shape]) -> bool:
    if theirs.startswith(f"{ours}."):
        return True
    # Among other layers with weights, its position would be ambiguous.
    top = ours.partition(".")[0]
    alone = all(key.rpartition(".")[0] == ours for key in wanted if key.startswith(f"{top}."))
    return alone and (theirs == top or theirs.startswith(f"{top}."))
