"""What a process of a deployment needs before Dagster starts in it: one message, where Dagster prints a traceback.

Belongs here: settings, the folder of Dagster, a port, variables of a workspace file.
Does not: whether databases and stores answer, which starts again until they do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from medallion_assets.errors import SettingsError
from medallion_assets.orchestration.hosting.ports import expect_free
from medallion_assets.settings import load_settings

HOME = "DAGSTER_HOME"
_OF_ENVIRONMENT = re.compile(r"\benv:\s*(\w+)")
"""How a workspace file takes a value from the environment."""


def expect_startable(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """See that a program of Dagster can begin with these arguments: `--host`, `--port`, `-w` or `--workspace` count.

    A code server is handed its instance by those who ask it. The others have a workspace, and read DAGSTER_HOME.

    Raises:
        PermanentError: a setting is refused or missing, the folder of Dagster cannot be written, or the port is taken.
    """
    load_settings(environment)
    options = dict(pairwise(arguments))
    workspace = options.get("-w", options.get("--workspace"))
    if workspace is not None:
        expect_home(environment)
        _expect_variables(Path(workspace), environment)
    if options.get("--port", "").isdecimal():
        expect_free(options.get("--host", "127.0.0.1"), int(options["--port"]), do="set another port in the settings")


def expect_home(environment: Mapping[str, str]) -> Path:
    """The folder of Dagster.

    Raises:
        SettingsError: it is not set, is not there, or this account cannot write to it.
    """
    place = environment.get(HOME)
    folder = Path(place) if place else None
    if folder is None or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise SettingsError(
            f"{HOME} is not a folder that this account can write to",
            expected="the folder with dagster.yaml",
            found=place or "nothing",
            do=f"make it with deploy/put-dagster-yaml, let this account write there, and set {HOME} to it",
        )
    return folder


def _expect_variables(workspace: Path, environment: Mapping[str, str]) -> None:
    if not workspace.is_file():
        raise SettingsError(
            f"there is no workspace file {workspace}",
            expected="a file that says where the definitions are",
            found="none",
            do="start it in the project's folder, or name another, such as deploy/workspace.yaml",
        )
    for name in _OF_ENVIRONMENT.findall(workspace.read_text()):
        if not environment.get(name):
            raise SettingsError(
                f"{name} is not set",
                expected=f"what {workspace} takes from it",
                found="nothing",
                do="set it as deploy/medallion.env.example shows",
            )
