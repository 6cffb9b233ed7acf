"""Starts the program from the source tree; a bundle is made of it as well."""

from __future__ import annotations

from gui.app.entry import main, run

__all__ = ["main", "run"]

if __name__ == "__main__":
    run()
