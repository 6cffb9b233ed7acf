"""What the packaged program is asked for beyond a heat map, each to its file: what is imported late
is missed by a bundle without a word."""

from __future__ import annotations

import ast
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.keeping import files
from engine.keeping.folders import KeptFolder
from engine.keeping.records import KeptFile, KeptImage, KeptModel, KeptPane, KeptSession
from engine.records.sources import ModelSource
from engine.records.views import View
from engine.scenery.folder import write_scenes
from scripts.common.checks import CheckFailed

SCENES, LISTED, SESSION, INDEX = "scenes", "listed.csv", "kept.hookscope", "indexed"
COUNT = 48
"""Scenes of the folder."""

WRITTEN: tuple[tuple[str, ...], ...] = (
    ("what-if", "--hide-hottest", "10", "--out", "hidden.png"),
    ("compare", "--class", "star", "ring", "--difference", "--out", "compared.pdf"),
    ("compare", "--layer", "layer3", "layer4", "--out", "compared.svg"),
    ("channels", "--out", "channels.png"),
    ("sweep", "--sheet", "sheet.pdf"),
    ("script", "--out", "explained.py"),
    ("report", "--trust-figures", "peak,deletion", "--out", "report.html"),
    ("report", "--paper", "letter", "--out", "report.pdf"),
    ("report", SESSION, "--out", "session.html"),
)
"""Commands that write a file, which is the last word."""

TOLD: tuple[tuple[tuple[str, ...], str], ...] = (
    (("trust", "--only", "peak,deletion,randomisation"), "figures"),
    (("questions",), "questions"),
    (("methods",), "methods"),
)
"""Commands that answer in JSON, and a key of it ('' where it is a list)."""

_BEGINNINGS = {".pdf": b"%PDF-", ".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!DOCTYPE html>"}
_WINDOW_S = 120.0

Run = Callable[..., str]


def make_all(folder: Path) -> None:
    """Write what the commands are given: a folder of scenes, a table of them, and a session."""
    scenes = write_scenes(folder / SCENES, COUNT)
    found = sorted(scenes.rglob("*.jpg"))
    rows = (f"{one.relative_to(folder).as_posix()},{one.parent.name}" for one in found[:16])
    (folder / LISTED).write_text("\n".join(["path,label", *rows]) + "\n", encoding="utf-8")
    image = KeptImage("image-1", found[0].name, KeptFile(str(found[0])))
    model = KeptModel("model-1", ModelSource("demo:shapes"), "Shapes")
    pane = KeptPane(View(image.id, model.id, layer="layer4"))
    page = KeptFolder((str(folder / LISTED),))
    files.write(folder / SESSION, KeptSession((image,), (model,), (pane,), folder=page))


def check_written(run: Run, folder: Path) -> str:
    for words in WRITTEN:
        run(*words)
        path = folder / words[-1]
        data = path.read_bytes()
        if path.suffix == ".py":
            ast.parse(data)
        elif not data.startswith(_BEGINNINGS[path.suffix]):
            raise CheckFailed(f"{' '.join(words)}: {data[:40]!r}")
    for arguments, key in TOLD:
        facts = json.loads(run(*arguments, "--json", "-"))
        if not (facts[key] if isinstance(facts, dict) else facts):
            raise CheckFailed(f"{' '.join(arguments)}: nothing")
    return f"{len(WRITTEN)} files, {len(TOLD)} answers"


def check_folder(run: Run, folder: Path) -> str:
    """batch, again without anything to compute, summary, and the clusters with what hiding does."""
    words = (SCENES, "--model", "demo:shortcut", "--labels", "folder", "--out", INDEX)
    for _ in range(2):
        run("batch", *words, "--overlays", "--maps")
    told: dict[str, Any] = json.loads(run("summary", INDEX, "--json", "-"))
    if (told["images"], told["unreadable"]) != (COUNT, 0):
        raise CheckFailed(f"summary: {told}")
    for name in ("table.csv", "index.html"):
        if not (folder / INDEX / name).stat().st_size:
            raise CheckFailed(f"no {name}")
    found = json.loads(run("clusters", INDEX, "--class", "star", "--hide", "--json", "-"))
    if not found["clusters"]:
        raise CheckFailed("no clusters")
    return f"{COUNT} images, accuracy {told['accuracy']:.3f}, {len(found['clusters'])} clusters"


def check_session(start: Callable[..., subprocess.Popen[str]], data: Path) -> str:
    """The window opens a session with a folder page, explains its images, and closes cleanly. data:
    where the program keeps its indexes."""
    started = time.perf_counter()
    window = start("--new-window", SESSION)
    try:
        while (done := _explained(data)) < 16:
            if window.poll() is not None:
                raise CheckFailed(f"the window ended: {window.communicate()[1][-1500:]}")
            if time.perf_counter() - started > _WINDOW_S:
                raise CheckFailed(f"only {done} of 16 images of the folder page were explained")
            time.sleep(0.2)
    finally:
        window.send_signal(signal.SIGTERM)
        try:
            _, said = window.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            window.kill()
            raise
    if "Traceback" in said:
        raise CheckFailed(said[-1500:])
    return f"{done} images explained on its folder page, {time.perf_counter() - started:.1f} s"


def _explained(data: Path) -> int:
    for path in data.rglob("index.sqlite"):
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as index:
                return int(index.execute("SELECT count(*) FROM rows").fetchone()[0])
        except sqlite3.Error:
            # It is just being made.
            continue
    return 0
