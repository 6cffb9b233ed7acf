"""Name, version and ids of the program, in the one place that everything else reads."""

from __future__ import annotations

NAME = "Hookscope"
VERSION = "0.1.0"
SUMMARY = "See where an image classifier looked"
COMMAND = NAME.lower()
"""What is typed to start an installed program; also its folder, icon and desktop file."""

APP_ID = "io.github.hookscope.Hookscope"
"""Reverse-domain id: AppStream's component on Linux, the bundle identifier on macOS."""

CONTACT = "The Hookscope authors <hookscope@hookscope.invalid>"
"""Named as maintainer. There is no address to write to yet, and .invalid never leads anywhere."""
