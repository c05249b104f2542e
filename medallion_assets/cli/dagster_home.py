"""Dagster's settings on one machine: where they lie, and how they come into a home that has none of its own.

Belongs here: `dagster.yaml` of a home.
Does not: production (deploy/put-dagster-yaml), or the instance that only shows.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

NAME = "dagster.yaml"
DEV_NAME = "dagster.dev.yaml"
DEMO_YAML = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"
"""What the demo writes into a home of its own."""
WRITTEN_BEFORE = (
    "1111d57b60ac249ac68600a794f5cabdb9712912dc01b634e22d969936a14242",
    "5a47260b41eecc43ec1c2b5d9c9bf02ce06c7748658b7f4a8f6a675b49b45df0",
)
"""SHA-256 of the copies that earlier releases wrote into a home at each start."""


def dev_yaml() -> Path:
    """The settings of `medallion dev`: within the package where it was installed from a wheel, else in deploy/."""
    package = Path(__file__).parents[1]
    packaged = package / DEV_NAME
    return packaged if packaged.exists() else package.parent / "deploy" / DEV_NAME


def link_dev_yaml(dagster_home: Path) -> bool:
    """Link the settings of `medallion dev` into a Dagster home; one of somebody's own is kept, and the answer false."""
    dagster_home.mkdir(parents=True, exist_ok=True)
    link = dagster_home / NAME
    if not _is_ours(link):
        return False
    link.unlink(missing_ok=True)
    link.symlink_to(dev_yaml())
    return True


def put_demo_yaml(dagster_home: Path) -> None:
    """Write the demo's settings into a Dagster home that has none."""
    dagster_home.mkdir(parents=True, exist_ok=True)
    file = dagster_home / NAME
    if not file.is_symlink() and not file.exists():
        file.write_text(DEMO_YAML)


def _is_ours(file: Path) -> bool:
    """Whether a release wrote it, to the byte, or it is missing."""
    if file.is_symlink():
        return file.readlink().name == DEV_NAME
    if not file.exists():
        return True
    content = file.read_bytes()
    return content in (b"", DEMO_YAML.encode()) or hashlib.sha256(content).hexdigest() in WRITTEN_BEFORE
