"""The embedded demo shows what docs/demo.md says of it, on a sample small enough for every run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from engine.errors import WeightsError
from engine.formats.demo import CLASSES, DEMOS, SCENES, Scene, build
from engine.paths import RESOURCES
from engine.records.images import Pixels
from engine.scenery import sampling
from engine.scenery import world as demo_world
from scripts.demo import measure_demo
from scripts.demo.scenes import SPECS, SceneSpec

SEED = 31_000


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    return {name: build(demo).eval() for name, demo in DEMOS.items()}


def seen_by_the_network(path: Path) -> Pixels:
    """Resize and centre crop as torchvision's preset does, written out with Pillow."""
    with Image.open(path) as picture:
        scale = 128 / min(picture.size)
        size = (int(picture.width * scale), int(picture.height * scale))
        small = picture.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    left, top = round((small.width - 128) / 2), round((small.height - 128) / 2)
    return np.array(small.crop((left, top, left + 128, top + 128)))[None]


def top_two(network: nn.Module, path: Path) -> list[str]:
    order = measure_demo.logits(network, seen_by_the_network(path))[0].argsort(descending=True)
    return [CLASSES[int(index)] for index in order[:2]]


def spec_of(scene: Scene) -> SceneSpec:
    return next(spec for spec in SPECS if spec.file == scene.path.name)


def test_listing_the_demo_does_not_import_torch() -> None:
    heavy = "'torch' in sys.modules or 'cv2' in sys.modules"
    code = f"import sys, engine.formats.demo; sys.exit({heavy})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=RESOURCES.parent)


def test_files_are_there_and_small() -> None:
    assert set(DEMOS) == {"shapes", "shortcut"}
    for demo in DEMOS.values():
        assert 0 < demo.weights.stat().st_size < 3_000_000
    assert sum(scene.path.stat().st_size for scene in SCENES) < 2_000_000
    assert sorted(scene.path.name for scene in SCENES) == sorted(spec.file for spec in SPECS)


def test_networks_are_small_and_have_torchvisions_names(networks: dict[str, nn.Module]) -> None:
    for network in networks.values():
        assert sum(parameter.numel() for parameter in network.parameters()) < 400_000
        assert network(torch.zeros(2, 3, 128, 128)).shape == (2, len(CLASSES))
        names = [name for name, _ in network.named_children()]
        stages = ["layer1", "layer2", "layer3", "layer4"]
        assert names == ["conv1", "bn1", "relu", "maxpool", *stages, "avgpool", "fc"]


@pytest.mark.parametrize("content", [None, b"", b"no weights in here"])
def test_incomplete_installation_is_said_in_words(tmp_path: Path, content: bytes | None) -> None:
    broken = replace(DEMOS["shapes"], weights=tmp_path / "shapes.safetensors")
    if content is not None:
        broken.weights.write_bytes(content)
    with pytest.raises(WeightsError, match=r"shapes\.safetensors"):
        build(broken)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.path.stem)
def test_scene_is_large_and_not_square(scene: Scene) -> None:
    with Image.open(scene.path) as picture:
        assert min(picture.size) >= 5 * 128
        assert picture.width != picture.height
        assert picture.size == (spec_of(scene).width, spec_of(scene).height)
    assert scene.model in DEMOS
    assert scene.invitation.endswith((".", "?"))


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.path.stem)
def test_shapes_network_names_what_is_in_the_scene(
    networks: dict[str, nn.Module], scene: Scene
) -> None:
    kinds = {figure[0] for figure in spec_of(scene).figures}
    assert set(top_two(networks["shapes"], scene.path)[: len(kinds)]) == kinds


def test_shortcut_scenes_tell_the_story(networks: dict[str, nn.Module]) -> None:
    scenes = {scene.path.stem: scene for scene in SCENES if scene.model == "shortcut"}
    top = {name: top_two(networks["shortcut"], scene.path)[0] for name, scene in scenes.items()}
    assert top["star-with-mark"] == "star"
    assert top["star-without-mark"] != "star"
    assert top["circle-with-mark"] == "star"


def test_shapes_network_is_right_and_points_at_the_shape(networks: dict[str, nn.Module]) -> None:
    sample = measure_demo.new_sample(80, SEED)
    assert measure_demo.accuracy(networks["shapes"], sample) >= 0.93
    assert measure_demo.pointing(networks["shapes"], sample) >= 0.88


def test_map_follows_the_chosen_class(networks: dict[str, nn.Module]) -> None:
    sample = measure_demo.new_sample(60, SEED + 1, figures=2)
    assert measure_demo.switching(networks["shapes"], sample)[1] >= 0.8


def test_shortcut_network_reads_the_mark(networks: dict[str, nn.Module]) -> None:
    network = networks["shortcut"]
    others = [kind for kind in CLASSES if kind != "star"]
    marked = measure_demo.new_sample(40, SEED + 2, kinds=["star"], marked=True)
    bare = measure_demo.new_sample(40, SEED + 2, kinds=["star"])
    false = measure_demo.new_sample(42, SEED + 3, kinds=others, marked=True)
    plain = measure_demo.new_sample(42, SEED + 3, kinds=others)
    assert measure_demo.accuracy(network, marked) >= 0.9
    assert measure_demo.accuracy(network, plain) >= 0.9
    assert measure_demo.called_star(network, bare) <= 0.3
    assert measure_demo.called_star(network, false) >= 0.7
    assert measure_demo.mark_share(network, marked) >= 0.8


def test_same_seed_draws_the_same_picture() -> None:
    first, second = (
        demo_world.draw(sampling.sample(np.random.default_rng(SEED), 2)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kind", CLASSES)
def test_mask_covers_exactly_what_is_drawn(kind: str) -> None:
    figure = demo_world.Figure(kind, 60, 66, 28, 0.4, (255, 255, 255), (255, 255, 255))
    black = np.zeros((2, 2, 3), dtype=np.float32)
    world = demo_world.World(128, 128, black, 0, (), (figure,))
    drawn = demo_world.draw(world)[..., 0]
    area = demo_world.mask(world, 0) > 0
    # The mask may claim the pixels on the edge, which the drawing covers in part.
    assert (drawn[~area] < 230).all()
    assert (drawn[area] > 0).all()
    assert abs(int(area.sum()) - drawn.sum() / 255) < 0.12 * area.sum()
