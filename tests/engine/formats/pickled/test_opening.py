"""Pickled networks: rebuilt by the program where they are known, else asked for, never run unasked.

What must never be rebuilt stands in test_hostile_pickles.py.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

import engine
from engine.errors import ChoiceNeeded, ConsentNeeded, ModelError, WeightsError
from engine.files.trust import NOBODY, Trust
from engine.formats.network import Network
from engine.formats.pickled.opening import open_pickled, tensors_in
from engine.formats.torchvision import metadata, models
from engine.lazy import torchvision
from engine.weights import torch_files
from engine.weights.state_dicts import read_state_dict
from tests.engine.hostile.payloads import rewritten
from tests.engine.networks import one_of_each_layer

TRUSTED = Trust(everything=True)
HOW = [{}, {"pickle_protocol": 4}, {"_use_new_zipfile_serialization": False}]


class Gone(nn.Module):
    """A network of a program that the test takes away again."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("passing", torch.ones(2), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x)).mean((2, 3))


@pytest.fixture
def program() -> Iterator[ModuleType]:
    """A module that only exists while the test runs, and defines Gone."""
    module = ModuleType("program_of_a_test")
    old = Gone.__module__
    module.Gone, Gone.__module__ = Gone, module.__name__
    sys.modules[module.__name__] = module
    yield module
    sys.modules.pop(module.__name__, None)
    Gone.__module__ = old


@pytest.fixture
def gone(program: ModuleType, tmp_path: Path) -> Path:
    path = tmp_path / "gone.pt"
    torch.save(Gone(), path)
    del sys.modules[program.__name__]
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "whole.pt"


def published(name: str, **options: Any) -> Any:
    if name in models.TRANSFORMING:
        options = {"init_weights": False, **options}
    torch.manual_seed(0)
    network = torchvision.load().models.get_model(name, weights=None, **options)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()  # type: ignore[union-attr]
    return network.eval()


def opened(path: Path, trust: Trust = NOBODY) -> Network:
    network = open_pickled(path, trust=trust)
    assert isinstance(network, Network)
    return network


def asked(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConsentNeeded) as caught:
        open_pickled(path, trust=NOBODY)
    assert "\n" not in str(caught.value)
    assert caught.value.names
    return caught.value.names


def same(path: Path, network: nn.Module, side: int = 64, channels: int = 3) -> None:
    """Opened unasked, the file's network gives the very logits that the saved one gives."""
    x = torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(opened(path).module(x), network.eval()(x))


# --- torchvision's networks ----------------------------------------------------------------------

FAMILIES = {
    "convnext_tiny": 64,
    "densenet121": 64,
    "efficientnet_b0": 64,
    "efficientnet_v2_s": 64,
    "googlenet": 64,
    "inception_v3": 96,
    "maxvit_t": 224,
    "mnasnet0_5": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "regnet_y_400mf": 64,
    "resnet18": 64,
    "resnext50_32x4d": 64,
    "shufflenet_v2_x0_5": 64,
    "squeezenet1_1": 64,
    "swin_t": 64,
    "swin_v2_t": 64,
    "vit_b_32": 224,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_torchvision_network_needs_no_consent(path: Path, name: str) -> None:
    network = published(name, num_classes=5)
    torch.save(network, path)
    same(path, network, FAMILIES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", metadata.names())
def test_every_torchvision_network_needs_no_consent(path: Path, name: str) -> None:
    network = published(name)
    torch.save(network, path)
    found = opened(path).module
    path.unlink()  # 17 GB in all
    assert repr(found) == repr(network)
    ours, theirs = found.state_dict(), network.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize("how", HOW, ids=str)
def test_every_way_of_pickling_is_read(path: Path, how: dict[str, Any]) -> None:
    network = published("mobilenet_v3_small", num_classes=3)
    torch.save({"model": network, "epoch": 3}, path, **how)
    same(path, network)
    assert opened(path).source == "MobileNetV3"


@pytest.mark.parametrize("transform", [True, False])
@pytest.mark.parametrize("auxiliary", [True, False])
def test_googlenet_with_and_without_its_parts(path: Path, transform: bool, auxiliary: bool) -> None:
    network = published("googlenet", aux_logits=auxiliary, transform_input=transform)
    torch.save(network, path)
    same(path, network)
    if auxiliary:
        # As torchvision leaves it with published weights.
        network.aux_logits, network.aux1, network.aux2 = False, None, None
        torch.save(network, path)
        same(path, network)


def test_class_names_beside_the_layers_need_no_consent(path: Path) -> None:
    network = published("resnet18", num_classes=2)
    network.class_to_idx, network.class_names = {"cat": 0, "dog": 1}, ["cat", "dog"]
    torch.save(network, path)
    same(path, network)
    network.class_to_idx = argparse.Namespace(cat=0)
    torch.save(network, path)
    assert asked(path) == ("argparse.Namespace",)


def linear(*features: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(0.3), nn.Linear(*features), nn.GELU(), nn.Linear(features[1], 3)
    )


def _resnet(change: Callable[[Any], None]) -> Any:
    network = published("resnet18")
    change(network)
    return network


def _for_small_pictures(network: Any) -> None:
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    network.fc = nn.Linear(512, 10)


REPLACED: dict[str, tuple[Callable[[Any], None], int]] = {
    "a linear layer": (lambda net: setattr(net, "fc", nn.Linear(512, 3)), 3),
    "a head of several layers": (lambda net: setattr(net, "fc", linear(512, 16)), 3),
    "no head": (lambda net: setattr(net, "fc", nn.Identity()), 3),
    "one channel": (lambda net: setattr(net, "conv1", nn.Conv2d(1, 64, 7, 2, 3, bias=False)), 1),
    "small pictures": (_for_small_pictures, 3),
    "pooling": (lambda net: setattr(net, "avgpool", nn.AdaptiveAvgPool2d(1)), 3),
}


@pytest.mark.parametrize("what", REPLACED)
def test_replaced_layers_need_no_consent(path: Path, what: str) -> None:
    change, channels = REPLACED[what]
    network = _resnet(change)
    torch.save(network, path)
    same(path, network, channels=channels)


def test_heads_of_other_families(path: Path) -> None:
    network = published("efficientnet_b0")
    network.classifier = linear(1280, 8)
    network.features[0][0] = nn.Conv2d(1, 32, 3, stride=2, padding=1, bias=False)
    torch.save(network, path)
    same(path, network, channels=1)
    network = published("densenet121")
    network.classifier = nn.Sequential(nn.Linear(1024, 3), nn.LogSoftmax(dim=1))
    torch.save(network, path)
    same(path, network)
    network = published("squeezenet1_1")
    network.classifier[1] = nn.Conv2d(512, 4, 1)
    torch.save(network, path)
    same(path, network)


def test_a_network_within_layers(path: Path) -> None:
    network = nn.Sequential(
        nn.BatchNorm2d(3), published("resnet18", num_classes=7), nn.Linear(7, 2)
    )
    torch.save(network, path)
    same(path, network)


def test_half_precision_stays(path: Path) -> None:
    torch.save(published("mobilenet_v2").half(), path)
    assert next(opened(path).module.parameters()).dtype == torch.float16


def variants() -> dict[str, Any]:
    dilated = published("resnet50", replace_stride_with_dilation=[False, False, True])
    careful = published("resnet50")
    for part in careful.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 1e-3
    open_wide = published("resnet50")
    open_wide.maxpool = nn.Identity()
    smooth = published("resnet50")
    smooth.layer1[0].relu = nn.GELU()
    return {"layer4.1.conv2.dilation (2, 2)": dilated, "bn1.eps": careful, "maxpool": open_wide} | {
        "layer1.0.relu: torch.nn.modules.activation.GELU": smooth
    }


def test_other_networks_with_the_same_tensors_are_asked_for(path: Path) -> None:
    for words, network in variants().items():
        torch.save(network, path)
        assert any(words in name for name in asked(path)), words


def test_a_margin_that_was_changed_later_is_asked_for(path: Path) -> None:
    """A convolution that does not pad with zeros keeps the margins that it was made with."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"))
    network[0].padding = (2, 2)
    torch.save(network, path)
    assert any("_reversed_padding_repeated_twice" in name for name in asked(path))
    network[0].padding_mode = "zeros"
    torch.save(network, path)
    assert opened(path).module(torch.zeros(1, 3, 8, 8)).shape == (1, 4, 10, 10)


def test_tensors_that_are_marked_as_negated_are_refused(path: Path) -> None:
    """Their storage holds the numbers before that."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    numbers = torch.complex(torch.ones(3, 4), torch.ones(3, 4)).conj().imag
    assert numbers.is_neg()
    network[1].weight = nn.Parameter(numbers)
    for content in (network, network.state_dict()):
        torch.save(content, path)
        with pytest.raises(WeightsError, match="marked as negated"):
            open_pickled(path, trust=NOBODY)


def test_a_network_of_several_sizes_is_asked_for(path: Path) -> None:
    """A class of torchvision with arguments that no published architecture has."""
    resnet = torchvision.load().models.resnet
    torch.save(resnet.ResNet(resnet.BasicBlock, [1, 1, 1, 1]), path)
    asked(path)


def test_what_is_no_classifier_is_refused_unasked(path: Path) -> None:
    network = torchvision.load().models.segmentation.lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None
    )
    torch.save(network, path)
    with pytest.raises(ModelError, match="a segmentation model") as caught:
        open_pickled(path, trust=NOBODY)
    assert not isinstance(caught.value, ConsentNeeded)


# --- networks of layers --------------------------------------------------------------------------


def test_layers_of_the_list_are_made_anew(path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(*one_of_each_layer()).eval()
    for part in network:
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None:
            part.running_mean.normal_()
    torch.save(network, path)
    found = opened(path)
    x = torch.randn(1, 8, 16, 16)
    with torch.no_grad():
        assert torch.equal(found.module(x), network(x))
    assert not found.module.training
    assert (found.source, found.title, found.weights) == ("Sequential", "whole", str(path))
    assert len(found.weights_sha256) == 64


def test_one_layer_in_two_places_stays_one(path: Path) -> None:
    act, conv = nn.ReLU(), nn.Conv2d(3, 3, 3)
    network = nn.Sequential(conv, act, nn.Sequential(conv, act))
    torch.save(network, path)
    same(path, network)
    module: Any = opened(path).module
    assert module[0] is module[2][0]
    assert module[1] is module[2][1]


def test_one_block_in_two_places_of_a_torchvision_network_stays_one(path: Path) -> None:
    network = published("resnet18")
    network.layer1[1] = network.layer1[0]
    torch.save(network, path)
    same(path, network)
    module: Any = opened(path).module
    assert module.layer1[0] is module.layer1[1]


OLD: dict[str, tuple[Callable[[], nn.Module], tuple[str, ...]]] = {
    "a convolution": (
        lambda: nn.Conv2d(8, 8, 3),
        ("padding_mode", "_reversed_padding_repeated_twice"),
    ),
    "a normalisation": (lambda: nn.BatchNorm2d(8), ("track_running_stats",)),
    "an activation": (nn.GELU, ("approximate",)),
    "a swish": (nn.SiLU, ("inplace",)),
    "an upsampling": (
        lambda: nn.Upsample(scale_factor=2.0, recompute_scale_factor=True),
        ("recompute_scale_factor",),
    ),
}


@pytest.mark.parametrize("what", OLD)
def test_settings_that_older_versions_lacked(path: Path, what: str) -> None:
    make, lacked = OLD[what]
    layer = make()
    today = copy.deepcopy(layer)
    for name in (*lacked, "_state_dict_pre_hooks", "_forward_hooks_always_called"):
        del layer.__dict__[name]
    layer._buffers.pop("num_batches_tracked", None)
    torch.save(nn.Sequential(layer), path)
    same(path, nn.Sequential(today), channels=8)


def test_names_of_older_versions(path: Path) -> None:
    network = published("mobilenet_v2", num_classes=3)
    torch.save(network, path)

    def as_it_was(_name: str, content: bytes) -> bytes:
        for new, old in (
            (b"torchvision.models.mobilenetv2\n", b"torchvision.models.mobilenet\n"),
            (
                b"torchvision.ops.misc\nConv2dNormActivation",
                b"torchvision.models.mobilenet\nConvBNReLU",
            ),
        ):
            content = content.replace(new, old)
        return content

    same(rewritten(path, as_it_was), network)


# --- wrappers and checkpoints --------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        AveragedModel,
        lambda net: torch.compile(net, backend="eager"),
        lambda net: nn.DataParallel(AveragedModel(net)),
    ],
    ids=["DataParallel", "AveragedModel", "torch.compile", "two of them"],
)
def test_wrappers_are_taken_off(path: Path, wrap: Callable[[nn.Module], nn.Module]) -> None:
    torch.save({"model": wrap(nn.Sequential(nn.ReLU()))}, path)
    assert type(opened(path).module) is nn.Sequential


def test_the_plain_network_of_a_checkpoint_comes_before_the_averaged_one(path: Path) -> None:
    content = {"ema": nn.Sequential(nn.Tanh()), "model": nn.Sequential(nn.ReLU()), "epoch": 1}
    torch.save(content, path)
    network = opened(path)
    assert isinstance(network.module[0], nn.ReLU)  # type: ignore[index]
    assert network.other_weights == ("ema",)
    assert "--weights-key ema" in " ".join(network.notices)
    averaged = open_pickled(path, trust=NOBODY, key="ema")
    assert isinstance(averaged, Network)
    assert isinstance(averaged.module[0], nn.Tanh)  # type: ignore[index]
    torch.save({**content, "model": None}, path)
    assert isinstance(opened(path).module[0], nn.Tanh)  # type: ignore[index]
    torch.save({"student": content["model"], "teacher": content["ema"]}, path)
    with pytest.raises(ChoiceNeeded, match="student and teacher"):
        opened(path)


def test_a_loss_beside_weights_is_not_the_network(path: Path) -> None:
    state = nn.Conv2d(3, 4, 3).state_dict()
    for other in ({"criterion": nn.CrossEntropyLoss(torch.ones(4))}, {"act": nn.ReLU()}):
        torch.save({"state_dict": state, **other}, path)
        content = open_pickled(path, trust=NOBODY)
        assert not isinstance(content, Network)
        assert tensors_in(content).keys() == state.keys()  # type: ignore[union-attr]


def test_settings_beside_a_network_need_no_consent(path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3))
    torch.save({"args": argparse.Namespace(lr=0.1), "model": network}, path)
    same(path, network)


def test_settings_beside_a_state_dict_need_no_consent(path: Path) -> None:
    state = nn.Conv2d(3, 4, 3).state_dict()
    torch.save(
        {"state_dict": state, "args": argparse.Namespace(lr=0.1), "best": np.float64(0.9)}, path
    )
    found = tensors_in(open_pickled(path, trust=NOBODY))
    assert found is not None
    assert all(torch.equal(found[key], state[key]) for key in state)


# --- what is asked for ---------------------------------------------------------------------------


def test_other_classes_are_listed_and_asked_for(program: ModuleType, path: Path) -> None:
    torch.save(Gone(), path)
    with pytest.raises(ConsentNeeded) as caught:
        opened(path)
    assert caught.value.names == ("program_of_a_test.Gone",)
    assert caught.value.path == path
    agreed = Trust([caught.value.sha256])
    assert type(opened(path, agreed).module) is Gone


def test_a_network_that_holds_a_foreign_object_needs_consent(path: Path) -> None:
    network: Any = nn.Sequential(nn.Conv2d(3, 4, 3))
    network.settings = [argparse.Namespace(lr=0.1)]
    torch.save({"model": network}, path)
    assert asked(path) == ("argparse.Namespace",)
    assert opened(path, TRUSTED).module.settings[0].lr == 0.1  # type: ignore[union-attr, index]


@pytest.mark.parametrize("trust", [NOBODY, TRUSTED])
def test_a_missing_class_is_named_whatever_was_agreed_to(gone: Path, trust: Trust) -> None:
    with pytest.raises(ModelError, match=r"program_of_a_test\.Gone.*Python file") as caught:
        opened(gone, trust)
    assert not isinstance(caught.value, ConsentNeeded)


def test_a_class_of_main_is_named(path: Path) -> None:
    main = sys.modules["__main__"]
    old, Gone.__module__ = Gone.__module__, "__main__"
    main.Gone = Gone  # type: ignore[attr-defined]
    try:
        torch.save(Gone(), path)
    finally:
        del main.Gone  # type: ignore[attr-defined]
        Gone.__module__ = old
    with pytest.raises(ModelError, match=r"needs Gone, a class of the program that saved it"):
        opened(path, TRUSTED)


# --- tensors alone -------------------------------------------------------------------------------


def test_tensors_of_a_missing_class_are_read_without_running_it(gone: Path) -> None:
    expected = Gone().state_dict()
    found = tensors_in(torch_files.read(gone).content)
    assert found is not None
    assert list(found) == list(expected)
    assert "passing" not in found
    assert all(found[key].shape == expected[key].shape for key in expected)
    assert all(not tensor.is_meta for tensor in found.values())


def test_a_named_architecture_needs_no_consent(program: ModuleType, path: Path) -> None:
    """Not even for a network of an unknown class: its tensors are enough."""
    network = published("squeezenet1_1", num_classes=2)
    state = network.state_dict()
    network.settings = Gone
    torch.save(network, path)
    del sys.modules[program.__name__]
    by_name = engine.load_model("squeezenet1_1", path)
    by_file = engine.load_model(path, architecture="squeezenet1_1")
    for opened_model in (by_name, by_file):
        found = opened_model.module.state_dict()
        assert all(torch.equal(found[key].cpu(), state[key]) for key in state)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".bin"])
@pytest.mark.parametrize("tensors", [True, False])
def test_weights_are_read_by_content(tmp_path: Path, suffix: str, tensors: bool) -> None:
    state = nn.Conv2d(3, 4, 3).state_dict()
    path = tmp_path / f"weights{suffix}"
    (save_file if tensors else torch.save)(state, path)
    assert read_state_dict(path).keys() == state.keys()
