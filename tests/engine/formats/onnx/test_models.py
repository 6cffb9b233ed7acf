"""ONNX files: predictions and maps of the network they were made from, and no code of theirs."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import engine
from engine.formats.onnx import models
from engine.lazy import torchvision
from engine.loading.load import load_model
from engine.passes.copies import meta_copy
from tests.engine.extras_help import check_against, package, photo, without
from tests.engine.onnx_files import (
    FLOAT,
    TORCH_NAMES,
    Small,
    model_of,
    nodes_of_small,
    saved,
    small,
    weights_of,
)
from tests.reference import reference_map

onnx = package("onnx")
package("onnx2torch")
helper, numpy_helper = onnx.helper, onnx.numpy_helper


def given_to(model: engine.Model) -> Tensor:
    with engine.Session(model, photo()) as session:
        given: Tensor = session._work.input
    return given


@pytest.mark.parametrize("opset", [11, 13, 17, 18, 20, 22, 25])
def test_predictions_and_maps_are_those_of_the_network(opset: int, tmp_path: Path) -> None:
    """For old and new versions of ONNX, the map of a layer is that of the layer in torch."""
    model = load_model(small(tmp_path / "small.onnx", opset=opset))
    network = Small().eval()
    given = given_to(model)
    check_against(model, network(given).detach(), "conv2")
    with engine.Session(model, photo()) as session:
        for layer in ("conv1", "conv2"):
            found = session.explain(layer, target=2).map
            wanted = reference_map(network, given, layer, 2)
            np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())


def test_layers_are_called_as_in_torch(tmp_path: Path) -> None:
    network = models.open_onnx(small(tmp_path / "small.onnx"))
    names = [name for name, _ in network.module.named_modules() if name]
    assert names == ["conv1", "Relu", "conv2", "Relu_1", "ReduceMean", "fc"]
    assert isinstance(network.module.get_submodule("conv1"), nn.Conv2d)
    assert (network.title, network.source) == ("small", "small")
    assert (network.channels, network.input_size) == (3, (48, 48))


def test_names_that_torchs_newer_exporter_keeps_beside_the_nodes(tmp_path: Path) -> None:
    model = onnx.load(str(small(tmp_path / "small.onnx")))
    scopes = ["block.0.conv", "block.0.act", "block.1.conv", "block.1.act", "", "head"]
    for index, (node, scope) in enumerate(zip(model.graph.node, scopes, strict=True)):
        node.name = f"node_{index}"
        value = repr(["", scope, f"{node.op_type}_{index}"])
        entry = node.metadata_props.add()
        entry.key, entry.value = "pkg.torch.onnx.name_scopes", value
    network = models.open_onnx(saved(model, tmp_path / "named.onnx"))
    calls = [n.target for n in network.module.graph.nodes if n.op == "call_module"]  # type: ignore[union-attr,operator]
    assert calls == [*scopes[:4], "ReduceMean", "head"]


def exported(network: nn.Module, size: tuple[int, int], path: Path, **options: Any) -> Path:
    with warnings.catch_warnings():
        # Of the exporter's age; the newer one needs a package that nothing else here does.
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (torch.rand(1, 3, *size),), path, dynamo=False, **options)
    return path


def test_a_torchvision_network_from_torchs_exporter(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = torchvision.load().models.resnet18(weights=None, num_classes=5).eval()
    path = exported(network, (64, 64), tmp_path / "resnet.onnx")
    model = load_model(path)
    check_against(model, network(given_to(model)).detach(), "layer4.1.conv2")
    found = {node.name for node in model.layers}
    assert {"layer1.0.conv1", "layer2.0.downsample.0", "layer4.1", "fc"} <= found


def test_a_vision_transformer_from_torchs_exporter(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = torchvision.load().models.VisionTransformer(32, 8, 2, 2, 32, 64, num_classes=4).eval()
    nn.init.normal_(network.heads.head.weight, std=0.2)
    path = exported(network, (32, 32), tmp_path / "vit.onnx")
    model = load_model(path)
    layer = "encoder.layers.encoder_layer_1.ln_1"
    check_against(model, network(given_to(model)).detach(), layer)


def test_a_size_that_may_vary(tmp_path: Path) -> None:
    network = models.open_onnx(small(tmp_path / "any.onnx", ("n", 3, "h", "w")))
    assert (network.channels, network.input_size) == (3, None)
    for size in ((48, 48), (30, 52)):
        x = torch.rand(1, 3, *size)
        torch.testing.assert_close(network.module(x), Small()(x))


def test_a_batch_of_another_length_becomes_one(tmp_path: Path) -> None:
    network = models.open_onnx(small(tmp_path / "eight.onnx", (8, 3, 48, 48)))
    x = torch.rand(1, 3, 48, 48)
    torch.testing.assert_close(network.module(x), Small()(x))


def test_channels_last(tmp_path: Path) -> None:
    nodes = [helper.make_node("Transpose", ["pictures"], ["x"], "/Turn", perm=[0, 3, 1, 2])]
    model = model_of(nodes + nodes_of_small(TORCH_NAMES), weights_of(Small()), [1, 48, 40, 3])
    model.graph.input[0].name = "pictures"
    path = saved(model, tmp_path / "last.onnx")
    network = models.open_onnx(path)
    assert (network.channels, network.input_size) == (3, (48, 40))
    opened = load_model(path)
    check_against(opened, Small()(given_to(opened)).detach(), "network.conv2")


def test_no_pass_needs_data_where_shapes_are_constants(tmp_path: Path) -> None:
    """torch's meta device holds no values, so a Reshape must find its shape elsewhere."""
    nodes = [
        *nodes_of_small(TORCH_NAMES)[:4],
        helper.make_node("Shape", ["d"], ["shape"], "/Shape"),
        helper.make_node("Gather", ["shape", "zero"], ["batch"], "/Gather"),
        helper.make_node("Unsqueeze", ["batch", "first"], ["batches"], "/Unsqueeze"),
        helper.make_node("Concat", ["batches", "rest"], ["wanted"], "/Concat", axis=0),
        helper.make_node("Reshape", ["d", "wanted"], ["flat"], "/Reshape"),
        helper.make_node("ReduceMean", ["flat"], ["e"], "/ReduceMean", axes=[2], keepdims=0),
        nodes_of_small(TORCH_NAMES)[5],
    ]
    constants = {"zero": np.array(0), "first": np.array([0]), "rest": np.array([8, -1])}
    initializers = weights_of(Small()) + [
        numpy_helper.from_array(value, name) for name, value in constants.items()
    ]
    path = saved(model_of(nodes, initializers, ["n", 3, 48, 48]), tmp_path / "shapes.onnx")
    network = models.open_onnx(path)
    x = torch.rand(1, 3, 48, 48)
    torch.testing.assert_close(network.module(x), Small()(x))
    names = [name for name, _ in network.module.named_modules()]
    assert "Gather" not in names
    shadow = meta_copy(network.module)
    assert shadow(torch.zeros(1, 3, 48, 48, device="meta")).shape == (1, 4)


def test_weights_in_a_file_of_their_own(tmp_path: Path) -> None:
    model = onnx.load(str(small(tmp_path / "small.onnx")))
    path = saved(
        model,
        tmp_path / "split.onnx",
        save_as_external_data=True,
        location="split.data",
        size_threshold=0,
    )
    x = torch.rand(1, 3, 48, 48)
    torch.testing.assert_close(models.open_onnx(path).module(x), Small()(x))
    (tmp_path / "split.data").unlink()
    with pytest.raises(engine.ModelError, match=r"separate file \(split\.data\).*same folder"):
        models.open_onnx(path)


def test_weights_outside_of_the_folder_are_not_read(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(10_000))
    model = onnx.load(str(small(tmp_path / "small.onnx")))
    for tensor in model.graph.initializer:
        onnx.external_data_helper.set_external_data(tensor, "../secret.bin")
        tensor.ClearField("raw_data")
    with pytest.raises(engine.ModelError, match="in a separate file"):
        models.open_onnx(saved(model, inner / "out.onnx"))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_weights_in_a_device_are_not_read(tmp_path: Path) -> None:
    model = model_of(nodes_of_small(), weights_of(Small()), [1, 3, 32, 32])
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "/dev/zero")
    tensor.ClearField("raw_data")
    path = saved(model, tmp_path / "small.onnx")
    with pytest.raises(engine.ModelError, match=r"small\.onnx: its weights.*this is a device"):
        load_model(path)


def test_names_in_a_file_are_never_run(tmp_path: Path) -> None:
    """torch.fx writes the names of modules into the Python that it runs."""
    witness = tmp_path / "witness"
    payload = f"getattr(__import__('os'), 'mkdir')({str(witness)!r})"
    quoted = f'a" + str({payload})[:0] + "'
    lines = f"b\n    {payload}\n"
    hostile = (quoted, lines, "/c/../d", "forward", "class", "__init__.__class__")
    model = model_of(nodes_of_small(hostile), weights_of(Small()), [1, 3, 48, 48])
    network = models.open_onnx(saved(model, tmp_path / "hostile.onnx"))
    x = torch.rand(1, 3, 48, 48)
    torch.testing.assert_close(network.module(x), Small()(x))
    assert not witness.exists()
    for name, _ in network.module.named_modules():
        assert all(part.isidentifier() or part.isdecimal() for part in name.split(".") if part)
    # The same file, converted as it is, runs the code that is in its first name.
    only_first = (quoted, *TORCH_NAMES[1:])
    model = model_of(nodes_of_small(only_first), weights_of(Small()), [1, 3, 48, 48])
    with pytest.raises(AttributeError):
        package("onnx2torch").convert(model)(x)
    assert witness.exists()


def test_names_that_meet_stay_apart(tmp_path: Path) -> None:
    names = ("/a/Conv", "/a/b/Relu", "same", "same", "initializers", "/a/b/Gemm")
    model = model_of(nodes_of_small(names), weights_of(Small()), [1, 3, 48, 48])
    network = models.open_onnx(saved(model, tmp_path / "meet.onnx"))
    x = torch.rand(1, 3, 48, 48)
    torch.testing.assert_close(network.module(x), Small()(x))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("names", "{0: 'a', 1: 'b', 2: 'c', 3: 'd'}"),
        ("classes", '["a", "b", "c", "d"]'),
        ("labels", '{"0": "a", "2": "c", "1": "b", "3": "d"}'),
        ("character", "a\nb\nc\nd"),
        ("character", "a\r\nb\r\nc\r\nd\r\n"),
        ("Names", "a, b, c, d"),
    ],
)
def test_class_names_in_the_file(key: str, text: str, tmp_path: Path) -> None:
    model = onnx.load(str(small(tmp_path / "small.onnx")))
    helper.set_model_props(model, {key: text})
    network = models.open_onnx(saved(model, tmp_path / "named.onnx"))
    assert network.classes == ("a", "b", "c", "d")
    assert network.classes_origin == "the ONNX file"


@pytest.mark.parametrize("text", ["a\nb\nc", "one text, with a comma", "0", ""])
def test_text_that_names_no_classes(text: str, tmp_path: Path) -> None:
    """Recognisers of letters list those they can read; other tools describe the file."""
    model = onnx.load(str(small(tmp_path / "small.onnx")))
    helper.set_model_props(model, {"character": text, "names": text})
    network = models.open_onnx(saved(model, tmp_path / "named.onnx"))
    assert (network.classes, network.classes_origin) == ((), "")


def refused(model: Any, path: Path) -> str:
    with pytest.raises(engine.ModelError) as error:
        models.open_onnx(saved(model, path))
    text = str(error.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
def test_the_logits_before_a_softmax_are_explained(kind: str, tmp_path: Path) -> None:
    nodes = nodes_of_small(TORCH_NAMES)
    nodes[-1].output[0] = "z"
    nodes.append(helper.make_node(kind, ["z"], ["y"], f"/{kind}", axis=1))
    model = load_model(
        saved(model_of(nodes, weights_of(Small()), [1, 3, 48, 48]), tmp_path / "soft.onnx")
    )
    network, given = Small().eval(), given_to(model)
    with engine.Session(model, photo()) as session:
        found = {p.index: p.logit for p in session.predictions()}
        shown = session.explain("conv2", target=2).map
    np.testing.assert_allclose(
        [found[i] for i in range(4)], network(given)[0].detach().numpy(), atol=1e-4
    )
    wanted = reference_map(network, given, "conv2", 2)
    np.testing.assert_allclose(shown, wanted, atol=1e-4 * np.abs(wanted).max())


def test_what_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    good = onnx.load(str(small(tmp_path / "small.onnx")))

    def changed() -> Any:
        copy = onnx.ModelProto()
        copy.CopyFrom(good)
        return copy

    two = changed()
    two.graph.input.append(helper.make_tensor_value_info("mask", FLOAT, [1, 4]))
    assert "takes 2 inputs ('x', 'mask')" in refused(two, path)
    whole = changed()
    whole.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    assert "takes uint8 input" in refused(whole, path)
    flat = changed()
    del flat.graph.input[0].type.tensor_type.shape.dim[2:]
    assert "input has 2 axes" in refused(flat, path)
    unknown = changed()
    unknown.graph.node[1].op_type = "Hardmax"
    assert "does not support its operator Hardmax (version 13)" in refused(unknown, path)
    foreign = changed()
    foreign.graph.node[1].domain = "com.example"
    foreign.opset_import.append(helper.make_opsetid("com.example", 1))
    assert "does not support its operator Relu (version 1)" in refused(foreign, path)
    computed = changed()
    computed.graph.node[1].attribute.append(helper.make_attribute("alpha", 1))
    del computed.graph.node[2].input[1:]
    assert "cannot convert it" in refused(computed, path)
    empty = changed()
    del empty.graph.node[:]
    assert "contains no network" in refused(empty, path)


def test_malformed_files(tmp_path: Path) -> None:
    """Cut off, overwritten and random files give one clear error each, or open."""
    good = small(tmp_path / "small.onnx").read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "bad.onnx"
    cases = [b"", b"\x08", b"not an onnx file", rng.bytes(2000), good[: len(good) // 2]]
    for _ in range(40):
        damaged = bytearray(good)
        for place in rng.integers(0, 400, 6):
            damaged[place] = rng.integers(0, 256)
        cases.append(bytes(damaged))
    errors = []
    for content in cases:
        path.write_bytes(content)
        try:
            models.open_onnx(path)
        except engine.ModelError as error:
            errors.append(str(error))
    assert len(errors) > len(cases) / 2
    assert all(str(path) in text and "\n" not in text for text in errors)
    with pytest.raises(engine.ModelError, match="no such file"):
        models.open_onnx(tmp_path / "missing.onnx")


@pytest.mark.parametrize("sides", [[10**5, 10**5, 10**5], [2**31, 2**31, 2**31]])
def test_an_array_of_any_size_is_refused(sides: list[int], tmp_path: Path) -> None:
    """A file of a few bytes can ask for an array that no computer holds."""
    nodes = [
        helper.make_node("ConstantOfShape", ["sides"], ["huge"], "/Huge"),
        helper.make_node("ReduceMax", ["huge"], ["m"], "/Max", keepdims=0),
        helper.make_node("Mul", ["x", "m"], ["y"], "/Mul"),
    ]
    tensor = numpy_helper.from_array(np.array(sides), "sides")
    model = model_of(nodes, [tensor], [1, 3, 8, 8])
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    assert "constant values" in refused(model, tmp_path / "huge.onnx")


def test_many_arrays_are_as_large_as_one(tmp_path: Path) -> None:
    names = [f"c{index}" for index in range(20)]
    nodes = [helper.make_node("ConstantOfShape", ["sides"], [name]) for name in names]
    nodes.append(helper.make_node("Sum", names, ["sum"]))
    nodes.append(helper.make_node("ReduceMax", ["sum"], ["m"], keepdims=0))
    nodes.append(helper.make_node("Mul", ["x", "m"], ["y"]))
    tensor = numpy_helper.from_array(np.array([2000, 2000]), "sides")
    model = model_of(nodes, [tensor], [1, 3, 8, 8])
    assert "and earlier nodes create" in refused(model, tmp_path / "many.onnx")


def test_a_new_reader_opens_it(tmp_path: Path) -> None:
    """What libraries look for while they are imported, a reader can no longer find out."""
    program = str(Path(engine.__file__).parents[1] / "main.py")
    done = subprocess.run(
        [sys.executable, program, "layers", "--model", str(small(tmp_path / "small.onnx"))],
        env={key: value for key, value in os.environ.items() if key != "TORCHINDUCTOR_CACHE_DIR"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_without_onnx2torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "onnx2torch")
    with pytest.raises(engine.ModelError, match=r"package onnx2torch.*requirements-extras\.txt"):
        models.open_onnx(small(tmp_path / "small.onnx"))


def test_a_shape_that_only_data_tells_takes_no_memory(tmp_path: Path) -> None:
    """A few hundred bytes: 40,000 pictures at once, times a number that is read off the input."""
    shape = numpy_helper.from_array(np.array([40_000, 3, 224, 224]), "shape")
    nothing = numpy_helper.from_array(np.zeros(1, np.int64), "nothing")
    nodes = [
        helper.make_node("NonZero", ["x"], ["places"]),
        helper.make_node("Shape", ["places"], ["count"]),
        helper.make_node("ReduceSum", ["count"], ["number"], keepdims=0),
        helper.make_node("Mul", ["number", "nothing"], ["zero"]),
        helper.make_node("Add", ["shape", "zero"], ["sides"]),
        helper.make_node("Expand", ["x", "sides"], ["many"]),
        helper.make_node("Add", ["many", "many"], ["sum"]),
        helper.make_node("ReduceMean", ["sum"], ["y"], axes=[0, 2, 3], keepdims=0),
    ]
    model = model_of(nodes, [shape, nothing], [1, 3, 224, 224])
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    path = saved(model, tmp_path / "data.onnx")
    with pytest.raises(engine.ModelError, match=r"one pass needs more than .* GB"):
        engine.load_model(path)
