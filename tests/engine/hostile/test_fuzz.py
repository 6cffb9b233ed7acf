"""Damaged and hostile files by the thousand: one clear error each, nothing runs, nothing hangs.

Three hundred of them in `make test`, 5,000 pictures and 3,000 others in `make test-all`. What is
held against each case is in tests/engine/hostile/mutations.py. A few go through with consent as
well.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import engine
from engine.errors import HookscopeError
from engine.files.trust import Trust
from engine.reader import client
from tests.engine.hostile.damage import ANYWHERE
from tests.engine.hostile.damage_models import MARKER
from tests.engine.hostile.honest_models import models
from tests.engine.hostile.mutations import SEED, Proof

# Layers without a weight and numbers beyond float32 are remarked on by torch and numpy.
pytestmark = [pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

PICTURES, MODELS = 5000, 3000
SOME_PICTURES, SOME_MODELS = 230, 70
CHUNK = 250
MIB = 1 << 20


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proof]:
    folder = tmp_path_factory.mktemp("proof")
    before = Path.cwd()
    client.end_all()
    os.chdir(folder)
    yield Proof(folder)
    os.chdir(before)
    client.end_all()


def test_some_damaged_pictures(proof: Proof) -> None:
    outcomes = [proof.picture(number) for number in range(SOME_PICTURES)]
    assert SOME_PICTURES // 4 < outcomes.count("opened") < SOME_PICTURES * 3 // 4
    formats = {kind.partition(" ")[0] for kind, _outcome in proof.counts.by_kind}
    assert formats >= {"png", "jpg", "mpo", "tif", "webp", "bmp", "gif", "ppm", "jp2", "tga"}
    assert formats >= {"avif", "ico"}


def test_some_damaged_models_and_lists(proof: Proof) -> None:
    outcomes = [proof.model(number) for number in range(SOME_MODELS)]
    assert SOME_MODELS // 10 < outcomes.count("opened") < SOME_MODELS // 2
    assert "asked for consent" in outcomes


def _chunks(count: int) -> list[int]:
    return list(range(0, count, CHUNK))


@pytest.mark.slow
@pytest.mark.parametrize("first", _chunks(PICTURES))
def test_damaged_pictures(proof: Proof, first: int, capsys: pytest.CaptureFixture[str]) -> None:
    _all(proof, "picture", first, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("first", _chunks(MODELS))
def test_damaged_models_and_lists(
    proof: Proof, first: int, capsys: pytest.CaptureFixture[str]
) -> None:
    _all(proof, "model", first, capsys)


def _all(proof: Proof, what: str, first: int, capsys: pytest.CaptureFixture[str]) -> None:
    proof.counts.by_kind.clear()
    work = getattr(proof, what)
    for number in range(first, first + 50):  # libraries and allocator have what they want then
        work(number)
    before = psutil.Process().memory_info().rss
    for number in range(first + 50, first + CHUNK):
        work(number)
    growth = (psutil.Process().memory_info().rss - before) / MIB
    with capsys.disabled():
        sys.stdout.write(f"\n{what}s {first} to {first + CHUNK - 1}\n{proof.counts.table()}\n")
    assert growth < 200, f"{growth:.0f} MiB"


def test_damaged_files_that_may_run(tmp_path: Path) -> None:
    """With consent, what a file calls is the user's own affair; but damage is told in one line."""
    whole = tmp_path / "honest"
    whole.mkdir()
    chosen = [p for p in models(whole, described=False) if p.suffix in (".pt", ".pt2", ".ckpt")]
    refused = 0
    for number in range(40):
        rng = random.Random(f"{SEED} consent {number}")
        honest = rng.choice(chosen)
        path = tmp_path / f"{number}{honest.suffix}"
        path.write_bytes(rng.choice(ANYWHERE)(rng, honest.read_bytes()))
        said = path.name
        try:
            engine.load_model(path, trust=Trust(everything=True))
        except HookscopeError as error:
            refused, said = refused + 1, str(error)
        assert "\n" not in said
        assert path.name in said
        assert len(said) < 1500
        path.unlink()
    assert refused > 10
    assert not list(tmp_path.rglob(MARKER))
