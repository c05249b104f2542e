"""Dagster's settings on one machine, the same for `dev`, `ui` and `demo`: how they come into a home without its own.

Belongs here: `dagster.yaml` of a home.
Does not: production (deploy/put-dagster-yaml), or what a file of somebody's own lacks.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from medallion_assets.orchestration.hosting.instance_settings import DAGSTER_YAML, DEV_NAME, dev_yaml, missing

WRITTEN_BEFORE = (
    "1111d57b60ac249ac68600a794f5cabdb9712912dc01b634e22d969936a14242",
    "5a47260b41eecc43ec1c2b5d9c9bf02ce06c7748658b7f4a8f6a675b49b45df0",
    "3fae54066104e59d7b5f5d39db83e4c046072c5abecc88e66ad8d54325461c93",
)
"""SHA-256 of what earlier releases wrote into a home: copies at each start, and what their demo had."""


def link_dev_yaml(dagster_home: Path) -> bool:
    """Link the settings into a Dagster home; a file of somebody's own is kept, and the answer false."""
    dagster_home.mkdir(parents=True, exist_ok=True)
    link = dagster_home / DAGSTER_YAML
    if not _is_ours(link):
        return False
    link.unlink(missing_ok=True)
    link.symlink_to(dev_yaml())
    return True


def own_settings(dagster_home: Path) -> str:
    """What a person should know of a dagster.yaml of somebody's own."""
    lacks = missing(dagster_home)
    return "your own dagster.yaml, which is kept and used" + (f"; it lacks: {', '.join(lacks)}" if lacks else "")


def _is_ours(file: Path) -> bool:
    """Whether a release wrote it, to the byte, or it is missing."""
    if file.is_symlink():
        return file.readlink().name == DEV_NAME
    if not file.exists():
        return True
    content = file.read_bytes()
    return content == b"" or hashlib.sha256(content).hexdigest() in WRITTEN_BEFORE
