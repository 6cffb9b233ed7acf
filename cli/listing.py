"""The commands that list and download: layers, methods, presets, models, download."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from cli.entry import progress_line, require_stdout
from cli.opening import open_model
from cli.output import refuse_outputs, say, write, write_json
from cli.preprocessing import preset_cells, preset_facts
from engine.files.destinations import is_stdout
from engine.images.presets import PRESETS
from engine.methods import listing as table
from engine.targets import questions as asked

if TYPE_CHECKING:
    from engine.records.models import LayerNode


def layers(options: argparse.Namespace) -> None:
    refuse_outputs(options, "json")
    if options.json is None:
        require_stdout()
    model = open_model(options)
    if options.json is not None:
        write_json(options.json, [_layer_facts(node) for node in model.layers])
    if is_stdout(options.json):
        return
    for node in model.layers:
        shape = " x ".join(str(n) for n in node.shape) if node.shape is not None else "-"
        remark = _default(node) if node.default else node.reason
        calls = f" (called {node.calls} times)" if node.calls > 1 else ""
        say(node.name, node.type, shape, str(node.params), f"{remark}{calls}")


def _default(node: LayerNode) -> str:
    return f"default, one of {node.branches} branches" if node.branches > 1 else "default"


def _layer_facts(node: LayerNode) -> dict[str, Any]:
    return {
        "name": node.name,
        "type": node.type,
        "shape": list(node.shape) if node.shape is not None else None,
        "params": node.params,
        "calls": node.calls,
        "explainable": node.explainable,
        "reason": node.reason,
        "default": node.default,
        **({"branches": node.branches} if node.branches > 1 else {}),
    }


def methods(options: argparse.Namespace) -> None:
    refuse_outputs(options, "json")
    if options.json is None:
        require_stdout()
    else:
        write_json(options.json, table.facts_all())
    if not is_stdout(options.json):
        for line in table.lines():
            write(line)


def questions(options: argparse.Namespace) -> None:
    refuse_outputs(options, "json")
    if options.json is None:
        require_stdout()
    else:
        write_json(options.json, asked.facts_all())
    if not is_stdout(options.json):
        for line in asked.lines():
            write(line)


def presets(options: argparse.Namespace) -> None:
    refuse_outputs(options, "json")
    if options.json is None:
        require_stdout()
    else:
        write_json(options.json, preset_facts())
    if not is_stdout(options.json):
        for name, how in PRESETS.items():
            say(*preset_cells(name, how))


def models(options: argparse.Namespace) -> None:
    refuse_outputs(options, "json")
    if options.json is None:
        require_stdout()
    from engine.formats.torchvision import gallery

    models = gallery.published()
    if options.json is not None:
        write_json(options.json, gallery.facts(models))
    if not is_stdout(options.json):
        for line in gallery.lines(models):
            say(line)


def download(options: argparse.Namespace) -> None:
    from engine.formats.torchvision import gallery

    weights = gallery.find(options.name, options.entry)
    report = progress_line(sys.stderr)
    try:
        path = gallery.fetch(weights, progress=report)
    finally:
        report(1.0, "")  # clears the progress line, so that an error starts on a line of its own
    say(f"{options.name} {weights.entry} is in {path}")
