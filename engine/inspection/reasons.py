"""Says why an output cannot be explained."""

from __future__ import annotations

from engine.inspection.facts import CallFacts


def reason_against(facts: CallFacts | None) -> str:
    """Why an output cannot be explained, as text; '' if it can."""
    if facts is None:
        return "not called in the forward pass, or returns no tensor"
    if facts.refusal:
        return facts.refusal
    if not facts.varies:
        return "does not depend on the image"
    if facts.axes is None:
        shape = " × ".join(str(n) for n in facts.shape[1:])
        return f"no spatial output ({shape})"
    if facts.axes.grid[0] * facts.axes.grid[1] < 2:
        return "no spatial output (1 × 1)"
    if not facts.reached:
        return "no gradient reaches it"
    return ""
