"""The commands that read an index: summary."""

from __future__ import annotations

import argparse
from typing import Any

from cli.entry import require_stdout
from cli.folders.destinations import check_json
from cli.output import say, write_json
from engine.files.destinations import is_stdout


def summary(options: argparse.Namespace) -> None:
    check_json(options, options.folder)
    if options.json is None:
        require_stdout()
    from engine.folders.index.queries import Index
    from engine.folders.summary import summary

    with Index(options.folder) as index:
        index.check(index.job()[0])
        facts = summary(index)
    if options.json is not None:
        write_json(options.json, facts)
    if not is_stdout(options.json):
        say_summary(facts)


def say_summary(facts: dict[str, Any]) -> None:
    """The summary as lines; the last one counts the images."""
    layer = f", {facts['layer']}" if facts["layer"] else ""
    say(f"{facts['model']}: {facts['method']}{layer}, class: {facts['class']}")
    for row in facts["per_class"]:
        say(row["class"], f"{row['correct']:,} of {row['images']:,}", f"{row['recall']:.1%}")
    for row in facts.get("per_label", ()):
        if row["images"] or row["wrongly_given"]:
            say(row["label"], f"{row['found']:,} of {row['images']:,}", f"{row['accuracy']:.1%}")
    say(summary_line(facts))


def summary_line(facts: dict[str, Any]) -> str:
    """'2,000 images, 3 unreadable, accuracy 91.2 % of 1,990 with a label, 24.1 images/s'."""
    images, left = facts["images"], facts["images"] - facts["done"]
    parts = [f"{images:,} image{'' if images == 1 else 's'}"]
    if left:
        parts.append(f"{left:,} not computed yet")
    parts.append(f"{facts['unreadable']:,} unreadable")
    if facts["failed"]:
        parts.append(f"{facts['failed']:,} without a map")
    if facts["accuracy"] is not None:
        parts.append(f"accuracy {facts['accuracy']:.1%} of {facts['labelled']:,} with a label")
    if facts["images_per_second"] is not None:
        parts.append(f"{facts['images_per_second']:.1f} images/s")
    return ", ".join(parts)
