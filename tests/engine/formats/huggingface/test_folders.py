"""Hugging Face folders: transformers' own predictions, and no code and no network."""

from __future__ import annotations

import copy
import json
import math
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import engine
from engine.formats.huggingface import folders
from engine.formats.network_trials import is_near
from engine.loading.load import load_model
from engine.records.images import Channels
from engine.records.models import Scores
from tests.engine.extras_help import check_against, no_network, package, photo, pillow, without
from tests.engine.hf_folders import LABELS, PROCESSORS, folder_of, resnet, vit
from tests.reference import reference_map

transformers = package("transformers")
timm = package("timm")

__all__ = ["no_network"]


@pytest.fixture(autouse=True)
def _no_progress_bars() -> None:
    """Saving draws some, and tqdm leaves a thread behind that watches them."""
    transformers.utils.logging.disable_progress_bar()


def own_logits(folder: Path) -> Tensor:
    """What transformers itself makes of photo()."""
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    module = transformers.AutoModelForImageClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        logits: Tensor = module(**processor(pillow(photo()), return_tensors="pt")).logits
    return logits


@pytest.mark.parametrize(
    ("make", "processor", "layer"),
    [
        (vit, "exact size", "vit.layers.1.layernorm_before"),
        (resnet, "a margin that is cropped", "resnet.encoder.stages.1"),
        (resnet, "offset and a second deviation", "resnet.embedder"),
        (resnet, "BGR, not normalised", "resnet.encoder.stages.0"),
    ],
)
def test_predictions_are_transformers_own(
    make: Any, processor: str, layer: str, tmp_path: Path, no_network: list[object]
) -> None:
    folder = folder_of(make(), PROCESSORS[processor](), tmp_path / "birds")
    model = load_model(folder)
    check_against(model, own_logits(folder), layer, tolerance=2e-4)
    assert model.classes == tuple(LABELS.values())
    assert model.info.title == "birds"
    assert model.info.preprocessing_origin == "preprocessor_config.json"
    assert model.info.classes_origin == "config.json"
    assert model.info.notices == ()
    assert no_network == []


def test_shards_and_pickled_weights(tmp_path: Path) -> None:
    module = resnet()
    processor = PROCESSORS["CLIP"]()
    whole = folder_of(module, processor, tmp_path / "whole")
    parts = folder_of(module, processor, tmp_path / "parts", max_shard_size="5KB")
    assert (parts / "model.safetensors.index.json").exists()
    pickled = folder_of(module, processor, tmp_path / "pickled")
    (pickled / "model.safetensors").unlink()
    torch.save(module.state_dict(), pickled / "pytorch_model.bin")
    x = torch.rand(1, 3, 56, 56)
    expected = module(x).logits
    checksums = set()
    for folder in (whole, parts, pickled):
        network = folders.open_folder(folder)
        assert torch.equal(network.module(x).logits, expected)
        checksums.add(network.weights_sha256)
    assert len(checksums) == 3


def test_a_folder_without_preprocessor_or_names(tmp_path: Path) -> None:
    network = folders.open_folder(folder_of(vit(id2label=None, num_labels=4), None, tmp_path))
    assert network.preprocessing is None
    assert network.input_size == (32, 32)
    assert network.classes == ()


def test_grey_pictures(tmp_path: Path) -> None:
    processor = transformers.ViTImageProcessor(
        size={"height": 32, "width": 32}, image_mean=[0.4], image_std=[0.3]
    )
    network = folders.open_folder(folder_of(vit(num_channels=1), processor, tmp_path))
    assert network.channels == 1
    assert network.preprocessing is not None
    assert network.preprocessing.channels is Channels.GREY
    assert network.preprocessing.mean == (0.4,)


def test_labels_that_do_not_exclude_each_other(tmp_path: Path) -> None:
    module = vit(problem_type="multi_label_classification")
    model = load_model(folder_of(module, PROCESSORS["exact size"](), tmp_path / "many"))
    with engine.Session(model, photo()) as session:
        for found in session.predictions():
            assert found.probability == pytest.approx(1 / (1 + math.exp(-found.logit)), abs=1e-6)


def test_a_regression_shows_its_value(tmp_path: Path) -> None:
    module = vit(problem_type="regression", id2label={0: "age"})
    model = load_model(folder_of(module, PROCESSORS["exact size"](), tmp_path / "ages"))
    assert model.classes == ("age",)
    assert model.info.output.scores is Scores.VALUES
    with engine.Session(model, photo()) as session:
        (found,) = session.predictions()
    assert found.probability is None
    assert "%" not in found.said
    assert found.logit == pytest.approx(float(own_logits(tmp_path / "ages")), abs=1e-4)


def test_a_regression_of_several_values(tmp_path: Path) -> None:
    module = vit(problem_type="regression", id2label={0: "x", 1: "y"})
    model = load_model(folder_of(module, PROCESSORS["exact size"](), tmp_path / "points"))
    with engine.Session(model, photo()) as session:
        assert {found.label: found.probability for found in session.predictions()} == {
            "x": None,
            "y": None,
        }


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_weights_of_16_bits_are_computed_in_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    module = resnet().to(dtype)
    folder = folder_of(module, PROCESSORS["CLIP"](), tmp_path / "half")
    model = load_model(folder)
    assert model.info.arithmetic == "computed in float32"
    network = copy.deepcopy(module).float()
    layer = "resnet.embedder"
    with engine.Session(model, photo()) as session:
        found = session.explain(layer, 1)
        given = session._work.input
    assert given.dtype is torch.float32

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, pixels: Tensor) -> Tensor:
            logits: Tensor = self.inner(pixels).logits
            return logits

    wanted = reference_map(Logits(), given, f"inner.{layer}", 1)
    np.testing.assert_allclose(found.map, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


def edited(folder: Path, name: str = "config.json", **changes: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes))
    return folder


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    return folder_of(resnet(), PROCESSORS["CLIP"](), tmp_path / "birds")


def hostile_code(folder: Path, witness: Path) -> str:
    text = f"from pathlib import Path\nPath({str(witness)!r}).write_text('ran')\n"
    (folder / "mine.py").write_text(f"{text}class Mine: ...\n", encoding="utf-8")
    return "mine.Mine"


def test_code_of_a_folder_is_never_run(birds: Path, tmp_path: Path) -> None:
    name = hostile_code(birds, tmp_path / "witness")
    edited(birds, auto_map={"AutoModelForImageClassification": name, "AutoConfig": name})
    with pytest.raises(engine.ModelError, match=r"custom code.*never run"):
        folders.open_folder(birds)
    assert not (tmp_path / "witness").exists()


def test_timms_arguments_name_no_other_file(birds: Path, tmp_path: Path) -> None:
    """Without an architecture of timm, transformers would make a ResNet-50 of them."""
    edited(birds, model_type="timm_wrapper", model_args={"checkpoint_path": str(tmp_path / "no")})
    edited(birds, architectures=["TimmWrapperForImageClassification"])
    with pytest.raises(engine.ModelError, match="no timm architecture"):
        folders.open_folder(birds)


def test_a_preprocessors_code_is_never_run(birds: Path, tmp_path: Path) -> None:
    name = hostile_code(birds, tmp_path / "witness")
    edited(birds, "preprocessor_config.json", auto_map={"AutoImageProcessor": name})
    network = folders.open_folder(birds)
    assert network.preprocessing is None
    assert "never run" in network.notices[0]
    assert not (tmp_path / "witness").exists()


def test_no_other_attention_code_is_fetched(birds: Path, no_network: list[object]) -> None:
    """transformers would take this for a kernel on its hub."""
    edited(birds, attn_implementation="someone/kernel", _attn_implementation="someone/kernel")
    assert folders.open_folder(birds).classes == tuple(LABELS.values())
    assert no_network == []


def test_a_pickle_in_the_weights_is_never_run(birds: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return (Path.touch, (tmp_path / "witness",))  # type: ignore[return-value]

    (birds / "model.safetensors").unlink()
    torch.save({"weight": Evil()}, birds / "pytorch_model.bin")
    with pytest.raises(engine.WeightsError, match="birds"):
        folders.open_folder(birds)
    assert not (tmp_path / "witness").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"architectures": ["SegformerForSemanticSegmentation"], "model_type": "segformer"},
            r"for semantic segmentation \(Segformer.*only image classifiers",
        ),
        ({"architectures": ["DetrForObjectDetection"], "model_type": "detr"}, "object detection"),
        ({"architectures": ["BertForMaskedLM"], "model_type": "bert"}, "for masked lm"),
        ({"architectures": ["ViTModel"], "model_type": "vit"}, "without a classification head"),
        (
            {"architectures": ["ImageGPTForImageClassification"], "model_type": "imagegpt"},
            "split or tokenised",
        ),
        ({"architectures": ["NewForImageClassification"], "model_type": "new"}, "only image|newer"),
        ({"architectures": None, "model_type": "new"}, "no image classifier of type 'new'"),
        ({"quantization_config": {"quant_method": "awq"}}, "quantised"),
    ],
)
def test_what_is_no_image_classifier(birds: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(engine.ModelError, match=words) as error:
        folders.open_folder(edited(birds, **changes))
    assert "\n" not in str(error.value)
    assert str(birds) in str(error.value)


def test_damaged_and_missing_files(birds: Path, tmp_path: Path) -> None:
    weights = (birds / "model.safetensors").read_bytes()
    (birds / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(engine.WeightsError, match="header claims"):
        folders.open_folder(birds)
    (birds / "model.safetensors").unlink()
    with pytest.raises(engine.WeightsError, match=r"no weights in it"):
        folders.open_folder(birds)
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (birds / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(engine.WeightsError, match="2 of 2 weights files are missing"):
        folders.open_folder(birds)
    index = {"weight_map": {"a": "../../elsewhere.safetensors"}}
    (birds / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(engine.WeightsError, match="lists no weights files of this folder"):
        folders.open_folder(birds)
    for text in ("{", "[]", "\x00", '{"a": ' * 5000):
        (birds / "config.json").write_text(text)
        with pytest.raises(engine.ModelError, match=r"config.json"):
            folders.open_folder(birds)


def test_weights_without_a_trained_classifier(birds: Path) -> None:
    state = load_file(birds / "model.safetensors")
    kept = {k: t for k, t in state.items() if not k.startswith("classifier")}
    save_file(kept, birds / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        engine.WeightsError, match=r"missing: classifier.1.bias, classifier.1.weight"
    ):
        folders.open_folder(birds)


def test_a_preprocessor_that_cannot_be_used_is_told(birds: Path) -> None:
    edited(birds, "preprocessor_config.json", image_processor_type="NoSuchProcessor")
    network = folders.open_folder(birds)
    assert network.preprocessing is None
    assert "preprocessor_config.json could not be used" in network.notices[0]


def timm_folder(folder: Path) -> tuple[Path, nn.Module, dict[str, Any]]:
    """A folder as timm saves it for the hub, its network and its pretrained_cfg."""
    folder.mkdir()
    torch.manual_seed(0)
    module: nn.Module = timm.create_model("test_resnet", num_classes=3).eval()
    facts: dict[str, Any] = {
        "input_size": [3, 96, 96],
        "interpolation": "bilinear",
        "crop_pct": 0.8,
        "mean": [0.1, 0.2, 0.3],
        "std": [0.5, 0.6, 0.7],
        "num_classes": 3,
        "first_conv": "conv1.0",
        "classifier": "fc",
    }
    config = {
        "architecture": "test_resnet",
        "num_classes": 3,
        "label_names": ["n1", "n2", "n3"],
        "label_descriptions": {"n1": "heron", "n2": "kite", "n3": "owl"},
        "pretrained_cfg": facts,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(module.state_dict(), folder / "model.safetensors")
    return folder, module, facts


def test_a_folder_of_timm(tmp_path: Path, no_network: list[object]) -> None:
    folder, module, facts = timm_folder(tmp_path / "birds")
    model = load_model(folder)
    resolved = timm.data.resolve_data_config(pretrained_cfg=facts)
    with torch.no_grad():
        picture = timm.data.create_transform(**resolved, is_training=False)(pillow(photo()))
        expected = module(picture.unsqueeze(0))
    check_against(model, expected, "layer4")
    assert model.classes == ("heron", "kite", "owl")
    assert model.info.preprocessing_origin == "config.json"
    assert no_network == []


def test_a_folder_of_transformers_around_timm(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = transformers.TimmWrapperConfig(architecture="test_resnet", id2label=LABELS)
    module = transformers.TimmWrapperForImageClassification(config).eval()
    module.save_pretrained(tmp_path)
    network = folders.open_folder(tmp_path)
    x = torch.rand(1, 3, 160, 160)
    torch.testing.assert_close(network.module(x), module(x).logits)
    assert network.classes == tuple(LABELS.values())


ODD: tuple[Any, ...] = (
    *(None, 0, -1, 10**9, "x", "", [], {}, [1, 2, 3, 4, 5], {"a": 1}, True, 1e308, float("nan")),
    *("9" * 5000, {"9" * 5000: "a"}, [None], ["a", "b"], {"height": 0, "width": -3}),
    {"shortest_edge": 10**7},
)


def places(content: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key in content if isinstance(content, dict) else range(len(content)):
        yield (*above, key)
        if isinstance(content[key], dict | list):
            yield from places(content[key], (*above, key))


# Layers without a weight and numbers beyond float32 are remarked on by torch and numpy.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "timm"])
def test_any_value_in_a_configuration_opens_or_is_refused(
    name: str, birds: Path, tmp_path: Path
) -> None:
    folder = timm_folder(tmp_path / "timm")[0] if name == "timm" else birds
    path = folder / ("config.json" if name == "timm" else name)
    text = path.read_text(encoding="utf-8")
    rng = random.Random(0)
    errors = []
    for _ in range(40):
        content = holder = json.loads(text)
        *above, last = rng.choice(list(places(content)))
        for key in above:
            holder = holder[key]
        holder[last] = rng.choice(ODD)
        path.write_text(json.dumps(content), encoding="utf-8")
        try:
            folders.open_folder(folder)
        except engine.ModelError as error:
            errors.append(str(error))
    assert [m for m in errors if str(folder) not in m or "\n" in m] == []


# --- configurations that ask for more than there is ----------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words", "patience"),
    [
        ({"num_labels": 10**9, "id2label": None, "label2id": None}, "needs more than", 60),
        ({"depths": [10**8, 1]}, "needs more than|was stopped after", 3),
        ({"hidden_sizes": [8, 10**6]}, "describes a network of", 60),
        ({"architectures": 3}, "", None),
        ({"architectures": "ResNetForImageClassification"}, "", None),
        ({"image_size": [None, "x"]}, "", None),
        ({"image_size": 10**9}, "", None),
        ({"id2label": {"0": "x" * 10**6, "1": "y", "2": "z"}}, "", None),
    ],
)
def test_a_configuration_takes_no_more_than_its_weights(
    birds: Path, changes: dict[str, Any], words: str, patience: float | None
) -> None:
    """The program itself makes nothing of it before a reader has."""
    before = psutil.Process().memory_info().rss
    edited(birds, **changes)
    if words:
        with pytest.raises(engine.WeightsError, match=words) as caught:
            load_model(birds, device="cpu", patience=patience)
        assert birds.name in str(caught.value)
    else:
        assert len(load_model(birds, device="cpu").classes) == 3
    assert psutil.Process().memory_info().rss - before < 700 << 20


def test_a_preprocessor_that_pads_to_a_billion_pixels(birds: Path) -> None:
    """Its processor is tried with a picture, and pads that by itself."""
    before = psutil.Process().memory_info().rss
    edited(
        *(birds, "preprocessor_config.json"),
        image_processor_type="ViTImageProcessor",
        size={"height": 56, "width": 56},
        do_pad=True,
        pad_size={"height": 30_000, "width": 30_000},
    )
    network = folders.open_folder(birds)
    assert network.preprocessing is None
    assert "preprocessor_config.json could not be used (reading needs more" in network.notices[0]
    assert psutil.Process().memory_info().rss - before < 700 << 20


def test_a_configuration_nested_deeper_than_any(birds: Path) -> None:
    nested: dict[str, Any] = {}
    for _ in range(400):
        nested = {"a": nested}
    with pytest.raises(engine.ModelError, match=r"config\.json: nested more than 50"):
        load_model(edited(birds, text_config=nested))


def test_what_timm_takes_from_a_configuration_is_no_larger_than_the_weights(
    tmp_path: Path,
) -> None:
    folder, _module, facts = timm_folder(tmp_path / "timm")
    for changes in (
        {"num_classes": 10**8, "classifier": "nothing"},
        {"input_size": [10**6, 96, 96], "first_conv": "nothing"},
    ):
        edited(folder, num_classes=None, pretrained_cfg=facts | changes)
        with pytest.raises(engine.WeightsError, match="describes a network of"):
            load_model(folder, device="cpu")


def test_a_network_that_does_not_run_is_named(tmp_path: Path) -> None:
    folder = folder_of(vit(), PROCESSORS["exact size"](), tmp_path / "small")
    edited(folder, "preprocessor_config.json", size={"height": 3, "width": 3})
    with pytest.raises(engine.ModelError, match=r"small: the network does not run on an input"):
        load_model(folder, device="cpu")


def test_without_transformers(birds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "transformers")
    with pytest.raises(engine.ModelError, match=r"package transformers.*requirements-extras\.txt"):
        folders.open_folder(birds)


def test_no_thread_is_left(birds: Path) -> None:
    before = set(threading.enumerate())
    folders.open_folder(birds)
    # A pool of transformers that was shut down ends by itself, but on a busy machine not at once.
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
    assert set(threading.enumerate()) == before


USUAL = {"hidden_size": 768, "depths": [3, 3, 9, 3], "eps": 1e-12, "act": "gelu", "size": None}


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ({"hidden_size": 1024, "depths": [3, 3, 27, 3], "eps": 1e-6, "act": "relu"}, True),
        ({"id2label": {str(index): "x" for index in range(21_000)}}, True),
        ({"hidden_size": 256, "size": 518, "something": True, "names": ["a"] * 20}, True),
        *(({"hidden_size": size}, False) for size in (0, 200, 3000, 10**9, -768, float("nan"))),
        *(({"depths": depths}, False) for depths in ([3, 3, 28, 3], [3] * 65, [10**8, 1])),
        *(({"size": size}, False) for size in (4096, [2000, 3], {"height": 10**6})),
        *(({"ratio": ratio}, False) for ratio in (1e9, -1e9, float("inf"))),
    ],
)
def test_which_configurations_need_a_trial(given: dict[str, Any], near: bool) -> None:
    assert is_near(given, USUAL) is near


@pytest.mark.parametrize(
    "name", ["ViTConfig", "ConvNextConfig", "ResNetConfig", "SwinConfig", "BeitConfig"]
)
def test_what_transformers_itself_builds_needs_no_trial(name: str) -> None:
    config = getattr(transformers, name)()
    assert is_near(json.loads(config.to_json_string(use_diff=False)), type(config)().to_dict())
