"""The record that every opener returns: the network, and the metadata of its files."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from engine.records.images import Preprocessing
from engine.records.models import OutputForm

SIZE_NAMES = ("image_size", "img_size", "input_size", "input_resolution", "in_size", "resolution")
"""Arguments that say for which input size a network is built."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network with its weights loaded, on the CPU, before its input and output are determined.

    source: name of the architecture or class. title: for headings. weights: the weights file,
    weights_sha256 its checksum ('' if there is none).
    preprocessing: from the files, None if they do not specify it. preprocessing_origin: its source
    ('torchvision metadata', 'config of the folder'). input_size: (height, width), if the files
    fix it; channels: number of input channels, if the files fix it. classes: in the order of
    the logits, () if unnamed; classes_sure: whether their number is known to be the network's.
    notices: for the user. output: which part of the return value to explain, and how to read it,
    if the files say so. assumption: a notice for the user if the preprocessing is only assumed,
    else ''. other_weights: other networks in the weights file, by their keys.
    made_with: the arguments of the class or function of a Python file, as (name, Python literal);
    None for any other network, and where one of them is no literal.
    """

    module: nn.Module
    source: str
    title: str
    weights: str = ""
    weights_sha256: str = ""
    preprocessing: Preprocessing | None = None
    preprocessing_origin: str = ""
    input_size: tuple[int, int] | None = None
    channels: int | None = None
    classes: tuple[str, ...] = ()
    classes_origin: str = ""
    classes_sure: bool = True
    notices: tuple[str, ...] = ()
    output: OutputForm | None = None
    assumption: str = ""
    other_weights: tuple[str, ...] = ()
    made_with: tuple[tuple[str, str], ...] | None = None
