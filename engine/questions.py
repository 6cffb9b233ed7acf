"""What has to be asked before a model can be opened: options as plain values, for any front end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

ArgumentKind = Literal["int", "float", "bool", "str", "value"]
"""How an argument is typed in; 'value' is any literal of Python (a list, None, ...)."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a constructor or factory function.

    default: as it stands in the file; None where there is none (then it is required).
    """

    name: str
    kind: ArgumentKind
    default: str | None

    @property
    def required(self) -> bool:
        return self.default is None


@dataclass(frozen=True, slots=True)
class NetworkOption:
    """Something in a Python file that makes a network: an nn.Module class or a function."""

    name: str
    kind: Literal["class", "function"]
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class WhichArchitecture:
    """The weights fit several architectures: candidates, the likeliest first."""

    path: Path
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhichNetwork:
    """A Python file has several networks, or one whose arguments have no default."""

    path: Path
    options: tuple[NetworkOption, ...]


@dataclass(frozen=True, slots=True)
class WhichWeights:
    """A network was found, but no weights for it. found: files beside it that might be."""

    path: Path
    found: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class WhichInput:
    """No input size or channel count could be found that the network runs on; tried says which."""

    path: Path
    channels: int | None
    tried: tuple[tuple[int, int], ...]


Question: TypeAlias = WhichArchitecture | WhichNetwork | WhichWeights | WhichInput
