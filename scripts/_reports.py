"""What a check reads in the report of the program's self-test."""

from __future__ import annotations

import json
from typing import Any


def failed_step(report: dict[str, Any]) -> str:
    """The first step that failed, as it stands in the report; '' where all went well."""
    return next((json.dumps(step) for step in report["steps"] if not step["ok"]), "")
