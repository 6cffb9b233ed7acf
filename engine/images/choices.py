"""The user's choice of preprocessing, as text: parsed, and applied to what is otherwise known.

Plain values, no torch. The names are those of the command line's options, without the dashes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from engine.errors import OptionError
from engine.images import presets
from engine.records.images import Channels, Preprocessing

Size: TypeAlias = tuple[int, int]

NAMES = ("preset", "mean", "std", "range", "channels", "resize", "crop")
"""What can be chosen, in the order in which it is applied."""

_NONE = "none"
_MOST_DIGITS = 40
_CHANNELS = {channels.value.lower(): channels for channels in Channels}


@dataclass(frozen=True, slots=True)
class Choice:
    """The parts of a Preprocessing that the user has chosen; None leaves a part unchanged.

    preset: a name in presets.PRESETS, or ''. mean, std: one number for all channels, or one for
    each. resize: as in Preprocessing. unscaled: do not resize. crop: (height, width).
    uncropped: the whole image is resized to the network's input size.
    """

    preset: str = ""
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    range: tuple[float, float] | None = None
    channels: Channels | None = None
    resize: int | Size | None = None
    unscaled: bool = False
    crop: Size | None = None
    uncropped: bool = False

    @property
    def settles_values(self) -> bool:
        """Whether nothing about the values of the input is left to assume."""
        return bool(self.preset) or (self.mean is not None and self.std is not None)

    @property
    def size(self) -> Size | None:
        """The network's input size, if it is chosen: (height, width)."""
        if self.uncropped:
            return self.resize if isinstance(self.resize, tuple) else None
        return self.crop


NOTHING = Choice()


def parse(pairs: Iterable[tuple[str, str]]) -> Choice:
    """The choice from (name, text) pairs.

    Raises OptionError, a single line that names the option and what is allowed.
    """
    choice = NOTHING
    for name, text in pairs:
        if name not in NAMES:
            raise OptionError(f"there is no option --{name[:40]}; use {', '.join(NAMES)}")
        choice = _with(choice, name, text.strip())
    if choice.uncropped and (choice.unscaled or isinstance(choice.resize, int)):
        raise OptionError(
            "--crop none needs the size of both sides, since the input of a network has a fixed "
            "size: --resize HxW, as in --resize 224x224"
        )
    return choice


def _with(choice: Choice, name: str, text: str) -> Choice:
    if name == "preset":
        return replace(choice, preset=presets.find(text))
    if name == "mean":
        return replace(choice, mean=_numbers(name, text))
    if name == "std":
        std = _numbers(name, text)
        if min(std) <= 0:
            raise OptionError(f"--std {text[:40]}: a standard deviation must be greater than 0")
        return replace(choice, std=std)
    if name == "range":
        return replace(choice, range=_range(text))
    if name == "channels":
        channels = _CHANNELS.get(text.lower())
        if channels is None:
            raise OptionError(f"--channels {text[:40]}: choose rgb, bgr or grey")
        return replace(choice, channels=channels)
    if name == "resize":
        if text.lower() == _NONE:
            return replace(choice, resize=None, unscaled=True)
        return replace(choice, resize=_sides(name, text), unscaled=False)
    if text.lower() == _NONE:
        return replace(choice, crop=None, uncropped=True)
    crop = _sides(name, text)
    return replace(choice, crop=crop if isinstance(crop, tuple) else (crop, crop), uncropped=False)


def applied(choice: Choice, how: Preprocessing) -> Preprocessing:
    """`how`, changed by the choice.

    Mean and deviation that are not chosen keep their colours if the channel order changes. A chosen
    resize replaces a letterbox.
    Raises OptionError, a single line that names an option, if the result would be invalid.
    """
    if choice == NOTHING:
        return how
    how = _with_values(choice, how)
    _check_sizes(choice, how)
    crop = choice.crop or how.crop
    resize = choice.resize if choice.resize is not None else how.resize
    if choice.uncropped:
        crop = choice.size or how.crop
        resize = crop
    changed = replace(how, resize=None if choice.unscaled else resize, crop=crop)
    if choice.resize is not None or choice.unscaled or choice.uncropped:
        changed = replace(changed, letterbox=False)
    fault = presets.fault_of(changed)
    if fault:
        raise OptionError(f"the options for preprocessing do not fit: {fault}")
    return changed


def _with_values(choice: Choice, how: Preprocessing) -> Preprocessing:
    if choice.preset:
        how = presets.with_values_of(choice.preset, how)
        how = replace(how, interpolation=presets.PRESETS[choice.preset].interpolation)
    if choice.channels is not None:
        how = presets.reordered(how, choice.channels)
    count = len(how.mean)
    mean = _for_channels("mean", choice.mean, count) or how.mean
    std = _for_channels("std", choice.std, count) or how.std
    if choice.range not in (None, how.range) and (choice.mean is None or choice.std is None):
        raise OptionError(
            "--range changes the unit of mean and standard deviation; give --mean and --std as "
            "well (--mean 0 --std 1 to leave the values as they are)"
        )
    return replace(how, mean=mean, std=std, range=choice.range or how.range)


def _check_sizes(choice: Choice, how: Preprocessing) -> None:
    """Reject a crop beyond the resized image, unless both were chosen: it would be padded."""
    alone = (choice.crop is None) != (choice.resize is None)
    if not alone or choice.uncropped or choice.unscaled:
        return
    resize = choice.resize if choice.resize is not None else how.resize
    crop = choice.crop or how.crop
    sides = (resize, resize) if isinstance(resize, int) else resize
    if sides is None or (sides[0] >= crop[0] and sides[1] >= crop[1]):
        return
    given, other = ("crop", "resize") if choice.resize is None else ("resize", "crop")
    raise OptionError(
        f"--{given}: the crop of {crop[0]} x {crop[1]} is larger than the image resized to "
        f"{_words(resize)} pixels and would be padded; give --{other} as well"
    )


def _for_channels(
    name: str, numbers: tuple[float, ...] | None, count: int
) -> tuple[float, ...] | None:
    if numbers is None or len(numbers) == count:
        return numbers
    if len(numbers) == 1:
        return numbers * count
    wanted = "1 number" if count == 1 else f"{count} numbers, or one for all"
    channels = "1 channel" if count == 1 else f"{count} channels"
    raise OptionError(f"--{name}: the network has {channels}; give {wanted}, not {len(numbers)}")


def _numbers(name: str, text: str) -> tuple[float, ...]:
    parts = text.replace("\u2212", "-").split(",")
    try:
        numbers = tuple(float(part) for part in parts if len(part) <= _MOST_DIGITS)
    except ValueError:
        numbers = ()
    if len(numbers) != len(parts) or not all(map(math.isfinite, numbers)):
        raise OptionError(
            f"--{name} {text[:40]}: write a number for each channel, separated by commas, or one "
            f"for all, as in --{name} {'0.485,0.456,0.406' if name == 'mean' else '0.5'}"
        )
    return numbers


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = _numbers("range", text)
    except (OptionError, ValueError):
        raise OptionError(
            f"--range {text[:40]}: write the values of black and white, as in --range 0,255"
        ) from None
    if low == high:
        raise OptionError(f"--range {text[:40]}: black and white need different values")
    return low, high


def _sides(name: str, text: str) -> int | Size:
    parts = text.lower().replace("\u00d7", "x").split("x")
    # Limiting the digits keeps int() from parsing arbitrarily long numbers.
    fits = all(p.isdecimal() and len(p) < 6 and 0 < int(p) <= presets.MAX_SIDE for p in parts)
    if len(parts) > 2 or not fits:
        raise OptionError(
            f"--{name} {text[:40]}: write a size in pixels, as in --{name} 224, height x width, as "
            f"in --{name} 224x192, or none (each side at most {presets.MAX_SIDE:,})"
        )
    sides = [int(part) for part in parts]
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def _words(size: int | Size | None) -> str:
    return " x ".join(map(str, size)) if isinstance(size, tuple) else str(size)


__all__ = ["NAMES", "NOTHING", "Choice", "applied", "parse"]
