"""TorchScript archives: nothing before consent, masks alone after it, and the right maps."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import engine
from engine import Session, Trust
from engine.errors import ConsentNeeded, LayerError, MethodError, ModelError
from engine.loading.adjustments import remember_method
from engine.loading.load import open_source
from engine.methods.registry import METHODS, choose
from engine.model import Model
from engine.records.sources import ModelSource
from tests.engine.networks import IMAGE

TRUSTED = Trust(everything=True)
FEW: dict[str, dict[str, object]] = {
    "occlusion": {"window": 80, "stride": 80},
    "rise": {"masks": 6, "grid": 3},
}


class Net(nn.Module):
    """A loop, which a script keeps and a trace unrolls."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=4)
        self.norm = nn.BatchNorm2d(6)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(2):
            x = torch.tanh(self.norm(x))
        logits: Tensor = self.head(self.drop(x.mean(dim=(2, 3))))
        return logits


def _scripted(network: nn.Module) -> torch.jit.ScriptModule:
    made: torch.jit.ScriptModule = torch.jit.script(network)
    return made


def _traced(network: nn.Module) -> torch.jit.ScriptModule:
    made: torch.jit.ScriptModule = torch.jit.trace(network, torch.zeros(1, 3, 64, 64))
    return made


def _frozen(network: nn.Module) -> torch.jit.ScriptModule:
    made: torch.jit.ScriptModule = torch.jit.freeze(_scripted(network))
    return made


def _training(network: nn.Module) -> torch.jit.ScriptModule:
    """Saved by someone who forgot to call eval."""
    return _scripted(network.train())


HOW: dict[str, Callable[[nn.Module], torch.jit.ScriptModule]] = {
    "scripted": _scripted,
    "traced": _traced,
    "frozen": _frozen,
    "in training mode": _training,
}


@pytest.fixture
def network() -> Net:
    torch.manual_seed(0)
    made = Net()
    made(torch.randn(8, 3, 64, 64))
    return made.eval()


@pytest.fixture
def archive(network: Net, tmp_path: Path) -> Callable[[str], Path]:
    def make(how: str) -> Path:
        path = tmp_path / "deployed.pt"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.save(HOW[how](network), path)
        network.eval()
        return path

    return make


@pytest.mark.parametrize("how", HOW)
def test_its_maps_are_those_of_the_network(
    how: str, archive: Callable[[str], Path], network: Net
) -> None:
    model = engine.load_model(archive(how), trust=TRUSTED)
    own = Model(network, preprocessing=model.preprocessing)
    with Session(model, IMAGE) as session, Session(own, IMAGE) as plain:
        for slug, options in FEW.items():
            found = session.explain(target=1, method=slug, options=options)
            wanted = plain.explain(target=1, method=slug, options=options)
            assert wanted.map.any()
            np.testing.assert_allclose(
                found.map, wanted.map, rtol=0, atol=1e-4 * np.abs(wanted.map).max()
            )
            assert found.target.logit == pytest.approx(wanted.target.logit, rel=1e-4)


def test_masks_alone_explain_it_and_it_says_so(archive: Callable[[str], Path]) -> None:
    model = engine.load_model(archive("scripted"), trust=TRUSTED)
    assert model.info.method == "occlusion"
    assert model.info.no_hooks == "a TorchScript archive takes no hooks"
    (said, *_) = [text for text in model.info.notices if "TorchScript" in text]
    assert "Occlusion and RISE alone can explain it" in said
    assert "state_dict()" in said
    assert "torch.export.save" in said
    assert not any(node.explainable for node in model.layers)
    assert all("TorchScript" in node.reason for node in model.layers)
    with Session(model, IMAGE) as session:
        for method in METHODS:
            if method.slug not in FEW:
                with pytest.raises(MethodError, match="choose occlusion or rise") as caught:
                    session.explain(method=method.slug)
                assert "\n" not in str(caught.value)
        assert len(session.predictions()) == 3
        with pytest.raises(LayerError):
            model.address(None)


def test_nothing_is_read_before_consent(archive: Callable[[str], Path]) -> None:
    path = archive("scripted")
    with pytest.raises(ConsentNeeded, match="a TorchScript archive; opening and running it") as e:
        engine.load_model(path)
    assert "none of it was run" in str(e.value)
    trust = Trust()
    trust.agree(path, e.value.sha256)
    assert engine.load_model(path, trust=trust).info.source == "deployed"
    # The consent is to this content, not to the name.
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises((ConsentNeeded, ModelError)):
        engine.load_model(path, trust=trust)


def test_what_it_writes_is_not_written_before_consent(tmp_path: Path) -> None:
    """A program may save tensors wherever its user may write."""
    written = tmp_path / "written"

    class Writes(nn.Module):
        def __init__(self, where: str) -> None:
            super().__init__()
            self.where = where
            self.pool = nn.AdaptiveAvgPool2d(1)

        def forward(self, x: Tensor) -> Tensor:
            torch.save(x, self.where)
            return self.pool(x).flatten(1)

    path = tmp_path / "model.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(Writes(str(written))), path)
    with pytest.raises(ConsentNeeded):
        engine.load_model(path)
    assert not written.exists()


def test_cancelled(archive: Callable[[str], Path]) -> None:
    model = engine.load_model(archive("scripted"), trust=TRUSTED)
    token = engine.CancelToken()
    told: list[float] = []

    def report(fraction: float, _text: str) -> None:
        told.append(fraction)
        token.cancel()

    with Session(model, IMAGE) as session:
        session.predictions()
        with pytest.raises(engine.Cancelled):
            session.explain(method="rise", options={"masks": 50}, cancel=token, progress=report)
    assert len(told) == 1


def test_another_method_is_remembered(
    archive: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = archive("traced")
    remember_method(engine.load_model(path, trust=TRUSTED), choose("rise", {"masks": 9}))
    again = open_source(ModelSource(str(path)), trust=TRUSTED)
    assert (again.info.method, dict(again.info.method_options)["masks"]) == ("rise", 9)
    remember_method(again, choose("occlusion"))
    again = open_source(ModelSource(str(path)), trust=TRUSTED)
    assert again.info.method == "occlusion"


def test_a_damaged_archive_is_one_line(archive: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "damaged.pt"
    with zipfile.ZipFile(archive("scripted")) as whole, zipfile.ZipFile(path, "w") as other:
        for name in whole.namelist():
            content = whole.read(name)
            if name.endswith(".py"):
                content = content.replace(b"def forward", b"def f0rw@rd")
            other.writestr(name, content)
    with pytest.raises(ModelError) as caught:
        engine.load_model(path, trust=TRUSTED)
    assert "\n" not in str(caught.value)
    assert "damaged.pt" in str(caught.value)
