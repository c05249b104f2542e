"""A table that cannot be read or written, for its features or its log: looks name it, and go on without it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.table import Decimal, Table
from medallion_assets.delta.row_tables.releases import RELEASES
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import TableFeatureError
from medallion_assets.operations.alerts.facts import read_facts
from medallion_assets.operations.alerts.rules import unreadable_facts
from medallion_assets.operations.alerts.standing import standing_conditions
from medallion_assets.operations.business.page import business_page
from medallion_assets.operations.dashboard.facts import read_facts as read_dashboard_facts
from medallion_assets.operations.dashboard.needs import needs_of
from medallion_assets.operations.status import read_status
from medallion_assets.operations.tables.alerts import AlertEvent, Event
from medallion_assets.operations.tables.every import OPERATIONS_TABLES
from medallion_assets.operations.tables.monitoring import DATA_FRESHNESS
from medallion_assets.operations.tables.refused import find_readable, refused_tables
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.loading.refused_batches import RefusedBatch, record_refusals
from medallion_assets.refining.refine import refine
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.operations.small_lakehouse import data_file, exports
from medallion_assets_tests.pipeline import (
    CATALOG,
    CUSTOMER_TRANSACTIONS,
    CUSTOMERS,
    ENRICHED_TRANSACTIONS,
    ENRICHMENT,
    NOW,
    declared,
    land,
    pipeline_with,
)

BRONZE = bronze_table("customer_transactions")
QUARANTINE = quarantine_table(CUSTOMER_TRANSACTIONS)
READ, WRITTEN = "typeWidening", "rowTracking"
GAP = AlertEvent(
    alert_key="gap/1",
    event=Event.RAISED,
    kind="gap",
    table=CUSTOMER_TRANSACTIONS.name,
    happened_at=datetime(2025, 5, 7, tzinfo=UTC),
)


def switch_on(lakehouse: Lakehouse, table: Table, feature: str) -> None:
    """As another engine does."""
    protocol = {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": [feature]}
    if feature == READ:
        protocol |= {"minReaderVersion": 3, "readerFeatures": [feature]}
    version = lakehouse.open(table).version + 1
    log = Path(lakehouse.uri(table)) / "_delta_log"
    info = {"timestamp": 1_746_662_400_000, "operation": "SET TBLPROPERTIES"}
    actions = [{"commitInfo": info}, {"protocol": protocol}]
    (log / f"{version:020d}.json").write_text("".join(f"{json.dumps(action)}\n" for action in actions))


@pytest.mark.parametrize("table", [BRONZE, CUSTOMER_TRANSACTIONS], ids=lambda table: table.name)
@pytest.mark.parametrize("feature", [READ, WRITTEN])
def test_status_names_it_and_says_the_rest(lakehouse: Lakehouse, table: Table, feature: str) -> None:
    at = datetime(2025, 5, 8, tzinfo=UTC)
    before = read_status(lakehouse, at)
    switch_on(lakehouse, table, feature)
    status = read_status(lakehouse, at)
    (said,) = set(status.problems) - set(before.problems)
    assert said.startswith(f"{table.name} has Delta features")
    assert f"found: {feature}" in said
    other = "silver.customers"
    assert [line for line in status.freshness if line.table == other] == [
        line for line in before.freshness if line.table == other
    ]
    assert len(status.checkpoints) == len(before.checkpoints)


@pytest.mark.parametrize("table", [BRONZE, CUSTOMER_TRANSACTIONS], ids=lambda table: table.name)
@pytest.mark.parametrize("feature", [READ, WRITTEN])
def test_verify_names_it_and_looks_at_the_rest(lakehouse: Lakehouse, table: Table, feature: str) -> None:
    switch_on(lakehouse, table, feature)
    answer = verify(lakehouse, deep=True)
    (finding,) = (finding for finding in answer.findings if finding.check == "table_features")
    assert (finding.table, finding.found) == (table.name, feature)
    assert (f"DROP FEATURE {feature}" in finding.do) == (feature == WRITTEN)
    assert [line.rows for line in answer.tables if line.table == "silver.customers"] == [2]
    assert {finding.check for finding in answer.findings} == {"table_features"}


def with_decimal(table: Table) -> Table:
    """The contract after `quantity` became a decimal."""
    columns = (
        replace(column, type=Decimal(20, 2)) if column.name == "quantity" else column for column in table.columns
    )
    return replace(table, columns=tuple(columns))


@pytest.fixture
def changed(lakehouse: Lakehouse) -> Lakehouse:
    """The lakehouse after a column of Silver, and of what is derived from it, has got another type."""
    silver, enriched = with_decimal(CUSTOMER_TRANSACTIONS), with_decimal(ENRICHED_TRANSACTIONS)
    derived = replace(ENRICHMENT, table=enriched, source=silver)
    pipeline = replace(pipeline_with(declared(silver)), derived=(derived,), gold=(), published=(), pictures=())
    return replace(lakehouse, catalog=Catalog((pipeline,)))


def test_a_changed_contract_is_named_with_what_to_do_and_hides_no_other_table(
    lakehouse: Lakehouse, changed: Lakehouse
) -> None:
    """First the table that has to be rebuilt first."""
    at = datetime(2025, 5, 8, tzinfo=UTC)
    before, status = read_status(lakehouse, at), read_status(changed, at)
    said = [problem for problem in status.problems if "has another type than its contract" in problem]
    assert [problem.split(":")[0] for problem in said] == [
        "silver.customer_transactions",
        "silver.enriched_transactions",
    ]
    assert "`medallion rebuild silver.customer_transactions " in said[0]
    other = "silver.customers"
    assert [line for line in status.freshness if line.table == other] == [
        line for line in before.freshness if line.table == other
    ]
    needs = needs_of(read_dashboard_facts(changed, at))
    assert "column quantity has another type than its contract" in [need.what for need in needs]


def test_verify_takes_a_changed_contract_for_no_damage(changed: Lakehouse) -> None:
    """What to do is to rebuild, and nothing is to be removed."""
    answer = verify(changed, deep=True)
    found = [finding for finding in answer.findings if finding.check == "table_fits_contract"]
    assert [finding.table for finding in found] == ["silver.customer_transactions", "silver.enriched_transactions"]
    assert {finding.check for finding in answer.findings} == {"table_fits_contract", "judged_by_one_contract"}
    for finding in found:
        assert finding.expected == "Decimal(precision=20, scale=2)"
        assert finding.found == "column quantity has another type than its contract: Integer()"
        assert finding.do.startswith(f"`medallion rebuild {finding.table} ")
        assert "_delta_log" not in finding.do
    assert [line.rows for line in answer.tables if line.table == "silver.customers"] == [2]


def test_stages_of_other_tables_go_on(lakehouse: Lakehouse) -> None:
    switch_on(lakehouse, CUSTOMER_TRANSACTIONS, WRITTEN)
    land(lakehouse, exports()[0])
    with pytest.raises(TableFeatureError, match=r"silver.customer_transactions .* cannot be written"):
        refine(lakehouse, CATALOG.loaded_by(CUSTOMER_TRANSACTIONS.name), now=NOW)
    refine(lakehouse, CATALOG.loaded_by(CUSTOMERS.name), now=NOW)


def tear(lakehouse: Lakehouse, table: Table) -> None:
    """Its last commit breaks off, as a disk that lost power leaves it."""
    commits = sorted((Path(lakehouse.uri(table)) / "_delta_log").glob("*.json"))
    commits[-1].write_text('{"commitInfo": {"timest')


@pytest.mark.parametrize("table", [BRONZE, CUSTOMER_TRANSACTIONS, QUARANTINE], ids=lambda table: table.name)
def test_a_torn_log_is_named_and_hides_no_other_table(lakehouse: Lakehouse, table: Table) -> None:
    at = datetime(2025, 5, 8, tzinfo=UTC)
    before = read_status(lakehouse, at)
    tear(lakehouse, table)
    status = read_status(lakehouse, at)
    (said,) = [text for text in status.problems if text.startswith(f"{table.name} cannot be read")]
    assert "restore the table's _delta_log from a backup" in said
    other = "silver.customers"
    assert [line for line in status.freshness if line.table == other] == [
        line for line in before.freshness if line.table == other
    ]
    needs = needs_of(read_dashboard_facts(lakehouse, at))
    assert [need.what for need in needs if need.where == table.name] == ["cannot be read"]


def test_a_torn_bronze_table_with_refusals_hides_no_other_need(lakehouse: Lakehouse) -> None:
    """Nobody can tell which of the refused exports are in by now."""
    at = datetime(2025, 5, 8, tzinfo=UTC)
    refusal = {
        "export_id": "e1",
        "verdict": "incomplete",
        "prefix": "",
        "message": "m",
        "fingerprint": "f",
        "judged_at": at,
    }
    record_refusals(
        lakehouse, [RefusedBatch(table_name=name, **refusal) for name in ("customer_transactions", "customers")]
    )
    tear(lakehouse, BRONZE)
    facts = read_dashboard_facts(lakehouse, at)
    assert [name for name, _ in facts.refused] == [BRONZE.name]
    assert [refused.table_name for refused in facts.refusals] == ["customers"]


@pytest.mark.parametrize("harm", [tear, partial(switch_on, feature=READ)], ids=["torn log", "feature"])
def test_nothing_is_over_while_a_table_cannot_be_read(
    lakehouse: Lakehouse, harm: Callable[[Lakehouse, Table], None]
) -> None:
    """What the table no longer says is not taken for the end of an alert; an alert names the table."""
    known = {"gap/silver.customer_transactions": GAP}
    assert standing_conditions(replace(read_facts(lakehouse, NOW), open_alerts=known), [], NOW) == set()
    harm(lakehouse, CUSTOMER_TRANSACTIONS)
    facts = replace(read_facts(lakehouse, NOW), open_alerts=known)
    (raised,) = unreadable_facts(facts, NOW)
    assert raised.what.startswith("the alert rules cannot read silver.customer_transactions: ")
    assert known.keys() < standing_conditions(facts, [raised], NOW)


def test_a_table_that_is_well_or_missing_is_not_refused(lakehouse: Lakehouse) -> None:
    assert list(refused_tables(lakehouse)) == []
    assert find_readable(lakehouse, CUSTOMERS) is not None


@pytest.mark.parametrize("table", first_quick(*OPERATIONS_TABLES), ids=lambda table: table.name)
def test_a_torn_table_of_operations_is_named_and_hides_nothing_else(lakehouse: Lakehouse, table: Table) -> None:
    at = datetime(2025, 5, 8, tzinfo=UTC)
    lakehouse.ready(table)
    before = read_status(lakehouse, at)
    tear(lakehouse, table)
    status = read_status(lakehouse, at)
    assert [text for text in status.problems if text.startswith(f"{table.name} cannot be read")]
    assert [line.table for line in status.freshness] == [line.table for line in before.freshness]
    assert [name for name, _ in read_dashboard_facts(lakehouse, at).refused] == [table.name]


def unlink(file: Path) -> None:
    """Somebody cleans up where he should not."""
    file.unlink()


def cut(file: Path) -> None:
    """As a disk that lost power leaves it."""
    os.truncate(file, file.stat().st_size // 2)


READ_BY_PAGES = [table for table in OPERATIONS_TABLES if table not in (DATA_FRESHNESS, RELEASES)]


@pytest.mark.parametrize("table", READ_BY_PAGES, ids=lambda table: table.name)
@pytest.mark.parametrize("harm", [pytest.param(unlink, marks=pytest.mark.slow), cut])
def test_a_damaged_file_of_operations_is_named_and_hides_nothing_else(
    lakehouse: Lakehouse, table: Table, harm: Callable[[Path], None]
) -> None:
    at = datetime(2025, 5, 8, tzinfo=UTC)
    before = read_status(lakehouse, at)
    snapshot = lakehouse.ready(table)
    row = pl.DataFrame([dict.fromkeys(table.column_names)], schema=polars_schema(table)).lazy()
    snapshot.commit([snapshot.folder.write(row, partition=at.date() if table.partition_by else None)])
    harm(data_file(lakehouse, table))
    status = read_status(lakehouse, at)
    (said,) = [text for text in status.problems if text.startswith(f"{table.name} cannot be read")]
    assert "`medallion verify --digests`" in said
    assert [line.table for line in status.freshness] == [line.table for line in before.freshness]
    needs = needs_of(read_dashboard_facts(lakehouse, at))
    assert [need.what for need in needs if need.where == table.name] == ["cannot be read"]
    assert business_page(lakehouse, at)
