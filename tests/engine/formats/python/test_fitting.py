"""Files as people publish them: the network and its arguments come from the weights.

Each opens with nothing asked but consent, and gives the logits of the network that was saved.
"""

from __future__ import annotations

import socket
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from engine.errors import ModelError
from engine.files.trust import Trust
from engine.formats.network import Network
from engine.formats.python.importing import import_file
from engine.formats.python.models import open_network_file
from engine.lazy import torchvision

TRUSTED = Trust(everything=True)

# What many published files are derived from: blocks, a class, factories that pass **kwargs on.
RESNET = """
    import torch
    from torch import nn

    def conv3x3(inputs, outputs, stride=1):
        return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride=1):
            super().__init__()
            self.conv = conv3x3(inputs, outputs, stride)
            self.bn = nn.BatchNorm2d(outputs)
            self.skip = nn.Conv2d(inputs, outputs, 1, stride)
        def forward(self, x):
            return torch.relu(self.bn(self.conv(x)) + self.skip(x))

    class Net(nn.Module):
        def __init__(self, block, layers, num_classes=1000, width=8, bias=False):
            super().__init__()
            self.stem = nn.Conv2d(3, width, 3, 2, 1, bias=bias)
            self.layer1 = self._layer(block, width, width, layers[0])
            self.layer2 = self._layer(block, width, 2 * width, layers[1])
            self.fc = nn.Linear(2 * width, num_classes)
        def _layer(self, block, inputs, outputs, count):
            first = [block(inputs, outputs, 2)]
            return nn.Sequential(*first, *[block(outputs, outputs) for _ in range(count - 1)])
        def forward(self, x):
            return self.fc(self.layer2(self.layer1(self.stem(x))).mean((2, 3)))

    def _net(layers, pretrained, **kwargs):
        model = Net(Block, layers, **kwargs)
        return model

    def net2(pretrained=False, **kwargs):
        return _net([1, 1], pretrained, **kwargs)

    def net4(pretrained=False, **kwargs):
        settings = dict(bias=False, **kwargs)
        return Net(Block, [2, 2], **settings)
"""


def written(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def saved(path: Path, make: Callable[[Any], nn.Module]) -> nn.Module:
    """The network that a training program made with this file; its weights lie beside it."""
    torch.manual_seed(3)
    network = make(import_file(path, trust=TRUSTED)).eval()
    torch.save(network.state_dict(), path.with_suffix(".pth"))
    return network


def opened(path: Path, **how: Any) -> Network:
    return open_network_file(path, weights=path.with_suffix(".pth"), trust=TRUSTED, **how)


def same(found: nn.Module, expected: nn.Module, size: int = 64) -> bool:
    picture = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return torch.equal(found.eval()(picture), expected(picture))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda m: m.net2(), ""),
        (lambda m: m.net2(num_classes=7), "num_classes=7"),
        (lambda m: m.net4(num_classes=7), "num_classes=7"),
        (lambda m: m.net4(num_classes=5, width=12), "num_classes=5, width=12"),
        (lambda m: m.net2(num_classes=5, bias=True), "num_classes=5, bias=True"),
        (lambda m: m.Net(m.Block, [3, 1], num_classes=4), "layers=[3, 1], num_classes=4"),
    ],
)
def test_the_factory_and_its_arguments_are_found(
    tmp_path: Path, make: Callable[[Any], nn.Module], said: str
) -> None:
    path = written(tmp_path / "resnet.py", RESNET)
    network = saved(path, make)
    found = opened(path)
    assert same(found.module, network)
    assert said in " ".join(found.notices)
    assert bool(found.notices) is bool(said)


def test_arguments_of_the_user_stay(tmp_path: Path) -> None:
    path = written(tmp_path / "resnet.py", RESNET)
    network = saved(path, lambda m: m.net2(num_classes=7))
    found = opened(path, name="net2", arguments=[("num_classes", "7")])
    assert same(found.module, network)
    with pytest.raises(ModelError, match=r"fc.weight \(7, 16\) instead of \(6, 16\)"):
        opened(path, name="net2", arguments=[("num_classes", "6")])


def test_helpers_that_make_a_layer_are_never_proposed(tmp_path: Path) -> None:
    path = written(tmp_path / "resnet.py", RESNET)
    torch.save({"other.weight": torch.ones(3, 3)}, path.with_suffix(".pth"))
    with pytest.raises(ModelError) as caught:
        opened(path)
    assert "conv3x3" not in str(caught.value)


def test_forty_factories_are_compared_without_their_data(tmp_path: Path) -> None:
    factories = "\n".join(
        f"    def huge{n}(num_classes=10):\n"
        f"        return Net(Block, [{n + 1}, 1], num_classes, width=2048)\n"
        for n in range(40)
    )
    path = written(tmp_path / "many.py", RESNET + "\n" + factories)
    # 40 networks of this width would have some 70 GB.
    small = import_file(path, trust=TRUSTED).net2(num_classes=3)
    torch.save(small.state_dict(), path.with_suffix(".pth"))
    found = opened(path)
    assert found.source == "net2"
    assert same(found.module, small.eval())


NAMED = """
    from torch import nn

    cfg = {"A": [8], "B": [8, 8], "VGG": [4, 4]}

    class Named(nn.Module):
        def __init__(self, vgg_name, num_class: int = 10):
            super().__init__()
            layers, inputs = [], 3
            for outputs in cfg[vgg_name]:
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
                inputs = outputs
            self.features = nn.Sequential(*layers)
            self.classifier = nn.Linear(inputs, num_class)
        def forward(self, x):
            return self.classifier(self.features(x).mean((2, 3)))
"""


def test_a_key_of_the_files_configurations_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "named.py", NAMED)
    network = saved(path, lambda m: m.Named("B", 3))
    found = opened(path)
    assert same(found.module, network)
    assert "vgg_name='B'" in found.notices[0]


def test_a_depth_without_default_is_found(tmp_path: Path) -> None:
    path = written(
        tmp_path / "wide.py",
        """
        from torch import nn

        class Wide(nn.Module):
            def __init__(self, depth, num_classes, widen_factor=1, drop=0.0):
                super().__init__()
                width = 4 * widen_factor
                self.stem = nn.Conv2d(3, width, 3)
                layers = [nn.Conv2d(width, width, 3, padding=1) for _ in range((depth - 4) // 6)]
                self.layers = nn.Sequential(*layers)
                self.fc = nn.Linear(width, num_classes)
            def forward(self, x):
                return self.fc(self.layers(self.stem(x)).mean((2, 3)))
        """,
    )
    network = saved(path, lambda m: m.Wide(28, 9, widen_factor=3))
    assert same(opened(path).module, network)


@pytest.mark.parametrize("given", ["None", "'None'"])
def test_none_and_bare_words_are_arguments(tmp_path: Path, given: str) -> None:
    path = written(
        tmp_path / "words.py",
        """
        from torch import nn

        class Words(nn.Module):
            def __init__(self, kind: str, source: str = "web"):
                super().__init__()
                self.conv = nn.Conv2d(3, {"small": 4, "large": 8}[kind], 3)
                if source is not None:
                    raise OSError(f"{source} cannot be reached")
            def forward(self, x):
                return self.conv(x).mean((2, 3))
        """,
    )
    network = saved(path, lambda m: m.Words("large", None))
    arguments = [("kind", "large"), ("source", given)]
    if given == "None":
        assert same(opened(path, arguments=arguments).module, network)
    else:
        with pytest.raises(ModelError, match="line 9: OSError: None cannot be reached"):
            opened(path, arguments=arguments)


FETCHING = """
    import torch
    import urllib.request
    from torch import nn
    from torch.hub import load_state_dict_from_url
    from torch.utils import model_zoo
    from torchvision import models

    class Net(nn.Module):
        def __init__(self, num_classes=3):
            super().__init__()
            {fetch}
            self.body.fc = nn.Linear(512, num_classes)
        def forward(self, x):
            return self.body(x)
"""
FETCHES = {
    "torchvision": 'self.body = models.resnet18(weights="DEFAULT")',
    "an old argument": "self.body = models.resnet18(pretrained=True)",
    "torch.hub": 'self.body = torch.hub.load("pytorch/vision", "resnet18", weights="DEFAULT")',
    "a state by address": (
        "self.body = models.resnet18()\n"
        '            state = load_state_dict_from_url("https://127.0.0.1:9/w.pth")["model"]\n'
        '            state.pop("fc.weight")\n'
        "            self.body.load_state_dict({k: v for k, v in state.items()})"
    ),
    "the model zoo": (
        "self.body = models.resnet18()\n"
        '            self.body.load_state_dict(model_zoo.load_url("https://127.0.0.1:9/w.pth"))'
    ),
    "a file that is elsewhere": (
        "self.body = models.resnet18()\n"
        '            self.body.load_state_dict(torch.load("/data/pretrained.pth"))'
    ),
}


@pytest.mark.filterwarnings("ignore:(The parameter 'pretrained'|Arguments other):UserWarning")
@pytest.mark.parametrize("fetch", FETCHES)
def test_nothing_is_fetched_while_a_network_is_made(
    tmp_path: Path, fetch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchvision.load()
    path = written(tmp_path / "student.py", FETCHING.format(fetch=FETCHES[fetch]))
    plain = FETCHING.format(fetch="self.body = models.resnet18()")
    network = saved(written(tmp_path / "plain.py", plain), lambda m: m.Net(4))
    (tmp_path / "plain.pth").rename(path.with_suffix(".pth"))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    loads = nn.Module.load_state_dict
    found = opened(path)
    assert same(found.module, network)
    assert "Nothing was downloaded" in found.notices[-1]
    assert nn.Module.load_state_dict is loads
    assert torch.load.__module__ == "torch.serialization"


def test_lazy_modules_are_completed_by_the_weights(tmp_path: Path) -> None:
    path = written(
        tmp_path / "lazy.py",
        """
        from torch import nn

        class Lazy(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Sequential(
                    nn.LazyConv2d(8, 3, groups=1), nn.LazyBatchNorm2d(), nn.ReLU(),
                    nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LazyLinear(4),
                )
            def forward(self, x):
                return self.body(x)
        """,
    )
    torch.manual_seed(3)
    network = import_file(path, trust=TRUSTED).Lazy()
    with torch.no_grad():
        network(torch.rand(2, 3, 32, 32))
    network.eval()
    torch.save(network.state_dict(), path.with_suffix(".pth"))
    found = opened(path).module
    assert not [part for part in found.modules() if isinstance(part, LazyModuleMixin)]
    assert {type(part) for part in found.get_submodule("body")} == {
        type(part) for part in network.body
    }
    assert str(found) == str(network)
    assert same(found, network)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_scripted_parts_of_a_file_are_no_candidates(tmp_path: Path) -> None:
    scripted = RESNET + textwrap.indent(
        textwrap.dedent(
            """
            @torch.jit.script
            def swish(x):
                return x * x.sigmoid()

            class Part(torch.jit.ScriptModule):
                @torch.jit.script_method
                def forward(self, x):
                    return x
            """
        ),
        "    ",
    )
    path = written(tmp_path / "scripted.py", scripted)
    network = saved(path, lambda m: m.net2(num_classes=6))
    assert same(opened(path).module, network)


def test_the_reason_is_that_of_the_network_not_of_another_class(tmp_path: Path) -> None:
    broken = RESNET + textwrap.indent(
        textwrap.dedent(
            """
            class Attention(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.c = nn.Conv2d(1, 1, 1)
                def forward(self, x):
                    return self.c(x)

            class Main(Net):
                def __init__(self, num_classes=6):
                    super().__init__(Block, [1, 1], num_classes)
                    raise RuntimeError("no such table")
            """
        ),
        "    ",
    )
    path = written(tmp_path / "broken.py", broken)
    saved(path, lambda m: m.net2(num_classes=6))
    with pytest.raises(ModelError) as caught:
        opened(path, name=None)
    message = str(caught.value)
    assert "no such table" in message
    assert "--arch" in message


def test_counters_of_normalisation_may_be_missing(tmp_path: Path) -> None:
    path = written(tmp_path / "resnet.py", RESNET)
    network = saved(path, lambda m: m.net2())
    state = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    torch.save(state, path.with_suffix(".pth"))
    assert same(opened(path).module, network)


def test_a_size_in_the_arguments_is_the_input_size(tmp_path: Path) -> None:
    path = written(
        tmp_path / "told.py",
        """
        from torch import nn

        class Told(nn.Module):
            def __init__(self, image_size=96, num_classes=5):
                super().__init__()
                self.conv, self.fc = nn.Conv2d(3, 8, 3), nn.Linear(8, num_classes)
                self.side = image_size
            def forward(self, x):
                assert x.shape[-1] == self.side
                return self.fc(self.conv(x).mean((2, 3)))
        """,
    )
    network = saved(path, lambda m: m.Told(num_classes=4))
    found = opened(path)
    assert found.input_size == (96, 96)
    assert same(found.module, network, size=96)


def test_a_value_that_was_only_tried_is_no_fault_of_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path / "picky.py",
        """
        from torch import nn

        class Picky(nn.Module):
            def __init__(self, first=64, width=64, num_classes=10):
                super().__init__()
                if first % 64:
                    raise ValueError("first must be a multiple of 64")
                self.conv, self.fc = nn.Conv2d(3, width, 3), nn.Linear(width, num_classes)
            def forward(self, x):
                return self.fc(self.conv(x).mean((2, 3)))
        """,
    )
    network = saved(path, lambda m: m.Picky(width=24, num_classes=3))
    assert same(opened(path).module, network)
