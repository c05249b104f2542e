"""Rule K4: any order, batching and repetition of the same exports gives the tables that the oracle computes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, ExportInput
from medallion_assets_tests.oracle.oracle import Expected, expected
from medallion_assets_tests.oracle.strategies import History, any_histories, arrivals, settled_histories
from medallion_assets_tests.pipeline import SILVER
from medallion_assets_tests.properties.examples import examples


def check_silver(lakehouse: pipeline.Lakehouse, truth: Expected) -> None:
    """Silver, quarantine and enrichment hold what the oracle says."""
    assert pipeline.rows(lakehouse, pipeline.CUSTOMER_TRANSACTIONS) == truth.silver_transactions
    versions = pipeline.rows(lakehouse, pipeline.CUSTOMERS, "customer_id", "valid_from")
    assert versions == truth.silver_customers
    for table in SILVER:
        assert pipeline.quarantined(lakehouse, table) == truth.quarantine[table.short_name]
    assert pipeline.rows(lakehouse, pipeline.ENRICHED_TRANSACTIONS) == truth.enriched


def check_gold(lakehouse: pipeline.Lakehouse, truth: Expected) -> None:
    """Gold, for every day and some as-of days, holds what the oracle says."""
    days = sorted({row["transaction_date"] for row in truth.enriched})
    as_of_days = {days[0], days[-1], days[-1] + timedelta(days=3)} if days else set()
    pipeline.run_gold(lakehouse, sorted(as_of_days))
    assert pipeline.rows(lakehouse, pipeline.DAILY_SALES_SUMMARY) == truth.daily_sales_summary
    for as_of in sorted(as_of_days):
        assert pipeline.ltv(lakehouse, as_of) == truth.customer_ltv(as_of)


@examples()
@given(data=st.data(), history=settled_histories())
def test_any_order_and_batching_gives_the_same_tables(data: st.DataObject, history: History) -> None:
    """K1 to K4, C1 to C5, H1, H2, G1 to G4: every batch is refined as it arrives; the end is the oracle's."""
    batches = data.draw(arrivals(history.exports))
    with TemporaryDirectory() as folder:
        lakehouse = pipeline.lakehouse_at(Path(folder))
        pipeline.decide(lakehouse, history.decisions)
        for batch in batches:
            for export in batch:
                pipeline.land(lakehouse, export)
            pipeline.run_silver(lakehouse)
        truth = expected(history.exports, history.decisions)
        check_silver(lakehouse, truth)
        check_gold(lakehouse, truth)


@examples()
@given(history=any_histories())
def test_what_waits_and_what_is_stopped(history: History) -> None:
    """C1 to C4: gaps and failing exports hold back exactly what the oracle says, when all has arrived at once."""
    with TemporaryDirectory() as folder:
        lakehouse = pipeline.lakehouse_at(Path(folder))
        pipeline.decide(lakehouse, history.decisions)
        for export in history.exports:
            pipeline.land(lakehouse, export)
        done = pipeline.run_silver(lakehouse)
        truth = expected(history.exports, history.decisions)
        check_silver(lakehouse, truth)
        for table in (TRANSACTIONS, CUSTOMERS):
            failing = done[table].failing
            assert (failing.batch.id if failing else None) == truth.stuck[table]
            assert {counted.export_id for counted in done[table].applied} == truth.settled[table] - truth.rejected[
                table
            ]


@examples()
@given(data=st.data(), history=settled_histories())
def test_restated_days_are_exactly_those_that_changed(data: st.DataObject, history: History) -> None:
    """H3: what a run says it restated is what differs between the tables before and after it."""
    batches = data.draw(arrivals(history.exports))
    with TemporaryDirectory() as folder:
        lakehouse = pipeline.lakehouse_at(Path(folder))
        pipeline.decide(lakehouse, history.decisions)
        before = _live_days(lakehouse)
        for batch in batches:
            _land_all(lakehouse, batch)
            version = lakehouse.source(pipeline.CUSTOMER_TRANSACTIONS).version
            done = pipeline.refine(lakehouse, pipeline.declared(pipeline.CUSTOMER_TRANSACTIONS), now=pipeline.NOW)
            after = _live_days(lakehouse)
            changed = {day for day in before.keys() | after.keys() if before.get(day) != after.get(day)}
            # Of several commits one may undo what another did; a single one restates what changed and nothing else.
            assert changed == done.restated if done.version == version + 1 else changed <= done.restated
            before = after


def _land_all(lakehouse: pipeline.Lakehouse, batch: tuple[ExportInput, ...]) -> None:
    for export in batch:
        pipeline.land(lakehouse, export)


def _live_days(lakehouse: pipeline.Lakehouse) -> dict[object, list[tuple[object, ...]]]:
    table = pipeline.CUSTOMER_TRANSACTIONS
    frame = lakehouse.source(table).scan().filter(~pl.col("is_deleted")).select(table.business_columns).collect()
    days = frame.sort(table.key).partition_by("transaction_date", as_dict=True)
    return {day: part.rows() for (day,), part in days.items()}
