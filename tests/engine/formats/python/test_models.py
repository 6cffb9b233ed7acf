"""A network from its Python file: nothing runs before consent; then it opens with its weights."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import ChoiceNeeded, ConsentNeeded, ModelError, WeightsError
from engine.files.trust import NOBODY, Trust
from engine.formats.network import Network
from engine.formats.python import importing
from engine.formats.python.candidates import networks_in
from engine.formats.python.importing import import_file
from engine.formats.python.models import open_network_file
from engine.questions import NetworkOption, Parameter, WhichNetwork, WhichWeights
from tests.engine.hostile.payloads import Marks

TRUSTED = Trust(everything=True)
FIXTURES = Path(__file__).parents[3] / "fixtures"

SMALL = """
    from torch import nn

    class Part(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.conv = nn.Conv2d(3, channels, 3)
        def forward(self, x):
            return self.conv(x)

    class Small(nn.Module):
        def __init__(self, channels: int = 4):
            super().__init__()
            self.part = Part(channels)
        def forward(self, x):
            return self.part(x).mean((2, 3))
"""


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return written(tmp_path / "small.py", SMALL)


def state(channels: int = 4) -> dict[str, torch.Tensor]:
    return {
        "part.conv.weight": torch.randn(channels, 3, 3, 3),
        "part.conv.bias": torch.randn(channels),
    }


def refused(path: Path, **how: object) -> str:
    with pytest.raises(ModelError) as caught:
        open_network_file(path, trust=TRUSTED, **how)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_nothing_runs_before_consent_and_a_changed_file_is_asked_for_again(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    path = written(tmp_path / "marks.py", f"import os\nos.mkdir({str(marker)!r})\n")
    with pytest.raises(ConsentNeeded) as caught:
        import_file(path, trust=NOBODY)
    assert not marker.exists()
    agreed = Trust([caught.value.sha256])
    import_file(path, trust=agreed)
    assert marker.exists()
    marker.rmdir()
    written(path, f"import os\n\nos.mkdir({str(marker)!r})\n")
    with pytest.raises(ConsentNeeded):
        import_file(path, trust=agreed)
    assert not marker.exists()


def test_files_beside_it_are_part_of_the_question(tmp_path: Path) -> None:
    written(tmp_path / "parts" / "__init__.py", "")
    written(tmp_path / "parts" / "conv.py", "from . import deep\nKERNEL = deep.KERNEL\n")
    written(tmp_path / "parts" / "deep.py", "import utils\nKERNEL = utils.KERNEL\n")
    written(tmp_path / "utils.py", "KERNEL = 3\n")
    written(tmp_path / "stranger.py", "raise RuntimeError\n")
    path = written(tmp_path / "net.py", "import parts.conv\nKERNEL = parts.conv.KERNEL\n")
    with pytest.raises(ConsentNeeded) as caught:
        import_file(path, trust=NOBODY)
    beside = ("parts/__init__.py", "parts/conv.py", "parts/deep.py", "utils.py")
    assert caught.value.names == beside
    agreed = Trust([caught.value.sha256])
    assert import_file(path, trust=agreed).KERNEL == 3
    written(tmp_path / "utils.py", "KERNEL = 5\n")
    with pytest.raises(ConsentNeeded):
        import_file(path, trust=agreed)
    assert import_file(path, trust=TRUSTED).KERNEL == 5


def test_neighbours_meet_neither_the_program_nor_each_other(tmp_path: Path) -> None:
    import engine

    for name in ("one", "two"):
        written(tmp_path / name / "engine.py", f"NAME = {name!r}\n")
        written(tmp_path / name / "net.py", "from engine import NAME\n")
    first = import_file(tmp_path / "one" / "net.py", trust=TRUSTED)
    second = import_file(tmp_path / "two" / "net.py", trust=TRUSTED)
    assert (first.NAME, second.NAME) == ("one", "two")
    assert sys.modules["engine"] is engine


def test_modules_of_the_folder_above_are_found(tmp_path: Path) -> None:
    written(
        tmp_path / "models" / "net.py", "from models.parts import KERNEL\nfrom .parts import X\n"
    )
    written(tmp_path / "models" / "parts.py", "KERNEL = 3\nX = 4\n")
    module = import_file(tmp_path / "models" / "net.py", trust=TRUSTED)
    assert (module.KERNEL, module.X) == (3, 4)


@pytest.mark.parametrize("text", ["-" * 200_000 + "1", "a" + ".b" * 200_000, "(" * 5000, "\x00"])
def test_text_made_to_break_the_parser_is_asked_for_like_any_other(
    tmp_path: Path, text: str
) -> None:
    path = written(tmp_path / "net.py", text)
    with pytest.raises(ConsentNeeded):
        import_file(path, trust=NOBODY)
    assert "net.py" in refused(path)


def test_a_file_too_large_to_be_read_by_people_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    with path.open("wb") as file:
        file.truncate(20 << 30)
    assert "too large" in refused(path)


def test_imports_inside_a_function_work_later(tmp_path: Path) -> None:
    written(tmp_path / "late.py", "VALUE = 3\n")
    path = written(
        tmp_path / "net.py", "def value():\n    from late import VALUE\n    return VALUE\n"
    )
    assert import_file(path, trust=TRUSTED).value() == 3


def test_nothing_is_left_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = """
        import torch
        print("hello")
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
    """
    path = written(tmp_path / "net.py", text)
    before = list(sys.path)
    import_file(path, trust=TRUSTED)
    import_file(path, trust=TRUSTED)
    assert sys.path == before
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32
    assert torch.zeros(1).device.type == "cpu"
    assert capsys.readouterr().out == ""
    assert [child.name for child in tmp_path.iterdir()] == ["net.py"]
    finders = [f for f in sys.meta_path if isinstance(f, importing._Finder)]
    assert len({finder.package for finder in finders}) == len(finders), "one for each file"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import torch\nimport not_a_package.sub\n", "line 2: .*'not_a_package', which is not"),
        ("import torch\ndef broken(:\n", "line 2: not valid Python"),
        ("import torch\n\n1 / 0\n", "line 3: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('usage')\n", "line 2: SystemExit: usage"),
        ("from .gone import X\n", r"line 1: gone\.py is missing"),
        ("x = 1\n", "defines no network"),
        ("\x00", "not valid Python"),
    ],
)
def test_errors_of_the_file_are_one_line_with_the_line_number(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "net.py"
    path.write_text(text)
    before = set(sys.modules)
    message = refused(path)
    assert re.search(words, message), message
    assert str(path) in message
    left = [name for name in set(sys.modules) - before if name.endswith(".net")]
    assert not left or "no network" in words


def test_networks_and_their_arguments(tmp_path: Path) -> None:
    text = """
        from __future__ import annotations
        from torch import nn

        class Part(nn.Module):
            def __init__(self, a, act=nn.ReLU): super().__init__()
            def forward(self, x): return x

        class Net(nn.Module):
            def __init__(self, classes: int, width=16, name: str = "x", drop: float = 0.1,
                         flag=True, sizes=(1, 2), *more, **named):
                super().__init__()
                self.part = Part(3)
            def forward(self, x): return x

        class Loss(nn.CrossEntropyLoss):
            pass

        class NoForward(nn.Module):
            pass

        def annotated(pretrained: bool = False) -> nn.Module: return Net(3)
        def plain(classes=3):
            model = Net(classes)
            return model.eval()
        def train(model): return 3
        def _hidden() -> Net: return Net(1)
    """
    options = networks_in(import_file(written(tmp_path / "net.py", text), trust=TRUSTED))
    assert options == (
        NetworkOption(
            "Net",
            "class",
            (
                Parameter("classes", "int", None),
                Parameter("width", "int", "16"),
                Parameter("name", "str", "'x'"),
                Parameter("drop", "float", "0.1"),
                Parameter("flag", "bool", "True"),
                Parameter("sizes", "value", "(1, 2)"),
            ),
        ),
        NetworkOption("annotated", "function", (Parameter("pretrained", "bool", "False"),)),
        NetworkOption("plain", "function", (Parameter("classes", "int", "3"),)),
        NetworkOption(
            "Part", "class", (Parameter("a", "value", None), Parameter("act", "value", "ReLU"))
        ),
    )


def opened(path: Path, **how: object) -> Network:
    return open_network_file(path, trust=TRUSTED, **how)  # type: ignore[arg-type]


def test_the_network_whose_weights_these_are_is_chosen(small: Path, tmp_path: Path) -> None:
    weights = tmp_path / "elsewhere" / "best.pth"
    weights.parent.mkdir()
    given = state()
    torch.save({"model_state_dict": {f"module.{k}": v for k, v in given.items()}}, weights)
    network = opened(small, weights=weights)
    assert network.source == network.title == "Small"
    assert (network.weights, network.notices) == (str(weights), ())
    assert torch.equal(network.module.state_dict()["part.conv.bias"], given["part.conv.bias"])
    assert not network.module.training


@pytest.mark.parametrize("name", ["small.pth", "other.pt"])
def test_weights_beside_the_file_are_found_and_said(small: Path, tmp_path: Path, name: str) -> None:
    torch.save(state(), tmp_path / name)
    torch.save({"something.else": torch.ones(2)}, tmp_path / "unrelated.pth")
    network = opened(small)
    assert Path(network.weights).name == name
    assert network.notices == (f"Weights found beside the file: {name}.",)


def test_weights_are_asked_for(small: Path, tmp_path: Path) -> None:
    with pytest.raises(ChoiceNeeded, match="--weights FILE") as caught:
        opened(small)
    assert caught.value.question == WhichWeights(small, ())
    for name in ("a.pth", "b.pth"):
        torch.save(state(), tmp_path / name)
    with pytest.raises(ChoiceNeeded) as caught:
        opened(small)
    assert isinstance(caught.value.question, WhichWeights)
    assert {path.name for path in caught.value.question.found} == {"a.pth", "b.pth"}


def test_arguments_are_typed(small: Path, tmp_path: Path) -> None:
    torch.save(state(6), tmp_path / "w.pth")
    network = opened(small, weights=tmp_path / "w.pth", name="Small", arguments=[("channels", "6")])
    assert network.module.part.conv.out_channels == 6  # type: ignore[union-attr]
    for value, words in (("six", "a Python literal"), ("6.5", "of type int")):
        arguments = [("channels", value)]
        assert words in refused(
            small, weights=tmp_path / "w.pth", arguments=arguments, name="Small"
        )
    message = refused(small, weights=tmp_path / "w.pth", name="Small", arguments=[("nope", "6")])
    assert "it takes channels" in message


def test_weights_of_another_size_name_the_difference_and_the_way_out(
    small: Path, tmp_path: Path
) -> None:
    # No number of channels gives a kernel of five.
    torch.save(state() | {"part.conv.weight": torch.randn(4, 3, 5, 5)}, tmp_path / "w.pth")
    message = refused(small, weights=tmp_path / "w.pth")
    assert "part.conv.weight (4, 3, 5, 5) instead of (4, 3, 3, 3)" in message
    assert "--arg NAME=VALUE" in message


def test_arguments_without_default_are_asked_for(tmp_path: Path) -> None:
    path = FIXTURES / "two_heads.py"
    torch.save({"something.else": torch.ones(2)}, tmp_path / "w.pth")
    with pytest.raises(ChoiceNeeded, match="--arch TwoHeads --arg classes=VALUE") as caught:
        opened(path, weights=tmp_path / "w.pth")
    question = caught.value.question
    assert isinstance(question, WhichNetwork)
    (option,) = question.options
    assert option.parameters[0] == Parameter("classes", "int", None)
    assert [p.required for p in option.parameters] == [True, False]


def test_an_unknown_network_is_named_with_the_known_ones(small: Path) -> None:
    assert "choose from Small, Part" in refused(small, name="Big")


def test_several_networks_that_fit_are_asked_for(tmp_path: Path) -> None:
    twin = SMALL.replace("class Part", "class Twig").replace("Part(", "Twig(")
    twins = SMALL + twin.replace("class Small", "class Twin").replace("from torch import nn", "")
    path = written(tmp_path / "twins.py", twins)
    torch.save(state(), tmp_path / "twins.pth")
    with pytest.raises(ChoiceNeeded) as caught:
        opened(path)
    assert isinstance(caught.value.question, WhichNetwork)
    assert [option.name for option in caught.value.question.options] == ["Small", "Twin"]
    assert opened(path, name="Twin").source == "Twin"


def test_what_the_weights_tell_is_not_asked_along(tmp_path: Path) -> None:
    """The question which of two networks it is comes with the arguments of each filled in."""
    network = """
    class {name}(nn.Module):
        def __init__(self, classes: int):
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.{activation}(), nn.Flatten(2))
            self.head = nn.Linear(4, classes)
        def forward(self, x):
            return self.head(self.layers(x).mean(2))
    """
    twins = [("Small", "ReLU"), ("Twin", "GELU")]
    text = "".join(network.format(name=name, activation=kind) for name, kind in twins)
    path = written(tmp_path / "twins.py", "\n    from torch import nn\n" + text)
    weights = {"layers.0.weight": torch.randn(4, 3, 3, 3), "layers.0.bias": torch.randn(4)}
    weights |= {"head.weight": torch.randn(6, 4), "head.bias": torch.randn(6)}
    torch.save(weights, tmp_path / "twins.pth")
    with pytest.raises(ChoiceNeeded, match=r"as in --arch Small$") as caught:
        opened(path)
    assert isinstance(caught.value.question, WhichNetwork)
    for option in caught.value.question.options:
        (classes,) = option.parameters
        assert (classes.required, classes.default) == (False, "6")


def test_a_class_that_another_one_extends_is_not_asked_about(tmp_path: Path) -> None:
    longer = SMALL + textwrap.indent("\nclass Longer(Small):\n    pass\n", "    ")
    path = written(tmp_path / "longer.py", longer)
    torch.save(state(), tmp_path / "longer.pth")
    network = opened(path)
    assert network.source == "Longer"
    # The base may be the one that was trained.
    assert any("also fit Small" in notice for notice in network.notices)
    assert opened(path, name="Small").source == "Small"


def pickled(path: Path, name: str, goal: Path, *arguments: Any, **changes: Any) -> nn.Module:
    """A network of the file, pickled whole by a program that called the file '__main__'."""
    made: nn.Module = getattr(import_file(path, trust=TRUSTED), name)(*arguments)
    for attribute, value in changes.items():
        setattr(made, attribute, value)
    kinds = {type(part) for part in made.modules() if type(part).__module__.startswith("opened_")}
    main = sys.modules["__main__"]
    for kind in kinds:
        kind.__module__ = "__main__"
        setattr(main, kind.__name__, kind)
    try:
        torch.save(made, goal)
    finally:
        for kind in kinds:
            delattr(main, kind.__name__)
    return made.eval()


def agreed_to(path: Path) -> str:
    """The checksum of the Python file that is asked for."""
    with pytest.raises(ConsentNeeded) as caught:
        import_file(path, trust=NOBODY)
    return caught.value.sha256


def test_a_whole_network_of_the_file_opens_with_the_consent_to_the_file(
    small: Path, tmp_path: Path
) -> None:
    made = pickled(small, "Small", tmp_path / "whole.pt")
    trust = Trust([agreed_to(small)])
    network = open_network_file(small, weights=tmp_path / "whole.pt", trust=trust)
    x = torch.randn(1, 3, 8, 8)
    assert torch.equal(network.module(x), made(x))
    assert network.source == "Small"


def test_arguments_are_taken_from_attributes_of_their_names(tmp_path: Path) -> None:
    text = SMALL.replace("self.part = ", "self.channels = channels; self.part = ")
    path = written(tmp_path / "net.py", text.replace("channels: int = 4", "channels"))
    made = pickled(path, "Small", tmp_path / "whole.pt", 7)
    trust = Trust([agreed_to(path)])
    network = open_network_file(path, weights=tmp_path / "whole.pt", trust=trust)
    x = torch.randn(1, 3, 8, 8)
    assert torch.equal(network.module(x), made(x))


def test_a_whole_network_whose_arguments_nobody_knows_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "two_heads.py"
    path.write_bytes((FIXTURES / "two_heads.py").read_bytes())
    made = pickled(path, "TwoHeads", tmp_path / "whole.pt", 5)
    file = agreed_to(path)
    with pytest.raises(ConsentNeeded, match="the argument classes of TwoHeads") as caught:
        open_network_file(path, weights=tmp_path / "whole.pt", trust=Trust([file]))
    assert caught.value.path == tmp_path / "whole.pt"
    trust = Trust([file, caught.value.sha256])
    network = open_network_file(path, weights=tmp_path / "whole.pt", trust=trust)
    x = torch.randn(1, 3, 16, 16)
    assert torch.equal(network.module(x)["logits"], made(x)["logits"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"extra": 3}, "extra 3"),
        ({"part": nn.Conv2d(3, 4, 3, dilation=2)}, "part: torch.nn"),
        ({"forward": nn.functional.relu}, "forward, which replaces a method"),
    ],
)
def test_a_network_unlike_what_its_class_makes_is_asked_for(
    small: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    pickled(small, "Small", tmp_path / "whole.pt", **change)
    trust = Trust([agreed_to(small)])
    with pytest.raises(ConsentNeeded) as caught:
        open_network_file(small, weights=tmp_path / "whole.pt", trust=trust)
    assert words in caught.value.names[0]
    assert caught.value.path == tmp_path / "whole.pt"


def test_a_pickle_of_the_files_class_runs_nothing_unasked(small: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    pickled(small, "Small", tmp_path / "whole.pt", note=Marks(marker))
    trust = Trust([agreed_to(small)])
    with pytest.raises(ConsentNeeded):
        open_network_file(small, weights=tmp_path / "whole.pt", trust=trust)
    assert not marker.exists()


def test_a_pickled_network_gives_its_weights_to_a_class_of_another_name(
    small: Path, tmp_path: Path
) -> None:
    torch.save(
        nn.ModuleDict({"part": nn.ModuleDict({"conv": nn.Conv2d(3, 4, 3)})}), tmp_path / "w.pt"
    )
    assert opened(small, weights=tmp_path / "w.pt").source == "Small"


def test_weights_that_are_none_are_refused(small: Path, tmp_path: Path) -> None:
    written(tmp_path / "notes.txt", "cat\n")
    with pytest.raises(WeightsError, match="not a supported model format"):
        opened(small, weights=tmp_path / "notes.txt")


def test_errors_while_the_network_is_made_have_the_line(tmp_path: Path) -> None:
    text = """
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.x = nn.Linear(3, "a")
            def forward(self, x): return x
    """
    assert "line 6: " in refused(written(tmp_path / "net.py", text))


@pytest.mark.parametrize("name", ["xray_classifier", "digits"])
def test_fixtures_of_the_literature_open(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.py"
    path.write_bytes((FIXTURES / f"{name}.py").read_bytes())
    module = import_file(path, trust=TRUSTED)
    option = networks_in(module)[0]
    torch.save(getattr(module, option.name)().state_dict(), tmp_path / f"{name}.pth")
    network = opened(path)
    assert network.source == option.name
    assert next(network.module.parameters()).device.type == "cpu"
