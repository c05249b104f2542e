"""Bronze doorways: one asset for each exported DynamoDB table.

Belongs here: how ingest looks in Dagster: run config, check, metadata.
Does not: ingest itself (bronze/ingest.py).

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator

import dagster as dg

from medallion_assets.bronze.ingest import Ingested, ingest
from medallion_assets.lakehouse.decisions import Action, Decision, record_decisions
from medallion_assets.lakehouse.raw_exports import bronze_table
from medallion_assets.reporting import asset_key, counts, doorway, markdown_table, table_metadata
from medallion_assets.resources import LakehouseResource, started_by

EXPORTS_VERIFIED = "exports_verified"


class IngestConfig(dg.Config):
    """Run config of a Bronze asset. Nothing is needed; every complete export that is not in is loaded."""

    confirm_table_id: str = ""
    """The new tableId of a DynamoDB table that was dropped and made anew on purpose (rule B3)."""
    reason: str = ""
    """Why; goes into the record of the decision."""


def bronze_asset(table_name: str) -> dg.AssetsDefinition:
    """The asset `bronze/<table_name>`: the exports below `<raw>/<table_name>`, loaded exactly once."""
    table = bronze_table(table_name)
    check = dg.AssetCheckSpec(
        EXPORTS_VERIFIED, asset=asset_key(table), description="Every export that lies there verified and is in."
    )

    @dg.asset(**doorway(table, kinds={"dynamodb", "deltalake", "bronze"}), check_specs=[check])
    def bronze(
        context: dg.AssetExecutionContext, config: IngestConfig, lakehouse: LakehouseResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        lake, now = lakehouse.connect(context), lakehouse.now()
        if config.confirm_table_id:
            decision = Decision(
                table_name=table_name,
                subject=config.confirm_table_id,
                action=Action.CONFIRM_TABLE,
                reason=config.reason,
                decided_by=started_by(context),
                decided_at=now,
            )
            record_decisions(lake, [decision])
        done = ingest(lake, lakehouse.raw_url, table_name, now=now, progress=context.log.info)
        yield _verified(table_name, done)
        metadata = table_metadata(lake.open(table), rows_in=done.lines, rows_out=done.lines)
        exports = {"exports_loaded": [export.export_id for export in done.loaded], "exports_waiting": done.waiting}
        yield dg.MaterializeResult(metadata={**metadata, **exports}, data_version=dg.DataVersion(str(done.version)))

    return bronze


def _verified(table_name: str, done: Ingested) -> dg.AssetCheckResult:
    rows = [
        {"export": refusal.export_id, "verdict": refusal.verdict, "message": refusal.message}
        for refusal in done.refused
    ]
    verdicts: dict[str, int] = {}
    for refusal in done.refused:
        verdicts[refusal.verdict] = verdicts.get(refusal.verdict, 0) + 1
    return dg.AssetCheckResult(
        asset_key=asset_key(bronze_table(table_name)),
        check_name=EXPORTS_VERIFIED,
        passed=not done.refused,
        metadata={
            "refused": dg.MetadataValue.md(markdown_table(rows)),
            "verdicts": counts(verdicts),
            "loaded": len(done.loaded),
            "waiting": len(done.waiting),
        },
    )
