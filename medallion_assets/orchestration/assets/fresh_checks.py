"""Freshness in Dagster's graph: a check of each table that has a limit, unless nobody can know how far it reaches.

Belongs here: what Dagster shows of the figure that data_freshness, `status`, the dashboard and the alerts show.
Does not: the judgement, or when the monitor runs.

The monitor evaluates them all. A run of chosen tables evaluates theirs as its last step, as Dagster runs the checks of
what it makes: a table that was loaded is fresh at once. The jobs as they are leave them out. They stop nothing, and
where the figure cannot be read there is no verdict.

Dagster reads the annotations of a check itself, so they are not postponed here.
"""

from collections.abc import Iterator
from datetime import datetime

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.operations.freshness.coverage import never_known
from medallion_assets.operations.freshness.freshness import HOUR, read_freshness
from medallion_assets.operations.stages import stages
from medallion_assets.operations.tables.monitoring import Freshness
from medallion_assets.orchestration.reporting import asset_key, key_named
from medallion_assets.orchestration.resources import LakehouseResource

IS_FRESH, FRESHNESS = "is_fresh", "freshness"
"""The check, and the step that evaluates it."""
DESCRIPTION = "The data of the table reach as far as its declaration promises; a warning where they do not."


def fresh_check_keys(catalog: Catalog) -> list[dg.AssetCheckKey]:
    """The check of each table that has a limit; a warning that never ends would teach people to look past all."""
    unknown = never_known(catalog)
    promised = [stage.table for stage in stages(catalog) if stage.freshness_hours is not None]
    return [dg.AssetCheckKey(asset_key(table), IS_FRESH) for table in promised if table.name not in unknown]


def fresh_checks(catalog: Catalog) -> dg.AssetChecksDefinition:
    """All of them, which one step evaluates."""

    @dg.multi_asset_check(
        name=FRESHNESS,
        specs=[
            dg.AssetCheckSpec(key.name, asset=key.asset_key, description=DESCRIPTION)
            for key in fresh_check_keys(catalog)
        ],
        can_subset=True,
    )
    def freshness(
        context: dg.AssetCheckExecutionContext, lakehouse: LakehouseResource
    ) -> Iterator[dg.AssetCheckResult]:
        now = lakehouse.now()
        try:
            rows = read_freshness(lakehouse.lakehouse(), now)
        except LAKEHOUSE_ERRORS as error:
            context.log.warning("it is not known how fresh the tables are: %s", error)
            return
        by_key = {key_named(row.table): row for row in rows}
        for key in sorted(context.selected_asset_check_keys):
            yield verdict(key, by_key[key.asset_key], now)

    return freshness


def verdict(key: dg.AssetCheckKey, row: Freshness, now: datetime) -> dg.AssetCheckResult:
    """What Dagster shows of a table: passed where it is fresh, else a warning that is called stale or unknown."""
    behind = row.behind(now)
    figures = {
        "state": row.never or row.state,
        "covered_until": None if row.covered_until is None else row.covered_until.isoformat(),
        "hours_behind": None if behind is None else round(behind / HOUR, 1),
        "limit_hours": row.sla_hours,
        "measured_at": None if row.measured_at is None else row.measured_at.isoformat(),
    }
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=row.state == "fresh",
        severity=dg.AssetCheckSeverity.WARN,
        description=_said(row),
        metadata={name: value for name, value in figures.items() if value is not None},
    )


def _said(row: Freshness) -> str:
    if row.state == "unknown":
        return row.never or "unknown: nothing says yet how far its data reach"
    return f"{row.state}; {row.never}" if row.never else row.state
