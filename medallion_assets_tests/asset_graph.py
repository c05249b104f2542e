"""The whole graph as readable text, so that a change of it is seen in review.

Belongs here: what Dagster knows of every asset, check, job, schedule and sensor, in one order.
Does not: figures of runs.

After a change that is meant, draw the pictures anew: python -m medallion_assets_tests.asset_graph
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import dagster as dg

from medallion_assets.cli.demo.home import PIPELINES
from medallion_assets.definitions import build_defs
from medallion_assets.settings import load_settings

PICTURES: dict[Path, Mapping[str, str]] = {
    Path(__file__).with_suffix(".txt"): {},
    Path(__file__).with_name("asset_graph_of_all.txt"): {"MEDALLION_PIPELINES": " ".join(PIPELINES)},
}
"""Each picture, and the settings of what it shows: the usual pipeline, and all of ours."""


def drawn(variables: Mapping[str, str]) -> str:
    """Every asset with its group, kinds, owners, dependencies, partitions and checks; then jobs and triggers."""
    definitions = build_defs(load_settings(variables))
    repository = definitions.get_repository_def()
    lines = [*_assets(definitions.resolve_asset_graph().executable_asset_keys, definitions), ""]
    jobs = [job.name for job in repository.get_all_jobs() if not job.name.startswith("__")]
    lines += [f"jobs: {_listed(jobs)}"]
    lines += [
        f"schedules: {_listed(f'{schedule.name} ({schedule.cron_schedule})' for schedule in repository.schedule_defs)}"
    ]
    lines += [f"sensors: {_listed(sensor.name for sensor in repository.sensor_defs)}"]
    lines += [f"resources: {_listed(definitions.resources or {})}"]
    return "\n".join(lines) + "\n"


def _assets(keys: Iterable[dg.AssetKey], definitions: dg.Definitions) -> Iterator[str]:
    graph = definitions.resolve_asset_graph()
    for key in sorted(keys):
        node = graph.get(key)
        yield key.to_user_string()
        yield f"  group: {node.group_name}"
        yield f"  kinds: {_listed(node.kinds)}"
        yield f"  owners: {_listed(node.owners)}"
        yield f"  after: {_listed(parent.to_user_string() for parent in node.parent_keys)}"
        yield f"  partitions: {_partitions(node.partitions_def)}"
        policy = node.backfill_policy
        yield f"  backfill: {policy.policy_type.value if policy else 'a run each'}"
        for check in sorted(node.check_keys):
            spec = graph.get_check_spec(check)
            yield f"  check: {spec.name}{' (blocking)' if spec.blocking else ''}"


def _partitions(partitions: dg.PartitionsDefinition | None) -> str:
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return "none" if partitions is None else str(partitions)
    offset = partitions.end_offset
    return f"{partitions.cron_schedule} in {partitions.timezone} from {partitions.start:%Y-%m-%d}, end offset {offset}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


if __name__ == "__main__":
    for picture, variables in PICTURES.items():
        picture.write_text(drawn(variables))
