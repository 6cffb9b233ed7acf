"""One hostile file of every kind: as an image, as a model and as a list of class names.

What tries to run something makes the folder of a given marker.
"""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import socket
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn

from engine.lazy import extras, torchvision
from tests.engine.hostile.honest_models import own
from tests.engine.hostile.honest_pictures import chunk, pictures
from tests.engine.hostile.payloads import Marks

HTML = "<img src='/etc/passwd'><b>bold</b>"
ESCAPES = "red\x1b[31m\x1b]0;title\x07\u202egnp.exe"


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file. opens: whether it does, or is refused or asked for; None where either is well."""

    path: Path
    opens: bool | None = False


# --- pictures ------------------------------------------------------------------------------------


def png(path: Path, width: int, height: int, bits: int = 8) -> Path:
    """A grey picture of one value, packed to nearly nothing."""
    row = bytes(1 + -(-width * bits // 8))
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((bits, 0, 0, 0, 0))
    body = chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def scans(path: Path) -> Path:
    """A progressive JPEG of 600 kB whose last scan comes thousands of times: minutes of work."""
    buffer = io.BytesIO()
    Image.new("L", (8000, 8000), 100).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    start, end = content.rfind(b"\xff\xc4"), len(content) - 2
    path.write_bytes(content[:start] + content[start:end] * 6000 + content[end:])
    return path


def images(folder: Path, marker: Path, long: bool = True) -> Iterator[Hostile]:
    """long: those too that take seconds each."""
    honest = pictures()
    if long:
        yield Hostile(png(folder / "plain.png", 9_900, 9_900, 1), opens=True)
        yield Hostile(scans(folder / "scans.jpg"))
    yield Hostile(png(folder / "bomb.png", 16_000, 16_000))
    yield Hostile(png(folder / "thin.png", 2**30, 1, 1))
    content = honest["avif"][1]
    at = content.find(b"mdat") + 100
    (folder / "broken.avif").write_bytes(content[:at] + bytes(len(content) - at))
    yield Hostile(folder / "broken.avif")
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200_000_000), 1))
    whole = honest["png"][1]
    (folder / "text.png").write_bytes(whole[:33] + text + whole[33:])
    yield Hostile(folder / "text.png")
    (folder / "cut.jpg").write_bytes(honest["jpg"][1][:700])
    yield Hostile(folder / "cut.jpg")
    (folder / f"{ESCAPES}.png").write_bytes(b"no picture")
    yield Hostile(folder / f"{ESCAPES}.png")
    torch.save(Marks(marker), folder / "pickle.png")
    yield Hostile(folder / "pickle.png")


# --- models --------------------------------------------------------------------------------------


class _Calls:
    """Unpickled, it calls a function, and is then filled with a state."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self._call = function, arguments, state

    def __reduce__(self) -> Any:
        return self._call


def archive(path: Path, content: bytes) -> Path:
    """A file of torch.save with this pickle."""
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("archive/data.pkl", content)
        made.writestr("archive/version", "3\n")
    return path


def running(folder: Path, marker: Path) -> Iterator[Path]:
    """Networks that make the marker when torch unpickles them, or when they are used."""
    mkdir = functools.partial(os.makedirs, str(marker), 0o777)
    rebuild = torch._tensor._rebuild_from_type_v2
    torch.save(_Calls(rebuild, os.mkdir, torch.Tensor, (str(marker),), {}), folder / "rebuild.pth")
    yield folder / "rebuild.pth"
    network = own()
    # Whatever a hook is called with, each of it goes through the key.
    network.register_forward_hook(functools.partial(max, key=mkdir))
    torch.save(network, folder / "hook.pt")
    yield folder / "hook.pt"
    network = own()
    network[2].__dict__["forward"] = mkdir
    torch.save(network, folder / "shadow.pt")
    yield folder / "shadow.pt"
    network = own()
    network.extra = Marks(marker)
    torch.save({"model": network}, folder / "attribute.pt")
    yield folder / "attribute.pt"
    torchvision.load()
    from torchvision.models.feature_extraction import DualGraphModule

    call = _Calls(DualGraphModule, own(), Marks(marker), Marks(marker), state=Marks(marker))
    for suffix in (".pth", ".pt", ".bin", ".ckpt", ".safetensors", ".png", ".pt2", ".onnx"):
        torch.save(call, folder / f"constructor{suffix}")
        yield folder / f"constructor{suffix}"
    torch.save(Marks(marker), folder / "old.pth", _use_new_zipfile_serialization=False)
    yield folder / "old.pth"


def _endless(folder: Path) -> Iterator[Path]:
    """Small files that ask for memory, time or depth without end."""
    yield archive(
        folder / "bytearray.pth", b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\0\0\0\x80\x01\x85R."
    )
    resnet = b"ctorchvision.models.resnet\nResNet\n(ctorchvision.models.resnet\nBasicBlock\n"
    numbers = b"](J" + (10**8).to_bytes(4, "little") + b"K\x01K\x01K\x01etR."
    yield archive(folder / "blocks.pth", b"\x80\x02" + resnet + numbers)
    shared: Any = {"w": 1}
    for _ in range(60):
        shared = {"a": shared, "b": shared}
    yield archive(folder / "dag60.pth", pickle.dumps(shared, 2))
    yield archive(folder / "self.pth", b"\x80\x02}q\0(X\x05\0\0\0modelh\0u.")
    deep = b"}X\x01\0\0\0a" * 100_000 + b"}" + b"s" * 100_000
    yield archive(folder / "deep.pth", b"\x80\x02" + deep + b".")
    network = nn.Sequential(nn.ReLU())
    for _ in range(60):
        network = nn.Sequential(network, network)
    torch.save(network, folder / "twice.pt")
    yield folder / "twice.pt"
    network = own()
    del network[0].kernel_size
    torch.save(network, folder / "conv.pt")
    yield folder / "conv.pt"
    with zipfile.ZipFile(folder / "entries.pt", "w") as made:
        for number in range(60_000):
            made.writestr(f"x/{number}", b"")
    yield folder / "entries.pt"
    header = b'{"w":{"dtype":"F32","shape":[2684354560],"data_offsets":[0,10737418240]}}'
    size = len(header).to_bytes(8, "little")
    (folder / "claims.safetensors").write_bytes(size + header + bytes(64))
    yield folder / "claims.safetensors"


def _folders(folder: Path) -> Iterator[Hostile]:
    """Folders of Hugging Face and timm whose configurations ask for more than there is."""
    if not all(extras.installed(name) for name in ("transformers", "timm")):
        return
    from tests.engine import hf_folders

    hf_folders.transformers.utils.logging.disable_progress_bar()
    changes: dict[str, tuple[str, dict[str, Any]]] = {
        "depths": ("config.json", {"depths": [10**8, 1]}),
        "labels": ("config.json", {"num_labels": 10**9, "id2label": None}),
        "sizes": ("config.json", {"hidden_sizes": [10**5, 10**5]}),
        "other": ("config.json", {"id2label": {str(n): "x" for n in range(300)}}),
        "code": ("config.json", {"auto_map": {"AutoConfig": "x.Y"}}),
        "pads": (
            "preprocessor_config.json",
            {"do_pad": True, "pad_size": {"height": 30_000, "width": 30_000}}
            | {"image_processor_type": "ViTImageProcessor"},
        ),
    }
    for name, (file, change) in changes.items():
        goal = folder / f"folder {name}"
        made = hf_folders.resnet()
        hf_folders.folder_of(made, hf_folders.PROCESSORS["CLIP"](), goal)
        content = json.loads((goal / file).read_text(encoding="utf-8"))
        (goal / file).write_text(json.dumps(content | change), encoding="utf-8")
        yield Hostile(goal, opens=None if name == "pads" else False)


def models(folder: Path, marker: Path, long: bool = True) -> Iterator[Hostile]:
    """long: those too that take seconds each, in being made or in being opened."""
    yield from map(Hostile, running(folder, marker))
    yield from map(Hostile, _endless(folder))
    for name, layer in (
        ("html.pt", HTML.replace(".", "")),
        ("escapes.pt", ESCAPES.replace(".", "")),
    ):
        network = own()
        network.add_module(layer, nn.Identity())
        torch.save(network, folder / name)
        yield Hostile(folder / name, opens=True)
    if long:
        many = nn.Sequential(*own(), *(nn.Identity() for _ in range(30_000)))
        torch.save(many, folder / "many.pt")
        yield Hostile(folder / "many.pt", opens=True)
        million = b"\x80\x02)" + b"\x85" * 1_000_000 + b"."
        yield Hostile(archive(folder / "tuples.pth", million))
        yield from _folders(folder)


# --- class names ---------------------------------------------------------------------------------


def lists(folder: Path) -> Iterator[Hostile]:
    """Class names for a network of four classes."""
    texts = {
        "long.txt": "\n".join(["x" * 10_000] * 10_000),
        "some.txt": "\n".join(["x" * 10_000] * 4),
        "many.csv": "\n".join(f"{n},name" for n in range(300_000)),
        "deep.json": "[" * 1_000_000,
        "object.json": '{"a":' * 100_000 + "1" + "}" * 100_000,
        "number.json": "9" * 1_000_000,
        "index.csv": f"{'9' * 100_000},a\n1,b\n2,c\n3,d",
        "quote.csv": 'a,"' + "b\n" * 1_000_000,
        "nul.txt": "a\0b\nc\nd\ne",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        yield Hostile(folder / name)
    for name, odd in (("html.txt", HTML), ("escapes.json", ESCAPES)):
        names = [odd, "b", "c", "d"]
        text = json.dumps(names) if name.endswith(".json") else "\n".join(names)
        (folder / name).write_text(text, encoding="utf-8")
        yield Hostile(folder / name, opens=True)


# --- what is no file -----------------------------------------------------------------------------


@contextmanager
def no_files(folder: Path, suffix: str) -> Iterator[list[Path]]:
    """A pipe, a socket, links to devices and a folder, as far as the system has them."""
    found = [folder / f"folder{suffix}"]
    found[0].mkdir()
    with suppress(AttributeError, OSError):
        os.mkfifo(folder / f"pipe{suffix}")
        found.append(folder / f"pipe{suffix}")
        (folder / f"link{suffix}").symlink_to(folder / f"pipe{suffix}")
        found.append(folder / f"link{suffix}")
    for device in ("zero", "random", "full", "tty"):
        if Path("/dev", device).exists():
            (folder / f"{device}{suffix}").symlink_to(Path("/dev", device))
            found.append(folder / f"{device}{suffix}")
    if sys.platform == "win32":
        yield found
        return
    before = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listening:
        # By a short name: the path of a socket has to be.
        os.chdir(folder)
        try:
            listening.bind(f"socket{suffix}")
        finally:
            os.chdir(before)
        yield [*found, folder / f"socket{suffix}"]
