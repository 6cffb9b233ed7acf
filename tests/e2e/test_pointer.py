"""A real pointer and a real keyboard on an X display of the test's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def test_open_click_a_layer_click_a_class_zoom_export_and_quit(
    person: Any, tmp_path: Path, picture: Path
) -> None:
    sees = person.wait(
        "the first map",
        lambda s: bool(s["layer"]) and not s["computing"] and s["active"] == "MainWindow",
    )
    assert sees["image"].startswith("holiday.jpg")

    layer = next(name for name in reversed(sees["layers"]) if name != sees["layer"])
    person.click(*sees["layers"][layer])
    sees = person.wait(f"the map of {layer}", lambda s: s["layer"] == layer and not s["computing"])

    target, x, y = next(row for row in sees["classes"] if row[0] != sees["target"])
    person.click(x, y)
    sees = person.wait("the other class", lambda s: s["target"] == target and not s["computing"])
    assert sees["layer"] == layer

    before = sees["zoom"]
    person.do("mousemove", "--sync", *sees["canvas"], "click", "--repeat", 3, 4)
    person.wait("zooming in", lambda s: s["zoom"] > 1.5 * before)
    person.keys("f")
    person.wait("fitting", lambda s: abs(s["zoom"] - before) < 1e-6)

    person.keys("ctrl+e")
    person.wait("the export dialog", lambda s: s["dialog"] and s["active"] == "ExportDialog")
    person.keys("Return")
    person.wait("the file dialog", lambda s: s["files"] and s["active"] == "QFileDialog")
    out = tmp_path / "explained.png"
    person.keys("ctrl+a")
    person.do("type", "--delay", 5, str(out))
    person.keys("Return")
    sees = person.wait("the export", lambda s: bool(s["exported"]))
    assert sorted(sees["exported"]) == [str(out.with_suffix(".json")), str(out)]
    check(out, picture)

    person.wait("the window again", lambda s: s["active"] == "MainWindow")
    person.keys("ctrl+q")
    assert person.process.wait(30) == 0
    assert (tmp_path / "stderr.txt").read_text(encoding="utf-8") == ""


def check(out: Path, picture: Path) -> None:
    """The picture at its full size with a map over it, and its bar and caption round it."""
    with Image.open(out) as written, Image.open(picture) as opened:
        pixels = np.asarray(written.convert("RGB")).astype(int)
        original = np.asarray(opened.convert("RGB")).astype(int)
    height, width = original.shape[:2]
    assert pixels.shape[0] > height
    assert pixels.shape[1] >= width
    middle = slice(height // 4, height // 2), slice(width // 4, 3 * width // 4)
    assert np.abs(pixels[middle] - original[middle]).mean() > 5
