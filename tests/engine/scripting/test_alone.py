"""Scripts make the same maps as the program, where nothing but torch, torchvision, numpy and Pillow
can be imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.files.trust import Trust
from engine.lazy import torchvision
from engine.methods.method import Family
from engine.methods.registry import METHODS, find
from engine.paths import ROOT
from engine.records.asked import Question, Score
from engine.records.sources import ModelSource
from engine.scripting.planning import recipe_of
from engine.scripting.recipe import NoScript, Wanted
from engine.scripting.writing import script
from tests.engine import token_networks
from tests.engine.scripting import alone
from tests.engine.scripting.batches import Batch, Opened, opened

NETWORK = '''\
import torch
from torch import nn


class Pair(nn.Module):
    """Returns two tensors, of which the network changes the first in place."""

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return self.conv(x), None


class Odd(nn.Module):
    """An activation that is called three times, in place, channels in the last place, a softmax."""

    def __init__(self, width=6, classes=4):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, stride=2, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.middle = nn.Conv2d(width, width, 3, padding=1)
        self.pair = Pair(width)
        self.last = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        self.out = nn.Softmax(dim=1)

    def forward(self, x):
        x = self.act(self.stem(x))
        x = self.act(self.middle(x)) + x
        y, _ = self.pair(x)
        y += 0.5
        y = self.last(self.act(y).permute(0, 2, 3, 1))
        return {"logits": self.out(self.head(y.tanh().mean(dim=(1, 2))))}
'''

RETURNS = '''\
from collections import namedtuple

from torch import nn

Heads = namedtuple("Heads", ["first", "second"])


class Net(nn.Module):
    """Returns two heads of equal width, beside a loss."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2)
        self.one, self.two = nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x):
        x = self.conv(x).relu().mean(dim=(2, 3))
        return x.sum(), Heads(self.one(x), self.two(x))
'''


@pytest.fixture(scope="module")
def demo() -> Iterator[Opened]:
    with opened(ModelSource("demo:shapes")) as made:
        yield made


def test_nothing_else_can_be_imported(lone: alone.Alone) -> None:
    assert alone.imports(lone.site, "numpy")
    for module in ("cv2", "engine", "safetensors"):
        assert not alone.imports(lone.site, module)


# Fewer passes than by default: what is compared does not depend on how many there are.
_FEWER: dict[str, dict[str, object]] = {
    "smoothgrad": {"n": 3, "seed": 4},
    "integrated-gradients": {"steps": 5, "baseline": "white"},
    "random-cam": {"seed": 9},
    "smooth-grad-cam++": {"n": 3, "seed": 4},
    "ss-cam": {"n": 2, "seed": 4},
    "is-cam": {"n": 2},
    "occlusion": {"window": 40, "stride": 30, "fill": "black"},
    "rise": {"masks": 12, "seed": 4},
}


def offered(opened: Opened) -> list[str]:
    """The methods for which a script is written."""
    found, session = [], opened.session
    for method in METHODS:
        if method.family is Family.ATTENTION:
            continue
        decided = session.decided(method=method.slug)
        layer = "".join(decided.layers)
        wanted = Wanted(decided.how, decided.asked, layer, decided.target.label)
        try:
            script(recipe_of(session.model, opened.source, session.image, wanted))
        except NoScript:
            continue
        found.append(method.slug)
    return found


def test_every_method_that_a_script_is_offered_for(batch: Batch, demo: Opened) -> None:
    methods = offered(demo)
    assert set(methods) == {m.slug for m in METHODS if m.family is not Family.ATTENTION}
    page = " ".join((ROOT / "docs" / "script-and-report.md").read_text(encoding="utf-8").split())
    assert not [slug for slug in methods if find(slug).title not in page]
    for slug in methods:
        # A pass for each channel: of a layer with few.
        few = find(slug).family is Family.PERTURBATION
        layer = "layer1" if few or slug == "refine-cam" else None
        batch.add(slug, demo, layer=layer, method=slug, options=_FEWER.get(slug))
    batch.check()


def test_faster_forms_differ_by_little(batch: Batch) -> None:
    with opened(ModelSource("demo:shortcut"), exact=False) as made:
        for slug in ("grad-cam", "layercam", "saliency"):
            batch.add(slug, made, method=slug)
    batch.check()


def test_early_layers_calls_options_and_questions(batch: Batch, demo: Opened) -> None:
    """Outputs that are overwritten later, modules that are called twice, and what is asked."""
    add: Callable[..., None] = batch.add
    for number, layer in enumerate(("conv1", "bn1", "layer2.0.bn2", "layer3.0.relu#0", "layer3")):
        add(f"layer-{number}", demo, layer=layer, method="hirescam", target="ring")
    add("eigen", demo, method="layercam", options={"eigen": True})
    add("finer", demo, method="finer-cam", options={"base": "layercam", "mean": "plain"})
    scores = [None, Score.PROBABILITY, Score.LOG_PROBABILITY]
    for slug in ("class", "contrast", "counterfactual", "margin", "rest", "entropy"):
        for score in scores if slug != "entropy" else [None]:
            question = Question(slug, score=score)
            target = None if slug == "entropy" else "cross"
            add(f"{slug}-{score}", demo, method="layercam", target=target, question=question)
    batch.check()


def test_networks_of_python_files(batch: Batch, tmp_path: Path) -> None:
    file, weights = tmp_path / "odd network.py", tmp_path / "weights.pt"
    file.write_text(NETWORK)
    torch.manual_seed(3)
    space: dict[str, Any] = {}
    exec(NETWORK, space)
    network: nn.Module = space["Odd"](width=5, classes=6)
    state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"epoch": 3, "model": state}, weights)
    source = ModelSource(str(file), str(weights), input="3x64x48")
    with opened(source, Trust(named=[file])) as made:
        for number, layer in enumerate(("act#0", "act#1", "act#2", "pair", "last", "stem")):
            for slug in ("layercam", "grad-cam++", "eigen-cam"):
                batch.add(f"{slug}-{number}", made, layer=layer, method=slug, target=2)
    batch.check()


RELUS = '''\
import torch
from torch import nn
from torch.nn import functional


class Relus(nn.Module):
    """Every spelling of a ReLU, and biases within functions if so wanted."""

    def __init__(self, plain=True):
        super().__init__()
        self.plain = plain
        self.convs = nn.ModuleList(nn.Conv2d(3 if not n else 6, 6, 3, padding=1) for n in range(6))
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        x = functional.relu(self.norm(self.convs[0](x)), inplace=True)
        x = self.convs[1](x).clamp(min=0)
        x = functional.relu6(self.convs[2](x))
        x = torch.maximum(self.convs[3](x), torch.zeros(()))
        x = functional.threshold(self.convs[4](x), 0.0, 0.0) + functional.max_pool2d(x, 3, 1, 1)
        last = self.convs[5]
        if not self.plain:
            x = functional.conv2d(x, last.weight, last.bias, padding=1).tanh()
        else:
            x = last(x).tanh()
        return self.head(functional.avg_pool2d(x, 2).mean(dim=(2, 3)))
'''


def test_guided_relus_and_biases_however_they_are_spelled(batch: Batch, tmp_path: Path) -> None:
    file, weights = tmp_path / "relus.py", tmp_path / "weights.pt"
    file.write_text(RELUS)
    space: dict[str, Any] = {"__name__": "relus"}
    exec(RELUS, space)
    torch.manual_seed(4)
    network: nn.Module = space["Relus"]()
    for tensor in network.buffers():
        if tensor.is_floating_point():
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
    torch.save(network.state_dict(), weights)
    for plain in ("True", "False"):
        source = ModelSource(str(file), str(weights), "Relus", (("plain", plain),), input="3x40x32")
        with opened(source, Trust(named=[file])) as made:
            batch.add(f"guided-{plain}", made, method="guided-backprop", target=2)
            # Of a class for which the layer speaks somewhere.
            layer = {"layer": "convs.2"}
            peaks = [float(made.session.explain(target=t, **layer).map.max()) for t in range(4)]
            target = int(np.argmax(peaks))
            batch.add(f"cam-{plain}", made, method="guided-grad-cam", target=target, **layer)
            if plain == "True":
                batch.add("fullgrad", made, method="fullgrad", target=2)
            else:
                with pytest.raises(NoScript, match="biases are added outside"):
                    batch.add("fullgrad no", made, method="fullgrad", target=2)
    batch.check()


def test_what_no_short_script_makes_says_why(batch: Batch, tmp_path: Path) -> None:
    torch.manual_seed(3)
    file, weights = Path(token_networks.__file__), tmp_path / "tokens.pt"
    torch.save(token_networks.Tokens(prefix=2).state_dict(), weights)
    source = ModelSource(str(file), str(weights), "Tokens", (("prefix", "2"),), input="3x24x32")
    reasons = {
        "fullgrad": "channels in other places",
        "refine-cam": "has its channels in another place",
    }
    with opened(source, Trust(named=[file])) as made:
        for slug, reason in reasons.items():
            with pytest.raises(NoScript, match=reason):
                batch.add(slug, made, method=slug)


def test_tokens(batch: Batch, tmp_path: Path) -> None:
    torch.manual_seed(3)
    file, weights = Path(token_networks.__file__), tmp_path / "tokens.pt"
    torch.save(token_networks.Tokens(prefix=2).state_dict(), weights)
    source = ModelSource(str(file), str(weights), "Tokens", (("prefix", "2"),), input="3x24x32")
    with opened(source, Trust(named=[file])) as made:
        for slug in ("hirescam", "grad-cam++", "eigengrad-cam"):
            batch.add(slug, made, method=slug)
    batch.check()


def test_the_demo_for_photographs(batch: Batch) -> None:
    with opened(ModelSource("demo:photos")) as made:
        batch.add("grad-cam", made, method="grad-cam")
        batch.add("hirescam", made, method="hirescam", layer="blocks.3.1.conv_dw")
    batch.check()


def test_logits_within_what_a_network_returns(batch: Batch, tmp_path: Path) -> None:
    file, weights = tmp_path / "heads.py", tmp_path / "weights.pt"
    file.write_text(RETURNS)
    torch.manual_seed(3)
    space: dict[str, Any] = {}
    exec(RETURNS, space)
    torch.save(space["Net"]().state_dict(), weights)
    for head in ("1.first", "1.second"):
        source = ModelSource(str(file), str(weights), input="3x32x32", output=head)
        with opened(source, Trust(named=[file])) as made:
            batch.add(head, made, method="hirescam", layer="conv", target=2)
    assert ".first" in (tmp_path / "1.first.py").read_text()
    first, second = (batch.maps[head][0] for head in ("1.first", "1.second"))
    assert np.abs(first - second).max() > 0.1 * np.abs(first).max()
    batch.check()


def test_a_torch_export_archive(batch: Batch, tmp_path: Path) -> None:
    torch.manual_seed(3)
    space: dict[str, Any] = {}
    exec(NETWORK, space)
    path = tmp_path / "odd.pt2"
    program = torch.export.export(space["Odd"]().eval(), (torch.randn(1, 3, 64, 48),))
    torch.export.save(program, path)
    with opened(ModelSource(str(path)), Trust(named=[path])) as made:
        for number, layer in enumerate(("middle", "act#1", "last")):
            batch.add(f"layercam-{number}", made, method="layercam", layer=layer, target=2)
    batch.check()


def test_a_state_dict_of_torchvisions(batch: Batch, tmp_path: Path) -> None:
    torch.manual_seed(3)
    weights = tmp_path / "finetuned.pth"
    network = torchvision.load().models.resnet18(num_classes=7)
    torch.save({"state_dict": network.state_dict()}, weights)
    with opened(ModelSource(str(weights))) as made:
        batch.add("grad-cam", made, method="grad-cam", layer="layer3")
        batch.add("saliency", made, method="saliency")
    batch.check()
