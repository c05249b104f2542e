"""The instance of a UI that has no daemon beside it.

Belongs here: in what it differs from its home's dagster.yaml.
Does not: starting the web server.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import ConfigurableClassData

from medallion_assets.orchestration.runs.watch import conclude_all


def instance_at_once(dagster_home: Path) -> str:
    """A Dagster home as its dagster.yaml says, but runs start at once and nothing is sent to anybody; as text.

    Runs that were lost meanwhile are said to be, and their pools are free again: no daemon may have been there since.
    """
    quiet = {"telemetry": {"enabled": False}, "nux": {"enabled": False}}
    instance = InstanceRef.from_dir(str(dagster_home), overrides=quiet)
    at_once = ConfigurableClassData("dagster.core.run_coordinator", "DefaultRunCoordinator", "{}\n")
    instance = instance._replace(run_coordinator_data=at_once)
    with dg.DagsterInstance.from_ref(instance) as opened:
        conclude_all(opened)
    return dg.serialize_value(instance)
