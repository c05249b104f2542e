"""Configured runs: what run config says of a whole run, set for one of its assets: its month, and who asks for it.

Belongs here: making tags of it before the first step, as everything else reads tags.
Does not: the fields, or what a proxy in front of the UI says.

Tags are added to the run as it is stored, and to the copy of it that this process has, which is the only one that a run
ever reads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

import dagster as dg

from medallion_assets.contracts.run_days import day_tags, days_named, parse_day
from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.hidden_tags import tag_run
from medallion_assets.orchestration.runs.attribution import LONGEST_NAME, USER


def choose_configured_month(instance: dg.DagsterInstance, run: dg.DagsterRun, steps: Collection[str]) -> None:
    """Make a run one of the month that the run config of one of `steps` names, as if that partition had been chosen.

    Called before its first step: Dagster starts no step of a partitioned asset in a run that is of no partition. It
    looks for that in the run's tags, of which this process has the only copy that a run ever reads.

    Raises:
        PermanentError: run config names no month, several, or another one than the tags.
    """
    if not (named := _named(run, steps, "month")):
        return
    partition, found = days_named(run.tags), ", ".join(sorted(named))
    try:
        (month,) = (parse_day(f"{text}-01") for text in named)
    except ValueError:
        raise PermanentError(
            "the run config does not name a month",
            expected="month: YYYY-MM, set for one asset of the run",
            found=found,
            do="correct it; several months are a run each, or partitions that are chosen in the UI",
        ) from None
    if partition not in (None, str(month)):
        raise PermanentError(
            "partition and run config name different months",
            expected="the same month, or only one of the two",
            found=f"the partition {partition}, and month: {found}",
            do="leave month out of the run config, or choose its partition",
        )
    if partition is None:
        tag_run(instance, run, day_tags([(month, month)]))


def record_configured_user(instance: dg.DagsterInstance, run: dg.DagsterRun, steps: Collection[str]) -> None:
    """Record who asks for a run, as the run config of `steps` says, where no proxy and no tag says it.

    Raises:
        PermanentError: run config names several.
    """
    if not (named := _named(run, steps, USER)) or USER in run.tags:
        return
    if len(named) > 1:
        raise PermanentError(
            "the run config names several users",
            expected="user: your name, set for one asset of the run",
            found=", ".join(sorted(named)),
            do="leave all but one of them out",
        )
    tag_run(instance, run, {USER: named.pop()[:LONGEST_NAME]})


def _named(run: dg.DagsterRun, steps: Collection[str], field: str) -> set[str]:
    """What the config of any of these steps says for a field. Others, such as a user's own ops, mean something else."""
    ops = cast("dict[str, Any]", run.run_config.get("ops") or {})
    configs = [(op or {}).get("config") for step, op in ops.items() if step in steps]
    found = [config.get(field) for config in configs if isinstance(config, Mapping)]
    return {text for value in found if (text := str(value or "").strip())}
