"""What load_model opens: demos, torchvision's names, weights files; and what it says otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import engine
from engine.errors import ModelError, WeightsError
from engine.formats.torchvision import models
from engine.lazy import torchvision
from engine.loading.load import load_model
from tests.engine.classifiers import picture


def seeded(name: str, seed: int = 3, **options: Any) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    if name in ("googlenet", "inception_v3"):
        options.setdefault("init_weights", False)
    module = torchvision.load().models.get_model(name, weights=None, **options)
    return dict(module.state_dict())


def logits_of_plain_torchvision(
    name: str, state: dict[str, Tensor], tensor: Tensor, **options: Any
) -> Tensor:
    if name in ("googlenet", "inception_v3"):
        options.setdefault("init_weights", False)
    module: nn.Module = torchvision.load().models.get_model(name, weights=None, **options)
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
    meta = torchvision.load().models.get_model_weights("resnet18").DEFAULT.meta
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
    state["conv1.weight"] = state["conv1.weight"][:, :, :5, :5]
    torch.save(state, tmp_path / "small.pth")
    with pytest.raises(engine.WeightsError, match=r"conv1\.weight \(64, 3, 5, 5\)"):
        load_model("resnet18", weights=tmp_path / "small.pth")


def test_the_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    entry = torchvision.load().models.get_model_weights("mobilenet_v3_small").DEFAULT
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
    old = torchvision.load().models.get_model_weights("mobilenet_v2").IMAGENET1K_V1
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
    entry = torchvision.load().models.get_model_weights("googlenet").DEFAULT
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
    grids = {node.name: node.grid for node in model.layers if node.explainable}
    assert grids["conv_proj"] == grids["encoder.layers.encoder_layer_5"] == (3, 3)


def test_a_weights_file_is_recognised_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "best.pth"
    state = seeded("resnet18", num_classes=3)
    torch.save(state, path)
    model = load_model(path)
    assert (model.info.source, model.info.weights) == ("resnet18", str(path))
    assert model.classes == ("class 0", "class 1", "class 2")
    assert "Assumed" in " ".join(model.info.notices)
    check(model, lambda x: logits_of_plain_torchvision("resnet18", state, x, num_classes=3))


def test_a_training_checkpoint_of_a_wrapped_network(tmp_path: Path) -> None:
    """As written after distributed training: nested, prefixed, beside an optimizer's tensors."""
    state = seeded("mobilenet_v3_small", num_classes=4)
    optimizer = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}
    content = {
        "epoch": 7,
        "optimizer": optimizer,
        "model_state_dict": {f"module._orig_mod.{key}": value for key, value in state.items()},
    }
    for name in (None, "mobilenet_v3_small"):
        torch.save(content, tmp_path / "checkpoint.tar")
        path = tmp_path / "checkpoint.tar"
        model = load_model(path) if name is None else load_model(name, weights=path)
        assert model.info.source == "mobilenet_v3_small"
        check(
            model,
            lambda x: logits_of_plain_torchvision("mobilenet_v3_small", state, x, num_classes=4),
        )


def test_an_architecture_named_for_a_weights_file(resnet: Path) -> None:
    assert load_model(resnet, architecture="resnet18").info.source == "resnet18"
    with pytest.raises(engine.WeightsError, match="vgg11"):
        load_model(resnet, architecture="vgg11")
    with pytest.raises(engine.ModelError, match="did you mean resnet18"):
        load_model(resnet, architecture="resnet-18")


def test_weights_of_something_else(tmp_path: Path) -> None:
    """The closest architecture, the first differences, and the ways out, in one line."""
    state = seeded("resnet18")
    state["extra.weight"] = torch.zeros(2, 2)
    del state["layer4.1.bn2.bias"]
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(engine.WeightsError) as caught:
        load_model(tmp_path / "odd.pth")
    message = str(caught.value)
    for words in ("closest is resnet18", "layer4.1.bn2.bias", "extra.weight", "Python file"):
        assert words in message
    assert "\n" not in message
    torch.save({"w": torch.zeros(2)}, tmp_path / "none.pth")
    with pytest.raises(engine.WeightsError, match="fit no torchvision architecture"):
        load_model(tmp_path / "none.pth")


def test_a_densenet_under_the_keys_of_its_time(tmp_path: Path) -> None:
    """torchvision's published files still call 'norm1' 'norm.1', and count no batches."""
    state = seeded("densenet121", num_classes=3)
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key): value
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }
    assert old.keys() != state.keys()
    torch.save(old, tmp_path / "old.pth")
    model = load_model(tmp_path / "old.pth")
    assert model.info.source == "densenet121"
    check(model, lambda x: logits_of_plain_torchvision("densenet121", state, x, num_classes=3))


def test_what_does_not_exist(tmp_path: Path, resnet: Path) -> None:
    def message(*arguments: Any, **options: Any) -> str:
        with pytest.raises(engine.ModelError) as caught:
            load_model(*arguments, **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "resnet50" in message("resnet5")
    assert "demo:shapes" in message("demo:shape")
    assert "demo:" in message("something quite different")
    assert "resnet18" in message("ResNet18x")
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
        module = models.build("swin_t", state, Path("w.pth"), published=False)
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(module.state_dict()[key], state[key]) for key in state)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("fcn_resnet50", "segmentation"),
        ("lraspp_mobilenet_v3_large", "segmentation"),
        ("fasterrcnn_mobilenet_v3_large_320_fpn", "detection"),
        ("ssdlite320_mobilenet_v3_large", "detection"),
    ],
)
def test_weights_of_other_tasks_are_called_what_they_are(
    tmp_path: Path, name: str, kind: str
) -> None:
    module = torchvision.load().models.get_model(name, weights=None, weights_backbone=None)
    torch.save(module.state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=f"weights of a {kind} model; only image classifiers"):
        load_model(tmp_path / "w.pth")


def test_a_file_of_a_hugging_face_folder_names_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    torch.save({"vit.embeddings.cls_token": torch.zeros(1, 1, 8), "a.b": torch.zeros(2, 2)}, path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match=f"open their folder, {tmp_path.name}"):
        load_model(path)


def test_what_a_model_cannot_take_is_not_left_out_silently(tmp_path: Path, resnet: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="folder already contains weights"):
        load_model(tmp_path, weights=resnet)
    with pytest.raises(ModelError, match="leave out --arch"):
        load_model(tmp_path, architecture="resnet18")
