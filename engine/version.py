"""Name, version and identifiers of the program; everything else reads them from here."""

from __future__ import annotations

NAME = "Hookscope"
VERSION = "0.1.0"
SUMMARY = "See where an image classifier looked"
COMMAND = NAME.lower()
"""The command that starts the installed program; also the name of its folder and icon."""

APP_ID = "io.github.hookscope.Hookscope"
"""Reverse-domain ID: the AppStream component on Linux, the bundle identifier on macOS."""

CONTACT = "The Hookscope authors <hookscope@hookscope.invalid>"
"""The maintainer field. There is no contact address yet, and .invalid never resolves."""
