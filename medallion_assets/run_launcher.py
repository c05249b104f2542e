"""The run launcher under the name that a `dagster.yaml` of somebody's own may still have; deploy/ names its module."""

from medallion_assets.orchestration.runs.launcher import WatchedRunLauncher

__all__ = ["WatchedRunLauncher"]
