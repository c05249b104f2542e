"""Settings of a Dagster instance on which runs rely, and what one that was not made for this project lacks of them.

Belongs here: where those of one machine lie; the list of what is missing, as texts for people; the warning of a code
location that plain `dagster dev` loads. Commands are refused without Dagster, so nothing of it is imported.
Does not: the settings themselves (deploy/dagster.yaml, and dagster.dev.yaml for one machine).
"""

from __future__ import annotations

import logging
import multiprocessing
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from medallion_assets.settings.looks import DEV_CLI

DAGSTER_YAML, DEV_NAME = "dagster.yaml", "dagster.dev.yaml"
LOG = logging.getLogger(__name__)
MOST_RUNS = 3
LAUNCHER = "WatchedRunLauncher"


def dev_yaml() -> Path:
    """The settings for one machine: within the package where it was installed from a wheel, else in deploy/."""
    package = Path(__file__).parents[2]
    packaged = package / DEV_NAME
    return packaged if packaged.exists() else package.parent / "deploy" / DEV_NAME


def missing(folder: Path) -> list[str]:
    """What the dagster.yaml of a folder lacks of what runs rely on, each as a text; all of it where there is none."""
    return list(_missing(_settings_in(folder)))


def warn_in_dagster_dev(environment: Mapping[str, str]) -> None:
    """Say once what is missing, in the code server of plain `dagster dev`; its runs load the definitions as well.

    Without a DAGSTER_HOME, `dagster dev` takes the dagster.yaml of the folder in which it was started.
    """
    serves_code = "grpc" in sys.argv and multiprocessing.parent_process() is None
    if not serves_code or not environment.get(DEV_CLI):
        return
    home = environment.get("DAGSTER_HOME")
    folder = Path(home) if home else Path.cwd()
    lacks = missing(folder)
    if lacks:
        LOG.warning(
            "this Dagster is not set up for these pipelines; missing: %s; found: %s; what to do: start "
            "`medallion dev`, which has all of it, or: ln -s %s %s",
            "; ".join(lacks),
            f"DAGSTER_HOME {home}" if home else "no DAGSTER_HOME, so runs are forgotten at the end as well",
            dev_yaml(),
            folder / DAGSTER_YAML,
        )


def _missing(settings: Mapping[str, Any]) -> Iterator[str]:
    concurrency = settings.get("concurrency") or {}
    most = (concurrency.get("runs") or {}).get("max_concurrent_runs")
    if not isinstance(most, int) or not 0 < most <= MOST_RUNS:
        yield f"at most {MOST_RUNS} runs at once"
    pools = concurrency.get("pools") or {}
    if (pools.get("default_limit"), pools.get("granularity")) != (1, "op"):
        yield "pools, so that two runs never write one table at once"
    if not (settings.get("run_retries") or {}).get("enabled"):
        yield "retries of runs that crash"
    launcher = (settings.get("run_launcher") or {}).get("class")
    if launcher != LAUNCHER or not (settings.get("run_monitoring") or {}).get("enabled"):
        yield "run monitoring, which ends runs at their time limit"


def _settings_in(folder: Path) -> Mapping[str, Any]:
    """The dagster.yaml of a folder; empty where it is missing or unreadable, which Dagster reports itself."""
    try:
        found = yaml.safe_load((folder / DAGSTER_YAML).read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, Mapping) else {}
