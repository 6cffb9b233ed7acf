"""timm's networks: their own predictions and preprocessing, from a file or from the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import engine
from engine.formats.timm import models
from engine.formats.timm.config import imagenet_labels
from engine.formats.torchvision import metadata
from engine.loading.load import load_model
from engine.records.images import Channels
from tests.engine.extras_help import (
    check_against,
    fresh,
    no_network,
    package,
    photo,
    pillow,
    without,
)

timm = package("timm")

__all__ = ["no_network"]


def made(name: str, seed: int = 0, **options: Any) -> nn.Module:
    torch.manual_seed(seed)
    module: nn.Module = timm.create_model(name, pretrained=False, **options)
    for parameter in module.parameters():
        if parameter.ndim > 1 and not parameter.detach().any():
            nn.init.normal_(parameter, std=0.02)
    return module.eval()


def saved(module: nn.Module, path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file({k: t.contiguous() for k, t in module.state_dict().items()}, path)
    else:
        torch.save(module.state_dict(), path)
    return path


def own_logits(module: nn.Module) -> Tensor:
    """What timm itself makes of photo(): its transform, then the network."""
    config = timm.data.resolve_model_data_config(module)
    transform = timm.data.create_transform(**config, is_training=False)
    with torch.no_grad():
        logits: Tensor = module(transform(pillow(photo())).unsqueeze(0))
    return logits


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("test_resnet", "layer4"),
        ("test_vit", "blocks.1.norm1"),
        ("test_efficientnet", "conv_head"),
        ("test_convnext", "stages.3"),
    ],
)
def test_predictions_are_timms_own(name: str, layer: str, tmp_path: Path) -> None:
    module = made(name, num_classes=5)
    model = load_model(f"timm:{name}", saved(module, tmp_path / "mine.pth"))
    check_against(model, own_logits(module), layer)
    assert model.info.source == f"timm:{name}"
    assert len(model.classes) == 5


def test_a_name_that_only_timm_has_needs_no_prefix(tmp_path: Path) -> None:
    module = made("test_resnet", num_classes=4)
    model = load_model("test_resnet", saved(module, tmp_path / "mine.safetensors"))
    assert model.info.weights == str(tmp_path / "mine.safetensors")
    assert len(model.info.weights_sha256) == 64


def test_a_weights_file_with_its_architecture_named(tmp_path: Path) -> None:
    module = made("test_resnet", num_classes=4)
    model = load_model(saved(module, tmp_path / "mine.pth"), architecture="timm:test_resnet")
    check_against(model, own_logits(module), "layer4")


def test_a_training_checkpoint_of_a_wrapped_network(tmp_path: Path) -> None:
    module = made("test_resnet", num_classes=4)
    state = {f"module.{key}": tensor for key, tensor in module.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state, "optimizer": {"state": {}}}, tmp_path / "c.pth")
    network = models.network_of("timm:test_resnet", tmp_path / "c.pth")
    x = torch.rand(1, 3, 160, 160)
    assert torch.equal(network.module(x), module(x))


def test_channels_and_size_are_those_of_the_file(tmp_path: Path) -> None:
    grey = saved(made("test_convnext", in_chans=1, num_classes=3), tmp_path / "grey.pth")
    network = models.network_of("timm:test_convnext", grey)
    assert network.preprocessing is not None
    assert network.channels == 1
    assert network.preprocessing.channels is Channels.GREY
    assert len(network.preprocessing.mean) == 1
    large = saved(made("test_vit", img_size=192, num_classes=3), tmp_path / "large.pth")
    network = models.network_of("timm:test_vit", large)
    assert network.preprocessing is not None
    assert network.input_size == network.preprocessing.crop == (192, 192)


def test_what_a_file_does_not_say_is_called_assumed(tmp_path: Path) -> None:
    path = saved(made("test_resnet", num_classes=1000), tmp_path / "mine.pth")
    network = models.network_of("timm:test_resnet", path)
    assert network.preprocessing_origin == network.classes_origin == "assumed"
    assert "mine.pth does not specify its preprocessing" in network.assumption
    path = saved(made("test_resnet", num_classes=7), tmp_path / "seven.pth")
    assert models.network_of("timm:test_resnet", path).classes == ()


def test_older_keys_are_read_as_timm_reads_them(tmp_path: Path) -> None:
    """Some published vision transformers keep their patch embedding as a matrix."""
    module = made("test_vit", num_classes=3)
    state = dict(module.state_dict())
    state["patch_embed.proj.weight"] = state["patch_embed.proj.weight"].flatten(1)
    torch.save(state, tmp_path / "old.pth")
    network = models.network_of("timm:test_vit", tmp_path / "old.pth")
    x = torch.rand(1, 3, 160, 160)
    assert torch.equal(network.module(x), module(x))


def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: nn.Module, name: str) -> None:
    """The folder that huggingface_hub would have made of a download."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "hub" / f"models--timm--{name}"
    commit = "0" * 40
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit, encoding="ascii")
    (folder / "snapshots" / commit).mkdir(parents=True)
    saved(module, folder / "snapshots" / commit / "model.safetensors")


def test_published_weights_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: list[object]
) -> None:
    module = made("test_vit")
    cached(tmp_path, monkeypatch, module, "test_vit.r160_in1k")
    model = load_model("timm:test_vit")
    check_against(model, own_logits(module), "blocks.1.norm1")
    assert model.info.weights == "test_vit.r160_in1k"
    assert model.info.preprocessing_origin == "timm"
    assert model.info.notices == ()
    assert model.classes[0] == "tench"
    assert no_network == []


def test_weights_that_are_not_here(no_network: list[object]) -> None:
    with pytest.raises(engine.ModelError, match=r"hf download timm/test_resnet.r160_in1k'"):
        load_model("timm:test_resnet")
    with pytest.raises(engine.ModelError, match=r"put gcvit_tiny_224_nvidia-.*\.pth into"):
        load_model("timm:gcvit_tiny")
    with pytest.raises(engine.ModelError, match="no published weights"):
        load_model(f"timm:{_without_weights()}")
    assert no_network == []


def _without_weights() -> str:
    published = {name.partition(".")[0] for name in timm.list_pretrained()}
    return next(name for name in timm.list_models() if name not in published)


def test_a_download_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(engine.ModelError, match="could not be downloaded"):
        models.network_of("timm:test_resnet", download=True)


def test_names_that_timm_does_not_have() -> None:
    assert models.knows("timm:resnet18.a1_in1k")
    assert models.knows("convnext_atto")
    assert not models.knows("resnet_18")
    with pytest.raises(engine.ModelError, match=r"timm has no network 'resnet_18'.*resnet18"):
        load_model("timm:resnet_18")
    with pytest.raises(engine.ModelError, match=r"no weights 'resnet18.mine'.*a1_in1k"):
        load_model("timm:resnet18.mine")


def test_weights_of_another_architecture(tmp_path: Path) -> None:
    path = saved(made("test_vit"), tmp_path / "vit.pth")
    with pytest.raises(engine.WeightsError, match=r"do not fit timm's test_resnet .*missing:"):
        load_model("timm:test_resnet", path)
    (tmp_path / "half.pth").write_bytes(path.read_bytes()[:5000])
    with pytest.raises(engine.WeightsError, match=r"half.pth"):
        load_model("timm:test_resnet", tmp_path / "half.pth")


def test_labels_are_in_timms_order() -> None:
    """torchvision's names of ImageNet's 1,000 classes stand where timm's own are."""
    names = [name.lower().replace("-", " ") for name in imagenet_labels(1000)]
    own = timm.data.ImageNetInfo("imagenet-1k").label_descriptions()
    described = [text.lower().replace("-", " ") for text in own]
    moved = described[1:] + described[:1]
    assert sum(name in text for name, text in zip(names, described, strict=True)) > 960
    assert sum(name in text for name, text in zip(names, moved, strict=True)) < 60
    assert imagenet_labels(1000) == tuple(metadata.entries("resnet18")[0].meta["categories"])
    assert len(imagenet_labels(11821)) == 11821
    assert imagenet_labels(12) == ()


def test_without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "timm")
    assert not models.knows("convnext_atto")
    assert models.similar("resnet") == ()
    with pytest.raises(engine.ModelError, match=r"package timm.*requirements-extras.txt"):
        load_model("timm:resnet18")


def test_nothing_is_imported_before_it_is_needed_and_nobody_is_told() -> None:
    code = (
        "import sys, engine.loading.load; from engine.lazy import extras; "
        "early = [name for name in extras.PACKAGES if name in sys.modules]; "
        "extras.load('huggingface_hub', 'x'); from huggingface_hub import constants; "
        "print((early, constants.HF_HUB_DISABLE_TELEMETRY))"
    )
    assert fresh(code) == ([], True)
