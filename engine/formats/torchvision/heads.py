"""Classifiers whose last layer was put into a Sequential, or taken out of one, to be trained anew.

Fine-tuning often replaces fc by Sequential(Dropout, Linear), or a Sequential by a Linear. The
tensors are the same then, and only the name of the last layer is another.
"""

from __future__ import annotations

from collections.abc import Mapping

Shape = tuple[int, ...]


def moved_head(wanted: Mapping[str, Shape], given: Mapping[str, Shape]) -> dict[str, str]:
    """The new names, by the old ones, of the one linear layer that is called otherwise.

    wanted: the keys and shapes of an architecture; given: those of a state dict. {} unless the
    only difference between the keys is the weight and bias of a linear layer that stands in the
    place of the architecture's last one, with the same number of inputs. Nothing is told of a head
    of several linear layers: what stands between them is not in a file.
    """
    ours, theirs = _layer(wanted.keys() - given.keys()), _layer(given.keys() - wanted.keys())
    if not ours or not theirs or not _in_its_place(ours, theirs, wanted):
        return {}
    old, new = wanted[f"{ours}.weight"], given[f"{theirs}.weight"]
    if len(old) != 2 or len(new) != 2 or old[1] != new[1] or given[f"{theirs}.bias"] != new[:1]:
        return {}
    return {f"{theirs}.{part}": f"{ours}.{part}" for part in ("weight", "bias")}


def _layer(keys: set[str]) -> str:
    """The name of the layer whose weight and bias these are, and nothing else; '' for none."""
    names = {key.rpartition(".")[0] for key in keys}
    parts = {key.rpartition(".")[2] for key in keys}
    return names.pop() if len(names) == 1 and parts == {"weight", "bias"} else ""


def _in_its_place(ours: str, theirs: str, wanted: Mapping[str, Shape]) -> bool:
    if theirs.startswith(f"{ours}."):
        return True
    # Among other layers with weights, it could not be told which of them it follows.
    top = ours.partition(".")[0]
    alone = all(key.rpartition(".")[0] == ours for key in wanted if key.startswith(f"{top}."))
    return alone and (theirs == top or theirs.startswith(f"{top}."))
