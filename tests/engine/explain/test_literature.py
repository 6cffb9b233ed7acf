"""The systems of the literature, each from files on disk, opened as a dropped file is.

What they show is compared with an independent derivation: the picture prepared with Pillow and
numpy, the network built by its own constructor, one layer at a time (tests.reference).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import engine
from engine.files.trust import Trust
from engine.lazy import torchvision
from engine.records.models import Layout
from tests.reference import reference_activation_and_gradient, reference_map

FIXTURES = Path(__file__).parents[2] / "fixtures"
TRUSTED = Trust(everything=True)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of large structures, 300 x 260."""
    rng = np.random.default_rng(5)
    blocks = rng.integers(0, 256, (13, 15, 3), dtype=np.uint8).repeat(20, axis=0).repeat(20, axis=1)
    path = tmp_path / "photo.png"
    Image.fromarray(blocks).save(path)
    return path


def tensor_of(
    photo: Path,
    resize: int,
    crop: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    mode: str = "RGB",
) -> Tensor:
    """Shorter side to `resize`, centre crop, normalised; with Pillow and numpy alone."""
    picture = Image.open(photo).convert(mode)
    width, height = picture.size
    scale = resize / min(width, height)
    size = (resize, int(height * scale)) if width < height else (int(width * scale), resize)
    picture = picture.resize(size, Image.Resampling.BILINEAR)
    left, top = round((size[0] - crop) / 2), round((size[1] - crop) / 2)
    values = np.asarray(picture.crop((left, top, left + crop, top + crop)), np.float32) / 255
    values = values.reshape(crop, crop, -1)
    normalised = (values - np.array(mean, np.float32)) / np.array(std, np.float32)
    return torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1)))[None].float()


def namespace(name: str) -> Any:
    """The fixture's classes, imported by the test itself."""
    spec = importlib.util.spec_from_file_location(f"own_{name}", FIXTURES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copied(name: str, folder: Path) -> Path:
    path = folder / f"{name}.py"
    path.write_text((FIXTURES / f"{name}.py").read_text(encoding="utf-8"), encoding="utf-8")
    return path


def torchvision_network(name: str, classes: int = 1000, seed: int = 1, **options: Any) -> nn.Module:
    """Seeded, and with moments as after training, so that nothing explodes or vanishes."""
    torch.manual_seed(seed)
    module: nn.Module = torchvision.load().models.get_model(
        name, weights=None, num_classes=classes, **options
    )
    for parameter in module.parameters():
        if parameter.ndim > 1 and not parameter.detach().any():
            nn.init.normal_(parameter, std=0.02)
    norms = [part for part in module.eval().modules() if isinstance(part, nn.BatchNorm2d)]
    for part in norms:
        part.train().momentum = 1.0
    if norms:
        with torch.no_grad():
            module(torch.randn(2, 3, 96, 96))
    return module.eval()


def close(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-4) -> bool:
    assert found.shape == expected.shape
    largest = float(np.abs(expected).max())
    assert largest > 0, "zero says nothing"
    return float(np.abs(found - expected).max()) <= tolerance * largest


def test_an_x_ray_classifier(tmp_path: Path, photo: Path) -> None:
    """Its file is dropped, its weights lie beside it; mean and deviation are set as published."""
    torch.manual_seed(4)
    network = namespace("xray_classifier").XRayClassifier().eval()
    path = copied("xray_classifier", tmp_path)
    torch.save(network.state_dict(), tmp_path / "xray_classifier.pth")
    with pytest.raises(engine.ConsentNeeded, match=r"xray_classifier\.py"):
        engine.load_model(path)
    model = engine.load_model(path, trust=TRUSTED)
    assert model.preprocessing.crop == (256, 256)
    assert model.classes == ("negative", "positive")
    how = engine.Preprocessing(256, (256, 256), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    model = model.configured(preprocessing=how)
    with engine.Session(model, engine.load_image(photo)) as session:
        both = [session.explain("resnet_blocks.4", side) for side in ("negative", "positive")]
        predictions = {p.label: p for p in session.predictions()}
        assert session.explain().layer == "resnet_blocks"
    tensor = tensor_of(photo, 256, 256, how.mean, how.std)
    with torch.no_grad():
        probability = float(network(tensor))
    assert predictions["positive"].probability == pytest.approx(probability, abs=1e-5)
    assert predictions["negative"].probability == pytest.approx(1 - probability, abs=1e-5)
    assert predictions["negative"].logit == -predictions["positive"].logit
    # The reference explains the score before the sigmoid.
    network.classifier = network.classifier[:1]
    expected = reference_map(network, tensor, "resnet_blocks.4", 0)
    assert both[1].shape == (1024, 8, 8)
    assert close(both[1].map, expected)
    assert close(both[0].map, -expected)


@pytest.mark.parametrize("layer", ["features.28", "features.29"])
def test_vgg16_with_its_in_place_relus(tmp_path: Path, photo: Path, layer: str) -> None:
    network = torchvision_network("vgg16", classes=10)
    torch.save(network.state_dict(), tmp_path / "tuned.pth")
    model = engine.load_model(tmp_path / "tuned.pth")
    assert model.info.source == "vgg16"
    with engine.Session(model, engine.load_image(photo)) as session:
        found = session.explain(layer, 3)
    assert found.shape == (512, 14, 14)
    for part in network.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    tensor = tensor_of(photo, 256, 224, *IMAGENET)
    assert close(found.map, reference_map(network, tensor, layer, 3))


@pytest.mark.parametrize(
    ("name", "layer", "grid"), [("vgg19", "features.35", 14), ("densenet201", "features", 7)]
)
def test_top_predictions_and_the_map_of_any_class(
    tmp_path: Path, photo: Path, name: str, layer: str, grid: int
) -> None:
    network = torchvision_network(name)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    model = engine.load_model(tmp_path / "weights.pth")
    tensor = tensor_of(photo, 256, 224, *IMAGENET)
    with torch.no_grad():
        logits = network(tensor)[0]
    with engine.Session(model, engine.load_image(photo)) as session:
        top = session.predictions(k=5)
        found = session.explain(layer, "tabby")
    assert [p.index for p in top] == logits.topk(5).indices.tolist()
    scale = float(logits.abs().max())
    assert all(abs(p.logit - float(logits[p.index])) < 1e-4 * scale for p in top)
    assert found.target.index == 281
    assert found.map.shape == (grid, grid)
    assert close(found.map, reference_map(network, tensor, layer, 281))


def test_the_last_convolution_of_a_resnet(tmp_path: Path, photo: Path) -> None:
    network = torchvision_network("resnet18")
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    model = engine.load_model(tmp_path / "weights.pth")
    with engine.Session(model, engine.load_image(photo)) as session:
        found = session.explain("last convolution", "tusker")
    assert found.layer == "layer4.1.conv2"
    tensor = tensor_of(photo, 256, 224, *IMAGENET)
    expected = reference_map(network, tensor, "layer4.1.conv2", found.target.index)
    assert close(found.map, expected)


def test_grey_digits_with_log_softmax_inside(tmp_path: Path, photo: Path) -> None:
    torch.manual_seed(2)
    network = namespace("digits").Digits().eval()
    path = copied("digits", tmp_path)
    torch.save(network.state_dict(), tmp_path / "mnist_cnn.pt")
    model = engine.load_model(path, trust=TRUSTED)
    assert model.preprocessing.crop == (28, 28)
    assert len(model.preprocessing.mean) == 1
    assert model.info.output.ends_in == "log_softmax"
    how = model.preprocessing
    with engine.Session(model, engine.load_image(photo)) as session:
        found = session.explain("conv2", 6)
        top = session.predictions(k=10)
        tensor = session._work.input
    own = tensor_of(photo, 28, 28, how.mean, how.std, mode="L")
    assert torch.allclose(own, tensor, atol=1.5 / 255 / how.std[0])
    with torch.no_grad():
        probabilities = network(tensor)[0].exp()
    for prediction in top:
        assert prediction.probability == pytest.approx(
            float(probabilities[prediction.index]), abs=1e-5
        )

    class WithoutSoftmax(type(network)):  # type: ignore[misc]
        def forward(self, x: Tensor) -> Tensor:
            # The same up to a constant for each picture would not do: its gradient differs.
            x = self.conv2(self.conv1(x).relu()).relu()
            x = nn.functional.max_pool2d(x, 2).flatten(1)
            return self.fc2(self.fc1(x).relu())

    plain = WithoutSoftmax()
    plain.load_state_dict(network.state_dict())
    assert close(found.map, reference_map(plain, tensor, "conv2", 6))


def test_a_training_checkpoint_beside_a_real_optimizer(tmp_path: Path, photo: Path) -> None:
    network = torchvision_network("mobilenet_v3_small", classes=5)
    optimizer = torch.optim.Adam(network.train().parameters())
    network(torch.randn(2, 3, 64, 64)).sum().backward()
    optimizer.step()
    network.eval()
    content = {
        "epoch": 3,
        "best": torch.tensor(0.9),
        "optimizer_state_dict": optimizer.state_dict(),
        "model_state_dict": network.state_dict(),
    }
    torch.save(content, tmp_path / "last.ckpt")
    check_recognised(tmp_path / "last.ckpt", "mobilenet_v3_small", network, photo)


def test_the_state_dict_of_data_parallel(tmp_path: Path, photo: Path) -> None:
    network = torchvision_network("resnet18", classes=4)
    torch.save(nn.DataParallel(network).state_dict(), tmp_path / "parallel.pth")
    check_recognised(tmp_path / "parallel.pth", "resnet18", network, photo)


def test_a_fine_tuned_head(tmp_path: Path, photo: Path) -> None:
    network = torchvision_network("efficientnet_b0", classes=3)
    torch.save(network.state_dict(), tmp_path / "best.pth")
    check_recognised(tmp_path / "best.pth", "efficientnet_b0", network, photo)


def check_recognised(path: Path, name: str, network: nn.Module, photo: Path) -> None:
    """Nothing is asked; the default layer's map is that of the network that was saved."""
    model = engine.load_model(path)
    assert model.info.source == name
    with engine.Session(model, engine.load_image(photo)) as session:
        found = session.explain(target=2)
        tensor = session._work.input
    assert close(found.map, reference_map(network, tensor, found.layer, 2))


def token_map(network: nn.Module, tensor: Tensor, layer: str, target: int) -> np.ndarray:
    """The map of a layer of one class token and a square of patches: mean over patches."""
    a, g = reference_activation_and_gradient(network, tensor, layer, target)
    patches, gradients = a[0, 1:].double(), g[0, 1:].double()
    side = round(len(patches) ** 0.5)
    return (patches @ gradients.mean(0)).reshape(side, side).numpy()


def test_a_vision_transformer(tmp_path: Path, photo: Path) -> None:
    network = torchvision_network("vit_b_32", classes=6)
    torch.save(network.state_dict(), tmp_path / "vit.pth")
    model = engine.load_model(tmp_path / "vit.pth")
    assert model.info.source == "vit_b_32"
    last = "encoder.layers.encoder_layer_11"
    layers = {node.name: node for node in model.layers}
    assert layers[f"{last}.mlp"].reason == "no gradient reaches it"
    assert model.info.default_layer == f"{last}.ln_1"
    with engine.Session(model, engine.load_image(photo)) as session:
        found = session.explain(target=1)
        tensor = session._work.input
    assert (found.layout, found.map.shape) == (Layout.TOKENS, (7, 7))
    assert close(found.map, token_map(network, tensor, f"{last}.ln_1", 1))


def test_a_swin_transformer(tmp_path: Path, photo: Path) -> None:
    network = torchvision_network("swin_t", classes=6)
    torch.save(network.state_dict(), tmp_path / "swin.safetensors.pth")
    model = engine.load_model(tmp_path / "swin.safetensors.pth")
    with engine.Session(model, engine.load_image(photo)) as session:
        found = session.explain("features.5", 1)
        tensor = session._work.input
    assert found.layout is Layout.CHANNELS_LAST
    assert close(found.map, reference_map(network, tensor, "features.5", 1, channels_last=True))


def test_a_network_that_returns_a_dict(tmp_path: Path, photo: Path) -> None:
    torch.manual_seed(3)
    network = namespace("two_heads").TwoHeads(classes=4).eval()
    path = copied("two_heads", tmp_path)
    torch.save(network.state_dict(), tmp_path / "two_heads.pth")
    model = engine.load_model(path, trust=TRUSTED)
    assert model.info.output.place == "logits"
    assert set(model.info.outputs) == {"embedding", "logits"}
    with engine.Session(model, engine.load_image(photo)) as session:
        found = session.explain("features.2", 2)
        tensor = session._work.input

    class Logits(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Tensor) -> Tensor:
            returned: Mapping[str, Tensor] = self.inner(x)
            return returned["logits"]

    assert close(found.map, reference_map(Logits(network), tensor, "inner.features.2", 2))


def test_a_whole_network_in_bfloat16(tmp_path: Path, photo: Path) -> None:
    """Its classes are torchvision's own, so that nothing has to be asked."""
    network = torchvision_network("resnet18", classes=4).to(torch.bfloat16)
    torch.save(network, tmp_path / "half.pt")
    model = engine.load_model(tmp_path / "half.pt")
    assert model.dtype is torch.float32
    network = network.float()
    with engine.Session(model, engine.load_image(photo)) as session:
        found = session.explain("layer3", 1)
        tensor = session._work.input
    assert found.map.dtype == np.float32
    activation, gradient = reference_activation_and_gradient(network, tensor, "layer3", 1)
    a, g = activation[0].double(), gradient[0].double()
    expected = (g.mean(dim=(1, 2))[:, None, None] * a).sum(0).numpy()
    assert close(found.map, expected, tolerance=1e-5)
