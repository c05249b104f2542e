"""The settings that an instance of Dagster really runs with, beside those of production.

Belongs here: reading them of a process that is up. Does not: starting it, or what a dagster.yaml lacks.
"""

from __future__ import annotations

from typing import Any

import requests
import yaml

from medallion_assets_tests.services.processes import REPOSITORY

RELIED_ON = ("concurrency", "run_launcher", "run_monitoring", "run_retries")
"""At most 3 runs and the pools, a process that is watched, time limits, and retries of runs that crash."""


def of_production() -> dict[str, Any]:
    """What deploy/dagster.yaml says of what runs rely on."""
    return relied_on((REPOSITORY / "deploy" / "dagster.yaml").read_text())


def of_server(url: str) -> dict[str, Any]:
    """The same of the instance of a web server."""
    answer = requests.post(f"{url}/graphql", json={"query": "{ instance { info } }"}, timeout=60)
    answer.raise_for_status()
    return relied_on(answer.json()["data"]["instance"]["info"])


def relied_on(settings: str) -> dict[str, Any]:
    """What runs rely on, of a dagster.yaml or of what an instance says of itself."""
    values = yaml.safe_load(settings)
    values["run_launcher"].pop("config", None)
    return {name: values[name] for name in RELIED_ON}
