"""Serving assets, which bring Gold's figures back to DynamoDB.

Belongs here: how publishing looks in Dagster: run config, checks, metadata.
Does not: publishing itself.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial

import dagster as dg
from pydantic import Field

from medallion_assets.contracts import pipeline
from medallion_assets.contracts.table import Table
from medallion_assets.operations.pipeline_runs import knows_run
from medallion_assets.orchestration.attempt import Attempt
from medallion_assets.orchestration.partitions import asked_days, partitioned_asset, report_days
from medallion_assets.orchestration.reporting import (
    as_table,
    asset_key,
    asset_options,
    check,
    check_specs,
    counts,
    stage_metadata,
)
from medallion_assets.orchestration.resources import DynamoDBResource, LakehouseResource
from medallion_assets.orchestration.trigger_context import TriggeredConfig, shown
from medallion_assets.publishing.limiter import CapacityLimiter
from medallion_assets.publishing.publish import Publisher
from medallion_assets.publishing.publisher import Published
from medallion_assets.publishing.read_back import SAMPLE_ROWS, ReadBack, read_back
from medallion_assets.refining.samples import identify

Event = dg.MaterializeResult[None] | dg.AssetCheckResult
CHECKS = {
    "count_equals_gold": "Readers find as many rows as Gold has, but for those left out; what a newer publish overtook "
    "is not counted.",
    "unpublishable_rows": "No row is left out of DynamoDB for its key, its size or a number (rule P4).",
    "table_settings": "The table is as it had better be: protected, with capacity for the budget, expiring.",
}


class PublishConfig(TriggeredConfig):
    """Run config of a serving asset."""

    target_wcu: float = Field(default=500, gt=0, description="write capacity units a second that publishing may use")


def serving_asset(what: pipeline.Published, first_day: date) -> dg.AssetsDefinition:
    """The asset of a serving table, partitioned from `first_day` on."""
    table = what.table

    @partitioned_asset(
        first_day,
        None,
        **asset_options(table, kinds={"dynamodb", "serving"}, freshness_hours=what.freshness_hours),
        check_specs=check_specs(table, CHECKS),
        deps=[asset_key(what.gold.table)],
    )
    def asset(
        context: dg.AssetExecutionContext,
        config: PublishConfig,
        lakehouse: LakehouseResource,
        dynamodb: DynamoDBResource,
    ) -> Iterator[Event]:
        with lakehouse.attempt(context, table, what.limits) as attempt:
            days = asked_days(context.run.tags, of=table, first_day=first_day, now=attempt.now)
            publisher = _publisher(attempt, config, dynamodb)
            published = attempt.repeat(partial(publisher.publish, what, days))
            found = attempt.repeat(partial(read_back, publisher, what, published))
            yield from serving_checks(table, published, found)
            result = attempt.report(_result(table, publisher, published, found, config))
            report_days(context, days, result)
            yield result

    return asset


def serving_checks(table: Table, published: Mapping[date, Published], found: ReadBack) -> Iterator[dg.AssetCheckResult]:
    """Every check of a serving asset."""
    yield count_equals_gold(table, found)
    yield unpublishable_rows(table, published)
    advice = [sentence for publish in published.values() for sentence in publish.advice]
    yield check(table, "table_settings", passed=not advice, warn=True, advice=advice)


def unpublishable_rows(table: Table, published: Mapping[date, Published]) -> dg.AssetCheckResult:
    """Rule P4: which rows DynamoDB cannot take; the others are published."""
    count = sum(publish.left_out.count for publish in published.values())
    samples = [dict(sample) for publish in published.values() for sample in publish.left_out.samples]
    return check(
        table,
        "unpublishable_rows",
        passed=not count,
        warn=True,
        rows_left_out=count,
        samples=as_table(samples[:SAMPLE_ROWS]),
        what_to_do="correct them at their source, or drop them in Silver with an expectation" if count else "nothing",
    )


def count_equals_gold(table: Table, found: ReadBack) -> dg.AssetCheckResult:
    """Rules P1, P2: nothing of what Gold has is missing for readers, and nothing is there twice."""
    return check(
        table,
        "count_equals_gold",
        passed=found.rows_gold == found.rows_readable + found.rows_left_out,
        rows_gold=found.rows_gold,
        rows_left_out=found.rows_left_out,
        rows_readable=found.rows_readable,
    )


def _publisher(attempt: Attempt, config: PublishConfig, dynamodb: DynamoDBResource) -> Publisher:
    return Publisher(
        client=dynamodb.client(),
        lakehouse=attempt.lake,
        identify=partial(identify, attempt.lake, attempt.now),
        knows_run=partial(knows_run, attempt.lake),
        limiter=CapacityLimiter(config.target_wcu),
        run_id=attempt.context.run.run_id,
        now=attempt.now,
        creates_tables=dynamodb.creates_tables,
        prefix=dynamodb.prefix,
        publish_samples=dynamodb.publish_samples,
        progress=attempt.context.log.info,
    )


def _result(
    table: Table, publisher: Publisher, published: Mapping[date, Published], found: ReadBack, config: PublishConfig
) -> dg.MaterializeResult[None]:
    version, table_id = max((publish.version, publish.table_id) for publish in published.values())
    outcomes = Counter[str](publish.outcome for publish in published.values())
    metadata = stage_metadata(
        rows_in=found.rows_gold,
        rows_out=sum(publish.items_written for publish in published.values()),
        quarantined=0,
        quality_score=1.0,
        table_version=version,
        table_id=table_id,
        row_count=found.rows_readable,
        location=f"DynamoDB table {publisher.prefix}{table.short_name}",
        sample=found.sample,
        trigger=shown(config.trigger),
        outcomes=counts(outcomes),
        rows_left_out=found.rows_left_out,
        items_removed=sum(publish.items_deleted for publish in published.values()),
        consumed_wcu=sum(publish.consumed_wcu for publish in published.values()),
        target_wcu=config.target_wcu,
        publishing_seconds=sum(publish.seconds for publish in published.values()),
        throttled_requests=sum(publish.throttled_requests for publish in published.values()),
    )
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(str(version)))
