"""Arguments that shapes suggest, in the forms in which published files take them."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import ModelError
from engine.files.trust import Trust
from engine.formats.network import Network
from engine.formats.python.candidates import networks_in
from engine.formats.python.importing import import_file
from engine.formats.python.models import open_network_file

TRUSTED = Trust(everything=True)

HEAD = """
    import torch
    from torch import nn

    class Body(nn.Module):
        def __init__(self, kernels=(3,), width=8, num_classes=10):
            super().__init__()
            parts, inputs = [], 3
            for kernel in kernels:
                parts += [nn.Conv2d(inputs, width, kernel, padding=kernel // 2), nn.ReLU()]
                inputs = width
            self.features, self.fc = nn.Sequential(*parts), nn.Linear(width, num_classes)
        def forward(self, x):
            return self.fc(self.features(x).mean((2, 3)))
"""

FILES: dict[str, tuple[str, Callable[[Any], nn.Module], str]] = {
    "entries of a list": (
        """
        def net(k_size=[3, 3, 3, 3], num_classes=10):
            return Body(k_size, 8, num_classes)
        """,
        lambda m: m.net([3, 5, 7, 7], 4),
        "k_size=[3, 5, 7, 7]",
    ),
    "a class method, with names of configurations": (
        """
        NAMES = ("net-small", "net-large")

        class Net(Body):
            def __init__(self, settings=None, options=None):
                assert isinstance(settings, list), "settings should be a list"
                super().__init__(*settings, **options)
            @classmethod
            def from_name(cls, model_name, **override_params):
                assert model_name in NAMES
                settings = [(3, 3), {"net-small": 8, "net-large": 12}[model_name]]
                return cls(settings, override_params)
        """,
        lambda m: m.Net.from_name("net-large", num_classes=6),
        "num_classes=6",
    ),
    "a flag that needs the number of classes": (
        """
        class Net(nn.Module):
            def __init__(self, classify=False, num_classes=None):
                super().__init__()
                self.stem = nn.Conv2d(3, 8, 3)
                self.last = nn.Linear(8, 16)
                if classify and num_classes is None:
                    raise ValueError("how many classes?")
                if classify:
                    self.logits = nn.Linear(16, num_classes)
            def forward(self, x):
                x = self.last(self.stem(x).mean((2, 3)))
                return self.logits(x) if hasattr(self, "logits") else x
        """,
        lambda m: m.Net(True, 7),
        "classify=True, num_classes=7",
    ),
    "a class whose defaults are of no use": (
        """
        class Net(Body):
            def __init__(self, kernels=None, num_classes=10):
                super().__init__(kernels[:], 8, num_classes)

        def tiny(num_classes=10):
            return Net([3, 5], num_classes)
        """,
        lambda m: m.tiny(3),
        "num_classes=3",
    ),
    "numbers as keys of configurations": (
        """
        SETTINGS = {0.5: 6, 1: 12, 1.5: 18}

        class Net(Body):
            def __init__(self, net_size):
                super().__init__((3, 3), SETTINGS[net_size], 10)
        """,
        lambda m: m.Net(1.5),
        "net_size=1.5",
    ),
    "arguments by way of constructors": (
        """
        class Inner(Body):
            def __init__(self, depth=2, **kwargs):
                super().__init__((3,) * depth, **kwargs)

        class Net(nn.Module):
            def __init__(self, scale=1, *args, **kwargs):
                super().__init__()
                self.inner = Inner(2, *args, **kwargs)
            def forward(self, x):
                return self.inner(x)

        def _net(*args, **kwargs):
            return Net(1, *args, **kwargs)

        def net_small(*args, **kwargs):
            return _net(*args, **kwargs)
        """,
        lambda m: m.net_small(num_classes=4),
        "num_classes=4",
    ),
    "arguments that only the code knows": (
        """
        def settings(options):
            return {"width": 8, **options}

        def net(**options):
            return Body(**settings(options))
        """,
        lambda m: m.net(num_classes=4),
        "num_classes=4",
    ),
}


def opened(path: Path, **how: Any) -> Network:
    return open_network_file(path, weights=path.with_suffix(".pth"), trust=TRUSTED, **how)


def saved(path: Path, text: str, make: Callable[[Any], nn.Module]) -> nn.Module:
    path.write_text(textwrap.dedent(HEAD) + textwrap.dedent(text), encoding="utf-8")
    torch.manual_seed(3)
    network = make(import_file(path, trust=TRUSTED)).eval()
    torch.save(network.state_dict(), path.with_suffix(".pth"))
    return network


@pytest.mark.parametrize("name", FILES)
def test_arguments_are_found(tmp_path: Path, name: str) -> None:
    text, make, said = FILES[name]
    network = saved(tmp_path / "net.py", text, make)
    found = opened(tmp_path / "net.py")
    picture = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(found.module(picture), network(picture))
    assert said in found.notices[0]


def test_class_methods_are_named_after_their_class(tmp_path: Path) -> None:
    text, make, _ = FILES["a class method, with names of configurations"]
    network = saved(tmp_path / "net.py", text, make)
    names = [option.name for option in networks_in(import_file(tmp_path / "net.py", trust=TRUSTED))]
    assert names[-1] == "Net.from_name"
    arguments = [("model_name", "net-large"), ("num_classes", "6")]
    found = opened(tmp_path / "net.py", name="Net.from_name", arguments=arguments)
    assert str(found.module) == str(network)


WRAPPED = """
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = Body()
            {more}
        def forward(self, x):
            return 2 * self.body(x)
"""


def test_a_wrapper_is_preferred_where_the_keys_have_its_prefix(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    saved(path, WRAPPED.format(more=""), lambda m: m.Wrapper())
    assert opened(path).source == "Wrapper"
    saved(path, WRAPPED.format(more=""), lambda m: m.Body())
    assert opened(path).source == "Body"


def test_a_wrapper_that_fails_is_not_hidden_by_what_it_wraps(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    network = saved(path, WRAPPED.format(more=""), lambda m: m.Wrapper())
    broken = WRAPPED.format(more="self.table = open('gone')")
    path.write_text(textwrap.dedent(HEAD) + textwrap.dedent(broken), encoding="utf-8")
    with pytest.raises(ModelError, match=r"FileNotFoundError.*which Wrapper uses \(--arch Body\)"):
        opened(path)
    found = opened(path, name="Body")
    picture = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(2 * found.module(picture), network(picture))


def test_a_function_that_makes_a_network_of_another_package(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(
        "import torchvision\n\ndef build(n=1000):\n"
        "    return torchvision.models.squeezenet1_1(num_classes=n)\n"
    )
    made = import_file(path, trust=TRUSTED).build(4)
    torch.save(made.state_dict(), path.with_suffix(".pth"))
    found = opened(path)
    assert (found.source, found.module.num_classes) == ("build", 4)


def test_only_what_needs_data_is_built_with_data(tmp_path: Path) -> None:
    """A constructor that reads its numbers is built anew with them; one that is wrong is not."""
    text = """
        made = []

        class Reading(Body):
            def __init__(self, num_classes=10):
                super().__init__((3, 3), 8, num_classes)
                made.append("reading")
                self.largest = self.fc.weight.abs().max().item()

        class Wrong(Body):
            def __init__(self, num_classes=10):
                super().__init__((5, 5), 8, num_classes)
                made.append("wrong")
                raise KeyError(num_classes)
    """
    path = tmp_path / "net.py"
    saved(path, text, lambda m: m.Reading())
    found = opened(path)
    assert found.source == "Reading"
    made = sys.modules[type(found.module).__module__].made
    assert made.count("wrong") == 1
    assert made.count("reading") == 3, "without data, with it, and the one that is opened"
