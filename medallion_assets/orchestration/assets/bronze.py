"""Bronze assets: one for each loaded table.

Belongs here: how ingest looks in Dagster: run config, check, metadata.
Does not: ingest itself (refining/load.py).

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import partial

import dagster as dg
from pydantic import Field

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.delta.table_changes import Rebuilt
from medallion_assets.errors import PermanentError
from medallion_assets.operations.fetching import is_fetched
from medallion_assets.orchestration.assets.fetched import fetched_key
from medallion_assets.orchestration.attempt import Attempt
from medallion_assets.orchestration.partitions import config_of, loaded_asset, loaded_months, report_days
from medallion_assets.orchestration.rebuild_config import RebuildConfig, rebuild_figures
from medallion_assets.orchestration.reporting import as_table, asset_options, check, check_specs, counts, table_result
from medallion_assets.orchestration.resources import LakehouseResource, started_by
from medallion_assets.orchestration.source_judgement import judge_sources
from medallion_assets.orchestration.trigger_context import TriggerContext, shown
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.decisions import Action, Decision, read_decisions, record_decisions
from medallion_assets.refining.load import Ingested, ingest
from medallion_assets.refining.owner import FORMER_TABLE, expect_new_table_id
from medallion_assets.refining.rebuild_bronze import rebuild_bronze
from medallion_assets.refining.versions import SUPERSEDED

CHECKS = {"exports_verified": "Every export that lies there was seen; the complete ones verified, are in, and count."}
SOURCE_FRESH = "source_fresh"
FRESHNESS_CHECKS = {
    SOURCE_FRESH: "The latest batch that lies there is recent enough; judged before the run loads anything."
}
REFUSALS_SHOWN = 20
MESSAGE_CHARACTERS = 1_000
"""A message says what to do at its end, so it is shown whole."""


class IngestConfig(dg.Config):
    """Run config of a Bronze asset. Nothing is needed; every complete export that is not in is loaded."""

    confirm_table_id: str = Field(
        default="", description="the new tableId of a DynamoDB table that was dropped and made anew on purpose"
    )
    reason: str = Field(default="", description="why; goes into the record of that decision")
    exports: list[str] = Field(default=[], description="the only exports to load; none: every one that is not in")
    rebuild: RebuildConfig = Field(default=RebuildConfig(), description="read the exports that are in again")
    trigger: TriggerContext = Field(default=TriggerContext(), description="what caused the run; changes nothing")

    def decisions(self, table_name: str, *, by: str, at: datetime) -> list[Decision]:
        """The decision of this run config, if there is one (rule B3)."""
        if not self.confirm_table_id:
            return []
        if not self.reason.strip():
            raise PermanentError(
                f"bronze.{table_name}: a table is confirmed without a reason", do="set reason in the run config as well"
            )
        return [
            Decision(
                table_name=table_name,
                subject=self.confirm_table_id,
                action=Action.CONFIRM_TABLE,
                reason=self.reason,
                decided_by=by,
                decided_at=at,
            )
        ]


def bronze_asset(loaded: Loaded) -> dg.AssetsDefinition:
    """The asset `bronze/<table>` of a loaded table: the exports below `<raw>/<table>`, loaded exactly once."""
    table = bronze_table(loaded.table.short_name)
    checks = CHECKS if loaded.source_freshness_hours is None else CHECKS | FRESHNESS_CHECKS
    months = loaded.months
    kinds = {loaded.source.technology, "deltalake", "bronze"}

    @loaded_asset(
        months,
        **asset_options(table, kinds=kinds, is_parallel=months is not None),
        check_specs=check_specs(table, checks),
        deps=[fetched_key(loaded)] if is_fetched(loaded) else [],
    )
    def bronze(
        context: dg.AssetExecutionContext,
        config: config_of(IngestConfig, months),  # type: ignore[valid-type]
        lakehouse: LakehouseResource,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with lakehouse.attempt(context, table, loaded.loading_limits) as attempt:
            lake, now, done = attempt.lake, attempt.now, Ingested()
            wanted = loaded_months(context.run.tags, of=table, months=months, now=now)
            confirm_table(lake, config.decisions(table.short_name, by=started_by(context), at=now))
            yield from source_fresh(attempt, lakehouse, loaded)
            read = partial(rebuild_bronze, lake, lakehouse.raw_url, loaded, now=now)
            again = config.rebuild.run(attempt, read)
            only = frozenset(config.exports)
            load = partial(ingest, lake, lakehouse.raw_url, loaded, now=now, only=only, months=wanted, done=done)
            attempt.repeat(partial(load, progress=context.log.info))
            yield exports_verified(table, done)
            result = attempt.report(ingest_result(lake.open(table), done, config.trigger, again))
            report_days(context, wanted, result)
            yield result

    return bronze


def confirm_table(lake: Lakehouse, decisions: list[Decision]) -> None:
    """Record that a person confirmed a new table; one who says it again, as a run that is tried again does, is right.

    Raises:
        PermanentError: exports of that table are in, and nobody had confirmed it.
    """
    for decision in decisions:
        bronze = lake.find(bronze_table(decision.table_name))
        if bronze is not None and decision.subject not in read_decisions(lake, decision.table_name):
            expect_new_table_id(bronze, decision.subject)
    record_decisions(lake, decisions)


def source_fresh(attempt: Attempt, lakehouse: LakehouseResource, loaded: Loaded) -> Iterator[dg.AssetCheckResult]:
    """The check `source_fresh` of a table whose declaration promises fresh batches.

    Raises:
        StaleSourceError: a source of the run is stale, and the setting does not say that this is a warning.
    """
    judgement = judge_sources(attempt, lakehouse.raw_url, loaded)
    if judgement is None:
        return
    stops, name = lakehouse.stops_for_stale_sources, loaded.table.short_name
    yield check(
        bronze_table(name),
        SOURCE_FRESH,
        passed=name not in judgement.stale,
        warn=not stops,
        reaches_until=judgement.reaches[name],
        limit_hours=loaded.source_freshness_hours,
        stale_sources=list(judgement.stale),
    )
    if stops:
        judgement.expect_fresh()


def ingest_result(
    bronze: Snapshot, done: Ingested, trigger: TriggerContext, again: Rebuilt | None
) -> dg.MaterializeResult[None]:
    """What a run of ingest loaded, and why it ran."""
    return table_result(
        bronze,
        rows_in=done.lines,
        rows_out=done.lines,
        trigger=shown(trigger),
        exports_loaded=[export.id for export in done.loaded],
        exports_waiting=done.waiting,
        foreign_objects=done.foreign,
        **rebuild_figures(again),
    )


def exports_verified(table: Table, done: Ingested) -> dg.AssetCheckResult:
    """Rules B1, B3: each refused export with its verdict, and what to do about it; what may hide others, or is in vain.

    Summaries that lie where no export does are a warning: nobody can say what they are.
    """
    rows = [
        {"export": refused.export_id, "verdict": refused.verdict, "message": refused.message}
        for refused in done.refused
    ]
    rows += [{"export": export_id, "verdict": FORMER_TABLE, "message": why} for export_id, why in done.outdated.items()]
    is_broken = bool(any(refused.verdict != SUPERSEDED for refused in done.refused) or done.outdated or done.unseen)
    return check(
        table,
        "exports_verified",
        passed=not (is_broken or done.unclaimed),
        warn=not is_broken,
        refused=as_table(rows[:REFUSALS_SHOWN], longest=MESSAGE_CHARACTERS),
        verdicts=counts(Counter(refused.verdict for refused in done.refused)),
        loaded=len(done.loaded),
        waiting=len(done.waiting),
        unclaimed_summaries=done.unclaimed[:REFUSALS_SHOWN],
        folders_not_looked_into=dict(list(done.unseen.items())[:REFUSALS_SHOWN]),
    )
