"""Scripts that are run together, and compared with the maps that the program makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.explain.session import Session
from engine.files.trust import NOBODY, Trust
from engine.formats.demo import SCENES
from engine.images.reading import load_image
from engine.loading.load import open_source
from engine.records.explanations import FloatMap
from engine.records.sources import ModelSource
from engine.scripting.planning import recipe_of
from engine.scripting.recipe import Wanted
from engine.scripting.writing import script
from tests.engine.scripting import alone

SCENE = SCENES[0].path
# In parts of the map's largest magnitude.
EXACT, FASTER = 1e-5, 1e-4


@dataclass
class Opened:
    """A session, and what its model was opened from."""

    session: Session
    source: ModelSource


@contextmanager
def opened(
    source: ModelSource, trust: Trust = NOBODY, *, exact: bool = True, image: Path = SCENE
) -> Iterator[Opened]:
    """The model and the image, and a session of both."""
    model = open_source(source, "cpu", trust)
    with Session(model, load_image(image), exact=exact) as session:
        yield Opened(session, source)


@dataclass
class Batch:
    """Scripts to be run together, and the maps that they have to give."""

    folder: Path
    lone: alone.Alone
    maps: dict[str, tuple[FloatMap, float]] = field(default_factory=dict)

    def add(self, name: str, opened: Opened, picture: str = "", **asked: Any) -> None:
        """A script for what Session.explain is asked, and the map that this gives."""
        session = opened.session
        found = session.explain(**asked)
        recipe = recipe_of(
            session.model, opened.source, session.image, Wanted.of(found), picture=picture
        )
        (self.folder / f"{name}.py").write_text(script(recipe), encoding="utf-8")
        self.maps[name] = found.map, EXACT if session.exact else FASTER

    def check(self) -> None:
        """Run all of them, and compare."""
        for name, (wanted, tolerance) in self.maps.items():
            self.lone.run(self.folder / f"{name}.py", self.folder / f"{name}.npy")
            got = np.load(self.folder / f"{name}.npy")
            assert got.dtype == np.float32
            assert got.shape == wanted.shape, name
            assert np.abs(wanted).max() > 0, name
            assert np.abs(got - wanted).max() <= tolerance * np.abs(wanted).max(), name
