"""Collects the facts for a bug report: versions, system, device."""

from __future__ import annotations

import platform
import sys

from PySide6 import __version__ as pyside_version
from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication

from engine.process import logs
from engine.version import NAME, VERSION
from gui.state.state import State


def facts(state: State) -> list[tuple[str, str]]:
    """(name, value) pairs, most relevant to results first; unknown facts are left out."""
    engine, info = state.engine, state.info
    found = list(engine.versions.items()) if engine is not None else []
    found += [
        ("Qt", f"{qVersion()} (PySide6 {pyside_version}, {QGuiApplication.platformName()})"),
        ("Python", platform.python_version() + (", packaged" if _is_packaged() else "")),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("hardware", engine.device_name if engine is not None else ""),
    ]
    if info is not None:
        found.append(("compute device", info.device))
    found.append(("log", str(logs.log_folder())))
    return [(name, value) for name, value in found if value]


def report(state: State, what: str) -> str:
    """The text of a bug report: the facts, and what happened."""
    lines = [f"{NAME}: {VERSION}", *(f"{name}: {value}" for name, value in facts(state))]
    return "\n".join([*lines, "", what.strip(), ""])


def _is_packaged() -> bool:
    return bool(getattr(sys, "frozen", False))
