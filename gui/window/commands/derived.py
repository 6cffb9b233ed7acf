"""The commands that stand for rows of other tables: methods, looks, colour maps, and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.render.colormaps import LEGACY
from engine.render.looks import Look
from gui.window.commands.command import Command

if TYPE_CHECKING:
    from engine.methods.registry import Method


def of_colormap(name: str) -> Command:
    """Chooses a colour map."""
    legacy = name in LEGACY
    return Command(
        id=f"colormap_{name}",
        text=name.capitalize() + (" (legacy)" if legacy else ""),
        menu="View/Colour map",
        tip="Not perceptually uniform: lightness drops at the high end" if legacy else "",
        checkable=True,
        group="colormap",
        section=1 + legacy,
    )


def of_look(look: Look) -> Command:
    """Chooses a look."""
    return Command(
        id=look_command(look.slug),
        text=look.title,
        menu="View/Look",
        tip=look.summary,
        checkable=True,
        group="look",
        section=1,
    )


def look_command(slug: str) -> str:
    """The id of the command that chooses a look."""
    return f"look_{slug}"


def of_method(method: Method) -> Command:
    """Chooses a method."""
    return Command(
        id=method_command(method.slug),
        text=method.title,
        menu=f"Model/Method/{family_title(method)}",
        tip=method_tip(method),
        checkable=True,
        group="method",
        listing=("", ""),
        section=1,
        note=method.summary,
    )


def method_command(slug: str) -> str:
    """The id of the command that chooses a method."""
    return f"method_{slug}"


def method_tip(method: Method) -> str:
    """What it is good for, and what it costs."""
    blind = "" if method.class_dependent else " Does not depend on the class."
    return f"{method.summary}{blind} Takes {method.cost}."


def family_title(method: Method) -> str:
    """The heading above the methods of a family."""
    return method.family.value.capitalize()


def of_rank(number: int) -> Command:
    """Explains the class at a place among the predictions, 1 to 9."""
    return Command(
        id=f"class_{number}",
        text=f"Prediction {number}",
        menu="Model/Explain class",
        keys=(str(number),),
        section=2,
        listing=("Explain prediction 1 to 9", "1 … 9") if number == 1 else ("", ""),
    )


def of_tool(name: str, text: str, key: str, tip: str) -> Command:
    """Chooses a tool of 'What if'."""
    return Command(
        id=f"tool_{name}",
        text=text,
        menu="Edit/Tool",
        keys=(key,),
        icon=f"tool-{name}",
        tip=tip,
        checkable=True,
        group="tool",
        section=2,
    )
