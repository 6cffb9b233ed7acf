"""Thousands of damaged and hostile files, made of honest ones from a seed, and what comes of each.

    .venv/bin/python -m tests.engine.hostile.mutations [--pictures 5000] [--models 3000] [--first 0]

prints the counts. A number stands for the same file on every machine with the same packages.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

import engine
from engine.errors import ConsentNeeded, HookscopeError, ModelError
from engine.images.reading import decode_image, load_image, load_thumbnail
from engine.loading.adjustments import Adjustment, adjusted
from engine.loading.class_names import read_class_names
from engine.profiles import store
from engine.reader import SWITCH, client
from engine.records.images import LoadedImage
from gui.jobs.model_work import naming
from tests.engine.hostile.damage import ANYWHERE, PICTURES, spliced
from tests.engine.hostile.damage_models import MARKER, by_content
from tests.engine.hostile.honest_models import models, own
from tests.engine.hostile.honest_pictures import pictures

SEED = 20261121
PATIENCE = 5.0
"""Seconds of a reader's work; what needs more of a file of a few kilobytes is stopped."""

_SUFFIXES = (
    *(".png", ".jpg", ".tif", ".gif", ".pth", ".pt", ".bin", ".ckpt", ".safetensors", ".pt2"),
    *(".onnx", ".py", ".json", ".txt", ".csv", ".ico", ".avif", "", ".hookscope.json"),
)
_LISTS = (".txt", ".csv", ".json")


@dataclass(slots=True)
class Counts:
    """by_kind: how often each outcome came, for each kind of file. slowest: seconds and case."""

    by_kind: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest: list[tuple[float, str]] = field(default_factory=list)

    @property
    def outcomes(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for (_kind, outcome), count in self.by_kind.items():
            found[outcome] += count
        return found

    def table(self) -> str:
        lines = [f"{count:6}  {outcome}" for outcome, count in self.outcomes.most_common()]
        return "\n".join([*lines, f"{self.outcomes.total():6}  in all"])


class Proof:
    """Opens damaged files, one after the other, in a folder of its own, and holds against each
    what has to be so of any file.

    The working folder has to be that folder, where what runs would leave its mark.
    """

    def __init__(self, folder: Path) -> None:
        assert Path.cwd() == folder.resolve()
        self.folder = folder
        self.counts = Counts()
        self._pictures = pictures()
        self._labels = list(self._pictures)
        whole = folder / "whole"
        whole.mkdir()
        self._models = models(whole)
        self._honest = whole.with_suffix(".png")
        self._honest.write_bytes(self._pictures["png"][1])
        self._photo = load_image(self._honest)
        self._open = engine.Model(own(), preprocessing=_small())

    def picture(self, number: int) -> str:
        """Damage a picture and open it; the outcome in a few words."""
        rng = random.Random(f"{SEED} picture {number}")
        label = self._labels[number % len(self._labels)]
        suffix, content = self._pictures[label]
        if rng.random() < 0.6:
            content = PICTURES[suffix[1:]](rng, content)
        elif rng.random() < 0.1:
            content = spliced(rng, content, self._pictures[rng.choice(self._labels)][1])
        else:
            content = rng.choice(ANYWHERE)(rng, content)
        if rng.random() < 0.1:
            suffix = rng.choice(_SUFFIXES)
        path = self.folder / f"picture {number}{suffix}"
        path.write_bytes(content)
        way = rng.random()
        if way < 0.6:
            return self._held(label, path, lambda: load_image(path, patience=PATIENCE))
        if way < 0.75:
            return self._held(label, path, lambda: load_thumbnail(path, 24, patience=PATIENCE))
        if way < 0.95:
            read = path.read_bytes
            return self._held(
                label, path, lambda: decode_image(read(), path.name, patience=PATIENCE)
            )
        return self._held(label, path, lambda: self._model(path))

    def model(self, number: int) -> str:
        """Damage a model file, a class list or a profile and open it; the outcome."""
        rng = random.Random(f"{SEED} model {number}")
        whole = self._models[number % len(self._models)]
        path = self.folder / f"model {number}{''.join(whole.suffixes)}"
        if whole.is_dir():
            shutil.copytree(whole, path)
            damaged = rng.choice(sorted(path.iterdir()))
            config = path / "config.json"
            damaged = rng.choice((damaged, damaged, config))
            damaged.write_bytes(self._damaged(rng, damaged))
        else:
            if rng.random() < 0.1:
                path = path.with_suffix(rng.choice(_SUFFIXES))
            path.write_bytes(self._damaged(rng, whole))
        label = whole.name.partition(".")[0] + whole.suffix
        if rng.random() < 0.03 and not path.is_dir():
            return self._held(label, path, lambda: load_image(path, patience=PATIENCE))
        if path.name.endswith(store.SUFFIX):
            return self._held(label, path, lambda: self._adjusted(Adjustment(profile=path)))
        if path.suffix in _LISTS:
            return self._held(label, path, lambda: self._adjusted(Adjustment(classes=path)))
        return self._held(label, path, lambda: self._model(path))

    def settle(self) -> None:
        """Nothing is left that works, waits or grows: every reader has answered and waits."""
        left = [process for process in _readers() if process.is_running()]
        waiting = [reader for readers in client._idle.values() for reader in readers]
        assert len(left) == len(waiting), left
        assert all(reader.measured()[0] < 1 << 30 for reader in waiting)

    def _damaged(self, rng: random.Random, path: Path) -> bytes:
        content = path.read_bytes()
        if rng.random() < 0.7:
            return by_content(path.name, content)(rng, content)
        if rng.random() < 0.1:
            others = [other for other in self._models if other.is_file()]
            other = rng.choice((*others, self._honest)).read_bytes()
            return spliced(rng, content, other)
        return rng.choice(ANYWHERE)(rng, content)

    def _model(self, path: Path) -> engine.Model:
        return engine.load_model(path, device="cpu", patience=PATIENCE)

    def _adjusted(self, change: Adjustment) -> engine.Model:
        with client.reading(patience=PATIENCE):
            if change.profile is not None:
                store.read(change.profile)
            elif change.classes is not None:
                read_class_names(change.classes)
        try:
            return adjusted(self._open, change)
        except ModelError as error:
            raise ModelError(naming(change.classes or change.profile, error)) from error

    def _held(self, kind: str, path: Path, work: Callable[[], object]) -> str:
        """Do the work; what came of it. AssertionError for what must not come of any file.

        With a model, a picture is explained, as the window does at once.
        """
        started = time.process_time()
        opened: object = None
        try:
            opened = work()
            outcome = "opened"
            if isinstance(opened, engine.Model):
                with engine.Session(opened, self._photo) as session:
                    session.explain()
        except HookscopeError as error:
            outcome = _in_words(error, path, opened is None)
        spent = time.process_time() - started
        self.counts.by_kind[kind, outcome] += 1
        self.counts.slowest = sorted([*self.counts.slowest, (spent, path.name)])[-5:]
        assert not list(self.folder.rglob(MARKER)), f"{path.name}: something of it ran"
        again: LoadedImage = load_image(self._honest)
        assert again.pixels.tolist() == self._photo.pixels.tolist(), path.name
        self.settle()
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        return outcome


def _small() -> engine.Preprocessing:
    return engine.Preprocessing(resize=20, crop=(16, 16), mean=(0.5,) * 3, std=(0.2,) * 3)


def _in_words(error: HookscopeError, path: Path, reading: bool) -> str:
    """reading: it comes from the file; else from what was opened, whose messages name layers."""
    message = str(error)
    assert message.strip(), path.name
    assert "\n" not in message, f"{path.name}: {message}"
    assert path.name in message or not reading, message
    assert len(message) < 1500, f"{path.name}: {message}"
    assert "stopped after" not in message, message
    if isinstance(error, ConsentNeeded):
        return "asked for consent"
    if not reading:
        return f"opened, but not explained ({type(error).__name__})"
    kinds = {"needs more than": "too much memory", "the decoder crashed": "the reader ended"}
    kind = next((kinds[words] for words in kinds if words in message), type(error).__name__)
    return f"one line ({kind})"


def _readers() -> Iterator[psutil.Process]:
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if SWITCH in child.cmdline():
                yield child


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--models", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0, help="the first number of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for what, count in (("picture", options.pictures), ("model", options.models)):
            if count:
                _count(Path(folder), what, options.first, count)
        os.chdir("/")
    return 0


def _count(folder: Path, what: str, first: int, count: int) -> None:
    place = folder / what
    place.mkdir()
    os.chdir(place)
    proof = Proof(place)
    failed = 0
    for number in range(first, first + count):
        try:
            getattr(proof, what)(number)
        except Exception as error:  # noqa: BLE001 - each is told, and the next is tried
            failed += 1
            sys.stdout.write(
                f"FAILED {what} {number}: {type(error).__name__}: {str(error)[:400]}\n"
            )
            sys.stdout.flush()
    sys.stdout.write(f"{what}s\n{proof.counts.table()}\n{failed:6}  failed\n")
    for spent, name in reversed(proof.counts.slowest):
        sys.stdout.write(f"{spent:8.2f} s of work here: {name}\n")
    client.end_all()


if __name__ == "__main__":
    sys.exit(main())
