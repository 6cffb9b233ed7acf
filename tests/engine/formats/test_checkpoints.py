"""Training checkpoints as programs write them: the network computes what it did, and it is said."""

from __future__ import annotations

import argparse
import collections
import json
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import engine
from engine.errors import ChoiceNeeded, ConsentNeeded, ModelError, WeightsError
from engine.lazy import torchvision
from engine.questions import WhichArchitecture, WhichStateDict
from tests.engine.classifiers import build

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """A ResNet-18 for three classes whose normalisation is not the initial one."""
    torch.manual_seed(5)
    return _trained(build("resnet18", classes=3))


def _trained(network: nn.Module) -> nn.Module:
    with torch.no_grad():
        for name, tensor in network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                tensor.mul_(0.9).add_(0.05 * torch.rand_like(tensor))
    return network.eval()


def _same(path: Path, network: nn.Module, channels: int = 3, **options: Any) -> Any:
    """The opened model, which computes what the network did."""
    model = engine.load_model(path, device="cpu", **options)
    picture = torch.randn(2, channels, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.allclose(model.module(picture), network(picture), rtol=1e-5, atol=1e-5)
    return model


def _said(model: Any, words: str) -> bool:
    return any(words in notice for notice in model.info.notices)


def _profiled(state: State) -> State:
    counted = {key.replace("weight", "total_ops"): torch.zeros(1) for key in state}
    return state | {key: tensor for key, tensor in counted.items() if key not in state}


def _with_parts(state: State) -> State:
    beside = {"criterion.weight": torch.ones(3), "prototypes": torch.zeros(3, 64)}
    return {f"model.{key}": tensor for key, tensor in state.items()} | beside


def _mmpretrain(state: State) -> State:
    return {
        ("head." if key.startswith("fc.") else "backbone.") + key: t for key, t in state.items()
    }


def _children(prefix: str) -> Callable[[State], State]:
    order = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")

    def renamed(state: State) -> State:
        found = {}
        for key, tensor in state.items():
            first, _, rest = key.partition(".")
            found[f"{prefix}{order.index(first)}.{rest}" if first in order else key] = tensor
        return found

    return renamed


def _counterless(state: State) -> State:
    return {key: tensor for key, tensor in state.items() if "num_batches" not in key}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (_counterless, ""),
        (_profiled, "Left out"),
        (_with_parts, "criterion.weight, prototypes"),
        (_mmpretrain, "backbone"),
        (_children("features."), "Sequential(*children)"),
        (_children(""), "Sequential(*children)"),
        (lambda state: [{"epoch": 3}, state], ""),
        (lambda state: (3, state), ""),
        (lambda state: collections.defaultdict(list, state), ""),
        (lambda state: argparse.Namespace(state_dict=state, epoch=3), ""),
        (lambda state: {"model": state, "log": collections.deque([1.0, 2.0], maxlen=4)}, ""),
        (lambda state: {"model": state, "best": np.float64(0.3), "each": np.arange(4)}, ""),
    ],
)
def test_forms_of_a_checkpoint(
    tmp_path: Path, network: nn.Module, written: Callable[[State], Any], words: str
) -> None:
    torch.save(written(dict(network.state_dict())), tmp_path / "last.pth")
    model = _same(tmp_path / "last.pth", network)
    assert model.source == "resnet18"
    assert not words or _said(model, words)


def test_settings_of_a_missing_package(tmp_path: Path, network: nn.Module) -> None:
    gone = types.ModuleType("gone_config")

    class Settings(dict[str, Any]):
        pass

    Settings.__module__, Settings.__qualname__ = "gone_config", "Settings"
    gone.Settings = Settings  # type: ignore[attr-defined]
    sys.modules["gone_config"] = gone
    try:
        settings = Settings(lr=0.1)
        content = {"state_dict": network.state_dict(), "hyper_parameters": settings}
        torch.save(content, tmp_path / "last.ckpt")
    finally:
        del sys.modules["gone_config"]
    _same(tmp_path / "last.ckpt", network)


def test_averaged_weights_are_offered(tmp_path: Path, network: nn.Module) -> None:
    other = _trained(build("resnet18", classes=3))
    path = tmp_path / "last.pth"
    torch.save({"state_dict": network.state_dict(), "state_dict_ema": other.state_dict()}, path)
    model = _same(path, network)
    assert _said(model, "--weights-key state_dict_ema")
    assert model.info.other_weights == ("state_dict_ema",)
    again = _same(path, other, weights_key="state_dict_ema")
    assert again.info.other_weights == ("state_dict",)
    with pytest.raises(WeightsError, match="no weights under 'wrong'"):
        engine.load_model(path, weights_key="wrong")


def _nested(one: State, two: State) -> Any:
    return {"student": one, "teacher": two}


def _side_by_side(one: State, two: State) -> Any:
    named = {"student": one, "teacher": two}
    return {f"{name}.{key}": tensor for name, part in named.items() for key, tensor in part.items()}


@pytest.mark.parametrize("written", [_nested, _side_by_side])
def test_two_networks_are_asked_about(
    tmp_path: Path, network: nn.Module, written: Callable[[State, State], Any]
) -> None:
    other = _trained(build("resnet18", classes=3))
    path = tmp_path / "last.pth"
    torch.save(written(network.state_dict(), other.state_dict()), path)
    with pytest.raises(ChoiceNeeded, match="--weights-key") as caught:
        engine.load_model(path)
    assert caught.value.question == WhichStateDict(path, ("student", "teacher"))
    _same(path, network, weights_key="student")
    _same(path, other, weights_key="teacher")


def _conv(channels: int, side: int = 7, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(channels, 64, side, 2 if side == 7 else 1, side // 2, bias=bias)


@pytest.mark.parametrize(("channels", "bias"), [(1, True), (4, False)])
def test_other_numbers_of_channels(tmp_path: Path, channels: int, bias: bool) -> None:
    changed = build("resnet18", classes=3)
    changed.conv1 = _conv(channels, bias=bias)
    torch.save(_trained(changed).state_dict(), tmp_path / "w.pth")
    model = _same(tmp_path / "w.pth", changed, channels)
    assert _said(model, f"takes {channels} channel")
    assert len(model.info.preprocessing.mean) == channels


def test_the_stem_for_small_pictures(tmp_path: Path) -> None:
    changed = build("resnet18", classes=3)
    changed.conv1, changed.maxpool = _conv(3, 3), nn.Identity()
    names = {"fc.weight": "linear.weight", "fc.bias": "linear.bias"}
    state = _trained(changed).state_dict()
    state = {names.get(k, k.replace(".downsample.", ".shortcut.")): t for k, t in state.items()}
    torch.save({"net": {f"module.{key}": t for key, t in state.items()}}, tmp_path / "w.pth")
    model = _same(tmp_path / "w.pth", changed)
    assert _said(model, "as for CIFAR")
    assert model.info.preprocessing.crop == (32, 32)


def test_the_residual_network_of_monai(tmp_path: Path) -> None:
    """Its first convolution has stride 1, and those of its shortcuts have a bias."""
    changed = build("resnet18", classes=3)
    changed.conv1 = nn.Conv2d(1, 64, 7, 1, 3, bias=False)
    for name in ("layer2", "layer3", "layer4"):
        short = changed.get_submodule(f"{name}.0.downsample.0")
        short.bias = nn.Parameter(torch.randn(short.out_channels))  # type: ignore[arg-type]
    torch.save(_trained(changed).state_dict(), tmp_path / "w.pth")
    assert _said(_same(tmp_path / "w.pth", changed, 1), "MONAI")


def test_the_dense_network_of_monai(tmp_path: Path) -> None:
    dense = _trained(build("densenet121", classes=3))
    names = [
        (key.replace("classifier.", "class_layers.out."), tensor)
        if "denselayer" not in key
        else (".".join([*key.split(".")[:3], "layers", *key.split(".")[3:]]), tensor)
        for key, tensor in dense.state_dict().items()
    ]
    torch.save(dict(names), tmp_path / "w.pth")
    assert _said(_same(tmp_path / "w.pth", dense), "MONAI's names")


def test_a_body_without_its_head_is_named(tmp_path: Path, network: nn.Module) -> None:
    body = {key: t for key, t in network.state_dict().items() if not key.startswith("fc.")}
    torch.save(body, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="a resnet18 saved without its head"):
        engine.load_model(tmp_path / "w.pth")


@pytest.mark.parametrize(
    "beside",
    [
        {"class_to_idx": {"cat": 0, "dog": 1, "bee": 2}},
        {"idx_to_class": {2: "bee", 0: "cat", 1: "dog"}},
        {"meta": {"CLASSES": ("cat", "dog", "bee")}},
        {"hyper_parameters": argparse.Namespace(id2label={"0": "cat", "1": "dog", "2": "bee"})},
    ],
)
def test_class_names_of_a_checkpoint(
    tmp_path: Path, network: nn.Module, beside: dict[str, Any]
) -> None:
    torch.save({"state_dict": network.state_dict(), **beside}, tmp_path / "w.pth")
    info = engine.load_model(tmp_path / "w.pth", device="cpu").info
    assert info.classes == ("cat", "dog", "bee")
    assert "w.pth" in info.classes_origin


def test_class_names_that_do_not_fit_are_not_used(tmp_path: Path, network: nn.Module) -> None:
    torch.save({"state_dict": network.state_dict(), "classes": ["a", "b"]}, tmp_path / "w.pth")
    assert engine.load_model(tmp_path / "w.pth").info.classes_origin == "numbered"


@pytest.mark.parametrize("key", ["args", "arch"])
def test_the_stated_architecture_decides(tmp_path: Path, key: str) -> None:
    timm = pytest.importorskip("timm")
    state = timm.create_model("tf_mobilenetv3_small_minimal_100", num_classes=3).state_dict()
    name = "tf_mobilenetv3_small_minimal_100"
    stated = {"arch": name, "args": argparse.Namespace(model=name)}[key]
    torch.save({"state_dict": state, key: stated}, tmp_path / "w.pth")
    assert engine.load_model(tmp_path / "w.pth").source == f"timm:{name}"


def test_networks_of_timm(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    known = timm.create_model("resnet18d", num_classes=3).eval()
    torch.save({f"module.{key}": t for key, t in known.state_dict().items()}, tmp_path / "w.pth")
    assert _same(tmp_path / "w.pth", known).source == "timm:resnet18d"
    twin = timm.create_model("mobilenetv3_small_075", num_classes=3)
    torch.save(twin.state_dict(), tmp_path / "twin.pth")
    with pytest.raises(ChoiceNeeded, match="tf_mobilenetv3_small_075") as caught:
        engine.load_model(tmp_path / "twin.pth")
    assert isinstance(caught.value.question, WhichArchitecture)


def test_the_names_of_efficientnet_pytorch(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    known = _trained(timm.create_model("tf_efficientnet_b0", num_classes=3))
    outside = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
    wide = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1"}
    wide |= {"conv_pwl": "_project_conv", "bn3": "_bn2"}
    slim = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    squeeze = {"conv_reduce": "_se_reduce", "conv_expand": "_se_expand"}
    blocks = [key for key, _ in known.named_modules() if key.count(".") == 2]
    blocks = [key for key in blocks if key.startswith("blocks.")]
    state = {}
    for key, tensor in known.state_dict().items():
        parts = key.split(".")
        if parts[0] == "blocks":
            table = slim if parts[1] == "0" else wide
            names = [squeeze[parts[4]] if parts[3] == "se" else table[parts[3]], parts[-1]]
            parts = ["_blocks", str(blocks.index(".".join(parts[:3]))), *names]
        else:
            parts = [{**outside, "classifier": "_fc"}[parts[0]], parts[-1]]
        state[".".join(parts)] = tensor
    for prefix in ("", "module."):
        torch.save({prefix + key: tensor for key, tensor in state.items()}, tmp_path / "w.pth")
        for name in (None, "timm:tf_efficientnet_b0", "tf_efficientnet_b0"):
            model = _same(tmp_path / "w.pth", known, architecture=name)
            assert model.source.removeprefix("timm:") == "tf_efficientnet_b0"
            assert _said(model, "EfficientNet-PyTorch")


@pytest.mark.parametrize("prefix", ["module.", "model.", "module.model."])
def test_a_named_network_of_timm_in_a_training_program(tmp_path: Path, prefix: str) -> None:
    timm = pytest.importorskip("timm")
    known = _trained(timm.create_model("resnet18d", num_classes=3))
    state = {prefix + key: tensor for key, tensor in known.state_dict().items()}
    path = tmp_path / "w.pth"
    torch.save({"state_dict": state | {"criterion.weight": torch.ones(3)}, "epoch": 3}, path)
    model = _same(path, known, architecture="timm:resnet18d")
    assert _said(model, "Left out, as not part of the network: criterion.weight")
    torch.save(state, path)
    picture = torch.randn(1, 3, 64, 64)
    given = engine.load_model("timm:resnet18d", path, device="cpu")
    with torch.no_grad():
        assert torch.allclose(given.module(picture), known(picture), rtol=1e-5, atol=1e-5)


def _sharded(folder: Path, state: State, suffix: str) -> Path:
    keys = sorted(state)
    stem = "model" if suffix == ".safetensors" else "pytorch_model"
    listed = {}
    for number, part in enumerate((keys[::2], keys[1::2]), start=1):
        name = f"{stem}-0000{number}-of-00002"
        tensors = {key: state[key].contiguous() for key in part}
        if suffix == ".safetensors":
            save_file(tensors, folder / f"{name}{suffix}")
        else:
            torch.save(tensors, folder / f"{name}{suffix}")
        listed |= dict.fromkeys(part, f"{name}{suffix}")
    index = (
        folder / f"{'model' if suffix == '.safetensors' else 'pytorch_model'}{suffix}.index.json"
    )
    index.write_text(json.dumps({"metadata": {}, "weight_map": listed}))
    return index


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_weights_in_several_files(tmp_path: Path, network: nn.Module, suffix: str) -> None:
    index = _sharded(tmp_path, dict(network.state_dict()), suffix)
    assert _same(index, network).source == "resnet18"
    assert _same(tmp_path, network).source == "resnet18"
    first = next(path for path in tmp_path.iterdir() if "-00001-" in path.name)
    with pytest.raises(WeightsError, match=f"one of 2 files .* open their folder, {tmp_path.name}"):
        engine.load_model(first)


class Center(nn.Module):
    """A loss with a parameter, of a training program."""

    def __init__(self) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.zeros(3, 512))


class Focal(nn.Module):
    """A loss without parameters."""


@pytest.mark.parametrize("beside", [Center(), Focal(), nn.CrossEntropyLoss(torch.ones(3))])
def test_a_loss_beside_a_state_dict_is_not_the_network(
    tmp_path: Path, network: nn.Module, beside: nn.Module
) -> None:
    torch.save({"state_dict": network.state_dict(), "objective": beside}, tmp_path / "w.pth")
    _same(tmp_path / "w.pth", network)


def test_other_files_of_a_training_program(tmp_path: Path, network: nn.Module) -> None:
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    torch.save({"optimizer": optimizer.state_dict(), "epoch": 3}, tmp_path / "optim.pth")
    with pytest.raises(WeightsError, match="the state of an optimizer"):
        engine.load_model(tmp_path / "optim.pth")
    lora = {
        "a.lora_A.default.weight": torch.ones(2, 4),
        "a.lora_B.default.weight": torch.ones(4, 2),
    }
    torch.save({**lora, "a.base_layer.weight": torch.ones(4, 4)}, tmp_path / "lora.pth")
    with pytest.raises(WeightsError, match="a LoRA adapter; merge it"):
        engine.load_model(tmp_path / "lora.pth")


def test_quantised_networks_are_named(tmp_path: Path) -> None:
    body = (nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with warnings.catch_warnings():
        # torch announces the end of its quantised tensors, which files will go on having.
        warnings.simplefilter("ignore")
        quantised = nn.Sequential(*body, torch.ao.nn.quantized.dynamic.Linear(8, 4))
        torch.save(quantised, tmp_path / "whole.pt")
    with pytest.raises(ModelError, match="open the float network"):
        engine.load_model(tmp_path / "whole.pt")


def test_the_closest_architecture_has_the_fewest_other_keys(tmp_path: Path) -> None:
    state = build("resnet34").state_dict()
    state["layer4.1.conv1.weight"] = torch.zeros(512, 512, 5, 5)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"closest is resnet34 \(different shape: layer4"):
        engine.load_model(tmp_path / "w.pth")


class Foreign(nn.Module):
    """A network of the program that saved it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).mean((2, 3))


@pytest.mark.parametrize("make", [Foreign, lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Foreign())])
def test_the_legacy_form_is_asked_about_no_more(
    tmp_path: Path, make: Callable[[], nn.Module]
) -> None:
    asked = []
    for new in (True, False):
        path = tmp_path / f"{new}.pth"
        torch.save(make(), path, _use_new_zipfile_serialization=new)
        with pytest.raises(ConsentNeeded) as caught:
            engine.load_model(path)
        asked.append(caught.value.names)
    assert asked[0] == asked[1] == (f"{__name__}.Foreign",)


@pytest.mark.parametrize("new", [True, False])
def test_a_published_network_saved_whole_is_not_asked_about(
    tmp_path: Path, network: nn.Module, new: bool
) -> None:
    path = tmp_path / "whole.pth"
    torch.save({"model": network, "epoch": 3}, path, _use_new_zipfile_serialization=new)
    _same(path, network)


def test_volumes_are_named(tmp_path: Path) -> None:
    video = torchvision.load().models.video.r3d_18(weights=None, num_classes=3)
    for prefix in ("", "module."):
        state = {prefix + key: tensor for key, tensor in video.state_dict().items()}
        torch.save(state, tmp_path / "w.pth")
        with pytest.raises(WeightsError, match=r"for volumes or videos .*only image classifiers"):
            engine.load_model(tmp_path / "w.pth")
