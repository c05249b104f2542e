"""Commands called in this process, for tests.

Belongs here: one command, with what it prints.
Does not: expectations of what that is.
"""

from __future__ import annotations

import json
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from medallion_assets.cli import app


def run(*arguments: object, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed)


def answer(*arguments: object) -> Any:
    """The JSON document that a command prints."""
    result = run(*arguments, "--json")
    assert result.stderr == ""
    return json.loads(result.stdout)
