"""Importing cv2 leaves the environment as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR", "LD_LIBRARY_PATH")


@pytest.mark.parametrize("value", [None, "/somewhere/of/mine"])
def test_environment_is_restored(value: str | None) -> None:
    env = {key: text for key, text in os.environ.items() if key not in NAMES}
    if value is not None:
        env |= dict.fromkeys(NAMES, value)
    code = (
        "import json, os, sys; from engine.lazy.opencv import cv2; cv2.getVersionString();"
        f"print(json.dumps([os.environ.get(name) for name in {NAMES!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == [value] * 3
