"""Files made to harm: without consent nothing of them runs; what they claim is checked first.

All go through engine.load_model, as a dropped file does.
"""

from __future__ import annotations

import json
import math
import os
import py_compile
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import nn

import engine
from engine.errors import Cancelled, ConsentNeeded, HookscopeError
from engine.files.trust import Trust
from engine.formats.torchvision import architectures
from engine.inspection.facts import inspect
from engine.progress import CancelToken
from engine.reader import client
from tests.engine.hostile.payloads import Marks, rewritten, with_pickle

TRUSTED = Trust(everything=True)

# A file that keeps the program busy is as bad as one that ends it.
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


@pytest.fixture(scope="module", autouse=True)
def _index() -> None:
    """Recognising weights the first time makes an index, which takes seconds."""
    architectures.known()


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    """No answer takes gigabytes."""
    before = psutil.Process().memory_info().rss
    yield
    assert psutil.Process().memory_info().rss - before < 1 << 30


def refused(path: Path, trust: Trust | None = None) -> HookscopeError:
    with pytest.raises(HookscopeError) as caught:
        engine.load_model(path, **({} if trust is None else {"trust": trust}))
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return caught.value


def consent(path: Path, marker: Path) -> ConsentNeeded:
    error = refused(path)
    assert isinstance(error, ConsentNeeded)
    assert not marker.exists(), "nothing ran before the user agreed"
    return error


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".pt2", ".safetensors", ".py"])
def test_a_pickle_that_runs_something(tmp_path: Path, marker: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    torch.save({"state_dict": nn.Conv2d(3, 4, 3).state_dict(), "epoch": Marks(marker)}, path)
    error = consent(path, marker)
    assert any("mkdir" in name for name in error.names)
    refused(path, Trust([error.sha256]))
    assert marker.exists(), "with consent it runs"


@pytest.mark.parametrize(
    "how",
    [
        {"_use_new_zipfile_serialization": False},
        {"pickle_protocol": 4},
        {"pickle_protocol": 5, "_use_new_zipfile_serialization": False},
    ],
    ids=str,
)
def test_other_pickles_that_run_something(tmp_path: Path, marker: Path, how: dict) -> None:
    path = tmp_path / "model.pt"
    torch.save({"model": Marks(marker)}, path, **how)
    consent(path, marker)


def test_a_call_hidden_in_a_module(tmp_path: Path, marker: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    model.extra = Marks(marker)
    torch.save(model, tmp_path / "model.pt")
    consent(tmp_path / "model.pt", marker)


def test_a_torchscript_archive_is_never_run(tmp_path: Path, marker: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"model": Marks(marker)}, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model/constants.pkl", b"\x80\x02).")
        archive.writestr("model/code/__torch__.py", b"")
    assert isinstance(refused(path), ConsentNeeded)
    assert "none of it was run" in str(refused(path))
    # Even then, no function that a pickle names is called: torch's reader of archives knows none.
    assert "cannot read it" in str(refused(path, TRUSTED))
    assert not marker.exists()


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(model, (torch.randn(1, 3, 16, 16),)), path)
    return path


def test_an_exported_archive_that_carries_a_pickle(exported: Path, marker: Path) -> None:
    def as_pickle(name: str, old: bytes) -> bytes:
        if name.endswith("weights_config.json"):
            content = json.loads(old)
            for entry in content["config"].values():
                entry["use_pickle"] = True
            return json.dumps(content).encode()
        return old

    path = with_pickle(rewritten(exported, as_pickle), "weight_0", marker)
    consent(path, marker)
    refused(path, TRUSTED)


def test_an_exported_archive_whose_sample_inputs_run_something(
    exported: Path, marker: Path
) -> None:
    consent(with_pickle(exported, "sample_inputs/model.pt", marker), marker)


def test_an_exported_archive_without_harm_asks_too_and_opens(exported: Path, marker: Path) -> None:
    consent(exported, marker)
    assert engine.load_model(exported, trust=TRUSTED).info.classes == tuple(
        f"class {i}" for i in range(4)
    )


class Exchanging(Trust):
    """Another file takes the place of the one that was agreed to as soon as that was looked at."""

    def __init__(self, agreed: str, path: Path, other: bytes) -> None:
        super().__init__([agreed])
        self._path, self._other = path, other

    def covers(self, sha256: str, path: Path | None = None) -> bool:
        covered = super().covers(sha256, path)
        found = self._path.stat()
        self._path.write_bytes(self._other)
        os.utime(self._path, ns=(found.st_atime_ns, found.st_mtime_ns))
        return covered


def test_a_pickle_that_is_exchanged_after_the_look_at_it(tmp_path: Path, marker: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"model": Marks(tmp_path / "other")}, path)
    first = consent(path, marker).sha256
    torch.save({"model": Marks(marker)}, tmp_path / "hostile.pt")
    trust = Exchanging(first, path, (tmp_path / "hostile.pt").read_bytes())
    assert isinstance(refused(path, trust), ConsentNeeded)
    assert not marker.exists()


def test_an_exported_archive_that_is_exchanged(exported: Path, marker: Path) -> None:
    first = consent(exported, marker).sha256
    good = exported.read_bytes()
    other = with_pickle(exported, "sample_inputs/model.pt", marker).read_bytes()
    exported.write_bytes(good)
    assert isinstance(refused(exported, Exchanging(first, exported, other)), ConsentNeeded)
    assert not marker.exists()


def test_a_module_within_itself(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 3, 1))
    model._modules["again"] = model
    torch.save(model, tmp_path / "model.pt")
    refused(tmp_path / "model.pt")


def test_a_python_file_with_side_effects(tmp_path: Path, marker: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        f"import os\nos.mkdir({str(marker)!r})\nfrom torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 4, 3)\n"
        "    def forward(self, x):\n"
        "        return self.conv(x).mean((2, 3))\n"
    )
    conv = nn.Conv2d(3, 4, 3).state_dict()
    torch.save({f"conv.{key}": value for key, value in conv.items()}, tmp_path / "model.pth")
    error = consent(path, marker)
    model = engine.load_model(path, trust=Trust([error.sha256]))
    assert marker.exists()
    assert model.info.title == "Net"


def test_a_compiled_file_beside_is_not_run(tmp_path: Path, marker: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(f"import os; os.mkdir({str(marker)!r})\n")
    py_compile.compile(str(path), doraise=True)
    stat = path.stat()
    path.write_text(" " * stat.st_size)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert "no network" in str(refused(path, TRUSTED))
    assert not marker.exists(), "only the text that was agreed to is run"


def saved(path: Path) -> Path:
    torch.save(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict(), path)
    return path


@pytest.mark.parametrize("name", ["model/data.pkl", "model/data/0"])
def test_a_zip_bomb(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open(name, "w", force_zip64=True) as entry:
            for _ in range(64):
                entry.write(bytes(4 << 20))
        archive.writestr("model/version", "3\n")
        if name != "model/data.pkl":
            archive.writestr("model/data.pkl", b"\x80\x02}.")
    assert path.stat().st_size < 3 << 20
    assert "unpacks to 268.4 MB" in str(refused(path))


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.95, 0.999])
def test_an_archive_that_is_cut_off(tmp_path: Path, part: float) -> None:
    path = saved(tmp_path / "model.pt")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    assert "truncated or damaged" in str(refused(path))


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.95, 0.999])
def test_a_legacy_file_that_is_cut_off(tmp_path: Path, part: float) -> None:
    path = tmp_path / "model.pt"
    state = nn.Conv2d(3, 64, 3).state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    assert re.search("damaged|claims a tensor", str(refused(path)))


def claiming(write: Callable[[Path], None], old: bytes, new: bytes) -> Callable[[Path], None]:
    def written(path: Path) -> None:
        write(path)
        if zipfile.is_zipfile(path):
            changed = rewritten(path, lambda _name, content: content.replace(old, new))
            changed.replace(path)
        else:
            path.write_bytes(path.read_bytes().replace(old, new))

    return written


def _safetensors(header: bytes, length: int | None = None) -> Callable[[Path], None]:
    size = (len(header) if length is None else length).to_bytes(8, "little")
    return lambda path: path.write_bytes(size + header + bytes(64)) and None


def _zip(path: Path) -> None:
    torch.save({"w": torch.arange(13.0)}, path)


def _legacy(path: Path) -> None:
    torch.save({"w": torch.arange(13.0)}, path, _use_new_zipfile_serialization=False)


TEN_GB = (10 << 30) // 4
HUGE = b'{"w":{"dtype":"F32","shape":[2684354560],"data_offsets":[0,10737418240]}}'
# The number of elements as the pickle has it, in one byte and in five.
ELEMENTS = (b"K\x0d", b"\x8a\x05" + TEN_GB.to_bytes(5, "little"))


@pytest.mark.parametrize(
    "write",
    [
        claiming(_zip, *ELEMENTS),
        claiming(_legacy, *ELEMENTS),
        _safetensors(HUGE),
        _safetensors(b"{}", 10 << 30),
        _safetensors(b"{}", 1 << 62),
    ],
    ids=["zip", "legacy", "safetensors", "header of 10 GB", "header beyond all disks"],
)
def test_ten_gigabytes_that_are_not_there(tmp_path: Path, write: Any) -> None:
    path = tmp_path / "model.safetensors"
    write(path)
    assert "claims" in str(refused(path))


def test_a_view_larger_than_its_storage(tmp_path: Path) -> None:
    """The storage is honest and the tensor's shape is not."""
    path = tmp_path / "model.pt"
    torch.save({"w": torch.arange(26.0)[:13], "v": torch.ones(3)}, path)
    claiming(lambda _path: None, *ELEMENTS)(path)
    refused(path)


def test_a_text_of_exabytes_in_a_legacy_pickle(tmp_path: Path) -> None:
    """pickletools would make room for it before it reads."""
    path = tmp_path / "model.pt"
    _legacy(path)
    text = b"\x8d" + (1 << 60).to_bytes(8, "little")
    path.write_bytes(path.read_bytes().replace(b"X\x01\x00\x00\x00w", text + b"w"))
    assert "truncated or damaged" in str(refused(path))


def test_class_names_that_do_not_fit_are_named_with_the_model(tmp_path: Path) -> None:
    path, names = tmp_path / "model.pt", tmp_path / "names.txt"
    torch.save(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), path)
    names.write_text("cat\ndog\n", encoding="utf-8")
    words = r"model\.pt: names\.txt: 2 class names were given, but the network has 4"
    with pytest.raises(engine.ModelError, match=words):
        engine.load_model(path, classes=names, device="cpu")


class Counting(CancelToken):
    """Says that it was cancelled once it has been asked so often."""

    __slots__ = ("asked", "until")

    def __init__(self, until: float = math.inf) -> None:
        super().__init__()
        self.asked, self.until = 0, until

    def raise_if_cancelled(self) -> None:
        self.asked += 1
        if self.asked > self.until:
            raise Cancelled("cancelled")


def test_a_network_of_many_layers_is_given_up_while_it_is_looked_at() -> None:
    many = nn.Sequential(nn.Conv2d(3, 4, 3), *(nn.Identity() for _ in range(300)))
    network = nn.Sequential(many, nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def look(token: CancelToken) -> None:
        with client.reading(token):
            inspect(network, (1, 3, 16, 16), torch.device("cpu"))

    whole = Counting()
    look(whole)
    assert whole.asked > 1500, "for every layer, several times"
    for part in (0.0, 0.2, 0.4, 0.6, 0.8, 0.999):
        with pytest.raises(Cancelled):
            look(Counting(part * whole.asked))
