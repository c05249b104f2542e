"""A look is only a look: what reads a lakehouse of an older or a newer release leaves no trace in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import MedallionError
from medallion_assets.operations.explain.explanation import explain
from medallion_assets.operations.exports.quarantine_listing import list_quarantine
from medallion_assets.operations.status import read_status
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.orchestration.sensors.watching import watch_bronze, watch_sources
from medallion_assets.pipelines.transactions.pipeline import ENRICHMENT
from medallion_assets.refining.bronze import bronze_table
from medallion_assets_tests.pipeline import CATALOG, CUSTOMER_TRANSACTIONS, declared, pipeline_with

NOW = datetime(2025, 6, 1, tzinfo=UTC)
NOTE = Column("note", Text(), "what a later release knows", source="note", nullable=True)
NEWER = replace(CUSTOMER_TRANSACTIONS, columns=(*CUSTOMER_TRANSACTIONS.columns, NOTE))
OLDER = replace(
    CUSTOMER_TRANSACTIONS,
    columns=tuple(column for column in CUSTOMER_TRANSACTIONS.columns if column.name != "payment_method"),
    expectations=tuple(rule for rule in CUSTOMER_TRANSACTIONS.expectations if rule.column != "payment_method"),
)
LOOKS: dict[str, Callable[[Lakehouse, Table], object]] = {
    "verify": lambda lakehouse, _: verify(lakehouse),
    "verify --deep": lambda lakehouse, _: verify(lakehouse, deep=True),
    "status": lambda lakehouse, _: read_status(lakehouse, NOW),
    "explain": lambda lakehouse, table: explain(lakehouse, declared(table), "t1"),
    "quarantine show": lambda lakehouse, table: list_quarantine(lakehouse, table, batches=(), reasons=(), limit=5),
    "sensor of updates": lambda lakehouse, table: watch_bronze(lakehouse, declared(table)),
    "sensor of enrichment": lambda lakehouse, _: watch_sources(lakehouse, ENRICHMENT),
}


def trace(folder: Path) -> dict[Path, bytes | None]:
    """Every folder and file with its bytes."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("release", [NEWER, OLDER], ids=["of an older release", "of a newer release"])
@pytest.mark.parametrize("look", LOOKS)
def test_a_look_leaves_no_trace(lakehouse: Lakehouse, tmp_path: Path, look: str, release: Table) -> None:
    """The contract has one column more, or one less, than the table that lies there."""
    before = trace(tmp_path)
    LOOKS[look](replace(lakehouse, catalog=Catalog((pipeline_with(declared(release)),))), release)
    assert trace(tmp_path) == before


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_at_nothing_makes_nothing(tmp_path: Path, look: str) -> None:
    """Bronze alone is there, then not even that: no table is made by looking for it."""
    lakehouse = Lakehouse(catalog=CATALOG, url=str(tmp_path / "lakehouse"))
    try:
        LOOKS[look](lakehouse, CUSTOMER_TRANSACTIONS)
    except MedallionError as error:
        assert "what to do" in str(error)  # noqa: PT017 - some looks may say that nothing is there
    assert trace(tmp_path) == {}
    lakehouse.ready(bronze_table(CUSTOMER_TRANSACTIONS.short_name))
    before = trace(tmp_path)
    try:
        LOOKS[look](lakehouse, CUSTOMER_TRANSACTIONS)
    except MedallionError as error:
        assert "what to do" in str(error)  # noqa: PT017
    assert trace(tmp_path) == before
