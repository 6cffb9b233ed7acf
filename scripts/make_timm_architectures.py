"""Writes resources/timm_architectures.json.gz: fingerprints of the networks of the installed timm.

    python scripts/make_timm_architectures.py

To be run when timm is updated; takes about two minutes. The same timm gives the same bytes.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch

from engine.files.atomic import whole_file
from engine.formats.timm import recognition
from engine.formats.torchvision.construction import WithoutRandomValues
from engine.lazy import extras


def networks() -> Iterator[tuple[str, recognition.Place, recognition.Shapes]]:
    timm = extras.load("timm", "timm")
    for name in timm.list_models():
        with torch.device("meta"), WithoutRandomValues():
            network = timm.create_model(name, pretrained=False)
        config = network.pretrained_cfg
        places = _names(config.get("classifier")), _names(config.get("first_conv"))
        shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
        yield name, places, shapes


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def main() -> None:
    started = time.perf_counter()
    warnings.simplefilter("ignore")
    content = recognition.index_of(networks())
    with whole_file(recognition.SHIPPED) as file:
        file.write(content)
    print(f"{len(content) / 1000:.0f} kB, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
