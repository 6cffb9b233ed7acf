"""Files of other programs, given as a model, are named with the way to open their content."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from engine.errors import ImageError, ModelError
from engine.files import suffixes
from engine.files.kinds import Kind, kind_of, look, refusal
from engine.images.reading import load_image
from engine.loading.load import load_model


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("scan.pth", bytes(128) + b"DICM" + bytes(60), "a DICOM picture"),
        ("photo.pth", b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture"),
        ("layers.pth", b"8BPS\0\x01" + bytes(40), "save it as PNG and open that as an image"),
        ("net.h5", b"\x89HDF\r\n\x1a\n", 'tf2onnx.convert --keras "net.h5" --output "net.onnx"'),
        ("net.hdf5", b"\x89HDF\r\n\x1a\n", 'tf2onnx.convert --keras "net.hdf5"'),
        ("renamed.bin", b"\x89HDF\r\n\x1a\n", 'tf2onnx.convert --keras "renamed.bin"'),
        ("net.tflite", b"\x1c\0\0\0TFL3", 'tf2onnx.convert --tflite "net.tflite"'),
        ("net.pt", b"\x1c\0\0\0TFL3", 'tf2onnx.convert --tflite "net.pt"'),
        ("model.json", b'{"format": "layers-model", "x": 1}', "tf2onnx.convert --tfjs"),
        (
            "net.npy",
            b"\x93NUMPY\x01" + bytes(60),
            "a NumPy array, not a model; open it as an image",
        ),
        ("net.pt", b"\x93NUMPY\x01" + bytes(60), "a NumPy array"),
        ("net.pdparams", b"\x80\x02}q", "a PaddlePaddle model"),
        ("net.pdmodel", b"\x0a\x10", "paddle2onnx"),
        ("net.gguf", b"GGUF\x03", "a GGUF file"),
        ("net.caffemodel", b"\x0a\x10", "convert it to ONNX"),
        ("graph.pb", b"\x0a\x10", 'tf2onnx.convert --graphdef "graph.pb"'),
    ],
)
def test_the_file_is_named_with_the_way_out(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message = str(refusal(path, look(path).kind))
    assert words in message
    assert str(path) in message
    assert "\n" not in message


def test_a_keras_archive(tmp_path: Path) -> None:
    path = tmp_path / "net.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"\x89HDF")
    assert 'tf2onnx.convert --keras "net.bin"' in str(refusal(path, look(path).kind))


def test_a_saved_model_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    with pytest.raises(ModelError, match=r"tf2onnx\.convert --saved-model"):
        kind_of(tmp_path)


@pytest.mark.parametrize(
    "name", ["a.h5", "a.hdf5", "a.keras", "A.TFLITE", "a.pb", "a.pdparams", "a.caffemodel"]
)
def test_models_of_other_programs_are_dropped_as_models(tmp_path: Path, name: str) -> None:
    """So that they are refused as models, with the way out, rather than as images."""
    path = tmp_path / name
    assert suffixes.is_model(path)
    path.write_bytes(b"\x0a\x10" + bytes(60))
    with pytest.raises(ModelError, match="onnx"):
        load_model(path)


def test_arrays_and_folders_of_other_programs(tmp_path: Path) -> None:
    assert not suffixes.is_model(tmp_path / "image.npy")
    assert not suffixes.is_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    assert suffixes.is_model(tmp_path)


def test_folders_of_weights(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text("{}")
    assert kind_of(tmp_path) is kind_of(index) is Kind.SHARDS
    assert suffixes.is_model(index)
    assert suffixes.is_model(tmp_path)
    assert not suffixes.is_class_names(index)
    (tmp_path / "config.json").write_text("{}")
    assert kind_of(tmp_path) is Kind.FOLDER
    (tmp_path / "adapter_config.json").write_text("{}")
    assert kind_of(tmp_path) is Kind.ADAPTER


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("layers.psd", b"8BPS\0\x01" + bytes(40), "save it as PNG"),
        ("photo.jpg", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("photo.jpg", b"<!DOCTYPE html><html></html>", "a web page saved instead of the file"),
        ("photo.jpg", b"nothing that is known", "not a readable image"),
    ],
)
def test_what_is_opened_as_an_image(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
