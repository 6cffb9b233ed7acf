"""The summary of a folder: counts, accuracy, confusion or label counts, speed. Plain values."""

from __future__ import annotations

from typing import Any

from engine.folders.index.queries import Index


def summary(index: Index, job: int | None = None) -> dict[str, Any]:
    """The summary of a job, by default of the one used last, ready for JSON.

    confusion: {"labels", "predictions": names in the order of the matrix, "counts": a row for each
    label}, of the classes that occur; None for independent labels, which have 'per_label' in its
    place, and for values. images_per_second: over all runs of the job, reading, explaining and
    writing included. Raises HookscopeError.
    """
    number, about = index.job(job)
    counts = index.counts(number)
    computed, seconds = index.speed(number)
    independent = about.scores == "LABELS"
    return {
        "images": counts.images,
        "done": counts.done,
        "unreadable": counts.unreadable,
        "failed": counts.failed,
        "labelled": counts.labelled,
        "correct": counts.correct,
        "accuracy": counts.accuracy,
        "confusion": None if independent else _confusion(index, number, about.classes),
        **({"per_label": _per_label(index, number, about.classes)} if independent else {}),
        "per_class": [] if independent else _per_class(index, number, about.classes),
        "images_per_second": computed / seconds if seconds > 0 else None,
        "model": about.model,
        "layer": about.layer or None,
        "method": about.method,
        "class": _policy(about.policy, about.classes),
        "job": about.key,
    }


def _policy(policy: str, classes: tuple[str, ...]) -> str:
    return classes[int(policy)] if policy.isdigit() else policy


def _confusion(index: Index, job: int, classes: tuple[str, ...]) -> dict[str, Any] | None:
    cells = index.confusion(job)
    if not cells:
        return None
    rows = sorted({label for label, _ in cells})
    columns = sorted({said for _, said in cells})
    return {
        "labels": [classes[row] for row in rows],
        "predictions": [classes[column] for column in columns],
        "counts": [[cells.get((row, column), 0) for column in columns] for row in rows],
    }


def _per_class(index: Index, job: int, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Recall and precision of each class that occurs as a label."""
    cells = index.confusion(job)
    found = []
    for number in sorted({label for label, _ in cells}):
        right = cells.get((number, number), 0)
        count = sum(n for (label, _), n in cells.items() if label == number)
        said = sum(n for (_, one), n in cells.items() if one == number)
        found.append(
            {
                "class": classes[number],
                "images": count,
                "correct": right,
                "recall": right / count,
                "precision": right / said if said else None,
            }
        )
    return found


def _per_label(index: Index, job: int, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    found = []
    for number, (right, missed, wrong, without) in index.label_counts(job).items():
        whole = right + missed + wrong + without
        found.append(
            {
                "label": classes[number],
                "images": right + missed,
                "found": right,
                "missed": missed,
                "wrongly_given": wrong,
                "accuracy": (right + without) / whole if whole else None,
            }
        )
    return found
