"""Which architecture a state dict belongs to, against torchvision's own constructors."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.formats.torchvision import architectures
from engine.formats.torchvision.architectures import known, recognise
from engine.lazy import torchvision
from tests.engine.classifiers import names

A_DOZEN = (
    *("alexnet", "densenet121", "efficientnet_b0", "googlenet", "inception_v3", "maxvit_t"),
    *("mnasnet0_5", "mobilenet_v2", "regnet_y_400mf", "resnext50_32x4d", "squeezenet1_1"),
    *("swin_v2_t", "vit_b_32", "wide_resnet50_2", "convnext_tiny", "shufflenet_v2_x0_5"),
)


def shapes_only(name: str, **options: Any) -> dict[str, Tensor]:
    """The state dict as torchvision builds it, without the numbers, which do not matter here."""
    if name in ("googlenet", "inception_v3"):
        options.setdefault("init_weights", False)
    module = torchvision.load().models.get_model(name, weights=None, **options)
    return {key: torch.empty(t.shape, device="meta") for key, t in module.state_dict().items()}


@pytest.mark.parametrize("name", A_DOZEN)
def test_a_head_of_seven_classes(name: str) -> None:
    found = recognise(shapes_only(name, num_classes=7))
    assert found.names == (name,)


def test_the_shipped_index_is_that_of_the_installed_torchvision() -> None:
    version = torchvision.load().__version__.partition("+")[0]
    if version != "0.28.0":
        pytest.skip(f"the index ships for torchvision 0.28.0, and {version} is installed")
    shipped = architectures.read_index(architectures.SHIPPED, version)
    assert shipped is not None
    assert set(shipped) == set(names())
    for name in ("resnet18", "vit_b_16", "maxvit_t"):
        built = {key: tuple(t.shape) for key, t in shapes_only(name).items()}
        assert shipped[name] == built


def test_no_two_architectures_are_alike() -> None:
    seen = {}
    for name, shapes in known().items():
        alike = seen.setdefault(tuple(sorted(shapes.items())), name)
        assert alike == name


def test_auxiliary_heads_and_image_sizes_do_not_matter() -> None:
    for name in ("googlenet", "inception_v3"):
        for auxiliary in (True, False):
            state = shapes_only(name, num_classes=5, aux_logits=auxiliary)
            assert recognise(state).names == (name,)
    assert recognise(shapes_only("vit_b_32", image_size=96, num_classes=5)).names == ("vit_b_32",)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod.net."])
def test_wrappers(prefix: str) -> None:
    state = shapes_only("resnet18", num_classes=2)
    wrapped = {prefix + key: value for key, value in state.items()}
    wrapped["n_averaged"] = torch.zeros(())  # as torch.optim.swa_utils writes it
    found = recognise(wrapped)
    assert found.names == ("resnet18",)
    assert found.state.keys() == state.keys()


def test_twins_are_all_named() -> None:
    """Architectures of the same keys and shapes cannot be told apart."""
    index = {"one": {"w": (4, 3)}, "two": {"w": (4, 3)}, "three": {"w": (4, 5)}}
    assert recognise({"w": torch.zeros(2, 3)}, index).names == ("one", "two")


def test_another_kernel_in_the_first_layer_is_no_resnet() -> None:
    state = shapes_only("resnet18", num_classes=3)
    state["conv1.weight"] = torch.zeros(64, 3, 5, 5)
    found = recognise(state)
    assert (found.names, found.closest) == ((), "resnet18")
    # That it has other classes is no difference.
    assert found.difference == "different shape: conv1.weight (64, 3, 5, 5)"


def test_a_damaged_index_is_not_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "index.json.gz"
    assert architectures.read_index(path, "1.0") is None
    contents = (b"", b"{}", gzip.compress(b"[1]"), gzip.compress(b'{"torchvision": "1.0"}'))
    for content in (*contents, gzip.compress(b"x")[:-3]):
        path.write_bytes(content)
        assert architectures.read_index(path, "1.0") is None
        assert path.name in caplog.text
        caplog.clear()
    path.write_bytes(gzip.compress(json.dumps({"torchvision": "0.9"}).encode()))
    assert architectures.read_index(path, "1.0") is None


def test_an_index_that_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "index.json.gz"
    index = {"net": {"w": (4, 3), "scalar": ()}}
    architectures.write_index(path, "1.0", index)
    first = path.read_bytes()
    assert architectures.read_index(path, "1.0") == index
    architectures.write_index(path, "1.0", index)
    assert path.read_bytes() == first
