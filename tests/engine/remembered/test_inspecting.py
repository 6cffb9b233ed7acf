"""A model that was opened before is not inspected again, unless anything has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import engine
from engine.files.trust import Trust
from engine.loading.load import load_model
from engine.model import Model
from engine.remembered import store
from tests.engine import classifiers

# What opening a Python file runs in any case, to see whether the network fits its input.
TRIALS = 1

# It tells how often its network is run, and with which input.
_FILE = """
from pathlib import Path
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        with Path({log!r}).open("a") as log:
            log.write(str(x.device) + chr(10))
        return self.fc(self.conv(x).{pool})
"""


class Opened:
    """A Python file with weights beside it, and how often its network ran."""

    def __init__(self, folder: Path) -> None:
        self.file, self.log = folder / "net.py", folder / "log.txt"
        self.trust = Trust()
        torch.manual_seed(0)
        parts = nn.ModuleDict({"conv": nn.Conv2d(3, 4, 3), "fc": nn.Linear(4, 3)})
        torch.save(parts.state_dict(), folder / "weights.pth")
        self.write("mean((2, 3))")

    def write(self, pool: str) -> None:
        self.file.write_text(_FILE.format(log=str(self.log), pool=pool), encoding="utf-8")
        self.trust.name([self.file])

    def open(self, size: str = "3x32x32") -> tuple[Model, int]:
        self.log.write_text("", encoding="utf-8")
        model = load_model(
            self.file, self.file.parent / "weights.pth", trust=self.trust, input=size
        )
        return model, len(self.log.read_text(encoding="utf-8").split())


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return Opened(tmp_path)


def test_a_python_file_is_inspected_once(opened: Opened) -> None:
    first, before = opened.open()
    again, after = opened.open()
    assert before > TRIALS
    assert after == TRIALS
    assert again.facts == first.facts
    assert again.layers == first.layers


def test_another_input_or_other_code_is_inspected(opened: Opened) -> None:
    opened.open()
    assert opened.open("3x48x32")[1] > TRIALS
    opened.write("amax((2, 3))")
    assert opened.open()[1] > TRIALS


def test_a_helper_beside_it_counts(opened: Opened) -> None:
    helper = opened.file.parent / "pooling.py"
    helper.write_text("def pool(x):\n    return x.mean((2, 3))\n", encoding="utf-8")
    text = "from pooling import pool\n" + opened.file.read_text(encoding="utf-8").replace(
        "self.fc(self.conv(x).mean((2, 3)))", "self.fc(pool(self.conv(x)))"
    )
    opened.file.write_text(text, encoding="utf-8")
    opened.trust.name([opened.file])
    assert opened.open()[1] > TRIALS
    assert opened.open()[1] == TRIALS
    helper.write_text("def pool(x):\n    return x.amax((2, 3))\n", encoding="utf-8")
    opened.trust.name([opened.file])
    assert opened.open()[1] > TRIALS


def test_what_a_file_sets_from_elsewhere_is_inspected_each_time(opened: Opened) -> None:
    """An object among the attributes may hold what another file says."""
    plain = "        self.conv ="
    strange = f"        self.settings = type('Settings', (), {{}})()\n{plain}"
    text = opened.file.read_text(encoding="utf-8").replace(plain, strange)
    opened.file.write_text(text, encoding="utf-8")
    opened.trust.name([opened.file])
    assert opened.open()[1] > TRIALS
    assert opened.open()[1] > TRIALS


def test_a_state_dict_is_recognised_and_known(tmp_path: Path) -> None:
    """A vision transformer, whose tokens are tried with its weights."""
    path = tmp_path / "weights.pth"
    torch.save(classifiers.build("vit_b_32", classes=7).state_dict(), path)
    before = {*store.folder().glob("*")}
    first = load_model(path)
    kept = {*store.folder().glob("*")} - before
    assert len(kept) == 1
    stamp = next(iter(kept)).stat().st_mtime_ns
    again = load_model(path)
    assert {*store.folder().glob("*")} - before == kept
    assert next(iter(kept)).stat().st_mtime_ns == stamp
    assert again.facts == first.facts


def test_maps_after_a_known_inspection(opened: Opened) -> None:
    image = classifiers.picture(width=32, height=32)
    maps = []
    for _ in range(2):
        model, _ = opened.open()
        with engine.Session(model, image) as session:
            maps.append(session.explain("conv", 1).map)
    assert (maps[0] == maps[1]).all()
