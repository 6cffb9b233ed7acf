"""The model tree: default layers, layouts, reasons, calls and addresses."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.errors import LayerError
from engine.formats.torchvision import construction
from engine.inspection.layer_tree import parse_layer
from engine.lazy import torchvision
from engine.model import Model
from engine.records.images import Preprocessing
from engine.records.models import LayerNode, Layout
from tests.engine import networks
from tests.engine.networks import model_of

# As papers and the other tools choose them: the last stage before pooling, its outermost name.
DEFAULTS = {
    "alexnet": ("features.11", (256, 13, 13)),
    "convnext_tiny": ("features", (768, 7, 7)),
    "densenet121": ("features", (1024, 7, 7)),
    "efficientnet_b0": ("features", (1280, 7, 7)),
    "googlenet": ("inception5b", (1024, 7, 7)),
    "inception_v3": ("Mixed_7c", (2048, 8, 8)),
    "maxvit_t": ("blocks.3", (512, 7, 7)),
    "mnasnet0_5": ("layers", (1280, 7, 7)),
    "mobilenet_v2": ("features", (1280, 7, 7)),
    "mobilenet_v3_small": ("features", (576, 7, 7)),
    "regnet_x_400mf": ("trunk_output", (400, 7, 7)),
    "resnet18": ("layer4", (512, 7, 7)),
    "resnext50_32x4d": ("layer4", (2048, 7, 7)),
    "shufflenet_v2_x0_5": ("conv5", (1024, 7, 7)),
    "squeezenet1_1": ("features", (512, 13, 13)),
    "swin_t": ("norm", (7, 7, 768)),
    "swin_v2_t": ("norm", (8, 8, 768)),
    "vgg16": ("features.29", (512, 14, 14)),
    "vgg16_bn": ("features.42", (512, 14, 14)),
    "wide_resnet50_2": ("layer4", (2048, 7, 7)),
}


@cache
def opened(name: str) -> Model:
    """The network at its published size; the weights' values do not matter here."""
    size = torchvision.load().models.get_model_weights(name).DEFAULT.transforms().crop_size[0]
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    module = construction.construct(name, options)
    how = Preprocessing(size, (size, size), (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    return Model(module, preprocessing=how, source=name)


@cache
def tree(name: str) -> dict[str, LayerNode]:
    return {node.name: node for node in opened(name).layers}


@pytest.mark.parametrize("name", DEFAULTS)
def test_default_layer(name: str) -> None:
    chosen = [(node.name, node.shape) for node in tree(name).values() if node.default]
    assert chosen == [DEFAULTS[name]]
    assert opened(name).info.default_layer == DEFAULTS[name][0]


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "shufflenet_v2_x0_5"])
def test_tree_equals_a_real_forward_pass(name: str) -> None:
    module = opened(name).module
    shapes: dict[str, list[tuple[int, ...]]] = {}

    def watch(part_name: str) -> Any:
        def hook(part: nn.Module, inputs: Any, output: Tensor) -> None:
            shapes.setdefault(part_name, []).append(tuple(output.shape[1:]))

        return hook

    handles = [p.register_forward_hook(watch(n)) for n, p in module.named_modules()]
    size = opened(name).preprocessing.crop
    with torch.no_grad():
        module.eval()(torch.zeros(1, 3, *size))
    for handle in handles:
        handle.remove()
    nodes = tree(name)
    assert list(nodes) == [n for n, _ in module.named_modules() if n]
    for part_name, part in module.named_modules():
        if not part_name:
            continue
        node, seen = nodes[part_name], shapes.get(part_name, [])
        assert node.calls == len(seen)
        assert node.shape == (seen[-1] if seen else None)
        assert node.type == type(part).__name__
        assert node.params == sum(p.numel() for p in part.parameters())
        assert node.explainable == (not node.reason)
        if node.explainable:
            assert node.layout is Layout.CHANNELS_FIRST
            assert node.shape is not None
            assert node.grid == node.shape[1:]


def test_parents_and_labels() -> None:
    node = tree("resnet18")["layer4.1.bn2"]
    assert (node.parent, node.label) == ("layer4.1", "bn2")
    assert tree("resnet18")["conv1"].parent == ""
    assert tree("resnet18")["layer4.0.relu"].calls == 2


def layouts(name: str) -> dict[str, Layout | None]:
    return {node.name: node.layout for node in tree(name).values()}


@pytest.mark.parametrize("name", ["swin_t", "swin_v2_t"])
def test_swin_is_channels_last_from_its_patches_on(name: str) -> None:
    found = layouts(name)
    assert found["features.0.0"] is Layout.CHANNELS_FIRST  # the patch embedding's convolution
    for last in ("features.0", "features.1.0.norm1", "features.1.0.mlp.0", "features.3", "norm"):
        assert found[last] is Layout.CHANNELS_LAST, last
    side = 7 if name == "swin_t" else 8
    assert tree(name)["features.7"].grid == (side, side)
    # Square at one stage: 96 channels never pass for a grid.
    assert tree(name)["features.1"].shape == (8 * side, 8 * side, 96)
    assert tree(name)["features.1"].grid == (8 * side, 8 * side)


def test_convnext_changes_layout_inside_its_blocks() -> None:
    found = layouts("convnext_tiny")
    assert found["features.1.0"] is Layout.CHANNELS_FIRST
    assert found["features.1.0.block.0"] is Layout.CHANNELS_FIRST
    for index in (1, 2, 3, 4, 5):  # Permute, LayerNorm, Linear, GELU, Linear
        assert found[f"features.1.0.block.{index}"] is Layout.CHANNELS_LAST, index
    assert found["features.1.0.block.6"] is Layout.CHANNELS_FIRST
    assert found["features.0.1"] is Layout.CHANNELS_FIRST  # LayerNorm2d permutes to and fro


def test_windows_are_no_maps() -> None:
    nodes = tree("maxvit_t")
    inside = [n for n in nodes.values() if "attn" in n.name and n.calls]
    assert inside
    for node in inside:
        assert not node.explainable, node
    assert all(n.layout is Layout.CHANNELS_FIRST for n in nodes.values() if n.explainable)
    assert nodes["blocks.0.layers.0.layers.MBconv"].grid == (56, 56)
    assert nodes["blocks.0.layers.0"].grid == (56, 56)
    assert (
        "no spatial output" in nodes["blocks.0.layers.0.layers.window_attention.attn_layer"].reason
    )


@pytest.mark.parametrize(
    ("name", "layer", "reason"),
    [
        ("resnet18", "fc", "no spatial output (1000)"),
        ("vit_b_32", "heads.head", "no spatial output (1000)"),
        ("resnet18", "avgpool", "no spatial output (1 × 1)"),
        ("googlenet", "aux1.conv", "not called in the forward pass, or returns no tensor"),
        ("vit_b_32", "encoder.layers.encoder_layer_3.self_attention.out_proj", "not called"),
        ("swin_v2_t", "features.1.0.attn.cpb_mlp.0", "does not depend on the image"),
        ("efficientnet_b0", "features.1.0.block.1.avgpool", "no spatial output (1 × 1)"),
    ],
)
def test_reasons_in_words(name: str, layer: str, reason: str) -> None:
    assert tree(name)[layer].reason.startswith(reason)
    with pytest.raises(LayerError) as caught:
        parse_layer(layer, opened(name).facts, tuple(tree(name)))
    assert layer in str(caught.value)
    assert reason in str(caught.value)


def test_addresses() -> None:
    facts, names = opened("resnet18").facts, tuple(tree("resnet18"))
    assert parse_layer("layer4", facts, names) == ("layer4", 0)
    assert parse_layer("layer4.0.relu", facts, names) == ("layer4.0.relu", 1)
    assert parse_layer("layer4.0.relu#0", facts, names) == ("layer4.0.relu", 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("layer5", "did you mean layer4 or"),
        ("layer4.conv1", r"layer4\.[01]\.conv1"),
        ("Layer4", "layer4"),
        ("features.29", "there is no layer 'features.29'"),
        ("", "there is no layer ''"),
        ("layer4#1", "has no call '#1'; choose a call from 0 to 0"),
        ("layer4.0.relu#2", "a call from 0 to 1"),
        ("layer4.0.relu#-1", "no call '#-1'"),
        ("layer4.0.relu#x", "no call '#x'"),
        ("layer4#", "no call '#'"),
    ],
)
def test_addresses_that_lead_nowhere(text: str, said: str) -> None:
    with pytest.raises(LayerError, match=said) as caught:
        parse_layer(text, opened("resnet18").facts, tuple(tree("resnet18")))
    assert "\n" not in str(caught.value)


def test_shared_output_has_one_default_with_the_outermost_name() -> None:
    model = model_of(networks.Containers())
    assert [n.name for n in model.layers if n.default] == ["last"]
    nodes = {n.name: n for n in model.layers}
    assert nodes["block"].shape == nodes["block.0.1"].shape == (6, 24, 32)


def test_score_maps_and_pooling_are_not_the_default() -> None:
    model = model_of(networks.ConvolutionalHead())
    assert [n.name for n in model.layers if n.default] == ["1"]


class _Encoder(nn.Module):
    """Returns its last stage's output among other things, as encoders of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        last = self.stages(x)
        return {"last_hidden_state": last, "pooler_output": last.mean(dim=(2, 3))}


class _Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = _Encoder()
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.encoder(x)["pooler_output"])
        return scores


def test_the_default_is_a_stage_and_not_what_holds_it_among_other_things() -> None:
    torch.manual_seed(0)
    model = model_of(_Classifier())
    assert model.info.default_layer == "encoder.stages"
    encoder = next(node for node in model.layers if node.name == "encoder")
    assert encoder.output == "output last_hidden_state of 2"
