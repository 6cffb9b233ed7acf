"""What every way of opening a model ends in: the network, and what its files said about it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from engine.records.images import Preprocessing
from engine.records.models import OutputForm


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network with its weights loaded, on the CPU, before its input and output are known.

    source: name of the architecture or of the class. title: for headings. weights: the weights
    file, weights_sha256 its checksum ('' where there is none).
    preprocessing: as the files say, None where they do not. preprocessing_origin: what said so
    ('torchvision metadata', 'config of the folder'). input_size: (height, width) where the files
    fix it; channels: how many the pictures have, where they fix that. classes: in the order of
    the logits, () where nothing names them. notices: what the user should know. output: which
    part of what it returns is meant, and as what, where the files say so. assumption: where the
    preprocessing is only assumed, what the user should know of that; '' where it is not.
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
    notices: tuple[str, ...] = ()
    output: OutputForm | None = None
    assumption: str = ""
