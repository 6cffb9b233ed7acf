"""Questions to answer before a model can be opened: options as plain values, for any front end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

ArgumentKind = Literal["int", "float", "bool", "str", "value"]
"""The type of an argument's value; 'value' is any Python literal (a list, None, ...)."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a constructor or factory function.

    default: as written in the file; None if there is none, which makes it required.
    """

    name: str
    kind: ArgumentKind
    default: str | None

    @property
    def required(self) -> bool:
        return self.default is None


@dataclass(frozen=True, slots=True)
class NetworkOption:
    """Something in a Python file that creates a network: an nn.Module class or a function."""

    name: str
    kind: Literal["class", "function"]
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class WhichArchitecture:
    """The weights fit several architectures: candidates, the most likely first."""

    path: Path
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhichStateDict:
    """A weights file has several networks. keys: where each is in it, the most likely first."""

    path: Path
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhichNetwork:
    """A Python file has several networks, or one with required arguments."""

    path: Path
    options: tuple[NetworkOption, ...]


@dataclass(frozen=True, slots=True)
class WhichWeights:
    """A network was found, but no weights for it. found: files beside it that may be weights."""

    path: Path
    found: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class WhichInput:
    """No working input size or channel count was found. tried: the sizes that failed."""

    path: Path
    channels: int | None
    tried: tuple[tuple[int, int], ...]


Question: TypeAlias = WhichArchitecture | WhichStateDict | WhichNetwork | WhichWeights | WhichInput
