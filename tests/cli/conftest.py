"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli import commands
from tests.cli.runs import Result


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """run('explain', path): the command in this process, and what came of it."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        try:
            code = commands.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Result(code, *capsys.readouterr())

    return call
