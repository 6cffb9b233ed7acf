"""The result of run.py as markdown."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COLUMNS = {
    "first": "first explanation",
    "another_class": "another class",
    "another_layer": "another layer",
    "further_layer": "a third layer",
    "all_at_once": "all layers at once",
    "all_one_by_one": "all layers, one by one",
}


def _figure(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    if ratio >= 20:
        return f"{ratio:,.0f}"
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}"


def markdown(result: Mapping[str, Any]) -> str:
    """One table to a device; multiples of the bare forward, '-' where there is no figure."""
    machine = result["machine"]
    lines: list[str] = []
    for device in dict.fromkeys(row["device"] for row in result["results"]):
        of_device = [row for row in result["results"] if row["device"] == device]
        unit = machine["processor"] if device == "cpu" else machine["gpu"]
        threads = f", {machine['threads']} threads" if device == "cpu" else ""
        lines += [
            f"{unit}{threads}, torch {machine['torch']}, medians of {result['repeats']}, as "
            "multiples of a bare forward in inference mode:",
            "",
            "| network, layer | library | " + " | ".join(COLUMNS.values()) + " |",
            "|---|---|" + "--:|" * len(COLUMNS),
        ]
        for row in of_device:
            where = (
                f"{row['network']} {row['layer']} ({row['spatial_layers']} layers, "
                f"{1000 * row['bare_forward_s']:.0f} ms)"
            )
            for name, found in row["contenders"].items():
                figures = [_figure(found["ratio"].get(case)) for case in COLUMNS]
                lines.append(f"| {where} | {name} {found['version']} | {' | '.join(figures)} |")
                where = ""
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Print a result of run.py as a table.")
    parser.add_argument("result", type=Path)
    print(markdown(json.loads(parser.parse_args().result.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
