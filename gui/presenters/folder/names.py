"""What jobs are called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.methods.registry import find

if TYPE_CHECKING:
    from engine.folders.records import Job


def job_name(job: Job) -> str:
    """'best.pth · layer4 · Grad-CAM', with the class if it is always the same or the label's."""
    model = Path(job.facts.get("weights") or "").name or job.model
    name = f"{model} · {job.layer or 'whole network'} · {find(job.method).title}"
    if job.policy == "label":
        return f"{name} · labelled class"
    return f"{name} · {job.classes[int(job.policy)]}" if job.policy.isdigit() else name
