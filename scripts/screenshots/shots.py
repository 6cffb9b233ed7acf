"""The list of the pictures of README and guide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.screenshots.stage import Stage

Play = Callable[["Stage", Path], None]


@dataclass(frozen=True)
class Shot:
    """One picture: how it is staged, how large, in which look and at which scale.

    first: to be taken before the process has loaded anything. packed: a palette of 256 colours
    does, since no large heat map is what it shows.
    """

    name: str
    play: Play
    size: tuple[int, int] = (1280, 800)
    look: str = "dark"
    scale: float = 1.0
    models: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    first: bool = False
    packed: bool = False


SHOTS: list[Shot] = []


def shot(
    name: str,
    size: tuple[int, int] = (1280, 800),
    look: str = "dark",
    scale: float = 1.0,
    model: str = "",
    first: bool = False,
    packed: bool = False,
) -> Callable[[Play], Play]:
    """Registers a function as the way to a picture. model: one of _odd_models that it needs."""

    def make() -> Any:
        from scripts.screenshots import odd_models

        return getattr(odd_models, model)()

    def register(play: Play) -> Play:
        models = {"odd": make} if model else {}
        SHOTS.append(Shot(name, play, size, look, scale, models, first, packed))
        return play

    return register
