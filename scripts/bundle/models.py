"""Model files for the check of the packaged program: one of each kind, and what it must refuse."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from engine import paths
from engine.lazy import torchvision
from scripts.screenshots.user_files import star_detector

OPENED: tuple[tuple[str, ...], ...] = (
    ("--model", "demo:shortcut"),
    ("--model", "demo:photos"),
    ("--model", "resnet18.safetensors"),
    ("--model", "resnet18.pth"),
    ("--model", "vit.pth"),
    ("--model", "swin.pth"),
    ("--model", "star_detector.py", "--trust"),
    ("--model", "exported.pt2", "--trust"),
    ("--model", "whole.pt", "--trust"),
)
"""What follows 'explain' for each kind of model; the files are made by make_all."""

IMPORTED = (
    *("collections", "statistics", "dataclasses", "xml.etree.ElementTree", "sqlite3", "csv"),
    *("concurrent.futures", "multiprocessing.pool", "asyncio", "unittest.mock", "logging.config"),
    *("torch.hub", "torch.utils.data", "torch.utils.checkpoint", "torch.optim.lr_scheduler"),
    *("torch.distributed", "torch.distributed.fsdp", "torch.nn.parallel", "torch._inductor"),
    *("torch._inductor.compile_fx", "torch._dynamo", "torch.export", "torch.fx", "torch.jit"),
    *("torch.ao.quantization", "torch.autograd.gradcheck", "torch.profiler", "torch.func"),
    *("torch.nn.attention.flex_attention", "torch.sparse", "torch.library", "torch.amp"),
    *("torch.utils.flop_counter", "torch.testing", "torch.distributions", "torch.special"),
    *("torchvision.models.detection", "torchvision.transforms.v2", "torchvision.ops"),
    *("torchvision.datasets", "torchvision.io", "torchvision.utils"),
    *("numpy.linalg", "numpy.fft", "numpy.random", "numpy.ma", "numpy.polynomial"),
    *("PIL.ImageFilter", "PIL.ImageDraw", "PIL.ImageFont", "cv2", "safetensors.torch"),
)
"""Modules that a network's own file may ask for."""

_IMPORTER = """
import importlib
import torch
from torch import nn

failed = {{}}
for name in {names!r}:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = repr(error)
if failed:
    raise RuntimeError(f"not importable: {{failed}}")


@torch.jit.script
def scripted(x: torch.Tensor) -> torch.Tensor:
    return x * 2


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(3, 8, 3)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(scripted(self.features(x)).mean((2, 3)))


torch.compile(Network(), backend="eager")(torch.zeros(1, 3, 16, 16))
torch.export.export(Network(), (torch.zeros(1, 3, 16, 16),))
"""
IMPORTS = ("--model", "imports.py", "--trust", "--weights", "imports.pth")

REFUSED: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("--model", "needy.py", "--trust"), ("'einops'", paths.NOT_INCLUDED, "from source")),
    (("--model", "network.onnx"), (paths.NOT_INCLUDED, "requirements-extras.txt")),
    (("--model", "hf"), (paths.NOT_INCLUDED, "requirements-extras.txt")),
)
"""What follows 'explain', and words of the one line that answers."""

CUDA_BUILT = ("_C.so", "image.so")
"""Libraries of torchvision that a CPU build of torch cannot load, and that nothing here needs."""


class _Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True))
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(x).mean((2, 3)))


def make_all(folder: Path) -> None:
    """Write every file that OPENED, IMPORTS and REFUSED name into a folder."""
    from safetensors.torch import save_file

    torch.manual_seed(0)
    library = torchvision.load().models
    resnet = library.resnet18(num_classes=5).state_dict()
    torch.save(resnet, folder / "resnet18.pth")
    save_file(resnet, folder / "resnet18.safetensors")
    vit = library.vit_b_32()
    nn.init.normal_(vit.heads.head.weight)
    torch.save(vit.state_dict(), folder / "vit.pth")
    torch.save(library.swin_t().state_dict(), folder / "swin.pth")
    torch.save(library.resnet18(num_classes=5), folder / "whole.pt")
    star_detector(folder)
    example = (torch.zeros(1, 3, 64, 64),)
    torch.export.save(torch.export.export(_Small().eval(), example), folder / "exported.pt2")
    (folder / "imports.py").write_text(_IMPORTER.format(names=IMPORTED), encoding="utf-8")
    layers = {"features": nn.Conv2d(3, 8, 3), "head": nn.Linear(8, 3)}
    torch.save(nn.ModuleDict(layers).state_dict(), folder / "imports.pth")
    (folder / "needy.py").write_text("import einops\n", encoding="utf-8")
    # The beginning of an ONNX file as its writer 'pytorch' leaves it.
    (folder / "network.onnx").write_bytes(b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:\x00")
    (folder / "hf").mkdir()
    config = {"model_type": "vit", "architectures": ["ViTForImageClassification"]}
    (folder / "hf" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file({"w": torch.zeros(1)}, folder / "hf" / "model.safetensors")
