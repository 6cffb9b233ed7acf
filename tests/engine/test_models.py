"""What load_model opens: demos, torchvision's names, weights files; and what it says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import engine
from engine import torchvision_models, vision
from engine.models import guess_architecture, load_model
from tests.engine.classifiers import picture


def seeded(name: str, seed: int = 3, **options: Any) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    if name in ("googlenet", "inception_v3"):
        options.setdefault("init_weights", False)
    module = vision.load().models.get_model(name, weights=None, **options)
    return dict(module.state_dict())


def logits_of_plain_torchvision(
    name: str, state: dict[str, Tensor], tensor: Tensor, **options: Any
) -> Tensor:
    if name in ("googlenet", "inception_v3"):
        options.setdefault("init_weights", False)
    module: nn.Module = vision.load().models.get_model(name, weights=None, **options)
    module.load_state_dict(state)
    with torch.no_grad():
        logits: Tensor = module.eval()(tensor)
    return logits[0]


def check(model: engine.Model, expected: Callable[[Tensor], Tensor]) -> None:
    with engine.Session(model, picture()) as session:
        found = sorted(session.predictions(k=5000), key=lambda p: p.index)
        wanted = expected(session._work.input)
    scale = float(wanted.abs().max())
    assert len(found) == len(wanted)
    assert max(abs(p.logit - float(w)) for p, w in zip(found, wanted, strict=True)) < 1e-4 * scale


@pytest.fixture
def resnet(tmp_path: Path) -> Path:
    path = tmp_path / "mine.pth"
    torch.save(seeded("resnet18"), path)
    return path


@pytest.mark.parametrize("name", ["shapes", "shortcut"])
def test_demos(name: str) -> None:
    model = load_model(f"demo:{name}")
    info = model.info
    assert info.source == f"demo:{name}"
    assert info.classes[:3] == ("circle", "ring", "star")
    assert info.default_layer == "layer4"
    assert info.parameters == sum(p.numel() for p in model.module.parameters())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_name_with_a_weights_file(tmp_path: Path, suffix: str) -> None:
    state = seeded("resnet18")
    path = tmp_path / f"mine{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    model = load_model("resnet18", weights=path)
    meta = vision.load().models.get_model_weights("resnet18").DEFAULT.meta
    assert model.classes == tuple(meta["categories"])
    assert (model.info.source, model.info.architecture) == ("resnet18", "ResNet")
    assert str(path) in model.info.weights
    assert model.info.preprocessing.crop == (224, 224)
    check(model, lambda x: logits_of_plain_torchvision("resnet18", state, x))


def test_a_head_of_another_size_is_numbered(tmp_path: Path) -> None:
    for name in ("resnet18", "squeezenet1_1", "googlenet"):
        state = seeded(name, num_classes=7)
        torch.save(state, tmp_path / "seven.pth")
        model = load_model(name, weights=tmp_path / "seven.pth")
        assert model.classes == tuple(f"class {i}" for i in range(7))


def test_wrong_architecture_names_the_first_keys(resnet: Path, tmp_path: Path) -> None:
    with pytest.raises(engine.WeightsError) as caught:
        load_model("vgg11", weights=resnet)
    message = str(caught.value)
    assert "features.0.weight" in message
    assert "conv1.weight" in message
    assert str(resnet) in message
    assert "vgg11" in message
    assert "\n" not in message
    with pytest.raises(engine.WeightsError, match=r"layer1\.2|layer1\.0"):
        load_model("resnet50", weights=resnet)
    state = seeded("resnet18")
    state["conv1.weight"] = state["conv1.weight"][:, :1]
    torch.save(state, tmp_path / "grey.pth")
    with pytest.raises(engine.WeightsError, match=r"conv1\.weight \(64, 1, 7, 7\)"):
        load_model("resnet18", weights=tmp_path / "grey.pth")


def test_the_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    entry = vision.load().models.get_model_weights("mobilenet_v3_small").DEFAULT
    file_name = entry.url.rpartition("/")[2]
    with pytest.raises(engine.ModelError) as caught:
        load_model("mobilenet_v3_small")
    message = str(caught.value)
    assert file_name in message
    assert str(tmp_path) in message
    assert "weights" in message
    assert "\n" not in message
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    state = seeded("mobilenet_v3_small")
    torch.save(state, folder / file_name)
    model = load_model("mobilenet_v3_small")
    assert model.info.weights == entry.name
    assert model.classes == tuple(entry.meta["categories"])
    check(model, lambda x: logits_of_plain_torchvision("mobilenet_v3_small", state, x))
    # A newer entry is missing, an older one is there: that one is used, with its own preset.
    old = vision.load().models.get_model_weights("mobilenet_v2").IMAGENET1K_V1
    torch.save(seeded("mobilenet_v2"), folder / old.url.rpartition("/")[2])
    model = load_model("mobilenet_v2")
    assert model.info.weights == "IMAGENET1K_V1"
    assert model.preprocessing.resize == old.transforms().resize_size[0]


@pytest.mark.parametrize("auxiliary", [True, False])
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_heads(tmp_path: Path, name: str, auxiliary: bool) -> None:
    state = seeded(name, aux_logits=auxiliary)
    torch.save(state, tmp_path / "w.pth")
    model = load_model(name, weights=tmp_path / "w.pth")
    # Only where GoogLeNet's published weights are loaded are its heads dropped.
    transformed = name == "googlenet" and not auxiliary
    check(
        model,
        lambda x: logits_of_plain_torchvision(
            name, state, x, aux_logits=auxiliary, transform_input=transformed
        ),
    )


def test_published_inception_changes_its_input(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    entry = vision.load().models.get_model_weights("googlenet").DEFAULT
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    state = seeded("googlenet")
    torch.save(state, folder / entry.url.rpartition("/")[2])
    model = load_model("googlenet")
    check(model, lambda x: logits_of_plain_torchvision("googlenet", state, x, transform_input=True))


def test_a_transformer_for_another_image_size(tmp_path: Path) -> None:
    state = seeded("vit_b_32", image_size=96, num_classes=5)
    torch.save(state, tmp_path / "w.pth")
    model = load_model("vit_b_32", weights=tmp_path / "w.pth")
    assert model.preprocessing.crop == (96, 96)
    assert len(model.classes) == 5
    assert [node.name for node in model.layers if node.explainable] == ["conv_proj"]
    assert {n.reason for n in model.layers if n.type == "EncoderBlock"} == {
        "tokens, not supported yet"
    }


def test_a_weights_file_whose_name_tells(tmp_path: Path) -> None:
    for name in ("resnet18-f37072fd.pth", "resnet18_mine.pth", "RESNET18.pth"):
        path = tmp_path / name
        torch.save(seeded("resnet18"), path)
        assert guess_architecture(path) == "resnet18"
        assert load_model(path).info.source == "resnet18"
    for name, wanted in (
        ("vgg11_bn-6002323d.pth", "vgg11_bn"),
        ("mobilenet_v3_large-5c1a4163.safetensors", "mobilenet_v3_large"),
        ("wide_resnet50_2-9ba9bcbe.pth", "wide_resnet50_2"),
        ("swin_v2_t-b137f0e2.pth", "swin_v2_t"),
        ("resnext50_32x4d-1a0047aa.pth", "resnext50_32x4d"),
    ):
        (tmp_path / name).write_bytes(b"x")
        assert guess_architecture(tmp_path / name) == wanted


def test_every_published_file_name_tells_its_architecture(tmp_path: Path) -> None:
    """So that a file as torchvision saved it can be dropped; the few that do not are asked for."""
    silent = set()
    for name in torchvision_models.names():
        for entry in torchvision_models.entries(name):
            path = tmp_path / entry.url.rpartition("/")[2]
            path.write_bytes(b"x")
            try:
                assert guess_architecture(path) == name
            except engine.WeightsError:
                silent.add(path.name)
    assert not silent


def test_what_does_not_exist(tmp_path: Path, resnet: Path) -> None:
    def message(*arguments: Any, **options: Any) -> str:
        with pytest.raises(engine.ModelError) as caught:
            load_model(*arguments, **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "resnet50" in message("resnet5")
    assert "demo:shapes" in message("demo:shape")
    assert "demo:shapes" in message("something quite different")
    assert "resnet18" in message("ResNet18x")
    assert "name it" in message(resnet)
    assert "no such file" in message(tmp_path / "absent.pth")
    assert "no such file" in message("resnet18", weights=tmp_path / "absent.pth")
    assert "leave out" in message("demo:shapes", weights=resnet)
    assert "architecture" in message(resnet, weights=resnet)
    text = tmp_path / "notes.txt"
    text.write_text("resnet")
    message(text)
    with pytest.raises(engine.DeviceError, match="choose auto or"):
        load_model("demo:shapes", device="cuda:97")


def test_the_callers_random_numbers_are_left_alone(resnet: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    load_model("resnet18", weights=resnet)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("caller", [torch.no_grad, torch.inference_mode])
def test_loading_inside_the_callers_mode(resnet: Path, caller: Any) -> None:
    with caller():
        model = load_model("resnet18", weights=resnet)
    with engine.Session(model, picture()) as session:
        assert session.explain().map.shape == (7, 7)
        session.explain("layer1")


@pytest.mark.timeout(60)
def test_building_does_not_depend_on_what_memory_held(monkeypatch: Any) -> None:
    """nn.init.trunc_normal_ draws again and again while a value is out of bounds."""
    from torch.utils.deterministic import fill_uninitialized_memory  # noqa: F401

    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    torch.use_deterministic_algorithms(True)  # new memory is then filled with NaN
    try:
        state = seeded("swin_t", num_classes=3)
        module = torchvision_models.build("swin_t", state, Path("w.pth"), published=False)
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(module.state_dict()[key], state[key]) for key in state)
