"""What is said of the input that a model receives: its size and its numbers."""

from __future__ import annotations

from engine.records.images import ChannelNumbers, Channels, Preprocessing

_MOST_LINES = 3
_BGR = ("Blue", "Green", "Red")


def size_line(how: Preprocessing) -> str:
    """Size and channels of the input."""
    height, width = how.crop
    count = len(how.mean)
    colours = "grey" if how.channels is Channels.GREY else how.channels.value
    return f"{width} × {height} pixels, {count} channel{'s' if count > 1 else ''} ({colours})"


def number_lines(how: Preprocessing, numbers: tuple[ChannelNumbers, ...]) -> str:
    """The numbers of each channel, one line each; a single line if they are the same."""
    if len(set(numbers)) == 1:
        return _line("Each channel" if len(numbers) > 1 else "Values", numbers[0])
    names: tuple[str, ...] = ()
    if how.channels is not Channels.GREY:
        names = ("Red", "Green", "Blue") if how.channels is Channels.RGB else _BGR
    if len(names) != len(numbers):
        names = tuple(f"Channel {number}" for number in range(1, len(numbers) + 1))
    lines = [_line(*pair) for pair in zip(names, numbers, strict=True)]
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], f"and {len(lines) - _MOST_LINES + 1} more channels"]
    return "\n".join(lines)


def _line(name: str, numbers: ChannelNumbers) -> str:
    low, high, mean = (
        f"{value:.3f}".replace("-", "\u2212") for value in (numbers.low, numbers.high, numbers.mean)
    )
    return f"{name}: {low} to {high}, mean {mean}"
