"""The tables that are kept beside the data are, column by column, those that lakehouses hold."""

from __future__ import annotations

import pytest

from medallion_assets.contracts.table import Table
from medallion_assets.operations.tables.every import KEPT_TABLES

HELD = {
    "operations.lakehouse": (
        None,
        "lakehouse_id Text, made_at TimestampUtc, made_by Text, is_sample Boolean, note Text?",
    ),
    "operations.decisions": (
        None,
        "table_name Text, subject Text, action Text, reason Text, decided_by Text, decided_at TimestampUtc",
    ),
    "operations.export_verdicts": (
        None,
        (
            "table_name Text, export_id Text, prefix Text, verdict Text, message Text, fingerprint Text, judged_at "
            "TimestampUtc, file Text?, what Text?, expected Text?, found Text?, do Text?"
        ),
    ),
    "operations.pipeline_runs": (
        "run_date",
        (
            "run_id Text, job Text?, stage Text, attempt Integer, partition Text?, trigger Text?, started_at "
            "TimestampUtc, records_in Integer?, records_out Integer?, records_quarantined Integer?, duration_seconds "
            "Float, quality_score Float?, table_version Integer?, consumed_wcu Float?, target_wcu Float?, "
            "publishing_seconds Float?, covered_until TimestampUtc?, sources_covered_until TimestampUtc?, "
            "is_complete Boolean?, export_age_seconds Float?, peak_memory_bytes Integer?, outcome Text, error Text?, "
            "error_kind Text?, export_id Text?, run_date Date"
        ),
    ),
    "operations.expectation_results": (
        "judged_date",
        (
            "run_id Text, table_name Text, export_id Text, expectation Text, kind Text, passed Integer, failed "
            "Integer, is_published Boolean, rules Text?, judged_at TimestampUtc, judged_date Date"
        ),
    ),
    "operations.pipeline_checkpoint": (
        None,
        (
            "pipeline Text, stage Text, last_success TimestampUtc?, watermark Text?, covered_until TimestampUtc?, "
            "last_day Date?, waiting Integer?, table_version Integer?, run_id Text?, told_by Text"
        ),
    ),
    "operations.data_freshness": (
        None,
        (
            "table Text, last_refreshed TimestampUtc?, row_count Integer?, sla_hours Float?, is_stale Boolean, "
            "covered_until TimestampUtc?, hours_since_refresh Integer?, measured_at TimestampUtc?"
        ),
    ),
    "operations.incidents": (
        "failed_date",
        (
            "incident_id Text, run_id Text, job Text, stage Text, partition Text?, trigger Text?, cause Text?, "
            "export_id Text?, error Text, error_kind Text?, headline Text, expected Text?, found Text?, do Text?, "
            "reasons Text?, sample Text?, failed_checks Text?, last_good_version Integer?, last_good_at "
            "TimestampUtc?, failed_at TimestampUtc, raised_at TimestampUtc, ended_at TimestampUtc?, failed_date Date"
        ),
    ),
    "operations.alerts": (
        "event_date",
        (
            "alert_key Text, event Text, kind Text?, what Text?, where Text?, do Text?, run_id Text?, job Text?, "
            "table Text?, condition Text?, channel Text?, error Text?, happened_at TimestampUtc, event_date Date"
        ),
    ),
    "operations.releases": (
        None,
        (
            "release_id Text, build Text, run_id Text?, started_at TimestampUtc, sources Text, tables Text, "
            "covered_until TimestampUtc?, is_complete Boolean?"
        ),
    ),
    "quarantine.dbt_failures": (
        "failed_date",
        (
            "run_id Text?, failed_at TimestampUtc, test Text, model Text, number Integer, key Text?, row Text, "
            "column Text?, failed_date Date"
        ),
    ),
}
"""Name: partition; columns in their order as `name type`, with `?` where they may be null."""


@pytest.mark.parametrize("table", KEPT_TABLES, ids=lambda table: table.name)
def test_a_row_type_gives_the_contract_that_lakehouses_hold(table: Table) -> None:
    columns = [
        f"{column.name} {type(column.type).__name__}{'?' if column.nullable else ''}" for column in table.columns
    ]
    assert (table.partition_by, ", ".join(columns)) == HELD[table.name]
    assert all(column.description for column in table.columns)
