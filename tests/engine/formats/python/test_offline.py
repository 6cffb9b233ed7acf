"""Constructors that download: the network opens with the user's weights, and nothing is fetched."""

from __future__ import annotations

import builtins
import socket
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import ModelError
from engine.files.trust import Trust
from engine.formats.network import Network
from engine.formats.python.importing import fetched_by, import_file
from engine.formats.python.models import open_network_file
from engine.formats.python.offline.unfetched import absent

TRUSTED = Trust(everything=True)

FILE = """
    import io
    import os
    import torch
    import urllib.request
    from pathlib import Path
    from torch import nn

    URL = "https://127.0.0.1:9/w.pth"

    class Body(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.fc = nn.Linear(8, 5)
        def forward(self, x):
            return self.fc(self.conv(x).mean((2, 3)))

    {top}

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = Body()
            {fetch}
        def forward(self, x):
            return self.body(x)
"""


@pytest.fixture(autouse=True)
def _unconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def lines(text: str, depth: int) -> str:
    return textwrap.dedent(text).strip().replace("\n", "\n" + " " * depth)


def opened(folder: Path, fetch: str, top: str = "") -> Network:
    """The network whose constructor has these lines, with weights like those of its body."""
    path = folder / "net.py"
    text = FILE.format(fetch="{fetch}", top=lines(top, 4)).replace("{fetch}", lines(fetch, 12))
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    torch.manual_seed(3)
    shapes = {"conv.weight": (8, 3, 3, 3), "conv.bias": (8,), "fc.weight": (5, 8), "fc.bias": (5,)}
    state = {f"body.{key}": torch.randn(shape) for key, shape in shapes.items()}
    torch.save(state, path.with_suffix(".pth"))
    found = open_network_file(path, weights=path.with_suffix(".pth"), trust=TRUSTED)
    assert all(torch.equal(tensor, state[k]) for k, tensor in found.module.state_dict().items())
    return found


FETCHES = {
    "an answer of urllib": """
        answer = urllib.request.urlopen(urllib.request.Request(URL))
        self.body.load_state_dict(torch.load(io.BytesIO(answer.read())))
    """,
    "an answer in blocks": """
        with urllib.request.urlopen(URL) as answer, open("{folder}/w.pth", "wb") as file:
            while block := answer.read(8192):
                file.write(block)
        self.body.load_state_dict(torch.load("{folder}/w.pth"))
    """,
    "a file of urllib": """
        urllib.request.urlretrieve(URL, "{folder}/w.pth")
        self.body.load_state_dict(torch.load("{folder}/w.pth"))
    """,
    "an answer written whole": """
        Path("{folder}/w.pth").write_bytes(urllib.request.urlopen(URL).read())
        self.body.load_state_dict(torch.load(Path("{folder}/w.pth")))
    """,
    "a file of the hub's tools": """
        torch.hub.download_url_to_file(URL, "{folder}/w.pth")
        self.body.load_state_dict(torch.load("{folder}/w.pth"))
    """,
    "an entry copied": """
        state = torch.hub.load_state_dict_from_url(URL)
        self.body.conv.weight.data.copy_(state["conv.weight"])
        with torch.no_grad():
            self.body.fc.bias[:3] = state["fc.bias"][:3]
    """,
    "entries in a loop": """
        state, own = torch.hub.load_state_dict_from_url(URL), self.body.state_dict()
        for key in own:
            own[key] = state["module." + key]
        self.body.load_state_dict(own)
    """,
    "entries that are looked at": """
        state = torch.hub.load_state_dict_from_url(URL)
        if state["fc.weight"].shape[0] != 5 or state["fc.bias"].size(0) != 5:
            del state["fc.weight"], state["fc.bias"]
        weight = state["conv.weight"]
        state["conv.weight"] = weight.sum(1, keepdim=True).repeat(1, 3, 1, 1) / 3
        self.body.load_state_dict(state, strict=False)
    """,
    "a nested state": """
        state = torch.hub.load_state_dict_from_url(URL)["checkpoint"]["model"]
        state.pop("fc.weight")
        own = self.body.state_dict()
        left = {k.replace("module.", ""): v for k, v in state.items() if k in own}
        self.body.load_state_dict(left)
    """,
    "safetensors": """
        from safetensors.torch import load_file
        self.body.load_state_dict(load_file("{folder}/w.safetensors"))
    """,
}


@pytest.mark.parametrize("name", FETCHES)
def test_a_fetch_in_the_constructor_gives_nothing(tmp_path: Path, name: str) -> None:
    found = opened(tmp_path, FETCHES[name].replace("{folder}", tmp_path.as_posix()))
    (notice,) = found.notices
    assert "Nothing was downloaded" in notice
    assert notice.endswith("all weights come from net.pth.")
    assert {path.name for path in tmp_path.iterdir()} == {"net.py", "net.pth"}


def test_a_fetch_while_the_file_is_imported_is_none_either(tmp_path: Path) -> None:
    found = opened(
        tmp_path,
        "self.body.load_state_dict(STATE)",
        "from torch.hub import load_state_dict_from_url\nSTATE = load_state_dict_from_url(URL)",
    )
    assert "https://127.0.0.1:9/w.pth" in found.notices[0]
    assert fetched_by(import_file(tmp_path / "net.py", trust=TRUSTED)) == (
        "https://127.0.0.1:9/w.pth",
    )


def test_only_what_the_opened_network_asks_for_is_named(tmp_path: Path) -> None:
    found = opened(
        tmp_path,
        "",
        """
        class Other(Body):
            def __init__(self):
                super().__init__()
                self.more = nn.Linear(2, 2)
                torch.hub.load_state_dict_from_url(URL)
        """,
    )
    assert found.notices == ()


def test_files_that_are_there_are_read_and_written(tmp_path: Path) -> None:
    start = nn.ModuleDict({"conv": nn.Conv2d(3, 8, 3), "fc": nn.Linear(8, 5)}).state_dict()
    torch.save(start, tmp_path / "start.pth")
    folder = tmp_path.as_posix()
    found = opened(
        tmp_path,
        f"""
        state = torch.load("{folder}/start.pth")
        assert state["conv.weight"].abs().sum() > 0
        self.body.load_state_dict(state)
        with open("{folder}/kept.txt", "w", encoding="utf-8") as file:
            file.write("été\\n")
        with open("{folder}/kept.bin", "wb") as file:
            file.write(b"12")
        open("{folder}/empty", "w").close()
        with open("{folder}/kept.txt", encoding="utf-8") as file:
            assert file.read() == "été\\n"
        """,
    )
    assert not found.notices
    assert (tmp_path / "kept.bin").read_bytes() == b"12"
    assert (tmp_path / "empty").read_bytes() == b""


def test_everything_is_put_back(tmp_path: Path) -> None:
    import pathlib

    before = (
        *(urllib.request.urlopen, urllib.request.urlretrieve, torch.hub.load, torch.load),
        *(nn.Module.load_state_dict, pathlib.Path.write_bytes, builtins.open),
    )
    opened(tmp_path, FETCHES["an answer of urllib"])
    with pytest.raises(ModelError, match="not what was hoped for"):
        opened(tmp_path, "raise OSError('not what was hoped for')")
    assert before == (
        *(urllib.request.urlopen, urllib.request.urlretrieve, torch.hub.load, torch.load),
        *(nn.Module.load_state_dict, pathlib.Path.write_bytes, builtins.open),
    )


def test_code_of_others_is_not_fetched_and_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"line \d+: .*loads more code, from someone/net"):
        opened(tmp_path, "self.body = torch.hub.load('someone/network', 'large')")


SESSIONS = """
class Session:
    def request(self, method, url, **kwargs):
        raise OSError("no connection")
def get(url, **kwargs):
    return Session().request("get", url, **kwargs)
"""


def test_sessions_of_requests_answer_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of its structure, since that one is not among the requirements."""
    package = tmp_path / "site" / "requests"
    package.mkdir(parents=True)
    (package / "sessions.py").write_text(SESSIONS)
    (package / "__init__.py").write_text("from requests.sessions import Session, get\n")
    monkeypatch.syspath_prepend(str(package.parent))
    for name in [n for n in sys.modules if n.partition(".")[0] == "requests"]:
        monkeypatch.delitem(sys.modules, name)
    found = opened(
        tmp_path,
        """
        import requests
        answer = requests.get(URL, stream=True)
        answer.raise_for_status()
        assert answer.status_code == 200 and answer.json() == {}
        content = b"".join(answer.iter_content(chunk_size=1024)) + answer.content
        self.body.load_state_dict(torch.load(io.BytesIO(content)))
        """,
    )
    assert "(https://127.0.0.1:9/w.pth)" in found.notices[0]
    for name in [n for n in sys.modules if n.partition(".")[0] == "requests"]:
        monkeypatch.delitem(sys.modules, name)


SMALL = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64, "num_labels": 3}
TRANSFORMERS: dict[str, tuple[str, Callable[[Any], nn.Module]]] = {
    "a class": (
        "ViTForImageClassification.from_pretrained('google/vit-base-patch16-224', num_labels=3, "
        "ignore_mismatched_sizes=True)",
        lambda t: t.ViTForImageClassification(t.ViTConfig(num_labels=3)),
    ),
    "an automatic class": (
        "AutoModelForImageClassification.from_pretrained('microsoft/resnet-50', num_labels=3)",
        lambda t: t.ResNetForImageClassification(t.ResNetConfig(num_labels=3)),
    ),
    "a configuration of its own": (
        "ViTForImageClassification.from_pretrained('google/vit-base-patch16-224', "
        f"config=ViTConfig(**{SMALL}))",
        lambda t: t.ViTForImageClassification(t.ViTConfig(**SMALL)),
    ),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_networks_of_transformers_are_not_fetched(tmp_path: Path, name: str) -> None:
    transformers = pytest.importorskip("transformers")
    call, make = TRANSFORMERS[name]
    path = tmp_path / "net.py"
    path.write_text(
        textwrap.dedent(
            f"""
            from torch import nn
            from transformers import *

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.body = {call}
                def forward(self, x):
                    return self.body(x).logits
            """
        ).replace("import *", f"import ViTConfig, {call.partition('.')[0]}")
    )
    torch.manual_seed(3)
    network = make(transformers).eval()
    state = {f"body.{key}": tensor for key, tensor in network.state_dict().items()}
    torch.save(state, path.with_suffix(".pth"))
    found = open_network_file(path, weights=path.with_suffix(".pth"), trust=TRUSTED)
    picture = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(found.module.eval()(picture), network(picture).logits)
    (notice,) = found.notices
    assumed = "assumed to be the default of" in notice
    assert assumed == (name != "a configuration of its own"), "the user has to know"


def test_torchvision_is_there_for_packages_that_need_it(tmp_path: Path) -> None:
    """Beside a CPU build of torch, torchvision is imported through a door of the program's own."""
    (tmp_path / "net.py").write_text("import torchvision\nKNOWN = torchvision.models.resnet18\n")
    code = (
        "from pathlib import Path; from engine.files.trust import Trust; "
        "from engine.formats.python.importing import import_file; "
        f"import_file(Path({str(tmp_path / 'net.py')!r}), trust=Trust(everything=True)).KNOWN"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[4], check=True)


def test_an_absent_entry_changes_nothing() -> None:
    weight = torch.ones(2, 3)
    missing = absent()
    assert torch.equal(weight.copy_(missing), torch.ones(2, 3))
    assert torch.equal(weight.mul_(missing), torch.ones(2, 3))
    assert (len(missing), list(missing), missing.get("x", 3), "x" in missing) == (0, [], 3, False)
    assert str(torch.cat([missing, missing["deeper"].reshape(2, 2)])) == "<not fetched>"
