"""What a command of the program came to, when it ran in this process."""

from __future__ import annotations

import json
from typing import Any


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        def refuse(text: str) -> Any:
            raise AssertionError(f"{text} is no JSON")

        return json.loads(self.out, parse_constant=refuse)
