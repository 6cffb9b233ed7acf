"""Two hundred damaged files, made by a seeded fuzzer: one clear error each, no crash, no hang.

A file may also turn out to be whole enough, and then it opens. Each goes through load_model, as
a dropped file does; files that could run code are opened with and without consent.
"""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import engine
from engine import architectures, vision
from engine.errors import HookscopeError
from engine.model import Model
from engine.trust import Trust

SEED = 20261121
MODELS = 160
LABELS = 40

Damage = Callable[[random.Random, bytearray], bytearray]


def _flipped(rng: random.Random, content: bytearray) -> bytearray:
    for _ in range(rng.choice((1, 3, 30))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def _flipped_in_headers(rng: random.Random, content: bytearray) -> bytearray:
    """Where the pickle, the archive's directory or the header stand, not in the tensors."""
    for _ in range(rng.choice((1, 3, 10))):
        near = rng.randrange(min(len(content), 1500))
        content[rng.choice((near, len(content) - 1 - near))] = rng.randrange(256)
    return content


def _cut(rng: random.Random, content: bytearray) -> bytearray:
    return content[: rng.randrange(len(content))]


def _doubled(rng: random.Random, content: bytearray) -> bytearray:
    at = rng.randrange(len(content))
    return content[:at] + content[rng.randrange(len(content)) :] + content[at:]


def _zeroed(rng: random.Random, content: bytearray) -> bytearray:
    at = rng.randrange(len(content))
    length = min(rng.choice((8, 100, 1000)), len(content) - at)
    content[at : at + length] = bytes(length)
    return content


def _noise(rng: random.Random, content: bytearray) -> bytearray:
    kept = rng.choice((0, 4, 16, 64))
    return content[:kept] + bytearray(rng.randbytes(rng.randrange(1, 2000)))


DAMAGES: tuple[Damage, ...] = (_flipped, _flipped_in_headers, _cut, _doubled, _zeroed, _noise)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of every kind that open, for the fuzzer to damage."""
    folder = tmp_path_factory.mktemp("whole")
    torch.manual_seed(0)
    model = vision.load().models.get_model("squeezenet1_1", weights=None, num_classes=2).eval()
    state = model.state_dict()
    own = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    torch.save(state, folder / "state.pth")
    torch.save({"model": state, "epoch": 3, "optimizer": {"lr": 0.1}}, folder / "checkpoint.ckpt")
    torch.save(state, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    save_file(state, folder / "tensors.safetensors")
    torch.save(own, folder / "whole.pt")
    torch.save(own, folder / "old.pt", _use_new_zipfile_serialization=False)
    torch.export.save(
        torch.export.export(own.eval(), (torch.zeros(1, 3, 16, 16),)), folder / "exported.pt2"
    )
    architectures.known()
    return sorted(folder.iterdir())


def _damaged(rng: random.Random, path: Path, folder: Path, number: int) -> Path:
    damage = rng.choice(DAMAGES)
    goal = folder / f"{number}{path.suffix}"
    if zipfile.is_zipfile(path) and rng.random() < 0.5:
        # In one of the entries, with the archive round it intact.
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(goal, "w") as new:
            entries = old.infolist()
            chosen = rng.choice([entry for entry in entries if entry.file_size])
            for entry in entries:
                content = bytearray(old.read(entry))
                new.writestr(
                    entry, bytes(damage(rng, content)) if entry is chosen else bytes(content)
                )
    else:
        goal.write_bytes(damage(rng, bytearray(path.read_bytes())))
    return goal


def _answer(work: Callable[[], object], path: Path) -> str:
    """The error of the work, '' where it did it. Everything but a HookscopeError is a defect."""
    try:
        work()
        message = ""
    except HookscopeError as error:
        message = str(error)
        assert message.strip(), path
        assert "\n" not in message, message
        assert path.name in message or "class names" in message, message
        assert len(message) < 1500, message
    return message


def _cases(seed: int, count: int) -> Iterator[tuple[int, random.Random]]:
    for number in range(count):
        yield number, random.Random(f"{seed} {number}")


def test_damaged_models(whole: list[Path], tmp_path: Path) -> None:
    refused = 0
    for number, rng in _cases(SEED, MODELS):
        path = _damaged(rng, whole[number % len(whole)], tmp_path, number)
        trust = Trust(everything=rng.random() < 0.5)
        refused += bool(_answer(lambda p=path, t=trust: engine.load_model(p, trust=t), path))
        path.unlink()
    assert refused > MODELS // 2


def test_damaged_class_names(open_model: Model, whole: list[Path], tmp_path: Path) -> None:
    names = {
        ".txt": "cat\ndog\ncow\nhen\n",
        ".csv": "index,name\n0,cat\n1,dog\n2,cow\n3,hen\n",
        ".json": json.dumps({"0": "cat", "1": "dog", "2": "cow", "3": "hen"}),
    }
    weights = next(path for path in whole if path.name == "whole.pt")
    before = open_model.info
    refused = 0
    for number, rng in _cases(SEED + 1, LABELS):
        suffix = rng.choice(sorted(names))
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(rng.choice(DAMAGES)(rng, bytearray(names[suffix].encode())))
        refused += bool(_answer(lambda p=path: engine.load_model(weights, classes=p), path))
    assert refused > LABELS // 4
    assert open_model.info == before, "the model that is open stays as it is"


@pytest.fixture
def open_model(whole: list[Path]) -> Model:
    return engine.load_model(next(path for path in whole if path.name == "whole.pt"))
