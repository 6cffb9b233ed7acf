"""Small honest model files of every kind that opens, class lists and profiles, to be damaged."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from engine.lazy import extras, torchvision
from engine.profiles import store
from engine.profiles.format import ModelProfile
from engine.records.images import Preprocessing
from engine.records.models import Layout, OutputForm, Scores

NAMES = ("cat", "dog", "cow", "hen")


def own() -> nn.Module:
    """A network of four classes that is made of plain layers."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    ).eval()


def _published() -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = torchvision.load().models.shufflenet_v2_x0_5(weights=None, num_classes=4)
    return network.eval()


def _torch_files(folder: Path) -> None:
    network, state = own(), _published().state_dict()
    old = {"_use_new_zipfile_serialization": False}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    network(torch.zeros(1, 3, 16, 16)).sum().backward()
    optimizer.step()
    network.zero_grad(set_to_none=True)
    checkpoint = {"epoch": 3, "model": state, "optimizer": optimizer.state_dict(), "best": 0.5}
    torch.save(state, folder / "state.pth")
    torch.save(state, folder / "state protocol 3.pt", pickle_protocol=3)
    torch.save(state, folder / "state protocol 5.bin", pickle_protocol=5)
    torch.save(state, folder / "state legacy.pth", **old)
    torch.save(state, folder / "state legacy protocol 4.pt", pickle_protocol=4, **old)
    torch.save(checkpoint, folder / "checkpoint.ckpt")
    torch.save(network, folder / "whole.pt")
    torch.save(network, folder / "whole protocol 4.pt", pickle_protocol=4)
    torch.save(network, folder / "whole legacy.pth", **old)
    torch.save({"net": nn.DataParallel(network), "epoch": 1}, folder / "whole wrapped.pt")
    torch.save(_published(), folder / "whole published.pt")
    save_file(state, folder / "tensors.safetensors", {"format": "pt"})
    exported = torch.export.export(network, (torch.zeros(1, 3, 16, 16),))
    torch.export.save(exported, folder / "exported.pt2")


def _lists(folder: Path) -> None:
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in NAMES))
    rows = "".join(f"{index},{name}\n" for index, name in enumerate(NAMES))
    (folder / "names.csv").write_text(f"index,name\n{rows}")
    (folder / "names.json").write_text(json.dumps({"id2label": dict(enumerate(NAMES))}))
    (folder / "list.json").write_text(json.dumps(NAMES))
    how = Preprocessing(resize=20, crop=(16, 16), mean=(0.5,) * 3, std=(0.2,) * 3)
    profile = ModelProfile(
        *(how, "somebody", OutputForm("", Scores.CLASSES, ""), NAMES, "names.txt"),
        layouts={"0": Layout.CHANNELS_FIRST},
        title="a network",
        arguments=(("classes", "4"),),
    )
    store.export(folder / f"profile{store.SUFFIX}", profile)


def _described(folder: Path) -> None:
    """Folders of Hugging Face and timm, and ONNX, where their packages are installed."""
    from tests.engine import hf_folders, onnx_files

    # They leave a thread behind that watches them.
    hf_folders.transformers.utils.logging.disable_progress_bar()
    for name, options in (("vit", {}), ("vit bin", {}), ("vit shards", {"max_shard_size": 20_000})):
        module = hf_folders.vit(num_hidden_layers=1)
        processor = hf_folders.PROCESSORS["exact size"]()
        hf_folders.folder_of(module, processor, folder / name, **options)
    weights = folder / "vit bin" / "model.safetensors"
    torch.save(
        hf_folders.vit(num_hidden_layers=1).state_dict(), weights.with_name("pytorch_model.bin")
    )
    weights.unlink()
    hf_folders.folder_of(hf_folders.resnet(), None, folder / "resnet")
    torch.manual_seed(0)
    timm = extras.load("timm", "timm")
    module = timm.create_model("test_resnet", num_classes=4).eval()
    (folder / "timm").mkdir()
    save_file(module.state_dict(), folder / "timm" / "model.safetensors")
    config: dict[str, Any] = {
        "architecture": "test_resnet",
        "num_classes": 4,
        "model_args": {"drop_rate": 0.1},
        "pretrained_cfg": {"input_size": [3, 64, 64], "crop_pct": 0.9, "classifier": "fc"}
        | {"label_names": list(NAMES), "mean": [0.5] * 3, "std": [0.5] * 3, "first_conv": "conv1"},
    }
    (folder / "timm" / "config.json").write_text(json.dumps(config))
    onnx_files.small(folder / "graph.onnx")
    onnx_files.small(folder / "graph 18.onnx", ("n", 3, 32, 32), opset=18)


def models(folder: Path, described: bool = True) -> list[Path]:
    """Files and folders of models, class lists and profiles, made below a folder.

    described: those too that a description makes, where their packages are installed.
    """
    makers: list[Callable[[Path], None]] = [_torch_files, _lists]
    if described and all(extras.installed(name) for name in ("timm", "transformers", "onnx")):
        makers.append(_described)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for make in makers:
            make(folder)
    return sorted(folder.iterdir())
